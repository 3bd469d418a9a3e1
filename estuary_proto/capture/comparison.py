"""Whether a replay does the same: line by line within a version, event by event across them."""

from __future__ import annotations

import json
import re
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from .forms import ODD, form
from .mask import Mask
from .sound import unhashed

if TYPE_CHECKING:
    from .entries import Entry, Kind
    from .recorder import Recorder

    Wrong = tuple[int, Any, Any]
    """The line, what was expected, what came."""

_WHERE: Final = re.compile(r"(?<=not JSON: ).*?(?:\(char \d+\)|at character \d+)")
"""Where a peer's JSON is broken depends on the length of placeholders; how, on Python's version."""

_OUTCOMES: Final = ("gives", "raised")


class LineByLine:
    """What an input returned or raised and what a pull got, each to the byte."""

    def __init__(self, recorder: Recorder, *, audio: bool) -> None:
        self._audio = audio

    def compared(
        self, entry: Entry, given: Any, line: dict[str, Any]
    ) -> tuple[tuple[Any, ...], Wrong | None]:
        """The events that came, and what is wrong; `line` is what the replay wrote down."""
        events = (given,) if entry.name == "event" and given is not None else ()
        expected, actual = _outcome(entry.kind, entry.data), _outcome(entry.kind, line)
        if self._same(expected, actual, odd=ODD in str(entry.data)):
            return events, None
        return events, (entry.line, expected, actual)

    def ended(self) -> Wrong | None:
        """What is wrong at the end of the capture: nothing more."""
        return None

    def _same(self, expected: dict[str, Any], actual: dict[str, Any], *, odd: bool) -> bool:
        if odd and "raised" in expected and "raised" in actual:
            # Of an odd value only the type is known, so the words may differ.
            one, other = expected["raised"], actual["raised"]
            return isinstance(one, dict) and all(one.get(k) == other.get(k) for k in ("is", "code"))
        # As text: 1, 1.0 and true are three things, and NaN is the same as NaN.
        texts = [
            json.dumps(each, ensure_ascii=False, sort_keys=True) for each in (expected, actual)
        ]
        if not self._audio:
            texts = [unhashed(text) for text in texts]
        return texts[0] == texts[1] or _WHERE.sub("", texts[0]) == _WHERE.sub("", texts[1])


def _outcome(kind: Kind, data: dict[str, Any]) -> dict[str, Any]:
    if kind == "pull":
        return {"got": data.get("got")}
    return {key: data[key] for key in _OUTCOMES if key in data}


class EventByEvent:
    """The events in their order, wherever they are pulled, in the fields that both sides have."""

    def __init__(self, recorder: Recorder, *, audio: bool) -> None:
        self._recorder = recorder
        self._mask = Mask()
        self._expected: deque[tuple[int, Any]] = deque()
        self._actual: deque[Any] = deque()
        self._line = 1

    def compared(
        self, entry: Entry, given: Any, line: dict[str, Any]
    ) -> tuple[tuple[Any, ...], Wrong | None]:
        """The events that came, and what is wrong; `line` is what the replay wrote down."""
        self._line = entry.line
        if entry.name != "event" or entry.kind != "pull":
            return (), None
        events = [] if given is None else [given]
        if (expected := entry.data.get("got")) is not None:
            self._expected.append((entry.line, expected))
        else:  # Everything was taken here.
            while (event := self._recorder.next_event()) is not None:
                events.append(event)
        self._actual.extend(form(event, self._mask) for event in events)
        while self._expected and self._actual:
            number, expected = self._expected.popleft()
            actual = self._actual.popleft()
            if not _agree(expected, actual):
                return tuple(events), (number, expected, actual)
        return tuple(events), None

    def ended(self) -> Wrong | None:
        """What is wrong at the end of the capture: an event that one side alone has."""
        if self._expected:
            return (*self._expected[0], None)
        return (self._line, None, self._actual[0]) if self._actual else None


def _agree(expected: Any, actual: Any) -> bool:
    """Whether two forms mean the same, as far as both versions have words for it."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        if "is" not in expected:
            return expected == actual
        common = expected.keys() & actual.keys()
        if "code" in common:  # An error: its words are for people.
            common -= {"message"}
        return all(_agree(expected[key], actual[key]) for key in common)
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and all(map(_agree, expected, actual))
    if isinstance(expected, str) and isinstance(actual, str):
        return unhashed(expected) == unhashed(actual)
    return bool(expected == actual)
