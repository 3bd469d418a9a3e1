"""Threads in which the plain functions of a synchronous client's user are called.

A plain function may take its time, and may call the client. So it is called in no event loop, but
in a thread; meanwhile the task of its listener makes the calls that it asks for.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from concurrent.futures import Future
from functools import update_wrapper
from inspect import iscoroutine, iscoroutinefunction, isroutine
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import anyio

from estuary_proto.errors import EstuaryError, LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .loop import Loop

logger: logging.Logger = logging.getLogger("estuary_anyio")

_here = threading.local()


def current_call(loop: Loop) -> Call | None:
    """The handler's call that this thread is making for a client of `loop`."""
    call: Call | None = getattr(_here, "call", None)
    return call if call is not None and call.loop is loop else None


class Call:
    """One call of a handler: made in a thread, followed by the task of its listener."""

    def __init__(self, loop: Loop, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.loop: Loop = loop
        self._function = function
        self._args = args
        self._requests: deque[tuple[Callable[..., Any], tuple[Any, ...], Future[Any]]] = deque()
        self._result: Future[Any] = Future()
        self._over = False
        self._news = anyio.Event()

    # --- in the thread ---------------------------------------------------------------------

    def make(self) -> None:
        """Make the call."""
        _here.call = self
        try:
            self._result.set_result(self._function(*self._args))
        except Exception as error:
            self._result.set_exception(error)
        except BaseException as error:  # Of `sys.exit` there is nothing to end here.
            self._result.set_exception(EstuaryError(f"the handler raised {error!r}"))
        finally:
            _here.call = None
        self._tell(self._finished)

    def request(self, function: Callable[..., Any], *args: Any) -> Any:
        """Let the listener's task make a call of the client; returns what that returns."""
        future: Future[Any] = Future()
        self._tell(self._asked, function, args, future)
        return future.result()

    def _tell(self, what: Callable[..., object], *args: Any) -> None:
        try:
            self.loop.tell(what, *args)
        except LocalProtocolError:  # Its loop has gone without it.
            for one in args:
                if isinstance(one, Future):
                    one.set_exception(_too_late())

    # --- in the loop -----------------------------------------------------------------------

    def _finished(self) -> None:
        self._news.set()

    def _asked(
        self, function: Callable[..., Any], args: tuple[Any, ...], future: Future[Any]
    ) -> None:
        if self._over:
            future.set_exception(_too_late())
            return
        self._requests.append((function, args, future))
        self._news.set()

    async def follow(self) -> Any:
        """Make the calls that it asks for until it is done; returns or raises what it does."""
        try:
            while True:
                while self._requests:
                    await self._serve(*self._requests.popleft())
                if self._result.done():
                    return self._result.result()
                self._news = anyio.Event()
                await self._news.wait()
        finally:
            self._over = True
            for _, _, future in self._requests:
                future.set_exception(_too_late())

    async def _serve(
        self, function: Callable[..., Any], args: tuple[Any, ...], future: Future[Any]
    ) -> None:
        try:
            result = function(*args)
            future.set_result(await result if iscoroutine(result) else result)
        except Exception as error:
            future.set_exception(error)
        except BaseException:
            future.set_exception(_too_late())
            raise


def _too_late() -> LocalProtocolError:
    return LocalProtocolError("the client has disconnected, and this handler was cancelled")


class Workers:
    """The threads of one loop: as many as handlers are at work at once, used again and again."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[Call | None]] = []
        self._epoch = 0

    async def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function in a thread, and be at its service; returns or raises what it does."""
        call = Call(self._loop, function, args)
        with self._lock:
            queue = self._idle.pop() if self._idle else None
        if queue is None:
            queue = SimpleQueue()
            name = f"estuary handler of {self._loop.owner}"
            threading.Thread(
                target=self._work, args=(queue, self._epoch), name=name, daemon=True
            ).start()
        queue.put(call)
        return await call.follow()

    def _work(self, queue: SimpleQueue[Call | None], epoch: int) -> None:
        while (call := queue.get()) is not None:
            call.make()
            del call  # An idle thread holds nobody's things.
            with self._lock:
                if epoch != self._epoch:
                    return
                self._idle.append(queue)

    def close(self) -> None:
        """End the threads: the idle ones now, the others with their calls."""
        with self._lock:
            self._epoch += 1
            idle, self._idle = self._idle, []
        for queue in idle:
            queue.put(None)


class Handler:
    """A plain function as a handler of the client beneath: a coroutine function, which calls it."""

    def __init__(self, workers: Workers, function: Callable[..., Any]) -> None:
        self._workers = workers
        self._function = function
        update_wrapper(self, function)

    async def __call__(self, *args: Any) -> Any:
        """Call it, and await what it returns if that is a coroutine."""
        result = await self._workers.call(self._function, *args)
        return await result if iscoroutine(result) else result

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Handler) and other._function == self._function

    def __hash__(self) -> int:
        return hash(self._function)


class Lane:
    """Calls a function in a thread, in order, for somebody who does not wait for it.

    The thread ends when there is nothing to call, and comes back with the next call.
    """

    def __init__(self, function: Callable[[Any], object]) -> None:
        self._function = function
        self._waiting: deque[object] = deque()
        self._lock = threading.Lock()
        self._working = False

    def __call__(self, event: object) -> None:
        """Call the function soon."""
        with self._lock:
            self._waiting.append(event)
            if self._working:
                return
            self._working = True
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._working = False
                    return
                event = self._waiting.popleft()
            try:
                self._function(event)
            except Exception:
                logger.exception("%r has failed with %r", self._function, event)


def in_order(function: Callable[[Any], object] | None) -> Callable[[Any], object] | None:
    """A plain function as a lane; what runs in the loop, and no function, as it is."""
    return function if function is None or is_async(function) else Lane(function)


def is_async(function: object) -> bool:
    """Whether calling it gives a coroutine: a coroutine function, or an object that is one."""
    call = None if isroutine(function) else type(function).__call__
    return iscoroutinefunction(function) or iscoroutinefunction(call)
