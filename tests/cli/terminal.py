"""The script on a terminal of its own: a pty of 80 columns."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pty = pytest.importorskip("pty")
termios = pytest.importorskip("termios")

_OWN = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from estuary_anyio.__main__ import main
sys.exit(main())
"""
_PIECES = re.compile(r"(\x1b\[[0-9;?]*[A-Za-z])|([^\x1b])", re.DOTALL)
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A program on a terminal: what it shows, and the keys."""

    def __init__(self, args: tuple[str, ...], environment: dict[str, str]) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 80))
        self.process = subprocess.Popen(
            [sys.executable, "-c", _OWN, *args],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=environment,
        )
        os.close(slave)
        self.raw = ""
        self._seen = 0

    @property
    def text(self) -> str:
        """All that was shown, without colours."""
        return _CODES.sub("", self.raw).replace("\r\n", "\n")

    @property
    def lines(self) -> list[str]:
        """What stands there down to the cursor, where lines are only erased and it only goes up."""
        lines, row, column = [""], 0, 0
        for code, text in _PIECES.findall(self.raw):
            if code == "\x1b[2K":
                lines[row] = ""
            elif code.endswith("A"):
                row -= int(code[2:-1])
            elif text == "\r":
                column = 0
            elif text == "\n":
                row += 1
                lines += [""] * (row + 1 - len(lines))
            elif text:
                lines[row] = lines[row][:column].ljust(column) + text + lines[row][column + 1 :]
                column += 1
        return lines[: row + 1]

    @property
    def modes(self) -> list[int]:
        """How the terminal treats what is typed and shown."""
        return list(termios.tcgetattr(self._master)[:4])

    def until(self, text: str) -> str:
        """Wait until this is shown, behind what was waited for before; what came with it."""
        while (at := self.text.find(text, self._seen)) < 0:
            if not self._read():
                raise AssertionError(f"{text!r} never came: {self.text!r}")
        before = self.text[self._seen : at]
        self._seen = at + len(text)
        return before

    def _read(self) -> bool:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux: nobody holds the other end any more.
            data = b""
        self.raw += data.decode()
        return bool(data)

    def keys(self, keys: str) -> None:
        """Type."""
        os.write(self._master, keys.encode())

    def end(self) -> int:
        """Wait for its end; the exit status."""
        while self._read():
            pass
        return self.process.wait(10)

    def close(self) -> None:
        """Whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)


@contextmanager
def terminals(environment: dict[str, str]) -> Iterator[Callable[..., Terminal]]:
    """What starts the script on a terminal; all are gone behind it."""
    begun: list[Terminal] = []

    def begin(*args: str, **more: str) -> Terminal:
        one = Terminal(args, environment | {"TERM": "xterm-256color"} | more)
        begun.append(one)
        return one

    try:
        yield begin
    finally:
        for one in begun:
            one.close()
