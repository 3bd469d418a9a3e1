"""What the loudspeaker plays, beside what the microphone hears, both by their clocks.

Devices tell their latencies wrongly. An echo that seems to come before its sound cannot be removed,
so the loudspeaker's sound is read `lead` seconds ahead, as far as it has been handed over; and
where the echo is nevertheless found too early or too late, the lead follows.
"""

from __future__ import annotations

from typing import Any

from estuary_audio.delay import DelayFinder
from estuary_audio.farend import FarEnd

LEAD = 0.06
"""Seconds ahead that are wished."""

RESERVE = 0.004
"""Seconds that must be there beyond what is read."""

SOONEST, LATEST = 0.004, 0.4
"""Between these delays all is well."""

AIM = 0.04
"""The delay that is aimed at when it is not."""


class Alignment:
    """The far end at the near end's times, at `rate`."""

    def __init__(self, rate: int) -> None:
        self.far: FarEnd = FarEnd(rate)
        self.lead: float | None = None
        self._most = 0.0
        self._finder = DelayFinder(rate)

    @property
    def lag(self) -> float | None:
        """Seconds from a frame that was read to its echo; None while unknown."""
        return self._finder.delay

    @property
    def delay(self) -> float | None:
        """Seconds by which the echo comes later than the devices tell; None while unknown."""
        if self.lag is None or self.lead is None:
            return None
        return self.lag - self.lead

    def clear(self) -> None:
        """Another device: all begins anew."""
        self.far.clear()
        self.lead = None
        self._finder = DelayFinder(self.far.rate)

    def read(self, begin: float, end: float, size: int) -> Any:
        """What is played from `begin` to `end`, and a lead later: `size` floats."""
        self._keep_up(end)
        lead = self.lead or 0.0
        far, jumped = self.far.read(begin + lead, end + lead, size)
        if jumped:
            self._finder.clear()
        return far

    def compare(self, near: Any, far: Any) -> None:
        """Take what was heard and what was read, and follow the echo."""
        if not self._finder.feed(near, far):
            return
        lag, lead = self._finder.delay, self.lead
        if lag is None or lead is None or SOONEST <= lag <= LATEST:
            return
        self._move(min(lead + AIM - lag, max(lead, self._most)))

    def _keep_up(self, end: float) -> None:
        ready = self.far.end
        if ready is None:
            return
        most = self._most = ready - end - RESERVE
        if self.lead is None:
            self.lead = min(LEAD, most)
        elif self.far.fresh and ready < end + self.lead:
            # A player that has stopped is no reason; one that hands over later is.
            self._move(most)
        self.far.fresh = False

    def _move(self, lead: float) -> None:
        if self._finder.delay is not None and self.lead is not None:
            self._finder.delay += lead - self.lead
        self.lead = lead
        self._finder.clear()
