"""Idle sessions, quotas, banned words and seats, in virtual time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from estuary_proto import intents
from estuary_proto.errors import ErrorCode, EstuaryError
from estuary_proto.events import Closed, Outcome
from estuary_proto.gateway import Registry, Script, ServerConfig, StopBrain
from estuary_proto.gateway.limits import Limits, Moderation
from estuary_proto.models.conversation import (
    BotResponse,
    BotVoice,
    CharacterAction,
    ResponseChunk,
    SttResponse,
)
from estuary_proto.models.memory import MemoryUpdatedEvent
from estuary_proto.models.session import (
    ErrorEvent,
    ModerationFlag,
    ModerationWarning,
    QuotaExceededData,
    SessionRejected,
    SessionTimeout,
)
from estuary_proto.models.voice import LiveKitReady, VoiceStarted, VoiceStopped, VoiceTimeout
from estuary_proto.policy import Cause
from estuary_proto.timers import Deadline, Timer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.gateway.conftest import Pair

    Join = Callable[..., Pair]


# --- idle sessions ----------------------------------------------------------------------------


def test_an_idle_session_is_ended(join: Join) -> None:
    pair = join(ServerConfig(session_idle=7.5))
    assert pair.server.deadline == Deadline(107.5, Timer.IDLE)
    pair.advance(7.4)
    assert pair.of(SessionTimeout) == []
    pair.advance(0.2)
    assert pair.of(SessionTimeout) == [SessionTimeout("inactivity", 7.5, 7.5)]
    assert pair.closed.cause is Cause.SESSION_TIMEOUT
    assert pair.server.closed is not None
    assert pair.server.deadline is None


@pytest.mark.parametrize(
    "message", [intents.UpdatePreferences(True), intents.SendText("hi"), intents.Interrupt(None)]
)
def test_whatever_a_client_says_keeps_its_session(join: Join, message: Any) -> None:
    pair = join(ServerConfig(session_idle=10, word_interval=0))
    for _ in range(5):
        pair.advance(8)
        pair.send(message)
    assert pair.of(Closed) == []
    pair.advance(10.1)
    assert pair.of(SessionTimeout)


def test_a_long_answer_keeps_the_session(join: Join) -> None:
    pair = join(ServerConfig(session_idle=2, word_interval=1))
    pair.send(intents.SendText("tell me a story"))
    pair.advance(20)
    assert len(pair.of(BotResponse)) > 15
    assert pair.of(Closed) == []


def test_an_open_microphone_is_not_activity(join: Join) -> None:
    pair = join(ServerConfig(session_idle=10))
    for _ in range(10):
        pair.client.send_audio(bytes(640), 0.02, live=True)
        pair.move()
        pair.advance(1)
    pair.advance(0.1)
    assert pair.of(SessionTimeout)


def test_without_a_limit_nobody_is_idle(join: Join) -> None:
    pair = join(ServerConfig(ping_interval=1000))
    assert pair.server.deadline is not None
    assert pair.server.deadline.timer is Timer.PING
    pair.advance(9000)
    assert pair.of(Closed) == []


def limits(**settings: Any) -> Limits:
    config = ServerConfig(**settings)
    words = Moderation(config.banned_words)
    return Limits(config, Registry(config, bytes), words, "p", now=0)


@pytest.mark.parametrize("opened", [VoiceStarted(), LiveKitReady("room")])
def test_idle_listening_is_ended_alone(opened: Any) -> None:
    one = limits(voice_idle=5)
    assert one.deadline is None
    assert one.passes(opened, now=10) is opened
    assert one.deadline == Deadline(15, Timer.IDLE)
    one.passes(SttResponse("he", False), now=12)
    # What the character says is not what the player says.
    one.passes(BotVoice("", "m"), now=14)
    assert one.overdue(now=16.9) is None
    assert one.overdue(now=17.25) == VoiceTimeout("voice_inactivity", 5.25, 5)
    assert one.overdue(now=30) is None
    assert one.deadline is None


@pytest.mark.parametrize("closing", [intents.StopVoice(), intents.LiveKitLeave()])
def test_who_stops_listening_is_not_idle(closing: Any) -> None:
    one = limits(voice_idle=5)
    one.passes(VoiceStarted(), now=10)
    one.heard(closing, now=11)
    assert one.deadline is None
    one.passes(SttResponse("late", True), now=12)
    assert one.deadline is None


def test_a_server_that_stops_listening_is_not_idle() -> None:
    one = limits(voice_idle=5)
    one.passes(VoiceStarted(), now=10)
    one.passes(VoiceStopped(), now=11)
    assert one.deadline is None


def test_a_session_that_stops_listening_goes_on(join: Join) -> None:
    script = Script.read([{"when": "connected", "do": {"emit": {"event": "voice_started"}}}])
    pair = join(ServerConfig(voice_idle=2, script=script))
    pair.advance(2.5)
    assert pair.of(VoiceTimeout) == [VoiceTimeout("voice_inactivity", 2, 2)]
    assert pair.of(Closed) == []


def test_both_kinds_of_idleness() -> None:
    one = limits(voice_idle=5, session_idle=8)
    one.passes(VoiceStarted(), now=10)
    assert one.deadline == Deadline(15, Timer.IDLE)
    assert isinstance(one.overdue(now=20), VoiceTimeout)
    assert isinstance(one.overdue(now=20), SessionTimeout)
    assert one.overdue(now=20) is None


def test_listening_without_a_limit() -> None:
    one = limits(session_idle=8)
    one.passes(VoiceStarted(), now=10)
    assert one.deadline == Deadline(18, Timer.IDLE)
    assert one.overdue(now=17) is None


# --- quota ------------------------------------------------------------------------------------


def test_the_first_over_the_quota_is_told_and_not_answered(join: Join) -> None:
    pair = join(ServerConfig(quota=2, word_interval=0))
    for text in ("hello", "how are you?"):
        assert pair.say(intents.SendText(text))
    before = len(pair.of(BotResponse))
    pair.send(intents.SendText("and now?"))
    pair.advance(5)
    assert pair.of(QuotaExceededData) == [
        QuotaExceededData("The quota is used up", 2, 2, 0, "local")
    ]
    assert len(pair.of(BotResponse)) == before
    assert pair.of(Closed) == []
    assert pair.say(intents.SayLine("The session lives.")) == "The session lives."


def test_a_quota_is_a_players_over_all_sessions(join: Join) -> None:
    config = ServerConfig(quota=1, max_players=2, word_interval=0)
    registry = Registry(config, bytes)

    def over(player: str) -> bool:
        auth = {"api_key": "est_dev", "character_id": "demo", "player_id": player}
        pair = join(config, registry=registry, auth=auth)
        pair.send(intents.SendCameraImage("aGk="))
        return bool(pair.of(QuotaExceededData))

    assert [over("a"), over("a"), over("b"), over("b")] == [False, True, False, True]
    # Two players are remembered: a third one makes the one of longest ago forgotten.
    assert [over("c"), over("b"), over("a")] == [False, True, False]


# --- moderation -------------------------------------------------------------------------------


def test_a_banned_word_warns_first_and_ends_then(join: Join) -> None:
    pair = join(ServerConfig(banned_words=("darn", "C++"), word_interval=0))
    pair.send(intents.SendText("Darn it"))
    assert [warning.level for warning in pair.of(ModerationWarning)] == ["warning"]
    assert pair.of(BotResponse) == []
    assert pair.say(intents.SendText("a darned fine day"))
    pair.send(intents.SendText("I write c++!"))
    assert [warning.level for warning in pair.of(ModerationWarning)] == ["warning", "terminated"]
    assert pair.closed.cause is Cause.MODERATION


def test_a_banned_word_is_no_message_of_the_quota(join: Join) -> None:
    pair = join(ServerConfig(banned_words=("darn",), quota=1, word_interval=0))
    pair.send(intents.SendText("darn"))
    assert pair.say(intents.SendText("hello"))
    assert pair.of(QuotaExceededData) == []


def test_a_banned_word_of_the_character_takes_the_answer_back(join: Join) -> None:
    pair = join(ServerConfig(banned_words=("secret",)), external=True)
    pair.send(intents.SendText("tell me"))
    for piece in ("It is ", "a secret", "ary's desk"):
        pair.server.brain_piece(0, piece, now=pair.now)
        pair.move()
    assert pair.of(ModerationFlag) == []
    pair.server.brain_piece(0, " with a secret", now=pair.now)
    pair.server.brain_piece(0, " in it", now=pair.now)
    pair.move()
    message_id = pair.of(BotResponse)[0].message_id
    assert pair.of(ModerationFlag) == [
        ModerationFlag(message_id, "redacted", ["banned_word"], "This message was taken back")
    ]
    assert StopBrain(0) in pair.commands()
    heard = len(pair.of(BotResponse))
    pair.server.brain_piece(0, "more", now=pair.now)
    pair.server.brain_done(0, now=pair.now)
    pair.move()
    assert len(pair.of(BotResponse)) == heard
    pair.send(intents.SendText("and now?"))
    pair.server.brain_piece(1, "Something else.", now=pair.now)
    pair.server.brain_done(1, now=pair.now)
    pair.move()
    assert pair.answer == "Something else."


def test_the_last_word_counts_when_it_is_the_last(join: Join) -> None:
    pair = join(ServerConfig(banned_words=("secret",), word_interval=0))
    pair.send(intents.SayLine("It is a secret"))
    pair.advance(1)
    assert pair.of(ModerationFlag)
    assert not any(response.is_final for response in pair.of(BotResponse))


def test_an_answer_at_once_is_taken_back_whole(join: Join) -> None:
    pair = join(ServerConfig(banned_words=("secret",), word_interval=0))
    pair.send(intents.SayLine("It is a secret that nobody knows"))
    pair.advance(1)
    assert len(pair.of(ModerationFlag)) == 1
    assert pair.answer == "It is a "
    assert pair.say(intents.SayLine("Next.")) == "Next."


def test_who_is_thrown_out_gets_no_acknowledgement(join: Join) -> None:
    pair = join(ServerConfig(banned_words=("darn",)))
    for _ in range(2):
        pair.send(intents.SendText("darn"), ack_within=5)
    assert [ack.outcome for ack in pair.acks] == [Outcome.OK, Outcome.LOST]


def test_what_belongs_to_an_answer_taken_back_is_kept_back() -> None:
    one = limits(banned_words=("secret",))
    flag = one.passes(ResponseChunk("a secret", True, message_id="m"), now=1)
    assert isinstance(flag, ModerationFlag)
    assert one.passes(ResponseChunk("a secret of", False, message_id="m"), now=1) is None
    assert one.passes(BotVoice("AAA=", "m"), now=1) is None
    assert one.passes(CharacterAction("wave", message_id="m"), now=1) is None
    other = BotVoice("AAA=", "n")
    assert one.passes(other, now=1) is other


def test_no_words_are_banned_by_themselves() -> None:
    assert not Moderation(()).holds("anything")


# --- seats ------------------------------------------------------------------------------------

SHARED = {"api_key": "sst_two", "character_id": "demo", "player_id": "p"}


def shared(**more: Any) -> tuple[ServerConfig, Registry]:
    config = ServerConfig(
        api_keys=("est_dev", "sst_one", "sst_two"), max_sessions_per_token=2, **more
    )
    return config, Registry(config, bytes)


def test_a_share_token_has_so_many_seats(join: Join) -> None:
    config, registry = shared()
    first, second = (join(config, registry=registry, auth=SHARED) for _ in range(2))
    assert first.ready
    assert second.ready
    third = join(config, registry=registry, auth=SHARED)
    assert third.of(SessionRejected) == [SessionRejected("concurrent_limit", 2, "share-2")]
    assert not third.ready
    assert third.closed.cause is Cause.SESSION_REJECTED
    assert "sst_two" not in repr(third.frames)
    # Another token and a key have seats of their own.
    assert join(config, registry=registry, auth={**SHARED, "api_key": "sst_one"}).ready
    assert join(config, registry=registry, auth={**SHARED, "api_key": "est_dev"}).ready
    first.client.close(now=first.now)
    first.move()
    assert join(config, registry=registry, auth=SHARED).ready
    assert join(config, registry=registry, auth=SHARED).of(SessionRejected)


def test_a_seat_is_refused_in_style_b_too(join: Join) -> None:
    config, registry = shared()
    kept = [join(config, registry=registry, auth=SHARED) for _ in range(2)]
    pair = join(config, registry=registry, auth=None)
    pair.send(intents.Authenticate("sst_two", "demo", "p"))
    assert pair.of(SessionRejected)
    assert all(one.ready for one in kept)
    assert pair.closed.cause is Cause.SESSION_REJECTED


def test_without_a_cap_there_is_always_a_seat() -> None:
    _, registry = shared()
    assert all(registry.take_seat("share-1", None) for _ in range(5))
    assert not registry.take_seat("share-1", 5)
    registry.leave_seat("share-1")
    assert registry.take_seat("share-1", 5)
    for _ in range(5):
        registry.leave_seat("share-1")
    assert registry.take_seat("share-1", 1)


# --- settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"session_idle": 0}, "session_idle: 0 is no time to wait; give seconds above 0"),
        ({"voice_idle": float("nan")}, "voice_idle: nan is no time to wait"),
        ({"quota": 0}, "quota: 0 leaves no room; give 1 or more"),
        ({"max_sessions_per_token": 0}, "max_sessions_per_token: 0 leaves no room"),
        ({"banned_words": "darn"}, "banned_words: they are no list of words"),
        ({"banned_words": ("",)}, "banned_words: they are no list of words"),
        ({"banned_words": ("x" * 101,)}, "banned_words: there is too much of it"),
        ({"banned_words": ("x",) * 1001}, "banned_words: there is too much of it"),
        ({"client_tokens": {"est_x": "p"}}, "client_tokens: a token begins otherwise; write ect_"),
        ({"client_tokens": {"ect_x": " "}}, "client_tokens: a player's id is missing"),
        ({"client_tokens": {"ect_x": "p" * 257}}, "client_tokens: a player's id is missing"),
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(EstuaryError) as caught:
        ServerConfig(**settings)
    assert caught.value.code is ErrorCode.CONFIG_INVALID
    assert caught.value.message.startswith(said)


# --- what the time of day is ------------------------------------------------------------------


def test_a_memory_event_carries_the_time_of_day(join: Join) -> None:
    auth = {"api_key": "est_dev", "character_id": "demo", "player_id": "p", "realtime_memory": True}
    pair = join(auth=auth, wall=lambda: "2026-03-01T12:00:00+00:00")
    pair.send(intents.SendText("my name is Ada"))
    (event,) = pair.of(MemoryUpdatedEvent)
    assert event.timestamp == "2026-03-01T12:00:00+00:00"
    assert event.new_memories[0].created_at == event.timestamp


def test_nothing_a_limited_session_hears_raises(join: Join) -> None:
    pair = join(ServerConfig(session_idle=5, voice_idle=5, quota=3, banned_words=("x",)))
    payloads: list[Any] = [None, {}, [], "x", {"text": None}, {"agent_a_id": 5, "max_turns": "x"}]
    for name in ("text", "camera_image", "start_agent_conversation", "renew_authentication"):
        for payload in payloads:
            pair.server.receive(f"42/sdk,{json.dumps([name, payload])}", now=pair.now)
    pair.move()
    pair.advance(20)
    assert pair.of(ErrorEvent)
    assert pair.of(Closed)
