"""Inline action tags: `<action name="wave" speed="2"/>` inside streamed text (PROTOCOL 6).

A retired form that some servers still send. The filter takes text piece by piece and gives back the
text to show and the actions found. What might still become a tag is held back until it is decided;
everything else passes unchanged, white space included.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_TAG = 4096
"""A tag longer than this is no tag: its text is shown."""

_OPENERS = ("<action", "</action>")
_START = re.compile(r"<(?:[aA/]|\Z)")
_ATTRIBUTE = re.compile(r"""([\w.:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_TAG_END = re.compile(r"""(?:[^"'>]|"[^"]*"|'[^']*')*?>""")


class ActionTag(NamedTuple):
    """One complete tag: its name and its other attributes, all text."""

    name: str
    params: dict[str, str]


class TagFilter:
    """Takes streamed text, gives back what to show and the actions in it."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> tuple[str, list[ActionTag]]:
        """Filter the next piece of text."""
        if not self._held and "<" not in piece:
            return piece, []
        text, self._held = self._held + piece, ""
        shown: list[str] = []
        tags: list[ActionTag] = []
        done = 0  # Up to here the text is decided.
        look = 0  # From here the next one is looked for.
        while (found := _START.search(text, look)) is not None:
            start = found.start()
            look, tag = _cut(text, start)
            if look == start:  # It may still become a tag.
                self._held = text[start:]
                shown.append(text[done:start])
                return "".join(shown), tags
            if tag is not None:
                shown.append(text[done:start])
                done = look
                if tag.name:
                    tags.append(tag)
        shown.append(text[done:])
        return "".join(shown), tags

    def flush(self) -> str:
        """The message is complete: what was held back is text after all."""
        held, self._held = self._held, ""
        return held


def spoken(text: str) -> str:
    """What is said of a text: without its tags, and with white space that compares."""
    tags = TagFilter()
    shown, _ = tags.feed(text)
    return " ".join((shown + tags.flush()).split())


_CLOSER = ActionTag("", {})


def _cut(text: str, start: int) -> tuple[int, ActionTag | None]:
    """Where what is decided of `text` from `start` on, a "<", ends; `start` when more is needed.

    With a tag it is to be taken out, without one it is to be shown.
    """
    lower = text[start : start + 9].lower()
    for opener in _OPENERS:
        if opener.startswith(lower) and lower != opener:
            return start, None
    if lower == "</action>":
        return start + 9, _CLOSER
    if not lower.startswith("<action"):
        return start + 1, None
    body, limit = start + 7, start + MAX_TAG
    if len(text) == body:
        return start, None
    if not (text[body].isspace() or text[body] in "/>"):
        return start + 1, None
    # The first search is cheap and saves the second from most of what is no tag.
    end = _TAG_END.match(text, body, limit) if text.find(">", body, limit) >= 0 else None
    if end is None:
        return (start, None) if len(text) < limit else (start + 1, None)
    attributes = {m[1]: m[2] if m[2] is not None else m[3] for m in _ATTRIBUTE.finditer(end[0])}
    name = attributes.pop("name", "")
    return (end.end(), ActionTag(name, attributes)) if name else (start + 1, None)
