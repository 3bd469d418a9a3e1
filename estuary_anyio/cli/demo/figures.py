"""The last step of the demonstration: figures from its capture, held against what was seen."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from estuary_proto.capture import read, replay, summary
from estuary_proto.models.pcm import decode_or_empty

if TYPE_CHECKING:
    from ..screen import Screen


class Wrong(Exception):
    """What a step saw is not what it should have seen."""


def check(holds: bool, problem: str) -> None:
    """Raise Wrong unless `holds`."""
    if not holds:
        raise Wrong(problem)


@dataclass
class Counted:
    """What the demonstration counted on its way; `confirmed` holds the server's interrupts, `said`
    and `heard` are bytes of PCM, `late` the chunks of them that came too late to be played."""

    turns: int = 0
    pieces: int = 0
    reconnects: int = 0
    actions: int = 0
    said: int = 0
    heard: int = 0
    late: int = 0
    confirmed: list[Any] = field(default_factory=list)


@dataclass
class Sounds:
    """The same of a capture: audio from its frames, the rest from its events."""

    actions: int = 0
    said: int = 0
    heard: int = 0
    late: int = 0


_AUDIO: Final = {"stream_audio": "said", "bot_voice": "heard", "agent_turn_voice": "heard"}


def sounds_in(lines: list[str]) -> Sounds:
    """What was done and heard, according to the capture in `lines`."""
    found = Sounds()
    for entry in read(lines):
        frame, event = entry.frame, entry.data.get("got")
        if isinstance(frame, str):
            for name, where in _AUDIO.items():
                begin = frame.find(f'["{name}",')
                if begin >= 0:
                    pcm = decode_or_empty(json.loads(frame[begin:])[1].get("audio"))
                    setattr(found, where, getattr(found, where) + len(pcm))
        elif entry.name == "event" and isinstance(event, dict):
            found.actions += event.get("is") == "CharacterAction"
            found.late += event.get("is") == "BotVoice" and event.get("late") is True
    return found


def show_figures(
    screen: Screen, lines: list[str], counted: Counted, *, mic_rate: int, rate: int
) -> str:
    """Sum up the capture in `lines`, show it, and compare; then replay it. Rates are Hz, of what
    was said and what was heard.

    Returns what to show as passed. Raises Wrong when something does not agree.
    """
    found, sounds = summary(lines), sounds_in(lines)
    first = [1000 * seconds for seconds in found.first_piece]
    speed = f"{median(first):.1f} ms (median of {len(first)})" if first else "never came"
    for label, value in (
        ("turns", f"{found.turns}"),
        ("pieces of text", f"{found.pieces}"),
        ("first piece after", speed),
        ("audio up", f"{sounds.said / 2 / mic_rate:.1f} s"),
        ("audio down", f"{sounds.heard / 2 / rate:.1f} s (late chunks: {sounds.late})"),
        ("actions", f"{sounds.actions}"),
        ("interruptions", f"{found.interruptions}"),
        ("reconnects", f"{found.reconnects}"),
        ("connected", f"{found.connected:.1f} s of {found.seconds:.1f} s"),
        ("received", f"{found.bytes_in / 1000:.1f} kB"),
        ("sent", f"{found.bytes_out / 1000:.1f} kB"),
    ):
        screen.say(f"  {label:<18} {value}")
    for name, figure, seen in (
        ("turns", found.turns, counted.turns),
        ("pieces", found.pieces, counted.pieces),
        ("interruptions", found.interruptions, len(counted.confirmed)),
        ("reconnects", found.reconnects, counted.reconnects),
        ("actions", sounds.actions, counted.actions),
        ("bytes of audio up", sounds.said, counted.said),
        ("bytes of audio down", sounds.heard, counted.heard),
        ("late chunks", sounds.late, counted.late),
    ):
        check(figure == seen, f"the capture holds {figure} {name}, but {seen} were seen")
    check(len(first) == found.turns, f"{found.turns - len(first)} turn(s) were never answered")
    replayed = replay(lines)
    check(replayed.difference is None, f"the replay differs at {replayed.difference}")
    return f"as counted on the way; {replayed.lines} lines replayed, equal"
