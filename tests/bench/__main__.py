"""``python -m tests.bench paced | burst | voice | ...``: what one event costs, in one table.

paced           200 sessions in one process, 25 token events a second each, evenly spread
burst           one session, events as fast as the socket takes them
voice           200 sessions, 5 bot_voice a second each (200 ms, 6400 bytes of PCM)
voice-burst     one session, bot_voice as fast as the socket takes them
upstream        100 sessions, 50 send_audio a second each (20 ms, 640 bytes of PCM)
upstream-burst  one session, send_audio of 4800 bytes, one after the other
idle            resident memory of a client that is connected and hears nothing: 500 of them
connect         from the constructor to the session on loopback: 300 times, one after the other
live            80 sessions, 50 chunks up and 5 bot_voice of 9600 bytes down a second each
interrupt       20 sessions, ours alone: from the server's interrupt to an empty playback queue
capture         as paced, ours alone: each session without a capture file, and with one
capture-voice   as voice, likewise
capture-live    as live, likewise, with 20 sessions
imports         CPU time of importing the package in a fresh interpreter
table           the goals: all steps of `table.py`, or those of --steps; --write FILE for the text

Upstream, "delay" runs from when a chunk is due until the server has it, and the last byte ends the
measurement: all the CPU counts that brings the sound there, and the server has compared every byte.
Runs are interleaved (A B C, A B C, ...) and the table shows medians, so that other work on the
machine falls on all alike.  Totals are exact; the split into user and system is what the kernel
samples at its ticks, and wanders more.  "core" is the share of one core used while events came:
near 100 % a process handles several events a wake and looks cheaper than it is, at the price of
"delay"; compare at fewer --sessions too.  To have estuary-sdk and all loops beside ours:
``pip install -e ".[trio]" "estuary-sdk==0.8.0" uvloop``.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from .cases import CASES, LIVES
from .clients import CAPTURED, FLAVOURS, PACKAGES
from .runner import Figures, Load, MeasurementError, import_cost, live, machine, measure, medians
from .table import STEPS, run, write

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 30.0  # s; the server sends no pings, and clients give up 45 s after the opening
HINT = 'estuary-sdk is missing, ours alone is measured: pip install "estuary-sdk==0.8.0"'


def wanted(only: str, captured: bool, alone: bool = False) -> list[str]:
    """The flavours asked for, less those whose library or loop is not installed."""
    names = [name for name in FLAVOURS if any(part in name for part in only.split(","))]
    if captured:
        ours = [name for name in names if name.startswith("ours")]
        return [name + more for name in installed(ours) for more in ("", CAPTURED)]
    if alone:
        return installed([name for name in names if name.startswith("ours")])
    if find_spec(PACKAGES["sdk"]) is None:
        print(HINT, file=sys.stderr)
    return installed(names)


def installed(names: list[str]) -> list[str]:
    """Those that can be measured here."""
    kept = []
    for name in names:
        library, _, loop = name.partition("-")
        if find_spec(PACKAGES[library]) and (loop == "asyncio" or find_spec(loop)):
            kept.append(name)
        else:
            print(f"{name}: not installed, left out", file=sys.stderr)
    return kept


def run_rounds(
    flavours: list[str], measure: Callable[[str], Figures], shown: str, rounds: int
) -> dict[str, list[Figures]]:
    """All flavours once, then all again; one that fails is named and left out from then on. The
    figure that is `shown` says how it goes."""
    results: dict[str, list[Figures]] = {name: [] for name in flavours}
    for turn in range(rounds):
        for name in list(results):
            print(f"round {turn + 1} of {rounds}: {name}", end=" ", file=sys.stderr, flush=True)
            try:
                figures = measure(name)
            except MeasurementError as problem:
                print(f"failed:\n{problem}", file=sys.stderr)
                del results[name]
            else:
                print(f"{figures[shown]:.1f}", file=sys.stderr)
                results[name].append(figures)
    return results


def ratio(figures: Figures, base: Figures | None) -> str:
    """``figures`` in times of ``base``, or a dash."""
    return f"{figures['total'] / base['total']:.2f}" if base else "-"


def table(results: dict[str, Figures]) -> str:
    """The figures as text; CPU in microseconds an event."""
    head = [
        "",
        "total",
        "(range)",
        "user",
        "system",
        "/sdk same loop",
        "/sdk asyncio",
        "core",
        "MiB",
    ]
    timed = {
        "delay_p50_ms": "delay p50",
        "delay_p99_ms": "p99 ms",
        "late_p99_ms": "server late p99",
    }
    if not any("delay_p50_ms" in one for one in results.values()):
        timed = {}
    head += timed.values()
    rows = [head]
    for name, one in results.items():
        same_loop = results.get(f"sdk-{name.partition('-')[2]}")
        spread = f"({one['total_min']:.1f}-{one['total_max']:.1f})"
        row = [name, f"{one['total']:.1f}", spread, f"{one['user']:.1f}", f"{one['system']:.1f}"]
        row += [ratio(one, same_loop), ratio(one, results.get("sdk-asyncio"))]
        row += [f"{one['core_share']:.0%}", f"{one['resident_mib']:.0f}"]
        row += [f"{one[key]:.2f}" if key in one else "-" for key in timed]
        rows.append(row)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, *cells in rows:
        padded = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        lines.append("  ".join([name.ljust(widths[0]), *padded]))
    return "\n".join(lines)


def plain_table(results: dict[str, Figures]) -> str:
    """Every figure, and in how many times that of estuary-sdk on asyncio."""
    base = results.get("sdk-asyncio", {})
    lines = []
    for name, one in results.items():
        cells = [f"{figure} {value:.2f}" for figure, value in one.items()]
        if base:
            cells = [
                f"{cell} ({one[figure] / base[figure]:.2f})"
                for cell, figure in zip(cells, one, strict=True)
            ]
        lines.append("  ".join([name.ljust(14), *cells]))
    return "\n".join(lines)


def costs_of_captures(results: dict[str, Figures]) -> str:
    """What a capture costs beside the same without one."""
    lines = []
    for name, one in results.items():
        base = results.get(name.removesuffix(CAPTURED))
        if name.endswith(CAPTURED) and base:
            more = one["total"] - base["total"]
            lines.append(f"{name}: {more:+.1f} us an event, {more / base['total']:+.1%}\n")
    return "".join(lines)


def imports(rounds: int) -> dict[str, float]:
    """Print and return the cost of importing each package, in seconds of CPU."""
    costs = {}
    for package in PACKAGES.values():
        for statement in (
            f"import {package}",
            f"from {package} import EstuaryClient, EstuaryConfig",
        ):
            try:
                costs[statement] = import_cost(statement, rounds)
            except MeasurementError as problem:
                print(f"{statement}: {str(problem).splitlines()[-1]}", file=sys.stderr)
                continue
            print(f"{costs[statement] * 1e3:8.1f} ms  {statement}")
    return costs


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bench", choices=[*CASES, *LIVES, "imports", "table"])
    parser.add_argument("--steps", default="", help=f"of the table: {', '.join(STEPS)}")
    parser.add_argument("--write", type=Path, help="measure nothing, write the table in there")
    parser.add_argument("--sessions", type=int, help="how many, if not as above")
    parser.add_argument("--rate", type=float, help="paced ones: events a second each")
    parser.add_argument("--seconds", type=float, default=8.0, help="paced ones: how long")
    parser.add_argument("--events", type=int, help="bursts: how many each")
    parser.add_argument("--mic-rate", type=int, default=16000, help="upstream, ours: Hz")
    parser.add_argument("--tls", action="store_true", help="over TLS (needs the openssl command)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="parts of names, such as ours,sdk-uvloop")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    options = parser.parse_args()
    if options.seconds > LONGEST:
        parser.error(f"--seconds: {LONGEST:.0f} at most (no heartbeat is sent)")
    return options


def asked(options: argparse.Namespace) -> Load:
    """The load of a case, with what the command line says otherwise."""
    case = CASES[options.bench]
    rate = options.rate or case.rate if case.rate else 0.0
    events = round(rate * options.seconds) if rate else options.events or case.events
    sessions = options.sessions or case.sessions
    return Load(case.carries, sessions, events, rate, case.size, options.mic_rate, options.tls)


def lives(options: argparse.Namespace) -> dict[str, object]:
    """Print and return what clients cost that only live."""
    case = LIVES[options.bench]
    sessions = options.sessions or case.sessions
    rounds = run_rounds(
        wanted(options.only, captured=False),
        lambda name: live(name, options.bench, sessions),
        case.shown,
        options.rounds,
    )
    results = {name: medians(each) for name, each in rounds.items() if each}
    print(f"\n{case.what}, medians of {options.rounds}; in brackets times estuary-sdk on asyncio")
    print(plain_table(results) if results else "nothing measured")
    return {"medians": results, "rounds": rounds}


def main() -> None:
    """Measure, print one table, say where and how."""
    options = parse()
    if options.bench == "table":
        if options.write:
            write(options.write)
        else:
            steps = options.steps.split(",") if options.steps else list(STEPS)
            run(steps, lambda line: print(line, file=sys.stderr))
        return
    where, command = machine(), shlex.join(["python", "-m", "tests.bench", *sys.argv[1:]])
    report: dict[str, object] = {"machine": where, "command": command}
    if options.bench == "imports":
        report["seconds"] = imports(max(options.rounds, 11))
    elif options.bench in LIVES:
        report |= lives(options)
    else:
        load = asked(options)
        case = CASES[options.bench]
        flavours = wanted(options.only, case.captured, case.ours)
        rounds = run_rounds(flavours, lambda name: measure(name, load), "total", options.rounds)
        results = {name: medians(each) for name, each in rounds.items() if each}
        shape = f"{load.sessions} sessions, {load.events} events each"
        shape += f", {load.rate:g} a second each" if load.rate else ", as fast as they come"
        shape += ", over TLS" if options.tls else ""
        print(f"\nCPU us per {case.what}, medians of {options.rounds}: {shape}")
        print(table(results) if results else "nothing measured")
        print(costs_of_captures(results), end="")
        report |= {"medians": results, "rounds": rounds}
    print(f"{where}\n{command}")
    if options.json:
        options.json.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
