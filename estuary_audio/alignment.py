"""What the loudspeaker plays, beside what the microphone hears, both by their clocks.

Devices tell their latencies wrongly. An echo that seems to come before its sound cannot be removed,
so the loudspeaker's sound is read `lead` seconds ahead, as far as it has been handed over; and
where the echo is nevertheless found too early or too late, the lead follows.
"""

from __future__ import annotations

from typing import Any

from estuary_audio.delay import DelayFinder
from estuary_audio.farend import FarEnd

LEAD = 0.045
"""Seconds ahead that are wished."""

RESERVE = 0.004
"""Seconds that must be there beyond what is read."""

SOONEST, LATEST = 0.004, 0.4
"""Between these delays all is well."""

MOVED = 0.006
"""Seconds by which an echo has moved for good: another latency."""

SETTLING = 60
"""Frames of 10 ms after a change."""

SLIPPED = 20
"""Frames after some sound was lost on the way."""

ASTRAY = 150
"""Frames after that for which what removes echo may be astray."""

NEARBY = 0.06
"""Seconds by which it may have moved at a glance; what is farther off must be plain to see."""

UNEXPECTED = 0.05
"""Seconds by which devices tell wrongly now and then."""

AIM = 0.04
"""The delay that is aimed at when it is not."""


class Alignment:
    """The far end at the near end's times, at `rate`."""

    def __init__(self, rate: int) -> None:
        self.far: FarEnd = FarEnd(rate)
        self.lead: float | None = None
        self.lost: bool = False
        """The echo has moved so that what was learnt of it does not hold; to be set to False."""
        self._shifted = False
        self._astray = 0
        self._settling = 0  # Frames for which a change of the echo's way may still be heard.
        self._most = 0.0
        self._finder = DelayFinder(rate)

    @property
    def delay(self) -> float | None:
        """Seconds by which the echo comes later than the devices tell; None while unknown."""
        return self._finder.delay

    @property
    def lag(self) -> float | None:
        """Seconds from a frame that was read to its echo; None while unknown."""
        if self.delay is None or self.lead is None:
            return None
        return self.delay + self.lead

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
        if jumped and not self._shifted:
            self._finder.clear()
        if (jumped or self.far.slipped) and self.delay is not None:
            self._slip()
        self.far.slipped = self._shifted = False
        return far

    def compare(self, near: Any, far: Any) -> None:
        """Take what was heard and what was read, and follow the echo.

        When it has moved, what is read moves with it, so that what was learnt of it still holds.
        """
        before = self.delay
        if self._finder.feed(near, far, self.lead or 0.0):
            self._follow(before)
        self._settling = max(0, self._settling - 1)
        self._astray = max(0, self._astray - 1)

    def has_moved(self) -> bool:
        """Whether the echo's way has just changed, as it may when it seems that a user speaks."""
        before, found = self.delay, self._finder.glance()
        if before is not None and found is not None and abs(found - before) > MOVED:
            if abs(found - before) < NEARBY or self._finder.is_plain(found):
                self._finder.delay = found
                self._follow(before)
        return self._settling > 0

    def may_mislead(self) -> bool:
        """Whether what is left of the echo may be more than it was, for that or for sound that was
        lost on the way."""
        return self.has_moved() or self._astray > 0

    def _follow(self, before: float | None) -> None:
        delay, lag, lead = self.delay, self.lag, self.lead
        if delay is None or lag is None or lead is None:
            return
        moved = before is not None and abs(delay - before) > MOVED
        # What begins far from the delay may have learnt it wrong.
        self.lost = self.lost or (before is None and abs(delay) > UNEXPECTED)
        wished = lead
        if moved and before is not None:
            wished = lead + before - delay
        if not SOONEST <= wished + delay <= LATEST:
            wished = AIM - delay
        if wished != lead:
            self._shift(min(wished, max(self._most, lead)))
        if moved:
            self._settling = SETTLING
            # Nearer than it can be followed: what was learnt of it is wrong now.
            self.lost = self.lost or self.lead != wished

    def _keep_up(self, end: float) -> None:
        ready = self.far.end
        if ready is None:
            return
        most = self._most = ready - end - RESERVE
        if self.lead is None:
            self.lead = min(LEAD, most)
        elif self.far.fresh and ready < end + self.lead:
            # A player that has stopped is no reason; one that hands over later is.
            # Nor is one that was kept waiting: what was late by more has not been heard either.
            least = most if self.delay is None else max(most, SOONEST - self.delay)
            if least < self.lead:
                self._shift(least)
        self.far.fresh = False

    def _shift(self, lead: float) -> None:
        self.lead = lead
        self._shifted = True
        if self.delay is not None:
            self._slip()

    def _slip(self) -> None:
        self._settling = max(self._settling, SLIPPED)
        self._astray = ASTRAY
