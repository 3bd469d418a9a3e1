"""What people see: answers on stdout, everything about them on stderr.

Colours and word wrap are for terminals only, and NO_COLOR leaves the colours out. Text of others is
stripped of control characters before a terminal sees it.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from .exits import one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from rich.table import Table

_LONGEST_WORD = 24
"""Characters after which a word is shown before its end has come: some scripts have no blanks."""

_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_TOKENS = re.compile(r"\n|[^\S\n]+|\S+")


class Flow:
    """Streamed text, broken between words at `width` columns; None leaves it as it comes.

    Lines after the first begin at column `indent`. `write` gets what is to be shown at once.
    """

    def __init__(
        self,
        write: Callable[[str], object],
        *,
        width: int | None = None,
        column: int = 0,
        indent: int = 0,
    ) -> None:
        self._write = write
        self._width = width
        self._column = column
        self._indent = indent
        self._held = ""
        self._blank = ""
        self._fresh = True

    def add(self, text: str) -> None:
        """The next piece."""
        if self._width is None:
            self._write(text)
            return
        self._held += _OBEYED.sub("", text)
        cut = max(self._held.rfind(" "), self._held.rfind("\n")) + 1
        if len(self._held) - cut > _LONGEST_WORD:
            cut = len(self._held)
        ready, self._held = self._held[:cut], self._held[cut:]
        self._show(ready)

    def flush(self) -> None:
        """No more comes: show the last word too."""
        self._show(self._held)
        self._held = ""

    def _show(self, text: str) -> None:
        shown = "".join(map(self._place, _TOKENS.findall(text)))
        if shown:
            self._write(shown)

    def _place(self, token: str) -> str:
        if token == "\n":
            return self._new_line()
        if token.isspace():
            self._blank += token.expandtabs(4)
            return ""
        assert self._width is not None
        size = cell_len(token)
        if not self._fresh and self._column + len(self._blank) + size > self._width:
            before = self._new_line()
        else:
            before, self._blank = self._blank, ""
            self._column += len(before)
        self._column += size
        self._fresh = False
        return before + token

    def _new_line(self) -> str:
        self._column = self._indent
        self._blank = ""
        self._fresh = True
        return "\n" + " " * self._indent


class Screen:
    """The two streams of a program. `terminal` says whether answers go to one."""

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.out: Console = _console(out or sys.stdout)
        self.err: Console = _console(err or sys.stderr)
        self.terminal: bool = self.out.is_terminal
        # The terminal on which a line has begun, and the prompt if it is one.
        self._open: Console | None = None
        self._prompt: str | None = None
        self._captioned = False

    # --- answers -----------------------------------------------------------------------------

    def answer(self, label: str = "", *, always: bool = False, style: str = "bold green") -> Flow:
        """A place for an answer, behind `label` and wrapped; elsewhere than on a terminal it comes
        bare, unless `always`."""
        self.break_off()
        if not (self.terminal or always):
            return Flow(self._write)
        label = _OBEYED.sub("", label)
        size = cell_len(label)
        self.out.print(Text(label, style), end="")
        self._open = self.out if self.terminal and label else None
        indent = size if size <= self.out.width // 3 else 2
        return Flow(self._write, width=self.out.width - 1, column=size, indent=indent)

    def close(self, flow: Flow, text: str = "") -> None:
        """The answer is complete; `text` is the rest of it."""
        flow.add(text)
        flow.flush()
        if self.terminal:
            self.break_off()
        else:
            self._write("\n")

    def _write(self, text: str) -> None:
        self.out.file.write(text)
        self.out.file.flush()
        if self.terminal and text:
            self._open = self.out

    def prompt(self, label: str) -> None:
        """Ask for a line: on stdout, or beside it when that is no terminal."""
        console = self.out if self.terminal else self.err
        if console.is_terminal:
            console.print(Text(label, "bold cyan"), end="")
            console.file.flush()
            self._open = console
            self._prompt = label

    def typed(self) -> None:
        """A line was typed: the cursor stands on a new one."""
        self._open = None
        self._captioned = False
        self._prompt = None

    def break_off(self) -> None:
        """Begin a new line, if something stands on this one of the terminal."""
        console, self._open = self._open, None
        self._prompt = None
        self._captioned = False
        if console is not None:
            console.file.write("\n")
            console.file.flush()

    def caption(self, label: str, text: str) -> None:
        """What is understood so far; on a terminal it takes the place of the one before."""
        if self.terminal and not self.out.is_dumb_terminal:
            self._over(Text.assemble((label, "bold cyan"), (one_line(text), "dim")))
            self._open = self.out
            self._captioned = True

    def caption_done(self, label: str, text: str) -> None:
        """What was understood, in the place of the captions before."""
        if self._captioned:
            self._over(Text())
            self.out.file.write("\r")
            self.typed()
        self.close(self.answer(label, always=True, style="bold cyan"), text)

    def _over(self, line: Text) -> None:
        # Blanks instead of a code that clears the line: see `_console`.
        width = self.out.width - 1
        line.truncate(width, overflow="ellipsis", pad=True)
        self.out.file.write("\r")
        self.out.print(line, end="", soft_wrap=True)
        self.out.file.flush()

    # --- about them --------------------------------------------------------------------------

    def can_show(self, text: str) -> bool:
        """Whether the encoding of stdout has these characters."""
        try:
            text.encode(self.out.encoding)
        except UnicodeEncodeError:
            return False
        return True

    def say(self, text: str, style: str = "") -> None:
        """A line on stdout."""
        self.break_off()
        self.out.print(Text(text, style), soft_wrap=True)
        self.out.file.flush()

    def show(self, table: Table) -> None:
        """A table on stdout."""
        self.break_off()
        self.out.print(table)
        self.out.file.flush()

    def notice(self, text: str, style: str = "dim") -> None:
        """A line on stderr, wherever the cursor stands; a prompt comes again behind it."""
        self._beside(Text(one_line(text), style))

    def error(self, text: str) -> None:
        """The line that says what went wrong."""
        self._beside(Text.assemble(("estuary: ", "bold red"), one_line(text)))

    def _beside(self, line: Text) -> None:
        prompt, console = self._prompt, self._open
        if self.err.is_terminal and prompt is not None and console is not None:
            if not console.is_dumb_terminal:
                # Take the place of the prompt, which comes again below.
                console.file.write("\r\x1b[K")
                self.typed()
        if self.err.is_terminal:
            self.break_off()
        self.err.print(line, soft_wrap=True)
        self.err.file.flush()
        if prompt is not None and self._prompt is None:
            self.prompt(prompt)


def _console(stream: TextIO) -> Console:
    # rich keeps bold and dim when NO_COLOR is set; whoever sets it wants no codes at all.
    plain = bool(os.environ.get("NO_COLOR"))
    return Console(
        file=stream,
        color_system=None if plain else "auto",
        highlight=False,
        markup=False,
        emoji=False,
    )
