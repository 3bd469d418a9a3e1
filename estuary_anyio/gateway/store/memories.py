"""Memories: what characters know of players (PROTOCOL 7.2).

A memory that was learnt in a conversation has a `fact_key`; a later one with the same key
supersedes it. Beyond a limit for each pair the oldest active ones decay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from estuary_proto.gateway import Fact
from estuary_proto.gateway.api.knowledge import is_core, matching, snake
from estuary_proto.gateway.api.refusal import not_found
from estuary_proto.models import (
    CoreFact,
    CoreFactsResponse,
    MemoryData,
    MemoryListResponse,
    MemoryStats,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

_PAIR: Final = "character_id = ? AND player_id = ?"
_ORDER: Final = {
    "created_at": "created_at",
    "confidence": "confidence",
    "last_accessed_at": "last_accessed_at",
}
Pair = tuple[str, str]


def add(db: sqlite3.Connection, memory: MemoryData, fact: Fact, at: str, most: int) -> None:
    """A new memory, told by `fact`; at most `most` stay active for its pair."""
    pair = (memory.agent_id, memory.player_id)
    db.execute(
        f"UPDATE memories SET status = 'superseded', updated_at = ?"
        f" WHERE {_PAIR} AND fact_key = ? AND status = 'active'",
        (at, *pair, fact.key),
    )
    db.execute(
        "INSERT INTO memories (id, character_id, player_id, content, memory_type, confidence,"
        " importance, status, topic, fact_key, fact_value, conversation_id, source, source_quote,"
        " created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'active', ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            memory.id, *pair, memory.content, memory.memory_type, memory.confidence,
            memory.importance, memory.topic, fact.key, fact.value, memory.source_conversation_id,
            memory.source, memory.source_quote, at, at,
        ),
    )  # fmt: skip
    db.execute(
        f"UPDATE memories SET status = 'decayed', updated_at = ? WHERE seq IN"
        f" (SELECT seq FROM memories WHERE {_PAIR} AND status = 'active'"
        f" ORDER BY seq DESC LIMIT -1 OFFSET ?)",
        (at, *pair, most),
    )


def facts(db: sqlite3.Connection, pair: Pair) -> list[Fact]:
    """What is active, oldest first, as the rules read it."""
    rows = db.execute(
        f"SELECT * FROM memories WHERE {_PAIR} AND status = 'active' ORDER BY seq", pair
    )
    return [fact_of(row) for row in rows]


def fact_of(row: sqlite3.Row) -> Fact:
    """A memory as a fact."""
    return Fact(row["fact_key"], row["fact_value"], row["content"], row["memory_type"])


def data_of(row: sqlite3.Row) -> MemoryData:
    """A memory as it is told."""
    return MemoryData(
        id=row["id"],
        agent_id=row["character_id"],
        player_id=row["player_id"],
        content=row["content"],
        memory_type=row["memory_type"],
        confidence=row["confidence"],
        status=row["status"],
        source_conversation_id=row["conversation_id"],
        source_quote=row["source_quote"],
        source=row["source"],
        topic=row["topic"],
        last_accessed_at=row["last_accessed_at"],
        access_count=row["access_count"],
        extracted_at=row["created_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        importance=row["importance"],
    )


def listing(db: sqlite3.Connection, pair: Pair, query: Mapping[str, Any]) -> MemoryListResponse:
    """A page of memories: those that are not deleted, unless they are asked for."""
    limit, offset = query.get("limit", 50), query.get("offset", 0)
    where, values = _PAIR, [*pair]
    if "status" in query:
        where += " AND status = ?"
        values.append(query["status"])
    else:
        where += " AND status <> 'deleted'"
    if "memoryType" in query:
        where += " AND memory_type = ?"
        values.append(query["memoryType"])
    (total,) = db.execute(f"SELECT count(*) FROM memories WHERE {where}", values).fetchone()
    by = _ORDER[query.get("sortBy", "created_at")]
    direction = "ASC" if query.get("sortOrder") == "asc" else "DESC"
    rows = db.execute(
        f"SELECT * FROM memories WHERE {where} ORDER BY {by} {direction}, seq {direction}"
        " LIMIT ? OFFSET ?",
        [*values, limit, offset],
    ).fetchall()
    return MemoryListResponse([data_of(row) for row in rows], total, limit, offset)


def row_of(db: sqlite3.Connection, pair: Pair, memory_id: str) -> sqlite3.Row:
    """One memory that is not deleted. Raises Refusal 404."""
    row: sqlite3.Row | None = db.execute(
        f"SELECT * FROM memories WHERE {_PAIR} AND id = ? AND status <> 'deleted'",
        (*pair, memory_id),
    ).fetchone()
    if row is None:
        raise not_found("Memory")
    return row


def change(
    db: sqlite3.Connection, pair: Pair, memory_id: str, body: Mapping[str, Any], at: str
) -> sqlite3.Row:
    """Change a memory; returns it. Raises Refusal 404."""
    row = row_of(db, pair, memory_id)
    content = body.get("content", row["content"])
    value = row["fact_value"] if content == row["content"] else content
    db.execute(
        "UPDATE memories SET content = ?, fact_value = ?, memory_type = ?, importance = ?,"
        " confidence = ?, topic = ?, updated_at = ? WHERE seq = ?",
        (
            content, value, body.get("memoryType", row["memory_type"]),
            body.get("importance", row["importance"]), body.get("confidence", row["confidence"]),
            body.get("topic", row["topic"]), at, row["seq"],
        ),
    )  # fmt: skip
    return row_of(db, pair, memory_id)


def delete(
    db: sqlite3.Connection, pair: Pair, memory_id: str, at: str, *, hard: bool
) -> sqlite3.Row:
    """Forget a memory, `hard` without a trace; returns it as it was. Raises Refusal 404."""
    row = row_of(db, pair, memory_id)
    if hard:
        db.execute("DELETE FROM memories WHERE seq = ?", (row["seq"],))
    else:
        db.execute(
            "UPDATE memories SET status = 'deleted', updated_at = ? WHERE seq = ?",
            (at, row["seq"]),
        )
    return row


def delete_all(db: sqlite3.Connection, pair: Pair) -> int:
    """Forget everything without a trace; returns how much was not deleted before."""
    (count,) = db.execute(
        f"SELECT count(*) FROM memories WHERE {_PAIR} AND status <> 'deleted'", pair
    ).fetchone()
    db.execute(f"DELETE FROM memories WHERE {_PAIR}", pair)
    return int(count)


def stats(db: sqlite3.Connection, pair: Pair) -> MemoryStats:
    """How many there are."""
    rows = db.execute(
        f"SELECT status, count(*) AS n FROM memories WHERE {_PAIR} GROUP BY status", pair
    ).fetchall()
    by_status = {row["status"]: row["n"] for row in rows}
    kinds = db.execute(
        f"SELECT memory_type, count(*) AS n FROM memories WHERE {_PAIR} AND status = 'active'"
        " GROUP BY memory_type ORDER BY n DESC, memory_type",
        pair,
    ).fetchall()
    return MemoryStats(
        total_active=by_status.get("active", 0),
        total_superseded=by_status.get("superseded", 0),
        total_decayed=by_status.get("decayed", 0),
        by_type={row["memory_type"]: row["n"] for row in kinds},
        core_facts=len(core_facts(db, pair).core_facts),
    )


def core_facts(db: sqlite3.Connection, pair: Pair) -> CoreFactsResponse:
    """The facts that stay: what was learnt of who the player is."""
    rows = db.execute(
        f"SELECT * FROM memories WHERE {_PAIR} AND status = 'active' ORDER BY seq", pair
    )
    found = [
        CoreFact(
            id=f"fact-{row['id']}",
            agent_id=row["character_id"],
            player_id=row["player_id"],
            fact_key=snake(row["fact_key"]),
            fact_value=row["fact_value"],
            source_memory_id=row["id"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
        )
        for row in rows
        if is_core(row["fact_key"])
    ]
    return CoreFactsResponse(found)


def between(
    db: sqlite3.Connection, pair: Pair, begin: str | None, end: str | None
) -> list[MemoryData]:
    """The active memories from `begin` up to before `end`, in the order of time."""
    rows = db.execute(
        f"SELECT * FROM memories WHERE {_PAIR} AND status = 'active' AND created_at >= ?"
        " AND created_at < ? ORDER BY created_at, seq",
        (*pair, begin or "", end or "~"),
    )
    return [data_of(row) for row in rows]


def known(
    db: sqlite3.Connection, pair: Pair, *, of_character: bool
) -> list[tuple[MemoryData, Fact]]:
    """The active memories with their facts; those that a character has of itself on demand."""
    rows = db.execute(
        f"SELECT * FROM memories WHERE {_PAIR} AND status = 'active'"
        " AND (memory_type <> 'character_self' OR ?) ORDER BY seq",
        (*pair, of_character),
    )
    return [(data_of(row), fact_of(row)) for row in rows]


def search(
    db: sqlite3.Connection, pair: Pair, text: str, most: int, at: str
) -> list[tuple[MemoryData, float]]:
    """The active memories that share words with `text`, best first, each with its relevance as a
    part of the best one's; they count as looked at."""
    wanted = matching(text)
    if not wanted:
        return []
    rows = db.execute(
        "SELECT memories.*, -bm25(memories_text, 1.0, 0.5) AS score FROM memories_text"
        " JOIN memories ON memories.seq = memories_text.rowid"
        f" WHERE memories_text MATCH ? AND {_PAIR} AND status = 'active'"
        " ORDER BY score DESC, seq DESC LIMIT ?",
        (wanted, *pair, most),
    ).fetchall()
    db.executemany(
        "UPDATE memories SET access_count = access_count + 1, last_accessed_at = ? WHERE seq = ?",
        [(at, row["seq"]) for row in rows],
    )
    return [(data_of(row), round(row["score"] / rows[0]["score"], 6)) for row in rows]
