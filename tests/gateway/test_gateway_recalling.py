"""A session without a memory at hand asks for it, and tells what should be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from estuary_proto.events import Closed, Ready
from estuary_proto.gateway import (
    Character,
    Forgotten,
    Guest,
    Kept,
    Learned,
    Memory,
    Recall,
    Recalled,
    Registry,
    ServerConfig,
    Spoken,
)
from estuary_proto.gateway.credentials import digest_of
from estuary_proto.intents import SendText, StartAgentConversation
from estuary_proto.models import AuthError, EncounterMessage

if TYPE_CHECKING:
    from .conftest import Pair

from .conftest import Pair as make

CONFIG = ServerConfig(word_interval=0)
MEETING = StartAgentConversation("demo", "friend", max_turns=1)


def joined(**options: Any) -> Pair:
    """A session that has asked, and been told."""
    pair = make(CONFIG, recalls=True, **options)
    tell(pair)
    return pair


def tell(pair: Pair, memory: Memory | None = None, **known: Any) -> None:
    assert [type(each) for each in pair.commands()] == [Recall]
    pair.server.recalled(Recalled(memory or Memory(), **known), now=pair.now)
    pair.move()


def test_it_waits_for_what_is_known() -> None:
    pair = make(CONFIG, recalls=True)
    assert pair.of(Ready) == []
    memory = Memory()
    memory.learn("My name is Ada.")
    tell(pair, memory, conversation_id="talk")
    (ready,) = pair.of(Ready)
    assert ready.session.conversation_id == "talk"
    assert pair.say(SendText("What is my name?")) == "Your name is Ada."
    pair.server.recalled(Recalled(Memory()), now=pair.now)  # Nobody asked.
    assert len(pair.of(Ready)) == 1


def test_what_comes_too_late_is_for_nobody() -> None:
    pair = make(CONFIG, recalls=True)
    pair.server.close(now=pair.now)
    tell(pair)
    assert pair.of(Ready) == []
    pair = make(CONFIG, recalls=True)
    pair.server.receive_eof(now=pair.now)
    tell(pair)
    assert pair.server.info is None


def test_a_character_may_be_gone_by_then() -> None:
    registry = Registry(CONFIG, bytes)
    pair = make(CONFIG, recalls=True, registry=registry)
    del registry.cast["demo"]
    tell(pair)
    (closed,) = pair.of(Closed)
    assert closed.error is not None
    assert "Unknown character" in closed.error.message


def test_the_cast_may_grow() -> None:
    registry = Registry(CONFIG, bytes)
    registry.cast["nell"] = Character("Nell", "Ahoy!")
    auth = {"api_key": "est_dev", "character_id": "nell", "player_id": "p1"}
    pair = joined(registry=registry, auth=auth)
    assert pair.answer == "Ahoy!"


def test_what_is_kept() -> None:
    kept: list[Kept] = []
    pair = joined(keep=kept.append, wall=lambda: "now")
    first = pair.say(SendText("I like tea."))
    pair.say(SendText("Forget everything."))
    assert [type(each) for each in kept] == [
        Spoken, Learned, Spoken, Spoken, Forgotten, Spoken
    ]  # fmt: skip
    question, learned, answer = kept[:3]
    assert isinstance(question, Spoken)
    assert isinstance(learned, Learned)
    assert isinstance(answer, Spoken)
    assert (question.role, question.text, question.at) == ("user", "I like tea.", "now")
    assert (answer.role, answer.text) == ("assistant", first)
    assert (learned.memory.content, learned.memory.source_quote) == ("You like tea.", "I like tea.")
    pair.say(SendText("Forget everything."))
    assert sum(isinstance(each, Forgotten) for each in kept) == 1


def test_a_guests_session_ends_with_its_share() -> None:
    registry = Registry(CONFIG, bytes)
    registry.credentials.let_in(Guest(digest_of("sst_a"), "share", "demo", "guest"))
    auth = {"api_key": "sst_a", "character_id": "demo", "player_id": "guest"}
    pair = joined(registry=registry, auth=auth)
    assert not pair.server.revoke("other", now=pair.now)
    assert pair.server.revoke("share", now=pair.now)
    pair.move()
    assert [error.error for error in pair.of(AuthError)] == ["The share was revoked"]
    assert not pair.server.revoke("share", now=pair.now)


def test_an_encounter_is_for_who_is_there() -> None:
    early = make(CONFIG, recalls=True)
    early.server.encounter("e", MEETING, now=early.now)
    tell(early)
    early.advance(5)
    assert early.of(EncounterMessage) == []
    pair = joined()
    pair.server.encounter("e", MEETING, now=pair.now)
    pair.move()
    assert [message.speaker for message in pair.of(EncounterMessage)] == ["a"]
    pair.server.receive_eof(now=pair.now)
    pair.server.encounter("e", MEETING, now=pair.now)
    assert len(pair.of(EncounterMessage)) == 1
