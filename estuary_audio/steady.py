"""The device's time on our clock, without the jitter of the moments at which we are asked."""

from __future__ import annotations

JUMP = 0.05
"""Seconds by which a time may be off before it is believed at once: the stream has stood still."""

GAIN = 0.05
"""How much of each difference is believed; follows clocks that run apart within a second or so."""


class Steady:
    """Times of consecutive blocks, each where the one before ended, but for slow corrections."""

    def __init__(self) -> None:
        self._next: float | None = None
        self._count = 0

    def time(self, measured: float, seconds: float) -> float:
        """The time of a block that takes `seconds`, measured to begin at `measured`."""
        expected = self._next
        if expected is None or abs(measured - expected) > JUMP:
            at, self._count = measured, 1
        else:
            # At first, the mean of what has been measured.
            self._count += 1
            at = expected + max(GAIN, 1 / self._count) * (measured - expected)
        self._next = at + seconds
        return at
