"""Other threads, other loops, signals: a clear error, the way out, and an orderly end."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest
import trio

from estuary_anyio import (
    BotResponse,
    ConnectionState,
    ErrorCode,
    EstuaryClient,
    EstuaryConfig,
    EstuaryError,
    Receipt,
    Reply,
    VoiceMode,
)
from estuary_proto import SendText
from tests.anyio.server import Peer, answering, serving

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

PLAIN: dict[str, Callable[[EstuaryClient], Any]] = {
    "send_text": lambda client: client.send_text("x"),
    "ask": lambda client: client.ask("x"),
    "stream_text": lambda client: client.stream_text("x"),
    "say_line": lambda client: client.say_line("x"),
    "interrupt": lambda client: client.interrupt(),
    "mute": lambda client: client.mute(),
    "toggle_mute": lambda client: client.toggle_mute(),
    "on": lambda client: client.on("error", print),
    "once": lambda client: client.once("error", print),
    "action": lambda client: client.action("wave")(print),
    "off": lambda client: client.off("error", print),
    "emit": lambda client: client.emit("error", 1),
    "remove_all_listeners": lambda client: client.remove_all_listeners(),
    "events": lambda client: client.events(),
}
AWAITED: dict[str, Callable[[EstuaryClient], Any]] = {
    "connect": lambda client: client.connect(),
    "disconnect": lambda client: client.disconnect(),
    "send_text_and_wait": lambda client: client.send_text_and_wait("x"),
    "flush": lambda client: client.flush(),
    "wait_for": lambda client: client.wait_for(BotResponse),
    "start_voice": lambda client: client.start_voice(VoiceMode.PUSH_TO_TALK),
    "stop_voice": lambda client: client.stop_voice(),
    "start_recording": lambda client: client.start_recording(),
    "stop_recording": lambda client: client.stop_recording(),
    "send_audio": lambda client: client.send_audio(b"\x00\x00"),
}


@pytest.mark.parametrize("method", PLAIN | AWAITED)
async def test_another_thread_is_told_the_way(method: str) -> None:
    async with serving(answering) as server, EstuaryClient(server.config()) as client:
        await client.connect()
        raised: list[Exception] = []

        async def elsewhere() -> None:
            try:
                result = (PLAIN | AWAITED)[method](client)
                if method in AWAITED:
                    await result
            except Exception as error:
                raised.append(error)

        # In a loop of its own, so that the awaited ones get as far as they can.
        await anyio.to_thread.run_sync(asyncio.run, elsewhere())
        (error,) = raised
        assert isinstance(error, EstuaryError)
        assert "anyio.from_thread" in error.message
        assert client.is_connected
        assert not client.is_muted
        assert (await client.send_text_and_wait("still here?")).text == "to still here?"
        assert len(server.peers) == 1


WAITING: dict[str, Callable[[EstuaryClient], Any]] = {
    "a receipt": lambda client: client.send_text("x"),
    "a reply": lambda client: client.ask("x", timeout=None),
    "a reply's pieces": lambda client: client.stream_text("x", timeout=None),
    "a reply's voice": lambda client: client.ask("x", timeout=None).voice(),
    "events": lambda client: client.events(BotResponse),
}


@pytest.mark.parametrize("what", WAITING)
async def test_nobody_waits_in_another_thread(what: str) -> None:
    """It would never wake: what it waits for happens here."""
    async with serving(Peer.converse, small_buffers=True) as server:
        async with EstuaryClient(server.config()) as client:
            await client.connect()
            (await server.peer()).stop_reading()
            while client.send_text("x" * 100_000).outcome is not None:
                pass
            thing = WAITING[what](client)
            raised: list[Exception] = []

            async def elsewhere() -> None:
                try:
                    if isinstance(thing, Receipt):
                        await thing
                    elif isinstance(thing, Reply):
                        await thing.final()
                    else:
                        await anext(thing)
                except Exception as error:
                    raised.append(error)

            with anyio.fail_after(10):
                await anyio.to_thread.run_sync(asyncio.run, elsewhere(), abandon_on_cancel=True)
            (error,) = raised
            assert isinstance(error, EstuaryError)
            assert "anyio.from_thread" in error.message
            (await server.peer()).read_on()


async def test_made_here_and_run_in_another_thread() -> None:
    async with serving(answering) as server:
        client = EstuaryClient(server.config())
        events = client.events(BotResponse)

        async def elsewhere() -> str:
            async with client:
                await client.connect()
                client.send_text("from there")
                return (await anext(events)).text

        assert await anyio.to_thread.run_sync(asyncio.run, elsewhere()) == "to from there"


async def test_the_way_works() -> None:
    async with serving(answering) as server, EstuaryClient(server.config()) as client:
        await client.connect()

        def elsewhere() -> str:
            answer = anyio.from_thread.run(client.send_text_and_wait, "awaited")
            anyio.from_thread.run_sync(client.send_text, "plain")
            return answer.text

        assert await anyio.to_thread.run_sync(elsewhere) == "to awaited"
        assert (await (await server.peer()).get(SendText, 2)).text == "plain"


async def test_before_and_after() -> None:
    async with serving(answering) as server:
        client = EstuaryClient(server.config())
        for _ in range(2):
            for method in ("send_text", "ask", "say_line", "interrupt", "mute"):
                with pytest.raises(EstuaryError, match="connect.. it first") as raised:
                    PLAIN[method](client)
                assert raised.value.code is ErrorCode.NOT_CONNECTED
            for method in ("send_text_and_wait", "send_audio", "start_voice", "start_recording"):
                with pytest.raises(EstuaryError) as raised:
                    await AWAITED[method](client)
                assert raised.value.code is ErrorCode.NOT_CONNECTED
            await client.disconnect()
            async with client:
                await client.connect()
            assert client.state is ConnectionState.DISCONNECTED


def test_in_one_loop_after_the_other(gateway: dict[str, str]) -> None:
    url, key, character, player = gateway.values()
    client = EstuaryClient(EstuaryConfig(url, key, character, player))

    async def converse() -> None:
        async with client:
            await client.connect()
            assert (await client.send_text_and_wait("hello")).text

    asyncio.run(converse())
    trio.run(converse)
    asyncio.run(converse())


# --- timeouts and cancellation, native and not -----------------------------------------------


async def silent(peer: Peer) -> None:
    await peer.converse(None)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_native_cancellation_counts_right() -> None:
    async with serving(silent) as server, EstuaryClient(server.config()) as client:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await client.connect()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.connect(), 0.02)
            with anyio.move_on_after(0.02) as scope:
                await client.connect()
            assert scope.cancelled_caught
            task = asyncio.current_task()
            assert task is not None
            assert task.cancelling() == 0
            assert client.state is ConnectionState.DISCONNECTED


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_one_inside_the_other() -> None:
    async with serving(answering) as server, EstuaryClient(server.config()) as client:
        await client.connect()
        with anyio.move_on_after(0.02) as inner:
            async with asyncio.timeout(5):
                await client.wait_for(BotResponse)
        assert inner.cancelled_caught
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                with anyio.move_on_after(5) as outer:
                    await client.wait_for(BotResponse)
        assert not outer.cancelled_caught
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        assert (await client.send_text_and_wait("fine?")).text == "to fine?"


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_trios_own_scopes() -> None:
    async with serving(answering) as server, EstuaryClient(server.config()) as client:
        await client.connect()
        with trio.move_on_after(0.02) as scope:
            await client.wait_for(BotResponse)
        assert scope.cancelled_caught
        with pytest.raises(trio.TooSlowError):
            with trio.fail_after(0.02):
                await client.wait_for(BotResponse)
        assert (await client.send_text_and_wait("fine?")).text == "to fine?"


# --- Ctrl-C ----------------------------------------------------------------------------------

PROGRAM = """
import sys
import anyio
from estuary_anyio import EstuaryClient, EstuaryConfig

async def main():
    config = EstuaryConfig(sys.argv[1], "est_key", "character", "player")
    async with EstuaryClient(config) as client:
        if sys.argv[2] == "connect":
            print("ready", flush=True)
        await client.connect()
        if sys.argv[2] == "reply":
            async for piece in client.ask("hello", timeout=None):
                print("ready", flush=True)
        print("ready", flush=True)
        await anyio.sleep_forever()

loop = sys.argv[3]
options = {"use_uvloop": loop == "uvloop"} if loop != "trio" else {}
anyio.run(main, backend="trio" if loop == "trio" else "asyncio", backend_options=options)
"""


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "trio"])
@pytest.mark.parametrize("moment", ["connect", "idle", "reply"])
async def test_ctrl_c(moment: str, loop: str) -> None:
    async def stream(peer: Peer) -> None:
        if moment == "connect":
            return await peer.converse(None)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(peer.converse)
            if moment == "reply":
                await peer.get(SendText)
                await peer.emit("bot_response", text="Once", message_id="m", is_final=False)

    async with serving(stream) as server:
        url = f"http://127.0.0.1:{server.port}"
        command = [sys.executable, "-X", "dev", "-c", PROGRAM, url, moment, loop]
        async with await anyio.open_process(command, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            with anyio.fail_after(30):
                await process.stdout.receive()
                await server.peer()
                process.send_signal(signal.SIGINT)
                errors = b"".join([data async for data in process.stderr]).decode()
                await process.wait()
            with anyio.fail_after(5):
                await (await server.peer()).gone.wait()
    assert process.returncode in (-signal.SIGINT, 130, 1)
    assert errors.rstrip().splitlines()[-1] == "KeyboardInterrupt"
    assert "ExceptionGroup" not in errors
    assert "ResourceWarning" not in errors
    assert "never" not in errors
