"""What waits to be said in a room: it is taken as the track takes it, in real time (API 5).

Live audio that is not taken in time makes room for newer; all else is refused until there is room.
What was taken last is on its way to the track until the next is asked for.
"""

from __future__ import annotations

from .errors import SendBlocked
from .outbox import ROUNDING


class Track:
    """Holds `backlog` seconds of live audio at most, or one piece of other."""

    def __init__(self, backlog: float) -> None:
        self._backlog = backlog
        self._pieces: list[tuple[bytes, float, bool]] = []
        self._seconds = 0.0
        self._on_its_way = 0.0
        self._refused = False

    def put(self, pcm: bytes, seconds: float, *, live: bool, always: bool) -> tuple[float, int]:
        """Say this behind what waits; returns the seconds and pieces that made room for it.

        Raises SendBlocked for what is neither `live` nor must `always` go while there is none.
        """
        limit = self._backlog + ROUNDING
        if not (live or always) and ROUNDING < self._seconds and self._seconds + seconds > limit:
            self._refused = True
            raise SendBlocked("the room takes sound as it is heard; wait for Writable")
        self._pieces.append((pcm, seconds, live))
        self._seconds += seconds
        gone, count = 0.0, 0
        while live and self._seconds > limit and len(self._pieces) > 1 and self._pieces[0][2]:
            _, old, _ = self._pieces.pop(0)
            self._seconds -= old
            gone, count = gone + old, count + 1
        return gone, count

    def pull(self) -> tuple[bytes | None, bool]:
        """The next piece or None, and whether somebody who was refused may go on."""
        self._seconds -= self._on_its_way
        self._on_its_way = 0.0
        pcm = None
        if self._pieces:
            pcm, self._on_its_way, _ = self._pieces.pop(0)
        again = self._refused and self._seconds * 2 <= self._backlog
        if again:
            self._refused = False
        return pcm, again

    def clear(self) -> tuple[float, int]:
        """Say none of it: the seconds and pieces that were not taken."""
        gone = sum(seconds for _, seconds, _ in self._pieces)
        count = len(self._pieces)
        self._pieces.clear()
        self._seconds = self._on_its_way = 0.0
        return gone, count
