"""From one sample rate to another, block by block, as if it were one piece.

soxr's high quality: what the slower rate cannot hold is 87 dB down, where leaving out samples would
fold it back at full strength.
"""

from __future__ import annotations

from typing import Any

from estuary_audio.extra import numpy as np
from estuary_audio.extra import soxr

QUALITY = "HQ"


class Resampler:
    """A stream of PCM16 mono at one rate, in; the same at another, out.

    The output lags behind by the filter's length (some milliseconds); `finish` gives the rest. With
    equal rates nothing is touched.
    """

    def __init__(self, source: int, target: int) -> None:
        self.source = source
        self.target = target
        self._stream: Any = None

    @property
    def delay(self) -> float:
        """Seconds of sound that were pushed and are held back."""
        return float(self._stream.delay()) / self.target if self._stream is not None else 0.0

    def push(self, pcm: bytes) -> bytes:
        """What can be told of the sound up to here. `pcm` holds whole samples."""
        return pcm if self.source == self.target else self._through(pcm, last=False)

    def finish(self) -> bytes:
        """What was held back; the next `push` begins anew."""
        if self._stream is None:
            return b""
        rest = self._through(b"", last=True)
        self._stream = None
        return rest

    def _through(self, pcm: bytes, *, last: bool) -> bytes:
        if self._stream is None:
            self._stream = soxr.ResampleStream(self.source, self.target, 1, "int16", QUALITY)
        out = self._stream.resample_chunk(np.frombuffer(pcm, dtype="<i2"), last=last)
        data: bytes = out.astype("<i2", copy=False).tobytes()
        return data


def convert(pcm: bytes, source: int, target: int) -> bytes:
    """A whole sound at another rate."""
    resampler = Resampler(source, target)
    return resampler.push(pcm) + resampler.finish()
