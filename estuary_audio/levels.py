"""How loud it is: what a level meter shows."""

from __future__ import annotations

from collections import deque

from estuary_audio import pcm as pcm16

FALL = 0.3
"""Seconds in which a meter falls to a tenth after the sound has stopped."""

AHEAD = 64
"""How many blocks are kept that nobody has looked at."""


class Meter:
    """The loudness of a stream, quick to rise and slow to fall.

    `now` is monotonic seconds. Sound that will be heard later may be fed ahead of its time, and
    from another thread than the one that reads.
    """

    def __init__(self, fall: float = FALL) -> None:
        self._fall = fall
        self._coming: deque[tuple[float, float, float]] = deque(maxlen=AHEAD)
        self._rms = 0.0
        self._peak = 0.0
        self._at = 0.0

    def feed(self, pcm: bytes, at: float) -> None:
        """Take PCM16 mono that is heard `at` that time."""
        self._coming.append((at, *pcm16.loudness(pcm)))

    def level(self, now: float) -> float:
        """The root mean square, 0 to 1 of full scale."""
        self._settle(now)
        return self._rms * self._faded(now)

    def peak(self, now: float) -> float:
        """The highest sample, 0 to 1 of full scale: 1 says that it clips."""
        self._settle(now)
        return self._peak * self._faded(now)

    def _faded(self, now: float) -> float:
        return float(0.1 ** (max(0.0, now - self._at) / self._fall))

    def _settle(self, now: float) -> None:
        while self._coming and self._coming[0][0] <= now:
            at, rms, peak = self._coming.popleft()
            faded = self._faded(at)
            self._rms, self._peak = max(rms, self._rms * faded), max(peak, self._peak * faded)
            self._at = at
