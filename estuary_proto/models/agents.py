"""Two characters talking to each other (seed 003)."""

from __future__ import annotations

from dataclasses import field
from typing import ClassVar

from estuary_proto.models.base import Model, model, wire
from estuary_proto.models.pcm import Audible


@model
class AgentTurnText(Model):
    """A piece of what a character says in its turn."""

    NAME: ClassVar[str] = "agent_turn_text"
    WIRE: ClassVar[str] = "agent_turn_text"

    agent_id: str = ""
    text: str = ""
    chunk_index: int = 0
    turn_number: int = 0
    is_final: bool = False


@model
class AgentTurnVoice(Audible):
    """A piece of a character's voice in its turn; `pcm` is `audio` decoded."""

    NAME: ClassVar[str] = "agent_turn_voice"
    WIRE: ClassVar[str] = "agent_turn_voice"

    agent_id: str = ""
    audio: str = wire(default="", hidden=True)
    chunk_index: int = 0
    turn_number: int = 0
    is_final: bool = False
    pcm: bytes = field(default=b"", init=False, compare=False, repr=False)


@model
class AgentTurnComplete(Model):
    """A character has finished its turn; `text` is all of it."""

    NAME: ClassVar[str] = "agent_turn_complete"
    WIRE: ClassVar[str] = "agent_turn_complete"

    agent_id: str = ""
    text: str = ""
    turn_number: int = 0


@model
class AgentConversationComplete(Model):
    """The two have finished, and why."""

    NAME: ClassVar[str] = "agent_conversation_complete"
    WIRE: ClassVar[str] = "agent_conversation_complete"

    winner_agent_id: str = ""
    reason: str = ""
    total_turns: int = 0
