"""Many sessions for a long time, and faults all the while; what it costs, and what it loses.

Every session talks through the fault proxy to a gateway of its own process group: it asks, speaks
aloud, is cut, stalled, swallowed or slowed, and comes back. Whatever was accepted must settle, each
answer must end; `Tally` counts both, so that a loss nobody reported is seen.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import anyio

from estuary_anyio import EstuaryClient, EstuaryConfig, EstuaryError, Outcome, VoiceMode
from estuary_anyio.gateway import serve_gateway
from estuary_proto.gateway import ServerConfig

from .proxy import FaultProxy, Weather, Wire, faulty

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY: Final = 3.0
"""Seconds between two faults of a session, on average."""
WARM: Final = 200.0
"""Seconds, or half of a shorter run, that are not looked at: caches fill, allocators settle."""
PATIENCE: Final = 30.0
"""Seconds after which a call hangs: each has a shorter limit of its own."""
STALLED: Final = 8.0
TENTH: Final = bytes(3200)


@dataclass
class Tally:
    """What has happened to all sessions together."""

    faults: int = 0
    reconnects: int = 0
    asked: int = 0
    answered: int = 0
    reported: int = 0
    """Accepted messages that were told to be lost."""
    accepted: int = 0
    settled: int = 0
    lost: int = 0
    """Receipts that came back LOST."""
    hung: int = 0
    """Calls that did not end by themselves."""
    gave_up: int = 0


@dataclass(frozen=True)
class Figures:
    """One line of the report. `seconds` since the start, `rss` in KiB."""

    seconds: float
    rss: int
    tasks: int
    fds: int
    reconnects: int
    reported: int
    faults: int
    answered: int


@dataclass
class Soak:
    """See the module."""

    sessions: int
    minutes: float
    seed: int = 1
    tell: Callable[[str], object] = print
    tally: Tally = field(default_factory=Tally)
    lines: list[Figures] = field(default_factory=list)

    async def run(self) -> None:
        """Run, and leave the figures in `lines`."""
        # What players said is kept on the disk, and little of it in memory: it is meant to grow.
        server = ServerConfig(
            max_sessions=4 * self.sessions, word_interval=0.05, max_facts=5, max_history=5,
            ping_interval=1.0, ping_timeout=1.0,
        )  # fmt: skip
        async with AsyncExitStack() as stack:
            kept = stack.enter_context(TemporaryDirectory())
            gateway = await stack.enter_async_context(
                serve_gateway(server=server, stt="none", tts="tone", data=kept)
            )
            async with faulty(gateway.port) as proxy:
                self.tell(
                    "| s | RSS KiB | tasks | FDs | faults | connects | lost, told | answers |"
                )
                self.tell("|---|---|---|---|---|---|---|---|")
                async with anyio.create_task_group() as tasks:
                    scope = tasks.cancel_scope
                    scope.deadline = anyio.current_time() + 60 * self.minutes
                    tasks.start_soon(self._watch)
                    tasks.start_soon(self._hurt, proxy)
                    for number in range(self.sessions):
                        tasks.start_soon(self._live, number, proxy.port)
            self.lines.append(self._measure(60 * self.minutes))

    # --- a session -------------------------------------------------------------------------

    async def _live(self, number: int, port: int) -> None:
        config = EstuaryConfig(
            f"http://127.0.0.1:{port}", "est_dev", "demo", f"player-{number}",
            reconnect_delay=0.1, reconnect_delay_max=1.0, max_reconnect_attempts=1000,
            connect_timeout=5.0,
        )  # fmt: skip
        chance = Random(self.seed * 1000 + number)
        while True:
            async with EstuaryClient(config) as client:
                client.on("connected", self._back)
                client.on("error", self._error)
                with suppress(EstuaryError):
                    await client.connect()
                    # A life of some conversations, then another client.
                    for _ in range(40):
                        await self._talk(client, chance)

    def _back(self, session: Any) -> None:
        self.tally.reconnects += 1

    def _error(self, error: EstuaryError) -> None:
        self.tally.reported += int(error.details.get("lost", 0))
        self.tally.gave_up += "gave up" in error.message

    async def _talk(self, client: EstuaryClient, chance: Random) -> None:
        await anyio.sleep(chance.uniform(0.2, 1.0))
        if not client.is_connected:
            return
        with anyio.move_on_after(PATIENCE) as patience, suppress(EstuaryError):
            await self._one_of(client, chance.random())
        self.tally.hung += patience.cancelled_caught

    async def _one_of(self, client: EstuaryClient, kind: float) -> None:
        """A message, a question or an utterance; what ends it is raised."""
        tally = self.tally
        if kind < 0.3:
            receipt = client.send_text("hello there")
            tally.accepted += 1
            outcome = await receipt
            tally.settled += 1
            tally.lost += outcome is Outcome.LOST
        elif kind < 0.7:
            tally.asked += 1
            await client.send_text_and_wait("my name is Ada", timeout=8.0)
            tally.answered += 1
        else:
            await client.start_voice(VoiceMode.CONTINUOUS)
            for _ in range(5):
                await client.send_audio(TENTH)
            await client.stop_voice()

    # --- the weather -------------------------------------------------------------------------

    async def _hurt(self, proxy: FaultProxy) -> None:
        chance = Random(self.seed)
        while True:
            await anyio.sleep(EVERY / self.sessions * chance.uniform(0.5, 1.5))
            proxy.wires[:] = proxy.alive
            proxy.weather = chance.choice(WEATHERS)
            if proxy.wires:
                self.tally.faults += 1
                chance.choice(FAULTS)(chance.choice(proxy.wires))
            now = anyio.current_time()
            for wire in proxy.wires:  # Who stalls for so long is no connection any more.
                if wire.up.stalled_since(now) > STALLED:
                    wire.cut()

    async def _watch(self) -> None:
        began = anyio.current_time()
        step = max(1.0, 60 * self.minutes / 30)
        while True:
            await anyio.sleep(step)
            self.lines.append(self._measure(anyio.current_time() - began))
            self.tell(row(self.lines[-1]))

    def _measure(self, seconds: float) -> Figures:
        gc.collect()
        tally = self.tally
        return Figures(
            seconds, rss(), tasks_living(), len(os.listdir("/proc/self/fd")), tally.reconnects,
            tally.reported, tally.faults, tally.answered,
        )  # fmt: skip

    # --- what is said at the end -------------------------------------------------------------

    def growth(self) -> dict[str, float]:
        """How much each figure has grown between the halves of what came after warming up, in
        percent: the medians are compared, since what is open at one moment is chance."""
        kept = [line for line in self.lines[:-1] if line.seconds >= min(WARM, 30 * self.minutes)]
        half = len(kept) // 2
        return {
            name: 100 * (middle(kept[half:], name) / middle(kept[:half], name) - 1)
            for name in ("rss", "tasks", "fds")
        }


def middle(lines: list[Figures], name: str) -> float:
    values = sorted(getattr(line, name) for line in lines)
    return float(values[len(values) // 2])


def row(line: Figures) -> str:
    return (
        f"| {line.seconds:.0f} | {line.rss} | {line.tasks} | {line.fds} | {line.faults} "
        f"| {line.reconnects} | {line.reported} | {line.answered} |"
    )


def rss() -> int:
    """KiB of memory that this process holds."""
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def tasks_living() -> int:
    """How many tasks there are."""
    if "trio" in sys.modules:
        import trio

        if trio.lowlevel.in_trio_run():
            return trio.lowlevel.current_statistics().tasks_living
    import asyncio

    return len(asyncio.all_tasks())


def stall_for_ever(wire: Wire) -> None:
    wire.up.stall()
    wire.down.stall()


FAULTS: Final = (Wire.cut, Wire.end, Wire.black_hole, stall_for_ever)
WEATHERS: Final = (
    Weather(),
    Weather(latency=0.02, jitter=0.03),
    Weather(rate=20_000),
    Weather(segment=100),
)


def main(minutes: float, sessions: int, backend: str, picture: str) -> int:
    """Run, print, draw; the exit status is 1 when something has grown or hangs."""
    from .picture import draw

    soak = Soak(sessions, minutes)
    started = time.monotonic()
    options = {"use_uvloop": True} if backend == "uvloop" else {}
    loop = "asyncio" if backend == "uvloop" else backend
    anyio.run(soak.run, backend=loop, backend_options=options)
    draw(soak.lines, picture)
    tally, growth = soak.tally, soak.growth()
    print(f"{backend}, {sessions} sessions, {time.monotonic() - started:.0f} s: {tally}")
    print("growth after warming up: " + ", ".join(f"{k} {v:+.2f} %" for k, v in growth.items()))
    return 1 if growth["rss"] > 1 or tally.hung else 0
