"""A timeline as one page of HTML."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from estuary_proto.timeline import as_json

from .spread import spread
from .templates import fill, own

if TYPE_CHECKING:
    from estuary_proto.timeline import Timeline

SCRIPTS = ("chart.js", "sound.js", "steer.js")


def page(timeline: Timeline) -> str:
    """HTML that stands alone: style, script, data and sounds are in it."""
    style, script = own("page.css"), own(*SCRIPTS)
    data = as_json(timeline)
    sounds = _sounds(timeline, data)
    return fill(
        "page.html.j2",
        timeline=timeline,
        data=data,
        sounds=sounds,
        measures=[(measure, spread(measure)) for measure in timeline.measures],
        playable=_playable(data),
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _hash(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode("ascii")


def _sounds(timeline: Timeline, data: dict[str, Any]) -> list[str]:
    """The sounds in base64; the items of `data` get their numbers."""
    found: list[str] = []
    for lane, drawn in zip(timeline.lanes, data["lanes"], strict=True):
        for item, shown in zip(lane.items, drawn["items"], strict=True):
            if item.wave is not None and item.wave.pcm:
                shown["sound"] = len(found)
                found.append(b64encode(item.wave.pcm).decode("ascii"))
    return found


def _playable(data: dict[str, Any]) -> dict[tuple[str, str], tuple[str, int]]:
    """Where the voice of a message is: by lane and message, the lane and number of its sound."""
    return {
        ("text", item["message_id"]): (lane["key"], number)
        for lane in data["lanes"]
        if lane["key"] == "voice"
        for number, item in enumerate(lane["items"])
        if "sound" in item and "message_id" in item
    }
