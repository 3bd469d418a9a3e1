"""Players and what was said with them (seed 003; keys of PROTOCOL 7.2, camelCase)."""

from __future__ import annotations

from dataclasses import field
from typing import ClassVar

from estuary_proto.models.base import Model, model


@model
class PlayerConversation(Model):
    """The conversation of a player with a character. Times are ISO texts."""

    CAMEL: ClassVar[bool] = True

    id: str = ""
    character_id: str = ""
    player_id: str = ""
    message_count: int = 0
    last_activity: str | None = None
    created_at: str | None = None
    api_key_id: str | None = None
    last_memory_extraction_at: str | None = None


@model
class PlayerConversationList(Model):
    """A page of conversations; `total` counts all of them."""

    CAMEL: ClassVar[bool] = True

    conversations: list[PlayerConversation] = field(default_factory=list)
    total: int = 0
    limit: int = 50
    offset: int = 0
    sort_by: str = "last_activity"
    sort_order: str = "desc"


@model
class PlayerMessage(Model):
    """One message; `role` is user or assistant."""

    CAMEL: ClassVar[bool] = True

    id: int = 0
    conversation_id: str = ""
    role: str = ""
    content: str = ""
    timestamp: str | None = None
    image_url: str | None = None


@model
class Pagination(Model):
    """Where a page stands; pages count from 1, `total` counts items."""

    CAMEL: ClassVar[bool] = True

    page: int = 1
    limit: int = 100
    total: int = 0
    has_more: bool = False


@model
class PlayerMessageList(Model):
    """A page of messages."""

    CAMEL: ClassVar[bool] = True

    messages: list[PlayerMessage] = field(default_factory=list)
    pagination: Pagination = field(default_factory=Pagination)


@model
class PlayerStats(Model):
    """All players of a character, in figures."""

    CAMEL: ClassVar[bool] = True

    total_conversations: int = 0
    total_messages: int = 0
    first_activity: str | None = None
    last_activity: str | None = None
