"""Two characters that talk to each other, in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from estuary_proto import intents
from estuary_proto.events import Closed
from estuary_proto.gateway import Character, ServerConfig
from estuary_proto.gateway.agents import MAX_TURNS
from estuary_proto.models.agents import (
    AgentConversationComplete,
    AgentTurnComplete,
    AgentTurnText,
    AgentTurnVoice,
)
from estuary_proto.models.conversation import BotResponse
from estuary_proto.models.session import ErrorEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.gateway.conftest import Pair

    Join = Callable[..., Pair]


def mind(**settings: Any) -> ServerConfig:
    """Without voices, which take their time."""
    return ServerConfig(**{"voice": "never", **settings})


def start(**change: Any) -> intents.StartAgentConversation:
    return intents.StartAgentConversation(
        **{"agent_a_id": "demo", "agent_b_id": "friend", **change}
    )


def completes(pair: Pair) -> list[AgentTurnComplete]:
    return pair.of(AgentTurnComplete)


def test_two_characters_take_turns(join: Join) -> None:
    pair = join(mind(word_interval=0.01))
    pair.send(start(max_turns=4, conversation_context="the tides."))
    pair.advance(60)
    turns = completes(pair)
    assert [(turn.turn_number, turn.agent_id) for turn in turns] == [
        (1, "demo"), (2, "friend"), (3, "demo"), (4, "friend"),
    ]  # fmt: skip
    assert turns[0].text == (
        "Hello Tern! Let's talk about this: the tides. What comes to your mind?"
    )
    for turn in turns:
        chunks = [each for each in pair.of(AgentTurnText) if each.turn_number == turn.turn_number]
        assert "".join(each.text for each in chunks) == turn.text
        assert [each.chunk_index for each in chunks] == list(range(len(chunks)))
        assert [each.is_final for each in chunks] == [False] * (len(chunks) - 1) + [True]
        assert {each.agent_id for each in chunks} == {turn.agent_id}
    words: dict[str, int] = {}
    for turn in turns:
        words[turn.agent_id] = words.get(turn.agent_id, 0) + len(turn.text.split())
    winner = max(("demo", "friend"), key=lambda agent: words[agent])
    assert pair.of(AgentConversationComplete) == [AgentConversationComplete(winner, "max_turns", 4)]
    assert isinstance(pair.events[-1], AgentConversationComplete)
    assert pair.of(BotResponse) == []


def test_it_is_the_same_each_time(join: Join) -> None:
    said = []
    for seed in (1, 1, 2):
        pair = join(mind(seed=seed, word_interval=0))
        pair.send(start())
        pair.advance(1)
        said.append([turn.text for turn in completes(pair)])
        assert len(said[-1]) == 8
    assert said[0] == said[1]
    assert said[0] != said[2]


def test_they_remember_what_the_other_said(join: Join) -> None:
    pair = join(mind(word_interval=0))
    pair.send(start(conversation_context="the sea. I love green tea", max_turns=4))
    pair.advance(1)
    assert completes(pair)[3].text.startswith(
        "That reminds me of something you told me: You like green tea."
    )


def test_a_pause_between_turns(join: Join) -> None:
    pair = join(mind(word_interval=0.1))
    pair.send(start())
    words = len("Hello Tern! What have you been thinking about?".split())
    pair.advance(words * 0.1 + 1.85)
    assert len(completes(pair)) == 1
    assert {each.turn_number for each in pair.of(AgentTurnText)} == {1}
    pair.advance(0.2)
    assert {each.turn_number for each in pair.of(AgentTurnText)} == {1, 2}


@pytest.mark.parametrize("seconds", [2.0, 0.05])
def test_time_runs_out(join: Join, seconds: float) -> None:
    pair = join(mind(word_interval=0.1))
    pair.send(start(timeout_seconds=seconds))
    pair.advance(seconds - 0.01)
    assert pair.of(AgentConversationComplete) == []
    pair.advance(0.02)
    (complete,) = pair.of(AgentConversationComplete)
    assert (complete.reason, complete.total_turns) == ("timeout", 1)
    pair.advance(60)
    assert len(pair.of(AgentConversationComplete)) == 1


def test_it_can_be_stopped(join: Join) -> None:
    pair = join(mind())
    pair.send(intents.StopAgentConversation())
    assert pair.of(AgentConversationComplete) == []
    pair.send(start())
    pair.advance(0.1)
    pair.send(intents.StopAgentConversation())
    (complete,) = pair.of(AgentConversationComplete)
    assert complete.reason == "stopped"
    heard = len(pair.events)
    pair.send(intents.StopAgentConversation())
    pair.advance(10)
    assert len(pair.events) == heard


def test_another_one_stops_the_one_before(join: Join) -> None:
    pair = join(mind())
    pair.send(start())
    pair.send(start(agent_a_id="friend", agent_b_id="demo", max_turns=1))
    pair.advance(60)
    assert [each.reason for each in pair.of(AgentConversationComplete)] == ["stopped", "max_turns"]
    assert completes(pair)[-1].agent_id == "friend"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"agent_a_id": "nobody"}, "unknown_agent"),
        ({"agent_b_id": ""}, "unknown_agent"),
        ({"agent_b_id": "demo"}, "same_agent"),
        ({"max_turns": 0}, "invalid_limits"),
        ({"timeout_seconds": 0.0}, "invalid_limits"),
    ],
)
def test_a_conversation_that_cannot_be(join: Join, change: dict[str, Any], code: str) -> None:
    pair = join(mind())
    pair.send(start(**change))
    (error,) = pair.of(ErrorEvent)
    assert error.error == code
    pair.advance(5)
    assert pair.of(AgentTurnText) == []


def test_it_is_bounded(join: Join) -> None:
    pair = join(mind(word_interval=0))
    pair.send(start(max_turns=10**9, timeout_seconds=1e18))
    pair.advance(1)
    (complete,) = pair.of(AgentConversationComplete)
    assert complete.total_turns == MAX_TURNS


def test_a_client_that_does_not_read_is_waited_for(join: Join) -> None:
    pair = join(mind(word_interval=0.1))
    pair.reading = False
    many = 5000
    for _ in range(many):
        pair.send(intents.Interrupt("nothing"))
    pair.send(start())
    pair.reading = True
    pair.move()
    pair.advance(60)
    assert pair.of(AgentConversationComplete)


def test_the_player_may_talk_meanwhile_and_leave(join: Join) -> None:
    pair = join(mind(word_interval=0.01))
    pair.send(start(max_turns=50))
    pair.send(intents.SendText("hello"))
    pair.advance(2)
    assert pair.of(BotResponse)[-1].is_final
    assert pair.of(AgentConversationComplete) == []
    pair.client.close(now=pair.now)
    pair.move()
    assert pair.of(Closed)
    assert pair.server.deadline is None


def test_they_tell_nothing_to_the_players_memory(join: Join) -> None:
    people = {"a": Character("My Name Is Bob"), "b": Character("Zoe")}
    auth = {"api_key": "est_dev", "character_id": "b", "player_id": "p"}
    pair = join(mind(characters=people, word_interval=0), auth=auth)
    pair.send(start(agent_a_id="a", agent_b_id="b", conversation_context="My name is Eve"))
    pair.advance(1)
    assert (
        "haven't told me your name" in pair.say(intents.SendText("What is my name?"))
        or "don't know your name" in pair.answer
    )


# --- aloud ------------------------------------------------------------------------------------


def test_each_turn_has_a_voice(join: Join) -> None:
    auth = {"api_key": "est_dev", "character_id": "demo", "player_id": "p"}
    pair = join(ServerConfig(), auth={**auth, "audio_sample_rate": 24000})
    pair.send(start(max_turns=3))
    begins: dict[int, float] = {}
    while not pair.of(AgentConversationComplete):
        pair.advance(0.05)
        for each in pair.of(AgentTurnText):
            begins.setdefault(each.turn_number, pair.now)
    ends = pair.now
    for turn in completes(pair):
        chunks = [each for each in pair.of(AgentTurnVoice) if each.turn_number == turn.turn_number]
        assert {each.agent_id for each in chunks} == {turn.agent_id}
        assert [each.chunk_index for each in chunks] == list(range(len(chunks)))
        assert [each.is_final for each in chunks] == [False] * (len(chunks) - 1) + [True]
        pcm = b"".join(each.pcm for each in chunks)
        assert len(pcm) > 48000
        # The next one waits until this one has been heard.
        until = begins.get(turn.turn_number + 1, ends)
        assert until - begins[turn.turn_number] >= len(pcm) / 48000 - 0.1
    assert pair.of(AgentConversationComplete)[0].reason == "max_turns"


@pytest.mark.parametrize("policy", [{"voice": "never"}, {}])
def test_nobody_hears_a_voice_without_a_speaker(join: Join, policy: dict[str, Any]) -> None:
    auth: dict[str, Any] = {"api_key": "est_dev", "character_id": "demo", "player_id": "p"}
    if not policy:
        auth["capabilities"] = {"version": "1", "speaker": False}
    pair = join(ServerConfig(**policy), auth=auth)
    pair.send(start(max_turns=2))
    pair.advance(60)
    assert pair.of(AgentTurnVoice) == []
    assert pair.of(AgentConversationComplete)


def test_time_runs_out_in_the_middle_of_a_word(join: Join) -> None:
    pair = join(ServerConfig())
    pair.send(start(timeout_seconds=1.0))
    pair.advance(5)
    (complete,) = pair.of(AgentConversationComplete)
    assert complete.reason == "timeout"
    assert isinstance(pair.events[-1], AgentConversationComplete)
