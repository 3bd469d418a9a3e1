"""Timelines: what happened in a captured session, laid out in lanes and measured.

    with open("session.jsonl", encoding="utf-8") as lines:
        found = timeline(lines)
    found.measure("first_token").quantile(0.5)     # seconds
    found.lane("voice").items[0].wave

No core runs for it, and nothing is drawn here: `estuary timeline` makes the page.
"""

from __future__ import annotations

from .forms import as_json
from .layout import timeline
from .shapes import Item, Lane, Line, Measure, Sample, Timeline, Wave

__all__ = [
    "Item",
    "Lane",
    "Line",
    "Measure",
    "Sample",
    "Timeline",
    "Wave",
    "as_json",
    "timeline",
]
