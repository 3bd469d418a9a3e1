"""`estuary replay`: a captured conversation, as it unfolded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import anyio
from anyio.lowlevel import checkpoint

from estuary_proto.capture import Replay
from estuary_proto.capture.calls import config_of
from estuary_proto.capture.forms import form
from estuary_proto.capture.mask import Mask
from estuary_proto.errors import EstuaryError
from estuary_proto.events import Connected, Disconnected, Fault, Reconnecting
from estuary_proto.models.conversation import (
    BotResponse,
    CharacterAction,
    InterruptData,
    SttResponse,
)

from .exits import Exit, Stop
from .run import explain, interrupted, run
from .screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from anyio.abc import TaskGroup

    from estuary_proto.capture import Entry, Step

    from .screen import Flow

LONGEST_PAUSE: Final = 3600.0
"""Seconds that are waited for a line at most."""

UNHEARD: Final = 0.1
"""Seconds in which nobody looks for Ctrl-C."""


@dataclass(frozen=True)
class Telling:
    """How it is told: `speed` is a factor, 0 as fast as it goes; `check` tells nothing, and only
    compares."""

    speed: float = 1.0
    events: bool = False
    as_json: bool = False
    check: bool = False


def tell(path: Path, how: Telling) -> int:
    """Run the command. Returns the exit status, raises Stop."""
    telling = _Told(path, Screen(), how)
    return run(telling.run, "asyncio", interrupted)


def lines_of(path: Path) -> Iterator[str]:
    """The lines of a file. Raises Stop when it cannot be read."""
    try:
        # With a BOM too, as HAR 1.2 asks for.
        with path.open(encoding="utf-8-sig") as file:
            yield from file
    except (OSError, UnicodeDecodeError) as error:
        problem = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise Stop(f"{path}: {problem}", Exit.USAGE) from None


class _Told:
    def __init__(self, path: Path, screen: Screen, how: Telling) -> None:
        self._path = path
        self._screen = screen
        self._how = how
        self._label = ""
        self._flow: Flow | None = None
        self._mask = Mask()
        self._at = 0.0
        self._awake = monotonic()

    async def run(self, tasks: TaskGroup, scope: anyio.CancelScope) -> int:
        """All of it."""
        with scope:
            try:
                return await self._tell()
            except EstuaryError as error:
                raise Stop(f"{self._path}: {explain(error)}", Exit.USAGE) from None
        return Exit.INTERRUPTED

    async def _tell(self) -> int:
        replay = Replay(lines_of(self._path))
        config = config_of(replay.header)
        self._label = f"{config.character_id} > "
        for step in replay:
            await self._until(step.entry.at)
            if not self._how.check:
                self._step(step)
        self._end_of_answer()
        if replay.difference is not None:
            self._screen.say(f"a difference at {replay.difference}")
            self._screen.error("the replay is not what the capture says")
            return Exit.FAILED
        if self._how.check:
            how = "to the byte" if replay.exact else "event for event (another version made it)"
            self._screen.say(f"equal {how}: {replay.lines} lines")
        return Exit.DONE

    async def _until(self, at: float) -> None:
        if self._how.speed and not self._how.check:
            pause = (at - self._at) / self._how.speed
            if 0 < pause:
                await anyio.sleep(min(pause, LONGEST_PAUSE))
        if monotonic() - self._awake > UNHEARD:
            await checkpoint()
            self._awake = monotonic()
        self._at = max(self._at, at)

    def _step(self, step: Step) -> None:
        if self._how.as_json:
            for event in step.events:
                line = {"line": step.entry.line, "t": step.entry.at}
                print(json.dumps({**line, "event": form(event, self._mask)}, ensure_ascii=False))
        elif self._how.events:
            for event in step.events:
                self._screen.say(f"{step.entry.line:>6} {step.entry.at:10.3f}  {event}")
        else:
            self._said(step.entry)
            for event in step.events:
                self._heard(event)

    def _said(self, entry: Entry) -> None:
        message = entry.data.get("message")
        if entry.name in ("submit", "ask") and isinstance(message, dict):
            fields = message.get("fields")
            if message.get("wire") == "text" and isinstance(fields, dict):
                self._you("you > ", str(fields.get("text", "")))

    def _you(self, label: str, text: str) -> None:
        self._end_of_answer()
        self._screen.close(self._screen.answer(label, always=True, style="bold cyan"), text)

    def _heard(self, event: Any) -> None:
        screen = self._screen
        if isinstance(event, BotResponse):
            self._answered(event)
        elif isinstance(event, SttResponse):
            if event.is_final and event.text:
                self._you("you (aloud) > ", event.text)
        elif isinstance(event, CharacterAction):
            self._end_of_answer()
            screen.say(f"  the app is called: {event.name}({event.params})", "magenta")
        elif isinstance(event, InterruptData):
            self._end_of_answer()
            screen.notice("interrupted")
        elif isinstance(event, Connected):
            screen.notice("connected")
        elif isinstance(event, Disconnected):
            self._end_of_answer()
            screen.notice(f"the connection is over ({event.reason})")
        elif isinstance(event, Reconnecting):
            screen.notice(f"reconnecting: attempt {event.attempt} in {event.delay:.1f} s")
        elif isinstance(event, Fault):
            screen.error(explain(event.error))

    def _answered(self, event: BotResponse) -> None:
        if self._flow is None or event.replaces:
            self._end_of_answer()
            self._flow = self._screen.answer(self._label, always=True)
        self._flow.add(event.partial)
        if event.is_final:
            self._end_of_answer()

    def _end_of_answer(self) -> None:
        flow, self._flow = self._flow, None
        if flow is not None:
            self._screen.close(flow)
