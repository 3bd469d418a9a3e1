"""What a client costs that only lives: memory while it is idle, time until its session stands.

One library on one loop, in a fresh process. ``idle`` connects all sessions and looks at the
resident memory before and after, when the heap has been collected. ``connect`` opens sessions one
after the other, from the constructor to the session, and closes each. Prints JSON.
"""

from __future__ import annotations

import argparse
import functools
import gc
import importlib
import json
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import anyio

from .clients import FLAVOURS, PACKAGES

WARM = 20
"""Sessions that come and go before anything is measured."""
KIB = resource.getpagesize() / 1024


def resident() -> float:
    """KiB of this process that are in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * KIB


class Life:
    """The clients of one measurement."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        # estuary-sdk carries no types and need not be installed: looked up by name.
        self.library: Any = importlib.import_module(PACKAGES[options.flavour.partition("-")[0]])
        self._numbers = 0

    def client(self, *, first: bool = False) -> Any:
        """One more client, or the `first`, to whom the server listens."""
        self._numbers += 1
        url, player = f"http://127.0.0.1:{self.options.port}", f"p{0 if first else self._numbers}"
        config = self.library.EstuaryConfig(url, "est_bench", "demo", player)
        return self.library.EstuaryClient(config)

    async def once(self) -> float:
        """A session that comes and goes; seconds until it stood."""
        began = time.perf_counter()
        async with self.client() as client:
            await client.connect()
            return time.perf_counter() - began

    async def connect(self) -> dict[str, float]:
        """Sessions one after the other."""
        before = time.process_time()
        took = sorted([await self.once() for _ in range(self.options.sessions)])
        used = (time.process_time() - before) / len(took)
        found = {"p50": statistics.median(took), "p99": took[len(took) * 99 // 100], "cpu": used}
        return {f"connect_{name}_ms": seconds * 1e3 for name, seconds in found.items()}

    async def idle(self) -> dict[str, float]:
        """Sessions at the same time."""
        before, up, over = resident(), anyio.Semaphore(0), anyio.Event()
        few = anyio.Semaphore(16)

        async def live() -> None:
            async with self.client() as client:
                async with few:
                    await client.connect()
                up.release()
                await over.wait()

        async with anyio.create_task_group() as tasks:
            for _ in range(self.options.sessions):
                tasks.start_soon(live)
            for _ in range(self.options.sessions):
                await up.acquire()
            grown = resident() - before
            over.set()
        return {"idle_kib": grown / self.options.sessions}

    async def run(self) -> dict[str, float]:
        """Measure, and let the server go."""
        with anyio.fail_after(self.options.limit):
            for _ in range(WARM):
                await self.once()
            found = await (self.idle() if self.options.case == "idle" else self.connect())
            heard = anyio.Event()
            async with self.client(first=True) as last:
                last.on("bot_response", lambda response: heard.set())
                await last.connect()
                last.send_text(repr(time.monotonic()))
                await heard.wait()
        return found


def main() -> None:
    """Run one flavour and print its figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("case", choices=["idle", "connect"])
    parser.add_argument("flavour", choices=FLAVOURS)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--sessions", type=int, required=True)
    parser.add_argument("--limit", type=float, default=120.0, help="give up after, s")
    options = parser.parse_args()
    loop = options.flavour.partition("-")[2]
    run = functools.partial(anyio.run, Life(options).run)
    if loop == "trio":
        result = run(backend="trio")
    else:
        result = run(backend="asyncio", backend_options={"use_uvloop": loop == "uvloop"})
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
