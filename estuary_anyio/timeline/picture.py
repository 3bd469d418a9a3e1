"""A timeline as a picture (SVG): lanes alone, as wide as they are told to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .templates import fill
from .words import clock

if TYPE_CHECKING:
    from estuary_proto.timeline import Item, Lane, Timeline, Wave

GUTTER: Final = 130
AXIS: Final = 26
PAD: Final = 7
GAP: Final = 4
ROWS: Final = {
    "connection": 20,
    "reconnects": 14,
    "speech": 36,
    "said": 22,
    "text": 24,
    "voice": 40,
    "interruptions": 18,
    "actions": 20,
    "dropped": 16,
}
LETTER: Final = 6.4
"""About how wide a letter is: a picture cannot measure text."""

_STEPS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200)


@dataclass(frozen=True, slots=True)
class Drawn:
    """An item in the units of the picture; `wave` is a path."""

    item: Item
    x: float
    y: float
    width: float
    height: float
    label: str
    wave: str


@dataclass(frozen=True, slots=True)
class Strip:
    """A lane with what is drawn in it."""

    lane: Lane
    top: float
    height: float
    items: tuple[Drawn, ...]


def picture(timeline: Timeline, width: int = 1200) -> str:
    """SVG, `width` pixels wide. Lanes without anything in them are left out."""
    length = max(timeline.seconds, 0.001)
    scale = (width - GUTTER - 12) / length
    top: float = AXIS
    strips = []
    for lane in timeline.lanes:
        if lane.items:
            strip = _strip(lane, top, scale, width)
            strips.append(strip)
            top += strip.height
    least = length / (width - GUTTER) * 80
    step = next((one for one in _STEPS if one >= least), least)
    moments = [number * step for number in range(int(length / step) + 1)]
    ticks = [
        (clock(at).removesuffix(".0"), round(GUTTER + at * scale, 1))
        for at in moments
        if (length - at) * scale > 32
    ]
    return fill(
        "picture.svg.j2",
        timeline=timeline,
        strips=strips,
        ticks=ticks,
        width=width,
        height=round(top + 4),
        gutter=GUTTER,
        axis=AXIS,
    )


def _strip(lane: Lane, top: float, scale: float, width: int) -> Strip:
    row_height = ROWS[lane.key]
    rows = max(lane.rows) + 1
    drawn: list[Drawn] = []
    limits: dict[int, float] = {}
    for item, row in reversed(list(zip(lane.items, lane.rows, strict=True))):
        x = GUTTER + item.at * scale
        wide = max((item.until - item.at) * scale, 0.0)
        room = limits.get(row, float(width)) - x - 12
        if item.kind != "listening":
            limits[row] = x
        label = (
            "" if item.wave or item.kind == "listening" else _fitted(item.text or item.title, room)
        )
        y = top + PAD + row * (row_height + GAP)
        wave = _path(item.wave, x, y, wide, row_height) if item.wave else ""
        drawn.append(Drawn(item, round(x, 1), round(y, 1), round(wide, 1), row_height, label, wave))
    height = rows * (row_height + GAP) - GAP + 2 * PAD
    return Strip(lane, top, height, tuple(reversed(drawn)))


def _fitted(text: str, room: float) -> str:
    most = int(room / LETTER)
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    return f"{text[: most - 1].rstrip()}…" if most > 3 else ""


def _path(wave: Wave, x: float, y: float, width: float, height: float) -> str:
    """Bars around the middle, as one path."""
    peaks = wave.peaks
    columns = max(1, min(int(width / 2.5), len(peaks)))
    middle = y + height / 2
    parts = []
    for column in range(columns):
        first = column * len(peaks) // columns
        last = max(first + 1, (column + 1) * len(peaks) // columns)
        half = max(0.7, (max(peaks[first:last], default=0) / 255) ** 0.75 * height / 2 - 1)
        at = x + (column + 0.5) * width / columns
        parts.append(f"M{at:.1f} {middle - half:.1f}v{2 * half:.1f}")
    return "".join(parts)
