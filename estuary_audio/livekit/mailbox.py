"""From where LiveKit lives to whoever reads the events: in order, bounded, from any thread."""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from estuary_audio import pcm
from estuary_audio.livekit.events import BotAudio
from estuary_audio.ring import Wake

if TYPE_CHECKING:
    from estuary_audio.livekit.events import RoomEvent

MAX_EVENTS = 1000
"""How many events that are no sound may wait."""


class Mailbox:
    """Events between one who puts, in any thread, and those who read, in the loop it was made in.

    At most `backlog` seconds of sound wait, and 1000 other events: the oldest go, counted.
    """

    def __init__(self, backlog: float) -> None:
        self.dropped: float = 0.0
        """Seconds of sound that went unread."""
        self.overflow: int = 0
        """Events that are no sound and went unread."""
        self._backlog = backlog
        self._seconds = 0.0
        self._others = 0
        self._items: deque[RoomEvent] = deque()
        self._ended = False
        self._lock = Lock()
        self._wake = Wake(self._woken)
        self._news = anyio.Event()

    def put(self, event: RoomEvent) -> None:
        """Append; nothing more once it has ended."""
        with self._lock:
            if self._ended:
                return
            self._items.append(event)
            self._count(event, 1)
            while self._seconds > self._backlog:
                self.dropped += self._drop(audio=True)
            while self._others > MAX_EVENTS:
                self._drop(audio=False)
                self.overflow += 1
        self._wake()

    def end(self) -> None:
        """Nothing comes after this; what is there can still be read."""
        with self._lock:
            self._ended = True
        self._wake()

    async def next(self) -> RoomEvent | None:
        """The oldest event, waiting for it; None after the end. Cancelled, nothing is taken."""
        # No more than that: a busy loop would get one event a round, and fall behind.
        await anyio.lowlevel.checkpoint_if_cancelled()
        while True:
            # Before what is there is looked at: what comes later sets this one.
            news = self._news
            with self._lock:
                if self._items:
                    event = self._items.popleft()
                    self._count(event, -1)
                    return event
                if self._ended:
                    return None
            await news.wait()

    def _woken(self) -> None:
        self._news.set()
        self._news = anyio.Event()

    def _count(self, event: RoomEvent, sign: int) -> None:
        if isinstance(event, BotAudio):
            self._seconds += sign * seconds(event)
        else:
            self._others += sign

    def _drop(self, *, audio: bool) -> float:
        at = next(i for i, one in enumerate(self._items) if isinstance(one, BotAudio) == audio)
        event = self._items[at]
        del self._items[at]
        self._count(event, -1)
        return seconds(event) if isinstance(event, BotAudio) else 0.0


def seconds(audio: BotAudio) -> float:
    """How long it is."""
    return len(audio.pcm) / pcm.WIDTH / audio.rate
