"""Where a recorder's lines wait, or go to a function at once."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

LOOK: Final = 0.25
"""Seconds of a recorder's time between two calls of `look`."""
ROOM: Final = 4 * 1024 * 1024
"""Bytes that may wait, about, as `look` finds them."""
MOST: Final = 5000
"""Lines that may wait."""


class Spool:
    """What a recorder has to write, until `take` makes lines of it; that may be in another thread.

    For whoever writes the lines away to inherit from. Not all that waits is lines yet: frames and
    events that nobody can change any more wait as they are, since to make many lines in one go
    costs far less than each at its time. `guard` keeps others out while lines are made: it is held
    wherever that happens, and around `take`.
    """

    guard: AbstractContextManager[Any] = nullcontext()

    def __init__(self) -> None:
        self._entries: list[Any] = []
        self._lines: list[bytes] = []
        self._render: Callable[[list[Any]], bytes] = b"".join
        self.append: Callable[[Any], object] = self._entries.append
        """Let what `render` takes wait for its line: what it took last, most likely a frame with
        its time, an event, or bytes that lack a time and nothing else."""
        self.idle: bool = False
        """Nobody looks for lines: the next one is told of by `begun`."""
        self.over: bool = False
        """Something broke: what comes is forgotten. It is for `broke` to say so."""
        self.due: float = float("-inf")
        """When `look` is to be called, by the clock of the recorder's inputs."""

    def filled_by(self, render: Callable[[list[Any]], bytes]) -> None:
        """A recorder begins, whose entries `render` turns into lines."""
        self._render = render

    def put(self, line: bytes) -> None:
        """Take a line that is one already, behind what waits (`settle` comes first)."""
        if not self.over:
            self._lines.append(line)

    def settle(self) -> None:
        """Make lines of all that waits. `guard` is held."""
        entries = self._entries
        # Others may come meanwhile, at the end.
        if count := len(entries):
            waiting = entries[:count]
            del entries[:count]
            if not self.over:
                try:
                    self._lines.append(self._render(waiting))
                except Exception:
                    self._settle_singly(waiting)

    def _settle_singly(self, waiting: list[Any]) -> None:
        """One of these cannot be made a line: those before it can."""
        try:
            for entry in waiting:
                self._lines.append(self._render([entry]))
        except Exception as error:
            self.broke(error)

    def take(self) -> bytes:
        """All lines up to now. `guard` is held."""
        self.settle()
        data = b"".join(self._lines)
        self._lines.clear()
        return data

    @property
    def waits(self) -> bool:
        """Whether there is anything to take."""
        return bool(self._entries or self._lines)

    def look(self, now: float) -> None:
        """It is time to see whether somebody sleeps, or too much waits."""
        self.due = now + LOOK
        if self.idle:
            self.begun()
        if sum(map(_size, self._entries)) + sum(map(len, self._lines)) > ROOM:
            self.full()

    def more(self) -> None:
        """A line has come that may be told of no other way."""
        if self.idle:
            self.begun()
        if len(self._lines) > MOST:
            self.full()

    def full(self) -> None:
        """So much waits that it is to be taken at once."""

    def begun(self) -> None:
        """A line has come, and nobody looks for it."""

    def broke(self, error: Exception) -> None:
        """A line could not be made; no more will follow."""
        raise error


def _size(entry: Any) -> int:
    # The second is what is long: a frame, or a sound.
    return 500 + len(entry[1]) if isinstance(entry, tuple) else 500


class Told(Spool):
    """Hands every line to a function at once, as text."""

    def __init__(self, write: Callable[[str], object]) -> None:
        super().__init__()
        self._write = write
        self.append: Callable[[Any], object] = self._tell

    def _tell(self, entry: Any) -> None:
        try:
            line = self._render([entry])
        except Exception as error:
            self.broke(error)
        else:
            self.put(line)

    def put(self, line: bytes) -> None:
        """Hand it on."""
        if not self.over:
            self._write(line.decode())
