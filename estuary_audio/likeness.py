"""Where two sounds are alike: how the one is found in the other."""

from __future__ import annotations

from typing import Any

from estuary_audio.extra import numpy as np

COARSE = 4000
"""Hz at which sounds are compared: a quarter of a millisecond is enough."""

LENGTH = 1.5
"""Seconds that are kept."""

AHEAD = 0.3
"""Seconds by which what is played may be known before it is heard."""

PART = 0.6
"""Seconds of what was heard that are looked for, at most."""

SIZE = 8192
"""Of the transform: that part can lie anywhere in what was played, without wrapping round."""

EARLIEST, LATEST = -0.3, 0.6
"""Seconds between which an echo is looked for."""

AUDIBLE = 1e-3
"""RMS, of full scale, below which there is nothing to find."""

SURE = 9.0
"""How far a peak must stand out of the rest (in its RMS)."""


class Likeness:
    """The last moments of what was heard and of what was played, both at `rate`, on one line."""

    def __init__(self, rate: int) -> None:
        self._step = rate // COARSE
        self._size = round(LENGTH * COARSE)
        self._known = 0
        self._heard: Any = None
        self._played: Any = None

    def clear(self) -> None:
        """What was taken is on another time line."""
        self._heard = self._played = None

    def feed(self, heard: Any, played: Any, lead: float) -> None:
        """Take a frame of each, floats; what was played was for `lead` seconds later."""
        if self._heard is None:
            self._known = 0
            self._heard = np.zeros(self._size, np.float32)
            self._played = np.zeros(self._size + round(AHEAD * COARSE), np.float32)
        new = len(heard) // self._step
        for kept in (self._heard, self._played):
            kept[:-new] = kept[new:]
            kept[-new:] = 0
        self._heard[-new:] = heard.reshape(-1, self._step).mean(axis=1)
        begin = self._size - new + round(lead * COARSE)
        if 0 <= begin <= len(self._played) - new:
            self._played[begin : begin + new] = played.reshape(-1, self._step).mean(axis=1)
        self._known += new

    def lag(self, seconds: float = PART, sure: float = SURE) -> float | None:
        """By how many seconds what was heard comes after what was played; None when it is not.

        Looks at the last `seconds` of what was heard.
        """
        if self._heard is None or self._known < PART * COARSE:
            return None
        if _power(self._played) < AUDIBLE**2:
            return None
        begin = self._size - round(min(seconds, PART) * COARSE)
        heard = np.zeros(self._size, np.float32)
        heard[begin:] = self._heard[begin:]
        cross = np.fft.rfft(heard, SIZE) * np.conj(np.fft.rfft(self._played, SIZE))
        # All frequencies count the same, or speech would be like itself everywhere.
        weight = np.abs(cross)
        cross /= weight + 1e-3 * float(weight.mean()) + 1e-20
        lags = np.arange(round(EARLIEST * COARSE), round(LATEST * COARSE))
        alike = np.abs(np.fft.irfft(cross, SIZE)[lags])
        top = int(np.argmax(alike))
        if alike[top] < sure * np.sqrt(_power(alike)):
            return None
        return float(lags[top]) / COARSE

    def share(self, lag: float, seconds: float) -> float:
        """How much of what was heard is what was played `lag` seconds before: 0 to 1."""
        if self._heard is None:
            return 0.0
        size = round(seconds * COARSE)
        begin = max(0, self._size - size - round(lag * COARSE))
        heard = self._heard[-size:]
        played = self._played[begin : begin + size]
        if len(played) < size:
            return 0.0
        both = float(np.dot(heard, played)) / size
        return both**2 / (_power(heard) * _power(played) + 1e-20)


def _power(sound: Any) -> float:
    return float(np.dot(sound, sound)) / len(sound)
