"""The database's layout, version by version: what was released is never changed, only added to."""

from __future__ import annotations

from typing import Final

_CONVERSATIONS: Final = """
CREATE TABLE characters (
    id TEXT PRIMARY KEY,
    fields TEXT NOT NULL,
    org_id TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);
CREATE TABLE conversations (
    id TEXT PRIMARY KEY,
    character_id TEXT NOT NULL,
    player_id TEXT NOT NULL,
    message_count INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    last_activity TEXT NOT NULL,
    last_extraction_at TEXT,
    UNIQUE (character_id, player_id)
);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    content TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE INDEX messages_in_order ON messages (conversation_id, id);
CREATE TABLE memories (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    character_id TEXT NOT NULL,
    player_id TEXT NOT NULL,
    content TEXT NOT NULL,
    memory_type TEXT NOT NULL,
    confidence REAL NOT NULL,
    importance REAL,
    status TEXT NOT NULL,
    topic TEXT NOT NULL,
    fact_key TEXT NOT NULL,
    fact_value TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    source TEXT NOT NULL,
    source_quote TEXT NOT NULL,
    access_count INTEGER NOT NULL DEFAULT 0,
    last_accessed_at TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);
CREATE INDEX memories_of_a_pair ON memories (character_id, player_id, status, seq);
CREATE INDEX memories_by_fact ON memories (character_id, player_id, fact_key);
CREATE VIRTUAL TABLE memories_text USING fts5 (
    content, topic, content = 'memories', content_rowid = 'seq',
    tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE TRIGGER memories_text_insert AFTER INSERT ON memories BEGIN
    INSERT INTO memories_text (rowid, content, topic)
    VALUES (new.seq, new.content, new.topic);
END;
CREATE TRIGGER memories_text_delete AFTER DELETE ON memories BEGIN
    INSERT INTO memories_text (memories_text, rowid, content, topic)
    VALUES ('delete', old.seq, old.content, old.topic);
END;
CREATE TRIGGER memories_text_update AFTER UPDATE OF content, topic ON memories BEGIN
    INSERT INTO memories_text (memories_text, rowid, content, topic)
    VALUES ('delete', old.seq, old.content, old.topic);
    INSERT INTO memories_text (rowid, content, topic)
    VALUES (new.seq, new.content, new.topic);
END;
CREATE TABLE motives (
    character_id TEXT NOT NULL,
    player_id TEXT NOT NULL,
    motive TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (character_id, player_id)
);
"""

_SHARES: Final = """
CREATE TABLE shares (
    id TEXT PRIMARY KEY,
    token TEXT NOT NULL UNIQUE,
    character_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    permanent INTEGER NOT NULL,
    memory_sharing TEXT NOT NULL,
    max_exchanges INTEGER,
    exchanges INTEGER NOT NULL DEFAULT 0,
    max_interactions INTEGER,
    expires_at TEXT,
    created_at TEXT NOT NULL
);
CREATE INDEX shares_of_a_character ON shares (character_id);
CREATE TABLE guests (
    token TEXT PRIMARY KEY,
    share_id TEXT NOT NULL REFERENCES shares (id) ON DELETE CASCADE,
    player_id TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE INDEX guests_of_a_share ON guests (share_id);
"""

_FILES: Final = """
CREATE TABLE files (
    id TEXT PRIMARY KEY,
    character_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    data BLOB NOT NULL,
    created_at TEXT NOT NULL,
    UNIQUE (character_id, kind)
);
CREATE TABLE models (
    character_id TEXT PRIMARY KEY,
    rigged INTEGER NOT NULL,
    started_at REAL NOT NULL
);
CREATE TABLE uploads (
    key_id TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    digest TEXT NOT NULL,
    character_id TEXT NOT NULL,
    PRIMARY KEY (key_id, idempotency_key)
);
"""

MIGRATIONS: Final = (_CONVERSATIONS, _SHARES, _FILES)
"""The n-th leads from version n to n + 1."""
