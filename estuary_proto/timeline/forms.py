"""A timeline as JSON types: for programs, and for the page that draws it."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

from .shapes import PEAKS_PER_SECOND

if TYPE_CHECKING:
    from .shapes import Item, Lane, Measure, Timeline, Wave

FORMAT: Final = 1
"""The version of the form."""


def as_json(timeline: Timeline) -> dict[str, Any]:
    """Everything but the audio itself.

    Times are seconds, to a tenth of a millisecond. `peaks` are bytes in base64, 0 to 255, 50 a
    second; `heard` says whether the timeline has the sound as well.
    """
    return {
        "estuary_timeline": FORMAT,
        "library": timeline.library,
        "started": timeline.started,
        "seconds": _time(timeline.seconds),
        "character": timeline.character,
        "player": timeline.player,
        "server": timeline.server,
        "peaks_per_second": PEAKS_PER_SECOND,
        "lanes": [_lane(lane) for lane in timeline.lanes],
        "measures": [_measure(measure) for measure in timeline.measures],
        "conversation": [
            {
                "at": _time(line.at),
                "who": line.who,
                "what": line.what,
                "text": line.text,
                "note": line.note,
                "lane": line.lane,
                "item": line.item,
            }
            for line in timeline.conversation
        ],
    }


def _time(seconds: float) -> float:
    return round(seconds, 4)


def _lane(lane: Lane) -> dict[str, Any]:
    items = [_item(item, row) for item, row in zip(lane.items, lane.rows, strict=True)]
    return {"key": lane.key, "title": lane.title, "items": items}


def _item(item: Item, row: int) -> dict[str, Any]:
    made: dict[str, Any] = {
        "at": _time(item.at),
        "until": _time(item.until),
        "row": row,
        "kind": item.kind,
        "title": item.title,
    }
    if item.text:
        made["text"] = item.text
    if item.facts:
        made["facts"] = [list(pair) for pair in item.facts]
    if item.message_id:
        made["message_id"] = item.message_id
    if item.marks:
        made["marks"] = [_time(mark) for mark in item.marks]
    if item.wave is not None:
        made["wave"] = _wave(item.wave)
    return made


def _wave(wave: Wave) -> dict[str, Any]:
    peaks = b64encode(wave.peaks).decode("ascii")
    return {
        "rate": wave.rate,
        "seconds": _time(wave.seconds),
        "peaks": peaks,
        "heard": bool(wave.pcm),
    }


def _measure(measure: Measure) -> dict[str, Any]:
    return {
        "key": measure.key,
        "title": measure.title,
        "meaning": measure.meaning,
        "unit": "s",
        "samples": [[_time(one.at), _time(one.seconds)] for one in measure.samples],
        "median": _value(measure.quantile(0.5)),
        "p90": _value(measure.quantile(0.9)),
        "min": _value(measure.quantile(0.0)),
        "max": _value(measure.quantile(1.0)),
    }


def _value(seconds: float | None) -> float | None:
    return None if seconds is None else _time(seconds)
