"""Players: their conversations and messages (PROTOCOL 7.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from estuary_proto.gateway.api.refusal import not_found
from estuary_proto.models import (
    Pagination,
    PlayerConversation,
    PlayerConversationList,
    PlayerMessage,
    PlayerMessageList,
    PlayerStats,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

_ORDER: Final = {
    "last_activity": "last_activity",
    "created_at": "created_at",
    "message_count": "message_count",
    "player_id": "player_id",
}


def ensure(db: sqlite3.Connection, character_id: str, player_id: str, new: str, at: str) -> str:
    """The id of this pair's conversation; `new` becomes it if there is none yet."""
    db.execute(
        "INSERT INTO conversations (id, character_id, player_id, created_at, last_activity)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT (character_id, player_id) DO NOTHING",
        (new, character_id, player_id, at, at),
    )
    row = db.execute(
        "SELECT id FROM conversations WHERE character_id = ? AND player_id = ?",
        (character_id, player_id),
    ).fetchone()
    return str(row["id"])


def add_message(
    db: sqlite3.Connection, conversation_id: str, role: str, text: str, at: str
) -> None:
    """Something was said."""
    db.execute(
        "INSERT INTO messages (conversation_id, role, content, at) VALUES (?, ?, ?, ?)",
        (conversation_id, role, text, at),
    )
    db.execute(
        "UPDATE conversations SET message_count = message_count + 1, last_activity = ?"
        " WHERE id = ?",
        (at, conversation_id),
    )


def last_messages(
    db: sqlite3.Connection, character_id: str, player_id: str, most: int
) -> tuple[tuple[str, str], ...]:
    """What was said last, oldest first, as (role, text)."""
    rows = db.execute(
        "SELECT role, content FROM messages JOIN conversations c ON c.id = conversation_id"
        " WHERE character_id = ? AND player_id = ? ORDER BY messages.id DESC LIMIT ?",
        (character_id, player_id, most),
    ).fetchall()
    return tuple((row["role"], row["content"]) for row in reversed(rows))


def listing(
    db: sqlite3.Connection, character_id: str, query: Mapping[str, Any]
) -> PlayerConversationList:
    """A page of conversations."""
    limit, offset = query.get("limit", 50), query.get("offset", 0)
    by, order = query.get("sortBy", "last_activity"), query.get("sortOrder", "desc")
    where, values = "character_id = ?", [character_id]
    if query.get("playerSearch"):
        where += " AND instr(lower(player_id), lower(?)) > 0"
        values.append(query["playerSearch"])
    if query.get("minMessages"):
        where += " AND message_count >= ?"
        values.append(query["minMessages"])
    (total,) = db.execute(f"SELECT count(*) FROM conversations WHERE {where}", values).fetchone()
    direction = "ASC" if order == "asc" else "DESC"
    rows = db.execute(
        f"SELECT * FROM conversations WHERE {where}"
        f" ORDER BY {_ORDER[by]} {direction}, rowid {direction} LIMIT ? OFFSET ?",
        [*values, limit, offset],
    ).fetchall()
    return PlayerConversationList([_conversation(r) for r in rows], total, limit, offset, by, order)


def get(db: sqlite3.Connection, character_id: str, player_id: str) -> PlayerConversation:
    """One conversation. Raises Refusal 404."""
    row = db.execute(
        "SELECT * FROM conversations WHERE character_id = ? AND player_id = ?",
        (character_id, player_id),
    ).fetchone()
    if row is None:
        raise not_found("Player")
    return _conversation(row)


def _conversation(row: sqlite3.Row) -> PlayerConversation:
    return PlayerConversation(
        id=row["id"],
        character_id=row["character_id"],
        player_id=row["player_id"],
        message_count=row["message_count"],
        last_activity=row["last_activity"],
        created_at=row["created_at"],
        last_memory_extraction_at=row["last_extraction_at"],
    )


def messages(
    db: sqlite3.Connection, character_id: str, player_id: str, query: Mapping[str, Any]
) -> PlayerMessageList:
    """A page of messages, oldest first. Raises Refusal 404."""
    conversation = get(db, character_id, player_id)
    limit, page = query.get("limit", 100), query.get("page", 1)
    rows = db.execute(
        "SELECT * FROM messages WHERE conversation_id = ? ORDER BY id LIMIT ? OFFSET ?",
        (conversation.id, limit, (page - 1) * limit),
    ).fetchall()
    total = conversation.message_count
    found = [
        PlayerMessage(row["id"], conversation.id, row["role"], row["content"], row["at"])
        for row in rows
    ]
    return PlayerMessageList(found, Pagination(page, limit, total, page * limit < total))


def stats(db: sqlite3.Connection, character_id: str) -> PlayerStats:
    """All players of a character in figures."""
    row = db.execute(
        "SELECT count(*) AS n, coalesce(sum(message_count), 0) AS m, min(created_at) AS first,"
        " max(last_activity) AS last FROM conversations WHERE character_id = ?",
        (character_id,),
    ).fetchone()
    return PlayerStats(row["n"], row["m"], row["first"], row["last"])


def delete(db: sqlite3.Connection, character_id: str, player_id: str) -> None:
    """Forget a player with everything. Raises Refusal 404 for one that is not known."""
    pair = (character_id, player_id)
    gone = 0
    for table in ("conversations", "memories", "motives"):
        done = db.execute(f"DELETE FROM {table} WHERE character_id = ? AND player_id = ?", pair)
        gone += done.rowcount
    if not gone:
        raise not_found("Player")
