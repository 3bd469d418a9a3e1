"""Cancel a piece of code at its n-th checkpoint, for every n until it comes to its own end.

Its own checkpoints are few: `connect()` waits once, and much happens meanwhile. So it is cancelled
too after n rounds of the event loop, wherever the tasks of the client and the server then stand.
"""

from __future__ import annotations

import asyncio
import os
import types
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import anyio
from anyio.lowlevel import checkpoint

from estuary_anyio.backends import current_backend

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator

    Scenario = Callable[[], Coroutine[Any, Any, None]]

How: TypeAlias = Literal["scope", "rounds", "task", "woken", "task rounds", "twice"]
"""By a cancel scope of anyio, at a checkpoint or after so many rounds of the loop; or, on asyncio,
by the task's own `cancel()`: at a checkpoint, when what it waits for has come but it has not gone
on, after so many rounds, and again in the round after that."""

NATIVE = ("task", "woken", "task rounds", "twice")


@types.coroutine
def counted(
    coroutine: Coroutine[Any, Any, Any], reached: Callable[[Any], None]
) -> Generator[Any, Any, Any]:
    """Run a coroutine, and tell of each time that it waits, and of what, before it does."""
    iterator = coroutine.__await__()
    try:
        yielded = iterator.send(None)
        while True:
            reached(yielded)
            try:
                sent = yield yielded
            except BaseException as error:
                yielded = iterator.throw(error)
            else:
                yielded = iterator.send(sent)
    except StopIteration as stop:
        return stop.value


class Cancelled:
    """One run, cancelled at checkpoint or round `n`; `done` when it came to its end before that."""

    def __init__(self, n: int, how: How) -> None:
        self.n = n
        self.how = how
        self.count = 0
        self.done = False
        self._called = False
        self._cancel: Callable[[], object] = lambda: None

    def cancel(self) -> None:
        self._called = True
        self._cancel()

    def _reached(self, awaited: Any) -> None:
        self.count += 1
        if self.count != self.n:
            return
        if self.how != "woken":
            self.cancel()
        elif isinstance(awaited, asyncio.Future):
            # Told before the task is, which is scheduled to go on right behind this.
            awaited.add_done_callback(lambda _: self.cancel())

    async def _count_rounds(self) -> None:
        for _ in range(self.n):
            await checkpoint()
        self.cancel()
        if self.how == "twice":
            await checkpoint()
            self.cancel()

    async def run(self, scenario: Scenario) -> None:
        async with anyio.create_task_group() as tasks:
            if self.how in ("rounds", "task rounds", "twice") and self.n:
                run = scenario()
                tasks.start_soon(self._count_rounds)
            else:
                run = counted(scenario(), self._reached)
            await (self._natively(run) if self.how in NATIVE else self._scoped(run))
            tasks.cancel_scope.cancel()

    async def _scoped(self, run: Awaitable[None]) -> None:
        with anyio.CancelScope() as scope:
            self._cancel = scope.cancel
            await run
            self.done = not self._called

    async def _natively(self, run: Awaitable[None]) -> None:
        async def body() -> None:
            await run

        task = asyncio.create_task(body())
        self._cancel = task.cancel
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()
            self.done = not self._called


def _descriptors() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except FileNotFoundError:  # Not on Linux.
        return 0


async def at_every_checkpoint(
    scenario: Scenario, *, how: How, after: Callable[[], Awaitable[None]]
) -> int:
    """Cancel `scenario` at each of its checkpoints in turn; returns how many there are.

    `after` checks what must hold after each run. No task and no descriptor may be left over, and
    nothing may hang.
    """
    assert how not in NATIVE or current_backend().name == "asyncio"
    tasks = len(anyio.get_running_tasks())
    descriptors = 0
    n = -1
    while True:
        n += 1
        assert n < 2000, "it has no end"
        one = Cancelled(n, how)
        with anyio.fail_after(10):
            await one.run(scenario)
            await after()
            while len(anyio.get_running_tasks()) > tasks:
                await checkpoint()
        if n == 0:  # Not cancelled at all: by now the loop has opened what it needs itself.
            assert one.done
            descriptors = _descriptors()
        elif one.done and (how != "woken" or n > one.count):
            break
    with anyio.fail_after(10):
        while _descriptors() > descriptors:
            await checkpoint()
    return n - 1
