"""Voice over a real socket whose server has said goodbye, and is still there."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from estuary_anyio import ConnectionState, Disconnected, EstuaryClient, VoiceMode
from tests.anyio.server import Server, serving
from tests.anyio.test_anyio_speaking import hearing

pytestmark = pytest.mark.anyio


async def dismissed(client: EstuaryClient, server: Server, mode: VoiceMode) -> None:
    """Until the server has ended the session, but not the connection."""
    await client.connect()
    await client.start_voice(mode)
    await (await server.peer()).text("41/sdk,")
    with anyio.fail_after(5):
        while client.is_connected:
            await anyio.lowlevel.checkpoint()
    assert client.state is ConnectionState.CONNECTED


@pytest.mark.parametrize("mode", VoiceMode)
async def test_leaving_with_voice_on(mode: VoiceMode) -> None:
    told: list[str] = []
    async with serving(hearing) as server:
        async with EstuaryClient(server.config()) as client:
            client.on("disconnected", lambda *_: told.append("disconnected"))
            client.on("voice_stopped", lambda *_: told.append("stopped"))
            await dismissed(client, server, mode)
    assert sorted(told) == ["disconnected", "stopped"]


@pytest.mark.parametrize("mode", VoiceMode)
async def test_stopping_voice(mode: VoiceMode) -> None:
    async with serving(hearing) as server:
        async with EstuaryClient(server.config(auto_reconnect=False)) as client:
            await dismissed(client, server, mode)
            await client.stop_voice()
            assert not client.is_voice_active
            if client.state is ConnectionState.CONNECTED:
                await client.wait_for(Disconnected, timeout=5)


async def test_stopping_what_is_off_is_free_before_and_after_a_connection() -> None:
    async with serving(hearing) as server:
        client = EstuaryClient(server.config())
        await client.stop_voice()
        async with client:
            await client.stop_voice()
            await client.connect()
            await client.stop_voice()
        await client.stop_voice()
