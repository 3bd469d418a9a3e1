"""What a core tells that is not a message of the peer, and what it asks for.

Messages (`estuary_proto.models`) and these values come out of `next_event()` in one order. Those
with a `NAME` are events for the user too: the driver hands them to listeners of that name.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, dataclass_transform

from .authority import authority

if TYPE_CHECKING:
    from .errors import EstuaryError
    from .models.conversation import BotResponse, CharacterAction
    from .models.session import ConnectionState, SessionInfo
    from .policy import Cause


T = TypeVar("T")


class Event:
    """What all of these share: equal when of one class with equal parts, shown by their parts."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def _parts(self) -> tuple[Any, ...]:
        return tuple(getattr(self, part.name) for part in fields(self))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Event) and other.__class__ is self.__class__:
            return self._parts() == other._parts()
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.__class__, self._parts()))

    def __repr__(self) -> str:
        shown = (f"{part.name}={getattr(self, part.name)!r}" for part in fields(self) if part.repr)
        return f"{self.__class__.__name__}({', '.join(shown)})"


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def event(cls: type[T]) -> type[T]:
    """A frozen record. Sharing the methods above halves the cost of defining one."""
    return dataclass(frozen=True, slots=True, eq=False, repr=False)(cls)


class Outcome(Enum):
    """How a receipt or an acknowledgement settled; each settles exactly once."""

    SENT = "sent"
    """Handed to the transport."""
    LOST = "lost"
    """The connection fell first; it is never sent again by itself."""
    OK = "ok"
    """The peer acknowledged it."""
    TIMEOUT = "timeout"
    """The acknowledgement did not come in time."""


@event
class HangUp(Event):
    """Comes out of `next_frame()`, in order behind the data: close the WebSocket now."""

    code: int = 1000
    reason: str = ""


# --- of one connection -----------------------------------------------------------------------


@event
class Ready(Event):
    """The session is up: sending is legal from here on."""

    session: SessionInfo


@event
class Settled(Event):
    """What was submitted under `receipt` has been handed on (SENT) or will never be (LOST)."""

    receipt: int
    outcome: Outcome


@event
class AckSettled(Event):
    """The acknowledgement asked for with `receipt`: OK with its arguments, TIMEOUT or LOST."""

    receipt: int
    outcome: Outcome
    args: tuple[Any, ...] = ()


@event
class AckDue(Event):
    """The peer wants the message before this one acknowledged: submit `Ack(ack_id, …)`."""

    ack_id: int


@event
class Writable(Event):
    """The send buffer that refused a message has room again."""


@event
class JoinRequested(Event):
    """Server role: a client joined with these credentials; answer with `Admit` or `Refuse`."""

    auth: dict[str, Any]

    def __repr__(self) -> str:
        return f"JoinRequested({sorted(self.auth)})"


@event
class Closed(Event):
    """The connection is over; the last event it gives.

    `cause` is the reason, `error` explains it for people, `was_ready` is True when there was a
    session to lose.
    """

    cause: Cause
    error: EstuaryError
    was_ready: bool = False


# --- of the client over many connections ------------------------------------------------------


@event
class Dial(Event):
    """A command: open a WebSocket to this target and report under the number `link`."""

    link: int
    host: str
    port: int
    secure: bool
    target: str

    @property
    def authority(self) -> str:
        """What the Host header says: host and port, the port left out where it goes without saying,
        an IPv6 address in brackets (RFC 9110, 7.2)."""
        return authority(self.host, self.port, secure=self.secure)

    @property
    def url(self) -> str:
        """The same for a WebSocket library: `ws://…` or `wss://…` (RFC 6455, 3)."""
        return f"{'wss' if self.secure else 'ws'}://{self.authority}{self.target}"


@event
class Drop(Event):
    """A command: whatever is left of the transport `link` is of no use, let go of it."""

    link: int


@event
class CredentialNeeded(Event):
    """Ask the token provider, and report to `Client.credential` under the number `link`."""

    link: int


@event
class Connected(Event):
    """Connected and authenticated; sending works from its handler."""

    NAME: ClassVar[str] = "connected"
    session: SessionInfo


@event
class Disconnected(Event):
    """A connection that was up is gone; `reason` is one of the words of API 6."""

    NAME: ClassVar[str] = "disconnected"
    reason: str


@event
class Reconnecting(Event):
    """Attempt number `attempt` begins in `delay` seconds."""

    NAME: ClassVar[str] = "reconnecting"
    attempt: int
    delay: float = 0.0


@event
class StateChanged(Event):
    """The client's state, as the user sees it (seed 001)."""

    NAME: ClassVar[str] = "connection_state_changed"
    state: ConnectionState


@event
class Fault(Event):
    """Something went wrong that no call is there to raise: the `error` event."""

    NAME: ClassVar[str] = "error"
    error: EstuaryError


@event
class ConnectFailed(Event):
    """The pending `connect()` is over without a connection."""

    error: EstuaryError


@event
class AudioDropped(Event):
    """Audio that was not sent: `seconds` of it in `frames` pieces, told once for many (API 5).

    `reason`: "backlog" (live audio that grew too old in front of a slow connection), "button_up",
    "muted", "suppressed" (the character was heard), "not_started" (its turn did not begin) or
    "connection_lost".
    """

    NAME: ClassVar[str] = "audio_dropped"
    seconds: float
    frames: int
    reason: str = "backlog"


@event
class VoiceSettled(Event):
    """What was asked of voice under `request` is done, or has failed with `error`."""

    request: int
    error: EstuaryError | None = None


# --- of a LiveKit room (PROTOCOL 4.3) ----------------------------------------------------------


@event
class JoinRoom(Event):
    """A command: join the room `name` of this token, with a microphone's track, `muted` or not.

    Report under the number `room`: `Client.room_joined` when both are there, and once, when all
    that belongs to it has been released, however it ended, `room_left`.
    """

    room: int
    url: str
    token: str = field(repr=False, metadata={"secret": True})
    name: str
    muted: bool = False


@event
class LeaveRoom(Event):
    """A command: leave this room, at once or, with `drain`, when what was said has gone out."""

    room: int
    drain: bool = False


@event
class MuteTrack(Event):
    """A command: mute the track in this room at once, with what waits in it, or unmute it."""

    room: int
    muted: bool


@event
class FinishTrack(Event):
    """A command: report `room_spoken` when all that was said in this room has gone out."""

    room: int


@event
class RoomAudioWaits(Event):
    """There is something to say in this room: take it from `next_room_audio` until None."""

    room: int


@event
class LiveKitConnected(Event):
    """The room has been joined; the character may not be there yet."""

    NAME: ClassVar[str] = "livekit_connected"
    room: str


@event
class LiveKitDisconnected(Event):
    """The room was left, or is lost; `reason` says why, as far as anybody knows."""

    NAME: ClassVar[str] = "livekit_disconnected"
    room: str
    reason: str = ""


@event
class AudioReceived(Event):
    """What is heard in the room: PCM16 mono at `audio_sample_rate`, as it comes, silence too.

    `message_id` is the message that is being said, as far as the server tells; "" between them.
    """

    NAME: ClassVar[str] = "audio_received"
    pcm: bytes = field(repr=False)
    message_id: str = ""


@event
class PlaybackStarted(Event):
    """The voice of this message has begun to be heard: whoever plays it said so."""

    NAME: ClassVar[str] = "playback_started"
    message_id: str


@event
class PlaybackComplete(Event):
    """The voice of this message is no longer heard, as whoever plays it said.

    Or `interrupted`: it was cut short, by whomever, and whoever plays it shall stop.
    """

    NAME: ClassVar[str] = "playback_complete"
    message_id: str
    interrupted: bool = False


@event
class ListenerOverflow(Event):
    """A listener of `event` was too slow: `dropped` events have been left out for it so far."""

    NAME: ClassVar[str] = "listener_overflow"
    event: str
    dropped: int


# --- of lines that a character is given to say -------------------------------------------------


class LinesEnd(Enum):
    """How scripted lines ended; each script ends exactly once."""

    FINISHED = "finished"
    """All have been said."""
    STOPPED = "stopped"
    """The user stopped them."""
    INTERRUPTED = "interrupted"
    """Somebody interrupted a line, or moderation took it back."""
    DISCONNECTED = "disconnected"
    """The connection ended."""
    FAILED = "failed"
    """The server took no more: the quota is used up."""


class Steer(Enum):
    """What can be done with lines that are being said."""

    PAUSE = "pause"
    """No further line after this one."""
    RESUME = "resume"
    SKIP = "skip"
    """Cut this line short and go on with the next."""
    STOP = "stop"
    """Cut this line short and end."""


@event
class LineStarted(Event):
    """Line number `index`, counted from 0, of a script has been sent."""

    script: int
    index: int


@event
class LinesEnded(Event):
    """A script is over, `said` of its lines were said to their ends."""

    script: int
    end: LinesEnd
    said: int


# --- of replies -------------------------------------------------------------------------------


class ReplyEnd(Enum):
    """How a reply ended; each ends exactly once (API 3)."""

    FINAL = "final"
    INTERRUPTED = "interrupted"
    REDACTED = "redacted"
    LOST = "lost"
    QUOTA = "quota"
    ERROR = "error"
    TIMEOUT = "timeout"


@event
class TextPiece(Event):
    """A new piece of a reply's text; with `replaces` it stands for everything before it (API 3)."""

    text: str
    replaces: bool = False

    def __str__(self) -> str:
        return self.text


@event
class ReplyStarted(Event):
    """The answer to what was asked under `reply` has begun as message `message_id`."""

    reply: int
    message_id: str


@event
class ReplyPart(Event):
    """More of the answer: a piece of text, or an action that the character takes with it."""

    reply: int
    part: TextPiece | CharacterAction


@event
class ReplyEnded(Event):
    """The answer is over; `response` is there when `end` is FINAL, `error` when it is not."""

    reply: int
    end: ReplyEnd
    response: BotResponse | None = None
    partial: str = ""
    error: EstuaryError | None = None
