"""What both sides say, while they say it, and how loud they are.

On a terminal, what is being said and a line of meters stand below all else and change in place.
Elsewhere there is a line for each turn.
"""

from __future__ import annotations

from contextlib import contextmanager
from math import log10
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.console import Group
from rich.live import Live
from rich.text import Text

from .exits import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from .screen import Screen

QUIETEST: Final = -60.0
"""dB of full scale at which a meter begins."""

CELLS: Final = 10

USER: Final = "you"
USER_STYLE: Final = "bold cyan"
CHARACTER_STYLE: Final = "bold green"
LONGEST_NAME: Final = 20
BELOW: Final = 6
"""Lines of the terminal that a streaming answer leaves to others."""


def decibels(level: float) -> float:
    """A level of 0 to 1 in dB of full scale; -120 is silence."""
    return 20 * log10(max(level, 1e-6))


class Captions:
    """Both sides of a conversation with `name`, on `screen`."""

    def __init__(self, screen: Screen, name: str) -> None:
        self.screen: Screen = screen
        # Ids of other servers are long, and say nothing to people.
        self._name = name if cell_len(name) <= LONGEST_NAME else "character"
        self._live: Live | None = None
        self._closed = False
        self._heard = ""
        self._answer = ""
        self._meters = Text()
        on, off = "\u2588", "\u2591"
        self._on, self._off = (on, off) if screen.can_show(on + off) else ("#", ".")

    @contextmanager
    def showing(self) -> Iterator[None]:
        """While it lasts, what is being said is shown in place, where that can be done."""
        out = self.screen.out
        if self.screen.terminal and not out.is_dumb_terminal:
            self._live = Live(
                console=out,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
                vertical_overflow="crop",
            )
            self._live.start()
        try:
            yield
        finally:
            self.close()

    def close(self) -> None:
        """Nothing changes in place any more, and what was not complete stays as it is; what the
        goodbye brings is not shown, errors excepted."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()
        if self._answer:
            self.answered(self._answer, whole=False)
        self._closed = True

    @property
    def is_live(self) -> bool:
        """Whether something is shown in place."""
        return self._live is not None

    # --- both sides --------------------------------------------------------------------------

    def hear(self, text: str) -> None:
        """What is understood of the user so far."""
        self._heard = one_line(text)
        self._refresh()

    def heard(self, text: str) -> None:
        """What was understood; nothing, perhaps."""
        self._heard = ""
        if (text := one_line(text)) and not self._closed:
            self._keep(self._said(USER, USER_STYLE, text))
        self._refresh()

    def answer(self, text: str) -> None:
        """What the character has said so far."""
        self._answer = one_line(text)
        self._refresh()

    def answered(self, text: str, *, whole: bool = True) -> None:
        """All that it has said; not `whole` when it was cut short."""
        self._answer = ""
        if self._closed:
            return
        text = one_line(text) + ("" if whole else " ...")
        self._keep(self._said(self._name, CHARACTER_STYLE, text))
        self._refresh()

    def meters(self, microphone: float, loudspeaker: float, state: str) -> None:
        """How loud both are, 0 to 1, and what goes on."""
        self._meters = Text.assemble(
            ("mic ", "dim"),
            self._bar(microphone),
            (f"  {self._name} ", "dim"),
            self._bar(loudspeaker),
            (f"  {state}", "dim"),
            no_wrap=True,
            overflow="ellipsis",
        )
        self._refresh()

    # --- about them --------------------------------------------------------------------------

    def notice(self, text: str, style: str = "dim") -> None:
        """A line beside the conversation."""
        if self._closed:
            return
        if self._live is not None and self.screen.err.is_terminal:
            self._keep(Text(one_line(text), style))
        else:
            self.screen.notice(text, style)

    def error(self, text: str) -> None:
        """What went wrong, in a line."""
        if self._live is not None and self.screen.err.is_terminal:
            self._keep(Text.assemble(("estuary: ", "bold red"), one_line(text)))
        else:
            self.screen.error(text)

    # --- how ---------------------------------------------------------------------------------

    def _keep(self, line: Text) -> None:
        out = self.screen.out
        out.print(line, soft_wrap=not self.screen.terminal)
        out.file.flush()

    def _refresh(self) -> None:
        if self._live is None:
            return
        lines: list[RenderableType] = []
        if self._answer:
            room = max(1, self.screen.out.height - BELOW)
            lines.append(self._said(self._name, CHARACTER_STYLE, self._answer, last=room))
        if self._heard:
            lines.append(self._said(USER, USER_STYLE, self._heard, body="dim"))
        if self._meters:
            lines.append(self._meters)
        self._live.update(Group(*lines), refresh=True)

    def _said(
        self, who: str, style: str, text: str, *, body: str = "", last: int | None = None
    ) -> Text:
        """Behind a label, the `last` lines of it."""
        label = f"{who} > "
        if not self.screen.terminal:
            return Text(label + text)
        indent = cell_len(label)
        width = max(10, self.screen.out.width - indent - 1)
        lines = list(Text(text, body).wrap(self.screen.out, width))
        if last is not None:
            lines = lines[-last:]
        for line in lines:
            line.rstrip()
        return Text.assemble((label, style), Text("\n" + " " * indent).join(lines))

    def _bar(self, level: float) -> Text:
        share = 1 - decibels(level) / QUIETEST
        full = min(CELLS, max(0, round(CELLS * share)))
        colour = "red" if full == CELLS else "green"
        return Text.assemble((self._on * full, colour), (self._off * (CELLS - full), "dim"))
