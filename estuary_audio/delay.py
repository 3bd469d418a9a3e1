"""By how much the echo comes later than it should, found in the sound itself, and followed."""

from __future__ import annotations

from typing import Any

from estuary_audio.likeness import Likeness

PERIOD = 10
"""Frames of 10 ms between two looks."""

AGREE = 0.004
"""Seconds within which two looks must agree."""

SURE = 11.0
"""How far the peak of a look must stand out."""

NEAR = 0.001
"""Seconds by which the same way may seem to differ."""

BETTER = 2.0
"""How much more another way must explain than the one that is known."""

GLANCE = 0.2
"""Seconds that are looked at when a change is suspected."""

PLAIN = 0.6
"""How much, when it is far from where it has been."""

SHARE = 0.3
"""How much of what is heard must be the echo, for a glance to be believed."""


class DelayFinder:
    """Compares what was played and what is heard, frame by frame, both at `rate`."""

    def __init__(self, rate: int) -> None:
        self.delay: float | None = None
        """Seconds by which the echo comes later than the devices tell; None until it is sure."""
        self._likeness = Likeness(rate)
        self._frames = 0
        self._candidate: float | None = None

    def clear(self) -> None:
        """What has been compared is on another time line; what was found is kept."""
        self._likeness.clear()
        self._candidate = None

    def feed(self, near: Any, far: Any, lead: float) -> bool:
        """Take a frame of each, floats; `far` was for `lead` seconds later.

        True when the delay has been found anew.
        """
        self._likeness.feed(near, far, lead)
        self._frames += 1
        if self._frames % PERIOD:
            return False
        found, before = self._likeness.lag(sure=SURE), self._candidate
        self._candidate = found
        if found is None or before is None or abs(found - before) > AGREE:
            return False
        if not self._is_better(found):
            return False
        self.delay = found
        return True

    def _is_better(self, found: float) -> bool:
        """Whether it is another way, and no reflection of the one that is known."""
        if self.delay is None or abs(found - self.delay) <= NEAR:
            return True
        new, old = (self._likeness.share(delay, GLANCE) for delay in (found, self.delay))
        return new > BETTER * old

    def glance(self) -> float | None:
        """Where the echo is at this moment, if it is most of what is heard."""
        found = self._likeness.lag(GLANCE)
        if found is None or self._likeness.share(found, GLANCE) < SHARE:
            return None
        return found if self._is_better(found) else self.delay

    def is_plain(self, found: float) -> bool:
        """Whether most of what is heard is the echo there."""
        return self._likeness.share(found, GLANCE) > PLAIN
