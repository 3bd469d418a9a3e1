"""Which answer belongs to which question, and how each reply ends, once (API 3)."""

from __future__ import annotations

from typing import Any

import pytest

from estuary_proto.errors import (
    ConnectionLost,
    ErrorCode,
    EstuaryError,
    LocalProtocolError,
    QuotaExceeded,
    ReplyInterrupted,
    ReplyTimeout,
    SendBlocked,
)
from estuary_proto.events import ReplyEnd, ReplyEnded, ReplyPart, ReplyStarted, TextPiece
from estuary_proto.intents import Interrupt, SayLine, SendText
from estuary_proto.models.conversation import (
    BotResponse,
    BotVoice,
    CharacterAction,
    InterruptData,
    ResponseChunk,
    SttResponse,
)
from estuary_proto.models.session import ErrorEvent, ModerationFlag, QuotaExceededData
from estuary_proto.replies import MAX_SEEN, PLACE_HELD
from estuary_proto.states import Role
from estuary_proto.testing import Pair
from estuary_proto.timers import Timer

Told = ReplyStarted | ReplyPart | ReplyEnded


class Talk(Pair):
    """A connected pair without latency, and what it tells about replies."""

    def __init__(self) -> None:
        super().__init__(latency=0.0)
        self.connect(within=0.0)
        self.events.clear()

    def asks(self, text: str = "hi", **options: Any) -> int:
        number = self.ask(SendText(text), **options)
        self.advance(0)
        return number

    def does(self, message: Any) -> None:
        self.submit(message)
        self.advance(0)

    def says(self, *messages: Any) -> None:
        for message in messages:
            self.tell(message)
            self.advance(0)

    def chunk(self, text: str, key: str = "m1", *, final: bool = False, **more: Any) -> None:
        self.says(ResponseChunk(text, final, None, key, **more))

    def told(self) -> list[Told]:
        found = self.of(ReplyStarted, ReplyPart, ReplyEnded)
        self.events.clear()
        return found

    def ends(self) -> list[tuple[int, ReplyEnd]]:
        return [(e.reply, e.end) for e in self.told() if isinstance(e, ReplyEnded)]

    @property
    def texts(self) -> list[str]:
        """What has been asked so far, as the server heard it."""
        return [e.text for e in self.link.heard if isinstance(e, SendText)]


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
    talk.asks("two")
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
