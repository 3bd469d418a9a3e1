"""From the lines of a capture to a timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..capture import read
from .character import Answering
from .connection import Connecting
from .measures import Turns, measures
from .moments import Cutting, Doing
from .news import clean, fields, news_of, number, rate_of
from .shapes import Item, Lane, Line, Timeline
from .sound import MAX_SOUND, Keeper
from .user import Saying, Speaking

if TYPE_CHECKING:
    from collections.abc import Iterable


def timeline(lines: Iterable[str], *, max_sound: int = MAX_SOUND) -> Timeline:
    """Lay out a capture.

    `lines` are read once; beyond `max_sound` bytes of PCM only waveforms are kept, and with 0
    nothing else. Raises EstuaryError, naming the line, for what is not a capture.
    """
    entries = read(lines)
    header = next(entries).data
    config = fields(header.get("config"))
    keeper = Keeper(max_sound)
    connecting, saying, cutting, doing, turns = Connecting(), Saying(), Cutting(), Doing(), Turns()
    speaking = Speaking(rate_of(config.get("mic_sample_rate")), keeper)
    answering = Answering(rate_of(config.get("audio_sample_rate")), keeper)
    everybody = (connecting, speaking, saying, answering, cutting, doing, turns)
    at = 0.0
    for entry in entries:
        at = max(at, number(entry.at))
        news = news_of(entry, at)
        if news is not None:
            for one in everybody:
                one.add(news)
    for closing in (connecting, speaking, saying):
        closing.close(at)
    cutting.heed(answering.cuts)
    voices = answering.voices
    lanes = (
        _lane("connection", "Connection", connecting.states),
        _lane("reconnects", "Reconnects", connecting.returns),
        _lane("speech", "You, aloud", speaking.items),
        _lane("said", "Your words", saying.items),
        _lane("text", "Character, text", answering.texts),
        _lane("voice", "Character, aloud", voices),
        _lane("interruptions", "Interruptions", cutting.items),
        _lane("actions", "Actions", doing.actions),
        _lane("dropped", "Audio dropped", doing.dropped),
    )
    return Timeline(
        library=clean(header.get("library")),
        started=clean(header.get("started")) or None,
        seconds=max((at, *(item.until for lane in lanes for item in lane.items))),
        character=clean(config.get("character_id")),
        player=clean(config.get("player_id")),
        server=_host(clean(config.get("server_url"))),
        lanes=lanes,
        measures=measures(turns.found, speaking, saying.items, answering, cutting),
        conversation=_conversation(lanes),
    )


def _host(url: str) -> str:
    """The host alone: a URL may carry a password."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def _lane(key: str, title: str, items: list[Item]) -> Lane:
    """Sort, and give each item the first row in which it touches no other."""
    ordered = tuple(sorted(items, key=lambda item: (item.at, item.until)))
    ends: list[float] = []
    rows = []
    for item in ordered:
        if item.kind in _BEHIND:
            rows.append(0)
            continue
        row = next((n for n, end in enumerate(ends) if end <= item.at), len(ends))
        if row == len(ends):
            ends.append(0.0)
        ends[row] = item.until
        rows.append(row)
    return Lane(key, title, ordered, tuple(rows))


_BEHIND = frozenset({"listening"})
"""Kinds that are drawn behind others, in the same row."""


_TOLD = {
    "connection": frozenset({"connected", "disconnected", "reconnecting", "error", "fault"}),
    "said": frozenset({"typed", "line", "picture", "heard"}),
    "text": None,
    "interruptions": None,
    "actions": None,
    "dropped": None,
}
_WHO = {"said": "You", "text": "Character", "actions": "Character"}


def _conversation(lanes: tuple[Lane, ...]) -> tuple[Line, ...]:
    """Everything that a reader of the conversation wants to know, in order."""
    found = []
    for lane in lanes:
        if lane.key not in _TOLD:
            continue
        kinds = _TOLD[lane.key]
        for place, item in enumerate(lane.items):
            if kinds is None or item.kind in kinds:
                found.append(_line(lane.key, place, item))
    return tuple(sorted(found, key=lambda line: line.at))


def _line(lane: str, place: int, item: Item) -> Line:
    note = "; ".join(
        value if label in _PLAIN else f"{label} {value}"
        for label, value in item.facts
        if label not in _DULL
    )
    who = _WHO.get(lane, "")
    return Line(item.at, who, item.title, item.text, note, lane, place)


_PLAIN = frozenset({"but", "parameters", "sound"})
"""Facts that need no label in a line."""

_DULL = frozenset({"pieces", "captions", "session"})
