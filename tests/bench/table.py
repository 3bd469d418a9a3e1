"""The goals, what was measured for them, and the Markdown that says so.

``python -m tests.bench table --steps paced,burst`` measures these steps (all of them without
``--steps``) and keeps the figures in ``figures.json``, so that a step can be run at a time;
``--write README.md`` puts the table of all that is kept between the marks there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .cases import LIVES
from .clients import PACKAGES
from .runner import Figures, Load, MeasurementError, import_cost, live, machine, measure, medians

if TYPE_CHECKING:
    from collections.abc import Callable

FILE: Final = Path(__file__).with_name("figures.json")
BEGIN, END = "<!-- figures: python -m tests.bench table -->", "<!-- end of figures -->"
LATE_MS: Final = 20.0
SECONDS: Final = 6
FLAVOURS: Final = ("ours-asyncio", "ours-uvloop", "ours-trio", "sdk-asyncio", "sdk-uvloop")
OURS: Final = FLAVOURS[:3]

Rounds = dict[str, list[Figures]]


@dataclass(frozen=True)
class Row:
    """One line of the issue's table: a figure of a step, and what it should be.

    `goal` is in times of estuary-sdk where `times`, else in `unit`; one for each of our loops, or
    one for all. The other side is estuary-sdk on `beside`, or on the same loop, for trio asyncio.
    """

    what: str
    step: str
    figure: str
    unit: str
    goal: tuple[float, ...]
    times: bool = True
    beside: str = ""
    more: bool = False
    """More is better."""
    why: str = ""
    """Why a goal is missed, and the floor."""


LOADS: Final = {
    "paced": Load("text", 200, 25 * SECONDS, 25.0),
    "burst": Load("text", 1, 20000),
    "voice-burst": Load("voice", 1, 5000, size=4800),
    "upstream-burst": Load("upstream", 1, 10000, size=4800),
}


def loaded(step: str) -> Callable[[str], Figures]:
    return lambda flavour: measure(flavour, LOADS[step])


def lived(step: str) -> Callable[[str], Figures]:
    return lambda flavour: live(flavour, step, LIVES[step].sessions)


def interrupted(flavour: str) -> Figures:
    return measure(flavour, Load("interrupt", 20, 20 * SECONDS, 20.0, 9600))


def imported(flavour: str) -> Figures:
    package = PACKAGES[flavour.partition("-")[0]]
    statement = f"from {package} import EstuaryClient, EstuaryConfig"
    return {"import_s": import_cost(statement, 11)}


def most_sessions(flavour: str) -> Figures:
    """How many live voice sessions before one chunk in a thousand is late, either way: from 40 on
    in steps of 20, each tried twice before it counts as too many."""
    found: Figures = {"sessions": 0.0, "late_ms": 0.0}
    for sessions in range(40, 401, 20):
        for _ in range(2):
            try:
                one = measure(flavour, Load("live", sessions, 150, 50.0, 640))
            except MeasurementError:
                continue
            late = max(one["up_p999_ms"], one["down_p999_ms"])
            if late <= LATE_MS:
                found = {"sessions": float(sessions), "late_ms": late}
                break
        if found["sessions"] < sessions:
            return found
    return found


STEPS: Final[dict[str, tuple[Callable[[str], Figures], tuple[str, ...], int]]] = {
    "paced": (loaded("paced"), FLAVOURS, 3),
    "burst": (loaded("burst"), FLAVOURS, 3),
    "voice-burst": (loaded("voice-burst"), FLAVOURS, 3),
    "upstream-burst": (loaded("upstream-burst"), FLAVOURS, 3),
    "live-ours": (most_sessions, OURS, 1),
    "live-sdk": (most_sessions, FLAVOURS[3:], 1),
    "idle": (lived("idle"), FLAVOURS, 3),
    "connect": (lived("connect"), FLAVOURS, 3),
    "imports": (imported, ("ours-asyncio", "sdk-asyncio"), 1),
    "interrupt": (interrupted, OURS, 3),
}
"""What is measured, of whom, and how often, in turns."""

ROWS: Final = (
    Row("**paced**: CPU per token delivered, 200 sessions with 25 a second each", "paced", "total",
        "µs", (0.5, 0.35, 0.35), beside="uvloop",
        why="most of a paced token is the wake of the loop: a bare trio task that reads a socket "
        "and throws the bytes away takes 68 µs, a protocol that wakes one future 65 on asyncio and "
        "20 on uvloop"),
    Row("**paced**: live voice sessions in one process (50 chunks of 640 bytes up, 5 `bot_voice` "
        "of 9600 bytes down a second each) before a chunk in 1,000 is 20 ms late", "live",
        "sessions", "", (200,), times=False, more=True,
        why="200 sessions are 10,000 chunks a second, 100 µs each of the one core that Python has; "
        "waiting for its time alone takes a task 20 to 60 of them"),
    Row("burst: CPU per `bot_voice`, 4800 bytes, its audio decoded", "voice-burst", "total", "µs",
        (0.25,),
        why="both sides are handed the PCM here: reading, JSON, base64 and the comparison of every "
        "byte are most of it and the same for both"),
    Row("burst: CPU per token delivered", "burst", "total", "µs", (0.1,),
        why="`json.loads` of the token alone takes 4 µs"),
    Row("burst: CPU per `stream_audio`, 4800 bytes", "upstream-burst", "total", "µs", (0.25,),
        why="4800 bytes at 16 kHz are 150 ms and go in two masked frames of 100 ms at most; the "
        "one write of both is two fifths of it. `send_audio` waits for it, where estuary-sdk "
        "fills a queue without an end"),
    Row("resident memory of an idle client", "idle", "idle_kib", "KiB", (35,), times=False,
        why="the socket and three bare tasks of anyio cost 24 on asyncio, wsproto's connection 3"),
    Row("CPU of importing the client", "imports", "import_s", "s", (0.1,), times=False,
        why="anyio and wsproto with h11 are a sixth of it, making 90 dataclasses a fifth"),
    Row("connect to session on loopback", "connect", "connect_p50_ms", "ms", (1.5,), times=False,
        why="the server of the bench answers three times on the way, in a process of its own"),
    Row("due at the server to handler called, 99th percentile, 200 paced sessions", "paced",
        "delay_p99_ms", "ms", (0.5,)),
    Row("interrupt received to playback queue empty, 99th percentile", "interrupt",
        "interrupt_p99_ms", "ms", (5,), times=False),
)  # fmt: skip


def run(steps: list[str], tell: Callable[[str], None]) -> None:
    """Measure these steps, and keep each as soon as it is done."""
    for step in steps:
        how, flavours, rounds = STEPS[step]
        found: Rounds = {name: [] for name in flavours}
        for turn in range(rounds):
            for name in flavours:
                try:
                    found[name].append(how(name))
                except MeasurementError as problem:
                    tell(f"{step}: {name} failed: {problem}")
                else:
                    tell(f"{step} {turn + 1} of {rounds}: {name} {found[name][-1]}")
        kept = load()
        kept[step] = {
            "machine": machine(),
            "rounds": rounds,
            "medians": {name: medians(each) for name, each in found.items() if each},
        }
        FILE.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def load() -> dict[str, Any]:
    """What is kept of each step."""
    if not FILE.exists():
        return {}
    kept: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return kept


def figures(kept: dict[str, Any], row: Row) -> dict[str, float]:
    """The row's figure of each flavour that was measured, in one step or, by sides, in two."""
    steps = (row.step, f"{row.step}-ours", f"{row.step}-sdk")
    parts = [kept[step]["medians"] for step in steps if step in kept]
    return {name: one[row.figure] for part in parts for name, one in part.items()}


def lines(kept: dict[str, Any], row: Row) -> list[str]:
    """The Markdown lines of a row, one for each of our loops; and why a goal was missed."""
    found, made, missed = figures(kept, row), [], False
    for number, name in enumerate(name for name in OURS if name in found):
        loop = name.partition("-")[2]
        other = f"sdk-{row.beside or ('asyncio' if loop == 'trio' else loop)}"
        ours, theirs = found[name], found.get(other)
        ratio = ours / theirs if theirs else None
        goal = row.goal[min(number, len(row.goal) - 1)]
        judged = ratio if row.times else ours
        met = judged is not None and (judged >= goal if row.more else judged <= goal)
        missed = missed or not met
        made.append(
            f"| {row.what if not number else ''} | {loop} | {shown(ours, row.unit)} "
            f"| {'' if theirs is None else shown(theirs, row.unit)} "
            f"| {'' if ratio is None else f'{ratio:.2f}'} "
            f"| {f'{goal:g} times' if row.times else shown(goal, row.unit)} "
            f"| {'met' if met else 'missed'} |"
        )
    if missed and row.why:
        made[0] = (
            made[0]
            .replace(" | missed |", f" | missed: {row.why} |")
            .replace(" | met |", f" | met; where missed: {row.why} |")
        )
    return made


def shown(value: float, unit: str) -> str:
    digits = f"{value:g}" if not value % 1 else f"{value:.{2 if value < 10 else 0}f}"
    return f"{digits} {unit}".strip()


def text(kept: dict[str, Any]) -> str:
    """The table."""
    head = [
        "| work | loop | this library | estuary-sdk | ratio | goal | |",
        "|---|---|---|---|---|---|---|",
    ]
    rows = [line for row in ROWS for line in lines(kept, row)]
    where = sorted({step["machine"].partition("; ")[2] for step in kept.values()})
    return "\n".join([*head, *rows, "", *(f"Measured with {one}." for one in where)])


def write(path: Path) -> None:
    """Put the table between the marks of this file."""
    whole = path.read_text(encoding="utf-8")
    before, mark, rest = whole.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (mark and end):
        raise SystemExit(f"{path} has no {BEGIN} … {END}")
    path.write_text(f"{before}{BEGIN}\n{text(load())}\n{END}{after}", encoding="utf-8")
