"""The database behind the gateway: its layout through versions, its file, its one thread."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
from typing import TYPE_CHECKING

import anyio
import pytest

from estuary_anyio.gateway import serve_gateway
from estuary_anyio.gateway.store import migrations
from estuary_anyio.gateway.store.database import FILE, Database
from estuary_proto.errors import ErrorCode, EstuaryError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


async def test_each_older_layout_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = migrations.MIGRATIONS
    for version in range(len(newest)):
        where = tmp_path / str(version)
        monkeypatch.setattr("estuary_anyio.gateway.store.database.MIGRATIONS", newest[:version])
        old = Database(where)
        await old.read(lambda db: None)
        await old.close()
        monkeypatch.setattr("estuary_anyio.gateway.store.database.MIGRATIONS", newest)
        new = Database(where)
        found = await new.read(lambda db: db.execute("PRAGMA user_version").fetchone()[0])
        tables = await new.read(
            lambda db: {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
        )
        await new.close()
        assert found == len(newest)
        assert {"memories", "messages", "shares", "guests", "files", "models"} <= tables


async def test_a_newer_layout_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(EstuaryError, match="newer version") as caught:
        async with serve_gateway(data=tmp_path):
            pass
    assert caught.value.code is ErrorCode.CONFIG_INVALID
    assert caught.value.details["field"] == "data"


async def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database" * 100)
    with pytest.raises(EstuaryError, match="data: the database cannot be used"):
        async with serve_gateway(data=tmp_path):
            pass
    with pytest.raises(EstuaryError, match="data: the database cannot be used"):
        async with serve_gateway(data=tmp_path / FILE):
            pass


@pytest.mark.skipif(sys.platform == "win32", reason="there are no modes")
async def test_the_file_is_its_owners_alone_and_safe(tmp_path: Path) -> None:
    database = Database(tmp_path / "deep" / "er")
    mode = await database.read(lambda db: db.execute("PRAGMA journal_mode").fetchone()[0])
    full = await database.read(lambda db: db.execute("PRAGMA synchronous").fetchone()[0])
    await database.close()
    assert (mode, full) == ("wal", 2)
    assert stat.S_IMODE(os.stat(tmp_path / "deep" / "er" / FILE).st_mode) == 0o600


async def test_a_job_that_raises_is_undone() -> None:
    database = Database()

    def spoil(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO motives VALUES ('c', 'p', 'm', 't')")
        raise KeyError

    with pytest.raises(KeyError):
        await database.write(spoil)
    count = await database.read(lambda db: db.execute("SELECT count(*) FROM motives").fetchone()[0])
    assert count == 0
    await database.close()
    await database.close()


async def test_jobs_go_one_by_one() -> None:
    database = Database()

    def add(db: sqlite3.Connection) -> int:
        (before,) = db.execute("SELECT count(*) FROM motives").fetchone()
        db.execute("INSERT INTO motives VALUES (?, 'p', 'm', 't')", (str(before),))
        return int(before)

    found: list[int] = []

    async def run() -> None:
        found.append(await database.write(add))

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(run)
    await database.close()
    assert sorted(found) == list(range(20))
