"""Cancel a piece of code at its n-th checkpoint, for every n until it comes to its own end."""

from __future__ import annotations

import asyncio
import os
import types
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import anyio

from estuary_anyio.backends import current_backend

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator

    Scenario = Callable[[], Coroutine[Any, Any, None]]

How: TypeAlias = Literal["scope", "task"]
"""By a cancel scope of anyio, or by the task's own `cancel()` (asyncio)."""


@types.coroutine
def counted(
    coroutine: Coroutine[Any, Any, Any], reached: Callable[[], None]
) -> Generator[Any, Any, Any]:
    """Run a coroutine, and tell of each time that it waits, before it does."""
    iterator = coroutine.__await__()
    try:
        yielded = iterator.send(None)
        while True:
            reached()
            try:
                sent = yield yielded
            except BaseException as error:
                yielded = iterator.throw(error)
            else:
                yielded = iterator.send(sent)
    except StopIteration as stop:
        return stop.value


class Cancelled:
    """One run, cancelled at checkpoint `n`; `done` when it came to its end before that."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.count = 0
        self.done = False
        self.cancel: Callable[[], object] = lambda: None

    def _reached(self) -> None:
        self.count += 1
        if self.count == self.n:
            self.cancel()

    async def run(self, scenario: Scenario, how: How) -> None:
        if how == "scope":
            with anyio.CancelScope() as scope:
                self.cancel = scope.cancel
                await counted(scenario(), self._reached)
                self.done = not scope.cancel_called
            return

        async def body() -> None:
            await counted(scenario(), self._reached)

        task = asyncio.create_task(body())
        self.cancel = task.cancel
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()
            self.done = not 0 < self.n <= self.count


def _descriptors() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except FileNotFoundError:  # Not on Linux.
        return 0


async def at_every_checkpoint(
    scenario: Scenario, *, how: How = "scope", after: Callable[[], Awaitable[None]]
) -> int:
    """Cancel `scenario` at each of its checkpoints in turn; returns how many there are.

    `after` checks what must hold after each run. No task and no descriptor may be left over, and
    nothing may hang.
    """
    if how == "task" and current_backend().name != "asyncio":
        return 0
    tasks = len(anyio.get_running_tasks())
    descriptors = 0
    n = -1
    while True:
        n += 1
        assert n < 2000, "it has no end"
        one = Cancelled(n)
        with anyio.fail_after(10):
            await one.run(scenario, how)
            await after()
            while len(anyio.get_running_tasks()) > tasks:
                await anyio.lowlevel.checkpoint()
        if n == 0:  # Not cancelled at all: by now the loop has opened what it needs itself.
            assert one.done
            descriptors = _descriptors()
        elif one.done:
            break
    with anyio.fail_after(10):
        while _descriptors() > descriptors:
            await anyio.lowlevel.checkpoint()
    return n - 1
