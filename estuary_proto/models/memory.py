"""What a character remembers of a player (seed 003; keys of PROTOCOL 7.2, camelCase)."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar

from estuary_proto.models.base import Model, model, wire


@model
class MemoryData(Model):
    """One memory. Times are ISO texts; confidence and importance run from 0 to 1.

    `status` is active, superseded, decayed or deleted; `memory_type` is fact, preference,
    relationship, event, emotional_state, correction, character_self, spatial_change, or one of the
    older episodic, semantic, emotional.
    """

    CAMEL: ClassVar[bool] = True

    id: str = wire(default="", aliases=("memoryId", "memory_id"))
    user_id: str = ""
    agent_id: str = ""
    player_id: str = ""
    content: str = ""
    memory_type: str = ""
    confidence: float = 1.0
    status: str = "active"
    source_conversation_id: str = ""
    source_quote: str = ""
    source: str = "text_chat"
    topic: str = ""
    secondary_topics: list[str] = field(default_factory=list)
    last_accessed_at: str | None = None
    access_count: int = 0
    extracted_at: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    importance: float | None = None
    memory_layer: str | None = None
    source_message_timestamp: str | None = None


@model
class MemoryUpdatedEvent(Model):
    """New memories were found in the conversation (seed 003). The memories are camelCase."""

    NAME: ClassVar[str] = "memory_updated"
    WIRE: ClassVar[str] = "memory_updated"

    agent_id: str = ""
    player_id: str = ""
    memories_extracted: int = 0
    facts_extracted: int = 0
    conversation_id: str = ""
    new_memories: list[MemoryData] = field(default_factory=list)
    timestamp: str = ""


@model
class MemoryListResponse(Model):
    """A page of memories; `total` counts all of them."""

    CAMEL: ClassVar[bool] = True

    memories: list[MemoryData] = field(default_factory=list)
    total: int = 0
    limit: int = 50
    offset: int = 0


@model
class CoreFact(Model):
    """A fact that stays, such as the player's name."""

    CAMEL: ClassVar[bool] = True

    id: str = ""
    user_id: str = ""
    agent_id: str = ""
    player_id: str = ""
    fact_key: str = ""
    fact_value: str = ""
    source_memory_id: str | None = None
    created_at: str | None = None
    updated_at: str | None = None


@model
class CoreFactsResponse(Model):
    """All facts that stay."""

    CAMEL: ClassVar[bool] = True

    core_facts: list[CoreFact] = field(default_factory=list)


@model
class MemorySearchResult(Model):
    """One find. `score` is the relevance, `similarity_score` the cosine similarity.

    The server's v1 answer is flat (`memoryId`, `similarity`, `content`), older ones hold the whole
    memory; both are read (PROTOCOL C10). In the flat one both scores are its `similarity`.
    """

    CAMEL: ClassVar[bool] = True

    memory: MemoryData = field(default_factory=MemoryData)
    score: float = wire(default=0.0, aliases=("similarity",))
    similarity_score: float = wire(default=0.0, aliases=("similarity", "score"))

    @staticmethod
    def _tidy(data: dict[str, Any]) -> dict[str, Any]:
        return data if isinstance(data.get("memory"), dict) else {**data, "memory": data}


@model
class MemorySearchResponse(Model):
    """What a search found, best first."""

    CAMEL: ClassVar[bool] = True

    results: list[MemorySearchResult] = field(default_factory=list)
    query: str = ""
    total: int = 0


@model
class TimelineEntry(Model):
    """The memories of one period; `date` is its label."""

    CAMEL: ClassVar[bool] = True

    date: str = ""
    memories: list[MemoryData] = field(default_factory=list)


@model
class MemoryTimeline(Model):
    """Memories by day, week or month (`group_by`)."""

    CAMEL: ClassVar[bool] = True

    timeline: list[TimelineEntry] = field(default_factory=list)
    total_memories: int = 0
    group_by: str = "day"


@model
class MemoryStats(Model):
    """How many memories there are, by status and by type."""

    CAMEL: ClassVar[bool] = True

    total_active: int = 0
    total_superseded: int = 0
    total_decayed: int = 0
    by_type: dict[str, int] = field(default_factory=dict)
    core_facts: int = 0


@model
class MemoryDeleteResponse(Model):
    """How many memories are gone."""

    CAMEL: ClassVar[bool] = True

    message: str = ""
    deleted_count: int = 0
