"""What a command tells of its connection: when it falls and comes back, and why all is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from estuary_proto.events import Connected, Disconnected, Fault, Reconnecting
from estuary_proto.models.session import ConnectionState
from estuary_proto.policy import verdict_of

from .run import explain

if TYPE_CHECKING:
    import anyio

    from estuary_anyio.client import EstuaryClient


class Notices(Protocol):
    """Where it is told: a screen, or captions."""

    def notice(self, text: str, style: str = "dim") -> None:
        """A line beside the conversation."""
        ...

    def error(self, text: str) -> None:
        """What went wrong."""
        ...


class ConnectionNews:
    """Tells in `notices` of the connection of `client`; `scope` is cancelled when it is over."""

    def __init__(self, client: EstuaryClient, notices: Notices, scope: anyio.CancelScope) -> None:
        self.failure: str | None = None
        """Why it is over."""
        self.is_lost: bool = False
        """True from a fall of the connection until it is back."""
        self._client = client
        self._notices = notices
        self._scope = scope
        self._verdict = ""

    def tell(self, event: Any, *, amid: str = "") -> None:
        """Whatever happens on the connection; `amid` is what a fall of it cuts short."""
        verdict = verdict_of(event)
        if verdict is not None:
            self._verdict = verdict.text
        elif isinstance(event, Disconnected):
            self._disconnected(event.reason, amid)
        elif isinstance(event, Reconnecting):
            self._notices.notice(f"reconnecting: attempt {event.attempt} in {event.delay:.1f} s")
        elif isinstance(event, Connected) and self.is_lost:
            self.is_lost = False
            self._notices.notice("connected again")
        elif isinstance(event, Fault):
            if self._client.state is ConnectionState.ERROR:
                self._end(explain(event.error))
            else:
                self._notices.error(explain(event.error))

    def _disconnected(self, reason: str, amid: str) -> None:
        if self._client.state is ConnectionState.RECONNECTING:
            self.is_lost = True
            cut = f", in the middle of {amid}" if amid else ""
            self._notices.notice(f"the connection is lost ({reason}){cut}", "yellow")
        elif reason != "client":
            why = self._verdict or f"the connection is lost ({reason})"
            self._end(f"{why}; the conversation is over")

    def _end(self, why: str) -> None:
        self.failure = why
        self._scope.cancel()
