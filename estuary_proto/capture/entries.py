"""From the lines of a capture to typed entries."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from ..errors import ErrorCode, EstuaryError
from ..models.pcm import decode_pcm
from .recorder import FORMAT
from .sound import BYTES, PCM, silence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Kind = Literal["header", "input", "pull", "rest"]

_LONGEST: Final = 500
_CUT: Final = "; the capture was cut off here: without this line it can be read"

_NAMED_BY: Final[dict[Kind, str]] = {"input": "in", "rest": "rest", "pull": "pull"}


def bad_line(number: int, problem: str) -> EstuaryError:
    """The error for a line that is no part of a capture."""
    if len(problem) > _LONGEST:  # A line may be of any length, and so may what is wrong in it.
        problem = f"{problem[:_LONGEST]}…"
    text = f"line {number} of the capture: {problem}"
    return EstuaryError(text, ErrorCode.PROTOCOL_ERROR, {"line": number})


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a capture.

    `line` counts from 1, `at` is seconds since the first of them. `kind` is "header", "input",
    "pull" or "rest"; `name` the verb of an input (`receive`, `submit` …), or of a pull "event",
    "command", "frame", or "batch" for a frame that goes with the one before, or of a REST call
    "sent", "answered" or "failed". `link` is the number of the transport where one is meant. `data`
    is the whole line.
    """

    line: int
    at: float
    kind: Kind
    name: str
    link: int | None
    data: dict[str, Any]

    @property
    def frame(self) -> str | bytes | None:
        """The WebSocket message that came in or went out, secrets replaced; None if none did."""
        value = None
        if self.name == "receive":
            value = self.data.get("frame")
        elif self.name in ("frame", "batch"):
            value = self.data.get("got")
        encoded = None
        if isinstance(value, dict):
            encoded = silence(value[PCM]) if isinstance(value.get(PCM), str) else value.get(BYTES)
        if isinstance(encoded, str):
            try:
                return decode_pcm(encoded)
            except ValueError as error:
                raise bad_line(self.line, f"a frame that is not base64: {error}") from None
        return value if isinstance(value, str) else None


def read(lines: Iterable[str]) -> Iterator[Entry]:
    """The entries of a capture, the header first. Blank lines are passed over, and a BOM.

    Raises EstuaryError, naming the line, for what is not a capture, and for one of a newer format
    than this library knows; older ones are read.
    """
    begun = breaks = False
    for number, line in enumerate(lines, 1):
        text = line.removeprefix("\ufeff") if number == 1 else line
        if not text.strip():
            continue
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            cut = _CUT if breaks and not line.endswith("\n") else ""
            raise bad_line(number, f"not JSON ({error}){cut}") from None
        if not isinstance(data, dict):
            raise bad_line(number, "not an object")
        yield _entry(number, data) if begun else _header(number, data)
        begun, breaks = True, line.endswith("\n")
    if not begun:
        raise bad_line(1, "there is none; a capture begins with a header")


def _header(number: int, data: dict[str, Any]) -> Entry:
    version = data.get("estuary_capture")
    if type(version) is not int or version < 0:
        raise bad_line(number, "not the header of a capture")
    if version > FORMAT:
        raise bad_line(
            number,
            f"its format is {version}, and this library reads up to {FORMAT}; "
            f"it was made by version {data.get('library')!r}, use that or a later one",
        )
    return Entry(number, 0.0, "header", "header", None, data)


def _entry(number: int, data: dict[str, Any]) -> Entry:
    at = data.get("t", 0.0)
    if isinstance(at, bool) or not isinstance(at, (int, float)):
        raise bad_line(number, "its t is not a number")
    try:
        seconds = float(at)
    except OverflowError:
        raise bad_line(number, "its t is no time") from None
    link = data.get("link")
    kind: Kind = "input" if "in" in data else "rest" if "rest" in data else "pull"
    name = data.get(_NAMED_BY[kind])
    if not isinstance(name, str):
        raise bad_line(number, "neither an input nor a pull")
    return Entry(number, seconds, kind, name, link if type(link) is int else None, data)
