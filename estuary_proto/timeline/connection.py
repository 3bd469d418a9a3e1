"""The connection: its states, what went wrong with it, and how it came back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .news import clean, fields, number
from .shapes import Item

if TYPE_CHECKING:
    from .news import News

_TITLES = {
    "connecting": "connecting",
    "connected": "connected",
    "reconnecting": "reconnecting",
    "disconnected": "disconnected",
    "error": "given up",
}


class Connecting:
    """Makes the lanes "connection" and "reconnects"."""

    def __init__(self) -> None:
        self._state = ""
        self._since = 0.0
        self._facts: list[tuple[str, str]] = []
        self._states: list[Item] = []
        self._faults: list[Item] = []
        self._returns: list[Item] = []
        self._fell: float | None = None
        self._why = ""
        self._attempts: list[float] = []

    def add(self, news: News) -> None:
        """Take it, if it is about the connection."""
        if news.kind != "event":
            return
        at, data = news.at, news.data
        if news.name == "StateChanged":
            self._enter(at, clean(data.get("state")))
        elif news.name == "Connected":
            self._facts.append(("session", clean(fields(data.get("session")).get("session_id"))))
            self._came_back(at)
        elif news.name == "Disconnected":
            self._why = clean(data.get("reason"))
            self._facts.append(("reason", self._why))
        elif news.name == "Reconnecting":
            if self._fell is None:
                self._fell = self._since
            self._attempts.append(at + number(data.get("delay")))
        elif news.name in ("Fault", "ConnectFailed"):
            self._fault(at, fields(data.get("error")))

    def close(self, at: float) -> None:
        """The capture ends here."""
        self._enter(at, "")
        if self._fell is not None:
            self._return(at, "lost", "did not come back")

    @property
    def states(self) -> list[Item]:
        """The stretches of each state, and the faults between them."""
        return self._states + self._faults

    @property
    def returns(self) -> list[Item]:
        """From each fall to the session after it."""
        return self._returns

    def _enter(self, at: float, state: str) -> None:
        if self._state and at > self._since:
            title = _TITLES.get(self._state, self._state)
            facts = tuple(pair for pair in self._facts if pair[1])
            self._states.append(Item(self._since, at, self._state, title, facts=facts))
        self._state, self._since = state, at
        self._facts = []

    def _fault(self, at: float, error: dict[str, object]) -> None:
        facts = (("code", clean(error.get("code"))),)
        text = clean(error.get("message"))
        self._faults.append(Item(at, at, "fault", "error", text, facts))

    def _came_back(self, at: float) -> None:
        if self._fell is not None:
            self._return(at, "back", "came back")

    def _return(self, at: float, kind: str, title: str) -> None:
        assert self._fell is not None
        facts = [("after", self._why)] if self._why else []
        facts.append(("attempts", str(len(self._attempts))))
        marks = tuple(moment for moment in self._attempts if moment <= at)
        self._returns.append(Item(self._fell, at, kind, title, "", tuple(facts), marks=marks))
        self._fell, self._attempts, self._why = None, [], ""
