"""What a player may want done instead of said: a gesture, or a look through the camera."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..models.characters import ActionParameter, AgentAction


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


def action_in(text: str, actions: Sequence[AgentAction]) -> Gesture | str | None:
    """The action of the character that `text` asks for: its name at the beginning, and behind it
    what it should be done with. A text says what is missing for it."""
    said = " ".join(text[:500].split())
    for action in actions:
        words = re.escape(" ".join(re.split(r"[\s_-]+", action.name.strip())))
        found = re.search(rf"{_POLITE}{words}\b(?P<rest>.*)", said, re.I)
        if found is not None:
            rest = _BEFORE.sub("", found["rest"]).strip(" .!?,")
            return _performed(action, rest)
    return None


_BEFORE: Final = re.compile(r"^\s*(?:(?:to|the|at|in|on|a|an|with|for)\s+)*", re.I)


def _performed(action: AgentAction, rest: str) -> Gesture | str:
    numbers = re.findall(r"-?\d+(?:\.\d+)?", rest)
    arguments: dict[str, Any] = {}
    for parameter in action.parameters:
        value = _argument(parameter, rest, numbers)
        if value is not None:
            arguments[parameter.name] = value
        elif parameter.required:
            return f"I'd love to {action.name}. Which {parameter.name} do you have in mind?"
    return Gesture(action.name, "Here you go!", arguments)


def _argument(parameter: ActionParameter, rest: str, numbers: list[str]) -> Any:
    if parameter.type == "boolean":
        return not re.match(r"(?:no|not|without|off)\b", rest, re.I)
    if parameter.type in ("integer", "number"):
        number = numbers.pop(0) if numbers else None
        if number is None or parameter.type == "number":
            return None if number is None else float(number)
        return int(float(number))
    return rest or None


def wants_a_look(text: str) -> bool:
    """Whether `text` asks to look at something."""
    return _LOOK.search(" ".join(text[:200].split())) is not None
