"""Between the parts of one client and its observers."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio

from estuary_proto.errors import ErrorCode
from estuary_proto.events import Connected, ConnectFailed, Fault, Reconnecting, StateChanged
from estuary_proto.models.session import ConnectionState

from .hooks import Attempt, RestCall
from .turns import Turns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from estuary_proto.config import EstuaryConfig
    from estuary_proto.errors import EstuaryError
    from estuary_proto.events import Dial
    from estuary_proto.intents import SendText

    from .hooks import Hooks, Turn

logger: logging.Logger = logging.getLogger("estuary_anyio")

_OF_CONNECTIONS = (
    ErrorCode.CONNECTION_FAILED,
    ErrorCode.CONNECTION_TIMEOUT,
    ErrorCode.AUTH_FAILED,
)
_AT_REST = (ConnectionState.DISCONNECTED, ConnectionState.ERROR)


class Watch:
    """Takes what a client's parts tell, finds attempts and turns in it, and tells all hooks."""

    def __init__(self, config: EstuaryConfig) -> None:
        self.hooks: list[Hooks] = []
        self._config = config
        self._turns = Turns(self._turn_began, self._turn_ended)
        self._attempt: Attempt | None = None
        self._retry = 0

    def _tell(self, name: str, *args: Any) -> None:
        for hooks in list(self.hooks):
            try:
                getattr(hooks, name)(*args)
            except Exception:
                self.hooks.remove(hooks)
                logger.exception("! %s of %r has failed, and is told nothing more", name, hooks)

    # --- the conversation --------------------------------------------------------------------

    def told(self, event: Any) -> None:
        """An event of the core."""
        self._tell("told", event)
        self._follow_attempt(event)
        self._turns.told(event, anyio.current_time())

    def said(self, message: Any) -> None:
        """A message was accepted for sending."""
        self._tell("said", message)
        self._turns.said(message, anyio.current_time())

    def asked(self, reply: int, message: SendText) -> None:
        """So was a text whose reply has this number."""
        self._tell("said", message)
        self._turns.asked(reply, message, anyio.current_time())

    def _turn_began(self, turn: Turn) -> None:
        self._tell("turn_began", turn)

    def _turn_ended(self, turn: Turn) -> None:
        self._tell("turn_ended", turn)

    def finish(self) -> None:
        """Nobody observes any more."""
        self._turns.finish(anyio.current_time())
        self._end_attempt("abandoned")

    # --- the connection ----------------------------------------------------------------------

    def dialled(self, dial: Dial) -> None:
        """An attempt to connect begins."""
        self._end_attempt("abandoned")
        now = anyio.current_time()
        self._attempt = Attempt(dial.host, dial.port, dial.secure, self._retry, now)
        self._tell("attempt_began", self._attempt)

    def failed(self, error: EstuaryError) -> None:
        """There is no connection, or no WebSocket."""
        error.conceal(self._config.api_key)
        self._end_attempt("failed", error)

    def _follow_attempt(self, event: Any) -> None:
        kind = type(event)
        if kind is Connected:
            self._retry = 0
            self._end_attempt("connected")
        elif kind is ConnectFailed or (kind is Fault and event.error.code in _OF_CONNECTIONS):
            self._end_attempt("failed", event.error)
        elif kind is Reconnecting:
            self._retry = event.attempt
            self._end_attempt("failed")
        elif kind is StateChanged and event.state in _AT_REST:
            self._retry = 0
            self._end_attempt("abandoned")

    def _end_attempt(self, outcome: str, error: EstuaryError | None = None) -> None:
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.ended, attempt.outcome = anyio.current_time(), outcome
            attempt.error = error
            self._tell("attempt_ended", attempt)

    def moved(self, received: int, sent: int) -> None:
        """Bytes passed."""
        self._tell("moved", received, sent)

    def beat(self) -> None:
        """A heartbeat passed."""
        self._tell("beat")

    # --- REST --------------------------------------------------------------------------------

    @contextmanager
    def calling(self, method: str, route: str) -> Iterator[None]:
        """The length of a REST call."""
        call = self.call_began(method, route)
        try:
            yield
        except BaseException as error:
            self.call_ended(call, error)
            raise
        self.call_ended(call, None)

    def call_began(self, method: str, route: str) -> RestCall:
        """A REST call begins."""
        host, port = self._config.host, self._config.port
        call = RestCall(method, route, host, port, anyio.current_time())
        self._tell("call_began", call)
        return call

    def call_ended(self, call: RestCall, error: BaseException | None) -> None:
        """It is over, once."""
        if call.ended is None:
            call.ended, call.error = anyio.current_time(), error
            call.status = getattr(error, "status", None)
            self._tell("call_ended", call)
