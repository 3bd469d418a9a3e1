"""The event loop behind a synchronous client: one for each, in a daemon thread of its own.

Shared by several clients (anyio's BlockingPortalProvider), the coroutine functions and callbacks
of one would hold up all others. The thread starts with the first call that waits, and ends with
its client.
"""

from __future__ import annotations

import atexit
import logging
import sys
import threading
import warnings
import weakref
from concurrent.futures import CancelledError, Future
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar

import anyio
from anyio.from_thread import start_blocking_portal

from estuary_proto.config import invalid
from estuary_proto.errors import LocalProtocolError

from .workers import Workers, current_call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from anyio.abc import TaskStatus
    from anyio.from_thread import BlockingPortal

logger: logging.Logger = logging.getLogger("estuary_anyio")

GOODBYE: Final = 10.0
"""Seconds that forgotten clients get when the interpreter exits; each bounds itself to less."""

T = TypeVar("T")

_open: weakref.WeakSet[Loop] = weakref.WeakSet()


class Loop:
    """Runs what is asynchronous for threads that are not, and keeps what it is running alive."""

    def __init__(self, owner: str, backend: str, options: Mapping[str, Any] | None) -> None:
        if backend not in ("asyncio", "trio"):
            raise invalid("backend", f"{backend!r} is none", 'give "asyncio" or "trio"')
        self.owner: str = owner
        self._backend = backend
        self._options = dict(options or {})
        self._lock = threading.RLock()
        self._portal: BlockingPortal | None = None
        self._thread: AbstractContextManager[BlockingPortal] | None = None
        self._ident: int | None = None
        self._over = threading.Event()  # It has no thread, not even one that is ending.
        self._over.set()
        self._life: Future[None] | None = None
        self._end: anyio.Event | None = None
        self.workers: Workers = Workers(self)

    # --- its thread ------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """True while it has a thread that is not ending."""
        return self._thread is not None

    @property
    def is_living(self) -> bool:
        """True between `begin` and `end`, unless it has broken down meanwhile."""
        return self._life is not None and not self._life.done()

    def _start(self) -> BlockingPortal:
        if self._backend == "trio" and _in_trio():  # There it refuses to wait for another thread.
            raise LocalProtocolError(
                f"a {self.owner} on trio cannot be waited for within trio: take "
                'backend="asyncio" there, or what is asynchronous'
            )
        with self._lock:
            if self._portal is None:
                thread = start_blocking_portal(self._backend, self._options)
                try:
                    portal = thread.__enter__()
                except LookupError:  # anyio's, for a backend that is not installed.
                    raise invalid(
                        "backend",
                        f"{self._backend} is not installed",
                        f"pip install 'estuary-anyio[{self._backend}]'",
                    ) from None
                self._over.clear()
                self._thread, self._portal = thread, portal
                self._ident = portal.call(threading.get_ident)
                _open.add(self)
            return self._portal

    # --- calls -----------------------------------------------------------------------------

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call it in the loop, wait for what it returns if that is awaitable, return the result.

        What interrupts the wait, such as KeyboardInterrupt, cancels the call. From a handler it
        is made by the task of that handler.
        """
        call = current_call(self)
        if call is not None:
            return call.request(function, *args)
        if threading.get_ident() == self._ident:
            raise LocalProtocolError(
                "this would wait for the event loop that it runs in: where that runs a coroutine "
                "function, use `client.async_client`"
            )
        future = self.submit(function, *args)
        try:
            return future.result()
        except CancelledError:
            raise LocalProtocolError("the client has ended meanwhile") from None
        finally:
            future.cancel()  # Free when it is done.

    def do(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function that does not wait. Where there is no loop yet, it is called here."""
        if self._portal is None or threading.get_ident() == self._ident:
            return function(*args)
        return self.run(function, *args)

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Call it in the loop, which starts for it; the future has its result."""
        return self._submit(self._start(), function, args)

    def tell(self, function: Callable[..., Any], *args: Any) -> None:
        """Call it in the loop, if there still is one. Raises LocalProtocolError."""
        portal = self._portal
        if portal is None:
            raise LocalProtocolError("the client has ended")
        self._submit(portal, function, args)

    def _submit(
        self, portal: BlockingPortal, function: Callable[..., Any], args: tuple[Any, ...]
    ) -> Future[Any]:
        try:
            future: Future[Any] = portal.start_task_soon(_called, function, args)
        except RuntimeError as error:  # anyio's, for a portal that has been stopped.
            raise LocalProtocolError("the client is ending") from error
        return future

    # --- what lives in it ------------------------------------------------------------------

    def begin(self, thing: AbstractAsyncContextManager[T]) -> T:
        """Enter `thing` in a task of its own, which leaves it at the end; returns what entering
        gives, or raises what it raises."""
        if current_call(self) is not None:
            raise LocalProtocolError(
                "this handler has disconnected and ends with that; connect from elsewhere"
            )
        if self.is_living:
            raise LocalProtocolError(
                f"this {self.owner} is in use already; make one for each `with`"
            )
        if not self.is_running:
            self._over.wait()
        with self._lock:
            portal = self._start()
            try:
                self._life, (self._end, entered) = portal.start_task(self._live, thing)
            except BaseException:
                self.end()
                raise
        given: T = entered
        return given

    async def _live(
        self,
        thing: AbstractAsyncContextManager[T],
        *,
        task_status: TaskStatus[tuple[anyio.Event, T]],
    ) -> None:
        async with thing as entered:
            end = anyio.Event()
            task_status.started((end, entered))
            await end.wait()

    def end(self) -> None:
        """Leave what was entered, then end the thread. Raises what leaving raises.

        From a handler it is begun, and not waited for: the handler would wait for itself.
        """
        waits = current_call(self) is None and threading.get_ident() != self._ident
        with self._lock:
            life, self._life = self._life, None
            thread, self._thread = self._thread, None
        if thread is None:
            if waits:
                self._over.wait()
        elif waits:
            self._leave(thread, life)
        else:
            self._apart(self._leave, thread, life)

    def _leave(
        self, thread: AbstractContextManager[BlockingPortal], life: Future[None] | None
    ) -> None:
        portal, end = self._portal, self._end
        assert portal is not None
        try:
            if life is not None and end is not None:
                portal.start_task_soon(end.set)
                life.result()
        finally:
            portal.call(portal.stop, True)  # Who waits for something still is told that it ended.
            thread.__exit__(None, None, None)
            self._portal = self._ident = None
            self.workers.close()
            _open.discard(self)
            self._over.set()

    def end_soon(self) -> threading.Thread:
        """`end` in a thread of its own."""
        return self._apart(self.end)

    def end_quietly(self) -> None:
        """`end`; what leaving raises is logged."""
        self._quietly(self.end)

    def _apart(self, function: Callable[..., None], *args: Any) -> threading.Thread:
        thread = threading.Thread(target=self._quietly, args=(function, *args), daemon=True)
        thread.start()
        return thread

    def _quietly(self, function: Callable[..., None], *args: Any) -> None:
        try:
            function(*args)
        except Exception:
            logger.exception("a %s has not ended well", self.owner)

    def forgotten(self) -> None:
        """Nobody will close it any more: end, and warn."""
        self.end_soon()
        self.complain()

    def complain(self) -> None:
        """Warn of who did not close it."""
        warnings.warn(
            f"a {self.owner} was never closed: use `with`, or `disconnect()` at its end",
            ResourceWarning,
            stacklevel=3,
        )


def _in_trio() -> bool:
    trio = sys.modules.get("trio")
    return trio is not None and bool(trio.lowlevel.in_trio_run())


async def _called(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    result = function(*args)  # A Receipt may be awaited, and shall not be.
    return await result if iscoroutine(result) else result


@atexit.register
def _say_goodbye() -> None:
    """Threads of a loop are daemons, so that the interpreter may exit: the last chance is here."""
    left = list(_open)
    threads = []
    for loop in left:
        try:
            threads.append(loop.end_soon())
        except RuntimeError:  # Python 3.12 starts none any more; what is waited for has its limits.
            loop.end_quietly()
    for thread in threads:
        thread.join(GOODBYE)
    for loop in left:
        loop.complain()
