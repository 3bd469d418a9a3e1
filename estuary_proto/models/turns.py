"""One turn of conversation over HTTP (PROTOCOL 7.2, camelCase)."""

from __future__ import annotations

from dataclasses import field
from typing import ClassVar

from estuary_proto.models.base import Model, model
from estuary_proto.models.conversation import CharacterAction  # noqa: TC001 - read at run time


@model
class TurnResult(Model):
    """A turn that is complete: what the character says and does."""

    CAMEL: ClassVar[bool] = True

    text: str = ""
    message_id: str = ""
    session_id: str = ""
    conversation_id: str = ""
    character_id: str = ""
    player_id: str = ""
    actions: list[CharacterAction] = field(default_factory=list)


@model
class TurnText(Model):
    """The next piece of what the character says."""

    BARE: ClassVar[str] = "text"

    text: str = ""
