"""What a slow, greedy or malicious client can make the gateway use: a bound each, and shown."""

from __future__ import annotations

import base64
import os
import socket
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from estuary_anyio import EstuaryClient, EstuaryConfig, EstuaryError
from estuary_anyio.gateway import serve_gateway
from estuary_anyio.gateway.api import desk
from estuary_anyio.gateway.listener import CALLERS
from estuary_proto.gateway import ServerConfig
from tests.anyio.server import GONE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import SocketStream

    from estuary_anyio.gateway import Gateway

pytestmark = pytest.mark.anyio

TARGET = "/socket.io/?EIO=4&transport=websocket"


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    config = ServerConfig(max_sessions=3)
    async with serve_gateway(server=config, stt="none", tts="tone") as found:
        yield found


async def upgrade(gateway: Gateway, *headers: str) -> tuple[SocketStream, bytes]:
    """A WebSocket by hand: its stream, and the head of the answer."""
    stream = await anyio.connect_tcp("127.0.0.1", gateway.port)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET {TARGET} HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", *headers, "", "",
    ]  # fmt: skip
    await stream.send("\r\n".join(lines).encode())
    head = b""
    with anyio.fail_after(5):
        while b"\r\n\r\n" not in head:
            head += await stream.receive()
    return stream, head.partition(b"\r\n\r\n")[0]


async def until_gone(stream: SocketStream) -> bytes:
    """All that the gateway says until it hangs up."""
    said = b""
    with anyio.fail_after(10), suppress(*GONE):
        while True:
            said += await stream.receive()
    return said


async def works(gateway: Gateway, player: str = "p") -> None:
    """Somebody else is served."""
    async with EstuaryClient(EstuaryConfig(gateway.url, "est_dev", "demo", player)) as client:
        await client.connect()
        assert await client.send_text_and_wait("hello", timeout=10)


async def test_no_compression_is_agreed_on_so_no_bomb_is_inflated(gateway: Gateway) -> None:
    """A kilobyte of it would be a megabyte of memory before any limit is asked."""
    stream, head = await upgrade(gateway, "Sec-WebSocket-Extensions: permessage-deflate")
    async with stream:
        assert head.startswith(b"HTTP/1.1 101")
        assert b"extensions" not in head.lower()
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        bomb = packer.compress(bytes(60_000_000)) + packer.flush(zlib.Z_SYNC_FLUSH)
        size = len(bomb).to_bytes(2, "big") if len(bomb) < 65536 else len(bomb).to_bytes(8, "big")
        # Final, compressed, text, masked with zeros.
        kind = 126 if len(size) == 2 else 127
        await stream.send(bytes([0xC1, 0x80 | kind]) + size + bytes(4) + bomb)
        await until_gone(stream)  # A reserved bit that nobody has agreed on.
    await works(gateway)


async def test_a_body_that_drips_is_given_up(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "BODY_WITHIN", 0.3)
    stream = await anyio.connect_tcp("127.0.0.1", gateway.port)
    async with stream:
        await stream.send(
            b"POST /api/v1/characters HTTP/1.1\r\nHost: x\r\nX-API-Key: est_dev\r\n"
            b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        )
        assert b" 408 " in (await until_gone(stream)).partition(b"\r\n")[0]
    await works(gateway)


async def test_a_head_that_drips_is_given_up(gateway: Gateway) -> None:
    """Hypercorn's keep_alive_timeout, which is 5 s, holds from the first byte."""
    async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
        await stream.send(b"GET / HTTP/1.1\r\nHost: ")
        assert await until_gone(stream) == b""


async def test_a_head_without_end_is_refused(gateway: Gateway) -> None:
    async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
        with suppress(*GONE):
            await stream.send(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000)
        said = await until_gone(stream)
        assert not said or b" 4" in said.partition(b"\r\n")[0]
    await works(gateway)


async def test_seats_are_not_overdrawn_by_many_at_once(gateway: Gateway) -> None:
    """All ask in the same moment, and three get in."""
    heads: list[bytes] = []
    streams: list[SocketStream] = []

    async def one() -> None:
        stream, head = await upgrade(gateway)
        streams.append(stream)
        heads.append(head.split(b" ")[1])

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(one)
    assert sorted(heads) == [b"101"] * 3 + [b"503"] * 17
    assert gateway.sessions == 3
    for stream in streams:
        await anyio.aclose_forcefully(stream)
    with anyio.fail_after(5):
        while gateway.sessions:
            await anyio.lowlevel.checkpoint()
    await works(gateway)


async def test_connections_are_bounded(gateway: Gateway) -> None:
    """Who only connects holds no more than so many descriptors, and then for 5 s."""
    streams = []
    async with anyio.create_task_group():
        for _ in range(3 + CALLERS + 20):
            streams.append(await anyio.connect_tcp("127.0.0.1", gateway.port))
    with anyio.fail_after(4):
        for stream in streams[3 + CALLERS :]:
            with pytest.raises(GONE):
                await stream.receive()
    assert streams[0].extra(anyio.abc.SocketAttribute.raw_socket).getsockopt(
        socket.SOL_SOCKET, socket.SO_ERROR
    ) == 0  # fmt: skip
    for stream in streams:
        await anyio.aclose_forcefully(stream)
    with anyio.fail_after(15):
        while True:
            with suppress(EstuaryError):
                await works(gateway)
                break


async def test_fragments_without_end_are_ended(gateway: Gateway) -> None:
    stream, _ = await upgrade(gateway)
    async with stream:
        piece = bytes([0x00, 0xFE]) + (60_000).to_bytes(2, "big") + bytes(4) + b"x" * 60_000
        with suppress(*GONE), anyio.fail_after(10):
            await stream.send(bytes([0x01, 0x81]) + bytes(4) + b"4")
            while True:
                await stream.send(piece)
    await works(gateway)


async def test_a_flood_of_texts_that_reads_nothing_is_bounded(gateway: Gateway) -> None:
    """Reading pauses while answers wait, so the flood waits in the kernel; nobody else does."""
    stream, _ = await upgrade(gateway)
    async with stream:
        frame = b'42/sdk,["text",{"text":"hello"}]'
        data = (bytes([0x81, 0x80 | len(frame)]) + bytes(4) + frame) * 2000
        with anyio.move_on_after(0.5), suppress(*GONE):
            while True:
                await stream.send(data)
        await works(gateway)


def test_what_is_bounded_has_a_number() -> None:
    assert (desk.MAX_JSON, desk.MAX_UPLOAD, desk.BODY_WITHIN) == (2**20, 2**24, 60.0)
    assert CALLERS == 200
