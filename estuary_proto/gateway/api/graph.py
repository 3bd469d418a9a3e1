"""The graph of what a character knows of a player (seed 003; PROTOCOL 7.2).

In its middle is the player. Around it clusters, one for each type of memory, that contain the
memories; things and beings that memories name are entities, which the memories mention and the
player is related to.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from ...models.graph import GraphEdge, GraphNode, GraphStats, MemoryGraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...models.memory import MemoryData
    from ..memory import Fact

_LABELS: Final = {
    "fact": "Facts",
    "preference": "Preferences",
    "relationship": "Relationships",
    "event": "Events",
    "character_self": "About the character",
}


class _Link(NamedTuple):
    """What a fact says about an entity: its name, its type, and how the player relates to it."""

    name: str
    kind: str
    relation: str


_PLACES: Final = {"home": "lives", "origin": "comes from", "workplace": "works"}
_BEFORE: Final = re.compile(r"^(?:in|at|on|near|by|for|the|a|an)\s+", re.I)


def link_of(fact: Fact) -> _Link | None:
    """The entity that a fact is about, if there is one."""
    topic, _, rest = fact.key.partition(" ")
    if fact.key.startswith("name of "):
        return _Link(fact.value, "being", fact.key.removeprefix("name of "))
    if topic == "favourite":
        return _Link(fact.value, "thing", fact.key)
    if topic == "taste":
        liked = not fact.text.startswith("You dislike ")
        return _Link(rest, "thing", "likes" if liked else "dislikes")
    if fact.key in _PLACES:
        return _Link(_BEFORE.sub("", fact.value), "place", _PLACES[fact.key])
    return None


def graph(
    player_id: str, known: Sequence[tuple[MemoryData, Fact]], *, entities: bool = True
) -> MemoryGraph:
    """The graph of these memories, each with the fact that it came from."""
    user = f"user:{player_id}"
    name = next((fact.value for _, fact in known if fact.key == "name"), player_id)
    nodes = [GraphNode(user, "user", name, memory_count=len(known), level=0)]
    edges: list[GraphEdge] = []
    clusters: dict[str, list[MemoryData]] = {}
    for memory, _ in known:
        clusters.setdefault(memory.memory_type, []).append(memory)
    for kind, memories in clusters.items():
        nodes.append(_cluster(kind, memories))
        edges.append(GraphEdge(user, f"cluster:{kind}", "has_cluster"))
        for memory in memories:
            nodes.append(_memory(memory))
            edges.append(GraphEdge(f"cluster:{kind}", memory.id, "contains"))
    found = _entities(user, known, edges) if entities else []
    sizes = {_label(kind): len(memories) for kind, memories in clusters.items()}
    stats = GraphStats(len(known), len(found), len(clusters), sizes)
    return MemoryGraph([*nodes, *found], edges, stats)


def _label(kind: str) -> str:
    return _LABELS.get(kind, kind.replace("_", " ").capitalize())


def _cluster(kind: str, memories: Sequence[MemoryData]) -> GraphNode:
    return GraphNode(
        f"cluster:{kind}",
        "cluster",
        _label(kind),
        memory_count=len(memories),
        level=1,
        type_distribution={kind: len(memories)},
        expanded=True,
    )


def _memory(memory: MemoryData) -> GraphNode:
    return GraphNode(
        memory.id,
        "memory",
        memory.content[:80],
        content=memory.content,
        memory_type=memory.memory_type,
        confidence=memory.confidence,
        level=2,
        cluster_id=f"cluster:{memory.memory_type}",
        source_quote=memory.source_quote,
        source_conversation_id=memory.source_conversation_id,
        created_at=memory.created_at,
        access_count=memory.access_count,
        topic=memory.topic,
    )


def _entities(
    user: str, known: Sequence[tuple[MemoryData, Fact]], edges: list[GraphEdge]
) -> list[GraphNode]:
    named: dict[str, list[tuple[MemoryData, _Link]]] = {}
    for memory, fact in known:
        if (link := link_of(fact)) is not None:
            named.setdefault(link.name.casefold(), []).append((memory, link))
    nodes = []
    for key, mentions in named.items():
        node, first = f"entity:{key}", mentions[0][1]
        nodes.append(
            GraphNode(
                node,
                "entity",
                first.name,
                name=first.name,
                entity_type=first.kind,
                mention_count=len(mentions),
                level=3,
            )
        )
        for memory, link in mentions:
            edges.append(GraphEdge(memory.id, node, "mentions", confidence=memory.confidence))
            edges.append(GraphEdge(user, node, "relationship", link.relation, link.relation))
    return nodes
