"""Events as an iterator, and waiting for one of them (API 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import anyio

from .bounded_queue import BoundedQueue

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

T = TypeVar("T")


class Watcher(Protocol):
    """Somebody who is given every event."""

    def put(self, event: Any) -> None:
        """An event has come."""

    def end(self) -> None:
        """No more will come."""


class EventStream(Generic[T]):
    """Events of some classes, in the order of the wire: `async for event in client.events(…)`.

    It listens from the moment it is made, ends when the client has disconnected for good, and may
    be left at any time. A reader that falls 10,000 events behind loses the oldest; `dropped` counts
    them.
    """

    def __init__(self, classes: tuple[type[T], ...], check_thread: Callable[[], None]) -> None:
        self._classes = classes
        self._queue = BoundedQueue()
        self._wake: anyio.Event | None = None
        self._ended = False
        self._check_thread = check_thread

    @property
    def dropped(self) -> int:
        """How many events were lost because nobody took them."""
        return self._queue.dropped

    def put(self, event: Any) -> None:
        """An event has come."""
        if not self._ended and (not self._classes or isinstance(event, self._classes)):
            self._queue.put(event)
            self._notify()

    def end(self) -> None:
        """No more will come; what waits is still given out."""
        self._ended = True
        self._notify()

    def _notify(self) -> None:
        wake, self._wake = self._wake, None
        if wake is not None:
            wake.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while not self._queue:
            if self._ended:
                raise StopAsyncIteration
            self._check_thread()
            if self._wake is None:
                self._wake = anyio.Event()
            await self._wake.wait()
        event: T = self._queue.take()
        return event

    async def aclose(self) -> None:
        """Stop listening."""
        self.end()
        self._queue.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()


class OneEvent(Generic[T]):
    """Waits for the first event of a class that a condition holds for."""

    def __init__(self, wanted: type[T], where: Callable[[T], bool] | None) -> None:
        self._wanted = wanted
        self._where = where
        self._done = anyio.Event()
        self._failed: Exception | None = None
        self.found: T | None = None

    def put(self, event: Any) -> None:
        """An event has come."""
        if self._done.is_set() or not isinstance(event, self._wanted):
            return
        try:
            if self._where is not None and not self._where(event):
                return
        except Exception as error:  # The condition is the caller's: it is told there.
            self._failed = error
        else:
            self.found = event
        self._done.set()

    def end(self) -> None:
        """No more will come."""
        self._done.set()

    async def wait(self) -> T | None:
        """The event, or None when the client has disconnected for good."""
        await self._done.wait()
        if self._failed is not None:
            raise self._failed
        return self.found
