"""From what happened to lines that tell of it, without secrets and, if wanted, without sound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..models.pcm import encode_pcm
from .encoding import LEAST, MOST, best
from .forms import dumps, form, message_form
from .mask import Mask
from .sound import BYTES, hushed, hushed_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_EVENT: Final = b',"pull":"event","got":'
NO_EVENT: Final = b',"pull":"event","got":null}\n'
"""What an empty pull leaves to be written, behind a time."""
_END: Final = b"}\n"
_BYTES: Final = BYTES.encode()


class Pulled(tuple[str, str, int]):
    """A pull that may wait for its line: of which kind, the frame that it gave, for which link."""

    __slots__ = ()


class RoomSound(tuple[int, bytes]):
    """The same of sound: for which room, and the sound."""

    __slots__ = ()


class Spoken(tuple[float, bytes, bool, bool, int]):
    """A call of `send_audio` that may wait for its line: when, the sound, `live`, `settles`, and
    the receipt that it gave."""

    __slots__ = ()


def nothing_pulled(kind: str, link: int) -> bytes:
    """The same as `NO_EVENT`, of frames."""
    return b',"pull":"%b","link":%d,"got":null}\n' % (kind.encode(), link)


class Lines:
    """Makes the lines of one capture, in their order: later ones hide what earlier ones held."""

    def __init__(self, *, audio: bool) -> None:
        self.mask: Mask = Mask()
        self.base: float | None = None
        """The time of the first input."""
        self.stamp: bytes = b'{"t":0.0'
        """How the lines of pulls begin: with the time of the input before."""
        self._head = b""
        self._audio = audio
        self.frame: Callable[[str], str] = self.mask.frame if audio else self._hushed
        """A frame as it may be shown."""
        self._encoding = best()

    def heard(self, link: int) -> None:
        """From now on it is this link that frames in `render` come from."""
        self._head = b',"in":"receive","link":%d,"frame":' % link

    def render(self, entries: Iterable[Any]) -> bytes:
        """The lines of frames that came (`(now, frame)`), events, pulls, speech, and what is
        made already but for its time (bytes)."""
        encoding = self._encoding
        number, ascii_text, text = encoding.number, encoding.ascii, encoding.text
        ways, shown, head, stamp = encoding.events, self.frame, self._head, self.stamp
        base = 0.0 if self.base is None else self.base
        secrets = self.mask.probes
        pieces: list[bytes] = []
        for entry in entries:
            kind = type(entry)
            if kind is tuple:
                now, frame = entry
                frame = shown(frame)
                made = ascii_text(frame) if frame.isascii() else text(frame)
                since = now - base
                # No comparison holds for NaN.
                if LEAST <= since < MOST and since + base == now:
                    stamp = b'{"t":' + number(since)
                    pieces += (stamp, head, made, _END)
                else:
                    begin = self.time(now)
                    stamp = self.stamp
                    pieces += (begin, head, made, _END)
            elif kind is bytes:
                pieces += (stamp, entry)
            elif kind is Pulled:
                pieces += (stamp, self._pulled(entry))
            elif kind is RoomSound:
                pieces += (stamp, self._room_sound(entry))
            elif kind is Spoken:
                begin = self.time(entry[0])
                stamp = self.stamp
                pieces += (begin, self._spoken(entry))
            else:
                got = ways[kind](entry)
                if got is not None:
                    for secret in secrets:
                        # `in` looks for a number first, and takes twice as long.
                        if got.find(secret) >= 0:
                            got = None
                            break
                if got is None or not (self._audio or got.find(b'"audio"') < 0):
                    self.stamp = stamp
                    pieces.append(self.pull({"pull": "event"}, entry))
                else:
                    pieces += (stamp, _EVENT, got, _END)
        self.stamp = stamp
        return b"".join(pieces)

    def _pulled(self, entry: Pulled) -> bytes:
        kind, frame, link = entry
        frame = self.frame(frame)
        made = self._encoding.ascii(frame) if frame.isascii() else self._encoding.text(frame)
        return b',"pull":"%b","link":%d,"got":%b}\n' % (kind.encode(), link, made)

    def _room_sound(self, entry: RoomSound) -> bytes:
        room, pcm = entry
        told = {"pull": "room_audio", "room": room}
        made = self._sounding(b',"pull":"room_audio","room":%d,"got":' % room, pcm, b"")
        return made or self.line(b"", {**told, "got": form(pcm, self.mask)})

    def _spoken(self, entry: Spoken) -> bytes:
        _, pcm, live, settles, receipt = entry
        how = b"" if settles else b',"settles":false'
        tail = b',"live":%b%b,"gives":%d' % (b"true" if live else b"false", how, receipt)
        made = self._sounding(b',"in":"send_audio","pcm":', pcm, tail)
        if made is not None:
            return made
        told = {"in": "send_audio", "pcm": form(pcm, self.mask), "live": live}
        if not settles:
            told["settles"] = False
        return self.line(b"", {**told, "gives": receipt})

    def _sounding(self, head: bytes, pcm: bytes, tail: bytes) -> bytes | None:
        """A line that holds a sound as it is, or None: it is not wanted, or somebody's secret is in
        it."""
        if not self._audio:
            return None
        made = b'%b{"%b":"%b"}%b}\n' % (head, _BYTES, encode_pcm(pcm).encode(), tail)
        for secret in self.mask.probes:
            if pcm.find(secret) >= 0 or made.find(secret) >= 0:
                return None
        return made

    def time(self, now: float) -> bytes:
        """How the line of an input begins; pulls after it take its time."""
        first = self.base is None
        if self.base is None:
            self.base = float(now)
        since = float(now) - self.base
        self.stamp = f'{{"t":{dumps(since)}'.encode()
        if first:
            return self.stamp + f',"clock":{dumps(self.base)}'.encode()
        if self.base + since != now:
            return self.stamp + f',"now":{dumps(float(now))}'.encode()
        return self.stamp

    def aside(self, now: float) -> str:
        """How a line begins that is no input: the pulls after it are none of its."""
        if self.base is None:
            self.base = float(now)
            return f'{{"t":0.0,"clock":{dumps(self.base)}'
        return f'{{"t":{dumps(float(now) - self.base)}'

    def form(self, entry: dict[str, Any]) -> dict[str, Any]:
        """What an input was given, as JSON types."""
        made: dict[str, Any] = {}
        for name, value in entry.items():
            if name == "message":
                made[name] = message_form(value, self.mask)
            elif name == "frame" and type(value) is str:
                made[name] = self.frame(value)
            elif name == "token":
                made[name] = self.mask.hide("client_token", value) if type(value) is str else None
            else:
                made[name] = form(value, self.mask)
        return made

    def pull(self, entry: dict[str, Any], got: Any) -> bytes:
        """The line of a pull."""
        if type(got) is not str:
            return self.line(self.stamp, {**entry, "got": form(got, self.mask)})
        # A frame.
        head = dumps(entry)[1:-1].encode()
        return b"".join(
            (self.stamp, b",", head, b',"got":', self._encoding.text(self.frame(got)), _END)
        )

    def line(self, stamp: bytes, entry: dict[str, Any]) -> bytes:
        """A line of JSON types."""
        if not self._audio:
            entry = hushed(entry)
        data = dumps(entry).encode()
        if self.mask.shows_in(data):
            data = dumps(self.mask.clean(entry)).encode()
        return b"%b,%b\n" % (stamp, data[1:])

    def _hushed(self, frame: str) -> str:
        return self.mask.frame(hushed_frame(frame))
