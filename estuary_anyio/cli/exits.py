"""How a command ends: exit statuses, the error that carries one, and what is not installed."""

from __future__ import annotations

import re
from enum import IntEnum
from importlib.util import find_spec


class Exit(IntEnum):
    """The exit statuses of `estuary`, as `--help` explains them."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    INTERRUPTED = 130


class Stop(Exception):
    """Ends the command with `status`; `message` is the one line that says why."""

    def __init__(self, message: str, status: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


def need(extra: str, *modules: str) -> None:
    """Raise Stop, with what to install, unless the modules of this extra are there."""
    missing = [module for module in modules if not is_there(module)]
    if missing:
        names = " and ".join(missing)
        raise Stop(
            f"{names} not found; install with: pip install 'estuary-anyio[{extra}]'", Exit.USAGE
        )


def is_there(module: str) -> bool:
    """Whether a top-level module can be imported; it is not imported yet."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\s]+")


def one_line(text: str) -> str:
    """`text` on one line, without anything that a terminal would obey."""
    return _CONTROL.sub(" ", text).strip()
