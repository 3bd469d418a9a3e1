"""Blocks of a microphone through something that works on frames of 10 ms, and out as they came in.

As many samples come out as went in, at their rate, none lost at an edge: what the work and the
resampling hold back comes with the next block, or with `finish`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from estuary_audio import pcm
from estuary_audio.clock import Clock
from estuary_audio.resample import Resampler
from estuary_proto.errors import ErrorCode, EstuaryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from estuary_audio.chunker import AudioBlock

FRAME = 0.01
"""Seconds of a frame."""

INNER_RATES = (16000, 32000, 48000)


def inner_rate(rate: int) -> int:
    """The rate to work at: the lowest that keeps all of what `rate` can hold."""
    return next(inner for inner in INNER_RATES if inner >= min(rate, INNER_RATES[-1]))


def check_rate(block: AudioBlock, rate: int) -> None:
    """Raise EstuaryError CONFIG_INVALID for a block of another rate than `rate`."""
    if block.rate != rate:
        raise EstuaryError(
            f"the block's rate is {block.rate} Hz, not {rate}: give blocks of one rate",
            ErrorCode.CONFIG_INVALID,
            {"field": "rate"},
        )


class Passage:
    """`work(frame, begin, end)` is given PCM16 at `inner` Hz and the times of its first sample and
    of the one after its last, and gives as many back, `delay` samples later.
    """

    def __init__(self, rate: int, delay: int, work: Callable[[bytes, float, float], bytes]) -> None:
        self.rate = rate
        self.inner: int = inner_rate(rate)
        self.clock: Clock = Clock(self.inner)
        self._delay = delay
        self._work = work
        self._size = round(FRAME * self.inner) * pcm.WIDTH
        self._inlet = Resampler(rate, self.inner)
        self._outlet = Resampler(self.inner, rate)
        self._expected = 0.0
        self._taken = 0  # Samples worked on.
        self._rest = b""
        self._skip = delay
        self._owed = 0  # Samples that went in and have not come out.

    def push(self, audio: bytes, at: float) -> bytes:
        """Take a block of which the first sample was said `at` that time."""
        audio = pcm.whole(audio)
        self._owed += len(audio) // pcm.WIDTH
        self.clock.observe(self._expected, at)
        self._expected += len(audio) / pcm.WIDTH * self.inner / self.rate
        return self._paid(self._outlet.push(self._through(self._inlet.push(audio))))

    def finish(self) -> bytes:
        """What is held back; what is pushed after it begins anew."""
        through = self._through(self._inlet.finish())
        through += self._through(pcm.silence(self._delay) + bytes(self._size))
        rest = self._paid(self._outlet.push(through) + self._outlet.finish())
        rest += pcm.silence(self._owed)
        self._owed, self._rest, self._skip = 0, b"", self._delay
        self._expected = float(self._taken)
        return rest

    def _paid(self, audio: bytes) -> bytes:
        paid = audio[: self._owed * pcm.WIDTH]
        self._owed -= len(paid) // pcm.WIDTH
        return paid

    def _through(self, audio: bytes) -> bytes:
        self._rest += audio
        done: list[bytes] = []
        while len(self._rest) >= self._size:
            frame, self._rest = self._rest[: self._size], self._rest[self._size :]
            done.append(self._worked(frame))
        out = b"".join(done)
        skipped = min(self._skip, len(out) // pcm.WIDTH)
        self._skip -= skipped
        return out[skipped * pcm.WIDTH :]

    def _worked(self, frame: bytes) -> bytes:
        begin = self.clock.time(self._taken)
        self._taken += self._size // pcm.WIDTH
        return self._work(frame, begin, self.clock.time(self._taken))
