"""What a microphone hears, cut into blocks of one length at one rate."""

from __future__ import annotations

from dataclasses import dataclass, field

from estuary_audio import pcm
from estuary_audio.resample import Resampler

BLOCK = 0.02
"""Seconds of a block."""


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """What was said from `at` (monotonic seconds) on: PCM16, little-endian, mono, at `rate` Hz."""

    pcm: bytes = field(repr=False)
    at: float
    rate: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.pcm) / pcm.WIDTH / self.rate


class Chunker:
    """Sound of any rate and number of channels in, blocks of 20 ms mono at `rate` out."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._size = round(BLOCK * rate) * pcm.WIDTH
        self._resampler = Resampler(rate, rate)
        self._rest = b""
        self._end = 0.0
        """When the last of `rest` was said."""

    def push(self, audio: bytes, rate: int, channels: int, at: float) -> None:
        """Take interleaved PCM16 of which the first sample was said `at` that time."""
        mono = pcm.mix_down(audio, channels)
        if rate != self._resampler.source:
            self._rest += self._resampler.finish()
            self._resampler = Resampler(rate, self._rate)
        self._rest += self._resampler.push(mono)
        self._end = at + len(mono) / pcm.WIDTH / rate - self._resampler.delay

    def next(self) -> AudioBlock | None:
        """The next whole block."""
        if len(self._rest) < self._size:
            return None
        return self._cut(self._size)

    def finish(self) -> AudioBlock | None:
        """The rest, shorter than a block or two; what is pushed after it begins anew."""
        held = self._resampler.finish()
        self._rest += held
        self._end += len(held) / pcm.WIDTH / self._rate
        return self._cut(len(self._rest)) if self._rest else None

    def _cut(self, size: int) -> AudioBlock:
        at = self._end - len(self._rest) / pcm.WIDTH / self._rate
        block, self._rest = self._rest[:size], self._rest[size:]
        return AudioBlock(block, at, self._rate)
