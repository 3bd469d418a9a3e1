"""From a captured bug to a test: the capture up to the bug, with what should have come instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .entries import bad_line, read
from .forms import dumps

if TYPE_CHECKING:
    from collections.abc import Iterable

_OUTCOMES = ("got", "gives", "raised")


def corrected(lines: Iterable[str], line: int, expected: Any) -> list[str]:
    """A capture that ends at `line` (from 1), which gives `expected` there.

    `expected` is the form of what should have come, as captures show it, of the event or frame of a
    pull: None for nothing. For an input it is `{"gives": …}`, `{"raised": …}` or `{}`. What follows
    would only tell of what came of the bug. Until the bug is mended, a replay of it shows the
    difference. Raises EstuaryError when the line is no pull or input, or says so already.
    """
    kept: list[str] = []
    for entry in read(lines):
        if entry.line < line:
            kept.append(_text(entry.data))
            continue
        if entry.line > line:
            break
        data = {key: value for key, value in entry.data.items() if key not in _OUTCOMES}
        if entry.kind == "pull":
            data["got"] = expected
        elif entry.kind == "input" and isinstance(expected, dict):
            if odd := expected.keys() - {"gives", "raised"}:
                raise bad_line(line, f"an input has no {sorted(odd)[0]!r}")
            data |= expected
        elif entry.kind == "input":
            raise bad_line(line, 'it is an input: expected is {"gives": …}, {"raised": …} or {}')
        else:
            raise bad_line(line, f"nothing comes out of a line of this kind ({entry.kind})")
        if _text(data) == _text(entry.data):
            raise bad_line(line, "it says what is expected already, so that no test can fail")
        return [*kept, _text(data)]
    raise bad_line(line, "there is none")


def _text(data: dict[str, Any]) -> str:
    return dumps(data) + "\n"
