"""The last step of the demonstration: figures from its capture, held against what was seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from estuary_proto.capture import replay, summary

if TYPE_CHECKING:
    from .screen import Screen


class Wrong(Exception):
    """What a step saw is not what it should have seen."""


def check(holds: bool, problem: str) -> None:
    """Raise Wrong unless `holds`."""
    if not holds:
        raise Wrong(problem)


@dataclass
class Counted:
    """What the demonstration counted on its way; `confirmed` holds the server's interrupts."""

    turns: int = 0
    pieces: int = 0
    reconnects: int = 0
    confirmed: list[Any] = field(default_factory=list)


def show_figures(screen: Screen, lines: list[str], counted: Counted) -> str:
    """Sum up the capture in `lines`, show it, and compare; then replay it.

    Returns what to show as passed. Raises Wrong when something does not agree.
    """
    found = summary(lines)
    first = [1000 * seconds for seconds in found.first_piece]
    speed = f"{median(first):.1f} ms (median of {len(first)})" if first else "never came"
    for label, value in (
        ("turns", f"{found.turns}"),
        ("pieces of text", f"{found.pieces}"),
        ("first piece after", speed),
        ("interruptions", f"{found.interruptions}"),
        ("reconnects", f"{found.reconnects}"),
        ("connected", f"{found.connected:.1f} s of {found.seconds:.1f} s"),
        ("received", f"{found.bytes_in / 1000:.1f} kB"),
        ("sent", f"{found.bytes_out / 1000:.1f} kB"),
    ):
        screen.say(f"  {label:<18} {value}")
    for name, seen in (
        ("turns", counted.turns),
        ("pieces", counted.pieces),
        ("interruptions", len(counted.confirmed)),
        ("reconnects", counted.reconnects),
    ):
        figure = getattr(found, name)
        check(figure == seen, f"the capture holds {figure} {name}, but {seen} were seen")
    check(len(first) == found.turns, f"{found.turns - len(first)} turn(s) were never answered")
    replayed = replay(lines)
    check(replayed.difference is None, f"the replay differs at {replayed.difference}")
    return f"as counted on the way; {replayed.lines} lines replayed, equal"
