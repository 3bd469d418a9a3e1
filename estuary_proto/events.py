"""What a core tells that is not a message of the peer, and what it asks for.

Messages (`estuary_proto.models`) and these values come out of `next_event()` in one order. Those with
a `NAME` are events for the user too: the driver hands them to listeners of that name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from .errors import EstuaryError
    from .models.conversation import BotResponse, CharacterAction
    from .models.session import ConnectionState, SessionInfo
    from .policy import Cause


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


class HangUp:
    """Comes out of `next_frame()`, in order behind the data: close the WebSocket now."""

    __slots__ = ("code", "reason")

    def __init__(self, code: int = 1000, reason: str = "") -> None:
        self.code = code
        self.reason = reason

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HangUp) and (self.code, self.reason) == (other.code, other.reason)

    def __hash__(self) -> int:
        return hash((self.code, self.reason))

    def __repr__(self) -> str:
        return f"HangUp({self.code}, {self.reason!r})"


# --- of one connection -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    """The session is up: sending is legal from here on."""

    session: SessionInfo


@dataclass(frozen=True, slots=True)
class Settled:
    """What was submitted under `receipt` has been handed on (SENT) or will never be (LOST)."""

    receipt: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class AckSettled:
    """The acknowledgement asked for with `receipt`: OK with its arguments, TIMEOUT or LOST."""

    receipt: int
    outcome: Outcome
    args: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class AckDue:
    """The peer wants the message before this one acknowledged: submit `Ack(ack_id, …)`."""

    ack_id: int


@dataclass(frozen=True, slots=True)
class Writable:
    """The send buffer that refused a message has room again."""


@dataclass(frozen=True, slots=True)
class JoinRequested:
    """Server role: a client joined with these credentials; answer with `Admit` or `Refuse`."""

    auth: dict[str, Any]

    def __repr__(self) -> str:
        return f"JoinRequested({sorted(self.auth)})"


@dataclass(frozen=True, slots=True)
class Closed:
    """The connection is over; the last event it gives.

    `cause` is the reason, `error` explains it for people, `was_ready` is True when there was a
    session to lose.
    """

    cause: Cause
    error: EstuaryError
    was_ready: bool = False


# --- of the client over many connections ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Dial:
    """A command: open a WebSocket to this target and report under the number `link`."""

    link: int
    host: str
    port: int
    secure: bool
    target: str


@dataclass(frozen=True, slots=True)
class Drop:
    """A command: whatever is left of the transport `link` is of no use, let go of it."""

    link: int


@dataclass(frozen=True, slots=True)
class Connected:
    """Connected and authenticated; sending works from its handler."""

    NAME: ClassVar[str] = "connected"
    session: SessionInfo


@dataclass(frozen=True, slots=True)
class Disconnected:
    """A connection that was up is gone; `reason` is one of the words of API 6."""

    NAME: ClassVar[str] = "disconnected"
    reason: str


@dataclass(frozen=True, slots=True)
class Reconnecting:
    """Attempt number `attempt` begins in `delay` seconds."""

    NAME: ClassVar[str] = "reconnecting"
    attempt: int
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The client's state, as the user sees it (seed 001)."""

    NAME: ClassVar[str] = "connection_state_changed"
    state: ConnectionState


@dataclass(frozen=True, slots=True)
class Fault:
    """Something went wrong that no call is there to raise: the `error` event."""

    NAME: ClassVar[str] = "error"
    error: EstuaryError


@dataclass(frozen=True, slots=True)
class ConnectFailed:
    """The pending `connect()` is over without a connection."""

    error: EstuaryError


@dataclass(frozen=True, slots=True)
class AudioDropped:
    """Live audio that was too old to send was dropped: `seconds` of it in `frames` pieces."""

    NAME: ClassVar[str] = "audio_dropped"
    seconds: float
    frames: int


@dataclass(frozen=True, slots=True)
class ListenerOverflow:
    """A listener of `event` was too slow: `dropped` events have been left out for it so far."""

    NAME: ClassVar[str] = "listener_overflow"
    event: str
    dropped: int


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


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A new piece of a reply's text; with `replaces` it stands for everything before it (API 3)."""

    text: str
    replaces: bool = False

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """The answer to what was asked under `reply` has begun as message `message_id`."""

    reply: int
    message_id: str


@dataclass(frozen=True, slots=True)
class ReplyPart:
    """More of the answer: a piece of text, or an action that the character takes with it."""

    reply: int
    part: TextPiece | CharacterAction


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """The answer is over; `response` is there when `end` is FINAL, `error` when it is not."""

    reply: int
    end: ReplyEnd
    response: BotResponse | None = None
    partial: str = ""
    error: EstuaryError | None = None
