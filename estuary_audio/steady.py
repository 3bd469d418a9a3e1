"""The device's time on our clock, without the jitter of the moments at which we are asked."""

from __future__ import annotations

from collections import deque

JUMP = 0.05
"""Seconds by which a time may be off before it is believed at once: the stream has stood still."""

SLIP = 0.002
"""Seconds by which a time may be off and be jitter, at least. More is believed when it is told
twice: some sound was lost, or silence was played instead."""

JITTER, USUAL, FORGET = 0.01, 4.0, 0.02
"""Seconds of jitter that are taken for granted at first; how many times what is seen on average is
still usual; and how quickly that average follows."""

GAIN = 0.05
"""How much of each difference is believed; follows clocks that run apart within a second or so."""

WATCHED = 100
"""Calls from which it is known how our clock and the device's compare: two seconds."""


class Steady:
    """Times of consecutive blocks, each where the one before ended, but for slow corrections."""

    def __init__(self) -> None:
        self._next: float | None = None
        self._count = 0
        self._off: float | None = None
        self._jitter = JITTER

    def time(self, measured: float, seconds: float) -> float:
        """The time of a block that takes `seconds`, measured to begin at `measured`."""
        off = 0.0 if self._next is None else measured - self._next
        slip = max(SLIP, USUAL * self._jitter)
        before, self._off = self._off, off if abs(off) > slip else None
        slipped = before is not None and abs(off - before) < slip < abs(off)
        self._jitter += FORGET * (min(abs(off), JITTER) - self._jitter)
        if self._next is None or abs(off) > JUMP or slipped:
            at, self._count, self._off = measured, 1, None
        elif self._off is not None:
            at = self._next
        else:
            # At first, the mean of what has been measured.
            self._count += 1
            at = self._next + max(GAIN, 1 / self._count) * off
        self._next = at + seconds
        return at


class Translation:
    """From the device's clock to ours, though we are called late now and then."""

    def __init__(self) -> None:
        self._apart: deque[float] = deque(maxlen=WATCHED)
        self._last = 0.0

    def ours(self, now: float, theirs: float) -> float:
        """What our clock said at the moment that `theirs` names, at which we should have been
        called; it is `now`."""
        if theirs <= self._last:
            # A clock that stands still, as some drivers have, or has been set.
            self._apart.clear()
        self._last = theirs
        self._apart.append(now - theirs)
        apart = min(self._apart)
        if now - theirs - apart > 1.0:
            self._apart.clear()
            return now
        return theirs + apart
