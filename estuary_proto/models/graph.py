"""The knowledge graph that memories form (seed 003; keys of PROTOCOL 7.2, camelCase)."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar

from estuary_proto.models.base import Model, model, wire


@model
class GraphNode(Model):
    """A node; `type` is user, cluster, memory or entity, and says which other fields hold a value.

    Confidence runs from 0 to 1, `level` counts from the graph's root, times are ISO texts.
    """

    CAMEL: ClassVar[bool] = True

    id: str = ""
    type: str = ""
    label: str | None = None
    content: str | None = None
    memory_type: str | None = None
    confidence: float | None = None
    name: str | None = None
    entity_type: str | None = None
    mention_count: int | None = None
    memory_count: int | None = None
    level: int | None = None
    type_distribution: dict[str, int] = field(default_factory=dict)
    expanded: bool | None = None
    parent_cluster_id: str | None = None
    child_cluster_ids: list[str] = field(default_factory=list)
    pending_label: bool = wire(default=False, aliases=("labelPending", "label_pending"))
    cluster_id: str | None = None
    source_quote: str | None = None
    source_conversation_id: str | None = None
    created_at: str | None = None
    access_count: int | None = None
    topic: str | None = None
    extra_data: dict[str, Any] = field(default_factory=dict)


@model
class GraphEdge(Model):
    """From `source` to `target`, both ids; `type` is has_cluster, contains, mentions or
    relationship."""

    CAMEL: ClassVar[bool] = True

    source: str = ""
    target: str = ""
    type: str = ""
    relationship_type: str | None = None
    label: str | None = None
    confidence: float | None = None


@model
class GraphStats(Model):
    """How large the graph is; `clusters` holds their sizes by label."""

    CAMEL: ClassVar[bool] = True

    total_memories: int = 0
    total_entities: int = 0
    cluster_count: int = 0
    clusters: dict[str, int] = field(default_factory=dict)


@model
class MemoryGraph(Model):
    """The whole graph; `stale` when it should be built anew."""

    CAMEL: ClassVar[bool] = True

    nodes: list[GraphNode] = field(default_factory=list)
    edges: list[GraphEdge] = field(default_factory=list)
    stats: GraphStats = field(default_factory=GraphStats)
    stale: bool = False
