"""Who listens to what, and how events reach them (API 4).

Reading never waits for handlers. A plain function is called at once, in wire order. A coroutine
function has a bounded queue and one task of its own, woken once for all that has come: its calls
keep their order, and its slowness is nobody else's.
"""

from __future__ import annotations

import inspect
import logging
import weakref
from typing import TYPE_CHECKING, Any

import anyio

from estuary_proto.errors import EstuaryError
from estuary_proto.events import Fault, ListenerOverflow

from . import names
from .bounded_queue import BoundedQueue
from .conceal import conceal_keys

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .streams import Watcher

logger: logging.Logger = logging.getLogger("estuary_anyio")


class Listener:
    """One handler of one name, and the queue in front of it."""

    __slots__ = (
        "arguments", "busy", "handler", "is_async", "name", "once", "queue", "removed", "scope",
        "task", "wake", "where",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        handler: Callable[..., Any],
        once: bool,
        where: Callable[[Any], bool] | None = None,
    ) -> None:
        self.name: str = name
        self.handler: Callable[..., Any] = handler
        self.once: bool = once
        self.where: Callable[[Any], bool] | None = where
        self.arguments: Callable[[Any], tuple[Any, ...]] = names.arguments(name)
        call = type(handler).__call__ if not inspect.isroutine(handler) else None
        self.is_async = inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(call)
        self.queue: BoundedQueue = BoundedQueue()
        self.removed: bool = False
        self.busy: bool = False
        self.task: int | None = None
        self.wake: anyio.Event | None = None
        self.scope: anyio.CancelScope | None = None

    @property
    def working(self) -> bool:
        """True while calls are under way or due."""
        return self.busy or bool(self.queue)

    def args(self, event: Any) -> tuple[Any, ...]:
        """What an event of its name means for the handler."""
        return event.args if type(event) is Emitted else self.arguments(event)

    def wants(self, event: Any) -> bool:
        """Whether its condition holds for this event."""
        return self.where is None or self.where(*self.args(event))

    def call(self, event: Any) -> Any:
        """Call the handler."""
        return self.handler(*self.args(event))


class Emitted:
    """Arguments that the user emitted, in place of an event."""

    __slots__ = ("args",)

    def __init__(self, args: tuple[Any, ...]) -> None:
        self.args: tuple[Any, ...] = args


class _Pending:
    """What a plain function returned to be awaited."""

    __slots__ = ("awaitable",)

    def __init__(self, awaitable: Awaitable[Any]) -> None:
        self.awaitable = awaitable


class Listeners:
    """All listeners of one client. `start` is told of a listener whose task should run `serve`;
    `report` gets the events that begin here, and brings them to `tell`."""

    def __init__(
        self, start: Callable[[Listener], None], report: Callable[[Any], None] | None = None
    ) -> None:
        self._start = start
        self._report = report or self.tell
        self._by_name: dict[str, list[Listener]] = {}
        # Who gets an event of a name, "*" included; found once, forgotten at each change.
        self._routes: dict[str, tuple[Listener, ...]] = {}
        self._watchers: weakref.WeakSet[Watcher] = weakref.WeakSet()
        self._active: set[Listener] = set()
        self._rested: anyio.Event | None = None

    # --- registration ----------------------------------------------------------------------

    def add(
        self,
        name: str,
        handler: Callable[..., Any],
        *,
        once: bool = False,
        where: Callable[[Any], bool] | None = None,
    ) -> None:
        """Call `handler` for every event of this name (that `where` holds for), or for one only."""
        names.check(name)
        if not callable(handler):
            raise TypeError(f"the handler of {name!r} is {type(handler).__name__}, not callable")
        self._by_name.setdefault(name, []).append(Listener(name, handler, once, where))
        self._routes.clear()

    def remove(self, name: str, handler: Callable[..., Any]) -> None:
        """No later call starts. A handler that is not registered is fine."""
        # A `once` that waits for its call is in no list any more, but at work.
        working = [one for one in self._active if one.name == name]
        for listener in (*self._by_name.get(names.check(name), ()), *working):
            if listener.handler == handler:
                self._remove(listener)

    def remove_all(self, name: str | None = None) -> None:
        """Remove every listener, or those of one name."""
        for key in list(self._by_name) if name is None else [names.check(name)]:
            for listener in list(self._by_name.get(key, ())):
                self._remove(listener)

    def count(self, name: str) -> int:
        """How many listeners a name has."""
        return len(self._by_name.get(names.check(name), ()))

    def watch(self, watcher: Watcher) -> None:
        """Give every event to `watcher` too, for as long as somebody else holds it."""
        self._watchers.add(watcher)

    def end_watching(self) -> None:
        """Nothing more will come for those who watch."""
        for watcher in list(self._watchers):
            watcher.end()

    def _remove(self, listener: Listener) -> None:
        self._take_out(listener)
        listener.removed = True
        listener.queue.clear()
        if listener.wake is not None:
            listener.wake.set()

    def _take_out(self, listener: Listener) -> None:
        registered = self._by_name[listener.name]
        if listener in registered:
            registered.remove(listener)
            self._routes.clear()

    # --- dispatch --------------------------------------------------------------------------

    def tell(self, event: Any) -> None:
        """Bring one event to everybody who listens for it."""
        name = event.NAME
        if self._watchers:
            for watcher in list(self._watchers):
                watcher.put(event)
        route = self._routes.get(name)
        if route is None:
            everyone = (*names.ALIASES.get(name, (name,)), names.EVERYTHING)
            route = tuple(one for key in everyone for one in self._by_name.get(key, ()))
            self._routes[name] = route
        for listener in route:
            self._deliver(listener, event)
        if not route and name == "error":
            logger.warning("! %s", conceal_keys(str(event.error)))

    def emit(self, name: str, *args: Any) -> None:
        """Call the handlers of one name with arguments of one's own choice."""
        for listener in list(self._by_name.get(names.check(name), ())):
            self._deliver(listener, Emitted(args))

    def _deliver(self, listener: Listener, event: Any) -> None:
        if listener.removed:  # By a handler before it.
            return
        if not listener.wants(event):
            return
        if listener.once:
            listener.removed = True
            self._take_out(listener)
        if listener.is_async or listener.busy or listener.queue:
            self._enqueue(listener, event)
            return
        try:
            result = listener.call(event)
        except Exception as error:
            self._failed(listener, error)
        else:
            if result is not None and inspect.isawaitable(result):
                self._enqueue(listener, _Pending(result))

    def _enqueue(self, listener: Listener, event: Any) -> None:
        queue = listener.queue
        before = queue.dropped
        queue.put(event)
        if listener.wake is not None:
            listener.wake.set()
        elif listener not in self._active:
            self._active.add(listener)
            self._start(listener)
        # Told at the first drop and at each doubling: a report must not be a flood itself.
        if queue.dropped > before and (before == 0 or queue.dropped & (queue.dropped - 1) == 0):
            logger.warning(
                "! a listener of %r is too slow: %d dropped", listener.name, queue.dropped
            )
            if listener.name not in ("listener_overflow", names.EVERYTHING):
                self._report(ListenerOverflow(listener.name, queue.dropped))

    def _failed(self, listener: Listener, error: Exception) -> None:
        """A handler raised: log it and tell it; the others go on."""
        what = getattr(listener.handler, "__qualname__", repr(listener.handler))
        logger.error("! the handler %s of %r raised", what, listener.name, exc_info=error)
        if listener.name not in ("error", names.EVERYTHING):
            text = f"the handler {what} of {listener.name!r} raised {type(error).__name__}: {error}"
            fault = EstuaryError(text, details={"event": listener.name})
            fault.__cause__ = error
            self._report(Fault(fault))

    # --- the task of a listener ------------------------------------------------------------

    def resume(self) -> None:
        """Tasks can run from now on: start those of listeners that have been given something."""
        for listener in self._active:
            self._start(listener)

    def halt(self) -> None:
        """No task runs any more: forget what waits for one."""
        for listener in self._active:
            listener.queue.clear()
        self._active.clear()

    async def serve(self, listener: Listener) -> None:
        """Call a listener's handler for what waits and for what comes, until it is removed."""
        listener.task = anyio.get_current_task().id
        try:
            with anyio.CancelScope() as listener.scope:
                while True:
                    while listener.queue:
                        await self._call(listener, listener.queue.take())
                    if listener.removed:
                        return
                    self._rest()
                    listener.wake = anyio.Event()
                    await listener.wake.wait()
                    listener.wake = None
        finally:
            self._active.discard(listener)
            listener.queue.clear()
            listener.wake = listener.scope = listener.task = None
            self._rest()

    async def _call(self, listener: Listener, event: Any) -> None:
        listener.busy = True
        try:
            result = event.awaitable if type(event) is _Pending else listener.call(event)
            if inspect.isawaitable(result):
                await result
        except Exception as error:
            self._failed(listener, error)
        finally:
            listener.busy = False

    def _rest(self) -> None:
        if self._rested is not None:
            self._rested.set()

    def is_served_by(self, task: int) -> bool:
        """True when this task is running one of our handlers."""
        return any(one.task == task for one in self._active)

    async def rest(self, within: float) -> None:
        """Let running handlers finish for so many seconds at most, then cancel them.

        A handler that calls this itself is not waited for, nor cancelled.
        """
        mine = anyio.get_current_task().id
        with anyio.move_on_after(within):
            while any(one.working for one in self._active if one.task != mine):
                if self._rested is None or self._rested.is_set():
                    self._rested = anyio.Event()
                await self._rested.wait()
        for one in self._active:
            if one.working and one.task != mine and one.scope is not None:
                one.scope.cancel()
