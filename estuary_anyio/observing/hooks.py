"""What an observer is told, and the records that it gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from estuary_proto.errors import EstuaryError

TurnKind: TypeAlias = Literal["text", "voice", "line", "picture"]
"""What a turn answers: a text, speech, a line to be said as it is, a picture."""


@dataclass(slots=True, eq=False)
class Attempt:
    """One attempt to connect, from dialling to the session. Times are the event loop's seconds."""

    host: str
    port: int
    secure: bool
    number: int
    """0 for the first connection, else which attempt to come back it is."""
    began: float
    ended: float | None = None
    outcome: str = ""
    """"connected", "failed", or "abandoned": nobody wanted it any more."""
    error: EstuaryError | None = None


@dataclass(slots=True, eq=False)
class Turn:
    """What was said to the character, and what came of it, as far as the wire tells.

    The wire has no correlation: what is asked by `ask` is matched as its reply is, all else by the
    order of things. Times are the event loop's seconds, None for what has not come.
    """

    kind: TurnKind
    began: float
    speaks: bool = True
    """Whether a voice may come."""
    message_id: str | None = None
    first_token: float | None = None
    first_sound: float | None = None
    answered: float | None = None
    """When the text had ended."""
    ended: float | None = None
    """When the last of it came."""
    outcome: str = ""
    """A value of `ReplyEnd` ("final", "interrupted", "lost", …), or "unfinished"."""
    error: EstuaryError | None = None
    reply: int | None = field(default=None, repr=False)
    """The number of the reply, if it was asked by `ask`."""


@dataclass(slots=True, eq=False)
class RestCall:
    """One REST call, its repeats included; `route` has names in place of ids."""

    method: str
    route: str
    host: str
    port: int
    began: float
    ended: float | None = None
    status: int | None = None
    """The HTTP status of an error, where there was one."""
    error: BaseException | None = None


class Hooks(Protocol):
    """Inherit from it and override what is wanted; the rest does nothing.

    Each is called at once, on the event loop's thread, and must not wait. Whoever raises is logged
    and told nothing more. No secret is in what is told; texts of the conversation are.
    """

    # A protocol's empty body is abstract to type checkers: hence each `return`.

    def attempt_began(self, attempt: Attempt) -> None:
        """The client dials."""
        return

    def attempt_ended(self, attempt: Attempt) -> None:
        """That came to an end."""
        return

    def turn_began(self, turn: Turn) -> None:
        """Something was said to the character."""
        return

    def turn_ended(self, turn: Turn) -> None:
        """Nothing more comes of it. That a voice is over is known by its end, by the next turn, or
        by the end of the session, so this may come later than `turn.ended`."""
        return

    def call_began(self, call: RestCall) -> None:
        """A REST call begins."""
        return

    def call_ended(self, call: RestCall) -> None:
        """It is answered, or has failed."""
        return

    def told(self, event: Any) -> None:
        """An event, before the listeners get it: those of `client.on`, and a few of replies."""
        return

    def said(self, message: Any) -> None:
        """A message was accepted for sending (audio is not told)."""
        return

    def moved(self, received: int, sent: int) -> None:
        """So many bytes passed the socket, TLS not counted; of connections made meanwhile."""
        return

    def beat(self) -> None:
        """The server's ping came, and is answered; of connections made meanwhile."""
        return
