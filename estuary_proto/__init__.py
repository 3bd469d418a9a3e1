"""Conversations with AI characters as a state machine: bytes and intents in, events and frames out.

No I/O, no clock, no thread, no hidden chance: this package runs in any event loop, in a fuzzer and
in a replay. `Client` is the whole client over many connections, `Connection` one transport life in
either role, `WebSocketLink` the bytes around either. What peers say is in `estuary_proto.models`,
what a client says in `estuary_proto.intents`. Names load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from estuary_proto.answers import (
        Ack,
        Admit,
        Refuse,
    )
    from estuary_proto.capture import (
        Recorder,
        from_har,
        replay,
        to_har,
    )
    from estuary_proto.client import (
        Client,
    )
    from estuary_proto.config import (
        EstuaryConfig,
        RetryConfig,
        SessionCapabilities,
    )
    from estuary_proto.connection import (
        Connection,
    )
    from estuary_proto.engineio import (
        Open,
    )
    from estuary_proto.errors import (
        ErrorCode,
        EstuaryError,
        LocalProtocolError,
        RemoteProtocolError,
        SendBlocked,
    )
    from estuary_proto.events import (
        AckDue,
        AckSettled,
        Closed,
        Connected,
        ConnectFailed,
        Dial,
        Disconnected,
        Drop,
        Fault,
        HangUp,
        JoinRequested,
        Outcome,
        Ready,
        Reconnecting,
        ReplyEnded,
        ReplyPart,
        ReplyStarted,
        Settled,
        StateChanged,
        TextPiece,
        Writable,
    )
    from estuary_proto.intents import (
        Interrupt,
        SayLine,
        SendText,
    )
    from estuary_proto.life import (
        Life,
    )
    from estuary_proto.messages import (
        UnknownEvent,
    )
    from estuary_proto.states import (
        Role,
    )
    from estuary_proto.timers import (
        Deadline,
        Timer,
    )
    from estuary_proto.version import (
        __version__,
    )
    from estuary_proto.websocket import (
        WebSocketLink,
    )

_HOMES: dict[str, tuple[str, ...]] = {
    "estuary_proto.client": ("Client",),
    "estuary_proto.life": ("Life",),
    "estuary_proto.connection": ("Connection",),
    "estuary_proto.websocket": ("WebSocketLink",),
    "estuary_proto.states": ("Role",),
    "estuary_proto.engineio": ("Open",),
    "estuary_proto.config": (
        "EstuaryConfig",
        "RetryConfig",
        "SessionCapabilities",
    ),
    "estuary_proto.errors": (
        "ErrorCode",
        "EstuaryError",
        "LocalProtocolError",
        "RemoteProtocolError",
        "SendBlocked",
    ),
    "estuary_proto.timers": (
        "Deadline",
        "Timer",
    ),
    "estuary_proto.answers": (
        "Ack",
        "Admit",
        "Refuse",
    ),
    "estuary_proto.intents": (
        "Interrupt",
        "SayLine",
        "SendText",
    ),
    "estuary_proto.events": (
        "AckDue",
        "AckSettled",
        "Closed",
        "ConnectFailed",
        "Connected",
        "Dial",
        "Disconnected",
        "Drop",
        "Fault",
        "HangUp",
        "JoinRequested",
        "Outcome",
        "Ready",
        "Reconnecting",
        "ReplyEnded",
        "ReplyPart",
        "ReplyStarted",
        "Settled",
        "StateChanged",
        "TextPiece",
        "Writable",
    ),
    "estuary_proto.messages": ("UnknownEvent",),
    "estuary_proto.capture": (
        "Recorder",
        "from_har",
        "replay",
        "to_har",
    ),
    "estuary_proto.version": ("__version__",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Ack",
    "AckDue",
    "AckSettled",
    "Admit",
    "Client",
    "Closed",
    "ConnectFailed",
    "Connected",
    "Connection",
    "Deadline",
    "Dial",
    "Disconnected",
    "Drop",
    "ErrorCode",
    "EstuaryConfig",
    "EstuaryError",
    "Fault",
    "HangUp",
    "Interrupt",
    "JoinRequested",
    "Life",
    "LocalProtocolError",
    "Open",
    "Outcome",
    "Ready",
    "Reconnecting",
    "Recorder",
    "Refuse",
    "RemoteProtocolError",
    "ReplyEnded",
    "ReplyPart",
    "ReplyStarted",
    "RetryConfig",
    "Role",
    "SayLine",
    "SendBlocked",
    "SendText",
    "SessionCapabilities",
    "Settled",
    "StateChanged",
    "TextPiece",
    "Timer",
    "UnknownEvent",
    "WebSocketLink",
    "Writable",
    "__version__",
    "from_har",
    "replay",
    "to_har",
]


def __getattr__(name: str) -> Any:
    """Load what is asked for, when it is asked for."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(home), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
