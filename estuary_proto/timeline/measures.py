"""The times that a conversation is judged by, from what the lanes have found.

A turn is a text that was accepted, or speech that the server understood; it is answered by the
first message not seen before that was not unasked. Lines that the character is given are no turns.
What begins or ends with speech that the capture has no sound of is not measured, unless a button
tells when that was.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .news import fields
from .shapes import Measure, Sample

if TYPE_CHECKING:
    from .character import Answering, Message
    from .moments import Cutting, Interruption
    from .news import News
    from .shapes import Item
    from .user import Speaking

EARLY: Final = 5.0
"""Seconds before an interruption in which the speech that caused it may have begun."""


@dataclass(slots=True)
class Turn:
    """Something that waits for an answer; `answer` is the message that it got."""

    at: float
    spoken: bool
    answer: str | None = None


class Turns:
    """Finds turns, and which message answers which."""

    def __init__(self) -> None:
        self.found: list[Turn] = []
        self._waiting: deque[Turn | None] = deque()
        self._seen: set[str] = set()

    def add(self, news: News) -> None:
        """Take it, if it begins a turn or answers one."""
        if news.kind == "input" and news.name in ("submit", "ask"):
            wire = fields(news.data.get("message")).get("wire")
            if wire == "text":
                self._begin(Turn(news.at, False))
            elif wire == "say_line":
                self._waiting.append(None)
        elif news.kind == "event":
            self._told(news)

    def _begin(self, turn: Turn) -> None:
        self.found.append(turn)
        self._waiting.append(turn)

    def _told(self, news: News) -> None:
        if news.name == "SttResponse":
            if news.data.get("is_final") is True and news.data.get("text"):
                self._begin(Turn(news.at, True))
        elif news.name == "LineStarted":
            self._waiting.append(None)
        elif news.name == "Disconnected":
            self._waiting.clear()
        elif news.name in ("BotResponse", "BotVoice") and news.data.get("late") is not True:
            self._answered(news)

    def _answered(self, news: News) -> None:
        key = news.message_id
        if key in self._seen or not (news.data.get("partial") or news.data.get("audio")):
            return
        self._seen.add(key)
        if news.data.get("is_interjection") is not True and self._waiting:
            turn = self._waiting.popleft()
            if turn is not None:
                turn.answer = key


def measures(
    turns: list[Turn],
    speaking: Speaking,
    said: list[Item],
    answering: Answering,
    cutting: Cutting,
) -> tuple[Measure, ...]:
    """All measures, each with as many samples as the session gives."""
    token, sound, reply = [], [], []
    for turn in turns:
        message = answering.messages.get(turn.answer) if turn.answer is not None else None
        if message is None:
            continue
        if message.pieces:
            token.append(_between(turn.at, message.pieces[0]))
        if message.begun is not None:
            sound.append(_between(turn.at, message.begun))
        if turn.spoken and (end := _end_of(turn.at, speaking, said)) is not None:
            reply.append(_between(end, _first(message)))
    silence = [
        sample
        for one in cutting.found
        for sample in _barge_in(one, speaking, said, cutting.presses, answering)
    ]
    rows = (
        ("first_token", "Time to first token", _TOKEN, token),
        ("first_sound", "Time to first sound", _SOUND, sound),
        ("reply", "End of turn to reply", _REPLY, reply),
        ("barge_in", "Barge-in to silence", _SILENCE, silence),
    )
    return tuple(
        Measure(key, title, meaning, tuple(samples)) for key, title, meaning, samples in rows
    )


_TOKEN: Final = "from a text, or from speech being understood, to the first piece of the answer"
_SOUND: Final = "from the same moment to the first sound of the answer"
_REPLY: Final = "from the end of what you say aloud to the first sound or text that answers it"
_SILENCE: Final = "from the moment when you begin to speak, or interrupt, to the last sound"


def _between(begun: float, ended: float) -> Sample:
    return Sample(begun, max(0.0, ended - begun))


def _first(message: Message) -> float:
    """What answers aloud is waited for by ear."""
    if message.begun is not None:
        return message.begun
    return message.pieces[0]


def _end_of(understood: float, speaking: Speaking, said: list[Item]) -> float | None:
    """When the user stopped: the button, else the sound, else the transcript tells; None where
    there was a sound that is not known."""
    begun = next(
        (one.at for one in said if one.kind == "heard" and one.until == understood), understood
    )
    up = [at for at in speaking.releases if begun <= at <= understood]
    if up:
        return up[-1]
    if _is_unknown(begun, speaking):
        return None
    ends = [
        min(one.until, understood)
        for one in speaking.items
        if one.kind == "speech" and one.at <= understood and one.until >= begun - EARLY
    ]
    return max(ends, default=understood)


def _is_unknown(at: float, speaking: Speaking) -> bool:
    return any(begun <= at <= until for begun, until in speaking.unknown)


def _barge_in(
    one: Interruption,
    speaking: Speaking,
    said: list[Item],
    presses: list[float],
    answering: Answering,
) -> list[Sample]:
    """Nothing, when nothing was heard then, or nobody knows since when the user spoke."""
    until = one.at if one.confirmed is None else one.confirmed
    cut = [
        (message.begun, message.heard_until)
        for message in answering.messages.values()
        if message.begun is not None
        and message.silent is not None
        and one.at <= message.silent <= until
        and message.key == (one.message_id or message.key)
    ]
    pressed = one.at in presses
    if not cut or (not pressed and _is_unknown(one.at, speaking)):
        return []
    since = max(min(begun for begun, _ in cut), one.at - EARLY)
    moments = [item.at for item in (*speaking.items, *said) if item.kind in ("speech", "heard")]
    if pressed:
        moments = []
    onset = min((moment for moment in moments if since <= moment <= one.at), default=one.at)
    return [_between(onset, max(silent for _, silent in cut))]
