"""One directory and two gateways, and one without room: nothing is lost that was acknowledged."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio
import pytest

from estuary_anyio import EstuaryClient, EstuaryConfig, EstuaryError, RestError, RetryConfig
from estuary_anyio.gateway import Gateway, serve_gateway
from estuary_proto.gateway import ServerConfig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

QUICK = ServerConfig(word_interval=0)


def config_of(gateway: Gateway, player: str, character: str = "demo") -> EstuaryConfig:
    return EstuaryConfig(gateway.url, "est_dev", character, player)


async def test_two_gateways_write_at_once(tmp_path: Path) -> None:
    async def write(gateway: Gateway, player: str) -> None:
        async with EstuaryClient(config_of(gateway, player)) as client:
            await client.connect()
            for number in range(8):
                await client.memory.create(f"{gateway.url} {number}")
                await client.send_text_and_wait(f"Remember {number}.", text_only=True)

    async with (
        serve_gateway(server=QUICK, data=tmp_path) as one,
        serve_gateway(server=QUICK, data=tmp_path) as two,
    ):
        async with anyio.create_task_group() as tasks:
            for gateway in (one, two):
                tasks.start_soon(write, gateway, "ada")
        for gateway in (one, two):
            async with EstuaryClient(config_of(gateway, "ada")) as client:
                made = [memory.content async for memory in client.memory.iter_memories()]
                for writer in (one, two):
                    assert {f"{writer.url} {number}" for number in range(8)} <= set(made)
                (player,) = (await client.players.list()).conversations
                assert player.message_count == 32


async def test_a_character_that_another_gateway_made(tmp_path: Path) -> None:
    async with (
        serve_gateway(server=QUICK, data=tmp_path) as one,
        serve_gateway(server=QUICK, data=tmp_path) as two,
    ):
        async with EstuaryClient(config_of(one, "ada")) as client:
            made = await client.characters.create("Zoe")
            async with EstuaryClient(config_of(two, "ada", made.id)) as other:
                await other.connect()
                said = await other.send_text_and_wait("Who are you?", text_only=True)
                assert "Zoe" in said.text
            await client.characters.update(made.id, name="Bea")
            async with EstuaryClient(config_of(two, "ada", made.id)) as other:
                await other.connect()
                said = await other.send_text_and_wait("Who are you?", text_only=True)
                assert "Bea" in said.text
            await client.characters.delete(made.id)
        with pytest.raises(EstuaryError, match="Unknown character"):
            async with EstuaryClient(config_of(two, "ada", made.id)) as other:
                await other.connect()


ROOM = 400_000
"""Bytes that a file may have for a gateway without room."""
CRAMPED = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({ROOM}, {ROOM}))
from estuary_anyio.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@contextmanager
def cramped(data: Path) -> Iterator[subprocess.Popen[str]]:
    arguments = ["gateway", "--port", "0", "--data", str(data), "--stt", "none", "--tts", "tone"]
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", CRAMPED, *arguments]
    # Coverage would write its own file, for which there is no room either.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=plain) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="files are limited by a call of Unix")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_disk_without_room(tmp_path: Path) -> None:
    with cramped(tmp_path) as process:
        assert process.stdout is not None
        line = await anyio.to_thread.run_sync(process.stdout.readline)
        config = EstuaryConfig(
            line.split()[-1], "est_dev", "demo", "ada", auto_reconnect=False, retry=RetryConfig(0)
        )
        kept = 0
        async with EstuaryClient(config) as client:
            with pytest.raises(RestError) as caught:
                while kept < 1000:
                    await client.memory.create("x" * 4000)
                    kept += 1
            assert caught.value.status == 503
            assert kept > 0
            # What is there can be read; nobody is answered whose words cannot be kept.
            assert (await client.memory.get_memories()).total == kept
            with pytest.raises(EstuaryError):
                await client.connect()
                await client.send_text_and_wait("My name is Ada.")
        process.terminate()
        _, complaints = await anyio.to_thread.run_sync(process.communicate)
        assert process.returncode == 1
        assert "Traceback" not in complaints
        assert "estuary: what was said last could not be kept: " in complaints.splitlines()[-1]
    async with serve_gateway(data=tmp_path) as gateway:
        async with EstuaryClient(config_of(gateway, "ada")) as client:
            assert (await client.memory.get_memories()).total == kept
            # What was said and not kept was not answered either.
            assert all(
                player.message_count == 0 for player in (await client.players.list()).conversations
            )
