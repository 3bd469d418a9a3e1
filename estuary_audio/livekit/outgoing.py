"""What waits to be sent: sound of any length in, frames of 10 ms out, nothing lost at the edges."""

from __future__ import annotations

from collections import deque

from estuary_audio import pcm
from estuary_audio.resample import Resampler

FRAME = 0.01
"""Seconds of a frame, as WebRTC wants them."""

RATES = (8000, 16000, 24000, 32000, 44100, 48000)
"""Rates at which 10 ms are whole samples and which WebRTC takes as they are."""

TOP_RATE = RATES[-1]


def native_rate(rate: int) -> int:
    """The rate at which LiveKit is given, or gives, sound of `rate` Hz."""
    return rate if rate in RATES else TOP_RATE


class Outgoing:
    """Sound of `rate` Hz that waits, as frames at `native` Hz."""

    def __init__(self, rate: int) -> None:
        self.native: int = native_rate(rate)
        self._resampler = Resampler(rate, self.native)
        self._size = round(FRAME * self.native) * pcm.WIDTH
        self._frames: deque[bytes] = deque()
        self._rest = b""

    @property
    def waiting(self) -> float:
        """Seconds of whole frames that wait."""
        return len(self._frames) * FRAME

    def push(self, audio: bytes) -> None:
        """Append; what makes no whole frame waits for the next, or for `finish`."""
        self._cut(self._resampler.push(pcm.whole(audio)))

    def finish(self) -> None:
        """What makes no whole frame is filled with silence."""
        self._cut(self._resampler.finish())
        if self._rest:
            self._frames.append(self._rest.ljust(self._size, b"\0"))
            self._rest = b""

    def take(self) -> bytes | None:
        """The oldest frame."""
        return self._frames.popleft() if self._frames else None

    def shorten(self, longest: float) -> float:
        """Forget the oldest until no more than `longest` seconds wait; how many were forgotten."""
        forgotten = 0.0
        while self.waiting > longest + FRAME / 2:
            self._frames.popleft()
            forgotten += FRAME
        return forgotten

    def clear(self) -> None:
        """Forget all."""
        self._resampler.finish()
        self._frames.clear()
        self._rest = b""

    def _cut(self, audio: bytes) -> None:
        self._rest += audio
        stop = len(self._rest) - len(self._rest) % self._size
        self._frames.extend(self._rest[i : i + self._size] for i in range(0, stop, self._size))
        self._rest = self._rest[stop:]
