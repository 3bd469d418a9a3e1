"""Where two sounds are alike: how the one is found in the other."""

from __future__ import annotations

from typing import Any

from estuary_audio.extra import numpy as np

COARSE = 4000
"""Hz at which sounds are compared: a quarter of a millisecond is enough."""

LENGTH = 2.0
"""Seconds that are kept."""

EARLIEST, LATEST = -0.3, 0.6
"""Seconds between which an echo is looked for."""

AUDIBLE = 1e-3
"""RMS, of full scale, below which there is nothing to find."""

SURE = 9.0
"""How far a peak must stand out of the rest (in its RMS)."""


class Likeness:
    """The last two seconds of what was heard and of what was played, both at `rate`."""

    def __init__(self, rate: int) -> None:
        self._step = rate // COARSE
        self._size = round(LENGTH * COARSE)
        self._heard: Any = None
        self._played: Any = None

    def clear(self) -> None:
        """What was taken is on another time line."""
        self._heard = self._played = None

    def feed(self, heard: Any, played: Any) -> None:
        """Take a frame of each, floats."""
        if self._heard is None:
            self._heard, self._played = (np.zeros(self._size, np.float32) for _ in range(2))
        for kept, frame in ((self._heard, heard), (self._played, played)):
            coarse = frame.reshape(-1, self._step).mean(axis=1)
            kept[: -len(coarse)] = kept[len(coarse) :]
            kept[-len(coarse) :] = coarse

    def lag(self, seconds: float = LENGTH) -> float | None:
        """By how many seconds what was heard comes after what was played; None when it is not.

        Looks at the last `seconds` of what was heard.
        """
        if self._heard is None or float(np.sqrt(np.mean(self._played**2))) < AUDIBLE:
            return None
        size = 1 << (2 * self._size - 1).bit_length()
        begin = self._size - round(seconds * COARSE)
        heard = np.zeros(size, np.float32)
        heard[begin : self._size] = self._heard[begin:]
        cross = np.fft.rfft(heard) * np.conj(np.fft.rfft(self._played, size))
        # All frequencies count the same, or speech would be like itself everywhere.
        weight = np.abs(cross)
        cross /= weight + 1e-3 * float(weight.mean()) + 1e-20
        lags = np.arange(round(EARLIEST * COARSE), round(LATEST * COARSE))
        alike = np.abs(np.fft.irfft(cross, size)[lags])
        top = int(np.argmax(alike))
        if alike[top] < SURE * float(np.sqrt(np.mean(alike**2))):
            return None
        return float(lags[top]) / COARSE
