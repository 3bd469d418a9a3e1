"""`estuary capture`: to and from HAR, and from a bug to a test."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from estuary_proto.capture import corrected, from_har, to_har
from estuary_proto.errors import EstuaryError

from .exits import Exit, Stop, one_line
from .replay import lines_of

if TYPE_CHECKING:
    from pathlib import Path

_TEST = '''"""A captured bug: it fails until {line} gives what is expected of it."""

from pathlib import Path

from estuary_proto import replay


def test_{name}() -> None:
    with Path(__file__).with_name("{file}").open(encoding="utf-8") as lines:
        difference = replay(lines).difference
    assert difference is None, str(difference)
'''


def import_har(har: Path, out: Path, *, audio: bool) -> int:
    """Write the session of a HAR as a capture."""
    text = "".join(lines_of(har))
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Stop(f"{har}: not JSON ({error})", Exit.USAGE) from None
    try:
        found = from_har(told, audio=audio)
    except EstuaryError as error:
        raise Stop(f"{har}: {one_line(error.message)}", Exit.USAGE) from None
    _keep(har, out)
    _write(out, "".join(found.lines))
    agree = found.sent - len(found.unlike)
    print(f"{out}: {found.sockets} connection(s), {len(found.lines)} lines")
    print(f"{agree} of {found.sent} frames of that client are as ours")
    for theirs, ours in found.unlike:
        print(f"  theirs  {one_line(theirs)}\n  ours    {one_line(ours) or 'nothing'}")
    return Exit.DONE


def export_har(capture: Path, out: Path) -> int:
    """Write a capture as HAR."""
    try:
        har = to_har(lines_of(capture))
    except EstuaryError as error:
        raise Stop(f"{capture}: {one_line(error.message)}", Exit.USAGE) from None
    _keep(capture, out)
    _write(out, json.dumps(har, ensure_ascii=False, indent=1) + "\n")
    entries = har["log"]["entries"]
    sockets = sum("_webSocketMessages" in entry for entry in entries)
    print(f"{out}: {sockets} connection(s), {len(entries) - sockets} REST call(s)")
    return Exit.DONE


def write_test(capture: Path, at: str, expected: str, out: Path | None) -> int:
    """Write a test that fails until the line at `at` (its number, or what stands in it) gives what
    is expected."""
    lines = list(lines_of(capture))
    line = _line(lines, at)
    try:
        wanted: Any = json.loads(expected)
    except (ValueError, RecursionError) as error:
        raise Stop(f"--expect: not JSON ({error})", Exit.USAGE) from None
    try:
        kept = corrected(lines, line, wanted)
    except EstuaryError as error:
        raise Stop(f"{capture}: {one_line(error.message)}", Exit.USAGE) from None
    name = re.sub(r"\W+", "_", capture.stem).strip("_").lower() or "bug"
    out = out or capture.with_name(f"test_{name}.py")
    if out.suffix != ".py":
        raise Stop(f"-o {out}: a test is a file of Python, its name ends with .py", Exit.USAGE)
    beside = out.with_suffix(".jsonl")
    if beside.resolve() == capture.resolve():
        raise Stop(f"-o {out}: its capture would take the place of {capture}", Exit.USAGE)
    for path in (out, beside):
        if path.exists():
            raise Stop(f"{path} is there already", Exit.USAGE)
    _write(beside, "".join(kept))
    test = _TEST.format(line=f"line {line}", name=name, file=beside.name)
    _write(out, test)
    print(f"{out} replays {beside.name}, which ends at line {line}:")
    print(f"  it gave   {lines[line - 1].strip()}\n  expected  {kept[-1].strip()}")
    return Exit.DONE


def _line(lines: list[str], at: str) -> int:
    if at.isdecimal() and len(at) < 20:
        return int(at)
    found = [number for number, line in enumerate(lines, 1) if at in line]
    if not found:
        raise Stop(f"--at: no line holds {at!r}", Exit.USAGE)
    return found[-1]


def _keep(source: Path, out: Path) -> None:
    if out.resolve() == source.resolve():
        raise Stop(f"-o {out}: it would take the place of what is read", Exit.USAGE)


def _write(path: Path, text: str) -> None:
    try:
        # Half of a surrogate pair becomes what JSON writes for it.
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise Stop(f"{path}: {error.strerror or error}", Exit.USAGE) from None
