"""The part of the client that others listen to: handlers by name, events by class (API 3, 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import anyio

from estuary_proto.errors import ConnectionLost, WaitTimeout

from ..names import check
from ..streams import EventStream, OneEvent
from .driving import Driving

if TYPE_CHECKING:
    from collections.abc import Callable

    from estuary_proto.models.conversation import CharacterAction

    from ..handlers import Register
    from ..listeners import Listeners

T = TypeVar("T")
R = TypeVar("R")


class Listening(Driving):
    """What `EstuaryClient` offers to those who want to be told."""

    _listeners: Listeners

    if TYPE_CHECKING:
        on: Register
        once: Register
    else:

        def on(self, name: str, handler: Any = None) -> Any:
            """Call `handler` for every event of this name; also a decorator. `"*"` is every event.

            Plain functions are called at once, coroutine functions one call after the other in a
            task of their own. An unknown name raises ValueError with the nearest one.
            """
            return self._listen(name, handler, once=False)

        def once(self, name: str, handler: Any = None) -> Any:
            """Like `on`, for the next event only."""
            return self._listen(name, handler, once=True)

    def _listen(self, name: str, handler: Any, *, once: bool) -> Any:
        if handler is None:
            check(name)  # Now, where it was written, and not when something is decorated.
            return lambda function: self._listen(name, function, once=once)
        self._check_thread()
        self._listeners.add(name, handler, once=once)
        return handler

    def action(
        self, name: str
    ) -> Callable[[Callable[[CharacterAction], R]], Callable[[CharacterAction], R]]:
        """Decorate the handler of one of the character's actions: `@client.action("wave")`.

        `client.off("client_action", handler)` removes it.
        """

        def decorate(handler: Callable[[CharacterAction], R]) -> Callable[[CharacterAction], R]:
            self._check_thread()
            self._listeners.add("client_action", handler, where=lambda action: action.name == name)
            return handler

        return decorate

    def off(self, name: str, handler: Callable[..., Any]) -> None:
        """No later call of this handler for this name starts."""
        self._check_thread()
        self._listeners.remove(name, handler)

    def emit(self, name: str, *args: Any) -> None:
        """Call the handlers of one name with these arguments; nothing is sent."""
        self._check_thread()
        self._listeners.emit(name, *args)

    def remove_all_listeners(self, name: str | None = None) -> None:
        """Remove every handler, or those of one name."""
        self._check_thread()
        self._listeners.remove_all(name)

    def listener_count(self, name: str) -> int:
        """How many handlers a name has."""
        return self._listeners.count(name)

    def events(self, *classes: type[T]) -> EventStream[T]:
        """The events of these classes (all, when none is given), from now on, as an iterator.

        Raises TypeError for what is no class.
        """
        self._check_thread()
        for wanted in classes:
            _check_class(wanted)
        stream: EventStream[T] = EventStream(classes, self._check_thread)
        self._listeners.watch(stream)
        return stream

    async def wait_for(
        self,
        event: type[T],
        where: Callable[[T], bool] | None = None,
        timeout: float | None = None,
    ) -> T:
        """The next event of a class that `where` holds for; what `where` raises is raised here.

        Raises WaitTimeout after `timeout` seconds (None: never), ConnectionLost when the client has
        disconnected for good.
        """
        self._check_thread()
        _check_class(event)
        waiter = OneEvent(event, where)
        self._listeners.watch(waiter)
        with anyio.move_on_after(timeout):
            found = await waiter.wait()
            if found is None:
                raise ConnectionLost(f"the client disconnected before any {event.__name__} came")
            return found
        raise WaitTimeout(f"no {event.__name__} came in {timeout:g} s")


def _check_class(wanted: object) -> None:
    """Raise TypeError for what no event can be an instance of."""
    if not isinstance(wanted, type):
        raise TypeError(
            f"{wanted!r} is {type(wanted).__name__}, not the class of an event such as "
            "BotResponse; names are for `on`"
        )
