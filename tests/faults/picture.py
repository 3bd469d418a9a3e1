"""The figures of a soak as a picture: one curve a figure, each on a scale from zero."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .soak import Figures

CURVES: Final = (
    ("rss", "RSS, KiB", "#3465a4"),
    ("kept", "kept, KiB", "#204a87"),
    ("in_use", "in use, KiB", "#06989a"),
    ("blocks", "Python's blocks", "#c4a000"),
    ("tasks", "tasks", "#4e9a06"),
    ("fds", "descriptors", "#ce5c00"),
    ("reconnects", "connections made", "#75507b"),
    ("reported", "lost and told", "#cc0000"),
)
WIDE, HIGH, LEFT, TOP = 720, 70, 150, 20


def draw(lines: Sequence[Figures], path: str) -> None:
    """Write an SVG file with one curve for each of `CURVES`."""
    height = TOP + (HIGH + 20) * len(CURVES) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDE + 20} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{LEFT + WIDE + 20}" height="{height}" fill="white"/>',
    ]
    lasted = max(line.seconds for line in lines)
    for number, (name, title, colour) in enumerate(CURVES):
        top = TOP + number * (HIGH + 20)
        values = [getattr(line, name) for line in lines] or [0]
        most = max(*values, 1)
        points = " ".join(
            f"{LEFT + WIDE * line.seconds / lasted:.1f},{top + HIGH * (1 - value / most):.1f}"
            for line, value in zip(lines, values, strict=False)
        )
        parts += [
            f'<text x="8" y="{top + 14}">{title}</text>',
            f'<text x="8" y="{top + 30}" fill="#666">most {most}, last {values[-1]}</text>',
            f'<path d="M{LEFT} {top}V{top + HIGH}H{LEFT + WIDE}" fill="none" stroke="#ccc"/>',
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>',
        ]
    parts.append(f'<text x="{LEFT}" y="{height - 8}">0 to {lasted:.0f} s</text></svg>\n')
    Path(path).write_text("\n".join(parts), encoding="utf-8")
