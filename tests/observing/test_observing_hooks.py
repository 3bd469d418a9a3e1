"""What hooks are told of real connections."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import Any

import anyio
import pytest

from estuary_anyio import (
    Connected,
    ErrorCode,
    EstuaryClient,
    EstuaryConfig,
    EstuaryError,
    MotiveUpdated,
    RestError,
)
from estuary_anyio.gateway import serve_gateway
from estuary_anyio.observing import Hooks, observe
from estuary_proto import SendText
from estuary_proto.gateway import ServerConfig
from tests.anyio.server import KEY, Peer, after, serving

from .notes import Notes

pytestmark = pytest.mark.anyio


async def test_a_session_with_the_gateway() -> None:
    notes = Notes()
    mind = ServerConfig(voice="always")
    async with serve_gateway(server=mind, tts="tone", stt="none") as gateway:
        config = EstuaryConfig(gateway.url, gateway.api_key, gateway.character_id, "me")
        async with EstuaryClient(config) as client:
            with observe(client, notes):
                await client.connect()
                reply = client.ask("hello")
                await reply.final()
                await notes.until("text final")
                client.send_text("and again", text_only=True)
                with anyio.fail_after(10):
                    while notes.lines.count("text final") < 2:
                        await anyio.lowlevel.checkpoint()
                await client.memory.get_stats()
                with pytest.raises(RestError):
                    await client.characters.get("nobody")
                async with client.turn("one more", stream=True) as stream:
                    async for _ in stream:
                        pass
                await client.disconnect()
    assert notes.lines[:2] == ["attempt 0", "attempt 0 connected"]
    spoken, written = notes.turns
    assert spoken.message_id == reply.message_id
    assert spoken.first_token is not None
    assert spoken.first_sound is not None
    assert spoken.answered is not None
    assert spoken.ended is not None
    assert spoken.began < spoken.first_token <= spoken.answered <= spoken.ended
    assert spoken.began < spoken.first_sound <= spoken.ended
    assert (written.outcome, written.first_sound) == ("final", None)
    assert [call.route.rpartition("/")[2] for call in notes.calls] == [
        "stats", "{character_id}", "turn",
    ]  # fmt: skip
    assert [call.status for call in notes.calls] == [None, 404, None]
    assert all(call.ended is not None for call in notes.calls)
    assert notes.received > 1000
    assert notes.sent > 200
    assert [one for one in notes.messages if isinstance(one, SendText)] == [
        SendText("hello"), SendText("and again", True),
    ]  # fmt: skip
    assert sum(isinstance(one, Connected) for one in notes.events) == 1


async def test_bytes_are_those_of_the_socket() -> None:
    notes = Notes()
    async with serving() as server, EstuaryClient(server.config()) as client:
        with observe(client, notes):
            await client.connect()
            peer = await server.peer()
            before = notes.received, notes.sent
            await after(client, MotiveUpdated, lambda: peer.emit("motive_updated", motive="x" * 50))
            frame = len('42/sdk,["motive_updated", {"motive": ""}]') + 50 + 2
            assert notes.received - before[0] == frame
            await client.send_text("0123456789")
            frame = len('42/sdk,["text",{"text":"0123456789"}]') + 2 + 4
            assert notes.sent - before[1] == frame


async def test_heartbeats() -> None:
    notes = Notes()
    async with serving() as server, EstuaryClient(server.config()) as client:
        with observe(client, notes):
            await client.connect()
            await (await server.peer()).text("2")
            await notes.until("beat")
    assert notes.beats == 1


async def test_a_fall_and_the_way_back() -> None:
    notes = Notes()
    async with serving() as server, EstuaryClient(server.config()) as client:
        with observe(client, notes):
            await client.connect()
            client.send_text("who hears this?")
            await (await server.peer()).cut()
            await notes.until("attempt 1 connected")
    assert notes.lines == [
        "attempt 0", "attempt 0 connected", "text", "text lost", "attempt 1", "attempt 1 connected",
    ]  # fmt: skip


async def test_attempts_that_fail() -> None:
    async def refuse(peer: Peer) -> None:
        await peer.request()
        body = f"no such key: {KEY}"
        await peer.raw(f"HTTP/1.1 401 No\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())

    notes = Notes()
    async with serving(refuse) as server, EstuaryClient(server.config()) as client:
        with observe(client, notes), pytest.raises(EstuaryError):
            await client.connect()
    nobody = EstuaryConfig("http://127.0.0.1:1", KEY, "c", "p")
    async with EstuaryClient(nobody) as client:
        with observe(client, notes), pytest.raises(EstuaryError):
            await client.connect()
    assert notes.lines == ["attempt 0", "attempt 0 failed"] * 2
    refused, alone = (attempt.error for attempt in notes.attempts)
    assert refused is not None
    assert refused.code is ErrorCode.AUTH_FAILED
    assert KEY not in f"{refused!r} {refused.details}"
    assert alone is not None
    assert "nobody listens" in alone.message


async def test_an_attempt_that_nobody_wants_any_more() -> None:
    async def silent(peer: Peer) -> None:
        await peer.request()
        await anyio.sleep_forever()

    notes = Notes()
    async with serving(silent) as server, EstuaryClient(server.config()) as client:
        observation = observe(client, notes)
        with anyio.move_on_after(0.1):
            await client.connect()
        await notes.until("attempt 0 abandoned")
        observation.stop()


async def test_who_stops_is_told_nothing_more() -> None:
    first, second = Notes(), Notes()
    async with serving() as server, EstuaryClient(server.config()) as client:
        with observe(client, second):
            observation = observe(client, first)
            await client.connect()
            observation.stop()
            observation.stop()
            told = len(first.events)
            client.send_text("hi")
            await client.disconnect()
        assert len(first.events) == told
        assert first.messages == []
        assert second.messages == [SendText("hi")]
        assert client._watch is None
        await client.connect()
        assert len(second.attempts) == 1


async def test_the_end_of_an_observation_ends_what_is_open() -> None:
    notes = Notes()
    async with serving() as server, EstuaryClient(server.config()) as client:
        with observe(client, notes):
            await client.connect()
            client.send_text("who answers?")
    assert notes.lines[-1] == "text unfinished"


async def test_who_begins_late_is_told_the_rest() -> None:
    notes = Notes()
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        with observe(client, notes):
            await client.send_text("hi")
    assert notes.messages == [SendText("hi")]
    assert (notes.sent, notes.attempts) == (0, [])


async def test_who_raises_is_logged_and_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Hooks):
        calls = 0

        def told(self, event: Any) -> None:
            Broken.calls += 1
            raise RuntimeError("broken hooks")

    notes = Notes()
    async with serving() as server, EstuaryClient(server.config()) as client:
        observation = observe(client, Broken())
        with observe(client, notes):
            await client.connect()
            await client.send_text("hi")
            assert client.is_connected
        observation.stop()
    assert Broken.calls == 1
    assert notes.messages == [SendText("hi")]
    (record,) = (one for one in caplog.records if one.name == "estuary_anyio")
    assert record.levelno == logging.ERROR
    assert record.getMessage().startswith("! told of <")


def test_a_client_that_nobody_observes_loads_nothing_of_it() -> None:
    code = (
        "import sys, estuary_anyio as e; "
        "e.EstuaryClient(e.EstuaryConfig('http://127.0.0.1', 'k', 'c', 'p')); "
        "print([m for m in sys.modules if 'observing' in m or 'otel' in m or 'telemetry' in m])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"
