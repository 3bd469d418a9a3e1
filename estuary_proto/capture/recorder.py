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

REST calls have lines of their own (`rest`), and sound may be left out (`sound`).

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
from .encoding import WAITS
from .forms import ODD, dumps, error_form, form
from .lines import NO_EVENT, Lines, Pulled, RoomSound, Spoken, nothing_pulled
from .rest import RestLines
from .spool import Spool, Told

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

    `write` takes one line at a time, its line break included, and must not raise; or it is a
    `Spool`, which keeps the lines as bytes until they are taken. `seed` and `path` are the
    client's; `started` is the wall-clock time as text, for people (nobody reads a clock here).
    Secrets are replaced by placeholders; the token provider leaves no trace but that there is one.
    Without `audio`, length and hash stand for every sound. `rest` takes REST calls. `source` names
    what the session was imported from. `client` is the client within: to look at it costs less
    there.
    """

    def __init__(
        self,
        config: EstuaryConfig,
        write: Callable[[str], object] | Spool,
        *,
        seed: int = 0,
        path: str = "/socket.io/",
        joins_rooms: bool = False,
        started: str | None = None,
        audio: bool = True,
        source: str | None = None,
    ) -> None:
        client = Client(config, seed=seed, path=path, joins_rooms=joins_rooms)
        self.client: Client = client
        # What is not recorded goes no long way.
        self.config: EstuaryConfig = config
        self.voice: Voice = client.voice
        self.playback: Playback = client.playback
        self._receive = client.receive
        self._next_event = client.next_event
        self._lines = Lines(audio=audio)
        self._spool = write if isinstance(write, Spool) else Told(write)
        self._spool.filled_by(self._lines.render)
        self._append = self._spool.append
        self.rest: RestLines = RestLines(self._lines, self._spool)
        # The link that was last heard: none yet.
        self._heard: Any = object()
        # The links (0: the commands) whose last pull gave something.
        self._giving: set[int] = set()
        self._drained = False
        origin = {"audio": audio, "joins_rooms": joins_rooms, "started": started, "source": source}
        self._put_header(config, seed, path, origin)

    def _put_header(
        self, config: EstuaryConfig, seed: int, path: str, origin: dict[str, Any]
    ) -> None:
        mask = self._lines.mask
        shown = {
            part.name: form(getattr(config, part.name), mask)
            for part in fields(config)
            if part.name not in ("api_key", "token_provider")
        }
        header = {
            "estuary_capture": FORMAT,
            "library": __version__,
            "config": {**shown, "api_key": mask.hide("api_key", config.api_key)},
            "asks_credential": config.token_provider is not None,
            "seed": seed,
            "path": path,
            **origin,
        }
        self._spool.put(dumps(mask.clean(header)).encode() + b"\n")
        self._spool.more()

    # --- outputs ---------------------------------------------------------------------------

    @property
    def state(self) -> ConnectionState:
        """See `Client.state`."""
        return self.client.state

    @property
    def session(self) -> SessionInfo | None:
        """See `Client.session`."""
        return self.client.session

    @property
    def link(self) -> int:
        """The number of the current link."""
        return self.client.link

    @property
    def deadline(self) -> Deadline | None:
        """See `Client.deadline`."""
        return self.client.deadline

    @property
    def is_connected(self) -> bool:
        """See `Client.is_connected`."""
        return self.client.is_connected

    @property
    def wants_read(self) -> bool:
        """See `Client.wants_read`."""
        return self.client.wants_read

    @property
    def secrets(self) -> tuple[str, ...]:
        """See `Client.secrets`."""
        return self.client.secrets

    def wants_write(self, link: int) -> bool:
        """See `Client.wants_write`."""
        return self.client.wants_write(link)

    def room_sounds(self, room: int, *, now: float) -> str | None:
        """See `Client.room_sounds`."""
        return self.client.room_sounds(room, now=now)

    def next_command(self) -> Dial | Drop | None:
        """See `Client.next_command`."""
        command = self.client.next_command()
        if command is not None or 0 in self._giving:
            self._pulled({"pull": "command"}, command)
            self._note(0, command)
        return command

    def next_event(self) -> Any:
        """See `Client.next_event`."""
        event = self._next_event()
        if event is None:
            if not self._drained:
                self._drained = True
                self._append(NO_EVENT)
            return None
        if WAITS[type(event)]:
            self._wait(event)
        else:
            self._write(lambda: self._lines.render((event,)))
        return event

    def next_frame(self, link: int, *, batch: bool = False) -> str | bytes | HangUp | None:
        """See `Client.next_frame`."""
        frame = self.client.next_frame(link, batch=batch)
        if frame is not None or link in self._giving:
            kind = "batch" if batch else "frame"
            if type(frame) is str and type(link) is int:
                self._wait(Pulled((kind, frame, link)))
            elif frame is None and type(link) is int:
                self._wait(nothing_pulled(kind, link))
            else:
                self._pulled({"pull": kind, "link": link}, frame)
            # What ends a batch settles nothing: the next pull is told, even if it gives nothing.
            self._note(link, (batch or None) if frame is None else frame)
        return frame

    def next_room_audio(self, room: int) -> bytes | None:
        """See `Client.next_room_audio`."""
        pcm = self.client.next_room_audio(room)
        # Links count up from 1, rooms down from -1.
        if pcm is not None or -room in self._giving:
            if type(pcm) is bytes and type(room) is int:
                self._wait(RoomSound((room, pcm)))
            else:
                self._pulled({"pull": "room_audio", "room": room}, pcm)
            self._note(-room, pcm)
        return pcm

    def life(self, link: int) -> Life:
        """One link, with the verbs of a `Connection`, recorded."""
        return Life(self, link)

    # --- inputs ----------------------------------------------------------------------------

    def opened(self, link: int, *, now: float) -> None:
        """See `Client.opened`."""
        entry = {"in": "opened", "link": link}
        self._told(now, entry, lambda: self.client.opened(link, now=now))

    def receive(self, link: int, frame: str | bytes, *, now: float) -> None:
        """See `Client.receive`."""
        # What comes is most of a capture, so that it only waits here to be written.
        if link is not self._heard or type(frame) is not str or type(now) is not float:
            self._receive_odd(link, frame, now)
            return
        self._drained = False
        try:
            self._receive(link, frame, now=now)
        except Exception as error:
            self._refused({"in": "receive", "link": link, "frame": frame}, now, error)
            raise
        self._append((now, frame))
        spool = self._spool
        if now >= spool.due:
            spool.look(now)

    def _refused(self, entry: dict[str, Any], now: float, error: Exception) -> None:
        lines = self._lines

        def line() -> bytes:
            begun, raised = lines.time(now), {"raised": error_form(error, lines.mask)}
            return lines.line(begun, {**lines.form(entry), **raised})

        self._write(line)

    def _receive_odd(self, link: int, frame: str | bytes, now: float) -> None:
        entry = {"in": "receive", "link": link, "frame": frame}
        self._told(now, entry, lambda: self._receive(link, frame, now=now))
        if type(link) is int:
            self._heard = link
            self._lines.heard(link)

    def receive_eof(
        self, link: int, *, now: float, code: int | None = None, reason: str = ""
    ) -> None:
        """See `Client.receive_eof`."""
        entry = {"in": "receive_eof", "link": link, "code": code, "reason": reason}
        self._told(
            now,
            entry,
            lambda: self.client.receive_eof(link, now=now, code=code, reason=reason),
        )

    def dial_failed(self, link: int, error: EstuaryError, *, now: float) -> None:
        """See `Client.dial_failed`."""
        entry = {"in": "dial_failed", "link": link, "error": error}
        self._told(now, entry, lambda: self.client.dial_failed(link, error, now=now))

    def fault(self, link: int, error: EstuaryError, *, now: float) -> None:
        """See `Client.fault`."""
        entry = {"in": "fault", "link": link, "error": error}
        self._told(now, entry, lambda: self.client.fault(link, error, now=now))

    def credential(
        self, link: int, token: str, player_id: str, lifetime: float, *, now: float
    ) -> None:
        """See `Client.credential`. Of the token only a placeholder is kept."""
        entry = {
            "in": "credential",
            "link": link,
            "token": token,
            "player_id": player_id,
            "lifetime": lifetime,
        }
        self._told(
            now,
            entry,
            lambda: self.client.credential(link, token, player_id, lifetime, now=now),
        )

    def credential_failed(self, link: int, error: EstuaryError, *, now: float) -> None:
        """See `Client.credential_failed`."""
        entry = {"in": "credential_failed", "link": link, "error": error}
        self._told(now, entry, lambda: self.client.credential_failed(link, error, now=now))

    def handle_timeout(self, *, now: float) -> None:
        """See `Client.handle_timeout`."""
        self._told(now, {"in": "handle_timeout"}, lambda: self.client.handle_timeout(now=now))

    def connect(self, *, now: float) -> None:
        """See `Client.connect`."""
        self._told(now, {"in": "connect"}, lambda: self.client.connect(now=now))

    def disconnect(self, *, now: float) -> None:
        """See `Client.disconnect`."""
        self._told(now, {"in": "disconnect"}, lambda: self.client.disconnect(now=now))

    def submit(self, message: Any, *, now: float, ack_within: float | None = None) -> int:
        """See `Client.submit`."""
        entry = {"in": "submit", "message": message}
        if ack_within is not None:
            entry["ack_within"] = ack_within
        receipt: int = self._told(
            now,
            entry,
            lambda: self.client.submit(message, now=now, ack_within=ack_within),
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
        entry: dict[str, Any] = {"in": "ask", "message": message}
        if timeout is not None:
            entry["timeout"] = timeout
        if concurrent:
            entry["concurrent"] = True
        number: int = self._told(
            now,
            entry,
            lambda: self.client.ask(message, now=now, timeout=timeout, concurrent=concurrent),
        )
        return number

    def start_voice(self, mode: VoiceMode, *, now: float) -> int:
        """See `Client.start_voice`."""
        entry = {"in": "start_voice", "mode": mode}
        request: int = self._told(now, entry, lambda: self.client.start_voice(mode, now=now))
        return request

    def stop_voice(self, *, now: float) -> int:
        """See `Client.stop_voice`."""
        request: int = self._told(
            now, {"in": "stop_voice"}, lambda: self.client.stop_voice(now=now)
        )
        return request

    def press(self, *, now: float) -> None:
        """See `Client.press`."""
        self._told(now, {"in": "press"}, lambda: self.client.press(now=now))

    def release(self, *, now: float) -> None:
        """See `Client.release`."""
        self._told(now, {"in": "release"}, lambda: self.client.release(now=now))

    def mute(self, muted: bool, *, now: float) -> None:
        """See `Client.mute`."""
        entry = {"in": "mute", "muted": muted}
        self._told(now, entry, lambda: self.client.mute(muted, now=now))

    def send_audio(
        self, pcm: bytes, *, now: float, live: bool = False, settles: bool = True
    ) -> int:
        """See `Client.send_audio`."""
        if type(pcm) is bytes and type(now) is float and self._lines.base is not None:
            return self._speak(pcm, now, bool(live), bool(settles))
        try:
            shown: Any = check_pcm(pcm)
        except LocalProtocolError:  # What it is told below.
            shown = {ODD: type(pcm).__name__}
        entry = {"in": "send_audio", "pcm": shown, "live": bool(live)}
        if not settles:
            entry["settles"] = False
        receipt: int = self._told(
            now,
            entry,
            lambda: self.client.send_audio(pcm, now=now, live=live, settles=settles),
        )
        return receipt

    def _speak(self, pcm: bytes, now: float, live: bool, settles: bool) -> int:
        self._drained = False
        try:
            receipt = self.client.send_audio(pcm, now=now, live=live, settles=settles)
        except Exception as error:
            entry = {"in": "send_audio", "pcm": pcm, "live": live}
            if not settles:
                entry["settles"] = False
            self._refused(entry, now, error)
            raise
        self._wait(Spoken((now, pcm, live, settles, receipt)))
        if now >= self._spool.due:
            self._spool.look(now)
        return receipt

    def playback_started(self, message_id: str, *, now: float) -> None:
        """See `Client.playback_started`."""
        entry = {"in": "playback_started", "message_id": message_id}
        self._told(now, entry, lambda: self.client.playback_started(message_id, now=now))

    def room_joined(self, room: int, *, now: float) -> None:
        """See `Client.room_joined`."""
        entry = {"in": "room_joined", "room": room}
        self._told(now, entry, lambda: self.client.room_joined(room, now=now))

    def room_left(
        self,
        room: int,
        error: EstuaryError | None = None,
        *,
        deleted: bool = False,
        now: float,
    ) -> None:
        """See `Client.room_left`."""
        shown = None if error is None else error
        entry = {"in": "room_left", "room": room, "error": shown, "deleted": bool(deleted)}
        self._told(now, entry, lambda: self.client.room_left(room, error, deleted=deleted, now=now))

    def room_spoken(self, room: int, *, now: float) -> None:
        """See `Client.room_spoken`."""
        entry = {"in": "room_spoken", "room": room}
        self._told(now, entry, lambda: self.client.room_spoken(room, now=now))

    def room_state(self, room: int, state: str, message_id: str | None, *, now: float) -> None:
        """See `Client.room_state`."""
        entry = {
            "in": "room_state",
            "room": room,
            "state": state,
            "message_id": message_id,
        }
        self._told(now, entry, lambda: self.client.room_state(room, state, message_id, now=now))

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
        entry = {"in": "say_lines", "lines": said, "how": how}
        number: int = self._told(
            now,
            entry,
            lambda: self.client.say_lines(
                said, now=now, gap=gap, line_timeout=line_timeout, text_only=text_only, loop=loop
            ),
        )
        return number

    def steer(self, script: int, what: Steer, *, now: float) -> None:
        """See `Client.steer`."""
        entry = {"in": "steer", "script": script, "what": what}
        self._told(now, entry, lambda: self.client.steer(script, what, now=now))

    # --- writing ---------------------------------------------------------------------------

    def _told(self, now: float, entry: dict[str, Any], call: Callable[[], Any]) -> Any:
        """Do it, and write down what was told and what came of it."""
        self._drained = False
        lines = self._lines
        try:
            with self._spool.guard:
                self._spool.settle()
                begun, entry = lines.time(now), lines.form(entry)
        except Exception as error:
            self._spool.broke(error)
            return call()
        try:
            given = call()
        except Exception as error:
            raised = {"raised": error_form(error, lines.mask)}
            self._write(lambda: lines.line(begun, {**entry, **raised}))
            raise
        if given is not None:
            entry["gives"] = given
        self._write(lambda: lines.line(begun, entry))
        return given

    def _note(self, place: int, got: Any) -> None:
        self._drained = False
        if got is None:
            self._giving.discard(place)
        else:
            self._giving.add(place)

    def _wait(self, entry: Any) -> None:
        """Let this wait for its line."""
        self._append(entry)
        if self._spool.idle:
            self._spool.begun()

    def _pulled(self, entry: dict[str, Any], got: Any) -> None:
        """Write down a pull at once."""
        self._write(lambda: self._lines.pull(entry, got))

    def _write(self, line: Callable[[], bytes]) -> None:
        """Write down a line at once."""
        try:
            with self._spool.guard:
                self._spool.settle()
                self._spool.put(line())
        except Exception as error:
            self._spool.broke(error)
        else:
            self._spool.more()
