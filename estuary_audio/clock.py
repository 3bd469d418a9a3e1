"""A sound card's clock: which sample is heard, or was said, at which monotonic time.

Devices tell the time of each block with jitter, and their crystals run up to a thousandth fast or
slow. A Kalman filter of two states, offset and drift, knows both after some seconds.
"""

from __future__ import annotations

JUMP = 0.03
"""Seconds by which a block may be off before it is believed at once: the stream stood still, or
the device is another one."""

JITTER = 3e-3
"""Standard deviation of the times told, in seconds; more than what is seen, since it is smoothed
and so not independent from block to block."""

STEP = 2.5e-3
"""Seconds by which a block may be off and tell of the clock's drift; a device that was kept waiting
goes on later, and not slower."""

DRIFT = 3e-4
"""What is believed of a clock before it has been watched."""

WANDER = 2e-6
"""By how much a drift changes in a second: temperature."""


class Clock:
    """Times of consecutive samples at a nominal `rate`, from the times of blocks."""

    def __init__(self, rate: int) -> None:
        self.drift: float = 0.0
        """How much longer a second of samples takes than a second."""
        self._rate = rate
        self._position = 0.0
        self._time = 0.0
        self._known = False
        self._variances = (0.0, 0.0, DRIFT**2)  # Of offset, of both, of drift.

    @property
    def known(self) -> bool:
        """Whether it has been told a time."""
        return self._known

    def observe(self, position: float, at: float) -> bool:
        """Sample `position` has the time `at`. True when that is a jump: all begins anew there."""
        seconds = (position - self._position) / self._rate
        expected = self._time + seconds * (1 + self.drift)
        if not self._known or abs(at - expected) > JUMP:
            self._position, self._time, self._known = position, at, True
            self._variances = (JITTER**2, 0.0, self._variances[2])
            return True
        offset, both, drift = self._variances
        offset += 2 * seconds * both + seconds**2 * drift
        both += seconds * drift
        drift += WANDER**2 * seconds
        gain_offset, gain_drift = (v / (offset + JITTER**2) for v in (offset, both))
        miss = at - expected
        self._position, self._time = position, expected + gain_offset * miss
        if abs(miss) > STEP:
            self._time = at
            return False
        self.drift += gain_drift * miss
        self._variances = (
            (1 - gain_offset) * offset,
            (1 - gain_offset) * both,
            drift - gain_drift * both,
        )
        return False

    def time(self, position: float) -> float:
        """When this sample is heard, or was said."""
        return self._time + (position - self._position) / self._rate * (1 + self.drift)

    def position(self, time: float) -> float:
        """Which sample that is, in fractions."""
        return self._position + (time - self._time) * self._rate / (1 + self.drift)
