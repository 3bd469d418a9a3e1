"""The committed corpus: a file for each target, an input a line in base64, the shortest first.

It is chosen from all that a run has found: inputs that together take every branch which all of them
take.
"""

from __future__ import annotations

import sys
from base64 import b64decode, b64encode
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .targets import Target

HOME: Final = Path(__file__).parent / "corpus"
PACKAGES: Final = ("/estuary_proto/", "/estuary_anyio/")
FILLER: Final = 120
"""The longest input that is kept without need."""
Step = tuple[str, int, int, int]


def load(name: str) -> list[bytes]:
    """The committed inputs of a target; none if it has none yet."""
    file = HOME / f"{name}.txt"
    return [b64decode(line) for line in file.read_text().split("\n")[:-1]] if file.exists() else []


def save(name: str, inputs: Iterable[bytes]) -> None:
    """Write them down, the shortest first."""
    lines = [b64encode(data).decode() for data in sorted(set(inputs), key=lambda d: (len(d), d))]
    (HOME / f"{name}.txt").write_text("".join(line + "\n" for line in lines))


def steps(run: Target, data: bytes) -> set[Step]:
    """The steps from line to line that the packages take for these bytes, and about how often."""
    found: Counter[tuple[str, int, int]] = Counter()

    def local(frame: Any, event: str, arg: object) -> Any:
        nonlocal found
        file = frame.f_code.co_filename
        last = frame.f_lineno

        def trace(frame: Any, event: str, arg: object) -> Any:
            nonlocal last
            if event == "line":
                found[file, last, frame.f_lineno] += 1
                last = frame.f_lineno
            return trace

        return trace

    def start(frame: Any, event: str, arg: object) -> Any:
        inside = any(package in frame.f_code.co_filename for package in PACKAGES)
        return local(frame, event, arg) if inside else None

    before = sys.gettrace()
    sys.settrace(start)
    try:
        run(data)
    finally:
        sys.settrace(before)
    return {(*step, min(count.bit_length(), 4)) for step, count in found.items()}


def chosen(run: Target, inputs: Sequence[bytes], most: int) -> list[bytes]:
    """At most so many of the inputs, those first that add most steps."""
    left = {data: steps(run, data) for data in sorted(set(inputs), key=len)}
    kept: list[bytes] = []
    while left and len(kept) < most:
        best = max(left, key=lambda data: (len(left[data]), -len(data)))
        new = left.pop(best)
        if not new:
            break
        kept.append(best)
        left = {data: more - new for data, more in left.items()}
    # Branches are not all: what else a run thought worth keeping, short and long alike.
    spare = sorted((data for data in set(inputs) - set(kept) if len(data) <= FILLER), key=len)
    step = max(1, len(spare) // max(1, most - len(kept)))
    return kept + spare[::step][: most - len(kept)]
