"""Shares and their guests (PROTOCOL 7.2). Of a guest's token only the digest is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from estuary_proto.gateway.api.refusal import Refusal, not_found

if TYPE_CHECKING:
    import sqlite3


class Kept(NamedTuple):
    """A guest as it was kept, with what its share allows."""

    digest: str
    share_id: str
    character_id: str
    player_id: str
    expires_at: str | None
    max_interactions: int | None


def add(db: sqlite3.Connection, row: tuple[object, ...]) -> None:
    """A new one: id, token, character, key, permanent, memory sharing, exchanges at most,
    interactions at most, end, begin."""
    db.execute(
        "INSERT INTO shares (id, token, character_id, key_id, permanent, memory_sharing,"
        " max_exchanges, max_interactions, expires_at, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        row,
    )


def find(db: sqlite3.Connection, token: str, at: str, *, by_id: bool = False) -> sqlite3.Row:
    """A share that is not over, by its token or, where it may be, its id. Raises Refusal 404."""
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM shares WHERE (token = ? OR (? AND id = ?))"
        " AND (expires_at IS NULL OR expires_at > ?)",
        (token, by_id, token, at),
    ).fetchone()
    if row is None:
        raise not_found("Share")
    return row


def count_exchange(db: sqlite3.Connection, row: sqlite3.Row) -> None:
    """Somebody comes in by it. Raises Refusal 429 when as many have as may."""
    if row["max_exchanges"] is not None and row["exchanges"] >= row["max_exchanges"]:
        raise Refusal(429, "This share has been used as often as it may be")
    db.execute("UPDATE shares SET exchanges = exchanges + 1 WHERE id = ?", (row["id"],))


def let_in(db: sqlite3.Connection, digest: str, share_id: str, player_id: str, at: str) -> None:
    """A new session of a guest."""
    db.execute("INSERT INTO guests VALUES (?, ?, ?, ?)", (digest, share_id, player_id, at))


def is_known(db: sqlite3.Connection, share_id: str, player_id: str) -> bool:
    """Whether this guest has come in by this share before."""
    found = db.execute(
        "SELECT 1 FROM guests WHERE share_id = ? AND player_id = ?", (share_id, player_id)
    ).fetchone()
    return found is not None


def guests(db: sqlite3.Connection, at: str) -> list[Kept]:
    """All guests of shares that are not over."""
    rows = db.execute(
        "SELECT guests.token AS digest, share_id, character_id, player_id, expires_at,"
        " max_interactions FROM guests JOIN shares ON shares.id = share_id"
        " WHERE expires_at IS NULL OR expires_at > ?",
        (at,),
    )
    return [Kept(*row) for row in rows]


def of_character(db: sqlite3.Connection, character_id: str) -> list[sqlite3.Row]:
    """Its shares, the newest first."""
    return db.execute(
        "SELECT * FROM shares WHERE character_id = ? ORDER BY created_at DESC, rowid DESC",
        (character_id,),
    ).fetchall()


def of_key(db: sqlite3.Connection, key_id: str) -> list[str]:
    """The ids of the shares that were made with a key."""
    rows = db.execute("SELECT id FROM shares WHERE key_id = ?", (key_id,))
    return [row["id"] for row in rows]


def revoke(db: sqlite3.Connection, share_id: str) -> int:
    """End a share; returns how many sessions of guests it had. Raises Refusal 404."""
    (count,) = db.execute("SELECT count(*) FROM guests WHERE share_id = ?", (share_id,)).fetchone()
    if not db.execute("DELETE FROM shares WHERE id = ?", (share_id,)).rowcount:
        raise not_found("Share")
    return int(count)
