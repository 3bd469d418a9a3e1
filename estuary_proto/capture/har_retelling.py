"""From HAR to a capture: a client of ours says what another one said, and hears what it heard."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from .. import messages, socketio
from ..answers import Ack
from ..config import EstuaryConfig, SessionCapabilities
from ..errors import EstuaryError, RemoteProtocolError
from ..jsontext import loads
from ..states import Role
from ..timers import Timer
from .frames import ack_id_of, content_of, kind_of, with_ack_id
from .har_reading import bad_har, sockets_in
from .mask import Mask
from .recorder import Recorder

if TYPE_CHECKING:
    from .har_reading import Message, Socket

ACK_WITHIN: Final = 10.0
"""Seconds that an answer may take where the other client wanted one."""

_NAMESPACE: Final = "40/sdk"
_CONNECT: Final = f"{_NAMESPACE},"
_ACKS: Final = ("43", "46")
_LEAVING: Final = ("41/sdk,", "41", "1")


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import: the lines of a capture that replays.

    `sockets` is how many connections it holds, `sent` how many frames the other client sent on
    them, and `unlike` those that our core has written otherwise: what the other client sent, and
    what ours did instead (empty: nothing). Secrets are replaced in them too.
    """

    lines: list[str]
    sockets: int
    sent: int
    unlike: list[tuple[str, str]]


def from_har(har: Any, *, audio: bool = True) -> Imported:
    """The session in a HAR (its JSON, read), retold by a client of ours.

    The first character and player that somebody talks as count; sockets of theirs that follow are
    the same session. Frames that were received come in at their times; frames that were sent are
    what the client was told to say. Without `audio` the capture holds no sound. Raises EstuaryError
    when there is no session in it.
    """
    sockets = sockets_in(har)
    if not sockets:
        raise bad_har("no WebSocket in it begins with the greeting of Engine.IO 4")
    # A page may have other sockets of Socket.IO.
    sockets = [socket for socket in sockets if _enters(socket)] or sockets
    creator = har["log"].get("creator")
    name = creator.get("name") if isinstance(creator, dict) else None
    auths = [_auth(socket) for socket in sockets]
    who = _who(auths[0])
    ours = [socket for socket, auth in zip(sockets, auths, strict=True) if _who(auth) == who]
    return _Retelling(ours, auths[0], name if isinstance(name, str) else None, audio).told()


def _who(auth: dict[str, Any]) -> tuple[Any, Any]:
    return auth.get("character_id"), auth.get("player_id")


def _enters(socket: Socket) -> bool:
    """Whether the client wanted to talk to a character there."""
    return any(
        message.kind == "send"
        and isinstance(message.data, str)
        and message.data.startswith(_NAMESPACE)
        for message in socket.messages
    )


def _auth(socket: Socket) -> dict[str, Any]:
    """What the client said of itself when it entered."""
    for message in socket.messages:
        if message.kind == "send" and isinstance(message.data, str):
            if message.data.startswith(_CONNECT + "{"):
                try:
                    found = loads(message.data, len(_CONNECT))
                except RemoteProtocolError:
                    break
                assert isinstance(found, dict)  # It begins with a brace.
                return found
    return {}


def _config(socket: Socket, auth: dict[str, Any]) -> tuple[EstuaryConfig, str]:
    """The configuration that makes a client enter like this, and the path of its WebSocket."""
    parts = urlsplit(socket.url)
    host = parts.netloc.rpartition("@")[2]
    settings: dict[str, Any] = {}
    for name in ("audio_sample_rate", "realtime_memory"):
        if name in auth:
            settings[name] = auth[name]
    for name in ("enable_animation", "enable_body_animation"):
        if auth.get(name) is True:
            settings[name] = True
    if isinstance(able := auth.get("capabilities"), dict):
        names = ("camera", "microphone", "speaker")
        settings["capabilities"] = SessionCapabilities(
            **{name: able.get(name) is not False for name in names}
        )
    config = EstuaryConfig(
        f"{parts.scheme}://{host}",
        _text(auth, "api_key"),
        _text(auth, "character_id"),
        _text(auth, "player_id"),
        max_reconnect_attempts=10**6,
        # The times are the file's.
        reconnect_delay=0.0,
        reconnect_delay_max=0.0,
        **settings,
    )
    return config, parts.path or "/"


def _text(auth: dict[str, Any], name: str) -> str:
    value = auth.get(name)
    return value if isinstance(value, str) and value.strip() else "unknown"


class _Retelling:
    def __init__(
        self, sockets: list[Socket], auth: dict[str, Any], made_by: str | None, audio: bool
    ) -> None:
        config, path = _config(sockets[0], auth)
        self._sockets = sockets
        self._lines: list[str] = []
        self._zero = sockets[0].at
        self._link = 0
        started = datetime.fromtimestamp(self._zero, UTC).isoformat(timespec="milliseconds")
        self._core = Recorder(
            config, self._lines.append, path=path, started=started, audio=audio, source=made_by
        )
        # The same secrets in the frames that are only shown.
        self._mask = Mask()
        self._mask.hide("api_key", config.api_key)
        self._sent = 0
        self._unlike: list[tuple[str, str]] = []
        self._theirs: list[str] = []
        self._said: list[str] = []
        self._acks: dict[str, str] = {}
        self._assembler = socketio.Assembler()

    def told(self) -> Imported:
        """The whole of it."""
        now = 0.0
        for socket in self._sockets:
            now = max(now, socket.at - self._zero)
            self._open(now)
            for message in socket.messages:
                now = max(now, message.at - self._zero)
                self._keep_time(now)
                if isinstance(message.data, str):
                    self._mask.frame(message.data)  # To know its secrets.
                if message.kind == "receive":
                    self._hear(message.data, now)
                else:
                    self._say(message, now)
                self._settle()
            self._core.receive_eof(self._link, now=now)
            self._settle()
            self._compare()
        if self._core.deadline is not None:  # It would try again for ever.
            self._core.disconnect(now=now)
            self._settle()
        return Imported(self._lines, len(self._sockets), self._sent, self._unlike)

    def _open(self, now: float) -> None:
        self._assembler = socketio.Assembler()
        self._acks.clear()
        core = self._core
        deadline = core.deadline
        if deadline is not None and (deadline.timer is Timer.RETRY or deadline.at < now):
            core.handle_timeout(now=max(now, deadline.at))
        else:
            core.connect(now=now)
        self._settle()
        self._link = core.link
        core.opened(core.link, now=now)
        self._settle()

    def _keep_time(self, now: float) -> None:
        core = self._core
        # A socket that was silent for too long is given up by ours, whose next try, made at once,
        # is for the next socket.
        while core.link == self._link and (deadline := core.deadline) is not None:
            if deadline.at >= now or deadline.timer is Timer.RETRY:
                return  # That one is for the next socket too.
            core.handle_timeout(now=deadline.at)
            self._settle()

    def _hear(self, data: str | bytes, now: float) -> None:
        if isinstance(data, str) and data[:2] in _ACKS:
            number = ack_id_of(data)
            data = with_ack_id(data, self._acks.get(number, number))
        self._core.receive(self._link, data, now=now)

    def _say(self, message: Message, now: float) -> None:
        """Have our client mean what the other one said."""
        self._sent += 1
        data = message.data
        if isinstance(data, str):
            self._theirs.append(data)
        try:
            packet = self._packet(data)
        except RemoteProtocolError:
            return  # It is told as unlike: ours has no word for it.
        try:
            if data in _LEAVING:
                self._core.disconnect(now=now)
            elif packet is not None and packet.type is socketio.PacketType.EVENT:
                self._submit(packet, now)
            elif packet is not None and packet.type is socketio.PacketType.ACK:
                assert packet.id is not None
                self._core.submit(Ack(packet.id, tuple(packet.data)), now=now)
        except EstuaryError:
            return  # As above: it cannot be said here, or now.

    def _packet(self, data: str | bytes) -> socketio.Packet | None:
        if isinstance(data, bytes):
            return self._assembler.feed_binary(data)
        if not data.startswith("4"):
            return None
        return self._assembler.feed(socketio.decode(data, 1))

    def _submit(self, packet: socketio.Packet, now: float) -> None:
        name, *args = packet.data
        message = messages.read(Role.CLIENT, name, args)
        before = len(self._said)
        within = None if packet.id is None else ACK_WITHIN
        self._core.submit(message, now=now, ack_within=within)
        self._settle()
        for frame in self._said[before:]:
            if packet.id is not None and (number := ack_id_of(frame)):
                self._acks[str(packet.id)] = number

    def _settle(self) -> None:
        core = self._core
        moved = True
        while moved:
            moved = False
            while core.next_command() is not None:
                pass
            while (frame := core.next_frame(core.link)) is not None:
                moved = True
                if isinstance(frame, str):
                    self._said.append(frame)
            while core.next_event() is not None:
                pass

    def _compare(self) -> None:
        """Which frames of theirs are not as ours: the same ones, in whatever order."""
        same = Counter(content_of(frame) for frame in self._said)
        missed = [frame for frame in self._theirs if not _taken(same, content_of(frame))]
        # What is left of ours stands beside the first of theirs that is of its kind.
        like: defaultdict[str, deque[str]] = defaultdict(deque)
        for frame in reversed(self._said):
            if _taken(same, content_of(frame)):
                like[kind_of(frame)].appendleft(frame)
        for frame in missed:
            kin = like[kind_of(frame)]
            ours = kin.popleft() if kin else ""
            self._unlike.append((self._mask.frame(frame), self._mask.frame(ours)))
        self._theirs.clear()
        self._said.clear()


def _taken(rest: Counter[Any], content: Any) -> bool:
    """Take one of these, if there is any left."""
    if rest[content] <= 0:
        return False
    rest[content] -= 1
    return True
