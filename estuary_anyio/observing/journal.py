"""The log of `debug=True`: a line for whatever passes, its first character says what it is.

    <  it came from the server
    >  it goes to the server
    =  the state of the connection, a reply or voice has changed
    %  a heartbeat came, and is answered
    !  something went wrong

The warnings and errors of the logger `estuary_anyio` begin with `!` too, also without `debug`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from estuary_proto import events as core
from estuary_proto.errors import concealed
from estuary_proto.messages import UnknownEvent

from ..conceal import conceal_keys
from .hooks import Hooks

if TYPE_CHECKING:
    from collections.abc import Callable

    from .hooks import Attempt, RestCall

logger: logging.Logger = logging.getLogger("estuary_anyio")

_FAULTS: Final = (core.Fault, core.ConnectFailed, core.AudioDropped, core.ListenerOverflow)
_DULL: Final = (core.ReplyPart, core.Writable, core.AckSettled, core.AudioReceived)
"""What is told in another form as well, or says nothing to anybody."""


class Journal(Hooks):
    """Writes it down, without the `secrets` of that moment."""

    def __init__(self, secrets: Callable[[], tuple[str, ...]]) -> None:
        self._secrets = secrets

    def _line(self, mark: str, shown: object) -> None:
        if logger.isEnabledFor(logging.DEBUG):
            text = conceal_keys(concealed(str(shown), *self._secrets()))
            logger.debug("%s %s", mark, text)

    def told(self, event: Any) -> None:
        """See `Hooks`."""
        if isinstance(event, _FAULTS):
            self._line("!", repr(event))
        elif isinstance(event, core.Settled):
            if event.outcome is core.Outcome.LOST:
                self._line("!", repr(event))
        elif isinstance(event, UnknownEvent):  # It may hold a secret under any name.
            self._line("<", event.name)
        elif not isinstance(event, core.Event):
            self._line("<", repr(event))
        elif not isinstance(event, _DULL):
            self._line("=", repr(event))

    def said(self, message: Any) -> None:
        """See `Hooks`."""
        self._line(">", repr(message))

    def beat(self) -> None:
        """See `Hooks`."""
        self._line("%", "ping, answered")

    def attempt_began(self, attempt: Attempt) -> None:
        """See `Hooks`."""
        again = f", attempt {attempt.number}" if attempt.number else ""
        self._line("=", f"dials {attempt.host}:{attempt.port}{again}")

    def attempt_ended(self, attempt: Attempt) -> None:
        """See `Hooks`."""
        if attempt.error is not None:
            self._line("!", f"{attempt.host}:{attempt.port}: {attempt.error}")

    def call_began(self, call: RestCall) -> None:
        """See `Hooks`."""
        self._line(">", f"{call.method} {call.route}")

    def call_ended(self, call: RestCall) -> None:
        """See `Hooks`."""
        if call.error is None:
            self._line("<", f"{call.method} {call.route} is answered")
        else:
            self._line("!", f"{call.method} {call.route}: {call.error!r}")
