"""The gateway in a LiveKit room, in virtual time: who is let in, what is heard, who is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from estuary_proto.gateway import (
    CloseRoom,
    HushRoom,
    InRoom,
    Mint,
    OpenRoom,
    Outside,
    ServerConfig,
    Utter,
)
from estuary_proto.intents import (
    Interrupt,
    LiveKitJoin,
    LiveKitLeave,
    LiveKitMute,
    LiveKitTokenRequest,
    SayLine,
    SendText,
    StartVoice,
    StopVoice,
)
from estuary_proto.models.conversation import BotVoice, InterruptData, SttResponse
from estuary_proto.models.session import ModerationFlag
from estuary_proto.models.voice import (
    LiveKitError,
    LiveKitReady,
    LiveKitToken,
    VoiceStarted,
    VoiceStopped,
    VoiceTimeout,
)

from .sounds import silence, tone

Join = Callable[..., Any]
URL = "wss://rooms.test"
MIND = ServerConfig(hears=("hello there",), word_interval=0.0)
BUTTON = "push_to_talk"


def invited(join: Join, mode: str | None = None, config: ServerConfig = MIND) -> Any:
    pair = join(config, outside=Outside(rooms=URL))
    pair.send(LiveKitTokenRequest(mode))
    return pair


def rooms(pair: Any) -> list[Any]:
    return [command for command in pair.commands() if isinstance(command, InRoom)]


def inside(join: Join, mode: str | None = None, config: ServerConfig = MIND) -> tuple[Any, str]:
    pair = invited(join, mode, config)
    (opened, _) = rooms(pair)
    pair.send(LiveKitJoin(opened.room, mode))
    pair.server.room_entered(opened.room, now=pair.now)
    pair.move()
    return pair, opened.room


def say(pair: Any, room: str, pcm: bytes) -> None:
    for at in range(0, len(pcm), 640):
        pair.server.room_heard(room, pcm[at : at + 640], now=pair.now)
    pair.move()


# --- in ----------------------------------------------------------------------------------------


def test_a_session_says_that_there_are_rooms(join: Join) -> None:
    pair = invited(join)
    info = pair.server.info
    assert (info.livekit_url, info.livekit_token, info.livekit_room) == (URL, None, None)
    assert join(MIND).server.info.livekit_url is None


def test_a_request_opens_a_room_and_is_answered(join: Join) -> None:
    pair = invited(join)
    opened, mint = rooms(pair)
    assert opened == OpenRoom(f"{pair.server.session_id}-1", "p1", 16000, 16000)
    assert mint == Mint(opened.room, "p1")
    pair.server.room_token(opened.room, "jwt", now=pair.now)
    pair.server.room_token("another", "jwt", now=pair.now)
    pair.move()
    assert pair.of(LiveKitToken) == [LiveKitToken("jwt", URL, opened.room)]
    pair.send(LiveKitTokenRequest())
    assert rooms(pair) == [Mint(opened.room, "p1")]


@pytest.mark.parametrize("first", ["client", "character"])
def test_ready_when_both_are_there(join: Join, first: str) -> None:
    pair = invited(join)
    room = rooms(pair)[0].room
    for who in (first, "character" if first == "client" else "client"):
        assert pair.of(LiveKitReady) == []
        if who == "client":
            pair.send(LiveKitJoin(room))
        else:
            pair.server.room_entered("another", now=pair.now)
            pair.server.room_entered(room, now=pair.now)
            pair.move()
    pair.server.room_entered(room, now=pair.now)
    pair.move()
    assert pair.of(LiveKitReady) == [LiveKitReady(room)]
    assert pair.of(VoiceStarted) == []


def test_who_has_asked_for_no_room_is_told(join: Join) -> None:
    pair = join(MIND, outside=Outside(rooms=URL))
    pair.send(LiveKitJoin("somewhere"))
    (error,) = pair.of(LiveKitError)
    assert "livekit_token" in error.error


def test_a_room_that_cannot_be_used(join: Join) -> None:
    pair = invited(join)
    room = rooms(pair)[0].room
    pair.server.room_over("another", "what?", now=pair.now)
    pair.server.room_over(room, "no server", now=pair.now)
    pair.server.room_over(room, "no server", now=pair.now)
    pair.move()
    assert pair.of(LiveKitError) == [LiveKitError("no server")]
    pair.send(LiveKitTokenRequest())
    assert isinstance(rooms(pair)[0], OpenRoom)


# --- what is heard ------------------------------------------------------------------------------


def test_what_is_said_in_the_room_is_a_turn(join: Join) -> None:
    pair, room = inside(join)
    say(pair, room, silence(0.3) + tone(0.8) + silence(0.8))
    assert [e.text for e in pair.of(SttResponse) if e.is_final] == ["hello there"]
    pair.advance(5.0)
    said = [c for c in rooms(pair) if isinstance(c, Utter)]
    assert {c.room for c in said} == {room}
    assert [c.final for c in said] == [False] * (len(said) - 1) + [True]
    voices = pair.of(BotVoice)
    assert len(voices) == len(said)
    assert all(v.is_livekit and not v.pcm for v in voices)
    assert {v.message_id for v in voices} == {c.message_id for c in said}
    assert sum(len(c.pcm) for c in said) > 16000
    say(pair, "another", tone(1.0))
    assert pair.server.audio_ignored == 0


def test_nothing_is_heard_before_both_are_there(join: Join) -> None:
    pair = invited(join)
    say(pair, rooms(pair)[0].room, tone(1.0))
    assert pair.of(SttResponse) == []


def test_each_press_is_a_turn_and_waits_for_its_sound(join: Join) -> None:
    pair, room = inside(join, BUTTON)
    say(pair, room, tone(1.0))
    assert pair.server.audio_ignored == 50
    pair.send(StartVoice(BUTTON))
    assert pair.of(VoiceStarted) == [VoiceStarted()]
    say(pair, room, tone(0.8))
    pair.send(StopVoice(), ack_within=5.0)
    assert len(pair.acks) == 1
    assert pair.of(VoiceStopped) == []
    say(pair, room, tone(0.2))
    pair.advance(0.6)
    assert pair.of(VoiceStopped) == [VoiceStopped()]
    assert [e.text for e in pair.of(SttResponse) if e.is_final] == ["hello there"]
    pair.send(StopVoice())
    pair.send(StartVoice(BUTTON))
    assert len(pair.of(VoiceStopped)) == 2
    pair.send(StopVoice())
    pair.send(LiveKitLeave())
    pair.advance(1.0)
    assert len(pair.of(VoiceStopped)) == 2


def test_without_a_room_a_stop_is_at_once(join: Join) -> None:
    pair = join(MIND, outside=Outside(rooms=URL))
    pair.send(StartVoice())
    pair.send(StopVoice())
    assert pair.of(VoiceStopped) == [VoiceStopped()]


# --- what is said -------------------------------------------------------------------------------


def test_an_interruption_is_heard_of_in_the_room(join: Join) -> None:
    pair, room = inside(join)
    pair.send(SendText("tell me a story"))
    assert any(isinstance(command, Utter) for command in rooms(pair))
    pair.send(Interrupt())
    assert pair.of(InterruptData)
    assert HushRoom(room) in rooms(pair)
    pair.send(LiveKitMute(True))
    assert pair.of(LiveKitError) == []


def test_what_is_taken_back_is_hushed(join: Join) -> None:
    config = ServerConfig(word_interval=0.01, banned_words=("rude",))
    pair, room = inside(join, config=config)
    pair.send(SayLine("One two three four five six seven, how rude of you!"))
    pair.advance(5.0)
    assert len(pair.of(ModerationFlag)) == 1
    assert HushRoom(room) in rooms(pair)


# --- out ----------------------------------------------------------------------------------------


def test_leaving_closes_the_room(join: Join) -> None:
    pair, room = inside(join)
    pair.send(LiveKitLeave())
    assert rooms(pair) == [CloseRoom(room)]
    pair.send(LiveKitLeave())
    assert rooms(pair) == []
    say(pair, room, tone(1.0))
    assert pair.of(SttResponse) == []


def test_who_asks_again_has_lost_the_room(join: Join) -> None:
    pair, room = inside(join)
    pair.send(LiveKitTokenRequest())
    closed, opened, mint = rooms(pair)
    assert closed == CloseRoom(room)
    assert opened.room == mint.room != room


def test_silence_closes_the_room(join: Join) -> None:
    config = ServerConfig(hears=("hello",), voice_idle=30.0)
    pair, room = inside(join, config=config)
    pair.advance(31.0)
    assert len(pair.of(VoiceTimeout)) == 1
    assert CloseRoom(room) in rooms(pair)


@pytest.mark.parametrize("told", [None, "no server"])
def test_a_room_that_is_gone_is_not_idle(join: Join, told: str | None) -> None:
    """And its silence does not close the next one, on which nobody has waited so long."""
    config = ServerConfig(hears=("hello",), voice_idle=30.0)
    pair, room = inside(join, config=config)
    pair.advance(25.0)
    pair.server.room_over(room, told, now=pair.now)
    pair.send(LiveKitTokenRequest())
    (opened, _) = (one for one in rooms(pair) if isinstance(one, (OpenRoom, Mint)))
    pair.advance(10.0)
    assert pair.of(VoiceTimeout) == []
    pair.send(LiveKitJoin(opened.room))
    pair.server.room_entered(opened.room, now=pair.now)
    pair.advance(25.0)
    assert CloseRoom(opened.room) not in rooms(pair)
    pair.advance(10.0)
    assert len(pair.of(VoiceTimeout)) == 1


def test_the_end_of_a_session_closes_the_room(join: Join) -> None:
    pair, room = inside(join)
    pair.server.receive_eof(now=pair.now)
    assert CloseRoom(room) in rooms(pair)


def test_words_of_rooms_before_there_is_a_session(join: Join) -> None:
    pair = join(MIND, auth=None, outside=Outside(rooms=URL))
    pair.server.room_token("r", "jwt", now=pair.now)
    pair.server.room_entered("r", now=pair.now)
    pair.server.room_heard("r", b"", now=pair.now)
    pair.server.room_over("r", None, now=pair.now)
    assert pair.commands() == []


def test_a_room_that_ends_by_itself_is_no_error(join: Join) -> None:
    pair, room = inside(join)
    pair.server.room_over(room, None, now=pair.now)
    pair.move()
    assert pair.of(LiveKitError) == []
    say(pair, room, tone(1.0))
    assert pair.of(SttResponse) == []
