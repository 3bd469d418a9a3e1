"""What is logged: nothing in ordinary operation, more by `debug`, and never a secret (API 2)."""

from __future__ import annotations

import logging

import pytest

from estuary_anyio import BotResponse, EstuaryClient, EstuaryError, SttResponse
from tests.anyio.server import KEY, Peer, Server, after, serving

pytestmark = pytest.mark.anyio

LOGGER = logging.getLogger("estuary_anyio")


async def converse(server: Server, client: EstuaryClient) -> None:
    await client.connect()
    peer = await server.peer()
    await client.send_text("a first text")
    reply = client.ask("a question")

    async def answer() -> None:
        await peer.emit("livekit_token", token="secret-token", url="wss://x", room="r")
        await peer.emit("stt_response", text=f"who knows {KEY}?", is_final=False)
        await peer.emit("bot_response", text="an answer", is_final=True, message_id="m")

    await after(client, SttResponse, answer)
    assert isinstance(await reply.final(), BotResponse)


async def test_ordinary_operation_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    before = (LOGGER.level, list(LOGGER.handlers), list(logging.root.handlers), LOGGER.propagate)
    async with serving() as server, EstuaryClient(server.config()) as client:
        await converse(server, client)
    assert [r for r in caplog.records if r.name.startswith("estuary")] == []
    now = (LOGGER.level, list(LOGGER.handlers), list(logging.root.handlers), LOGGER.propagate)
    assert now == before


async def test_debug_shows_what_passes_but_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    before = (LOGGER.level, list(LOGGER.handlers), list(logging.root.handlers), LOGGER.propagate)
    async with serving() as server, EstuaryClient(server.config(debug=True)) as client:
        await converse(server, client)
    now = (LOGGER.level, list(LOGGER.handlers), list(logging.root.handlers), LOGGER.propagate)
    assert now == before
    ours = [r for r in caplog.records if r.name == "estuary_anyio"]
    assert {r.levelno for r in ours} == {logging.DEBUG}
    for part in ("a first text", "a question", "an answer", "Connected(", "who knows ***?"):
        assert part in caplog.text
    assert KEY not in caplog.text
    assert "secret-token" not in caplog.text


async def test_a_key_in_a_refusal_reaches_nobody(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def refuse(peer: Peer) -> None:
        await peer.request()
        body = f"no such key: {KEY}"
        await peer.raw(f"HTTP/1.1 401 No\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())

    async with serving(refuse) as server, EstuaryClient(server.config(debug=True)) as client:
        with pytest.raises(EstuaryError) as raised:
            await client.connect()
    shown = f"{raised.value} {raised.value!r} {raised.value.details} {caplog.text}"
    assert "no such key: ***" in shown
    assert KEY not in shown
