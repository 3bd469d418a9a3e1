"""What a character remembers of a player: `…/players/{player_id}/memories` (PROTOCOL 7.2)."""

from __future__ import annotations

from typing import Any, Final

from estuary_proto.models.graph import MemoryGraph
from estuary_proto.models.memory import (
    CoreFactsResponse,
    MemoryData,
    MemoryDeleteResponse,
    MemoryListResponse,
    MemorySearchResponse,
    MemoryStats,
    MemoryTimeline,
)
from estuary_proto.rest.call import (
    JSON,
    Call,
    Repeat,
    an_answer,
    json_of,
    path_of,
    query_of,
    reads,
    reads_object,
)
from estuary_proto.rest.checks import (
    a_choice,
    a_count,
    a_number,
    a_switch,
    a_text,
    needed_text,
    wrong,
)

SORT_BY: Final = ("created_at", "confidence", "last_accessed_at")
SORT_ORDER: Final = ("asc", "desc")
GROUP_BY: Final = ("day", "week", "month")
MOST: Final = 200
"""Memories that a page may hold."""
_ROUTE: Final = "/api/v1/characters/{character_id}/players/{player_id}/memories"


def _path(character_id: str, player_id: str, rest: str = "", **parts: object) -> str:
    return path_of(_ROUTE + rest, character_id=character_id, player_id=player_id, **parts)


def get_memories(
    character_id: str,
    player_id: str,
    *,
    memory_type: str | None = None,
    status: str | None = None,
    limit: int = 50,
    offset: int = 0,
    sort_by: str | None = None,
    sort_order: str | None = None,
) -> Call[MemoryListResponse]:
    """A page of memories: `limit` 1 to 200. Not every server applies the order."""
    query = query_of(
        memoryType=a_text("memory_type", memory_type),
        status=a_text("status", status),
        limit=a_count("limit", limit, 1, MOST),
        offset=a_count("offset", offset, 0),
        sortBy=a_choice("sort_by", sort_by, SORT_BY),
        sortOrder=a_choice("sort_order", sort_order, SORT_ORDER),
    )
    path = _path(character_id, player_id)
    return Call("GET", _ROUTE, path, reads(MemoryListResponse), query, repeat=Repeat.SAFE)


def get_timeline(
    character_id: str,
    player_id: str,
    *,
    start_date: str | None = None,
    end_date: str | None = None,
    group_by: str | None = None,
) -> Call[MemoryTimeline]:
    """Memories by day, week or month. Dates are ISO texts, both included."""
    query = query_of(
        startDate=a_text("start_date", start_date),
        endDate=a_text("end_date", end_date),
        groupBy=a_choice("group_by", group_by, GROUP_BY),
    )
    path = _path(character_id, player_id, "/timeline")
    return Call("GET", _ROUTE + "/timeline", path, reads(MemoryTimeline), query, repeat=Repeat.SAFE)


def get_stats(character_id: str, player_id: str) -> Call[MemoryStats]:
    """How many memories there are."""
    path = _path(character_id, player_id, "/stats")
    return Call("GET", _ROUTE + "/stats", path, reads(MemoryStats), repeat=Repeat.SAFE)


def get_core_facts(character_id: str, player_id: str) -> Call[CoreFactsResponse]:
    """The facts that stay."""
    path = _path(character_id, player_id, "/core-facts")
    return Call("GET", _ROUTE + "/core-facts", path, reads(CoreFactsResponse), repeat=Repeat.SAFE)


def get_graph(
    character_id: str,
    player_id: str,
    *,
    include_entities: bool | None = None,
    include_character_memories: bool | None = None,
) -> Call[MemoryGraph]:
    """The whole knowledge graph."""
    query = query_of(
        includeEntities=a_switch("include_entities", include_entities),
        includeCharacterMemories=a_switch("include_character_memories", include_character_memories),
    )
    path = _path(character_id, player_id, "/graph")
    return Call("GET", _ROUTE + "/graph", path, reads(MemoryGraph), query, repeat=Repeat.SAFE)


def search(
    character_id: str, player_id: str, query: str, limit: int | None = None
) -> Call[MemorySearchResponse]:
    """The memories nearest in meaning: `limit` 1 to 50, the server's default is 10."""
    body = json_of({"query": needed_text("query", query), "limit": a_count("limit", limit, 1, 50)})
    return Call(
        "POST",
        _ROUTE + "/search",
        _path(character_id, player_id, "/search"),
        reads(MemorySearchResponse),
        body=body,
        content_type=JSON,
        repeat=Repeat.SAFE,
    )


def delete_all(
    character_id: str, player_id: str, confirm: bool = True
) -> Call[MemoryDeleteResponse]:
    """Forget everything. Raises LocalProtocolError unless `confirm` is True."""
    if confirm is not True:
        raise wrong("confirm", "all memories are deleted only with confirm=True")
    path = _path(character_id, player_id)
    return Call("DELETE", _ROUTE, path, _deleted, query_of(confirm=True))


def _deleted(data: Any) -> MemoryDeleteResponse:
    found = MemoryDeleteResponse.from_dict(an_answer(data))
    if found.message:
        return found
    return MemoryDeleteResponse(f"{found.deleted_count} memories deleted", found.deleted_count)


def create(
    character_id: str,
    player_id: str,
    content: str,
    *,
    memory_type: str | None = None,
    importance: float | None = None,
    confidence: float | None = None,
    topic: str | None = None,
    source_quote: str | None = None,
) -> Call[MemoryData]:
    """Let the character remember this. Importance and confidence run from 0 to 1.

    A guess in part: PROTOCOL 7.2 names content and memory_type and leaves the rest open, and no
    public source shows the answer, which is taken to be the memory.
    """
    body = _body(
        content=needed_text("content", content),
        memory_type=memory_type,
        importance=importance,
        confidence=confidence,
        topic=topic,
        source_quote=source_quote,
    )
    path = _path(character_id, player_id)
    return Call("POST", _ROUTE, path, reads(MemoryData), body=json_of(body), content_type=JSON)


def update(
    character_id: str,
    player_id: str,
    memory_id: str,
    *,
    content: str | None = None,
    memory_type: str | None = None,
    importance: float | None = None,
    confidence: float | None = None,
    topic: str | None = None,
) -> Call[MemoryData]:
    """Change a memory; what is not given stays."""
    if content is not None:
        needed_text("content", content)
    body = _body(
        content=content,
        memory_type=memory_type,
        importance=importance,
        confidence=confidence,
        topic=topic,
    )
    if all(value is None for value in body.values()):
        raise wrong("content", "nothing is given that should change")
    path = _path(character_id, player_id, "/{memory_id}", memory_id=memory_id)
    route = _ROUTE + "/{memory_id}"
    return Call("PATCH", route, path, reads(MemoryData), body=json_of(body), content_type=JSON)


def _body(
    *,
    content: str | None,
    memory_type: str | None,
    importance: float | None,
    confidence: float | None,
    topic: str | None,
    source_quote: str | None = None,
) -> dict[str, Any]:
    return {
        "content": a_text("content", content),
        "memoryType": a_text("memory_type", memory_type),
        "importance": a_number("importance", importance, 0, 1),
        "confidence": a_number("confidence", confidence, 0, 1),
        "topic": a_text("topic", topic),
        "sourceQuote": a_text("source_quote", source_quote),
    }


def delete(
    character_id: str, player_id: str, memory_id: str, *, hard: bool = False
) -> Call[dict[str, Any]]:
    """Forget one memory; `hard` leaves no trace of it."""
    query = query_of(hard=a_switch("hard", hard) or None)
    path = _path(character_id, player_id, "/{memory_id}", memory_id=memory_id)
    route = _ROUTE + "/{memory_id}"
    return Call("DELETE", route, path, reads_object("Memory deleted"), query)
