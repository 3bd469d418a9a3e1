"""Tables for people: 80 columns are enough, and nothing in them is obeyed by a terminal."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table
from rich.text import Text

from .exits import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ID: Final = 8
"""Characters of an id that are shown, unless more are needed to tell it from the others."""


def shortened(ids: Iterable[str]) -> int:
    """How many characters of each of these are enough to name it."""
    known = set(ids)
    size = ID
    while len({one[:size] for one in known}) < len(known):
        size += 1
    return size


def table(*columns: str, wide: str, right: tuple[str, ...] = ()) -> Table:
    """An empty table; the `wide` column takes the room that is left, and breaks its lines."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        made.add_column(
            name,
            justify="right" if name in right else "left",
            no_wrap=name != wide,
            ratio=1 if name == wide else None,
            overflow="fold",
        )
    return made


def add(to: Table, *cells: object) -> None:
    """A row; what is nothing is a dash."""
    to.add_row(*(Text("-" if cell in (None, "") else one_line(str(cell))) for cell in cells))


def figures(rows: Iterable[tuple[str, object]]) -> Table:
    """Names and values."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    made.add_column(no_wrap=True, style="bold")
    made.add_column(overflow="fold")
    for name, value in rows:
        add(made, name, value)
    return made


def told(fields: Mapping[str, Any]) -> Iterable[tuple[str, object]]:
    """The fields of a model that say something, for `figures`."""
    for name, value in fields.items():
        if value is None or value == "" or value == [] or value == {}:
            continue
        if isinstance(value, bool):
            value = "yes" if value else "no"
        elif isinstance(value, list):
            value = ", ".join(one["name"] if isinstance(one, dict) else str(one) for one in value)
        elif name.endswith("_at"):
            value = moment(value)
        yield name.replace("_", " "), value


def moment(text: str | None) -> str:
    """A time of the server's, on the clock of this machine."""
    if not text:
        return ""
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            at = at.astimezone()
    except (ValueError, OverflowError, OSError):
        return text
    return at.strftime("%Y-%m-%d %H:%M")
