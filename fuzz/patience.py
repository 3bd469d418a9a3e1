"""An input without an end: it is a finding like any other, and tells where it was."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 60.0
"""Seconds that an input may take, here and while fuzzing: floods take ten by themselves, and more
beside other work."""


class NoEndError(BaseException):
    """An input took too long. No `except Exception` on the way may stop it."""


@contextmanager
def patience(most: float | None = None) -> Iterator[None]:
    """Raise NoEndError where it stands, after `most` seconds (PATIENCE without one). For the main
    thread of POSIX."""
    seconds = PATIENCE if most is None else most

    def tell(*_: Any) -> None:
        raise NoEndError(f"no end within {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, tell)
    # A test runner may have set a limit of its own. Again each second: what is raised within a
    # callback of the collector is thrown away.
    others, _ = signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, others)
        signal.signal(signal.SIGALRM, before)
