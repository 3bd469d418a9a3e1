"""What the caller gives, checked before anything is sent. None passes: it is what is not given."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, TypeVar

from estuary_proto.errors import LocalProtocolError

_T = TypeVar("_T")


def wrong(name: str, problem: str) -> LocalProtocolError:
    """The error for an argument: names it and what is wrong, never its value."""
    return LocalProtocolError(f"{name}: {problem}")


def an_id(name: str, value: object) -> str:
    """An id that may stand in a path: any text but the empty one and the names of directories."""
    text = needed_text(name, value)
    if text in (".", ".."):
        raise wrong(name, "'.' and '..' are no ids: a path that holds them leads elsewhere")
    return text


def needed_text(name: str, value: object, longest: int | None = None) -> str:
    """A text that is not blank, of at most `longest` characters."""
    text = a_text(name, value, longest)
    if text is None or not text.strip():
        raise wrong(name, "it is empty; give some text")
    return text


def a_text(name: str, value: object, longest: int | None = None) -> str | None:
    """A text of at most `longest` characters."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong(name, f"it is {type(value).__name__}, not str")
    if longest is not None and len(value) > longest:
        raise wrong(name, f"it has {len(value)} characters, and {longest} are allowed")
    if any(0xD800 <= ord(c) <= 0xDFFF for c in value):
        raise wrong(name, "it contains half a surrogate pair, which UTF-8 cannot hold")
    return value


def a_number(
    name: str, value: object, low: float, high: float | None, *, whole: bool = False
) -> float | None:
    """A number from `low` to `high`, both included."""
    if value is None:
        return None
    kinds = (int,) if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds):
        kind = "a whole number" if whole else "a number"
        raise wrong(name, f"it is {type(value).__name__}, not {kind}")
    if not isfinite(value) or value < low or (high is not None and value > high):
        span = f"{low:g} or more" if high is None else f"from {low:g} to {high:g}"
        raise wrong(name, f"{value!r} is out of range; give {span}")
    return value


def a_count(name: str, value: object, low: int, high: int | None = None) -> int | None:
    """A whole number from `low` to `high`, both included."""
    number = a_number(name, value, low, high, whole=True)
    return None if number is None else int(number)


def a_choice(name: str, value: _T, choices: tuple[str, ...]) -> _T:
    """One of these texts."""
    if value is not None and value not in choices:
        raise wrong(name, f"{value!r} is not known; give one of {', '.join(choices)}")
    return value


def a_switch(name: str, value: object) -> bool | None:
    """True or false."""
    if value is not None and not isinstance(value, bool):
        raise wrong(name, f"it is {type(value).__name__}, not bool")
    return value


def an_object(name: str, value: object) -> dict[str, Any] | None:
    """A mapping, as JSON has objects."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise wrong(name, f"it is {type(value).__name__}, not a mapping")
    return dict(value)
