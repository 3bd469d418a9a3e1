"""The players of a character and their messages: `…/players` (PROTOCOL 7.2)."""

from __future__ import annotations

from typing import Any, Final

from estuary_proto.models.players import (
    PlayerConversation,
    PlayerConversationList,
    PlayerMessageList,
    PlayerStats,
)
from estuary_proto.rest.call import Call, Repeat, path_of, query_of, reads, reads_object
from estuary_proto.rest.checks import a_choice, a_count, a_text

SORT_BY: Final = ("last_activity", "created_at", "message_count", "player_id")
SORT_ORDER: Final = ("asc", "desc")
MOST: Final = 100
"""Conversations that a page may hold."""
_ROUTE: Final = "/api/v1/characters/{character_id}/players"


def list_players(
    character_id: str,
    *,
    limit: int = 50,
    offset: int = 0,
    sort_by: str = "last_activity",
    sort_order: str = "desc",
    player_search: str | None = None,
    min_messages: int | None = None,
) -> Call[PlayerConversationList]:
    """A page of conversations: `limit` 1 to 100."""
    query = query_of(
        limit=a_count("limit", limit, 1, MOST),
        offset=a_count("offset", offset, 0),
        sortBy=a_choice("sort_by", sort_by, SORT_BY),
        sortOrder=a_choice("sort_order", sort_order, SORT_ORDER),
        playerSearch=a_text("player_search", player_search),
        minMessages=a_count("min_messages", min_messages, 0),
    )
    path = path_of(_ROUTE, character_id=character_id)
    return Call("GET", _ROUTE, path, reads(PlayerConversationList), query, repeat=Repeat.SAFE)


def get_stats(character_id: str) -> Call[PlayerStats]:
    """All players in figures."""
    route = _ROUTE + "/stats"
    path = path_of(route, character_id=character_id)
    return Call("GET", route, path, reads(PlayerStats), repeat=Repeat.SAFE)


def get(character_id: str, player_id: str) -> Call[PlayerConversation]:
    """One player's conversation."""
    route = _ROUTE + "/{player_id}"
    path = path_of(route, character_id=character_id, player_id=player_id)
    return Call("GET", route, path, reads(PlayerConversation), repeat=Repeat.SAFE)


def get_messages(
    character_id: str, player_id: str, *, limit: int = 100, page: int = 1
) -> Call[PlayerMessageList]:
    """A page of messages; pages count from 1."""
    route = _ROUTE + "/{player_id}/messages"
    query = query_of(limit=a_count("limit", limit, 1), page=a_count("page", page, 1))
    path = path_of(route, character_id=character_id, player_id=player_id)
    return Call("GET", route, path, reads(PlayerMessageList), query, repeat=Repeat.SAFE)


def delete(character_id: str, player_id: str) -> Call[dict[str, Any]]:
    """Delete a player with all messages and memories."""
    route = _ROUTE + "/{player_id}"
    path = path_of(route, character_id=character_id, player_id=player_id)
    return Call("DELETE", route, path, reads_object("Player deleted"))
