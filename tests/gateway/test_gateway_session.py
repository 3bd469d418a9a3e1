"""The mind of the gateway against a client's connection, in virtual time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from estuary_proto import intents
from estuary_proto.errors import EstuaryError
from estuary_proto.events import Closed, HangUp, Outcome, Ready
from estuary_proto.gateway import (
    AskBrain,
    Character,
    MemoryStore,
    ServerConfig,
    ServerSession,
    StopBrain,
)
from estuary_proto.gateway.speech import Speech
from estuary_proto.messages import UnknownEvent
from estuary_proto.models.conversation import BotResponse, InterruptData
from estuary_proto.models.memory import MemoryUpdatedEvent
from estuary_proto.models.session import AuthError, ErrorEvent
from estuary_proto.models.voice import LiveKitError
from estuary_proto.policy import Cause
from estuary_proto.timers import Deadline, Timer

AUTH = {"api_key": "est_dev", "character_id": "demo", "player_id": "p1"}
Join = Callable[..., Any]


def chunks_of(pair: Any) -> list[dict[str, Any]]:
    """The bot_response payloads as they were on the wire."""
    found = []
    for frame in pair.frames:
        if isinstance(frame, str) and frame.startswith("42/sdk,"):
            name, payload = json.loads(frame[len("42/sdk,") :])
            if name == "bot_response":
                found.append(payload)
    return found


# --- coming in ------------------------------------------------------------------------------


def test_style_a_is_admitted(join: Join) -> None:
    pair = join()
    assert pair.ready
    info = pair.of(Ready)[0].session
    assert (info.character_id, info.player_id) == ("demo", "p1")
    assert info == pair.server.info
    assert info.session_id
    assert info.session_id != info.conversation_id


def test_style_b_is_admitted(join: Join) -> None:
    pair = join(auth=None)
    assert not pair.ready
    pair.send(intents.Authenticate(api_key="est_dev", character_id="demo", player_id="p2"))
    assert pair.ready
    assert pair.server.info.player_id == "p2"
    assert pair.say(intents.SendText("hello"))


@pytest.mark.parametrize("field", ["client_token", "token"])
def test_other_credentials_open_too(join: Join, field: str) -> None:
    assert join(auth={field: "est_dev", "character_id": "demo", "player_id": "p"}).ready


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"api_key": "est_wrong"}, "Invalid API key"),
        ({"api_key": "ключ"}, "Invalid API key"),
        ({"character_id": "nobody"}, "Unknown character 'nobody': this gateway has demo"),
        ({"player_id": "  "}, "player_id must be"),
        ({"player_id": "x" * 257}, "player_id must be"),
    ],
)
def test_style_a_is_refused_with_the_reason(join: Join, change: dict[str, Any], said: str) -> None:
    pair = join(auth={**AUTH, **change})
    assert not pair.ready
    assert pair.closed.cause is Cause.AUTH
    assert said in pair.closed.error.message
    assert "est_wrong" not in pair.closed.error.message


def test_style_b_is_refused_and_thrown_out(join: Join) -> None:
    pair = join(auth=None)
    pair.send(intents.Authenticate(api_key="nope", character_id="demo", player_id="p"))
    assert pair.of(AuthError) == [AuthError("Invalid API key")]
    assert pair.closed.cause is Cause.AUTH
    assert pair.server.closed is not None


def test_style_b_without_credentials_is_refused(join: Join) -> None:
    pair = join(auth=None)
    pair.send(intents.Authenticate(character_id="demo", player_id="p"), ack_within=1)
    assert pair.of(AuthError) == [AuthError("No credentials: send api_key")]


def test_nobody_waits_for_ever_to_authenticate(join: Join) -> None:
    pair = join(ServerConfig(auth_timeout=3), auth=None)
    assert pair.server.deadline == Deadline(103.0, Timer.CONNECT)
    pair.advance(3.1)
    assert pair.server.closed is not None
    assert pair.server.closed.cause is Cause.TIMEOUT


def test_messages_before_the_session_are_ignored() -> None:
    server = ServerSession(ServerConfig(), memory=MemoryStore(), entropy=bytes)
    server.start(now=0)
    server.receive("40/sdk,", now=0)
    server.receive('42/sdk,["text",{"text":"hi"}]', now=0)
    server.brain_piece(0, "x", now=0)
    server.brain_done(0, now=0)
    server.brain_failed(0, "x", now=0)
    server.handle_timeout(now=0)
    assert server.next_command() is None
    assert not any("bot_response" in str(f) for f in iter(server.next_frame, None))
    assert server.closed is None


# --- answers --------------------------------------------------------------------------------


def test_an_answer_streams_in_pieces_at_the_pace_of_words(join: Join) -> None:
    pair = join(ServerConfig(word_interval=0.1))
    pair.send(intents.SendText("tell me a story"))
    assert len(pair.of(BotResponse)) == 1
    assert pair.server.deadline == Deadline(100.0 + 0.1, Timer.TURN)
    pair.advance(0.99)
    assert len(pair.of(BotResponse)) == 10
    pair.advance(60)
    chunks = chunks_of(pair)
    assert [chunk["chunk_index"] for chunk in chunks] == list(range(len(chunks)))
    assert [chunk["is_final"] for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    text = ""
    for chunk in chunks[:-1]:
        text += chunk["partial"]
        assert chunk["text"] == text
    assert (chunks[-1]["text"], chunks[-1]["partial"]) == (text, "")
    assert len({chunk["message_id"] for chunk in chunks}) == 1
    assert len(text.split()) >= 120
    assert pair.server.deadline.timer is Timer.PING


def test_without_pace_all_comes_at_once(join: Join) -> None:
    pair = join(ServerConfig(word_interval=0))
    pair.send(intents.SendText("tell me a story"))
    assert pair.of(BotResponse)[-1].is_final
    assert len(pair.of(BotResponse)) > 100


def test_it_remembers_within_and_across_sessions(join: Join) -> None:
    memory = MemoryStore()
    config = ServerConfig(word_interval=0)
    first = join(config, memory=memory)
    assert "Ada" in first.say(intents.SendText("my name is Ada"))
    assert first.say(intents.SendText("what is my name?")) == "Your name is Ada."
    again = join(config, memory=memory)
    assert again.say(intents.SendText("what is my name?")) == "Your name is Ada."
    other = join(config, memory=memory, auth={**AUTH, "player_id": "p2"})
    assert "Ada" not in other.say(intents.SendText("what is my name?"))


def test_the_same_seed_gives_the_same_talk(join: Join) -> None:
    def talk(seed: int) -> list[str]:
        pair = join(ServerConfig(seed=seed, word_interval=0))
        return [pair.say(intents.SendText(t)) for t in ("hi", "I went out", "a joke please")]

    assert talk(1) == talk(1)
    assert len({tuple(talk(seed)) for seed in range(6)}) > 1


def test_late_time_brings_no_burst(join: Join) -> None:
    pair = join(ServerConfig(word_interval=0.1))
    pair.send(intents.SendText("tell me a story"))
    pair.now += 5
    pair.server.handle_timeout(now=pair.now)
    pair.move()
    assert len(pair.of(BotResponse)) <= 4


def test_merging_makes_one_piece_of_what_waits() -> None:
    speech = Speech(0, "m", now=0)
    speech.merge()
    assert speech.due_at is None
    speech.add(["a", "", "b"])
    speech.merge()
    assert speech.size == 2
    assert speech.next_chunk(0).partial == "ab"
    assert speech.due_at is None
    speech.finish()
    assert speech.next_chunk(0).is_final


# --- interruptions --------------------------------------------------------------------------


def test_a_new_text_interrupts_the_answer(join: Join) -> None:
    pair = join(ServerConfig(word_interval=0.1))
    pair.send(intents.SendText("tell me a story"))
    pair.advance(1)
    first = pair.of(BotResponse)[-1].message_id
    pair.send(intents.SendText("hello"))
    assert pair.of(InterruptData) == [InterruptData(first, "new_message")]
    pair.advance(60)
    responses = pair.of(BotResponse)
    assert responses[-1].message_id != first
    assert responses[-1].is_final
    assert not any(r.is_final for r in responses if r.message_id == first)


@pytest.mark.parametrize("exact", [True, False])
def test_the_client_interrupts(join: Join, exact: bool) -> None:
    pair = join(ServerConfig(word_interval=0.1))
    pair.send(intents.SendText("tell me a story"))
    pair.advance(1)
    heard = len(pair.of(BotResponse))
    running = pair.of(BotResponse)[-1].message_id
    pair.send(intents.Interrupt(running if exact else None))
    assert pair.of(InterruptData) == [InterruptData(running, "client_interrupt")]
    pair.advance(10)
    assert len(pair.of(BotResponse)) == heard


def test_an_interrupt_of_something_else_stops_nothing(join: Join) -> None:
    pair = join(ServerConfig(word_interval=0.1))
    pair.send(intents.Interrupt(None))
    pair.send(intents.SendText("tell me a story"))
    pair.send(intents.Interrupt("another"))
    pair.advance(60)
    assert pair.of(InterruptData) == []
    assert pair.of(BotResponse)[-1].is_final


def test_say_line_speaks_exactly_the_line(join: Join) -> None:
    pair = join()
    pair.send(intents.SendText("tell me a story"))
    pair.advance(0.1)
    story = pair.of(BotResponse)[-1].message_id
    line = "  Three  spaces,\nand a new line. "
    assert pair.say(intents.SayLine(line)) == line
    assert pair.of(InterruptData) == [InterruptData(story, "say_line")]


def test_a_blank_line_does_nothing(join: Join) -> None:
    pair = join()
    pair.send(intents.SendText("tell me a story"))
    pair.send(intents.SayLine(" \n"))
    assert pair.of(InterruptData) == []


def test_a_greeting_is_spoken_unasked(join: Join) -> None:
    people = {"host": Character("Lea", greeting="Welcome in!")}
    pair = join(ServerConfig(characters=people), auth={**AUTH, "character_id": "host"})
    pair.advance(1)
    assert pair.answer == "Welcome in!"
    assert all(response.is_interjection for response in pair.of(BotResponse))


# --- limits ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [intents.SendText, intents.SayLine])
def test_too_long_a_text_is_refused_by_name(join: Join, kind: Any) -> None:
    pair = join(ServerConfig(max_text=10))
    pair.send(kind("x" * 11))
    assert pair.of(ErrorEvent) == [
        ErrorEvent("The text has 11 characters; 10 are the most", "text_too_long")
    ]
    assert pair.of(BotResponse) == []
    pair.send(kind("x" * 10))
    assert pair.of(BotResponse)


def test_half_a_character_does_no_harm(join: Join) -> None:
    pair = join(external=True)
    pair.server.receive(r'42/sdk,["text",{"text":"a\ud800b"}]', now=pair.now)
    (ask,) = pair.commands()
    assert ask.text == "a\ufffdb"
    pair.server.brain_piece(0, "c\udc00d", now=pair.now)
    pair.move()
    assert pair.answer == "c?d"


def test_what_could_not_be_sent_in_words_goes_as_one_piece(join: Join) -> None:
    pair = join(ServerConfig(max_text=30_000, word_interval=0))
    pair.reading = False
    line = "word " * 5000
    pair.send(intents.SayLine(line))
    assert pair.server.deadline.timer is not Timer.TURN
    pair.reading = True
    pair.move()
    pair.advance(1)
    assert pair.answer == line
    assert pair.of(BotResponse)[-1].is_final
    assert 100 < len(chunks_of(pair)) < 4000


def test_a_client_that_does_not_read_is_not_sent_more(join: Join) -> None:
    pair = join(ServerConfig(max_text=30_000, word_interval=0))
    pair.reading = False
    line = "word " * 5000
    for _ in range(3):
        pair.send(intents.SayLine(line))
    for _ in range(300):
        pair.send(intents.SayLine(line))
        if not pair.server.wants_read:
            break
    assert not pair.server.wants_read
    assert pair.server.deadline.timer is not Timer.TURN
    pair.reading = True
    pair.move()
    pair.advance(1)
    assert pair.server.wants_read
    assert pair.server.closed is None
    assert pair.answer == line
    assert pair.of(BotResponse)[-1].is_final


# --- other messages -------------------------------------------------------------------------


def test_what_is_not_supported_is_answered(join: Join) -> None:
    pair = join()
    for message in (
        intents.LiveKitTokenRequest(),
        intents.LiveKitJoin(),
        UnknownEvent("dance", ()),
    ):
        pair.send(message)
    answers = pair.events[1:]
    assert [type(answer) for answer in answers] == [LiveKitError, LiveKitError, ErrorEvent]
    assert answers[2].error == "not_supported"
    assert "'dance'" in answers[2].message


def test_what_needs_no_answer_gets_none(join: Join) -> None:
    pair = join()
    for message in (
        intents.UpdatePreferences(True),
        intents.AudioPlaybackComplete("m"),
        intents.StreamAudio("AAA="),
        intents.LiveKitLeave(),
        intents.LiveKitMute(True),
    ):
        pair.send(message)
    assert pair.events[1:] == []


def test_acks_come_after_handling(join: Join) -> None:
    pair = join(ServerConfig(word_interval=0))
    pair.send(intents.SendText("hello"), ack_within=5)
    assert [ack.outcome for ack in pair.acks] == [Outcome.OK]
    assert pair.of(BotResponse)[-1].is_final


@pytest.mark.parametrize(("token", "good"), [("est_dev", True), ("ect_other", False)])
def test_renewing_says_whether_it_worked(join: Join, token: str, good: bool) -> None:
    pair = join()
    pair.send(intents.RenewAuthentication(token), ack_within=5)
    assert pair.acks[0].args == ({"ok": good},)


def test_memory_updates_are_told_to_who_asked(join: Join) -> None:
    pair = join(auth={**AUTH, "realtime_memory": True})
    pair.send(intents.SendText("My name is Ada and I live in Paris"))
    pair.send(intents.SendText("My name is Ada"))
    (news,) = pair.of(MemoryUpdatedEvent)
    assert (news.agent_id, news.player_id, news.memories_extracted) == ("demo", "p1", 2)
    assert [m.content for m in news.new_memories] == ["Your name is Ada.", "You live in Paris."]
    assert len({m.id for m in news.new_memories}) == 2
    assert news.conversation_id == pair.server.info.conversation_id
    silent = join()
    silent.send(intents.SendText("My name is Ada"))
    assert silent.of(MemoryUpdatedEvent) == []


# --- external brains ------------------------------------------------------------------------


def test_an_external_brain_is_asked_and_heard(join: Join) -> None:
    pair = join(external=True)
    pair.send(intents.SendText("I live in Rome"))
    (ask,) = pair.commands()
    assert ask == AskBrain(
        0, "I live in Rome", pair.config.characters["demo"], (), ("You live in Rome.",)
    )
    pair.server.brain_piece(0, "A fine ", now=pair.now)
    pair.server.brain_piece(0, "town.", now=pair.now)
    pair.move()
    assert pair.answer == "A fine town."
    assert not pair.of(BotResponse)[-1].is_final
    pair.server.brain_done(0, now=pair.now)
    pair.move()
    assert pair.of(BotResponse)[-1].is_final
    pair.server.brain_piece(0, "late", now=pair.now)
    pair.server.brain_done(0, now=pair.now)
    pair.server.brain_failed(0, "late", now=pair.now)
    pair.send(intents.SendText("And now?"))
    (ask,) = pair.commands()
    assert ask.history == (("user", "I live in Rome"), ("assistant", "A fine town."))
    assert ask.turn == 1


def test_an_interrupt_stops_an_external_brain(join: Join) -> None:
    pair = join(external=True)
    pair.send(intents.SendText("hello"))
    pair.send(intents.Interrupt(None))
    assert pair.commands()[1:] == [StopBrain(0)]
    pair.server.brain_piece(0, "late", now=pair.now)
    pair.move()
    assert pair.of(BotResponse) == []
    assert len(pair.of(InterruptData)) == 1


def test_a_brain_that_fails_ends_its_turn(join: Join) -> None:
    pair = join(external=True)
    pair.send(intents.SendText("hello"))
    pair.server.brain_piece(0, "Well, ", now=pair.now)
    pair.server.brain_failed(0, "no model", now=pair.now)
    pair.move()
    message_id = pair.of(BotResponse)[-1].message_id
    assert pair.events[-2:] == [
        ErrorEvent("no model", "brain_failed"),
        InterruptData(message_id, "error"),
    ]


def test_a_brain_that_does_not_stop_is_stopped(join: Join) -> None:
    pair = join(ServerConfig(max_payload=100_000), external=True)
    pair.send(intents.SendText("hello"))
    pair.server.brain_piece(0, "x" * 4000, now=pair.now)
    pair.server.brain_piece(0, "x", now=pair.now)
    pair.move()
    assert pair.commands()[1:] == [StopBrain(0)]
    assert pair.of(BotResponse)[-1].is_final
    assert len(pair.answer) == 4000


# --- endings --------------------------------------------------------------------------------


def test_going_away_says_1001_and_stops_the_brain(join: Join) -> None:
    pair = join(external=True)
    pair.send(intents.SendText("hello"))
    pair.server.close(now=pair.now)
    pair.server.close(now=pair.now)
    assert pair.server.wants_write
    pair.move()
    assert pair.hang_up == HangUp(1001, "going away")
    assert pair.closed.cause is Cause.SERVER_RESTART
    assert pair.server.left
    assert pair.server.deadline is None
    assert pair.commands()[1:] == [StopBrain(0)]


def test_a_client_that_ignores_the_goodbye_is_given_up(join: Join) -> None:
    pair = join()
    pair.reading = False
    pair.server.close(now=pair.now)
    pair.server.receive('42/sdk,["text",{"text":"still there?"}]', now=pair.now)
    assert list(iter(pair.server.next_frame, None)) == [HangUp(1001, "going away")]
    pair.server.handle_timeout(now=pair.now + 1.9)
    assert pair.server.closed is None
    assert pair.server.deadline == Deadline(102.0, Timer.CLOSE)
    pair.server.handle_timeout(now=pair.now + 2)
    assert isinstance(pair.server.closed, Closed)
    assert not pair.server.left
    assert not pair.server.wants_write


def test_close_after_the_end_is_free(join: Join) -> None:
    pair = join()
    pair.client.close(now=pair.now)
    pair.move()
    assert pair.server.closed is not None
    pair.server.close(now=pair.now)
    assert pair.server.next_frame() is None


def test_a_silent_client_is_found_out(join: Join) -> None:
    pair = join(ServerConfig(ping_interval=5, ping_timeout=3))
    pair.server.handle_timeout(now=105.0)
    pair.server.handle_timeout(now=108.0)
    assert pair.server.closed is not None
    assert pair.server.closed.cause is Cause.HEARTBEAT


def test_a_heartbeat_keeps_it_alive(join: Join) -> None:
    pair = join(ServerConfig(ping_interval=5, ping_timeout=3))
    pair.advance(100)
    assert pair.server.closed is None
    assert pair.closed if pair.of(Closed) else True


# --- settings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("api_keys", ()),
        ("api_keys", (" ",)),
        ("characters", {}),
        ("characters", {"": Character("X")}),
        ("ping_interval", 0),
        ("auth_timeout", float("inf")),
        ("ping_timeout", float("nan")),
        ("word_interval", -1),
        ("word_interval", float("nan")),
        ("max_payload", 99_999),
        ("max_sessions", 0),
        ("max_history", 0),
    ],
)
def test_wrong_settings_name_their_field(field: str, value: Any) -> None:
    with pytest.raises(EstuaryError, match=field) as caught:
        ServerConfig(**{field: value})
    assert caught.value.details == {"field": field}


def test_keys_do_not_show() -> None:
    assert "est_secret" not in repr(ServerConfig(api_keys=("est_secret",)))
