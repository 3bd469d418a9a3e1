"""The keys of a terminal, and one of them as a button to talk."""

from __future__ import annotations

import sys
from typing import Any, Final

from .exits import is_there

REPEATS_WITHIN: Final = 0.15
"""Seconds from one repetition of a key that is held to the next, at most."""

RELEASED_AFTER: Final = 0.25
"""Seconds after the last repetition, after which a key that was held is up."""


class Keyboard:
    """The terminal on stdin: between `begin` and `end` it gives each key at once and shows none."""

    def __init__(self) -> None:
        self._before: list[Any] | None = None

    @property
    def is_there(self) -> bool:
        """Whether stdin is a terminal that can do that."""
        return is_there("termios") and sys.stdin is not None and sys.stdin.isatty()

    def begin(self) -> None:
        """Each key at once; Ctrl-C stays a signal."""
        import termios  # Windows has none.
        import tty

        self._before = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)

    def end(self) -> None:
        """The terminal is as it was before; spurious calls are free."""
        before, self._before = self._before, None
        if before is not None:
            import termios

            termios.tcsetattr(sys.stdin, termios.TCSANOW, before)


class Button:
    """A key as a button, though a terminal tells when a key is typed and never when it comes up.

    Typed once, the button is down until it is typed again. Held, it is down until the repetitions
    end. Which of the two a second one is, the time until the third one tells: `due`, the time at
    which `tick` wants to be called. Times are seconds of one clock.
    """

    def __init__(self) -> None:
        self.is_down: bool = False
        self.due: float | None = None
        self._held = False

    def type(self, now: float) -> None:
        """The key was typed, or repeated itself."""
        if not self.is_down:
            self.is_down = True
            return
        self._held = self._held or self.due is not None
        self.due = now + (RELEASED_AFTER if self._held else REPEATS_WITHIN)

    def tick(self, now: float) -> None:
        """Time has passed."""
        if self.due is not None and now >= self.due:
            self.is_down = self._held = False
            self.due = None
