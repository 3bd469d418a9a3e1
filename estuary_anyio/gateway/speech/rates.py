"""From one sample rate to another, block by block, as if it were one piece.

With soxr where it is installed; otherwise by a windowed sinc of our own, which costs about a
twentieth of the sound's length and keeps what folds back 80 dB down, above 90 % of the band less.
"""

from __future__ import annotations

import importlib
from array import array
from functools import lru_cache
from math import cosh, gcd, pi, sin, sqrt
from operator import mul
from typing import Any, Final, Protocol

TAPS: Final = 48
"""Samples of the slower rate that a sample is made of."""
_BAND: Final = 0.94
"""Of the slower rate's band, up to where half the power is left."""
_BETA: Final = 8.0


class Rates(Protocol):
    """A stream of PCM16 mono at one rate, in; the same at another, out."""

    def push(self, pcm: bytes) -> bytes:
        """What can be told of the sound up to here; `pcm` holds whole samples."""
        ...

    def finish(self) -> bytes:
        """What was held back. Nothing may be pushed behind it."""
        ...


def rates(source: int, target: int) -> Rates:
    """A converter from `source` to `target` Hz."""
    if source == target:
        return Same()
    try:
        return Soxr(source, target)
    except ImportError:
        return Sinc(source, target)


def convert(pcm: bytes, source: int, target: int) -> bytes:
    """A whole sound at another rate."""
    made = rates(source, target)
    return made.push(pcm) + made.finish()


class Same:
    """Between equal rates there is nothing to do."""

    def push(self, pcm: bytes) -> bytes:
        """`pcm`."""
        return pcm

    def finish(self) -> bytes:
        """Nothing."""
        return b""


class Soxr:
    """By soxr, at high quality. Raises ImportError without it and numpy."""

    def __init__(self, source: int, target: int) -> None:
        self._numpy: Any = importlib.import_module("numpy")
        soxr = importlib.import_module("soxr")
        self._stream: Any = soxr.ResampleStream(source, target, 1, "int16", "HQ")

    def push(self, pcm: bytes) -> bytes:
        """See `Rates`."""
        return self._through(pcm, last=False)

    def finish(self) -> bytes:
        """See `Rates`."""
        return self._through(b"", last=True)

    def _through(self, pcm: bytes, *, last: bool) -> bytes:
        samples = self._numpy.frombuffer(pcm, dtype="<i2")
        made: bytes = self._stream.resample_chunk(samples, last=last).astype("<i2").tobytes()
        return made


class Sinc:
    """By the standard library alone."""

    def __init__(self, source: int, target: int) -> None:
        common = gcd(source, target)
        self._step, self._phases = source // common, target // common
        self._bank = _bank(self._step, self._phases)
        self._length = len(self._bank[0])
        # The filter looks half its length ahead; silence lies before the beginning.
        self._kept = array("h", bytes(2 * (self._length // 2)))
        self._at = 0  # The next sample's place, in `_phases`ths of those that are kept.
        self._in = self._out = 0

    def push(self, pcm: bytes) -> bytes:
        """See `Rates`."""
        self._kept.frombytes(pcm)
        self._in += len(pcm) // 2
        kept, length, at, made = self._kept, self._length, self._at, array("h")
        while (first := at // self._phases) + length <= len(kept):
            taps = self._bank[at % self._phases]
            level = round(sum(map(mul, taps, kept[first : first + length])))
            made.append(max(-32768, min(32767, level)))
            at += self._step
        done = min(at // self._phases, len(kept))
        del kept[:done]
        self._at = at - done * self._phases
        self._out += len(made)
        return made.tobytes()

    def finish(self) -> bytes:
        """See `Rates`."""
        wanted = -(-self._in * self._phases // self._step) - self._out
        told = self._in
        rest = self.push(bytes(2 * self._length))
        self._in = told
        return rest[: 2 * wanted]


@lru_cache(maxsize=16)
def _bank(step: int, phases: int) -> tuple[array[float], ...]:
    """The filter's taps for each place between two samples, oldest sample first."""
    slow = min(1.0, phases / step)
    half = int(TAPS / 2 / slow) + 1
    band = slow * _BAND
    bank = []
    for phase in range(phases):
        taps = array("d")
        for tap in range(2 * half):
            x = tap - half - phase / phases
            window = _kaiser(x / half)
            taps.append(window * band * (sin(pi * band * x) / (pi * band * x) if x else 1.0))
        total = sum(taps)
        bank.append(array("d", (tap / total for tap in taps)))
    return tuple(bank)


def _kaiser(x: float) -> float:
    """A window close to Kaiser's, from -1 to 1."""
    return cosh(_BETA * sqrt(1 - x * x)) / cosh(_BETA) if -1 < x < 1 else 0.0
