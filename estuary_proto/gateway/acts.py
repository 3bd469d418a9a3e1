"""What a script can make a session do, and what of it only the transport can (PROTOCOL 1.5, 4.4).

An act is a value; `script_acts` reads them, `rehearsal` performs them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Emit:
    """Send event `name` with these fields of the wire. `leaves`: the session ends behind it.
    `ask` wants it acknowledged, and reports whether it was."""

    name: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    leaves: bool = False
    ask: bool = False


@dataclass(frozen=True, slots=True)
class EmitAny:
    """Send an event of any name with any arguments; bytes among them travel as attachments."""

    name: str
    args: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Say:
    """The character says this, piece by piece, one every `interval` seconds (None: its usual)."""

    pieces: tuple[str, ...]
    interval: float | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Let so many seconds pass before the next act of the rule."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Frame:
    """Send this text as a WebSocket message, whatever it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Leave:
    """End the session: a namespace disconnect, without a cause."""


@dataclass(frozen=True, slots=True)
class EngineClose:
    """Engine.IO's own close, as of a server that restarts in good order."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the WebSocket with this code."""

    code: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Drop:
    """Cut the transport behind what waits, without a goodbye."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Turn the client away with a Socket.IO connect error."""

    message: str


@dataclass(frozen=True, slots=True)
class Silence:
    """Send nothing for so many seconds, no heartbeat either."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Stall:
    """Read nothing for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Slow:
    """From here on an answer begins so many seconds after its question."""

    seconds: float


Act = (
    Emit | EmitAny | Say | Wait | Frame | Leave | EngineClose | Close | Drop | Refuse | Silence
    | Stall | Slow
)  # fmt: skip


def name_of(act: Act) -> str:
    """What a report calls it."""
    return f"sends {act.name}" if isinstance(act, (Emit, EmitAny)) else type(act).__name__.lower()


# --- for whoever moves the session ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cut:
    """A command: cut the transport now, as a broken network would."""


@dataclass(frozen=True, slots=True)
class Report:
    """A command: tell the person who runs the gateway this line."""

    text: str


ENDINGS: Final = MappingProxyType(
    {
        "session_timeout": Emit(
            "session_timeout",
            {"reason": "inactivity", "idle_seconds": 600.0, "timeout_seconds": 600.0},
            leaves=True,
        ),
        "session_rejected": Emit(
            "session_rejected",
            {"reason": "concurrent_limit", "cap": 1, "share_token_id": "share-1"},
            leaves=True,
        ),
        "moderation": Emit(
            "moderation_warning",
            {"level": "terminated", "message": "This breaks the rules of the house"},
            leaves=True,
        ),
        "quota_exceeded": Emit(
            "quota_exceeded",
            {
                "message": "The quota is used up",
                "current": 100,
                "limit": 100,
                "remaining": 0,
                "tier": "local",
            },
        ),
        "auth_error": Emit("auth_error", {"error": "credential_expired"}, leaves=True),
        "voice_timeout": Emit(
            "voice_timeout",
            {"reason": "voice_inactivity", "idle_seconds": 600.0, "timeout_seconds": 600.0},
        ),
    }
)
"""Acts with a name of their own, and what they send where the script says nothing else."""
