"""How the samples of a measure lie, as bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from estuary_proto.timeline import Measure

BINS: Final = 24
WIDTH: Final = 240
HEIGHT: Final = 44
_STEPS: Final = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar in the units of the drawing, from the top left."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Spread:
    """A histogram from 0 to `top` seconds, and where the median stands in it."""

    bars: tuple[Bar, ...]
    top: float
    median: float


def spread(measure: Measure) -> Spread | None:
    """The histogram of a measure; None without samples."""
    values = measure.values
    if not values:
        return None
    top = round_up(values[-1])
    counts = [0] * BINS
    for value in values:
        counts[min(BINS - 1, int(value / top * BINS))] += 1
    step, most = WIDTH / BINS, max(counts)
    bars = tuple(
        Bar(
            round(number * step + 1, 2),
            round(HEIGHT - height, 2),
            round(step - 2, 2),
            round(height, 2),
        )
        for number, count in enumerate(counts)
        if count
        for height in (max(3.0, HEIGHT * count / most),)
    )
    return Spread(bars, top, round((measure.quantile(0.5) or 0.0) / top * WIDTH, 2))


def round_up(seconds: float) -> float:
    """The next round number of seconds, at least a hundredth."""
    unit = 0.001
    while unit * 10 < seconds:
        unit *= 10
    return max(0.01, next(step * unit for step in _STEPS if step * unit >= seconds * 0.999999))
