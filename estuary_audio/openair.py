"""How the character's own voice is kept out of the microphone, with what is installed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from estuary_audio.echo import EchoCanceller
from estuary_audio.suppressor import Suppressor
from estuary_proto.errors import ErrorCode, EstuaryError

if TYPE_CHECKING:
    from estuary_audio.chunker import AudioBlock

logger: logging.Logger = logging.getLogger("estuary_audio")


class OpenAir(Protocol):
    """What `EchoCanceller` and `Suppressor` have in common; see there."""

    rate: int

    @property
    def delay(self) -> float | None:
        """Seconds by which the echo comes later than the devices tell."""
        ...

    @property
    def onset(self) -> float | None:
        """When the user began to speak who speaks now."""
        ...

    def talking(self, at: float) -> bool:
        """Whether the user spoke at that time."""
        ...

    def over(self, began: float) -> bool:
        """Whether the user speaks over what is heard since then: began after it, or goes on."""
        ...

    def far_end(self, audio: bytes, rate: int, at: float) -> None:
        """What the loudspeaker plays, from any thread."""
        ...

    def near_end(self, block: AudioBlock) -> bytes:
        """What the microphone heard; gives what the user said."""
        ...

    def finish(self) -> bytes:
        """What is held back."""
        ...

    def reset(self) -> None:
        """A device has changed."""
        ...


def open_air(
    rate: int = 16000,
    *,
    echo_cancellation: bool = True,
    noise_suppression: bool = False,
    auto_gain_control: bool = False,
    high_pass_filter: bool = True,
    shut: bool = True,
) -> OpenAir:
    """An `EchoCanceller`, or, without the extra `[livekit]`, a `Suppressor`, which the log says."""
    try:
        return EchoCanceller(
            rate,
            echo_cancellation=echo_cancellation,
            noise_suppression=noise_suppression,
            auto_gain_control=auto_gain_control,
            high_pass_filter=high_pass_filter,
            shut=shut,
        )
    except EstuaryError as error:
        if error.code != ErrorCode.LIVEKIT_UNAVAILABLE:
            raise
        logger.info("%s; until then the microphone is shut while the character is heard", error)
        return Suppressor(rate)
