"""Several voices at once become one sound."""

from __future__ import annotations

from collections import deque

from estuary_audio.extra import numpy as np

AHEAD = 5
"""Frames that a voice may be ahead of the one that sets the pace."""


class Mixer:
    """Frames of equal length from any number of tracks in, their sum out.

    The track that has been there longest sets the pace; LiveKit gives sound for each, silence too,
    as long as it is there.
    """

    def __init__(self) -> None:
        self.dropped: int = 0
        """Frames of tracks that were too far ahead."""
        self._live: list[str] = []
        self._waiting: dict[str, deque[bytes]] = {}

    def begin(self, track: str) -> None:
        """A track is heard."""
        self._live.append(track)
        self._waiting[track] = deque()

    def push(self, track: str, frame: bytes) -> list[bytes]:
        """Take a frame; gives what is complete."""
        waiting = self._waiting[track]
        waiting.append(frame)
        if track != self._live[0]:
            if len(waiting) > AHEAD:
                waiting.popleft()
                self.dropped += 1
            return []
        sums = []
        while waiting:
            sums.append(self._sum())
        return sums

    def end(self, track: str) -> list[bytes]:
        """A track is heard no more; after the last one, what still waits is given."""
        self._live.remove(track)
        sums = []
        while not self._live and any(self._waiting.values()):
            sums.append(self._sum())
        ended = [one for one in self._waiting if one not in self._live]
        for one in ended:
            if not self._waiting[one]:
                del self._waiting[one]
        return sums

    def _sum(self) -> bytes:
        frames = [waiting.popleft() for waiting in self._waiting.values() if waiting]
        if len(frames) == 1:
            return frames[0]
        total = np.zeros(max(map(len, frames)) // 2, np.int32)
        for frame in frames:
            samples = np.frombuffer(frame, dtype="<i2")
            total[: len(samples)] += samples
        mixed: bytes = np.clip(total, -32768, 32767).astype("<i2").tobytes()
        return mixed
