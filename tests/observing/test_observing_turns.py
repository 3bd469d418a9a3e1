"""Which answer belongs to what was said, in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from estuary_anyio.observing.turns import MOST, Turns
from estuary_proto.errors import ReplyTimeout
from estuary_proto.events import (
    AudioReceived,
    Disconnected,
    PlaybackComplete,
    ReplyEnd,
    ReplyEnded,
    ReplyPart,
    ReplyStarted,
    TextPiece,
)
from estuary_proto.intents import Interrupt, SayLine, SendCameraImage, SendText
from estuary_proto.models.conversation import BotResponse, BotVoice, InterruptData, SttResponse
from estuary_proto.models.session import ModerationFlag, QuotaExceededData

if TYPE_CHECKING:
    from estuary_anyio.observing.hooks import Turn


class Table:
    """Turns, and a clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.began: list[Turn] = []
        self.ended: list[Turn] = []
        self.turns = Turns(self.began.append, self.ended.append)

    def said(self, message: Any) -> Turn | None:
        self.now += 1
        before = len(self.began)
        self.turns.said(message, self.now)
        return self.began[-1] if len(self.began) > before else None

    def asked(self, number: int, text: str = "hi", text_only: bool = True) -> Turn:
        self.now += 1
        self.turns.asked(number, SendText(text, text_only), self.now)
        return self.began[-1]

    def told(self, *events: Any) -> None:
        for event in events:
            self.now += 1
            self.turns.told(event, self.now)


def vars_of(turn: Turn) -> tuple[str | None, float | None]:
    return turn.message_id, turn.first_token


def piece(ident: str, text: str = "x", *, final: bool = False, **more: Any) -> BotResponse:
    return BotResponse(text=text, is_final=final, message_id=ident, **more)


def sound(ident: str, *, final: bool = False) -> BotVoice:
    return BotVoice(audio="AAAA", message_id=ident, is_final=final)


def test_a_text_its_answer_and_its_voice() -> None:
    table = Table()
    turn = table.said(SendText("hi"))
    assert turn is not None
    table.told(piece("m"), piece("m", "xy"), piece("m", "xyz", final=True))
    assert table.ended == []  # A voice may come.
    table.told(sound("m"), sound("m"), PlaybackComplete("m"))
    assert table.ended == [turn]
    assert (turn.kind, turn.outcome, turn.message_id) == ("text", "final", "m")
    assert (turn.began, turn.first_token, turn.answered) == (1, 2, 4)
    assert (turn.first_sound, turn.ended) == (5, 6)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (SayLine("one", True), "line"),
        (SendText("hi", True), "text"),
        (SendCameraImage("AAAA", "image/png"), "picture"),
        (SendCameraImage("AAAA", "image/png", request_id="r"), None),
        (Interrupt(), None),
    ],
)
def test_what_begins_a_turn(message: Any, kind: str | None) -> None:
    turn = Table().said(message)
    assert (turn and turn.kind) == kind


def test_text_only_ends_with_its_text() -> None:
    table = Table()
    turn = table.said(SendText("hi", True))
    table.told(piece("m", final=True))
    assert table.ended == [turn]


@pytest.mark.parametrize("over", [sound("m", final=True), Disconnected("network")], ids=repr)
def test_what_ends_a_voice(over: Any) -> None:
    table = Table()
    turn = table.said(SendText("hi"))
    table.told(piece("m", final=True), over)
    assert table.ended == [turn]
    assert turn is not None
    assert turn.outcome == "final"


def test_the_next_turn_ends_a_voice_that_never_came() -> None:
    table = Table()
    first = table.said(SendText("hi"))
    table.told(piece("m", final=True))
    table.said(SendText("again"))
    assert table.ended == [first]
    assert first is not None
    assert (first.ended, first.first_sound) == (2, None)


def test_a_voice_that_ends_before_the_text_ends_no_turn() -> None:
    table = Table()
    table.said(SendText("hi"))
    table.told(piece("m"), sound("m", final=True), PlaybackComplete("m"))
    assert table.ended == []


def test_what_is_asked_follows_its_reply() -> None:
    table = Table()
    turn = table.asked(7)
    table.told(
        piece("m"),
        ReplyStarted(7, "m"),
        ReplyPart(7, TextPiece("x")),
        piece("m", final=True),
        ReplyEnded(7, ReplyEnd.FINAL),
    )
    assert table.ended == [turn]
    assert (turn.message_id, turn.first_token, turn.answered) == ("m", 4, 6)


def test_a_reply_that_fails_has_its_error() -> None:
    table = Table()
    turn = table.asked(1)
    error = ReplyTimeout("too late")
    table.told(ReplyEnded(1, ReplyEnd.TIMEOUT, error=error))
    assert table.ended == [turn]
    assert (turn.outcome, turn.error, turn.message_id) == ("timeout", error, None)


def test_the_core_knows_better_whose_message_it_is() -> None:
    table = Table()
    plain = table.said(SendText("one"))
    asked = table.asked(1)
    assert plain is not None
    table.told(piece("m"))
    assert plain.message_id == "m"
    table.told(ReplyStarted(1, "m"), ReplyPart(1, TextPiece("x")), ReplyEnded(1, ReplyEnd.FINAL))
    assert (vars_of(plain), asked.message_id) == ((None, None), "m")
    table.told(piece("n", final=True), Disconnected("network"))
    assert table.ended == [asked, plain]


def test_two_texts_get_their_answers_in_order() -> None:
    table = Table()
    first, second = table.said(SendText("a", True)), table.said(SendText("b", True))
    table.told(piece("m", final=True), piece("n", final=True))
    assert table.ended == [first, second]
    assert first is not None
    assert first.message_id == "m"


def test_what_is_spoken_is_one_turn_however_it_was_understood() -> None:
    table = Table()
    table.told(
        SttResponse("hel"),
        SttResponse("hello", True),
        SttResponse("there", True),
        SttResponse("  ", True),
        piece("m"),
        AudioReceived(b"\0\0", "m"),
        piece("m", final=True),
        SttResponse("next", True),
    )
    first, second = table.began
    assert [first.kind, second.kind] == ["voice", "voice"]
    assert (first.began, first.first_token, first.first_sound) == (2, 5, 6)
    assert table.ended == [first]


def test_what_nobody_asked_for_is_no_answer() -> None:
    table = Table()
    turn = table.said(SendText("hi", True))
    table.told(piece("i", final=True, is_interjection=True), AudioReceived(b"\0\0"), sound("i"))
    assert turn is not None
    assert (turn.message_id, turn.first_token, turn.first_sound) == (None, None, None)
    late = sound("m")
    object.__setattr__(late, "late", True)
    table.told(piece("m"), late)
    assert (turn.message_id, turn.first_sound) == ("m", None)


@pytest.mark.parametrize(
    ("event", "outcome"),
    [
        (InterruptData("m"), "interrupted"),
        (InterruptData(), "interrupted"),
        (ModerationFlag(message_id="m"), "redacted"),
        (QuotaExceededData(), "quota"),
        (Disconnected("network"), "lost"),
    ],
    ids=repr,
)
def test_what_cuts_a_turn_short(event: Any, outcome: str) -> None:
    table = Table()
    turn = table.said(SendText("hi"))
    asked = table.asked(3)
    table.told(piece("m"), event)
    assert turn is not None
    assert (turn.outcome, turn.ended) == (outcome, 4)
    assert asked.outcome == ""  # Of a reply the core tells.


def test_an_interruption_of_the_voice_keeps_the_answer() -> None:
    table = Table()
    turn = table.said(SendText("hi"))
    table.told(piece("m", final=True), sound("m"), InterruptData("m"))
    assert table.ended == [turn]
    assert turn is not None
    assert turn.outcome == "final"


def test_a_message_without_an_id() -> None:
    table = Table()
    turn = table.said(SendText("hi", True))
    table.told(piece(""), piece("", final=True))
    assert table.ended == [turn]


def test_turns_that_nobody_answers_are_bounded_and_end() -> None:
    table = Table()
    for _ in range(MOST + 1):
        table.said(SendText("hi"))
    assert len(table.ended) == 1
    table.turns.finish(table.now)
    assert len(table.ended) == MOST + 1
    assert {turn.outcome for turn in table.ended} == {"unfinished"}
