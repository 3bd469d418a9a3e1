"""A gateway that is killed in the middle of writing has lost nothing that it acknowledged."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import pytest

from estuary_anyio import EstuaryClient, EstuaryConfig
from estuary_anyio.gateway.store.database import FILE
from estuary_proto.errors import EstuaryError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

pytestmark = [
    pytest.mark.anyio,
    # What matters here is the loop of the process that is killed.
    pytest.mark.parametrize("anyio_backend", ["asyncio"]),
    pytest.mark.parametrize("backend", ["asyncio", "trio"]),
    pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL"),
]


def config_of(url: str, player: str) -> EstuaryConfig:
    return EstuaryConfig(url, "est_dev", "demo", player, auto_reconnect=False)


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.PIPE)


@asynccontextmanager
async def house(
    data: Path, backend: str
) -> AsyncGenerator[tuple[str, subprocess.Popen[bytes]], None]:
    """`estuary gateway` as a process of its own, and where it listens."""
    command = [sys.executable, "-m", "estuary_anyio", "gateway", "--port", "0", "--data", str(data)]
    # How it hears and speaks takes time to load, and nothing is said aloud.
    command += ["--backend", backend, "--stt", "none", "--tts", "tone"]
    process = await anyio.to_thread.run_sync(_start, command)
    assert process.stdout is not None
    line = await anyio.to_thread.run_sync(process.stdout.readline)
    try:
        yield line.decode().rpartition(" ")[2].strip(), process
    finally:
        process.kill()
        await anyio.to_thread.run_sync(process.wait)
        process.stdout.close()


async def test_requests(tmp_path: Path, backend: str) -> None:
    acknowledged: set[str] = set()
    async with house(tmp_path, backend) as (url, process):

        async def write(who: int) -> None:
            async with EstuaryClient(config_of(url, "ada")) as client:
                for number in range(10_000):
                    content = f"writer {who} number {number}"
                    try:
                        await client.memory.create(content)
                    except EstuaryError:
                        return
                    acknowledged.add(content)
                    if len(acknowledged) == 60:
                        process.send_signal(signal.SIGKILL)

        async with anyio.create_task_group() as tasks:
            for who in range(4):
                tasks.start_soon(write, who)
    assert len(acknowledged) >= 60
    assert process.returncode == -signal.SIGKILL
    found = await _contents(tmp_path, backend)
    assert acknowledged <= found
    # At most what was under way: nobody heard of it, and it is whole.
    assert len(found - acknowledged) <= 4
    with sqlite3.connect(tmp_path / FILE) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


async def _contents(data: Path, backend: str) -> set[str]:
    async with house(data, backend) as (url, _), EstuaryClient(config_of(url, "ada")) as client:
        return {memory.content async for memory in client.memory.iter_memories(status="active")}


async def test_conversations(tmp_path: Path, backend: str) -> None:
    answered: list[str] = []
    async with house(tmp_path, backend) as (url, process):

        async def talk(player: str) -> None:
            async with EstuaryClient(config_of(url, player)) as client:
                await client.connect()
                for number in range(10_000):
                    thing = f"{player}{number}"
                    try:
                        await client.send_text_and_wait(f"Remember that {thing}.", text_only=True)
                    except EstuaryError:
                        return
                    answered.append(thing)
                    if len(answered) == 6:
                        process.send_signal(signal.SIGKILL)

        async with anyio.create_task_group() as tasks:
            for player in ("ada", "bea", "cleo"):
                tasks.start_soon(talk, player)
    assert process.returncode == -signal.SIGKILL
    async with house(tmp_path, backend) as (url, _):
        for player in ("ada", "bea", "cleo"):
            async with EstuaryClient(config_of(url, player)) as client:
                kept = {m.source_quote async for m in client.memory.iter_memories()}
                said = [m.content async for m in client.players.iter_messages(player)]
                for thing in filter(lambda each: each.startswith(player), answered):
                    text = f"Remember that {thing}."
                    assert text in kept
                    # The answer was heard to its end, so it is kept behind the question.
                    assert len(said) > said.index(text) + 1
