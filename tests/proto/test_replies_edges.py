"""Answers at their edges: names that are missing, places in the line, moments that are missed."""

from __future__ import annotations

import pytest

from estuary_proto.errors import SendBlocked
from estuary_proto.events import ReplyEnd, ReplyStarted
from estuary_proto.intents import Interrupt, SayLine, SendText
from estuary_proto.models.conversation import InterruptData, ResponseChunk, SttResponse
from estuary_proto.models.session import ModerationFlag
from estuary_proto.replies import MAX_SEEN, PLACE_HELD
from estuary_proto.states import Role
from estuary_proto.timers import Timer
from tests.proto.replying import Talk

FINAL = ReplyEnd.FINAL


@pytest.fixture
def talk() -> Talk:
    return Talk()


def starts(talk: Talk) -> list[tuple[int, str]]:
    return [(e.reply, e.message_id) for e in talk.told() if isinstance(e, ReplyStarted)]


# --- a question leaves at once, or raises ------------------------------------------------------


def test_the_first_question_leaves_in_the_call_and_winds_its_clock(talk: Talk) -> None:
    client, now = talk.client, talk.now
    assert not client.wants_write(1)
    client.ask(SendText("hi"), now=now, timeout=5.0)
    assert client.wants_write(1)
    assert client.deadline == (now + 5.0, Timer.REPLY)


def test_a_question_through_a_full_buffer_is_refused(talk: Talk) -> None:
    talk.link.stalled.add(Role.CLIENT)
    with pytest.raises(SendBlocked):
        while True:
            talk.submit(SendText("x" * 900_000))
    with pytest.raises(SendBlocked):
        talk.asks("y" * 900_000, timeout=1.0)
    talk.advance(2.0)
    assert talk.told() == []
    talk.link.stalled.clear()
    talk.advance(0.0)
    assert talk.asks("hello") == 1
    assert talk.texts[-1] == "hello"


def test_the_next_question_leaves_as_the_one_before_it_times_out(talk: Talk) -> None:
    talk.asks("one", timeout=10.0)
    talk.asks("two")
    assert not talk.client.wants_write(1)
    talk.client.handle_timeout(now=talk.now + 10.0)
    assert talk.client.wants_write(1)


def test_a_clock_that_is_read_too_late_ends_a_reply_all_the_same(talk: Talk) -> None:
    talk.asks(timeout=10.0)
    talk.client.handle_timeout(now=talk.now + 12.5)
    talk.step()
    assert talk.ends() == [(1, ReplyEnd.TIMEOUT)]


# --- which message is the answer ---------------------------------------------------------------


def test_an_interjection_without_a_name_is_no_answer(talk: Talk) -> None:
    talk.asks()
    talk.chunk("By the way", "", is_interjection=True, final=True)
    assert talk.told() == []
    talk.chunk("Yes", "", final=True)
    assert talk.ends() == [(1, FINAL)]


def test_an_answer_in_the_words_of_a_line_that_was_said(talk: Talk) -> None:
    talk.does(SayLine("Yes"))
    talk.asks()
    talk.chunk("Yes", "m1", final=True)
    assert talk.told() == []
    talk.chunk("Yes", "m2", final=True)
    assert starts(talk) == [(1, "m2")]


def test_what_is_said_before_and_after_a_question_are_two_turns(talk: Talk) -> None:
    talk.says(SttResponse("what time is it", True))
    talk.asks()
    talk.says(SttResponse("and where", True))
    talk.chunk("Noon", "voice one", final=True)
    talk.chunk("Hi", "m1", final=True)
    assert starts(talk) == [(1, "m1")]
    talk.asks()
    talk.chunk("Here", "voice two", final=True)
    assert talk.told() == []
    talk.chunk("Hello", "m2", final=True)
    assert starts(talk) == [(2, "m2")]


def test_a_turn_that_is_still_spoken_keeps_its_place(talk: Talk) -> None:
    talk.says(SttResponse("well", True))
    talk.advance(PLACE_HELD - 5.0)
    talk.says(SttResponse("let me think", True))
    talk.advance(PLACE_HELD - 5.0)
    talk.asks()
    talk.chunk("I see", "voice", final=True)
    assert talk.told() == []
    talk.advance(10.0)
    talk.chunk("Yes", "m1", final=True)
    assert talk.ends() == [(1, FINAL)]


def test_a_turn_that_is_spoken_on_loses_its_place_in_the_end(talk: Talk) -> None:
    talk.says(SttResponse("well", True), SttResponse("then", True))
    talk.advance(PLACE_HELD + 1.0)
    talk.asks()
    talk.chunk("Yes", "m1", final=True)
    assert talk.ends() == [(1, FINAL)]


@pytest.mark.parametrize("before", [SayLine("Yes"), SttResponse("are you there", True)])
def test_nothing_is_expected_of_a_connection_that_fell(
    talk: Talk, before: SayLine | SttResponse
) -> None:
    if isinstance(before, SayLine):
        talk.does(before)
    else:
        talk.says(before)
    talk.asks()
    talk.link.cut()
    talk.advance(5.0)
    talk.events.clear()
    talk.asks()
    talk.chunk("Yes", "m1", final=True)
    assert starts(talk) == [(2, "m1")]


@pytest.mark.parametrize(("others", "answers"), [(MAX_SEEN - 1, 0), (MAX_SEEN, 1)])
def test_so_many_ids_are_remembered(talk: Talk, others: int, answers: int) -> None:
    for number in range(others + 1):
        talk.says(ResponseChunk("x", True, None, f"old{number}"))
    talk.asks()
    talk.chunk("again", "old0", final=True)
    assert len(talk.ends()) == answers


# --- cut short ---------------------------------------------------------------------------------


def test_an_answer_that_is_interrupted_by_a_name_it_has_not_told_yet(talk: Talk) -> None:
    talk.asks()
    talk.does(Interrupt("m1"))
    talk.says(InterruptData())
    assert talk.ends() == [(1, ReplyEnd.INTERRUPTED)]


@pytest.mark.parametrize("action", ["noted", "warned", ""])
def test_a_flag_that_is_no_redaction_ends_nothing(talk: Talk, action: str) -> None:
    talk.asks()
    talk.chunk("fine", "m1")
    talk.says(ModerationFlag("m1", action))
    talk.chunk("fine words", "m1", final=True)
    assert talk.ends() == [(1, FINAL)]
