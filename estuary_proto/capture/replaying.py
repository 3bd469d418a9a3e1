"""The clock is the file: a fresh client meets every input of a capture again.

The client stands inside a `Recorder` here too, so that both sides of each comparison are written by
the same hand. Within one version of the library everything is compared, down to the byte: what an
input returned or raised, and what a pull got. Across versions it is the events, one after the
other, in the fields that both versions know.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from ..version import __version__
from .calls import Clock, call_of, has_audio, recorder_of
from .comparison import EventByEvent, LineByLine
from .entries import Entry, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BEFORE: Final = 5
"""How many lines before a difference are shown."""
AFTER: Final = 3
"""How many lines behind it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a replay first did something else than the capture says.

    `line` counts from 1. `expected` is what the capture holds and `actual` what happened, both as
    JSON; `before` are the lines that led to it, that of the difference the last, `after` those that
    follow it.
    """

    line: int
    expected: str
    actual: str
    before: list[str]
    after: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        *led, here = [*self.before, ""] if not self.before else self.before
        shown = [f"line {self.line}", *(f"  {line}" for line in led), f"> {here}"]
        shown += [f"  {line}" for line in self.after]
        return "\n".join([*shown, f"expected  {self.expected}", f"actual    {self.actual}"])


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a replay: the events that the client gave, and the first difference or None.

    `header` is the first line of the capture, `lines` how many were compared. A replay ends at the
    first difference: whatever follows would differ because of it.
    """

    header: dict[str, Any]
    events: list[Any] = field(default_factory=list)
    lines: int = 0
    difference: Difference | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a capture, and the events that the client gave at it (none or one; several only
    across versions)."""

    entry: Entry
    events: tuple[Any, ...] = ()


def replay(lines: Iterable[str], *, exact: bool | None = None) -> Replayed:
    """Feed a capture to a fresh client and compare everything that comes out.

    `exact` compares down to the byte, which is the default for a capture of this very version;
    else event is compared with event. Raises EstuaryError, naming the line, for what is not a
    capture.
    """
    found = Replay(lines, exact=exact)
    events = [event for step in found for event in step.events]
    return Replayed(found.header.data, events, found.lines, found.difference)


class Replay:
    """A replay line by line: iterate it once for the steps, then look at `difference`.

    `header` is there from the beginning. Raises EstuaryError as `replay` does.
    """

    def __init__(self, lines: Iterable[str], *, exact: bool | None = None) -> None:
        self._line = ""
        self._entries = read(self._noted(lines))
        self.header: Entry = next(self._entries)
        self.exact: bool = self.header.data.get("library") == __version__
        if exact is not None:
            self.exact = exact
        self.lines: int = 0
        self.difference: Difference | None = None
        self._audio = has_audio(self.header)
        self._before: deque[Entry] = deque(maxlen=BEFORE)

    def _noted(self, lines: Iterable[str]) -> Iterator[str]:
        for self._line in lines:
            yield self._line

    def __iter__(self) -> Iterator[Step]:
        written: list[str] = []
        recorder = recorder_of(self.header, written.append)
        written.clear()
        comparing = (LineByLine if self.exact else EventByEvent)(recorder, audio=self._audio)
        clock = Clock()
        for entry in self._entries:
            if entry.kind == "rest":  # No core takes part in it.
                if "clock" in entry.data:
                    clock.now(entry)
                continue
            self.lines += 1
            self._before.append(entry)
            call = call_of(recorder, entry, clock, audio=self._audio)
            try:
                given = call()
            except Exception:  # Law 3 or not: what is raised stands in the line that was written.
                given = None
            # An empty pull is not written twice.
            line = written[-1] if written else "{}"
            if self.exact and line == self._line:
                # The same to the byte, which is nearly all of a capture: nothing to compare.
                is_event = entry.name == "event" and given is not None
                events, wrong = (given,) if is_event else (), None
            else:
                events, wrong = comparing.compared(entry, given, json.loads(line))
            written.clear()
            yield Step(entry, events)
            if wrong is not None:
                self._differs(*wrong)
                return
        if (wrong := comparing.ended()) is not None:
            self._differs(*wrong)

    def _differs(self, line: int, expected: Any, actual: Any) -> None:
        after = [_text(entry.data) for entry in islice(self._entries, AFTER)]
        before = [_text(entry.data) for entry in self._before]
        self.difference = Difference(line, _text(expected), _text(actual), before, after)


def _text(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
