"""What voice needs of the client around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from .models.voice import LiveKitToken


class SendsAudio(Protocol):
    """Send PCM of so many seconds; see `Connection.send_audio`. Returns the receipt."""

    def __call__(
        self, pcm: bytes, seconds: float, *, live: bool, always: bool, settles: bool
    ) -> int:
        """Take it, or raise SendBlocked."""
        ...


class Outlet(NamedTuple):
    """See the module."""

    submit: Callable[[Any, float | None], int]
    """Send a message, with the seconds in which it should be acknowledged."""
    send_audio: SendsAudio
    largest: Callable[[], int]
    """The most bytes of PCM that one frame may carry to this server."""
    tell: Callable[[Any], None]
    """An event for the user, or a command for the driver."""
    hushed: Callable[[], bool]
    """Whether the microphone hears the character, and is shut for that."""
    arm: Callable[[float | None], None]
    """Call `Voice.expire` in so many seconds; None: not any more."""
    offer: Callable[[], LiveKitToken | None]
    """What the session brought of LiveKit, perhaps without a token; None for nothing."""
    clock: Callable[[], float]
    """The time of the input that is being dealt with."""
