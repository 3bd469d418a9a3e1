"""What `Client` brings to its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections import deque

    from ..config import EstuaryConfig
    from ..connection import Connection
    from ..credentials import Credentials
    from ..errors import LocalProtocolError
    from ..events import Dial, Drop
    from ..lines import Lines
    from ..models.session import SessionInfo
    from ..playback import Playback
    from ..timers import Timers
    from ..voice import Voice


class Part:
    """Inputs of `Client` that belong together. All take the time, as every other."""

    config: EstuaryConfig
    """The configuration, as it was given."""
    link: int
    """The number of the current connection; 0 before the first."""
    session: SessionInfo | None
    """The session, None while there is none."""
    voice: Voice
    """Whether voice is on; to be read."""
    playback: Playback
    """What is heard of the character; to be read."""

    _connection: Connection | None
    _credentials: Credentials
    _credential_due: bool
    _renewal: int
    _lines: Lines
    _commands: list[Dial | Drop]
    _events: deque[Any]
    _timers: Timers
    _now: float

    if TYPE_CHECKING:

        @property
        def is_connected(self) -> bool: ...
        def _tick(self, now: float) -> float: ...
        def _collect(self) -> None: ...
        def _say(self, message: Any, ack_within: float | None) -> int: ...
        def _tell(self, event: Any) -> None: ...
        def _pass_on(self, event: Any) -> None: ...
        def _way(self) -> Dial: ...
        def _not_connected(self, what: str) -> LocalProtocolError: ...
