"""What the loudspeaker plays, kept for a while, to be read by the time at which it is heard.

The sound card's thread only appends to a bounded ring; all else happens where it is read. It is
read at the reader's rate and clock: each value is made of the samples around its moment (a windowed
sinc), so that two clocks that run apart stay together, and nothing is held back by a filter.
"""

from __future__ import annotations

from typing import Any

from estuary_audio.clock import JUMP, STEP, Clock
from estuary_audio.extra import numpy as np
from estuary_audio.ring import Ring
from estuary_audio.samples import floats

KEPT = 2.0
"""Seconds of sound that are kept."""

BLOCKS = 1000
"""Blocks that may wait to be looked at."""

REACH = 12
"""Periods of the reader's rate, or the device's if that is lower, to each side of a moment."""

PASS = 0.94
"""How much of what the lower rate can hold gets through."""

PHASES = 512
"""How many places from one sample to the next are told apart: 50 dB and better."""

SMOOTH = 0.001
"""Seconds of difference that are closed within a frame; more is a jump."""


class FarEnd:
    """The loudspeaker's sound, read at `rate`, on a line of samples that its device's clock times.

    `put` may be called from any thread; all else belongs to one.
    """

    def __init__(self, rate: int) -> None:
        self.rate: int = rate
        self.fresh: bool = False
        """Whether something has come since this was last set to False."""
        self.slipped: bool = False
        """Whether the device has stood still, or lost some sound, since this was set to False."""
        self._ring: Ring[tuple[bytes, int, float]] = Ring(BLOCKS)
        self._begin(rate)

    def _begin(self, device_rate: int) -> None:
        self._device_rate = device_rate
        self.clock: Clock = Clock(device_rate)
        self._samples: Any = None
        self._base = 0  # The position of the first sample that is kept.
        self._next: float | None = None  # Where the last read ended.
        self._table: Any = None

    def put(self, audio: bytes, rate: int, at: float) -> None:
        """Take a block of PCM16 mono at `rate` that will be heard `at` that time."""
        self._ring.put((audio, rate, at))

    def clear(self) -> None:
        """Forget all that was played, and its clock."""
        self._ring.clear()
        self._begin(self._device_rate)

    def settle(self) -> None:
        """Look at what has come."""
        while (item := self._ring.take()) is not None:
            self._take(*item)

    def _take(self, audio: bytes, rate: int, at: float) -> None:
        self.fresh = True
        if rate != self._device_rate:
            self._begin(rate)
        if self._samples is None:
            self._samples = np.zeros(0, np.float32)
        else:
            off = abs(at - self.clock.time(self._stop))
            self.slipped = self.slipped or off > STEP
            if off > JUMP:
                self._go_on_at(round(self.clock.position(at)))
        self.clock.observe(self._stop, at)
        self._append(floats(audio))

    def _go_on_at(self, place: int) -> None:
        """Silence up to there; or, if that has been, what was to follow is not heard."""
        kept = place - self._base
        gap = place - self._stop
        if 0 < gap <= KEPT * self._device_rate:
            self._append(np.zeros(gap, np.float32))
        elif 0 <= kept <= len(self._samples):
            self._samples = self._samples[:kept]
        else:
            self._samples, self._base = np.zeros(0, np.float32), place

    def _append(self, samples: Any) -> None:
        joined = np.concatenate([self._samples, samples])
        spare = max(0, len(joined) - round(KEPT * self._device_rate))
        self._samples = joined[spare:]
        self._base += spare

    @property
    def _stop(self) -> int:
        return self._base + len(self._samples)

    @property
    def end(self) -> float | None:
        """Until which time it can be read; None without any sound."""
        if self._samples is None:
            return None
        return self.clock.time(self._stop) - REACH / min(self.rate, self._device_rate)

    def read(self, begin: float, end: float, size: int) -> tuple[Any, bool]:
        """`size` values from `begin` to `end`, floats of -1 to 1, and whether time has jumped.

        What is not there is silence. Consecutive reads join without a seam.
        """
        if self._samples is None:
            return np.zeros(size, np.float32), False
        start, stop = self.clock.position(begin), self.clock.position(end)
        last, self._next = self._next, stop
        jumped = last is None or abs(start - last) > SMOOTH * self._device_rate
        if not jumped and last is not None:
            start = last
        places = start + (stop - start) / size * np.arange(size) - self._base
        return self._between(places), jumped

    def _between(self, places: Any) -> Any:
        if self._table is None:
            self._table = _weights(self._device_rate, self.rate)
        width = self._table.shape[1] // 2
        whole = np.floor(places).astype(np.int64)
        phases = np.rint((places - whole) * PHASES).astype(np.int64)
        first = int(whole[0]) - width + 1
        around = np.zeros(int(whole[-1]) - int(whole[0]) + 2 * width, np.float32)
        low, high = max(first, 0), min(first + len(around), len(self._samples))
        if low < high:
            around[low - first : high - first] = self._samples[low:high]
        views = np.lib.stride_tricks.sliding_window_view(around, 2 * width)
        return np.einsum("ij,ij->i", views[whole - whole[0]], self._table[phases])


def _weights(source: int, target: int) -> Any:
    """For each phase, the weights of the samples around: a sinc under a Kaiser window."""
    cutoff = min(1.0, target / source)
    width = round(REACH / cutoff)
    cutoff = PASS * cutoff if target < source else 1.0
    phase = np.arange(PHASES + 1)[:, None] / PHASES
    distance = np.arange(1 - width, 1 + width)[None, :] - phase
    inside = np.clip(1 - (distance / width) ** 2, 0, None)
    window = np.i0(8.0 * np.sqrt(inside)) / np.i0(8.0)
    weights = cutoff * np.sinc(cutoff * distance) * window
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
