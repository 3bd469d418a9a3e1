"""Who has the floor, in virtual time: what is answered aloud, and who interrupts whom."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from estuary_proto.gateway import Character, Script, ServerConfig, StopBrain
from estuary_proto.intents import (
    AudioPlaybackComplete,
    Interrupt,
    SayLine,
    SendCameraImage,
    SendText,
    StartVoice,
    StopVoice,
)
from estuary_proto.models.conversation import BotResponse, BotVoice, InterruptData, SttResponse
from estuary_proto.models.session import ModerationFlag
from estuary_proto.timers import Timer

from .conftest import AUTH
from .sounds import SPEECH, at_once, silence, stream, tone

Join = Callable[..., Any]
PRESS = StartVoice("push_to_talk")
STORY = "tell me a story"
LOUD = ServerConfig(voice="always")


def capable(**capabilities: bool) -> dict[str, Any]:
    return {**AUTH, "capabilities": {"version": "1", **capabilities}}


def length(pair: Any) -> float:
    """Seconds of voice that were sent."""
    return float(sum(len(v.pcm) / 2 / v.sample_rate for v in pair.of(BotVoice)))


def heard_story(join: Join, config: ServerConfig = LOUD, **options: Any) -> Any:
    """The character is two seconds into a story, aloud, to somebody whose microphone is open."""
    pair = join(config, **options)
    pair.send(StartVoice())
    pair.send(SendText(STORY))
    pair.advance(2)
    assert length(pair) == pytest.approx(3.0, abs=0.21)
    return pair


def silent_after(pair: Any, reason: str) -> None:
    """One interrupt for this reason, and not a chunk of that message behind it."""
    (data,) = pair.of(InterruptData)
    assert data.reason == reason
    at = pair.events.index(data)
    before, after = pair.events[:at], pair.events[at + 1 :]
    kinds = (BotResponse, BotVoice)
    assert data.message_id in {e.message_id for e in before if isinstance(e, kinds)}
    assert data.message_id not in {e.message_id for e in after if isinstance(e, kinds)}


# --- what is aloud --------------------------------------------------------------------------


def test_what_was_said_is_answered_aloud(join: Join) -> None:
    pair = join(ServerConfig(hears=("tell me a joke",)))
    pair.send(StartVoice())
    at_once(pair, SPEECH)
    pair.advance(60)
    chunks = pair.of(BotVoice)
    final = next(e for e in pair.of(BotResponse) if e.is_final)
    assert {chunk.message_id for chunk in chunks} == {final.message_id}
    assert [chunk.chunk_index for chunk in chunks] == list(range(len(chunks)))
    assert [chunk.is_final for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert {chunk.sample_rate for chunk in chunks} == {16000}
    assert chunks[-1].pcm
    assert pair.events.index(final) < pair.events.index(chunks[-1])
    assert pair.server.deadline.timer is Timer.PING


def test_a_voice_may_end_with_an_empty_chunk(join: Join) -> None:
    pair = join(ServerConfig(voice="always", voice_terminator=True))
    pair.send(SendText("hi"))
    pair.advance(60)
    *sounds, last = pair.of(BotVoice)
    assert (last.audio, last.is_final) == ("", True)
    assert all(chunk.pcm and not chunk.is_final for chunk in sounds)


@pytest.mark.parametrize(
    ("rate", "spoken_at"), [(8000, 8000), (24000, 24000), (48000, 48000), (1, 8000), (96000, 48000)]
)
def test_the_voice_has_the_rate_that_was_asked_for(join: Join, rate: int, spoken_at: int) -> None:
    pair = join(LOUD, auth={**AUTH, "audio_sample_rate": rate})
    pair.send(SendText("hi"))
    pair.advance(60)
    assert {chunk.sample_rate for chunk in pair.of(BotVoice)} == {spoken_at}
    assert {len(chunk.pcm) for chunk in pair.of(BotVoice)[:-1]} == {spoken_at // 5 * 2}


def aloud(pair: Any, message: Any) -> bool:
    """Whether this is answered aloud."""
    before = len(pair.of(BotVoice))
    pair.send(message)
    pair.advance(30)
    assert pair.of(BotResponse)[-1].is_final
    return len(pair.of(BotVoice)) > before


def test_what_was_written_is_answered_aloud_while_voice_is_on(join: Join) -> None:
    pair = join()
    assert not aloud(pair, SendText("hi"))
    pair.send(StartVoice())
    assert aloud(pair, SendText("hi"))
    assert not aloud(pair, SendText("hi", text_only=True))
    assert aloud(pair, SayLine("Here I am."))
    assert not aloud(pair, SayLine("Here I am.", text_only=True))
    assert aloud(pair, SendCameraImage("aGk="))
    pair.send(StopVoice())
    assert not aloud(pair, SendText("hi"))
    assert not aloud(pair, SendCameraImage("aGk="))


def test_between_two_presses_voice_is_on(join: Join) -> None:
    pair = join()
    pair.send(PRESS)
    pair.send(StopVoice())
    assert aloud(pair, SendText("hi"))


@pytest.mark.parametrize(
    ("voice", "auth", "written", "said"),
    [
        ("always", capable(), True, True),
        ("always", capable(speaker=True), True, True),
        ("auto", capable(), False, True),
        ("never", capable(), False, False),
        ("always", capable(speaker=False), False, False),
        ("auto", capable(speaker=False), False, False),
    ],
)
def test_who_is_spoken_to(
    join: Join, voice: str, auth: dict[str, Any], written: bool, said: bool
) -> None:
    pair = join(ServerConfig(voice=voice), auth=auth)
    assert aloud(pair, SendText("hi")) is written
    assert not aloud(pair, SendText("hi", text_only=True))
    before = length(pair)
    pair.send(StartVoice())
    at_once(pair, SPEECH)
    pair.send(StopVoice())
    pair.advance(30)
    assert (length(pair) > before) is said


def test_a_greeting_is_an_interjection_in_voice_too(join: Join) -> None:
    config = ServerConfig(characters={"demo": Character("Wren", "Hello there!")}, voice="always")
    pair = join(config)
    pair.advance(10)
    assert pair.of(BotVoice)
    assert all(chunk.is_interjection for chunk in pair.of(BotVoice))
    assert aloud(pair, SendText("hi"))
    assert not pair.of(BotVoice)[-1].is_interjection


def test_a_script_speaks_as_the_character_does(join: Join) -> None:
    script = Script.read([{"when": "text", "instead": True, "do": {"say": "Nobody is home."}}])
    pair = join(ServerConfig(voice="always", script=script))
    pair.send(SendText("hi"))
    pair.advance(10)
    assert length(pair) > 0.5


@pytest.mark.parametrize(
    ("given", "spoken_at"), [(None, 16000), (24000, 24000), (10, 8000), (0, 16000)]
)
def test_a_picture_says_how_its_answer_sounds(
    join: Join, given: int | None, spoken_at: int
) -> None:
    pair = join(LOUD, auth={**AUTH, "audio_sample_rate": 48000})
    pair.send(SendCameraImage("aGk=", "image/png", sample_rate=given))
    pair.advance(30)
    assert {chunk.sample_rate for chunk in pair.of(BotVoice)} == {spoken_at}


def test_a_brain_that_is_slow_is_spoken_as_it_comes(join: Join) -> None:
    pair = join(LOUD, external=True)
    pair.send(SendText("hi"))
    (ask,) = pair.commands()
    for number in range(30):
        pair.server.brain_piece(ask.turn, f"word{number} ", now=pair.now)
        pair.advance(0.3)
    assert length(pair) == pytest.approx(9, abs=1)
    assert not any(chunk.is_final for chunk in pair.of(BotVoice))
    pair.server.brain_done(ask.turn, now=pair.now)
    pair.advance(5)
    assert pair.of(BotVoice)[-1].is_final
    assert pair.of(BotVoice)[-1].pcm


def test_a_client_that_reads_nothing_gets_no_burst(join: Join) -> None:
    pair = join(ServerConfig(voice="always", word_interval=0, max_text=30_000))
    pair.reading = False
    pair.send(SayLine("word " * 5000))
    assert not pair.server.has_room
    pair.advance(20)
    pair.reading = True
    pair.move()
    kept = length(pair)
    assert kept < 2
    pair.advance(1)
    assert 1 <= length(pair) - kept <= 2.3
    indexes = [chunk.chunk_index for chunk in pair.of(BotVoice)]
    assert indexes == list(range(len(indexes)))


# --- interruption ---------------------------------------------------------------------------


@pytest.mark.parametrize("named", [True, False])
def test_an_interrupt_stops_text_and_voice(join: Join, named: bool) -> None:
    pair = heard_story(join, ServerConfig(voice="always", word_interval=0.1))
    assert not any(response.is_final for response in pair.of(BotResponse))
    pair.send(Interrupt("another"))
    assert pair.of(InterruptData) == []
    pair.send(Interrupt(pair.of(BotVoice)[0].message_id if named else None))
    pair.advance(60)
    silent_after(pair, "client_interrupt")
    assert length(pair) == pytest.approx(3.0, abs=0.21)  # The rest of the story was never sent.


def test_what_is_written_and_not_yet_heard_can_be_interrupted(join: Join) -> None:
    pair = join(ServerConfig(voice="always", word_interval=0))
    pair.send(SendText("hi"))
    (final,) = [response for response in pair.of(BotResponse) if response.is_final]
    pair.send(Interrupt(final.message_id))
    silent_after(pair, "client_interrupt")


def test_with_a_wall_clock_an_interrupt_says_when(join: Join) -> None:
    pair = join(LOUD, wall=lambda: "2026-01-02T03:04:05+00:00")
    pair.send(SendText(STORY))
    pair.send(Interrupt())
    assert pair.of(InterruptData)[0].interrupted_at == "2026-01-02T03:04:05+00:00"


def test_a_new_text_stops_the_voice(join: Join) -> None:
    pair = heard_story(join)
    pair.send(SendText("stop it", text_only=True))
    pair.advance(60)
    silent_after(pair, "new_message")


def test_a_press_stops_the_voice(join: Join) -> None:
    pair = join(LOUD)
    pair.send(SendText(STORY))
    pair.advance(2)
    pair.send(PRESS)
    pair.advance(60)
    silent_after(pair, "push_to_talk")


def test_a_press_stops_text_alone_as_well(join: Join) -> None:
    pair = join(ServerConfig(word_interval=0.1))
    pair.send(SendText(STORY))
    pair.advance(2)
    pair.send(PRESS)
    pair.advance(60)
    silent_after(pair, "push_to_talk")


def test_who_holds_the_button_interrupts_when_it_is_up(join: Join) -> None:
    pair = join(LOUD)
    pair.send(PRESS)
    pair.send(SendText(STORY))
    at_once(pair, tone(1.0))
    assert pair.of(InterruptData) == []
    pair.send(StopVoice())
    silent_after(pair, "new_message")


def test_a_press_in_silence_stops_nothing(join: Join) -> None:
    pair = join(LOUD)
    pair.send(PRESS)
    assert pair.of(InterruptData) == []


def test_who_is_spoken_to_may_break_in(join: Join) -> None:
    pair = heard_story(join)
    stream(pair, silence(0.5), tone(0.1), silence(0.2))  # A cough does not.
    assert pair.of(InterruptData) == []
    stream(pair, tone(0.3))
    silent_after(pair, "user_speech")
    # At once, not when the utterance is over; what it says is answered then.
    assert not any(heard.is_final for heard in pair.of(SttResponse))
    stream(pair, silence(0.7))
    pair.advance(60)
    silent_after(pair, "user_speech")
    assert len([response for response in pair.of(BotResponse) if response.is_final]) >= 1


def test_breaking_in_can_be_turned_off(join: Join) -> None:
    pair = heard_story(join, ServerConfig(voice="always", barge_in=False))
    stream(pair, tone(1.0))
    assert pair.of(InterruptData) == []
    stream(pair, silence(0.6))  # Said to the end it is a turn, which ends the one before.
    silent_after(pair, "new_message")


def test_who_only_reads_is_not_interrupted_by_noise(join: Join) -> None:
    pair = join(ServerConfig(word_interval=0.1), auth=capable(speaker=False))
    pair.send(StartVoice())
    pair.send(SendText(STORY))
    stream(pair, tone(1.0))
    assert pair.of(InterruptData) == []


def test_breaking_in_stops_an_external_brain(join: Join) -> None:
    pair = join(LOUD, external=True)
    pair.send(StartVoice())
    pair.send(SendText("hi"))
    (ask,) = pair.commands()
    pair.server.brain_piece(ask.turn, "Well, let me think about it for a while. ", now=pair.now)
    at_once(pair, tone(0.3))
    assert pair.commands() == [StopBrain(ask.turn)]
    silent_after(pair, "user_speech")
    pair.server.brain_piece(ask.turn, "Never heard.", now=pair.now)
    pair.advance(10)
    silent_after(pair, "user_speech")


def test_an_answer_that_was_taken_back_falls_silent(join: Join) -> None:
    pair = join(ServerConfig(voice="always", word_interval=0.2, banned_words=("rude",)))
    pair.send(SayLine("This is a long line, with many words in it, and then one that is rude here"))
    pair.advance(60)
    (flag,) = pair.of(ModerationFlag)
    after = pair.events[pair.events.index(flag) :]
    assert not [event for event in after if isinstance(event, (BotVoice, BotResponse))]
    assert pair.server.deadline.timer is Timer.PING


# --- how long it is heard -------------------------------------------------------------------


def spoken(join: Join) -> Any:
    """All of an answer has been sent, and its last second is still to be heard."""
    pair = join(LOUD)
    pair.send(StartVoice())
    pair.send(SayLine("One two three four five six seven eight nine ten eleven twelve."))
    while not pair.of(BotVoice)[-1:] or not pair.of(BotVoice)[-1].is_final:
        pair.advance(0.05)
    return pair


def test_without_a_word_from_the_client_the_length_tells(join: Join) -> None:
    pair = spoken(join)
    pair.advance(0.5)
    at_once(pair, tone(0.2))
    silent_after(pair, "user_speech")
    pair = spoken(join)
    pair.advance(1.1)
    at_once(pair, tone(0.2))
    assert pair.of(InterruptData) == []


@pytest.mark.parametrize("named", [True, False])
def test_the_client_says_that_it_has_heard_it_all(join: Join, named: bool) -> None:
    pair = spoken(join)
    message_id = pair.of(BotVoice)[-1].message_id
    pair.send(AudioPlaybackComplete(message_id if named else None))
    at_once(pair, tone(0.2))
    pair.send(Interrupt())
    assert pair.of(InterruptData) == []


def test_what_it_says_of_another_message_is_of_no_interest(join: Join) -> None:
    pair = spoken(join)
    pair.send(AudioPlaybackComplete("livekit-audio"))
    at_once(pair, tone(0.2))
    silent_after(pair, "user_speech")


def test_playing_that_has_run_dry_is_not_the_end(join: Join) -> None:
    pair = heard_story(join)
    pair.send(AudioPlaybackComplete(pair.of(BotVoice)[0].message_id))
    pair.advance(1)
    assert length(pair) == pytest.approx(4.0, abs=0.21)
    at_once(pair, tone(0.2))
    silent_after(pair, "user_speech")


def test_played_without_a_voice(join: Join) -> None:
    pair = join()
    pair.events.clear()
    pair.send(AudioPlaybackComplete("x"))
    pair.send(AudioPlaybackComplete())
    assert pair.events == []


# --- on the wire ----------------------------------------------------------------------------


def test_the_payload_of_a_voice(join: Join) -> None:
    pair = join(LOUD)
    pair.send(SendText("hi"))
    pair.advance(10)
    frames = [frame for frame in pair.frames if '"bot_voice"' in str(frame)]
    payload = json.loads(str(frames[0])[len("42/sdk,") :])[1]
    audio = payload.pop("audio")
    assert len(audio) == 4 * -(-6400 // 3)
    assert payload == {
        "message_id": pair.of(BotVoice)[0].message_id,
        "chunk_index": 0,
        "is_final": False,
        "is_livekit": False,
        "sample_rate": 16000,
        "is_interjection": False,
    }
