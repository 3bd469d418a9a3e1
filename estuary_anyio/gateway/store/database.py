"""SQLite behind one door: a connection, a thread at a time, a transaction a job.

`read` and `write` come back when the transaction has ended. What `write` has returned from is on
the disk: WAL with synchronous=FULL, so neither a killed process nor a lost power takes it back.
"""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING, Final, TypeVar

import anyio

from estuary_proto.config import invalid

from .migrations import MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Job = Callable[[sqlite3.Connection], "T"]

T = TypeVar("T")

FILE: Final = "gateway.sqlite3"
_BUSY: Final = 5.0
"""Seconds to wait for another process that writes to the same file."""


class Database:
    """Opened on first use; `directory` None keeps everything in memory."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._connection: sqlite3.Connection | None = None
        # One token: jobs go one by one, in the order in which they were asked for.
        self._turn: anyio.CapacityLimiter | None = None

    async def read(self, job: Job[T]) -> T:
        """Run `job` in a transaction that sees one moment."""
        return await self._run(lambda: self._in_transaction(job, "BEGIN"))

    async def write(self, job: Job[T]) -> T:
        """Run `job` in a transaction of its own; it is kept when this returns, and undone when
        `job` raises."""
        return await self._run(lambda: self._in_transaction(job, "BEGIN IMMEDIATE"))

    async def close(self) -> None:
        """Close the file. Spurious calls are free; the next use opens it again."""
        with anyio.CancelScope(shield=True):
            await self._run(self._close)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._turn is None:
            self._turn = anyio.CapacityLimiter(1)
        return await anyio.to_thread.run_sync(work, limiter=self._turn)

    # --- in the thread -------------------------------------------------------------------------

    def _in_transaction(self, job: Job[T], begin: str) -> T:
        if self._connection is None:
            self._connection = _open(self._directory)
        connection = self._connection
        connection.execute(begin)
        try:
            made = job(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return made

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def version_of(db: sqlite3.Connection) -> int:
    """A number that is another one when another process has written."""
    (version,) = db.execute("PRAGMA data_version").fetchone()
    return int(version)


def _open(directory: Path | None) -> sqlite3.Connection:
    """The database, in the newest layout. Raises EstuaryError CONFIG_INVALID."""
    where = ":memory:"
    try:
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
            path = directory / FILE
            # What players said is nobody else's: the file is made for its owner alone.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            where = str(path)
        connection = sqlite3.connect(
            where, timeout=_BUSY, isolation_level=None, check_same_thread=False
        )
    except (OSError, sqlite3.Error) as error:
        raise _unusable(str(error)) from error
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        _migrate(connection)
    except sqlite3.Error as error:
        connection.close()
        raise _unusable(str(error)) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > len(MIGRATIONS):
            raise _unusable(f"it was written by a newer version (layout {version})")
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            for statement in _statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _statements(script: str) -> list[str]:
    """One by one: `executescript` would end the transaction."""
    found, part = [], ""
    for line in script.splitlines(keepends=True):
        part += line
        if sqlite3.complete_statement(part):
            found.append(part)
            part = ""
    return found


def _unusable(problem: str) -> Exception:
    return invalid("data", f"the database cannot be used: {problem}", "give another directory")
