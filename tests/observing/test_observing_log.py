"""The log of `debug=True`: a mark at each line's beginning, and no secret anywhere."""

from __future__ import annotations

import logging

import pytest

from estuary_anyio import EstuaryClient, EstuaryConfig, EstuaryError, RestError
from estuary_anyio.gateway import serve_gateway
from tests.anyio.server import KEY, serving

from .notes import Notes

pytestmark = pytest.mark.anyio


def ours(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.name == "estuary_anyio"]


async def test_each_mark(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "estuary_anyio")
    notes = Notes()
    async with serving() as server, EstuaryClient(server.config(debug=True)) as client:
        from estuary_anyio.observing import observe

        with observe(client, notes):
            await client.connect()
            client.send_text("a text")
            peer = await server.peer()
            await peer.text("2")
            await peer.emit("bot_response", text="an answer", is_final=True, message_id="m")
            await notes.until("beat")
            await peer.cut()
            await notes.until("attempt 1 connected")
    lines = ours(caplog)
    assert {line[:2] for line in lines} == {"< ", "> ", "= ", "% "}
    assert any(line.startswith("> SendText(text='a text'") for line in lines)
    assert any(line.startswith("= dials 127.0.0.1:") for line in lines)
    assert any(line.startswith("= dials") and line.endswith("attempt 1") for line in lines)
    assert any(line.startswith("= Disconnected(reason='network')") for line in lines)
    assert "% ping, answered" in lines


async def test_an_answer_and_a_fault(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "estuary_anyio")
    async with serve_gateway(tts="tone", stt="none") as gateway:
        settings = (gateway.url, gateway.api_key, gateway.character_id, "me")
        async with EstuaryClient(EstuaryConfig(*settings, debug=True)) as client:
            await client.connect()
            await client.send_text_and_wait("hello")
            await client.memory.get_stats()
            with pytest.raises(RestError):
                await client.characters.get("nobody")
    lines = ours(caplog)
    assert any(line.startswith("< BotResponse(") for line in lines)
    assert any(line.startswith("> GET /api/v1/") for line in lines)
    assert any(line.startswith("< GET /api/v1/") for line in lines)
    assert any(line.startswith("! GET /api/v1/characters/{character_id}: ") for line in lines)
    assert any(line.startswith("= ReplyEnded(") for line in lines)


async def test_no_token_of_anybody_shows(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "estuary_anyio")
    async with serving() as server, EstuaryClient(server.config(debug=True)) as client:
        await client.connect()
        peer = await server.peer()
        client.send_text(f"is {KEY} mine, or ect_abcdef123456, or sst_-_abcdefg?")
        await peer.emit("livekit_token", token="secret-token", url="wss://x", room="r")
        await peer.emit("error", message=f"no {KEY} and no ect_abcdef123456")
    shown = "\n".join(ours(caplog))
    assert "or ect_***, or sst_***?" in shown
    for secret in (KEY, "abcdef", "secret-token"):
        assert secret not in shown


async def test_a_refusal_is_a_fault(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "estuary_anyio")
    config = EstuaryConfig("http://127.0.0.1:1", KEY, "c", "p", debug=True)
    async with EstuaryClient(config) as client:
        with pytest.raises(EstuaryError):
            await client.connect()
    assert any(line.startswith("! 127.0.0.1:1: [CONNECTION_FAILED]") for line in ours(caplog))


async def test_what_is_told_without_debug_has_the_mark_of_a_fault(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:

        def broken(_: object) -> None:
            raise RuntimeError("no")

        client.on("connected", broken)
        await client.connect()
    assert [line[:2] for line in ours(caplog)] == ["! ", "! "]
