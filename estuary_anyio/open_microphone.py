"""What of a microphone goes to the server while a loudspeaker is open beside it (API 2)."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from estuary_audio import EchoCanceller, Suppressor, open_air
from estuary_proto.config import invalid

if TYPE_CHECKING:
    from estuary_audio import AudioBlock, OpenAir
    from estuary_proto.config import EstuaryConfig


class EchoHandling(Enum):
    """How the character's own voice is kept out of what the microphone hears."""

    CANCEL = "cancel"
    """It is removed (extra `[livekit]`)."""
    SUPPRESS = "suppress"
    """The microphone is shut while it is heard, but for a user who is louder."""
    OFF = "off"
    """Not at all: headphones."""


class OpenMicrophone:
    """Blocks of a microphone in, what the server shall hear out.

    `echo` is a value of `EchoHandling`, or "auto": what is installed and the configuration wants.
    With `button`, a user who presses it: the character is silent then, and nothing is shut. Raises
    EstuaryError CONFIG_INVALID for another `echo`, LIVEKIT_UNAVAILABLE for "cancel" without the
    package.
    """

    def __init__(self, rate: int, config: EstuaryConfig, echo: str, *, button: bool) -> None:
        self.handling: EchoHandling
        """What it has come to."""
        self.handling, self._air = _choose(rate, config, echo, button)

    @property
    def handled(self) -> OpenAir | None:
        """Who wants to know what the loudspeaker plays, and knows who speaks."""
        return self._air if self.handling is not EchoHandling.OFF else None

    def over(self, began: float) -> bool:
        """Whether the user speaks over what is heard since then (monotonic seconds)."""
        return self.handled is not None and self.handled.over(began)

    def hear(self, block: AudioBlock) -> bytes:
        """What is to be sent now; may be nothing, and more the next time."""
        return block.pcm if self._air is None else self._air.near_end(block)

    def finish(self) -> bytes:
        """What is held back, when the microphone pauses."""
        return b"" if self._air is None else self._air.finish()

    def reset(self) -> None:
        """A device has changed."""
        if self._air is not None:
            self._air.reset()


def _choose(
    rate: int, config: EstuaryConfig, echo: str, button: bool
) -> tuple[EchoHandling, OpenAir | None]:
    switches = {
        "noise_suppression": config.apm_noise_suppression,
        "auto_gain_control": config.apm_auto_gain_control,
        "high_pass_filter": config.apm_high_pass_filter,
        "shut": not button,
    }
    if echo == "auto":
        if config.suppress_mic_during_playback:  # Nothing is sent then, and nobody interrupts.
            return EchoHandling.OFF, None
        wanted = config.apm_echo_cancellation
        air = open_air(rate, echo_cancellation=wanted, **switches)
        if isinstance(air, EchoCanceller):
            return (EchoHandling.CANCEL if wanted else EchoHandling.OFF), air
        if not wanted:
            return EchoHandling.OFF, None
        echo = EchoHandling.SUPPRESS.value
    if echo == EchoHandling.CANCEL.value:
        return EchoHandling.CANCEL, EchoCanceller(rate, **switches)
    if echo == EchoHandling.SUPPRESS.value and not button:
        return EchoHandling.SUPPRESS, Suppressor(rate)
    if echo in (EchoHandling.SUPPRESS.value, EchoHandling.OFF.value):
        return EchoHandling.OFF, None
    names = ", ".join(repr(one.value) for one in EchoHandling)
    raise invalid("echo", f"there is no way called {echo!r}", f"give 'auto', {names}")
