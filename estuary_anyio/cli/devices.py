"""`estuary devices`: what can record and play, and a test of a second that shows it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from rich.cells import cell_len, set_cell_size

from estuary_audio.devices import Direction, list_devices, usable_rates
from estuary_audio.extra import require

from .exits import Exit, one_line
from .run import interrupted, run
from .screen import Screen
from .selftest import SECONDS, SelfTest

if TYPE_CHECKING:
    from collections.abc import Sequence

    import anyio
    from anyio.abc import TaskGroup

    from estuary_audio import Device

    from .selftest import Tested

HELP: Final = "plug one in, or start the sound server (in a container: give it one)"

NAME: Final = 30
"""Columns for a name."""


Sides = dict[Direction, list[tuple["Device", list[int]]]]
"""The devices of each direction, with the rates at which they run."""


def devices(
    backend: str,
    test: bool,
    as_json: bool,
    input_device: str | int | None,
    output_device: str | int | None,
) -> int:
    """Run the command; `test` plays and records with these devices, None is the system's default;
    `as_json` is for programs. Returns the exit status."""
    screen = Screen()
    tests = SelfTest(input_device, output_device) if test else None

    async def job(tasks: TaskGroup, scope: anyio.CancelScope) -> int:
        with scope:
            return await _devices(screen, tests, as_json)
        return Exit.FAILED

    return run(job, backend, interrupted)


async def _devices(screen: Screen, test: SelfTest | None, as_json: bool) -> int:
    require()
    found = list_devices()
    sides: Sides = {
        way: [(d, usable_rates(d, way)) for d in found if d.channels(way)] for way in Direction
    }
    absent = [way.noun for way, some in sides.items() if not some]
    problems = [f"there is no {' and no '.join(absent)}: {HELP}"] if absent else []
    if not as_json:
        for way, some in sides.items():
            _show(screen, way, some)
    tested: list[Tested] = []
    if test is not None:
        if not as_json:
            screen.say(f"a tone of {SECONDS:g} s is played, and recorded:", "bold")
        tested, more = await test.run([way for way, some in sides.items() if some])
        problems += more
    if as_json:
        screen.say(json.dumps(_as_data(sides, None if test is None else tested), indent=2))
    else:
        for one in tested:
            for line in one.lines:
                screen.say(f"  {line}", "" if one.passed else "red")
    for problem in problems:
        screen.error(problem)
    if problems:
        return Exit.USAGE
    return Exit.DONE if all(one.passed for one in tested) else Exit.FAILED


# --- what there is -----------------------------------------------------------------------------


def _show(screen: Screen, way: Direction, some: Sequence[tuple[Device, list[int]]]) -> None:
    screen.say(f"{way.noun}s", "bold")
    for device, rates in some:
        mark = "*" if device.is_default(way) else " "
        name = one_line(device.name)
        if cell_len(name) > NAME:
            name = set_cell_size(name, NAME - 3) + "..."
        name = set_cell_size(name, NAME)
        shown = " ".join(f"{rate / 1000:g}" for rate in rates)
        count = device.channels(way)
        screen.say(f"{mark}{device.index:>3}  {name}  {count:>3} ch  {shown or 'in use?'}")
    screen.say("  * the default; rates in kHz" if some else "  none", "dim")


def _as_data(sides: Sides, tested: list[Tested] | None) -> dict[str, Any]:
    data: dict[str, Any] = {
        way.value: [
            {
                "index": device.index,
                "name": device.name,
                "api": device.api,
                "channels": device.channels(way),
                "rates": rates,
                "default": device.is_default(way),
            }
            for device, rates in some
        ]
        for way, some in sides.items()
    }
    if tested is not None:
        data["test"] = [asdict(one) for one in tested]
    return data
