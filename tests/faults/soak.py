"""Many sessions for a long time, and faults all the while; what it costs, and what it loses.

Every session talks through the fault proxy to a gateway of its own process group: it asks, speaks
aloud, is cut, stalled, swallowed or slowed, and comes back. Whatever was accepted must settle, each
answer must end; `Tally` counts both, so that a loss nobody reported is seen.

There are two storms on one gateway, and a calm after each: all clients leave, and a `Census` is
taken of all that is left. The first storm is the warm-up: modules, caches and free lists fill, and
the worker thread begins. What the second leaves beyond that has leaked, to the object.

Memory is judged in the second half: what is left to Python and to malloc when the garbage is
collected and free pages are given back (`malloc_trim`), since glibc keeps what it once had, however
little of it is in use. Until then the heap grows to the most that was ever held at once, and
SQLite's cache to its 2 MB, which takes a hundred sessions nine minutes.
"""

from __future__ import annotations

import os
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import anyio

from estuary_anyio import EstuaryClient, EstuaryConfig, EstuaryError, Outcome, VoiceMode
from estuary_anyio.gateway import serve_gateway
from estuary_proto.gateway import ServerConfig

from .census import Census, census, held, tasks_living, trend
from .proxy import FaultProxy, Weather, Wire, faulty

if TYPE_CHECKING:
    from collections.abc import Callable

    from estuary_anyio.gateway import Gateway

EVERY: Final = 6.0
"""Seconds between two faults of a session, on average."""
WARM: Final = 0.25
"""How much of the run is the first storm."""
SETTLED: Final = 0.5
"""Which share of the run memory has to settle."""
SAMPLES: Final = 60
CALM: Final = 15.0
"""Seconds in which everybody has left, half-open connections and idle threads included."""
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
    """One line of the report. `seconds` since the start; `rss`, what of it is left when free pages
    are given back (`kept`) and what malloc's callers hold (`in_use`) in KiB; Python's `blocks`."""

    seconds: float
    rss: int
    kept: int
    in_use: int
    blocks: int
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
    calm: float = CALM
    tell: Callable[[str], object] = print
    tally: Tally = field(default_factory=Tally)
    lines: list[Figures] = field(default_factory=list)
    calms: list[Census] = field(default_factory=list)
    before: Tally = field(default_factory=Tally)
    """As it was when the second storm began."""

    async def run(self) -> None:
        """Run, and leave the figures in `lines`."""
        # What players said is kept on the disk, and little of it in memory: it is meant to grow.
        server = ServerConfig(
            max_sessions=4 * self.sessions, word_interval=0.05, max_facts=5, max_history=5,
            ping_interval=2.0, ping_timeout=2.0,
        )  # fmt: skip
        async with AsyncExitStack() as stack:
            kept = stack.enter_context(TemporaryDirectory())
            gateway = await stack.enter_async_context(
                serve_gateway(server=server, stt="none", tts="tone", data=kept)
            )
            began = anyio.current_time()
            async with faulty(gateway.port) as proxy:
                self.tell(HEAD)
                for share in (WARM, 1 - WARM):
                    self.before = replace(self.tally)
                    await self._storm(proxy, began, 60 * self.minutes * share)
                    self.calms.append(await self._calm(gateway, proxy))

    async def _storm(self, proxy: FaultProxy, began: float, seconds: float) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.cancel_scope.deadline = anyio.current_time() + seconds
            tasks.start_soon(self._watch, began)
            tasks.start_soon(self._hurt, proxy)
            for number in range(self.sessions):
                tasks.start_soon(self._live, number, proxy.port)

    async def _calm(self, gateway: Gateway, proxy: FaultProxy) -> Census:
        """All have left; what is there now."""
        for wire in proxy.alive:  # Half-open ones would wait for a heartbeat that is long.
            wire.cut()
        with anyio.fail_after(CALM):  # However long that takes, within reason.
            while gateway.sessions:  # noqa: ASYNC110 - nothing of it tells us.
                await anyio.sleep(0.1)
            for wire in proxy.wires:
                await wire.over.wait()
        proxy.wires.clear()
        if self.calms:
            with anyio.move_on_after(CALM):  # Who stays for longer has leaked.
                while len(anyio.get_running_tasks()) > self.calms[0].tasks:  # noqa: ASYNC110
                    await anyio.sleep(0.1)
        await anyio.sleep(self.calm)  # An idle thread lives for ten seconds.
        return census()

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
        await anyio.sleep(chance.uniform(2.0, 6.0))
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

    async def _watch(self, began: float) -> None:
        step = max(1.0, 60 * self.minutes / SAMPLES)
        while True:
            await anyio.sleep(step)
            self.lines.append(self._measure(anyio.current_time() - began))
            self.tell(row(self.lines[-1]))

    def _measure(self, seconds: float) -> Figures:
        tally, now = self.tally, held()
        return Figures(
            seconds, *now, tasks_living(), len(os.listdir("/proc/self/fd")), tally.reconnects,
            tally.reported, tally.faults, tally.answered,
        )  # fmt: skip

    # --- what is said at the end -------------------------------------------------------------

    def growth(self) -> dict[str, float]:
        """How much each figure grows in the second half, in percent of its median: the median of
        all slopes (Theil and Sen), since what is open at one moment is chance."""
        after = [line for line in self.lines if line.seconds > 60 * self.minutes * SETTLED]
        times = [line.seconds for line in after]
        return {name: trend(times, [getattr(x, name) for x in after]) for name in FOLLOWED}

    def left(self) -> dict[str, int]:
        """What the second storm has left behind, by its name, where it is anything."""
        before, after = self.calms
        made = self.tally.reconnects - self.before.reconnects
        return after.beyond(before, made)


FOLLOWED: Final = ("rss", "kept", "in_use", "blocks", "tasks", "fds")
HEAD: Final = (
    "| s | RSS KiB | kept KiB | in use KiB | blocks | tasks | FDs | faults | connects | lost, told "
    "| answers |\n|---|---|---|---|---|---|---|---|---|---|---|"
)


def row(line: Figures) -> str:
    return (
        f"| {line.seconds:.0f} | {line.rss} | {line.kept} | {line.in_use} | {line.blocks} "
        f"| {line.tasks} | {line.fds} | {line.faults} | {line.reconnects} | {line.reported} "
        f"| {line.answered} |"
    )


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


def main(minutes: float, sessions: int, backend: str, picture: str, report: str) -> int:
    """Run, print, draw; the exit status is 1 when something has grown, leaked or hangs."""
    from .picture import draw

    said: list[str] = []

    def tell(line: str) -> None:
        said.append(line)
        print(line, flush=True)

    soak = Soak(sessions, minutes, tell=tell)
    started, cpu = time.monotonic(), time.process_time()
    options = {"use_uvloop": True} if backend == "uvloop" else {}
    loop = "asyncio" if backend == "uvloop" else backend
    anyio.run(soak.run, backend=loop, backend_options=options)
    lasted, cpu = time.monotonic() - started, time.process_time() - cpu
    growth, left = soak.growth(), soak.left()
    tell(f"\n{backend}, {sessions} sessions, {lasted:.0f} s, {cpu / lasted:.2f} of a core.\n")
    tell(f"{soak.tally}\n")
    tell("Growth in the second half: " + ", ".join(f"{k} {v:+.2f} %" for k, v in growth.items()))
    tell(f"\nThe calms: {soak.calms[0]}, {soak.calms[1]}; left behind: {left or 'nothing'}")
    objects = [calm.objects.total() for calm in soak.calms]
    grew = 100 * (objects[1] / objects[0] - 1)
    tell(f"\nObjects the garbage collector knows: {objects[0]}, {objects[1]} ({grew:+.2f} %)")
    if picture:
        draw(soak.lines, picture)
    if report:
        Path(report).write_text("\n".join(said) + "\n", encoding="utf-8")
    grown = max(growth["kept"], growth["in_use"], growth["blocks"], grew) > 1
    return 1 if grown or left or soak.tally.hung else 0
