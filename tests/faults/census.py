"""What a process holds: memory as three allocators see it, and everything else by count."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_LIBC: Final = ctypes.CDLL(None)
ONE_IN: Final = 10
"""A foreign type leaks with an object in so many connections; fewer are bounded caches that were
not quite full (trio keeps up to a thousand deadlines that are over)."""


class _Mallinfo(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
            "fordblks", "keepcost",
        )
    ]  # fmt: skip


class Held(NamedTuple):
    """Memory, in KiB but for the last: see `soak.Figures`."""

    rss: int
    kept: int
    in_use: int
    blocks: int


@dataclass(frozen=True)
class Census:
    """What is there when nothing goes on."""

    held: Held
    tasks: int
    threads: int
    fds: int
    objects: Counter[str] = field(repr=False)
    """Objects that the garbage collector knows, by their type."""

    def beyond(self, before: Census, connections: int) -> dict[str, int]:
        """What is here and was not there, `connections` ago. Of our own types nothing may be, of
        foreign ones less than one for `ONE_IN` connections."""
        counted = ("tasks", "threads", "fds")
        found = {name: getattr(self, name) - getattr(before, name) for name in counted}
        for name, count in self.objects.items():
            if name.startswith("tests."):
                continue  # Who counts may keep notes.
            more = count - before.objects[name]
            if more >= (1 if name.startswith("estuary_") else max(1, connections // ONE_IN)):
                found[name] = more
        return {name: more for name, more in found.items() if more > 0}


def held() -> Held:
    """What memory is held, after the garbage and the free pages are gone."""
    gc.collect()
    before = _rss()
    _LIBC.malloc_trim(0)
    info = _mallinfo()
    return Held(before, _rss(), (info.uordblks + info.hblkhd) // 1024, sys.getallocatedblocks())


def census() -> Census:
    """See `Census`."""
    now = held()
    kinds = Counter(f"{type(x).__module__}.{type(x).__qualname__}" for x in gc.get_objects())
    # What counts is itself there to be counted.
    for kind in ("builtins.frame", "builtins.generator", "builtins.list_iterator"):
        kinds.pop(kind, None)
    fds = len(os.listdir("/proc/self/fd"))
    return Census(now, tasks_living(), threading.active_count(), fds, kinds)


def trend(times: Sequence[float], values: Sequence[float]) -> float:
    """By how many percent of their median the values grow from the first to the last time: the
    median of the slopes between all pairs."""
    pairs = [
        (values[j] - values[i]) / (times[j] - times[i])
        for i in range(len(times))
        for j in range(i + 1, len(times))
    ]
    if not pairs:
        return 0.0
    return 100 * median(pairs) * (times[-1] - times[0]) / median(values)


def tasks_living() -> int:
    """How many tasks there are."""
    if "trio" in sys.modules:
        import trio

        if trio.lowlevel.in_trio_run():
            return trio.lowlevel.current_statistics().tasks_living
    import asyncio

    return len(asyncio.all_tasks())


def _rss() -> int:
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def _mallinfo() -> Any:
    ask = _LIBC.mallinfo2
    ask.restype = _Mallinfo
    return ask()
