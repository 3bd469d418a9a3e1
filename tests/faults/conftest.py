"""What the cells on real sockets share: nothing may be left of them."""

from __future__ import annotations

import gc
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from tests.faults.census import tasks_living
from tests.faults.scenes import staged

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager


def descriptors() -> int:
    """How many files and sockets are open."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


@asynccontextmanager
async def clean() -> AsyncIterator[None]:
    """Nothing is left of the block: no task, no descriptor."""
    async with staged("ready"):  # What a loop opens once, it opens now.
        await anyio.to_thread.run_sync(int)
    tasks, files = tasks_living(), descriptors()
    yield
    with anyio.fail_after(5):
        while tasks_living() > tasks or descriptors() > files:
            await anyio.lowlevel.checkpoint()


@pytest.fixture
def leaves_nothing() -> Callable[[], AbstractAsyncContextManager[None]]:
    """A block of which no task and no descriptor may be left."""
    return clean
