"""Pictures and 3D models, uploads that may be repeated, and models that are being made."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import sqlite3


class File(NamedTuple):
    """A file as it is served."""

    mime_type: str
    data: bytes


class Job(NamedTuple):
    """A 3D model that was begun, in seconds since 1970."""

    rigged: bool
    started_at: float


def put(
    db: sqlite3.Connection, file_id: str, character_id: str, kind: str, file: File, at: str
) -> None:
    """Keep a file; the former one of this kind goes."""
    db.execute("DELETE FROM files WHERE character_id = ? AND kind = ?", (character_id, kind))
    db.execute(
        "INSERT INTO files VALUES (?, ?, ?, ?, ?, ?)",
        (file_id, character_id, kind, file.mime_type, file.data, at),
    )


def get(db: sqlite3.Connection, file_id: str) -> File | None:
    """A file by its id."""
    row = db.execute("SELECT mime_type, data FROM files WHERE id = ?", (file_id,)).fetchone()
    return None if row is None else File(row["mime_type"], row["data"])


def of(db: sqlite3.Connection, character_id: str, kind: str) -> tuple[str, File] | None:
    """The id and the file of this kind that a character has."""
    row = db.execute(
        "SELECT * FROM files WHERE character_id = ? AND kind = ?", (character_id, kind)
    ).fetchone()
    return None if row is None else (row["id"], File(row["mime_type"], row["data"]))


def id_of(db: sqlite3.Connection, character_id: str, kind: str) -> str | None:
    """The id of the file of this kind."""
    row = db.execute(
        "SELECT id FROM files WHERE character_id = ? AND kind = ?", (character_id, kind)
    ).fetchone()
    return None if row is None else str(row["id"])


def drop(db: sqlite3.Connection, character_id: str, *kinds: str) -> None:
    """Forget the files of these kinds."""
    for kind in kinds:
        db.execute("DELETE FROM files WHERE character_id = ? AND kind = ?", (character_id, kind))


def job(db: sqlite3.Connection, character_id: str) -> Job | None:
    """The 3D model that was begun last."""
    row = db.execute("SELECT * FROM models WHERE character_id = ?", (character_id,)).fetchone()
    return None if row is None else Job(bool(row["rigged"]), row["started_at"])


def begin(db: sqlite3.Connection, character_id: str, job: Job) -> None:
    """A 3D model is begun."""
    db.execute(
        "INSERT OR REPLACE INTO models VALUES (?, ?, ?)",
        (character_id, job.rigged, job.started_at),
    )


def uploaded(db: sqlite3.Connection, key_id: str, idempotency_key: str) -> tuple[str, str] | None:
    """What came of an upload with this key: its digest, and the character."""
    row = db.execute(
        "SELECT * FROM uploads WHERE key_id = ? AND idempotency_key = ?", (key_id, idempotency_key)
    ).fetchone()
    return None if row is None else (row["digest"], row["character_id"])


def note_upload(
    db: sqlite3.Connection, key_id: str, idempotency_key: str, digest: str, character_id: str
) -> None:
    """This upload made this character."""
    db.execute(
        "INSERT INTO uploads VALUES (?, ?, ?, ?)", (key_id, idempotency_key, digest, character_id)
    )
