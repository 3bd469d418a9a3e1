"""The queue in front of somebody slow: bounded in number and bytes, oldest audio goes first."""

from __future__ import annotations

from collections import deque
from typing import Any

MAX_EVENTS = 10_000
MAX_BYTES = 8 * 2**20


def _audio(event: Any) -> int:
    return len(getattr(event, "audio", None) or "")


class BoundedQueue:
    """Events in order; what does not fit is dropped, oldest audio first, and counted."""

    __slots__ = ("_audio", "_bytes", "_items", "dropped")

    def __init__(self) -> None:
        self._items: deque[tuple[Any, int]] = deque()
        self._bytes = 0
        self._audio = 0
        self.dropped: int = 0

    def __len__(self) -> int:
        return len(self._items)

    def put(self, event: Any) -> None:
        """Add an event, dropping older ones where it would not fit."""
        audio = _audio(event)
        # About what it keeps alive: an object, its text, its audio.
        size = 256 + audio + len(getattr(event, "text", None) or "")
        self._items.append((event, size))
        self._bytes += size
        self._audio += audio > 0
        while len(self._items) > MAX_EVENTS or (self._bytes > MAX_BYTES and len(self._items) > 1):
            self._drop()

    def _drop(self) -> None:
        at = 0
        if self._audio:
            at = next(i for i, (event, _) in enumerate(self._items) if _audio(event))
        self._forget(*self._items[at])
        del self._items[at]
        self.dropped += 1

    def _forget(self, event: Any, size: int) -> None:
        self._bytes -= size
        self._audio -= _audio(event) > 0

    def take(self) -> Any:
        """The oldest event."""
        event, size = self._items.popleft()
        self._forget(event, size)
        return event

    def clear(self) -> None:
        """Forget them all."""
        self._items.clear()
        self._bytes = self._audio = 0
