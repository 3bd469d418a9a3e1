"""A process of ours that does what would hold up the gateway: frames in, lines of JSON out."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyio.abc import Process

_LONGEST: Final = 1_000_000
"""Bytes of a line."""


class ChildGone(Exception):
    """The process has ended."""


def program(module: str, *args: str) -> list[str]:
    """The command that runs `main` of this module in a fresh interpreter, found where ours was."""
    code = (
        f"import sys; sys.path[:] = {sys.path!r}; "
        f"from {module} import main; sys.argv[1:] = {list(args)!r}; main()"
    )
    return [sys.executable, "-c", code]


async def start(command: Sequence[str], *, stdout: int = subprocess.PIPE) -> Process:
    """The process, in a session of its own: a signal to our group is not for it. `stdout` may be a
    descriptor.

    Raises OSError where it cannot be started."""
    # One that is cancelled while it starts would be left to nobody.
    process: Process | None = None
    with anyio.CancelScope(shield=True):
        process = await anyio.open_process(
            command,
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    assert process is not None
    return process


async def end(process: Process) -> None:
    """End it at once, whatever it does, and leave nothing open."""
    with anyio.CancelScope(shield=True):
        with suppress(ProcessLookupError):
            process.kill()
        await process.aclose()


class Child:
    """One that is running."""

    def __init__(self, process: Process) -> None:
        assert process.stdout is not None
        self._process = process
        self.whole: bool = True
        """False while, or after, a message was only partly sent."""
        self._lines = BufferedByteReceiveStream(process.stdout)

    async def send(self, data: bytes) -> None:
        """Write to it. Raises ChildGone."""
        assert self._process.stdin is not None
        self.whole = False
        try:
            await self._process.stdin.send(data)
            self.whole = True
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError) as error:
            raise ChildGone from error

    async def answer(self) -> dict[str, Any]:
        """The next line it wrote. Raises ChildGone."""
        try:
            line = await self._lines.receive_until(b"\n", _LONGEST)
            answer = json.loads(line)
        except (
            anyio.IncompleteRead,
            anyio.EndOfStream,
            anyio.BrokenResourceError,
            anyio.ClosedResourceError,
            anyio.DelimiterNotFound,
            OSError,
            ValueError,
        ) as error:
            raise ChildGone from error
        if not isinstance(answer, dict):
            raise ChildGone
        return answer

    async def end(self) -> None:
        """End it at once."""
        await end(self._process)
