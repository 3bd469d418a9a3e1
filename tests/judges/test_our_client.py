"""Our client against servers that are not ours: python-socketio (ASGI) and Node's socket.io."""

from __future__ import annotations

import json
import random
import secrets
import socket
from contextlib import suppress
from typing import Any

import anyio
import anyio.to_thread
import pytest

from estuary_anyio import (
    Connected,
    Disconnected,
    ErrorCode,
    EstuaryClient,
    EstuaryConfig,
    EstuaryError,
    MotiveUpdated,
    Reconnecting,
    UnknownEvent,
)

from .conftest import server_command
from .outside import read_line, running

pytestmark = pytest.mark.anyio


def config(port: int, **changes: Any) -> EstuaryConfig:
    fast = {"reconnect_delay": 0.02, "reconnect_delay_max": 0.05}
    key = changes.pop("api_key", "est_dev")
    player = changes.pop("player", "me")
    return EstuaryConfig(f"http://127.0.0.1:{port}", key, "wren", player, **{**fast, **changes})


async def test_a_session(server: int) -> None:
    async with EstuaryClient(config(server)) as client:
        session = await client.connect()
        assert (session.character_id, session.player_id) == ("wren", "me")
        assert session.session_id


@pytest.mark.parametrize("how", ["stream", "delta"])
async def test_a_streamed_answer(server: int, how: str) -> None:
    async with EstuaryClient(config(server)) as client:
        await client.connect()
        reply = client.ask(how)
        assert [piece.text async for piece in reply] == ["One ", "two ", "three"]
        assert (await reply.final()).text == "One two three"


@pytest.mark.parametrize("text", ["🦜 über 漢 \u2028", "x" * 500_000, '"]42/sdk,["'], ids=len)
async def test_what_is_said_comes_back(server: int, text: str) -> None:
    async with EstuaryClient(config(server)) as client:
        await client.connect()
        assert (await client.send_text_and_wait(text)).text == text


async def test_a_large_answer(server: int) -> None:
    async with EstuaryClient(config(server)) as client:
        await client.connect()
        assert (await client.send_text_and_wait("large")).text == "x" * 500_000


async def test_many_questions_at_once(server: int) -> None:
    async with EstuaryClient(config(server)) as client:
        await client.connect()
        replies = [client.ask(f"number {n}") for n in range(50)]
        assert [(await r.final()).text for r in replies] == [f"number {n}" for n in range(50)]


async def test_we_acknowledge_what_is_to_be(server: int) -> None:
    async with EstuaryClient(config(server)) as client:
        await client.connect()
        heard = client.events(MotiveUpdated)
        assert (await client.send_text_and_wait("ack")).text == "acknowledged"
        assert (await anext(heard)).motive == "x"


async def test_what_we_want_acknowledged_is(server: int) -> None:
    """These servers say nothing of voice but by their acknowledgement."""
    async with EstuaryClient(config(server)) as client:
        await client.connect()
        with anyio.fail_after(5):
            await client.start_voice()
            assert client.is_voice_active
            await client.stop_voice()
        assert not client.is_voice_active


async def test_attachments(server: int) -> None:
    async with EstuaryClient(config(server)) as client:
        await client.connect()
        heard = client.events(UnknownEvent)
        assert (await client.send_text_and_wait("binary")).text == "after the picture"
        picture = await anext(heard)
        assert picture.name == "picture"
        assert picture.args == ({"of": b"\x00\x01\xff", "and": [b"\x07" * 70_000]},)


async def test_heartbeats(server: int) -> None:
    """The server pings every 0.3 s and gives up on the silent."""
    pings = anyio.Event()
    count = 0

    def watch(line: str) -> None:
        nonlocal count
        if '"in":"receive"' in line and '"frame":"2"' in line:
            count += 1
            if count == 4:
                pings.set()

    async with EstuaryClient(config(server), capture=watch) as client:
        await client.connect()
        with anyio.fail_after(10):
            await pings.wait()
        assert (await client.send_text_and_wait("still here")).text == "still here"


@pytest.mark.parametrize(
    ("how", "reasons"),
    [("kick", {"server_disconnect"}), ("close", {"server_restart", "network"})],
)
async def test_thrown_out_and_back(server: int, how: str, reasons: set[str]) -> None:
    async with EstuaryClient(config(server)) as client:
        first = await client.connect()
        told = client.events(Disconnected, Reconnecting, Connected)
        client.send_text(how)
        with anyio.fail_after(5):
            gone, again, back = [await anext(told) for _ in range(3)]
        assert isinstance(gone, Disconnected)
        assert gone.reason in reasons
        assert isinstance(again, Reconnecting)
        assert again.attempt == 1
        assert isinstance(back, Connected)
        assert back.session.session_id != first.session_id
        assert (await client.send_text_and_wait("back")).text == "back"


@pytest.mark.parametrize("key", ["est_refused", "est_rejected"])
async def test_a_key_that_is_no_good(server: int, key: str) -> None:
    async with EstuaryClient(config(server, api_key=key)) as client:
        with pytest.raises(EstuaryError) as raised:
            await client.connect()
    assert raised.value.code is ErrorCode.AUTH_FAILED


async def test_our_goodbye(server: int, request: pytest.FixtureRequest) -> None:
    """What was said last arrives, and the server sees us leave the namespace, once.

    Node's server ignores what it reads together with a goodbye; python-socketio's does not.
    """
    player = f"leaves {secrets.token_hex(8)}"
    async with EstuaryClient(config(server, player=player)) as client:
        await client.connect()
        client.send_text(f"the last words of {player}")
    async with EstuaryClient(config(server)) as client:
        await client.connect()
        reasons: list[str] = []
        with anyio.fail_after(5):
            while not reasons:  # The server tells of a leaving in a task of its own.
                report = json.loads((await client.send_text_and_wait("report")).text)
                reasons = [why for who, why in report["left"] if who == player]
    if request.node.callspec.params["server"] == "python":
        assert f"the last words of {player}" in report["texts"]
    assert reasons in (["client disconnect"], ["client namespace disconnect"])


def lasting_port() -> int:
    """A free port that nobody else gets meanwhile who asks for any: those are above 32767."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(20000, 32000)))
            return int(probe.getsockname()[1])


@pytest.mark.parametrize("kind", ["python", "node"])
async def test_a_server_that_restarts(kind: str) -> None:
    port = lasting_port()
    with running([*server_command(kind), str(port)]) as process:
        assert int(read_line(process)) == port
        async with EstuaryClient(config(port, max_reconnect_attempts=1000)) as client:
            await client.connect()
            told = client.events(Disconnected, Connected)
            process.terminate()
            with anyio.fail_after(10):
                gone = await anext(told)
                await anyio.to_thread.run_sync(process.wait)
            assert isinstance(gone, Disconnected)
            assert gone.reason in ("server_restart", "network", "server_disconnect")
            with running([*server_command(kind), str(port)]) as again:
                assert int(await anyio.to_thread.run_sync(read_line, again)) == port
                with anyio.fail_after(10):
                    assert isinstance(await anext(told), Connected)
                assert (await client.send_text_and_wait("hello")).text == "hello"
                await client.disconnect()
