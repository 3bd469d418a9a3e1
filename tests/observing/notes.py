"""An observer that writes down what it is told."""

from __future__ import annotations

from typing import Any

import anyio

from estuary_anyio.observing import Attempt, Hooks, RestCall, Turn


class Notes(Hooks):
    """Every call, in order; and the sums of what is counted."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.attempts: list[Attempt] = []
        self.turns: list[Turn] = []
        self.calls: list[RestCall] = []
        self.events: list[Any] = []
        self.messages: list[Any] = []
        self.received = self.sent = self.beats = 0
        self._news = anyio.Event()

    def _note(self, line: str) -> None:
        self.lines.append(line)
        self._news.set()
        self._news = anyio.Event()

    async def until(self, line: str) -> None:
        """Wait until this has been noted."""
        with anyio.fail_after(10):
            while line not in self.lines:
                await self._news.wait()

    def attempt_began(self, attempt: Attempt) -> None:
        assert (attempt.ended, attempt.outcome) == (None, "")
        self.attempts.append(attempt)
        self._note(f"attempt {attempt.number}")

    def attempt_ended(self, attempt: Attempt) -> None:
        assert attempt in self.attempts
        assert attempt.ended is not None
        assert attempt.ended >= attempt.began
        self._note(f"attempt {attempt.number} {attempt.outcome}")

    def turn_began(self, turn: Turn) -> None:
        self.turns.append(turn)
        self._note(turn.kind)

    def turn_ended(self, turn: Turn) -> None:
        assert turn in self.turns
        self._note(f"{turn.kind} {turn.outcome}")

    def call_began(self, call: RestCall) -> None:
        self.calls.append(call)
        self._note(f"{call.method} {call.route}")

    def call_ended(self, call: RestCall) -> None:
        assert call in self.calls
        self._note(f"{call.method} {call.route} {type(call.error).__name__}")

    def told(self, event: Any) -> None:
        self.events.append(event)

    def said(self, message: Any) -> None:
        self.messages.append(message)

    def moved(self, received: int, sent: int) -> None:
        self.received += received
        self.sent += sent

    def beat(self) -> None:
        self.beats += 1
        self._note("beat")
