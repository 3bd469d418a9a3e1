"""Connections that fall: what is told, what comes back, how often it is tried, what is recorded."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from estuary_anyio import (
    Connected,
    ConnectionState,
    Disconnected,
    ErrorCode,
    EstuaryClient,
    EstuaryError,
    Fault,
    Outcome,
    Reconnecting,
    SttResponse,
)
from estuary_proto import Open, replay
from estuary_proto.intents import SendText
from tests.anyio.server import KEY, Peer, after, serving

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


async def leave(peer: Peer) -> None:
    await peer.text("41/sdk,")


async def stop(peer: Peer) -> None:
    await peer.text("1")


async def restart(peer: Peer) -> None:
    await peer.close(1012, "restarting")


async def nonsense(peer: Peer) -> None:
    await peer.text("99 bottles")


async def time_out(peer: Peer) -> None:
    await peer.emit("session_timeout", reason="inactivity", idle_seconds=60)
    await peer.text("41/sdk,")


COMES_BACK = {
    "network": Peer.cut,
    "server_disconnect": leave,
    "server_restart": restart,
    "protocol": nonsense,
}


@pytest.mark.parametrize("reason", list(COMES_BACK))
async def test_it_comes_back(reason: str) -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        heard = client.events(Disconnected, Reconnecting, Connected)
        await client.connect()
        await after(client, Connected, COMES_BACK[reason], await server.peer())
        assert client.is_connected
        assert await client.send_text("again") is Outcome.SENT
        second = await server.peer(2)
        assert (await second.get(SendText)).text == "again"
        events = [await anext(heard) for _ in range(4)]
        assert [type(event) for event in events] == [
            Connected,
            Disconnected,
            Reconnecting,
            Connected,
        ]
        assert isinstance(events[1], Disconnected)
        assert events[1].reason == reason
        assert len(server.peers) == 2


async def test_engineio_close_is_a_restart() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        assert (await after(client, Disconnected, stop, await server.peer())).reason == (
            "server_restart"
        )


async def test_a_silent_server_is_noticed() -> None:
    handshake = Open("sid", (), 0.1, 0.1, 2**20)

    async def silent(peer: Peer) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(peer.converse)
            await peer.get(SendText)
            tasks.cancel_scope.cancel()
        await anyio.sleep_forever()

    async with serving(silent, handshake=handshake) as server:
        async with EstuaryClient(server.config(auto_reconnect=False)) as client:
            await client.connect()
            client.send_text("are you there?")
            assert (await client.wait_for(Disconnected, timeout=5)).reason == "heartbeat"


async def test_an_announced_end_is_the_end() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        gone = await after(client, Disconnected, time_out, await server.peer())
        assert gone.reason == "session_timeout"
        assert client.state is ConnectionState.DISCONNECTED
        assert client.session is None
        assert len(server.peers) == 1
        with pytest.raises(EstuaryError) as raised:
            client.send_text("hello?")
        assert raised.value.code is ErrorCode.NOT_CONNECTED


async def test_it_gives_up_after_so_many_attempts() -> None:
    async def refuse(peer: Peer) -> None:
        await peer.request()
        await peer.raw(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")

    async with serving(Peer.converse, refuse) as server:
        async with EstuaryClient(server.config(max_reconnect_attempts=3)) as client:
            faults = client.events(Fault)
            attempts: list[int] = []
            client.on("reconnecting", attempts.append)
            await client.connect()
            await (await server.peer()).cut()
            error = (await anext(faults)).error
            assert error.code is ErrorCode.CONNECTION_FAILED
            assert "gave up after 3 attempt(s)" in error.message
            assert client.state is ConnectionState.ERROR
            assert attempts == [1, 2, 3]
            assert len(server.peers) == 4


async def test_connect_while_waiting_tries_at_once() -> None:
    async with serving() as server:
        config = server.config(reconnect_delay=60.0, reconnect_delay_max=60.0)
        async with EstuaryClient(config) as client:
            await client.connect()
            await after(client, Reconnecting, (await server.peer()).cut)
            with anyio.fail_after(5):
                await client.connect()
            assert len(server.peers) == 2


async def converse_and_fall(server: Any, client: EstuaryClient) -> None:
    await client.connect()
    peer = await server.peer()
    client.send_text("one")
    await peer.get(SendText)
    await after(client, SttResponse, partial(peer.emit, "stt_response", text="heard"))
    await after(client, Connected, peer.cut)
    assert await client.send_text("two") is Outcome.SENT
    await (await server.peer(2)).get(SendText)


async def test_a_capture_replays_equal_and_holds_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    async with serving() as server:
        async with EstuaryClient(server.config(), capture=path) as client:
            await converse_and_fall(server, client)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert replay(lines).difference is None
    assert sum('"two"' in line for line in lines) >= 1
    assert not any(KEY in line for line in lines)


async def test_a_capture_goes_on_when_the_client_does(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    async with serving() as server:
        client = EstuaryClient(server.config(), capture=str(path))
        for _ in range(2):
            async with client:
                await client.connect()
                await client.disconnect()
    with path.open(encoding="utf-8") as lines:
        told = replay(lines)
    assert told.difference is None


async def test_a_capture_may_be_a_function() -> None:
    lines: list[str] = []
    async with serving() as server:
        async with EstuaryClient(server.config(), capture=lines.append) as client:
            await converse_and_fall(server, client)
    assert replay(lines).difference is None


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full (Linux)")
async def test_a_full_disk_does_not_end_the_conversation(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as server:
        try:
            client = EstuaryClient(server.config(), capture="/dev/full")
        except OSError:
            pytest.fail("a full disk is no reason not to begin")
        async with client:
            await converse_and_fall(server, client)
    assert sum("the capture /dev/full ends here" in one.message for one in caplog.records) == 1


async def test_a_path_that_cannot_be_written_to_is_told_at_once(tmp_path: Path) -> None:
    async with serving() as server:
        with pytest.raises(OSError, match="nowhere"):
            EstuaryClient(server.config(), capture=tmp_path / "nowhere" / "x.jsonl")
