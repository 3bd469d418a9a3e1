"""Where LiveKit lives: its package knows asyncio only.

An application on asyncio has it on its own loop. For one on trio there is an asyncio loop in a
thread, which lasts as long as anybody has a room there. Nothing waits in a worker thread: who waits
is woken by the other loop.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import anyio
from anyio.from_thread import BlockingPortalProvider

from estuary_audio.ring import Wake
from estuary_proto.errors import ErrorCode, EstuaryError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine

T = TypeVar("T")

_loops = BlockingPortalProvider("asyncio")


class Home(Protocol):
    """How to do something where LiveKit lives."""

    async def call(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """Do it there, and wait for it. Cancelled, it is cancelled there and its end awaited."""
        ...

    def soon(self, function: Callable[..., object], *args: Any) -> None:
        """Do it there, in the order of the calls, and do not wait. It must not wait either."""
        ...

    async def finish(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do it there to its end, even when cancelled; the cancellation goes on after that."""
        ...


@asynccontextmanager
async def at_home() -> AsyncGenerator[Home]:
    """Where LiveKit lives for the event loop that runs here."""
    if not _on_trio():
        yield Here()
        return
    # Some milliseconds, for the first of several; a worker thread would outlive the wait.
    portal = _loops.__enter__()
    try:
        yield There(portal.call(asyncio.get_running_loop))
    finally:
        _loops.__exit__(None, None, None)


def _on_trio() -> bool:
    if "trio" not in sys.modules:
        return False
    import trio

    try:
        trio.lowlevel.current_trio_token()
    except RuntimeError:
        return False  # asyncio, in a program that knows trio too.
    return True


class Here:
    """On the application's own asyncio loop."""

    async def call(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """See Home."""
        return await function(*args)

    def soon(self, function: Callable[..., object], *args: Any) -> None:
        """See Home."""
        function(*args)

    async def finish(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """See Home."""
        work = asyncio.ensure_future(function())
        cancelled: asyncio.CancelledError | None = None
        # A native cancellation goes through a shielded scope.
        with anyio.CancelScope(shield=True):
            while not work.done():
                try:
                    await asyncio.wait({work})
                except asyncio.CancelledError as error:
                    cancelled = error
        work.result()
        if cancelled is not None:
            raise cancelled


class There:
    """On an asyncio loop in another thread, for trio."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    async def call(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """See Home."""
        crossing: _Crossing[T] = _Crossing(function, args)
        self._loop.call_soon_threadsafe(crossing.begin)
        try:
            await crossing.ended.wait()
        except BaseException:
            self._loop.call_soon_threadsafe(crossing.cancel)
            with anyio.CancelScope(shield=True):
                await crossing.ended.wait()
            raise
        return crossing.result()

    def soon(self, function: Callable[..., object], *args: Any) -> None:
        """See Home."""
        self._loop.call_soon_threadsafe(function, *args)

    async def finish(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """See Home."""
        with anyio.CancelScope(shield=True):
            await self.call(function)


class _Crossing(Generic[T]):
    """Something to be done on the other loop, and how it ended.

    `begin` and `cancel` belong to that loop, the rest to the one in which it was made.
    """

    def __init__(
        self, function: Callable[..., Coroutine[Any, Any, T]], args: tuple[Any, ...]
    ) -> None:
        self.ended = anyio.Event()
        self._wake = Wake(self.ended.set)
        self._function = function
        self._args = args
        self._task: asyncio.Future[T] | None = None
        self._value: Any = None
        self._error: BaseException | None = None

    def begin(self) -> None:
        """Start it."""
        self._task = asyncio.ensure_future(self._function(*self._args))
        self._task.add_done_callback(self._done)

    def cancel(self) -> None:
        """Whoever waits does not want it any more."""
        if self._task is not None:
            self._task.cancel()

    def _done(self, task: asyncio.Future[T]) -> None:
        if task.cancelled():
            self._error = EstuaryError(
                "LiveKit's event loop has ended", ErrorCode.CONNECTION_FAILED
            )
        else:
            self._error = task.exception()
            self._value = None if self._error else task.result()
        self._wake()

    def result(self) -> T:
        """What it gave; raises what it raised."""
        if self._error is not None:
            raise self._error
        value: T = self._value
        return value
