"""What was found, a line each: the words, the time it took, and what to do about it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from estuary_proto.errors import concealed

from ..exits import Exit, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..screen import Screen

WIDEST: Final = 100
"""Columns that are used of a wide terminal."""
_STAGE: Final = 14
_INDENT: Final = 2 + 6 + _STAGE
_TIED: Final = "\u00a0"
"""A blank at which no line is broken; it is not shown."""


class Verdict(StrEnum):
    """How it stands with one thing."""

    OK = "ok"
    WARN = "warn"
    """It works, but not all that one may want."""
    FAIL = "fail"
    SKIP = "skip"
    """It was not looked at, or need not be there."""


_STYLES: Final = {
    Verdict.OK: "green",
    Verdict.WARN: "yellow",
    Verdict.FAIL: "bold red",
    Verdict.SKIP: "dim",
}


@dataclass
class Finding:
    """One line: `text` says how it is, `mend` what to do. `seconds` is what it took."""

    part: str
    stage: str
    verdict: Verdict
    text: str
    mend: str = ""
    seconds: float | None = None
    status: Exit = Exit.FAILED
    """The exit status that a failure ends with."""
    facts: dict[str, Any] = field(default_factory=dict)
    """The same for programs."""

    def as_data(self) -> dict[str, Any]:
        """For `--json`."""
        found: dict[str, Any] = {
            "part": self.part,
            "stage": self.stage,
            "verdict": self.verdict.value,
            "text": self.text,
        }
        if self.mend:
            found["mend"] = self.mend
        if self.seconds is not None:
            found["seconds"] = round(self.seconds, 6)
        return found | self.facts


class Sheet:
    """All findings, shown as they come or, for programs, at the end. It shows no secret."""

    def __init__(self, screen: Screen, *, as_json: bool, secrets: Iterable[str] = ()) -> None:
        self.findings: list[Finding] = []
        self._screen = screen
        self._as_json = as_json
        self._secrets = [secret for secret in secrets if secret]
        self._part = ""

    def begin(self, part: str, about: str = "") -> None:
        """What follows belongs to this part."""
        if not self._as_json:
            if self._part:
                self._screen.say("")
            words = Text.assemble((part, "bold"), (f"  {self._hushed(about)}", "dim"))
            self._screen.out.print(words, soft_wrap=True)
        self._part = part

    def add(
        self,
        stage: str,
        verdict: Verdict,
        text: str,
        *,
        mend: str = "",
        seconds: float | None = None,
        status: Exit = Exit.FAILED,
        **facts: Any,
    ) -> None:
        """One thing was looked at."""
        found = Finding(
            self._part,
            stage,
            verdict,
            self._hushed(text),
            self._hushed(mend),
            seconds,
            status,
            self._hushed_all(facts),
        )
        self.findings.append(found)
        if not self._as_json:
            self._show(found)

    def _hushed(self, text: str) -> str:
        for secret in self._secrets:
            text = concealed(text, secret)
        return one_line(text)

    def _hushed_all(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._hushed(value)
        if isinstance(value, dict):
            return {key: self._hushed_all(one) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._hushed_all(one) for one in value]
        return value

    def not_tried(self, stages: Iterable[str]) -> None:
        """What makes no sense any more."""
        left = list(stages)
        for stage in left:
            self.findings.append(Finding(self._part, stage, Verdict.SKIP, "not tried"))
        if left and not self._as_json:
            self._lines(f"not tried: {', '.join(left)}", "dim", first="  -     ")

    def _show(self, found: Finding) -> None:
        style = _STYLES[found.verdict]
        mark = "-" if found.verdict is Verdict.SKIP else found.verdict.value
        took = "" if found.seconds is None else f" ({duration(found.seconds)})"
        took = took[:1] + took[1:].replace(" ", _TIED)
        head = Text.assemble("  ", (f"{mark:<6}", style), f"{found.stage:<{_STAGE}}")
        quiet = "dim" if found.verdict is Verdict.SKIP else ""
        lines = wrap(found.text + took, self._room, break_on_hyphens=False) or [""]
        lines = [line.replace(_TIED, " ") for line in lines]
        self._print(head + Text(lines[0], quiet))
        for line in lines[1:]:
            self._print(Text(" " * _INDENT + line, quiet))
        if found.mend:
            self._lines(found.mend, "bold", first=" " * _INDENT + "-> ")

    def _lines(self, text: str, style: str, *, first: str) -> None:
        room = self._room + _INDENT - len(first)
        lines = wrap(text, room, break_on_hyphens=False, break_long_words=False)
        for number, line in enumerate(lines):
            lead = first if number == 0 else " " * len(first)
            self._print(Text.assemble((lead, "dim" if style == "dim" else ""), (line, style)))

    def _print(self, line: Text) -> None:
        self._screen.out.print(line, soft_wrap=True)
        self._screen.out.file.flush()

    @property
    def _room(self) -> int:
        return max(24, min(self._screen.out.width, WIDEST) - 1 - _INDENT)

    @property
    def status(self) -> Exit:
        """The exit status: that of the first failure."""
        failed = (one.status for one in self.findings if one.verdict is Verdict.FAIL)
        return next(failed, Exit.DONE)

    def end(self, **more: Any) -> Exit:
        """All is found: the last line, or all of it for programs."""
        count = {verdict: 0 for verdict in Verdict}
        for one in self.findings:
            count[one.verdict] += 1
        if self._as_json:
            data = {"status": int(self.status)} | more
            data["findings"] = [one.as_data() for one in self.findings]
            self._screen.say(json.dumps(data, indent=2))
        else:
            failed, warned = count[Verdict.FAIL], count[Verdict.WARN]
            what = f"{failed} failed" if failed else "nothing failed"
            what += f", {warned} to look at" if warned else ""
            self._screen.say(f"\n{what}", "bold red" if failed else "bold green")
        return self.status


def duration(seconds: float) -> str:
    """A time for people."""
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"
