"""Several voices at once become one sound."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from estuary_audio.extra import numpy as np

LATE: Final = 0.1
"""Seconds that the other voices wait for one whose next frame has not come."""


@dataclass
class _Voice:
    waiting: deque[tuple[float, bytes]] = field(default_factory=deque)
    """When each frame came, and the frame."""
    present: bool = False
    """Whether the others wait for it: from its first frame, until it is late or over."""
    over: bool = False


class Mixer:
    """Frames of equal length from any number of tracks in, their sum out; none is dropped.

    LiveKit gives sound for all tracks at one pace, silence too, but a loop that was busy takes what
    came meanwhile of one track after the other: so frames wait for those of the other tracks. A
    track that gives nothing for `LATE` seconds is not waited for until it gives again.
    """

    def __init__(self) -> None:
        self._voices: dict[str, _Voice] = {}

    def begin(self, track: str) -> None:
        """A track is heard."""
        before = self._voices.pop(track, None)
        if before is not None:  # Over, and some of it still waits.
            self._voices[f"{track} {id(before)}"] = before
        self._voices[track] = _Voice()

    def push(self, track: str, frame: bytes, now: float) -> list[bytes]:
        """Take a frame that came at `now` (monotonic seconds); gives what is complete."""
        voice = self._voices[track]
        voice.present = True
        voice.waiting.append((now, frame))
        sums = self._complete()
        while any(one.waiting and now - one.waiting[0][0] > LATE for one in self._voices.values()):
            for one in self._voices.values():
                one.present = one.present and bool(one.waiting)
            sums += self._complete()
        return sums

    def end(self, track: str) -> list[bytes]:
        """A track is heard no more, but for what waits of it; gives what had waited for it."""
        voice = self._voices[track]
        voice.over, voice.present = True, False
        return self._complete()

    def _complete(self) -> list[bytes]:
        """All sums that nobody present is missing in."""
        sums = []
        while any(one.waiting for one in self._voices.values()) and not any(
            one.present and not one.waiting for one in self._voices.values()
        ):
            sums.append(self._sum())
        for name in [name for name, one in self._voices.items() if one.over and not one.waiting]:
            del self._voices[name]
        return sums

    def _sum(self) -> bytes:
        frames = [one.waiting.popleft()[1] for one in self._voices.values() if one.waiting]
        if len(frames) == 1:
            return frames[0]
        total = np.zeros(max(map(len, frames)) // 2, np.int32)
        for frame in frames:
            samples = np.frombuffer(frame, dtype="<i2")
            total[: len(samples)] += samples
        mixed: bytes = np.clip(total, -32768, 32767).astype("<i2").tobytes()
        return mixed
