"""One session's way through a script: which rules have fired, and which act is due.

It knows neither the session nor the connection. Whoever performs the acts says what happened
(`saw`, `began`) and takes `next_act` until there is none; `due_at` is when to ask again.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from .acts import Wait
from .script import AFTER, CONNECTED

if TYPE_CHECKING:
    from .acts import Act
    from .script import Rule, Script

MAX_RUNS: Final = 64
"""Rules of one session that may be under way; what fires beyond it is passed over."""


class _Run:
    """One rule under way: what is left of it, and since when the next act may go."""

    __slots__ = ("acts", "at", "rule")

    def __init__(self, rule: Rule, at: float) -> None:
        self.rule = rule
        self.acts: deque[Act] = deque(rule.acts)
        self.at = at


class ScriptRunner:
    """See the module. Times are monotonic seconds."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._runs: list[_Run] = []
        self._seen: dict[int, int] = {}

    @property
    def due_at(self) -> float | None:
        """When an act is due; None while nothing is under way."""
        return min((run.at for run in self._runs), default=None)

    def saw(self, event: str, *, now: float, text: str = "", number: int = 0) -> bool:
        """An event of the client: start the rules that it fires. `number` is which one it is, where
        the gateway counts. True when a rule stands for the usual answer."""
        instead, folded = False, text.casefold()
        for rule in self._script.rules:
            when = rule.when
            if when.event != event or not when.holds(folded):
                continue
            count = number or self._seen.get(rule.number, 0) + 1
            self._seen[rule.number] = count
            if when.nth in (0, count):
                self._start(rule, now)
                instead = instead or rule.instead
        return instead

    def began(self, *, now: float, number: int) -> None:
        """The session stands, as number `number` of the gateway."""
        self.saw(CONNECTED, now=now, number=number)
        for rule in self._script.rules:
            if rule.when.event == AFTER:
                self._start(rule, now + rule.when.seconds, always=True)

    def _start(self, rule: Rule, at: float, *, always: bool = False) -> None:
        if always or len(self._runs) < MAX_RUNS:
            self._runs.append(_Run(rule, at))

    def next_act(self, now: float) -> tuple[Rule, Act] | None:
        """The next act that is due by `now`: the earliest, among equals in the order of firing."""
        while due := [run for run in self._runs if run.at <= now]:
            run = min(due, key=_at)
            act = run.acts.popleft() if run.acts else None
            if isinstance(act, Wait):
                run.at = now + act.seconds
                continue
            if not run.acts:
                self._runs.remove(run)
            if act is not None:
                return run.rule, act
        return None

    def busy(self, event: str) -> bool:
        """Whether a rule about `event` is still under way."""
        return any(run.rule.when.event == event for run in self._runs)

    def stop(self) -> None:
        """The session is over."""
        self._runs.clear()


def _at(run: _Run) -> float:
    return run.at
