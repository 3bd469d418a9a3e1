"""What a player may want done instead of said: a gesture, or a look through the camera."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Gesture:
    """An action with its arguments, and what is said along with it."""

    name: str
    words: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def tag(self) -> str:
        """The action as it stands in the text for a client without typed ones (PROTOCOL 6)."""
        return f'<action name="{self.name}"/>'


GESTURES: Final = MappingProxyType(
    {
        "wave": Gesture(
            "wave",
            "Hello over there!",
            {"hand": "right", "times": 3, "speed": 1.5, "smile": True},
        ),
        "dance": Gesture(
            "dance",
            "Watch this!",
            {"style": "waltz", "turns": 2, "seconds": 4.5, "music": False},
        ),
        "nod": Gesture("nod", "Yes, I think so too.", {"times": 2}),
        "bow": Gesture("bow", "At your service.", {"depth": 0.5}),
    }
)

LOOKING: Final = "Let me have a look. Hold it still for a moment."
NO_CAMERA: Final = "I'd love to, but there is no camera on your side that I could look through."

_POLITE: Final = r"^\W*(?:please |(?:can|could|will|would) you (?:please )?)?"
_GESTURE: Final = re.compile(
    rf"{_POLITE}(?:(?:do|give me|give us|take) a )?(?:little )?(?P<name>{'|'.join(GESTURES)})"
    r"(?: (?:your hand|to|at|for|with) (?:me|us|everybody)| your hand| your head| again)?"
    r"(?:,? please)?\W*$",
    re.I,
)
_LOOK: Final = re.compile(
    rf"{_POLITE}(?:look|have a look|take a look)(?: here| at (?:this|that|me|it)\b.{{0,40}})?\W*$"
    r"|\bwhat (?:do|can) you see\b|\bcan you see (?:this|that|me|it)\b|\bwhat am i holding\b",
    re.I,
)


def gesture_in(text: str) -> Gesture | None:
    """The gesture that `text` asks for: nothing else may stand in it."""
    found = _GESTURE.search(" ".join(text[:200].split()))
    return GESTURES[found["name"].lower()] if found is not None else None


def wants_a_look(text: str) -> bool:
    """Whether `text` asks to look at something."""
    return _LOOK.search(" ".join(text[:200].split())) is not None
