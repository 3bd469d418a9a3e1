"""Voice at the gateway, in virtual time: opening and closing the ear, turns, the button."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estuary_proto.errors import EstuaryError
from estuary_proto.events import AckSettled, Disconnected, Outcome
from estuary_proto.gateway import Script, ServerConfig, StopBrain, Transcribe
from estuary_proto.gateway.mic import MAX_PENDING, STALLED
from estuary_proto.intents import SayLine, SendText, StartVoice, StopVoice, StreamAudio
from estuary_proto.models.conversation import BotResponse, BotVoice, InterruptData, SttResponse
from estuary_proto.models.pcm import encode_pcm
from estuary_proto.models.session import (
    ErrorEvent,
    ModerationWarning,
    QuotaExceededData,
    SessionTimeout,
)
from estuary_proto.models.voice import VoiceError, VoiceStarted, VoiceStopped, VoiceTimeout
from estuary_proto.timers import Deadline, Timer

from .conftest import AUTH, Pair
from .sounds import SPEECH, at_once, silence, stream, tone

Join = Callable[..., Any]
PRESS = StartVoice("push_to_talk")
QUICK = ServerConfig(word_interval=0, voice="never")
MUTE = {**AUTH, "capabilities": {"version": "1", "speaker": False}}


def finals(pair: Any) -> list[str]:
    return [heard.text for heard in pair.of(SttResponse) if heard.is_final]


def interims(pair: Any) -> list[str]:
    return [heard.text for heard in pair.of(SttResponse) if not heard.is_final]


def answers(pair: Any) -> list[str]:
    return [response.text for response in pair.of(BotResponse) if response.is_final]


def open_ear(join: Join, config: ServerConfig = QUICK, **options: Any) -> Any:
    pair = join(config, **options)
    pair.send(StartVoice())
    pair.events.clear()
    return pair


# --- opening and closing --------------------------------------------------------------------


def test_the_ear_opens_and_closes_and_says_so(join: Join) -> None:
    pair = join(QUICK)
    for message, told in (
        (StartVoice(), VoiceStarted()),
        (StartVoice(), VoiceStarted(already_active=True)),
        (StopVoice(), VoiceStopped()),
        (StopVoice(), VoiceStopped()),
    ):
        pair.events.clear()
        pair.send(message, ack_within=5)
        assert pair.of(VoiceStarted, VoiceStopped) == [told]
        assert [ack.outcome for ack in pair.acks] == [Outcome.OK]


@pytest.mark.parametrize("mode", ["", "continuous"])
def test_continuous_has_names(join: Join, mode: str) -> None:
    pair = join(QUICK)
    pair.send(StartVoice(mode))
    at_once(pair, SPEECH)
    assert len(answers(pair)) == 1


def test_a_mode_that_is_none(join: Join) -> None:
    pair = join(QUICK)
    pair.send(StartVoice("x" * 500))
    (error,) = pair.of(VoiceError)
    assert "turn_mode" in error.error
    assert len(error.error) < 200
    at_once(pair, SPEECH)
    assert finals(pair) == []


def test_push_to_talk_is_for_good(join: Join) -> None:
    pair = join(QUICK)
    pair.send(PRESS)
    pair.send(StartVoice())
    assert len(pair.of(VoiceError)) == 1
    at_once(pair, SPEECH)
    assert finals(pair) == []  # The button is still down.
    pair.send(StopVoice())
    assert len(finals(pair)) == 1
    pair.send(StartVoice())
    assert len(pair.of(VoiceError)) == 2
    pair.send(PRESS)
    assert pair.of(VoiceStarted) == [VoiceStarted()] * 2


def test_from_continuous_to_push_to_talk_begins_anew(join: Join) -> None:
    pair = open_ear(join)
    at_once(pair, tone(1.0))
    pair.send(PRESS)
    assert pair.of(VoiceStarted) == [VoiceStarted(already_active=True)]
    pair.send(StopVoice())
    assert finals(pair) == []
    assert pair.server.deadline.timer is Timer.PING


def test_a_closed_ear_hears_nothing_and_counts_it(join: Join) -> None:
    pair = join(QUICK)
    at_once(pair, SPEECH)
    at_once(pair, SPEECH)
    pair.send(StartVoice())
    pair.send(StopVoice())
    at_once(pair, SPEECH)
    assert pair.of(SttResponse, BotResponse) == []
    assert pair.server.audio_ignored == 3


def test_nothing_is_heard_before_there_is_a_session(join: Join) -> None:
    pair = join(QUICK, auth=None)
    pair.server.heard(0, "hello", now=pair.now)
    pair.server.hearing_failed(0, "no", now=pair.now)
    assert pair.server.audio_ignored == 0
    pair.move()
    assert pair.events == pair.of(AckSettled)


# --- turns ----------------------------------------------------------------------------------


def test_an_utterance_is_a_turn(join: Join) -> None:
    pair = open_ear(join)
    stream(pair, SPEECH)
    assert finals(pair) == ["(1.0 s of speech)"]
    assert interims(pair) == [f"({s} s of speech)" for s in (0.2, 0.5, 0.8, 1.0, 1.0)]
    (answer,) = answers(pair)
    assert answer
    final, first = (
        next(i for i, e in enumerate(pair.events) if isinstance(e, kind) and wanted(e))
        for kind, wanted in ((SttResponse, lambda e: e.is_final), (BotResponse, lambda e: True))
    )
    assert final < first


def test_what_is_heard_can_be_laid_down(join: Join) -> None:
    sentences = ("my name is Ada", "what is my name?")
    pair = open_ear(join, ServerConfig(word_interval=0, voice="never", hears=sentences))
    stream(pair, SPEECH)
    assert interims(pair) == ["my", "my name", "my name is", "my name is Ada", "my name is Ada"]
    before = len(interims(pair))
    stream(pair, SPEECH, SPEECH)
    assert interims(pair)[before:][:3] == ["what", "what is", "what is my"]
    assert finals(pair) == ["my name is Ada", "what is my name?", "my name is Ada"]
    assert answers(pair)[1] == "Your name is Ada."


def test_a_voice_turn_reaches_the_brain_as_a_text_does(join: Join) -> None:
    pair = open_ear(join, ServerConfig(hears=("good morning",), voice="never"), external=True)
    pair.send(SendText("hi"))
    at_once(pair, SPEECH)
    ask, stop, heard = pair.commands()
    assert (ask.text, stop, heard.text) == ("hi", StopBrain(ask.turn), "good morning")
    assert heard.history == (("user", "hi"),)
    assert pair.of(InterruptData)[0].reason == "new_message"


def test_who_stops_sending_in_the_middle_has_said_it_all(join: Join) -> None:
    pair = open_ear(join)
    at_once(pair, tone(0.5))
    assert pair.server.deadline == Deadline(pair.now + STALLED, Timer.TURN)
    pair.advance(STALLED - 0.01)
    assert finals(pair) == []
    pair.advance(0.02)
    assert finals(pair) == ["(0.5 s of speech)"]
    assert pair.server.deadline.timer is Timer.PING


def test_silence_makes_nobody_wait(join: Join) -> None:
    pair = open_ear(join)
    at_once(pair, silence(0.5))
    assert pair.server.deadline.timer is Timer.PING
    at_once(pair, tone(0.5))
    at_once(pair, silence(0.6))
    assert pair.server.deadline.timer is Timer.PING


def test_what_was_said_before_the_ear_closes_is_a_turn(join: Join) -> None:
    pair = open_ear(join)
    at_once(pair, tone(0.5))
    pair.send(StopVoice(), ack_within=5)
    assert finals(pair) == ["(0.5 s of speech)"]
    kinds = [type(event) for event in pair.events if not isinstance(event, AckSettled)]
    assert kinds.index(VoiceStopped) < kinds.index(BotResponse)
    assert len(answers(pair)) == 1
    pair.advance(5)
    assert len(finals(pair)) == 1


def test_a_cough_is_no_turn(join: Join) -> None:
    pair = open_ear(join)
    at_once(pair, tone(0.1), silence(1))
    pair.send(StopVoice())
    assert pair.events == [VoiceStopped()]


def test_odd_bytes_wait_for_the_rest(join: Join) -> None:
    pair = open_ear(join)
    for at in range(0, len(SPEECH), 333):
        pair.send(StreamAudio(encode_pcm(SPEECH[at : at + 333])))
    assert finals(pair) == ["(1.0 s of speech)"]


@settings(deadline=None, max_examples=25)
@given(cuts=st.lists(st.integers(0, len(SPEECH) * 2), max_size=30), button=st.booleans())
def test_any_pieces_of_the_same_audio_make_the_same_turns(cuts: list[int], button: bool) -> None:
    config = ServerConfig(word_interval=0, voice="never", hears=("one", "two"))
    audio, told = SPEECH * 2, []
    for at in ([], sorted(cuts)):
        pair = Pair(config)
        pair.send(PRESS if button else StartVoice())
        pair.events.clear()
        for start, end in zip([0, *at], [*at, len(audio)], strict=True):
            at_once(pair, audio[start:end])
        pair.send(StopVoice())
        told.append([(type(event), getattr(event, "text", "")) for event in pair.events])
        assert finals(pair) == (["one"] if button else ["one", "two"])
    assert told[0] == told[1]


# --- the button -----------------------------------------------------------------------------


def test_everything_between_press_and_release_is_one_turn(join: Join) -> None:
    pair = join(QUICK)
    pair.send(PRESS)
    stream(pair, SPEECH, silence(3), SPEECH)
    assert finals(pair) == []
    assert answers(pair) == []
    assert len(interims(pair)) >= 6
    pair.send(StopVoice(), ack_within=5)
    assert finals(pair) == ["(6.0 s of speech)"]
    assert len(answers(pair)) == 1
    stream(pair, SPEECH)
    assert len(finals(pair)) == 1


def test_a_release_without_speech_is_no_turn(join: Join) -> None:
    pair = join(QUICK)
    for sound in (b"", silence(1), tone(0.1)):
        pair.send(PRESS)
        at_once(pair, sound)
        pair.send(StopVoice())
    pair.advance(10)
    assert pair.of(SttResponse, BotResponse, ErrorEvent) == []
    assert pair.of(VoiceStarted, VoiceStopped) == [VoiceStarted(), VoiceStopped()] * 3


def test_a_held_button_waits_for_ever(join: Join) -> None:
    pair = join(QUICK)
    pair.send(PRESS)
    at_once(pair, tone(0.5))
    pair.advance(15)
    assert finals(pair) == []
    pair.send(PRESS)  # As the declaration before the first press, or pressed twice.
    assert pair.of(VoiceStarted)[-1].already_active
    at_once(pair, tone(0.5))
    pair.send(StopVoice())
    assert finals(pair) == ["(1.0 s of speech)"]


# --- damage ---------------------------------------------------------------------------------


def test_bad_audio_is_told_once_and_breaks_nothing(join: Join) -> None:
    pair = open_ear(join)
    for audio in ("!", "AAA", "Ω", "a b", "===="):
        pair.send(StreamAudio(audio))
    at_once(pair, SPEECH)
    (error,) = pair.of(ErrorEvent)
    assert error.error == "bad_audio"
    assert len(finals(pair)) == 1
    pair.send(StopVoice())
    pair.send(StartVoice())
    pair.send(StreamAudio("!"))
    assert len(pair.of(ErrorEvent)) == 2


def test_audio_of_a_wrong_type_is_no_audio(join: Join) -> None:
    pair = open_ear(join)
    for payload in ('{"audio":5}', "{}", "null", '"AAAA"', '{"audio":null}', '{"audio":""}'):
        pair.server.receive(f'42/sdk,["stream_audio",{payload}]', now=pair.now)
    pair.move()
    assert len(pair.of(ErrorEvent)) <= 1
    at_once(pair, SPEECH)
    assert len(finals(pair)) == 1


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.one_of(
            st.sampled_from([StartVoice(), PRESS, StopVoice(), SendText("hi"), SayLine("ho")]),
            st.sampled_from([SPEECH, tone(0.4), silence(1), b"\1"]),
            st.floats(0, 5),
        ),
        max_size=12,
    )
)
def test_any_order_of_anything(acts: list[Any]) -> None:
    pair = Pair(ServerConfig(hears=("tell me a joke",)))
    for act in acts:
        if isinstance(act, float):
            pair.advance(act)
        elif isinstance(act, bytes):
            at_once(pair, act)
        else:
            pair.send(act)
    pair.send(StopVoice())
    pair.advance(60)
    started = {voice.message_id for voice in pair.of(BotVoice)}
    ended = {voice.message_id for voice in pair.of(BotVoice) if voice.is_final}
    cut = {data.message_id for data in pair.of(InterruptData)}
    assert started - ended <= cut
    begun = {response.message_id for response in pair.of(BotResponse)}
    assert begun - {r.message_id for r in pair.of(BotResponse) if r.is_final} <= cut
    assert pair.server.deadline is not None
    assert pair.server.deadline.timer is Timer.PING
    assert pair.server.closed is None


# --- limits ---------------------------------------------------------------------------------


def test_who_says_nothing_is_not_listened_to_for_ever(join: Join) -> None:
    config = ServerConfig(word_interval=0, voice="never", voice_idle=5)
    pair = open_ear(join, config)
    stream(pair, silence(4), SPEECH, silence(4))
    assert pair.of(VoiceTimeout) == []
    stream(pair, silence(2))
    assert len(pair.of(VoiceTimeout)) == 1
    assert pair.of(VoiceStopped) == []
    at_once(pair, SPEECH)
    assert len(finals(pair)) == 1
    assert pair.server.audio_ignored > 0
    pair.send(StartVoice())
    assert pair.of(VoiceStarted) == [VoiceStarted()]
    at_once(pair, SPEECH)
    assert len(finals(pair)) == 2


def test_a_script_may_close_the_ear_too(join: Join) -> None:
    script = Script.read([{"when": "text", "do": "voice_timeout"}])
    pair = open_ear(join, ServerConfig(word_interval=0, voice="never", script=script))
    pair.send(SendText("now"))
    at_once(pair, SPEECH)
    assert finals(pair) == []
    assert pair.server.audio_ignored == 1


def test_speech_counts_as_messages_do(join: Join) -> None:
    pair = open_ear(join, ServerConfig(word_interval=0, voice="never", quota=1))
    at_once(pair, SPEECH, SPEECH)
    assert len(finals(pair)) == 2
    assert len(answers(pair)) == 1
    assert len(pair.of(QuotaExceededData)) == 1


def test_a_bad_word_said_aloud_is_a_bad_word(join: Join) -> None:
    config = ServerConfig(word_interval=0, voice="never", banned_words=("rude",), hears=("rude!",))
    pair = open_ear(join, config)
    at_once(pair, SPEECH, SPEECH, SPEECH)
    assert [warning.level for warning in pair.of(ModerationWarning)] == ["warning", "terminated"]
    # Thrown out in the middle of a message: nothing after it is heard.
    assert len(finals(pair)) == 2
    assert answers(pair) == []
    assert pair.server.closed is not None


def test_who_was_thrown_out_reaches_no_brain(join: Join) -> None:
    hears = ("rude!", "rude!", "my name is Ada")
    config = ServerConfig(voice="never", banned_words=("rude",), hears=hears)
    pair = open_ear(join, config, external=True)
    at_once(pair, SPEECH, SPEECH, SPEECH)
    assert pair.server.closed is not None
    assert pair.commands() == []


def test_who_is_told_to_go_is_not_heard_any_more(join: Join) -> None:
    pair = open_ear(join, external=True)
    at_once(pair, tone(0.5))
    pair.reading = False
    pair.server.close(now=pair.now)
    pair.server.handle_timeout(now=pair.now + STALLED + 0.1)
    assert pair.commands() == []
    assert pair.server.closed is None


def test_a_session_that_ends_leaves_no_timer(join: Join) -> None:
    config = ServerConfig(word_interval=0, voice="never", session_idle=0.5)
    pair = open_ear(join, config)
    at_once(pair, tone(0.5))
    pair.advance(2)
    assert len(pair.of(SessionTimeout)) == 1
    assert pair.server.deadline is None
    assert finals(pair) == []


# --- a recogniser ---------------------------------------------------------------------------


def test_a_recogniser_is_asked(join: Join) -> None:
    pair = open_ear(join, recogniser=True)
    stream(pair, silence(1), SPEECH)
    (command,) = pair.commands()
    assert command == Transcribe(0, silence(0.28) + tone(1.0) + silence(0.5), 16000)
    assert "pcm" not in repr(command)
    assert set(interims(pair)) == {"…"}
    assert finals(pair) == []
    pair.server.heard(0, "my name", now=pair.now, is_final=False)
    pair.server.heard(0, "  my name\nis Ada\ud800 ", now=pair.now)
    pair.server.heard(0, "again", now=pair.now)
    pair.server.heard(7, "never asked", now=pair.now)
    pair.server.hearing_failed(7, "never asked", now=pair.now)
    pair.move()
    assert interims(pair)[-1] == "my name"
    assert finals(pair) == ["my name is Ada?"]
    assert len(answers(pair)) == 1
    assert pair.of(ErrorEvent) == []


def test_it_may_have_understood_nothing(join: Join) -> None:
    pair = open_ear(join, recogniser=True)
    at_once(pair, SPEECH)
    pair.server.heard(0, " ", now=pair.now)
    pair.move()
    assert finals(pair) == [""]
    assert answers(pair) == []


def test_it_may_fail(join: Join) -> None:
    pair = open_ear(join, recogniser=True)
    at_once(pair, SPEECH)
    pair.server.hearing_failed(0, "The model is gone", now=pair.now)
    pair.move()
    assert pair.of(ErrorEvent) == [ErrorEvent("The model is gone", "recogniser_failed")]
    assert finals(pair) == [""]
    assert answers(pair) == []


def test_it_may_be_slow(join: Join) -> None:
    pair = open_ear(join, recogniser=True)
    at_once(pair, *[SPEECH] * (MAX_PENDING + 1))
    assert [command.turn for command in pair.commands()] == list(range(MAX_PENDING))
    assert [error.error for error in pair.of(ErrorEvent)] == ["recogniser_busy"]
    pair.server.heard(1, "one", now=pair.now)
    pair.send(StopVoice())
    pair.server.heard(0, "zero", now=pair.now)  # The ear is closed, but this was said before.
    pair.move()
    assert finals(pair) == ["", "one", "zero"]
    assert len(answers(pair)) == 2


def test_the_button_gives_it_everything_up_to_the_longest(join: Join) -> None:
    config = ServerConfig(word_interval=0, voice="never", max_utterance=2)
    pair = join(config, recogniser=True)
    pair.send(PRESS)
    at_once(pair, tone(1.5), silence(1))
    pair.send(StopVoice())
    (command,) = pair.commands()
    assert command.pcm == tone(1.5) + silence(0.5)
    (error,) = pair.of(ErrorEvent)
    assert error == ErrorEvent("Only the first 2 seconds of it were heard", "speech_too_long")


def test_interim_words_wait_for_nobody(join: Join) -> None:
    """A client that reads nothing: what is understood so far is not kept for it."""
    pair = open_ear(join)
    pair.reading = False
    for number in range(400):
        pair.send(SayLine(f"{number} " + "word " * 300))
    assert not pair.server.has_room
    before = len(pair.events)
    at_once(pair, tone(0.5))
    pair.reading = True
    pair.move()
    pair.advance(0)
    assert len(pair.events) > before
    assert interims(pair) == []


# --- settings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mic_rate", 7999), ("mic_rate", 48001), ("mic_rate", 16000.0), ("hears", "hello"),
        ("hears", ("",)), ("hears", (5,)), ("hears", ("x" * 8001,)), ("max_utterance", 0.5),
        ("max_utterance", 601), ("max_utterance", float("nan")), ("voice", "loud"),
    ],
)  # fmt: skip
def test_wrong_settings_are_named(field: str, value: Any) -> None:
    with pytest.raises(EstuaryError) as caught:
        ServerConfig(**{field: value})
    assert caught.value.details["field"] == field


def test_the_microphone_has_the_rate_that_was_agreed(join: Join) -> None:
    pair = open_ear(join, ServerConfig(word_interval=0, voice="never", mic_rate=48000))
    at_once(pair, tone(1.0, rate=48000), silence(0.6, rate=48000))
    assert finals(pair) == ["(1.0 s of speech)"]


def test_a_client_that_leaves_in_the_middle(join: Join) -> None:
    pair = open_ear(join, ServerConfig(), auth=MUTE)
    at_once(pair, tone(0.5))
    pair.client.close(now=pair.now)
    pair.move()
    pair.advance(5)
    assert pair.server.closed is not None
    assert pair.server.deadline is None
    assert pair.of(SttResponse, Disconnected) == pair.of(SttResponse)
