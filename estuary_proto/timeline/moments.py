"""What happens once: interruptions, actions, audio that was dropped."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .news import clean, number
from .shapes import Item

if TYPE_CHECKING:
    from .news import News

CONFIRMED_WITHIN: Final = 10.0
"""Seconds in which the server's word about an interruption belongs to ours."""


@dataclass(slots=True)
class Interruption:
    """Somebody cut the character short; `confirmed` is when the server said so."""

    at: float
    by: str
    message_id: str
    confirmed: float | None = None
    reason: str = ""


class Cutting:
    """Makes the lane "interruptions"."""

    def __init__(self) -> None:
        self.found: list[Interruption] = []
        self.presses: list[float] = []
        """When the button went down."""

    def add(self, news: News) -> None:
        """Take it, if it is an interruption."""
        if news.kind == "sent" and news.name == "client_interrupt":
            self.found.append(Interruption(news.at, "client", news.message_id))
        elif news.kind == "input" and news.name == "press":
            self.presses.append(news.at)
        elif news.kind == "event" and news.name == "InterruptData":
            self._confirmed(news.at, news.message_id, clean(news.data.get("reason")))

    def _confirmed(self, at: float, key: str, reason: str) -> None:
        open_ones = [
            one
            for one in self.found
            if one.by == "client" and one.confirmed is None and at - one.at <= CONFIRMED_WITHIN
        ]
        named = [one for one in open_ones if key and one.message_id == key]
        nameless = [one for one in open_ones if not (key and one.message_id)]
        for one in (named or nameless)[-1:]:
            one.confirmed, one.reason = at, reason
            one.message_id = one.message_id or key
            return
        self.found.append(Interruption(at, "server", key, at, reason))

    def heed(self, cuts: set[float]) -> None:
        """Forget what interrupted nothing (every press of the button asks for silence): what was
        not confirmed, and not among the moments at which something was cut short."""
        self.found = [one for one in self.found if one.confirmed is not None or one.at in cuts]

    @property
    def items(self) -> list[Item]:
        """From each interruption to the server's word about it."""
        made = []
        for one in self.found:
            facts = [("reason", one.reason.replace("_", " "))] if one.reason else []
            if one.by == "client":
                took = "never" if one.confirmed is None else _after(one.confirmed - one.at)
                facts.append(("confirmed", took))
            until = one.at if one.confirmed is None else one.confirmed
            title = "you interrupt" if one.by == "client" else "the server interrupts"
            made.append(Item(one.at, until, one.by, title, "", tuple(facts), one.message_id))
        return made


def _after(seconds: float) -> str:
    return f"after {1000 * seconds:.0f} ms"


class Doing:
    """Makes the lanes "actions" and "dropped"."""

    def __init__(self) -> None:
        self.actions: list[Item] = []
        self.dropped: list[Item] = []

    def add(self, news: News) -> None:
        """Take it, if it is one of these."""
        if news.kind != "event":
            return
        at, data = news.at, news.data
        if news.name == "CharacterAction":
            params = json.dumps(data.get("params") or {}, ensure_ascii=False, sort_keys=True)
            text = clean(data.get("name"))
            facts: tuple[tuple[str, str], ...] = (("parameters", clean(params)),)
            if params == "{}":
                facts = ()
            self.actions.append(Item(at, at, "action", text, text, facts, news.message_id))
        elif news.name == "CameraCaptureRequest":
            text = clean(data.get("text"))
            self.actions.append(Item(at, at, "look", "asks for a picture", text))
        elif news.name == "AudioDropped":
            seconds = number(data.get("seconds"))
            facts = (
                ("sound", f"{seconds:.2f} s in {number(data.get('frames')):.0f} pieces"),
                ("because", clean(data.get("reason")).replace("_", " ")),
            )
            self.dropped.append(
                Item(max(0.0, at - seconds), at, "dropped", f"{seconds:.2f} s dropped", "", facts)
            )
