"""Which answer belongs to which question, and when it leaves (API 3)."""

from __future__ import annotations

import pytest

from estuary_proto.errors import (
    ErrorCode,
    LocalProtocolError,
    SendBlocked,
)
from estuary_proto.events import ReplyEnd, ReplyEnded, ReplyPart, ReplyStarted, TextPiece
from estuary_proto.intents import SayLine, SendText
from estuary_proto.models.conversation import (
    BotResponse,
    BotVoice,
    CharacterAction,
    ResponseChunk,
    SttResponse,
)
from estuary_proto.replies import MAX_SEEN, PLACE_HELD
from estuary_proto.states import Role
from tests.proto.replying import Talk


@pytest.fixture
def talk() -> Talk:
    return Talk()


def test_a_reply_from_its_first_word_to_its_last(talk: Talk) -> None:
    assert talk.asks() == 1
    talk.chunk("Hel")
    talk.chunk("lo")
    talk.chunk("Hello!", final=True)
    final = BotResponse("Hello!", "!", True, "m1")
    assert talk.told() == [
        ReplyStarted(1, "m1"),
        ReplyPart(1, TextPiece("Hel")),
        ReplyPart(1, TextPiece("lo")),
        ReplyPart(1, TextPiece("!")),
        ReplyEnded(1, ReplyEnd.FINAL, final, "Hello!", None),
    ]


def test_a_final_text_that_takes_something_back(talk: Talk) -> None:
    talk.asks()
    talk.chunk("Hello")
    talk.chunk("Good day", final=True)
    assert talk.told()[2] == ReplyPart(1, TextPiece("Good day", replaces=True))


def test_a_final_chunk_without_news_is_only_an_end(talk: Talk) -> None:
    talk.asks()
    talk.chunk("Hello")
    talk.chunk("", final=True)
    *_, part, end = talk.told()
    assert part == ReplyPart(1, TextPiece("Hello"))
    assert end == ReplyEnded(1, ReplyEnd.FINAL, BotResponse("Hello", "", True, "m1"), "Hello")


def test_an_empty_answer_ends_too(talk: Talk) -> None:
    talk.asks()
    talk.chunk("", final=True)
    assert talk.ends() == [(1, ReplyEnd.FINAL)]


def test_actions_belong_to_the_reply_even_before_its_first_word(talk: Talk) -> None:
    talk.asks()
    wave = CharacterAction("wave", {"n": 1}, "m1")
    talk.says(wave, CharacterAction("nod"))
    talk.chunk('Hi<action name="sit"/>', final=True)
    assert talk.told() == [
        ReplyStarted(1, "m1"),
        ReplyPart(1, wave),
        ReplyPart(1, CharacterAction("sit", {}, "m1")),
        ReplyPart(1, TextPiece("Hi")),
        ReplyEnded(1, ReplyEnd.FINAL, BotResponse("Hi", "Hi", True, "m1"), "Hi"),
    ]


def test_a_voice_may_begin_the_reply_but_for_an_interjections(talk: Talk) -> None:
    talk.asks()
    talk.says(BotVoice("", "other", is_interjection=True), BotVoice("", ""))
    assert talk.told() == []
    talk.says(BotVoice("", "m1"))
    assert talk.told() == [ReplyStarted(1, "m1")]
    talk.chunk("Hi", "m1", final=True)
    assert talk.ends() == [(1, ReplyEnd.FINAL)]


# --- rule 1: one at a time -------------------------------------------------------------------


def test_a_later_question_waits_for_its_turn(talk: Talk) -> None:
    assert [talk.asks(t) for t in ("one", "two", "three")] == [1, 2, 3]
    assert talk.texts == ["one"]
    talk.chunk("1", "m1", final=True)
    assert talk.texts == ["one", "two"]
    talk.chunk("2", "m2", final=True)
    talk.chunk("3", "m3", final=True)
    assert talk.ends() == [(n, ReplyEnd.FINAL) for n in (1, 2, 3)]
    assert talk.asks("four") == 4
    assert talk.texts[-1] == "four"


def test_concurrent_questions_leave_at_once_and_are_answered_in_order(talk: Talk) -> None:
    talk.asks("one")
    talk.asks("two", concurrent=True)
    talk.asks("three")
    assert talk.texts == ["one", "two"]
    talk.chunk("a", "m1")
    talk.chunk("b", "m2")
    talk.chunk("a.", "m1", final=True)
    assert talk.texts == ["one", "two"]
    talk.chunk("b.", "m2", final=True)
    assert talk.texts == ["one", "two", "three"]
    started = [e for e in talk.told() if isinstance(e, ReplyStarted)]
    assert started == [ReplyStarted(1, "m1"), ReplyStarted(2, "m2")]


def test_asking_raises_like_submit_and_changes_nothing(talk: Talk) -> None:
    with pytest.raises(LocalProtocolError):
        talk.asks(7)  # type: ignore[arg-type]
    assert talk.asks("one") == 1
    with pytest.raises(LocalProtocolError):
        talk.asks(7)  # type: ignore[arg-type]
    assert talk.asks("two") == 2
    talk.link.cut()
    with pytest.raises(LocalProtocolError) as caught:
        talk.asks("three")
    assert caught.value.code is ErrorCode.NOT_CONNECTED
    assert talk.ends() == [(1, ReplyEnd.LOST), (2, ReplyEnd.LOST)]


def test_only_a_text_can_be_asked(talk: Talk) -> None:
    with pytest.raises(LocalProtocolError, match=r"ask\(\) takes a SendText, not SayLine"):
        talk.client.ask(SayLine("no"), now=talk.now)  # type: ignore[arg-type]
    assert talk.asks() == 1


def test_nothing_is_asked_through_a_goodbye(talk: Talk) -> None:
    talk.asks("one")
    talk.client.disconnect(now=talk.now)
    with pytest.raises(LocalProtocolError) as caught:
        talk.client.ask(SendText("two"), now=talk.now)
    assert caught.value.code is ErrorCode.NOT_CONNECTED


def test_a_waiting_question_that_could_never_leave_raises_at_once(talk: Talk) -> None:
    talk.asks("one")
    with pytest.raises(LocalProtocolError, match="maxPayload"):
        talk.asks("x" * 2_000_000)
    assert talk.asks("two") == 2
    talk.chunk("1", final=True)
    assert talk.texts == ["one", "two"]


def test_a_question_whose_turn_comes_while_the_buffer_is_full_waits_for_room(talk: Talk) -> None:
    talk.asks("one")
    talk.asks("two" + "o" * 900_000)
    talk.link.stalled.add(Role.CLIENT)
    filling = 0
    with pytest.raises(SendBlocked):
        while True:
            talk.submit(SendText("x" * 900_000))
            filling += 1
    talk.chunk("1", final=True)
    assert talk.ends() == [(1, ReplyEnd.FINAL)]
    talk.link.stalled.clear()
    talk.advance(0)
    assert [text[:3] for text in talk.texts] == ["one", *["xxx"] * filling, "two"]
    talk.chunk("2", "m2", final=True)
    assert talk.ends() == [(2, ReplyEnd.FINAL)]


# --- rule 2: which message begins it ---------------------------------------------------------


def test_what_was_under_way_before_is_no_answer(talk: Talk) -> None:
    talk.chunk("old", "m0")
    talk.asks()
    talk.chunk("er", "m0", final=True)
    assert talk.told() == []
    talk.chunk("new", "m1", final=True)
    assert talk.ends() == [(1, ReplyEnd.FINAL)]


def test_an_interjection_is_no_answer(talk: Talk) -> None:
    talk.asks()
    talk.chunk("By the way", "m1", is_interjection=True)
    talk.chunk("…", "m1", final=True)  # Its end may forget to say so.
    talk.chunk("Yes", "m2", final=True)
    assert [e for e in talk.told() if isinstance(e, ReplyStarted)] == [ReplyStarted(1, "m2")]


def test_a_line_said_between_is_no_answer(talk: Talk) -> None:
    talk.asks()
    talk.does(SayLine("  Mind the gap! "))
    talk.chunk("Mind", "m1")
    talk.chunk("Mind the gap!", "m1", final=True)
    assert talk.told() == []
    talk.chunk("Yes", "m2", final=True)
    assert talk.ends() == [(1, ReplyEnd.FINAL)]


def test_an_answer_may_come_before_the_line(talk: Talk) -> None:
    talk.does(SayLine("Mind the gap!"))
    talk.asks()
    talk.chunk("Yes", "m1", final=True)
    talk.chunk("Mind the gap!", "m2", final=True)
    assert [e for e in talk.told() if isinstance(e, ReplyStarted)] == [ReplyStarted(1, "m1")]


def test_a_wordless_beginning_does_not_tell_a_line_from_an_answer(talk: Talk) -> None:
    talk.asks()
    talk.does(SayLine("Mind the gap!"))
    talk.chunk("<act", "m1")  # Held back: nothing is shown yet.
    talk.says(CharacterAction("point", {}, "m1"))
    talk.chunk('<action name="x"/>Mind', "m1")
    talk.chunk("Mind the gap!", "m1", final=True)
    assert talk.told() == []
    talk.chunk("", "m2", final=True)  # Said nothing at all: an end must still be told.
    assert talk.ends() == [(1, ReplyEnd.FINAL)]


def test_a_blank_line_is_nothing(talk: Talk) -> None:
    talk.does(SayLine("  "))
    talk.asks()
    talk.chunk("", "m1")
    talk.chunk("Yes", "m1", final=True)
    assert talk.ends() == [(1, ReplyEnd.FINAL)]


def test_a_line_that_is_never_said_is_forgotten(talk: Talk) -> None:
    talk.does(SayLine("Yes"))
    talk.advance(PLACE_HELD)
    talk.asks()
    talk.chunk("Yes", "m1", final=True)
    assert talk.ends() == [(1, ReplyEnd.FINAL)]


def test_the_answer_to_a_voice_turn_is_no_reply(talk: Talk) -> None:
    talk.says(SttResponse("what time", False), SttResponse(" ", True))
    talk.says(SttResponse("what time is it", True))
    talk.asks()
    talk.chunk("Noon", "m1", final=True)
    assert talk.told() == []
    talk.chunk("Hi", "m2", final=True)
    assert talk.ends() == [(1, ReplyEnd.FINAL)]


@pytest.mark.parametrize("heard", [SttResponse("what ti", False), SttResponse(" ", True)])
def test_an_interim_transcript_is_no_turn(talk: Talk, heard: SttResponse) -> None:
    talk.says(heard)
    talk.asks()
    talk.chunk("Hi", "m1", final=True)
    assert talk.ends() == [(1, ReplyEnd.FINAL)]


def test_several_finals_are_one_voice_turn(talk: Talk) -> None:
    """A held button gives many finals and one turn; identical finals may repeat."""
    talk.says(*[SttResponse(f"part {n}", True) for n in range(3)])
    talk.asks()
    talk.chunk("Noon", "m1", final=True)
    talk.chunk("Hi", "m2", final=True)
    assert talk.ends() == [(1, ReplyEnd.FINAL)]


def test_speech_after_the_question_is_answered_after_it(talk: Talk) -> None:
    talk.asks()
    talk.says(SttResponse("and you?", True))
    talk.chunk("Fine", "m1", final=True)
    assert talk.ends() == [(1, ReplyEnd.FINAL)]
    talk.asks()
    talk.chunk("Me too", "m2", final=True)
    assert talk.told() == []
    talk.chunk("Hi", "m3", final=True)
    assert talk.ends() == [(2, ReplyEnd.FINAL)]


def test_speech_that_is_never_answered_is_forgotten(talk: Talk) -> None:
    talk.says(SttResponse("hm", True))
    talk.advance(PLACE_HELD)
    talk.asks()
    talk.chunk("Yes", "m1", final=True)
    assert talk.ends() == [(1, ReplyEnd.FINAL)]


def test_a_server_that_names_nothing(talk: Talk) -> None:
    for number in (1, 2):
        talk.asks()
        talk.chunk("a", "")
        talk.chunk("ab", "", final=True)
        final = BotResponse("ab", "b", True, "")
        assert talk.told()[-1] == ReplyEnded(number, ReplyEnd.FINAL, final, "ab")


def test_ids_are_remembered_up_to_a_point(talk: Talk) -> None:
    for number in range(MAX_SEEN + 1):
        talk.says(ResponseChunk("x", True, None, f"old{number}"))
    talk.asks()
    talk.chunk("late", f"old{MAX_SEEN}", final=True)
    assert talk.told() == []
    talk.chunk("so old that it is new", "old0", final=True)
    assert talk.ends() == [(1, ReplyEnd.FINAL)]
