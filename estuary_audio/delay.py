"""By how much the echo comes later than it should, found in the sound itself, and followed."""

from __future__ import annotations

from typing import Any

from estuary_audio.likeness import Likeness

PERIOD = 20
"""Frames of 10 ms between two looks."""

AGREE = 0.004
"""Seconds within which two looks must agree."""

LOOK = 1.0
"""Seconds that are looked at: fewer find a change sooner, more are surer."""


class DelayFinder:
    """Compares what was played and what is heard, frame by frame, both at `rate`."""

    def __init__(self, rate: int) -> None:
        self.delay: float | None = None
        """Seconds from a frame that was played to its echo; None until it is sure."""
        self._likeness = Likeness(rate)
        self._frames = 0
        self._candidate: float | None = None

    def clear(self) -> None:
        """What has been compared is on another time line; what was found is kept until then."""
        self._likeness.clear()
        self._candidate = None

    def feed(self, near: Any, far: Any) -> bool:
        """Take a frame of each, floats; True when the delay has been found anew."""
        self._likeness.feed(near, far)
        self._frames += 1
        if self._frames % PERIOD:
            return False
        found, before = self._likeness.lag(LOOK), self._candidate
        self._candidate = found
        if found is None or before is None or abs(found - before) > AGREE:
            return False
        self.delay = found
        return True
