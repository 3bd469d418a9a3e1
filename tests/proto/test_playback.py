"""What is heard of the character, what comes too late, and who gives way to whom (PROTOCOL 5)."""

from __future__ import annotations

from typing import Any

import pytest

from estuary_proto.errors import ErrorCode
from estuary_proto.events import Fault, PlaybackComplete, PlaybackStarted
from estuary_proto.intents import AudioPlaybackComplete, Interrupt, SendText
from estuary_proto.models.agents import AgentTurnVoice
from estuary_proto.models.conversation import BotVoice, InterruptData, ResponseChunk, SttResponse
from estuary_proto.models.pcm import encode_pcm
from estuary_proto.models.session import ModerationFlag
from estuary_proto.playback import MAX_HEARD, PLAYER_LATE, PlaybackState
from estuary_proto.states import Role
from tests.proto.talker import BUTTON, SECOND, TENTH, Talker

PLAYING, COMPLETE, INTERRUPTED = PlaybackState
HALF = encode_pcm(SECOND[:16000])


def chunk(message_id: str = "m", audio: str = HALF, **more: Any) -> BotVoice:
    return BotVoice(audio, message_id, **more)


def late(talk: Talker) -> list[bool]:
    return [voice.late for voice in talk.of(BotVoice)]


def interrupts(talk: Talker) -> list[str | None]:
    return [m.message_id for m in talk.link.heard if isinstance(m, Interrupt)]


def play(talk: Talker, message_id: str = "m") -> None:
    talk.client.playback_started(message_id, now=talk.now)
    talk.advance(0.0)


def done(talk: Talker, message_id: str | None = "m") -> None:
    talk.client.submit(AudioPlaybackComplete(message_id), now=talk.now)
    talk.advance(0.0)


# --- without a player: as long as the samples last ----------------------------------------------


def test_without_a_player_it_is_heard_for_as_long_as_its_samples_last() -> None:
    talk = Talker()
    playback = talk.client.playback
    assert playback.heard_now(talk.now) is None
    talk.says(chunk())
    talk.says(chunk(is_final=True))  # Both come at once: one second of sound.
    assert playback.state_of("m") is PLAYING
    assert playback.heard_now(talk.now + 0.99) == "m"
    assert playback.heard_now(talk.now + 1.0) is None
    assert talk.of(PlaybackStarted, PlaybackComplete) == []  # Nobody has said so.
    talk.advance(5.0)
    talk.says(chunk("n", sample_rate=8000))  # The same samples at half the rate, later.
    assert playback.heard_now(talk.now + 0.99) == "n"
    assert playback.heard_now(talk.now + 1.0) is None
    assert playback.state_of("other") is None
    assert playback.over_at("other") is None


@pytest.mark.parametrize("rate", [0, -16000, None])
def test_a_rate_that_is_none_is_the_configured_one(rate: int | None) -> None:
    talk = Talker()
    talk.says(chunk(sample_rate=rate))
    assert talk.client.playback.heard_now(talk.now + 0.49) == "m"
    assert talk.client.playback.heard_now(talk.now + 0.5) is None


# --- with one -------------------------------------------------------------------------------------


def test_a_player_says_when_it_is_heard_and_when_no_more() -> None:
    talk = Talker()
    talk.says(chunk(is_final=True))
    talk.advance(3.0)  # It buffers.
    play(talk)
    play(talk)
    assert talk.of(PlaybackStarted) == [PlaybackStarted("m")]
    assert talk.client.playback.heard_now(talk.now + 5.0) == "m"
    done(talk)
    done(talk)
    assert talk.of(PlaybackComplete) == [PlaybackComplete("m")]
    assert talk.client.playback.heard_now(talk.now) is None
    assert talk.client.playback.state_of("m") is COMPLETE
    heard = [m for m in talk.link.heard if isinstance(m, AudioPlaybackComplete)]
    assert heard == [AudioPlaybackComplete("m")] * 2  # The server judges for itself.
    play(talk)  # Too late.
    assert len(talk.of(PlaybackStarted)) == 1


def test_a_player_that_forgets_does_not_keep_it_heard_for_ever() -> None:
    talk = Talker()
    play(talk)
    start = talk.now
    talk.says(chunk())
    assert talk.client.playback.heard_now(start + 0.5 + PLAYER_LATE - 0.01) == "m"
    assert talk.client.playback.heard_now(start + 0.5 + PLAYER_LATE) is None


def test_a_player_that_cannot_say_so_does_not_keep_it_heard() -> None:
    talk = Talker(reconnect_delay=0.0, suppress_mic_during_playback=True)
    talk.start()
    talk.says(chunk())
    play(talk)
    talk.link.cut()
    talk.advance(0.4)
    assert talk.client.is_connected
    assert talk.client.playback.heard_now(talk.now) == "m"
    talk.advance(0.1)  # Its samples are over; nobody could be told.
    assert talk.client.playback.heard_now(talk.now) is None
    talk.say()
    assert talk.heard == "(a"


def test_complete_without_a_name_is_all_that_plays() -> None:
    talk = Talker()
    for name in ("a", "b"):
        talk.says(chunk(name))
        play(talk, name)
    done(talk, None)
    assert talk.of(PlaybackComplete) == [PlaybackComplete("a"), PlaybackComplete("b")]
    done(talk, "never heard of")
    assert len(talk.of(PlaybackComplete)) == 2


# --- interrupted ----------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("by", ["us", "the server"])
def test_what_comes_of_an_interrupted_message_is_marked(by: str, named: bool) -> None:
    talk = Talker()
    talk.says(chunk())
    play(talk)
    if by == "us":
        talk.client.submit(Interrupt("m" if named else None), now=talk.now)
        talk.advance(0.0)
    else:
        talk.says(InterruptData("m" if named else None))
    assert talk.of(PlaybackComplete) == [PlaybackComplete("m", interrupted=True)]
    assert talk.client.playback.state_of("m") is INTERRUPTED
    assert talk.client.playback.heard_now(talk.now) is None
    talk.says(chunk(is_final=True))
    talk.says(chunk("next"))
    assert late(talk) == [False, True, False]
    done(talk)
    play(talk)
    assert len(talk.of(PlaybackComplete)) == len(talk.of(PlaybackStarted)) == 1


@pytest.mark.parametrize("final", [True, False])
def test_a_message_that_was_only_written_yet_is_cut_too(final: bool) -> None:
    talk = Talker()
    talk.says(ResponseChunk("Once", is_final=True, message_id="before"))
    talk.says(ResponseChunk("Once", is_final=final, message_id="m"))
    talk.client.submit(Interrupt(), now=talk.now)
    talk.advance(0.0)
    talk.says(chunk())
    assert late(talk) == [True]
    assert talk.client.playback.state_of("before") is (None if final else INTERRUPTED)
    assert talk.of(PlaybackComplete) == []


def test_who_plays_without_saying_so_is_told_to_stop() -> None:
    talk = Talker()
    talk.says(chunk("old"))
    talk.advance(0.5)  # It has been heard.
    talk.says(chunk("new"))
    talk.client.submit(Interrupt(), now=talk.now)
    talk.advance(0.0)
    assert talk.of(PlaybackComplete) == [PlaybackComplete("new", interrupted=True)]


def test_another_message_is_not_cut() -> None:
    talk = Talker()
    talk.says(chunk("a"))
    talk.says(InterruptData("b"))
    talk.says(chunk("a"))
    talk.says(chunk("b"))
    assert late(talk) == [False, False, True]


def test_a_redacted_message_is_silent() -> None:
    talk = Talker()
    talk.says(chunk())
    play(talk)
    talk.says(ModerationFlag("other", "redacted"))
    talk.says(ModerationFlag("m", "noted"))
    talk.says(ModerationFlag("", "redacted"))
    assert talk.client.playback.state_of("m") is PLAYING
    talk.says(ModerationFlag("m", "redacted"))
    assert talk.client.playback.state_of("m") is INTERRUPTED
    assert talk.of(PlaybackComplete) == [PlaybackComplete("m", interrupted=True)]
    talk.says(chunk())  # It is not even told.
    assert late(talk) == [False]


def test_only_so_many_messages_are_remembered() -> None:
    talk = Talker()
    for number in range(MAX_HEARD + 1):
        talk.says(InterruptData(f"m{number}"))
    talk.says(chunk("m0"))
    talk.says(chunk("m2"))  # "m1" was the oldest when "m0" came back.
    assert late(talk) == [False, True]


# --- the user speaks ------------------------------------------------------------------------------


def speak(talk: Talker, text: str = "stop", final: bool = False) -> None:
    talk.says(SttResponse(text, final))


def test_the_users_voice_stops_the_character_once_and_after_the_grace() -> None:
    talk = Talker(auto_interrupt=True, auto_interrupt_grace=0.4)
    talk.says(chunk(audio=encode_pcm(SECOND * 3)))
    speak(talk)
    assert interrupts(talk) == []  # It may have heard itself.
    talk.advance(0.4)
    speak(talk, "  ")
    speak(talk, final=True)
    assert interrupts(talk) == []
    speak(talk)
    speak(talk, "stop it")
    assert interrupts(talk) == ["m"]
    assert talk.client.playback.state_of("m") is INTERRUPTED
    talk.says(chunk("n", audio=encode_pcm(SECOND * 3)))
    talk.advance(1.0)
    speak(talk)
    assert interrupts(talk) == ["m", "n"]


def test_the_grace_counts_from_what_the_player_says() -> None:
    talk = Talker(auto_interrupt=True, auto_interrupt_grace=0.4)
    talk.says(chunk(audio=encode_pcm(SECOND * 3)))
    talk.advance(1.0)
    play(talk)
    speak(talk)
    assert interrupts(talk) == []
    talk.advance(0.4)
    speak(talk)
    assert interrupts(talk) == ["m"]


def test_a_full_house_of_interrupts_is_not_the_servers_fault() -> None:
    talk = Talker(auto_interrupt=True, auto_interrupt_grace=0.0)
    talk.link.stalled.add(Role.CLIENT)
    talk.says(chunk(audio=encode_pcm(SECOND)))
    from estuary_proto.errors import SendBlocked

    with pytest.raises(SendBlocked):
        while True:
            talk.client.submit(Interrupt("other"), now=talk.now)
    speak(talk)
    assert talk.client.is_connected


@pytest.mark.parametrize(
    "settings",
    [{}, {"auto_interrupt": True, "suppress_mic_during_playback": True}],
)
def test_it_is_an_option_that_suppression_excludes(settings: dict[str, Any]) -> None:
    talk = Talker(auto_interrupt_grace=0.0, **settings)
    talk.says(chunk())
    speak(talk)
    assert interrupts(talk) == []


def test_nobody_gives_way_when_nothing_is_heard() -> None:
    talk = Talker(auto_interrupt=True, auto_interrupt_grace=0.0)
    speak(talk)
    talk.says(chunk())
    talk.advance(0.5)
    speak(talk)
    assert interrupts(talk) == []


def test_nobody_is_interrupted_behind_a_goodbye() -> None:
    talk = Talker(auto_interrupt=True, auto_interrupt_grace=0.0)
    talk.says(chunk())
    talk.link.stalled.add(Role.CLIENT)
    talk.client.disconnect(now=talk.now)
    speak(talk)
    talk.link.stalled.clear()
    talk.advance(1.0)
    assert interrupts(talk) == []


# --- the microphone is shut while the character speaks --------------------------------------------


def test_a_suppressed_microphone_opens_again_when_the_voice_is_over() -> None:
    talk = Talker(suppress_mic_during_playback=True)
    talk.start()
    talk.say()
    talk.says(chunk())
    assert talk.say() == 0
    talk.say(TENTH + b"\x01")  # An odd byte, whose other half comes when it is open again.
    assert (talk.heard, talk.dropped) == ("(a", [])
    talk.advance(0.5)
    talk.say(b"\x00\x02\x00")
    assert (talk.heard, talk.pcm[-2:]) == ("(aa", b"\x02\x00")
    assert [(reason, round(seconds, 3)) for reason, seconds in talk.dropped] == [
        ("suppressed", 0.2)
    ]
    talk.say()
    assert len(talk.dropped) == 1


def test_a_press_interrupts_and_is_heard_at_once() -> None:
    talk = Talker(suppress_mic_during_playback=True)
    talk.start(BUTTON)
    talk.says(chunk())
    talk.press()
    talk.say()
    assert talk.heard == "![a"
    assert talk.client.playback.state_of("m") is INTERRUPTED


# --- damaged audio --------------------------------------------------------------------------------


def test_audio_that_is_no_base64_is_told_as_an_error() -> None:
    talk = Talker()
    talk.says(chunk(audio="!not base64!", chunk_index=3))
    talk.says(chunk(audio=""))
    talk.says(AgentTurnVoice("a", "%%%", 1))
    talk.says(AgentTurnVoice("a", HALF, 2))
    told = [(fault.error.code, fault.error.message) for fault in talk.of(Fault)]
    assert told == [
        (
            ErrorCode.PROTOCOL_ERROR,
            "the voice of message 'm' is damaged: the audio of chunk 3 is not base64",
        ),
        (
            ErrorCode.PROTOCOL_ERROR,
            "the voice of agent 'a' is damaged: the audio of chunk 1 is not base64",
        ),
    ]
    assert [voice.pcm for voice in talk.of(BotVoice)] == [b"", b""]
    talk.client.submit(SendText("still here"), now=talk.now)


def test_of_a_voice_that_never_came_nobody_knows_the_end() -> None:
    assert Talker().client.playback.over_at("m") is None
