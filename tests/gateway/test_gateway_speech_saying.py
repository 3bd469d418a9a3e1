"""Voices made outside: what is asked for and when, what is sent of it, how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from estuary_proto.gateway import Outside, Say, ServerConfig, StopSaying
from estuary_proto.gateway.outside_voice import KEEP, Saying
from estuary_proto.gateway.tone_voice import LONGEST
from estuary_proto.intents import Interrupt, SayLine, SendText, StartAgentConversation
from estuary_proto.models.agents import (
    AgentConversationComplete,
    AgentTurnComplete,
    AgentTurnVoice,
)
from estuary_proto.models.conversation import BotResponse, BotVoice, InterruptData
from estuary_proto.models.session import ErrorEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Pair

    Join = Callable[..., Pair]

RATE = 16000
MIND = ServerConfig(voice="always", word_interval=0.001)
SECOND = bytes(range(256)) * 125
LINE = "The tide is in. Time to go. So long!"


def saying(**options: Any) -> tuple[Saying, list[str]]:
    asked: list[str] = []
    return Saying("m", RATE, asked.append, now=0.0, **options), asked


def drain(voice: Saying, until: float = 1e9) -> list[BotVoice]:
    """The chunks that are due, each when it is."""
    found, now = [], 0.0
    while (due := voice.due_at) is not None and due <= until:
        now = max(now, due)
        found.append(voice.next_chunk(now))
    return found


def sound_of(chunks: list[Any]) -> bytes:
    return b"".join(chunk.pcm for chunk in chunks)


def test_one_sentence_at_a_time_while_the_text_streams() -> None:
    voice, asked = saying()
    voice.add("The tide ")
    assert asked == []
    voice.add("is in. Time to go. So")
    assert asked == ["The tide is in."]
    voice.sound(SECOND)
    voice.said()
    assert asked[1:] == ["Time to go."]
    voice.sound(SECOND)
    voice.said()
    assert len(asked) == 2
    voice.finish()
    assert asked[2:] == ["So"]
    voice.sound(SECOND)
    assert not voice.over
    voice.said()
    chunks = drain(voice)
    assert sound_of(chunks) == 3 * SECOND
    assert [chunk.is_final for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert voice.over
    assert voice.due_at is None


def test_more_is_asked_for_when_less_than_three_seconds_wait() -> None:
    voice, asked = saying()
    voice.add("One. Two. Three. ")
    voice.sound(SECOND * (int(KEEP) + 1))
    voice.said()
    assert asked == ["One."]
    for _ in range(5):
        voice.next_chunk(0.0)
    assert asked == ["One."]
    voice.next_chunk(0.0)
    assert asked == ["One.", "Two."]


def test_the_first_sound_does_not_wait_for_the_sentence() -> None:
    voice, _ = saying()
    voice.add("One. ")
    voice.sound(SECOND[:6400])
    assert voice.due_at is None  # It may be the last: that is to be said with it.
    voice.sound(SECOND[:2])
    assert voice.due_at is not None
    assert voice.due_at <= 0


def test_what_is_left_of_a_sentence_goes_out_with_its_end() -> None:
    voice, _ = saying()
    voice.add("One. ")
    voice.sound(SECOND[:1000])
    assert voice.due_at is None
    voice.said()
    (chunk,) = drain(voice)
    assert (chunk.pcm, chunk.is_final) == (SECOND[:1000], False)
    voice.finish()
    (last,) = drain(voice)
    assert (last.pcm, last.is_final) == (b"", True)


def test_a_terminator() -> None:
    voice, _ = saying(terminator=True)
    voice.add("One.")
    voice.finish()
    voice.sound(SECOND)
    voice.said()
    assert [(len(c.pcm), c.is_final) for c in drain(voice)] == [(6400, False)] * 5 + [(0, True)]


@pytest.mark.parametrize("text", ["", "... !", '<action name="wave"/>'])
def test_nothing_to_say(text: str) -> None:
    voice, asked = saying()
    voice.add(text)
    voice.finish()
    assert (asked, voice.over, voice.due_at) == ([], True, None)


def test_tags_are_not_spoken() -> None:
    voice, asked = saying()
    voice.add('Hello! <action name="wave"/>There.')
    voice.sound(SECOND)
    voice.finish()
    voice.said()
    assert asked == ["Hello!", "There."]


def test_half_a_sample_waits_and_is_no_part_of_the_next_sentence() -> None:
    voice, _ = saying()
    voice.add("One. Two. ")
    voice.sound(b"\1")
    voice.sound(b"\2\3")
    voice.said()
    voice.sound(b"\4\5")
    voice.finish()
    voice.said()
    assert sound_of(drain(voice)) == b"\1\2\4\5"


def test_nobody_speaks_for_ever() -> None:
    voice, asked = saying()
    voice.add("One. Two. Three.")
    for _ in range(int(LONGEST) + 5):
        voice.sound(SECOND)
    voice.finish()
    voice.said()
    assert asked == ["One."]
    assert len(sound_of(drain(voice))) == LONGEST * len(SECOND)


def test_a_failure_ends_it() -> None:
    voice, asked = saying()
    voice.add("One. Two. ")
    voice.fail()
    assert voice.due_at is None
    voice.finish()
    assert (asked, voice.over) == (["One."], True)
    voice, _ = saying()
    voice.add("One. Two. ")
    voice.sound(SECOND)
    voice.fail()
    voice.finish()
    chunks = drain(voice)
    assert sound_of(chunks) == SECOND
    assert chunks[-1].is_final


# --- in a session ---------------------------------------------------------------------------


def aloud(join: Join, config: ServerConfig = MIND, **options: Any) -> Pair:
    return join(config, outside=Outside(voice=True), **options)


def answer(pair: Pair, seconds: float = 1.0) -> list[Say]:
    """Speak whatever is asked for, until nothing is."""
    found = []
    while asked := [c for c in pair.commands() if isinstance(c, Say)]:
        for say in asked:
            found.append(say)
            pair.server.voice_sound(say.number, SECOND[: int(32000 * seconds)], now=pair.now)
            pair.server.voice_done(say.number, now=pair.now)
            pair.move()
        pair.advance(1)
    return found


def test_a_line_is_asked_for_and_heard(join: Join) -> None:
    pair = aloud(join)
    pair.send(SayLine(LINE))
    pair.advance(0.1)
    said = answer(pair)
    assert [say.text for say in said] == ["The tide is in.", "Time to go.", "So long!"]
    assert {(say.number, say.rate, say.who) for say in said} == {(0, RATE, 0)}
    pair.advance(10)
    assert sound_of(pair.of(BotVoice)) == 3 * SECOND
    assert [v.is_final for v in pair.of(BotVoice)].index(True) == len(pair.of(BotVoice)) - 1


def test_an_interrupt_stops_what_is_being_made(join: Join) -> None:
    pair = aloud(join)
    pair.send(SayLine(LINE))
    pair.advance(0.1)
    (say,) = pair.commands()
    pair.server.voice_sound(say.number, SECOND, now=pair.now)
    pair.move()
    before = len(pair.of(BotVoice))
    assert before
    pair.send(Interrupt())
    assert pair.commands() == [StopSaying(say.number)]
    assert len(pair.of(InterruptData)) == 1
    # What comes late is for nobody.
    pair.server.voice_sound(say.number, SECOND, now=pair.now)
    pair.server.voice_done(say.number, now=pair.now)
    pair.server.voice_failed(say.number, "too late", now=pair.now)
    pair.advance(5)
    assert len(pair.of(BotVoice)) == before
    assert pair.commands() == []
    assert pair.of(ErrorEvent) == []


def test_the_next_answer_has_a_number_of_its_own(join: Join) -> None:
    pair = aloud(join)
    pair.send(SayLine("One."))
    pair.advance(0.1)
    pair.send(SendText("hello"))
    pair.advance(0.1)
    first, stop, second = pair.commands()
    assert stop == StopSaying(first.number)
    assert second.number != first.number
    # An interrupt between two sentences has nothing to stop.
    pair.server.voice_sound(second.number, SECOND * 5, now=pair.now)
    pair.server.voice_done(second.number, now=pair.now)
    pair.send(Interrupt())
    assert pair.commands() == []


def test_a_failure_is_told_and_the_text_goes_on(join: Join) -> None:
    pair = aloud(join)
    pair.send(SayLine(LINE))
    pair.advance(0.1)
    (say,) = pair.commands()
    pair.server.voice_failed(say.number, "No voice today", now=pair.now)
    pair.move()
    pair.advance(5)
    (error,) = pair.of(ErrorEvent)
    assert (error.message, error.error) == ("No voice today", "voice_failed")
    assert pair.answer == LINE
    assert pair.of(BotResponse)[-1].is_final
    assert pair.commands() == []
    assert pair.of(BotVoice) == []
    # And there is nothing to interrupt.
    pair.send(Interrupt())
    assert pair.of(InterruptData) == []


def test_before_there_is_a_session_nobody_speaks(join: Join) -> None:
    pair = aloud(join, auth={})
    pair.server.voice_sound(0, SECOND, now=pair.now)
    pair.server.voice_done(0, now=pair.now)
    pair.server.voice_failed(0, "no", now=pair.now)
    assert pair.of(ErrorEvent) == []


def test_two_characters_have_two_voices_and_wait_for_them(join: Join) -> None:
    pair = aloud(join)
    pair.send(StartAgentConversation("friend", "demo", max_turns=2, timeout_seconds=100))
    pair.advance(2)
    (say,) = pair.commands()
    assert say.who == 1
    assert len(pair.of(AgentTurnComplete)) == 1
    pair.advance(20)  # The next turn waits for the voice of this one.
    assert len(pair.of(AgentTurnComplete)) == 1
    pair.server.voice_sound(say.number, SECOND, now=pair.now)
    pair.server.voice_done(say.number, now=pair.now)
    pair.advance(0)
    said = [say, *answer(pair)]
    pair.advance(20)
    said += answer(pair)
    pair.advance(20)
    assert {turn.who for turn in said} == {0, 1}
    assert [done.turn_number for done in pair.of(AgentTurnComplete)] == [1, 2]
    (ended,) = pair.of(AgentConversationComplete)
    assert ended.reason == "max_turns"
    assert len(sound_of(pair.of(AgentTurnVoice))) == len(said) * len(SECOND)


def test_a_conversation_that_ends_stops_its_voice(join: Join) -> None:
    pair = aloud(join)
    pair.send(StartAgentConversation("demo", "friend", max_turns=2, timeout_seconds=3))
    pair.advance(5)
    say, stop = pair.commands()
    assert stop == StopSaying(say.number)
    assert pair.of(AgentConversationComplete)[0].reason == "timeout"


def test_one_of_two_voices_is_ended(join: Join) -> None:
    pair = aloud(join)
    pair.send(StartAgentConversation("demo", "friend", max_turns=2, timeout_seconds=100))
    pair.advance(0.1)
    pair.send(SayLine("One."))
    pair.advance(0.1)
    first, second = pair.commands()
    pair.send(Interrupt())
    assert pair.commands() == [StopSaying(second.number)]
    pair.server.voice_sound(first.number, SECOND, now=pair.now)
    pair.move()
    assert pair.of(AgentTurnVoice)
