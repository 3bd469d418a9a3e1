"""Waiting for what a player or recorder tells, or for what only a look can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import anyio

from estuary_audio import SoundEvent

if TYPE_CHECKING:
    from collections.abc import Callable

E = TypeVar("E", bound=SoundEvent)


class Told:
    """An `on_event` that keeps all, and wakes who waits."""

    def __init__(self) -> None:
        self.events: list[SoundEvent] = []
        self._more = anyio.Event()

    def __call__(self, event: SoundEvent) -> None:
        self.events.append(event)
        self._more.set()

    async def until(self, kind: type[E]) -> E:
        """The first event of a kind, also if it was told before."""
        with anyio.fail_after(20):
            while True:
                for event in self.events:
                    if isinstance(event, kind):
                        return event
                self._more = anyio.Event()
                await self._more.wait()

    def of(self, kind: type[E]) -> list[E]:
        """All events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def kinds(self) -> list[type[SoundEvent]]:
        """Of which kinds they were, in their order."""
        return [type(event) for event in self.events]


async def until(condition: Callable[[], bool]) -> None:
    """Look again and again: a meter tells nobody."""
    for _ in range(1000):
        if condition():
            return
        await anyio.sleep(0.02)
    raise AssertionError("it never happens")
