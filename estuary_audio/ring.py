"""From the thread of the sound card to the event loop: a bounded ring, and one wake for many.

The sound card's thread never waits for the loop: it appends and goes. When the loop does not keep
up, the oldest goes, and is counted.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def _to_loop() -> Callable[[Callable[[], None]], Any]:
    """How another thread calls into the event loop that runs here and now, without waiting."""
    if "trio" in sys.modules:
        import trio

        try:
            return trio.lowlevel.current_trio_token().run_sync_soon
        except RuntimeError:
            pass  # asyncio, in a program that knows trio too.
    return asyncio.get_running_loop().call_soon_threadsafe


class Wake:
    """Calls `woken` in the event loop in which it was made, once for all calls before it runs."""

    def __init__(self, woken: Callable[[], None]) -> None:
        self._soon = _to_loop()
        self._woken = woken
        self._pending = False

    def __call__(self) -> None:
        """Wake, from any thread. Free when the loop has been woken already, or has ended."""
        if self._pending:
            return
        self._pending = True
        try:
            self._soon(self._run)
        except RuntimeError:
            pass  # asyncio's loop is closed, trio's has finished: nobody is left to be woken.

    def _run(self) -> None:
        # Before what is there is looked at: what comes later wakes again.
        self._pending = False
        self._woken()


class Ring(Generic[T]):
    """At most `capacity` items between one thread that puts and one that takes."""

    def __init__(self, capacity: int) -> None:
        self._items: deque[T] = deque()
        self._capacity = capacity
        self.dropped: int = 0
        """How many items went unread since the start."""

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Append; the oldest goes when there is no room."""
        if len(self._items) >= self._capacity:
            try:
                self._items.popleft()
                self.dropped += 1
            except IndexError:
                pass  # The reader has been quicker.
        self._items.append(item)

    def take(self) -> T | None:
        """The oldest, or None."""
        try:
            return self._items.popleft()
        except IndexError:
            return None

    def clear(self) -> None:
        """Forget what waits; that is no loss, and not counted."""
        self._items.clear()
