"""Characters (PROTOCOL 7.2): kept as the models that they are told as."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from estuary_proto.gateway.api.refusal import not_found
from estuary_proto.models import Character, CharacterListResponse, Motive

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping


def put(db: sqlite3.Connection, character: Character, at: str) -> Character:
    """Keep a character, new or changed; returns it with its times."""
    db.execute(
        "INSERT INTO characters (id, fields, created_at, updated_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (id)"
        " DO UPDATE SET fields = excluded.fields, updated_at = excluded.updated_at",
        (character.id, json.dumps(character.to_dict()), at, at),
    )
    return get(db, character.id)


def add_missing(db: sqlite3.Connection, character: Character, at: str) -> None:
    """Keep a character of the configuration, unless it is there already."""
    db.execute(
        "INSERT INTO characters (id, fields, created_at, updated_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (id) DO NOTHING",
        (character.id, json.dumps(character.to_dict()), at, at),
    )


def get(db: sqlite3.Connection, character_id: str) -> Character:
    """One character. Raises Refusal 404."""
    row = db.execute("SELECT * FROM characters WHERE id = ?", (character_id,)).fetchone()
    if row is None:
        raise not_found("Character")
    return _character(row)


def _character(row: sqlite3.Row) -> Character:
    fields = json.loads(row["fields"])
    fields |= {"id": row["id"], "created_at": row["created_at"], "updated_at": row["updated_at"]}
    return Character.from_dict(fields)


def is_there(db: sqlite3.Connection, character_id: str) -> bool:
    """Whether there is such a character."""
    found = db.execute("SELECT 1 FROM characters WHERE id = ?", (character_id,)).fetchone()
    return found is not None


def need(db: sqlite3.Connection, character_id: str) -> None:
    """Raise Refusal 404 unless there is such a character."""
    if not is_there(db, character_id):
        raise not_found("Character")


def every(db: sqlite3.Connection) -> list[Character]:
    """All of them, oldest first."""
    rows = db.execute("SELECT * FROM characters ORDER BY rowid")
    return [_character(row) for row in rows]


def listing(db: sqlite3.Connection, query: Mapping[str, Any], org_id: str) -> CharacterListResponse:
    """A page of characters, oldest first: of this organisation, "" is of all."""
    limit, offset = query.get("limit", 20), query.get("offset", 0)
    where, values = ("WHERE org_id = ?", [org_id]) if org_id else ("", [])
    (total,) = db.execute(f"SELECT count(*) FROM characters {where}", values).fetchone()
    rows = db.execute(
        f"SELECT * FROM characters {where} ORDER BY rowid LIMIT ? OFFSET ?",
        [*values, limit, offset],
    ).fetchall()
    return CharacterListResponse([_character(row) for row in rows], total, limit, offset)


def delete(db: sqlite3.Connection, character_id: str) -> list[str]:
    """Delete a character with everything that belongs to it; returns its shares. Raises Refusal
    404."""
    need(db, character_id)
    rows = db.execute("SELECT id FROM shares WHERE character_id = ?", (character_id,)).fetchall()
    for table in ("conversations", "memories", "motives", "shares", "files", "models", "uploads"):
        db.execute(f"DELETE FROM {table} WHERE character_id = ?", (character_id,))
    db.execute("DELETE FROM characters WHERE id = ?", (character_id,))
    return [row["id"] for row in rows]


def transfer(db: sqlite3.Connection, character_id: str, org_id: str | None) -> None:
    """Give it to this organisation. Raises Refusal 404."""
    need(db, character_id)
    db.execute("UPDATE characters SET org_id = ? WHERE id = ?", (org_id, character_id))


def motive(db: sqlite3.Connection, character_id: str, player_id: str) -> Motive:
    """What drives it towards this player. Raises Refusal 404."""
    need(db, character_id)
    row = db.execute(
        "SELECT * FROM motives WHERE character_id = ? AND player_id = ?", (character_id, player_id)
    ).fetchone()
    if row is None:
        return Motive(None, character_id, player_id)
    return Motive(row["motive"], character_id, player_id, row["updated_at"])


def motive_text(db: sqlite3.Connection, character_id: str, player_id: str) -> str:
    """What drives it towards this player, "" for nothing in particular."""
    row = db.execute(
        "SELECT motive FROM motives WHERE character_id = ? AND player_id = ?",
        (character_id, player_id),
    ).fetchone()
    return str(row["motive"]) if row is not None else ""


def set_motive(
    db: sqlite3.Connection, character_id: str, player_id: str, text: str | None, at: str
) -> Motive:
    """Let this drive it; None is nothing in particular. Raises Refusal 404."""
    need(db, character_id)
    pair = (character_id, player_id)
    db.execute("DELETE FROM motives WHERE character_id = ? AND player_id = ?", pair)
    if text is not None:
        db.execute("INSERT INTO motives VALUES (?, ?, ?, ?)", (*pair, text, at))
    return motive(db, *pair)
