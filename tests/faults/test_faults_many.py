"""A thousand connections, a million tiny frames: what they leave, and what they make one hold."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from estuary_anyio import BotResponse, EstuaryClient
from estuary_anyio.gateway import serve_gateway
from estuary_proto import Connection, Open, Role
from tests.anyio.server import GONE, serving
from tests.proto.wire import frame

from .census import Census, census, held
from .test_faults_clients import upgrade, works

if TYPE_CHECKING:
    from tests.anyio.server import Server

pytestmark = pytest.mark.anyio

CYCLES = 1000
AT_ONCE = 10
MIB = 1024


async def cycles(server: Server, many: int) -> None:
    """So many clients come, say a word and go, some at a time."""

    async def some() -> None:
        for _ in range(many // AT_ONCE):
            async with EstuaryClient(server.config()) as client:
                await client.connect()
                await client.send_text("hello")

    async with anyio.create_task_group() as tasks:
        for _ in range(AT_ONCE):
            tasks.start_soon(some)
    for peer in server.peers:
        await peer.left()
    server.peers.clear()
    await anyio.wait_all_tasks_blocked()


async def test_a_thousand_connections_leave_nothing() -> None:
    async with serving() as server:
        await cycles(server, AT_ONCE * 5)
        before = census()
        await cycles(server, CYCLES)
        after = census()
    left = after.beyond(before, CYCLES)
    assert left == {}
    # Some KiB are the heap's own: a connection that leaked would be 40 of them.
    assert after.held.in_use - before.held.in_use < MIB


async def test_a_client_that_is_kept_is_seen() -> None:
    """That the census can fail: what is left of one in a hundred is seen."""
    kept: list[Any] = []
    before = census()
    kept.extend(Connection(Role.SERVER, handshake=Open("s")) for _ in range(10))
    after = census()
    assert after.beyond(before, 1000)["estuary_proto.connection.Connection"] == 10
    assert isinstance(after, Census)


@pytest.mark.parametrize("tiny", [b"6", b'42/sdk,["x"]'], ids=["noops", "events nobody knows"])
async def test_a_flood_of_tiny_frames_holds_nothing(tiny: bytes) -> None:
    await flooded(tiny, 5)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_million_tiny_frames_hold_nothing() -> None:
    await flooded(b"6", 100)


async def flooded(tiny: bytes, pieces: int) -> None:
    """So many times 10,000 of them, and what is said after them is heard."""
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        peer = await server.peer()
        data = frame(1, tiny) * 10_000
        most = before = held().in_use
        for piece in range(pieces):
            await peer.raw(data)
            if piece % 10 == 4:
                most = max(most, held().in_use)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.wait_for, BotResponse)
            await anyio.wait_all_tasks_blocked()
            await peer.emit("bot_response", text="well", is_final=True, message_id="m")
        most = max(most, held().in_use)  # All of them have been read.
        assert most - before < 8 * MIB


async def test_a_flood_of_tiny_frames_against_the_gateway() -> None:
    """It reads them as they come: what it holds has a bound, and others are served meanwhile."""
    async with serve_gateway(stt="none", tts="tone") as gateway:
        await works(gateway)
        stream, _ = await upgrade(gateway)
        most = before = held().in_use
        async with stream, anyio.create_task_group() as tasks:

            async def flood() -> None:
                with suppress(*GONE):
                    for _ in range(40):
                        await stream.send(b"\x81\x81\0\0\0\0006" * 1000)

            tasks.start_soon(flood)
            for _ in range(5):
                await works(gateway)
                most = max(most, held().in_use)
        assert most - before < 8 * MIB
        await works(gateway)
