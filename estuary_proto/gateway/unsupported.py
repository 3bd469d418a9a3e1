"""What this gateway cannot do yet, and how it says so: nobody who asks is left waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .. import intents
from ..messages import UnknownEvent
from ..models.session import ErrorEvent
from ..models.voice import LiveKitError

if TYPE_CHECKING:
    from ..models.base import Model

_QUIET: Final = (
    intents.Authenticate,
    intents.LiveKitLeave,
    intents.LiveKitMute,
    intents.UpdatePreferences,  # Accepted and ignored (PROTOCOL 2).
)


def answer(message: Model) -> Model | None:
    """The answer in the form that whoever sent `message` waits for; None if nobody does."""
    if isinstance(message, _QUIET):
        return None
    if isinstance(message, (intents.LiveKitTokenRequest, intents.LiveKitJoin)):
        return LiveKitError("This gateway has no LiveKit; voice goes over the WebSocket")
    name = message.name if isinstance(message, UnknownEvent) else message.WIRE
    return ErrorEvent(f"This gateway does not support {name[:80]!r}", "not_supported")
