"""How each reply ends, once (API 3)."""

from __future__ import annotations

from typing import Any

import pytest

from estuary_proto.errors import (
    ConnectionLost,
    EstuaryError,
    QuotaExceeded,
    ReplyInterrupted,
    ReplyTimeout,
)
from estuary_proto.events import ReplyEnd, ReplyEnded, ReplyStarted
from estuary_proto.intents import Interrupt, SayLine
from estuary_proto.models.conversation import (
    InterruptData,
    ResponseChunk,
    SttResponse,
)
from estuary_proto.models.session import ErrorEvent, ModerationFlag, QuotaExceededData
from estuary_proto.replies import MAX_SEEN, PLACE_HELD
from estuary_proto.timers import Timer
from tests.proto.replying import Talk


@pytest.fixture
def talk() -> Talk:
    return Talk()


# --- rule 3: it ends once --------------------------------------------------------------------


def ended(talk: Talk) -> ReplyEnded:
    """The one end that was told."""
    (end,) = [e for e in talk.told() if isinstance(e, ReplyEnded)]
    return end


@pytest.mark.parametrize("named", [None, "m1"])
def test_interrupted(talk: Talk, named: str | None) -> None:
    talk.asks()
    talk.chunk("Once upon")
    talk.says(InterruptData("other"))
    talk.says(InterruptData(named, "user"))
    end = ended(talk)
    assert (end.end, end.partial) == (ReplyEnd.INTERRUPTED, "Once upon")
    assert isinstance(end.error, ReplyInterrupted)
    assert end.error.partial == "Once upon"
    assert end.error.message == "the reply was interrupted (user)"
    talk.chunk("Once upon a time", final=True)
    assert talk.told() == []


def test_an_interrupt_without_a_reason(talk: Talk) -> None:
    talk.asks()
    talk.chunk("Once")
    talk.says(InterruptData())
    end = ended(talk)
    assert end.error is not None
    assert end.error.message == "the reply was interrupted"


@pytest.mark.parametrize("named", [None, "m1"])
def test_interrupted_before_its_first_word(talk: Talk, named: str | None) -> None:
    talk.asks()
    talk.does(Interrupt())
    talk.says(InterruptData(named))
    assert ended(talk).end is ReplyEnd.INTERRUPTED
    talk.asks()
    if named is not None:  # Late words of what was interrupted are no answer to what follows.
        talk.chunk("late", named)
    talk.chunk("Yes", "m2", final=True)
    assert talk.ends() == [(2, ReplyEnd.FINAL)]


@pytest.mark.parametrize(
    ("cut", "end"),
    [
        (InterruptData("m1"), ReplyEnd.INTERRUPTED),
        (ModerationFlag("m1", "redacted"), ReplyEnd.REDACTED),
        (ErrorEvent("no model", None, "m1"), ReplyEnd.ERROR),
    ],
)
def test_cut_by_the_server_before_its_first_word(
    talk: Talk, cut: InterruptData | ModerationFlag | ErrorEvent, end: ReplyEnd
) -> None:
    talk.asks()
    talk.asks()
    talk.says(cut)
    started, ended = talk.told()
    assert started == ReplyStarted(1, "m1")
    assert isinstance(ended, ReplyEnded)
    assert (ended.reply, ended.end, ended.partial) == (1, end, "")
    talk.chunk("late", "m1", final=True)
    talk.chunk("Yes", "m2", final=True)
    assert talk.ends() == [(2, ReplyEnd.FINAL)]


@pytest.mark.parametrize("cut", [InterruptData("m1"), ErrorEvent("oh", None, "m1")])
def test_a_cut_that_may_be_the_lines_leaves_the_answer_alone(talk: Talk, cut: Any) -> None:
    talk.does(SayLine("a line"))
    talk.asks()
    talk.says(cut)
    talk.chunk("a late word", "m1")
    talk.chunk("Yes", "m2", final=True)
    assert talk.ends() == [(1, ReplyEnd.FINAL)]


def test_a_server_that_names_nothing_interrupts_what_has_begun(talk: Talk) -> None:
    talk.asks()
    talk.chunk("Once", "")
    talk.says(InterruptData())
    assert talk.ends() == [(1, ReplyEnd.INTERRUPTED)]


def test_what_has_not_begun_is_not_interrupted_by_the_end_of_something_else(talk: Talk) -> None:
    talk.chunk("old", "m0")
    talk.asks()
    talk.says(InterruptData(), InterruptData("m0"))  # Nobody asked for it: it was the old one.
    assert talk.told() == []
    talk.does(Interrupt("m0"))
    talk.says(InterruptData())
    assert talk.told() == []
    talk.does(Interrupt())
    talk.says(InterruptData("m0"))
    assert talk.told() == []
    talk.chunk("Yes", "m1", final=True)
    assert talk.ends() == [(1, ReplyEnd.FINAL)]


def test_redacted(talk: Talk) -> None:
    talk.asks()
    talk.chunk("bad words")
    talk.says(ModerationFlag("m1", "noted"), ModerationFlag("other", "redacted"))
    assert not [e for e in talk.told() if isinstance(e, ReplyEnded)]
    talk.says(ModerationFlag("m1", "redacted"))
    end = ended(talk)
    assert (end.end, end.partial) == (ReplyEnd.REDACTED, "")
    assert isinstance(end.error, ReplyInterrupted)
    assert end.error.partial == ""


def test_the_quota_ends_all_that_wait(talk: Talk) -> None:
    talk.asks("one")
    talk.asks("two")
    talk.chunk("half")
    talk.says(QuotaExceededData("no more", 10, 10))
    ends = [e for e in talk.told() if isinstance(e, ReplyEnded)]
    assert [(e.reply, e.end, e.partial) for e in ends] == [
        (1, ReplyEnd.QUOTA, "half"),
        (2, ReplyEnd.QUOTA, ""),
    ]
    error = ends[0].error
    assert isinstance(error, QuotaExceeded)
    assert (error.partial, error.details["limit"], error.message) == ("half", 10, "no more")
    assert talk.texts == ["one"]


def test_a_quota_without_words(talk: Talk) -> None:
    talk.asks()
    talk.says(QuotaExceededData())
    end = ended(talk)
    assert end.error is not None
    assert end.error.message == "the quota is used up"


def test_an_error_ends_what_has_not_begun_or_what_it_names(talk: Talk) -> None:
    talk.asks()
    talk.says(ErrorEvent("slow down", "rate_limited"))
    end = ended(talk)
    assert end.end is ReplyEnd.ERROR
    assert type(end.error) is EstuaryError
    assert end.error.details == {"code": "rate_limited"}
    talk.asks()
    talk.chunk("half", "m2")
    talk.says(ErrorEvent("unrelated"), ErrorEvent("other", None, "m9"))
    assert not [e for e in talk.told() if isinstance(e, ReplyEnded)]
    talk.says(ErrorEvent("it failed", None, "m2"))
    assert ended(talk).partial == "half"


def test_an_error_that_names_another_leaves_the_waiting_alone(talk: Talk) -> None:
    talk.chunk("old", "m9")
    talk.asks("one")
    talk.asks("two")
    talk.says(ErrorEvent("other", None, "m9"))
    assert talk.told() == []
    talk.says(ErrorEvent())
    end = ended(talk)
    assert end.error is not None
    assert (end.reply, end.error.message) == (1, "the server reported an error")
    assert talk.texts == ["one", "two"]


@pytest.mark.parametrize("how", ["cut", "disconnect"])
def test_lost(talk: Talk, how: str) -> None:
    talk.asks("one")
    talk.asks("two")
    talk.chunk("half")
    if how == "cut":
        talk.link.cut()
    else:
        talk.client.disconnect(now=talk.now)
    talk.advance(0)
    ends = [e for e in talk.told() if isinstance(e, ReplyEnded)]
    assert [(e.reply, e.end, e.partial) for e in ends] == [
        (1, ReplyEnd.LOST, "half"),
        (2, ReplyEnd.LOST, ""),
    ]
    assert isinstance(ends[0].error, ConnectionLost)
    assert ends[0].error.partial == "half"
    assert talk.client.deadline is None or talk.client.deadline.timer is Timer.RETRY


def test_after_a_reconnect_ids_may_come_again(talk: Talk) -> None:
    talk.asks()
    talk.chunk("half", "m1")
    talk.link.cut()
    talk.advance(5)
    assert talk.ends() == [(1, ReplyEnd.LOST)]
    talk.asks()
    talk.chunk("whole", "m1", final=True)
    assert talk.ends() == [(2, ReplyEnd.FINAL)]


# --- timeouts and rule 4 ---------------------------------------------------------------------


def test_a_reply_times_out_at_its_moment(talk: Talk) -> None:
    talk.asks(timeout=20.0)
    talk.chunk("half")
    talk.advance(19.999)
    assert not talk.ends()
    talk.advance(0.001)
    end = ended(talk)
    assert (end.end, end.partial) == (ReplyEnd.TIMEOUT, "half")
    assert isinstance(end.error, ReplyTimeout)
    assert isinstance(end.error, TimeoutError)
    talk.chunk("late", final=True)
    assert talk.told() == []


def test_an_answer_in_time_leaves_no_deadline(talk: Talk) -> None:
    talk.asks("one", timeout=20.0)
    talk.asks("two", timeout=30.0)
    talk.chunk("1", "m1", final=True)
    assert talk.client.deadline == (talk.now + 30.0, Timer.REPLY)
    talk.chunk("2", "m2", final=True)
    assert talk.client.deadline is not None
    assert talk.client.deadline.timer is Timer.HEARTBEAT


def test_the_first_deadline_of_several_counts(talk: Talk) -> None:
    talk.asks("one", timeout=30.0)
    talk.asks("two", timeout=10.0)
    talk.asks("three")
    assert talk.client.deadline is not None
    assert talk.client.deadline == (talk.now + 10.0, Timer.REPLY)
    talk.advance(10)
    assert talk.ends() == [(2, ReplyEnd.TIMEOUT)]
    talk.chunk("1", "m1", final=True)
    # The second question never left, so nothing holds its place.
    assert talk.texts == ["one", "three"]
    talk.chunk("3", "m2", final=True)
    assert talk.ends() == [(1, ReplyEnd.FINAL), (3, ReplyEnd.FINAL)]


def test_a_late_answer_is_not_the_next_ones(talk: Talk) -> None:
    talk.asks("one", timeout=10.0)
    talk.asks("two")
    talk.advance(10)
    assert talk.texts == ["one", "two"]
    talk.chunk("1", "m1", final=True)
    assert talk.ends() == [(1, ReplyEnd.TIMEOUT)]
    talk.chunk("2", "m2", final=True)
    assert talk.ends() == [(2, ReplyEnd.FINAL)]


def test_the_place_of_a_timed_out_question_is_its_own(talk: Talk) -> None:
    talk.asks("one", timeout=10.0)
    talk.asks("two", concurrent=True)
    talk.advance(10)
    talk.chunk("1", "m1", final=True)
    talk.chunk("2", "m2", final=True)
    started = [e for e in talk.told() if isinstance(e, ReplyStarted)]
    assert started == [ReplyStarted(2, "m2")]


def test_the_place_is_not_held_for_ever(talk: Talk) -> None:
    talk.asks("one", timeout=10.0)
    talk.advance(10 + PLACE_HELD)
    talk.asks("two")
    talk.chunk("2", "m1", final=True)
    assert talk.ends() == [(1, ReplyEnd.TIMEOUT), (2, ReplyEnd.FINAL)]


def test_a_server_cannot_make_us_remember_without_end(talk: Talk) -> None:
    for number in range(MAX_SEEN + 100):
        talk.says(SttResponse(f"word {number}", True))
        talk.says(ResponseChunk("x", False, None, f"id{number}"))
    replies = talk.client._replies
    assert len(replies._seen) <= MAX_SEEN
    assert len(replies._turns) <= 1
