"""A client that writes down what happens to it.

Every line is a JSON object. The first is the header; `t` is seconds since the first input:

    {"estuary_capture": 2, "library": "0.1.0", "config": {…}, "seed": 7, "path": …, "started": …}
    {"t": 0.0, "clock": 81.5, "in": "connect"}
    {"t": 0.0, "pull": "command", "got": {"is": "Dial", "link": 1, …}}
    {"t": 0.2, "in": "receive", "link": 1, "frame": "0{…}"}
    {"t": 0.2, "pull": "frame", "link": 1, "got": "40/sdk,{…}"}
    {"t": 0.9, "in": "submit", "message": {"wire": "text", "fields": {…}}, "gives": 1}
    {"t": 0.9, "pull": "event", "got": null}

Inputs hold what they returned under `gives`, or what they raised under `raised`. A pull has no time
of its own, so it takes that of the input before. Pulls count, since a frame that is asked for makes
room and settles receipts, and events that wait make reading pause. A pull that gave nothing is told
where it says something: of frames and commands, when the pull before it gave one (asking again says
that the frame has been handed on); of events, when anything has happened since the last such line.

REST calls have lines of their own (`resting`), and sound may be left out (`hushing`).

The first line that has a time tells the absolute one under `clock`. Where that and `t` do not add
up to the very number that was given, the line has it as `now`: a deadline is met or missed by a
last digit.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from ..client import Client
from ..errors import LocalProtocolError
from ..life import Life
from ..microphone import check_pcm
from ..version import __version__
from .forms import ODD, dumps, error_form, form, message_form, quoted, written
from .hushing import hushed, hushed_frame
from .masking import Mask
from .resting import RestLines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..config import EstuaryConfig
    from ..errors import EstuaryError
    from ..events import Dial, Drop, HangUp, Steer
    from ..intents import SendText
    from ..models.session import ConnectionState, SessionInfo, VoiceMode
    from ..playback import Playback
    from ..timers import Deadline
    from ..voice import Voice

FORMAT: Final = 2
"""The version of the format that is written: 2 has REST calls, and may leave out sound."""


class Recorder:
    """Stands in for a `Client`: the same verbs and properties, and a line for each call.

    `write` takes one line at a time, its line break included, and must not raise. `seed` and `path`
    are the client's; `started` is the wall-clock time as text, for people (nobody reads a clock
    here). Secrets are replaced by placeholders; the token provider leaves no trace but that there
    is one. Without `audio`, length and hash stand for every sound. `rest` takes REST calls.
    `source` names what the session was imported from.
    """

    def __init__(
        self,
        config: EstuaryConfig,
        write: Callable[[str], object],
        *,
        seed: int = 0,
        path: str = "/socket.io/",
        joins_rooms: bool = False,
        started: str | None = None,
        audio: bool = True,
        source: str | None = None,
    ) -> None:
        self._client = Client(config, seed=seed, path=path, joins_rooms=joins_rooms)
        self._write = write
        self._mask = Mask()
        self._audio = audio
        self.rest: RestLines = RestLines(self._mask, self._aside, write)
        self._base: float | None = None
        self._stamp = '{"t":0.0'
        # The links (0: the commands) whose last pull gave something.
        self._giving: set[int] = set()
        self._drained = False
        origin = {"joins_rooms": joins_rooms, "started": started, "source": source}
        self._put_header(config, seed, path, origin)

    def _put_header(
        self, config: EstuaryConfig, seed: int, path: str, origin: dict[str, Any]
    ) -> None:
        shown = {
            part.name: form(getattr(config, part.name), self._mask)
            for part in fields(config)
            if part.name not in ("api_key", "token_provider")
        }
        header = {
            "estuary_capture": FORMAT,
            "library": __version__,
            "config": {**shown, "api_key": self._mask.hide("api_key", config.api_key)},
            "asks_credential": config.token_provider is not None,
            "seed": seed,
            "path": path,
            "audio": self._audio,
            **origin,
        }
        self._write(dumps(self._mask.clean(header)) + "\n")

    # --- outputs ---------------------------------------------------------------------------

    @property
    def config(self) -> EstuaryConfig:
        """The client's configuration."""
        return self._client.config

    @property
    def state(self) -> ConnectionState:
        """See `Client.state`."""
        return self._client.state

    @property
    def session(self) -> SessionInfo | None:
        """See `Client.session`."""
        return self._client.session

    @property
    def link(self) -> int:
        """The number of the current link."""
        return self._client.link

    @property
    def deadline(self) -> Deadline | None:
        """See `Client.deadline`."""
        return self._client.deadline

    @property
    def is_connected(self) -> bool:
        """See `Client.is_connected`."""
        return self._client.is_connected

    @property
    def wants_read(self) -> bool:
        """See `Client.wants_read`."""
        return self._client.wants_read

    @property
    def voice(self) -> Voice:
        """See `Client.voice`."""
        return self._client.voice

    @property
    def playback(self) -> Playback:
        """See `Client.playback`."""
        return self._client.playback

    @property
    def secrets(self) -> tuple[str, ...]:
        """See `Client.secrets`."""
        return self._client.secrets

    def wants_write(self, link: int) -> bool:
        """See `Client.wants_write`."""
        return self._client.wants_write(link)

    def next_command(self) -> Dial | Drop | None:
        """See `Client.next_command`."""
        command = self._client.next_command()
        if command is not None or 0 in self._giving:
            self._line(self._stamp, {"pull": "command", "got": form(command, self._mask)})
            self._note(0, command)
        return command

    def next_event(self) -> Any:
        """See `Client.next_event`."""
        event = self._client.next_event()
        if event is None:
            if not self._drained:
                self._write(self._stamp + ',"pull":"event","got":null}\n')
                self._drained = True
            return None
        got = written(event)
        if got is None or self._mask.shows_in(got) or (not self._audio and '"audio"' in got):
            self._line(self._stamp, {"pull": "event", "got": form(event, self._mask)})
        else:
            self._write(f'{self._stamp},"pull":"event","got":{got}}}\n')
        return event

    def next_frame(self, link: int, *, batch: bool = False) -> str | bytes | HangUp | None:
        """See `Client.next_frame`."""
        frame = self._client.next_frame(link, batch=batch)
        pull = "batch" if batch else "frame"
        if type(frame) is str:
            text = quoted(self._shown(frame))
            self._write(f'{self._stamp},"pull":"{pull}","link":{int(link)},"got":{text}}}\n')
            self._note(link, frame)
        elif frame is not None or link in self._giving:
            got = form(frame, self._mask)
            self._line(self._stamp, {"pull": pull, "link": link, "got": got})
            # What ends a batch settles nothing: the next pull is told, even if it gives nothing.
            self._note(link, (batch or None) if frame is None else frame)
        return frame

    def next_room_audio(self, room: int) -> bytes | None:
        """See `Client.next_room_audio`."""
        pcm = self._client.next_room_audio(room)
        # Links count up from 1, rooms down from -1.
        if pcm is not None or -room in self._giving:
            got = form(pcm, self._mask)
            self._line(self._stamp, {"pull": "room_audio", "room": room, "got": got})
            self._note(-room, pcm)
        return pcm

    def room_sounds(self, room: int, *, now: float) -> str | None:
        """See `Client.room_sounds`."""
        return self._client.room_sounds(room, now=now)

    def life(self, link: int) -> Life:
        """One link, with the verbs of a `Connection`, recorded."""
        return Life(self, link)

    # --- inputs ----------------------------------------------------------------------------

    def opened(self, link: int, *, now: float) -> None:
        """See `Client.opened`."""
        entry = {"in": "opened", "link": link}
        self._told(now, entry, lambda: self._client.opened(link, now=now))

    def receive(self, link: int, frame: str | bytes, *, now: float) -> None:
        """See `Client.receive`."""
        if type(frame) is not str or type(link) is not int:
            entry = {"in": "receive", "link": link, "frame": form(frame, self._mask)}
            self._told(now, entry, lambda: self._client.receive(link, frame, now=now))
            return
        # What comes is most of a capture, so that nothing is called here that need not be.
        base = self._base
        # (NaN and the infinities are equal to nothing that comes of them.)
        if base is None or type(now) is not float or (since := now - base) + base - now != 0.0:
            stamp = self._time(now)
        else:
            self._drained = False
            stamp = self._stamp = f'{{"t":{since!r}'
        text = quoted(self._shown(frame))
        try:
            self._client.receive(link, frame, now=now)
        except Exception as error:
            raised = dumps(error_form(error, self._mask))
            self._write(
                f'{stamp},"in":"receive","link":{link},"frame":{text},"raised":{raised}}}\n'
            )
            raise
        self._write(f'{stamp},"in":"receive","link":{link},"frame":{text}}}\n')

    def receive_eof(
        self, link: int, *, now: float, code: int | None = None, reason: str = ""
    ) -> None:
        """See `Client.receive_eof`."""
        entry = {"in": "receive_eof", "link": link, "code": code, "reason": reason}
        self._told(
            now,
            entry,
            lambda: self._client.receive_eof(link, now=now, code=code, reason=reason),
        )

    def dial_failed(self, link: int, error: EstuaryError, *, now: float) -> None:
        """See `Client.dial_failed`."""
        entry = {"in": "dial_failed", "link": link, "error": form(error, self._mask)}
        self._told(now, entry, lambda: self._client.dial_failed(link, error, now=now))

    def fault(self, link: int, error: EstuaryError, *, now: float) -> None:
        """See `Client.fault`."""
        entry = {"in": "fault", "link": link, "error": form(error, self._mask)}
        self._told(now, entry, lambda: self._client.fault(link, error, now=now))

    def credential(
        self, link: int, token: str, player_id: str, lifetime: float, *, now: float
    ) -> None:
        """See `Client.credential`. Of the token only a placeholder is kept."""
        hidden = self._mask.hide("client_token", token) if type(token) is str else None
        entry = {
            "in": "credential",
            "link": link,
            "token": hidden,
            "player_id": form(player_id, self._mask),
            "lifetime": form(lifetime, self._mask),
        }
        self._told(
            now,
            entry,
            lambda: self._client.credential(link, token, player_id, lifetime, now=now),
        )

    def credential_failed(self, link: int, error: EstuaryError, *, now: float) -> None:
        """See `Client.credential_failed`."""
        entry = {"in": "credential_failed", "link": link, "error": form(error, self._mask)}
        self._told(now, entry, lambda: self._client.credential_failed(link, error, now=now))

    def handle_timeout(self, *, now: float) -> None:
        """See `Client.handle_timeout`."""
        self._told(now, {"in": "handle_timeout"}, lambda: self._client.handle_timeout(now=now))

    def connect(self, *, now: float) -> None:
        """See `Client.connect`."""
        self._told(now, {"in": "connect"}, lambda: self._client.connect(now=now))

    def disconnect(self, *, now: float) -> None:
        """See `Client.disconnect`."""
        self._told(now, {"in": "disconnect"}, lambda: self._client.disconnect(now=now))

    def submit(self, message: Any, *, now: float, ack_within: float | None = None) -> int:
        """See `Client.submit`."""
        entry = {"in": "submit", "message": message_form(message, self._mask)}
        if ack_within is not None:
            entry["ack_within"] = form(ack_within, self._mask)
        receipt: int = self._told(
            now,
            entry,
            lambda: self._client.submit(message, now=now, ack_within=ack_within),
        )
        return receipt

    def ask(
        self,
        message: SendText,
        *,
        now: float,
        timeout: float | None = None,
        concurrent: bool = False,
    ) -> int:
        """See `Client.ask`."""
        entry: dict[str, Any] = {"in": "ask", "message": message_form(message, self._mask)}
        if timeout is not None:
            entry["timeout"] = form(timeout, self._mask)
        if concurrent:
            entry["concurrent"] = True
        number: int = self._told(
            now,
            entry,
            lambda: self._client.ask(message, now=now, timeout=timeout, concurrent=concurrent),
        )
        return number

    def start_voice(self, mode: VoiceMode, *, now: float) -> int:
        """See `Client.start_voice`."""
        entry = {"in": "start_voice", "mode": form(mode, self._mask)}
        request: int = self._told(now, entry, lambda: self._client.start_voice(mode, now=now))
        return request

    def stop_voice(self, *, now: float) -> int:
        """See `Client.stop_voice`."""
        request: int = self._told(
            now, {"in": "stop_voice"}, lambda: self._client.stop_voice(now=now)
        )
        return request

    def press(self, *, now: float) -> None:
        """See `Client.press`."""
        self._told(now, {"in": "press"}, lambda: self._client.press(now=now))

    def release(self, *, now: float) -> None:
        """See `Client.release`."""
        self._told(now, {"in": "release"}, lambda: self._client.release(now=now))

    def mute(self, muted: bool, *, now: float) -> None:
        """See `Client.mute`."""
        entry = {"in": "mute", "muted": form(muted, self._mask)}
        self._told(now, entry, lambda: self._client.mute(muted, now=now))

    def send_audio(
        self, pcm: bytes, *, now: float, live: bool = False, settles: bool = True
    ) -> int:
        """See `Client.send_audio`."""
        try:
            shown = form(check_pcm(pcm), self._mask)
        except LocalProtocolError:  # What it is told below.
            shown = {ODD: type(pcm).__name__}
        entry = {"in": "send_audio", "pcm": shown, "live": bool(live)}
        if not settles:
            entry["settles"] = False
        receipt: int = self._told(
            now,
            entry,
            lambda: self._client.send_audio(pcm, now=now, live=live, settles=settles),
        )
        return receipt

    def playback_started(self, message_id: str, *, now: float) -> None:
        """See `Client.playback_started`."""
        entry = {"in": "playback_started", "message_id": form(message_id, self._mask)}
        self._told(now, entry, lambda: self._client.playback_started(message_id, now=now))

    def room_joined(self, room: int, *, now: float) -> None:
        """See `Client.room_joined`."""
        entry = {"in": "room_joined", "room": room}
        self._told(now, entry, lambda: self._client.room_joined(room, now=now))

    def room_left(
        self,
        room: int,
        error: EstuaryError | None = None,
        *,
        deleted: bool = False,
        now: float,
    ) -> None:
        """See `Client.room_left`."""
        shown = None if error is None else form(error, self._mask)
        entry = {"in": "room_left", "room": room, "error": shown, "deleted": bool(deleted)}
        self._told(
            now, entry, lambda: self._client.room_left(room, error, deleted=deleted, now=now)
        )

    def room_spoken(self, room: int, *, now: float) -> None:
        """See `Client.room_spoken`."""
        entry = {"in": "room_spoken", "room": room}
        self._told(now, entry, lambda: self._client.room_spoken(room, now=now))

    def room_state(self, room: int, state: str, message_id: str | None, *, now: float) -> None:
        """See `Client.room_state`."""
        entry = {
            "in": "room_state",
            "room": room,
            "state": form(state, self._mask),
            "message_id": form(message_id, self._mask),
        }
        self._told(now, entry, lambda: self._client.room_state(room, state, message_id, now=now))

    def say_lines(
        self,
        lines: Iterable[str],
        *,
        now: float,
        gap: float = 0.0,
        line_timeout: float = 30.0,
        text_only: bool = False,
        loop: bool = False,
    ) -> int:
        """See `Client.say_lines`."""
        how = {"gap": gap, "line_timeout": line_timeout, "text_only": text_only, "loop": loop}
        # A list is told from a lone text, which is refused.
        said = lines if isinstance(lines, str) else list(lines)
        entry = {"in": "say_lines", "lines": form(said, self._mask), "how": form(how, self._mask)}
        number: int = self._told(
            now,
            entry,
            lambda: self._client.say_lines(
                said, now=now, gap=gap, line_timeout=line_timeout, text_only=text_only, loop=loop
            ),
        )
        return number

    def steer(self, script: int, what: Steer, *, now: float) -> None:
        """See `Client.steer`."""
        entry = {"in": "steer", "script": script, "what": form(what, self._mask)}
        self._told(now, entry, lambda: self._client.steer(script, what, now=now))

    # --- writing ---------------------------------------------------------------------------

    def _told(self, now: float, entry: dict[str, Any], call: Callable[[], Any]) -> Any:
        """Do it, and write down what was told and what came of it."""
        stamp = self._time(now)
        try:
            given = call()
        except Exception as error:
            entry["raised"] = error_form(error, self._mask)
            self._line(stamp, entry)
            raise
        if given is not None:
            entry["gives"] = given
        self._line(stamp, entry)
        return given

    def _time(self, now: float) -> str:
        """How the line of an input begins; remembers the time for the pulls after it."""
        self._drained = False
        first = self._base is None
        if self._base is None:
            self._base = float(now)
        since = float(now) - self._base
        number = repr(since) if -1e15 < since < 1e15 else dumps(since)
        self._stamp = f'{{"t":{number}'
        if first:
            return f'{self._stamp},"clock":{dumps(self._base)}'
        if self._base + since != now:
            return f'{self._stamp},"now":{dumps(float(now))}'
        return self._stamp

    def _aside(self, now: float) -> str:
        """How a line begins that is no input: the pulls after it are none of its."""
        if self._base is None:
            self._base = float(now)
            return f'{{"t":0.0,"clock":{dumps(self._base)}'
        return f'{{"t":{dumps(float(now) - self._base)}'

    def _shown(self, frame: str) -> str:
        return self._mask.frame(frame if self._audio else hushed_frame(frame))

    def _note(self, place: int, got: Any) -> None:
        self._drained = False
        if got is None:
            self._giving.discard(place)
        else:
            self._giving.add(place)

    def _line(self, stamp: str, entry: dict[str, Any]) -> None:
        if not self._audio:
            entry = hushed(entry)
        text = dumps(entry)
        if self._mask.shows_in(text):
            text = dumps(self._mask.clean(entry))
        self._write(f"{stamp},{text[1:]}\n")
