"""How loud it is: what a level meter shows."""

from __future__ import annotations

from collections import deque

from estuary_audio import pcm as pcm16

HOLD = 0.1
"""Seconds that a block counts: until the next ones have surely come."""

FALL = 0.3
"""Seconds in which a meter then falls to a tenth."""

AHEAD = 64
"""How many blocks are kept that nobody has looked at."""


class _Needle:
    """One value that rises at once, holds, and falls."""

    def __init__(self) -> None:
        self._value = 0.0
        self._at = 0.0

    def feed(self, value: float, at: float) -> None:
        if value >= self.read(at):
            self._value, self._at = value, at

    def read(self, now: float) -> float:
        return float(self._value * 0.1 ** (max(0.0, now - self._at - HOLD) / FALL))


class Meter:
    """The loudness of a stream, quick to rise and slow to fall.

    `now` is monotonic seconds. Sound that will be heard later may be fed ahead of its time, and
    from another thread than the one that reads.
    """

    def __init__(self) -> None:
        self._coming: deque[tuple[float, float, float]] = deque(maxlen=AHEAD)
        self._rms = _Needle()
        self._peak = _Needle()

    def feed(self, pcm: bytes, at: float) -> None:
        """Take PCM16 mono that is heard `at` that time."""
        self._coming.append((at, *pcm16.loudness(pcm)))

    def level(self, now: float) -> float:
        """The root mean square, 0 to 1 of full scale."""
        self._settle(now)
        return self._rms.read(now)

    def peak(self, now: float) -> float:
        """The highest sample, 0 to 1 of full scale: 1 says that it clips."""
        self._settle(now)
        return self._peak.read(now)

    def _settle(self, now: float) -> None:
        while self._coming and self._coming[0][0] <= now:
            at, rms, peak = self._coming.popleft()
            self._rms.feed(rms, at)
            self._peak.feed(peak, at)
