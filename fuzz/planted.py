"""Bugs of different kinds, planted one at a time in a copy of the tree: does the fuzzer find them?

`python -m fuzz planted --seconds 60 --jobs 2` prints the table of the README. The committed corpus
is left out of the copy: what is found is found from nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .running import FOUND, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .bugs import Bug
    from .running import Result

ROOT: Final = Path(__file__).parents[1]
COPIED: Final = ("estuary_proto", "estuary_anyio", "estuary_audio", "fuzz")
ENDLESS: Final = 60.0
"""Seconds after which one input has no end."""


def planted(code: str, bug: Bug) -> str:
    """The source with the bug in it. Raises ValueError where it does not fit any more."""
    if code.count(bug.old) < 1:
        raise ValueError(f"{bug.kind}: {bug.file} has changed")
    return code.replace(bug.old, bug.new, 1)


def hunt(bug: Bug, seconds: float) -> Result:
    """Fuzz a copy with the bug until it is found, for so many seconds at most."""
    with tempfile.TemporaryDirectory(prefix="planted-") as place:
        copy = Path(place)
        for name in COPIED:
            shutil.copytree(
                ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "corpus")
            )
        file = copy / "estuary_proto" / bug.file
        file.write_text(planted(file.read_text(), bug))
        result = run(bug.target, seconds, seconds, work=copy / ".fuzz", cwd=copy)
        if result.finding and not (_fails(bug, result, copy) and not _fails(bug, result, ROOT)):
            # It is wrong without the bug too, or not alone: what came before it counts.
            result.finding = None
        return result


def _fails(bug: Bug, result: Result, tree: Path) -> bool:
    """Whether what was found goes wrong in this tree, in a plain interpreter."""
    command = [sys.executable, "-m", "fuzz", "replay", bug.target, str(result.finding)]
    try:
        done = subprocess.run(command, cwd=tree, capture_output=True, check=False, timeout=ENDLESS)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def table(seconds: float, jobs: int, targets: list[str], bugs: Iterable[Bug]) -> Iterator[str]:
    """The lines of a Markdown table, as they come; only of these targets, if any are named."""
    bugs = [bug for bug in bugs if not targets or bug.target in targets]
    yield "| bug | in | target | found after | executions |"
    yield "|---|---|---|---:|---:|"
    found = 0
    with ThreadPoolExecutor(jobs) as pool:
        for bug, result in zip(bugs, pool.map(lambda b: hunt(b, seconds), bugs), strict=True):
            found += result.finding is not None
            after = f"{result.seconds:.0f} s"
            if not result.finding:
                after = f"another alarm, in {after}" if result.ended == FOUND else f"not in {after}"
            count = f"{result.executions:,}"
            yield f"| {bug.kind} | `{bug.file}` | `{bug.target}` | {after} | {count} |"
            sys.stdout.flush()
    yield f"\n{found} of {len(bugs)} found."
