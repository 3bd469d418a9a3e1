"""How clients begin and end: `async with`, bare use, cancellation, handlers that disconnect."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import warnings
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest
import trio
import trio.testing

from estuary_anyio import (
    Connected,
    ConnectionLost,
    ConnectionState,
    Disconnected,
    ErrorCode,
    EstuaryClient,
    EstuaryError,
    LocalProtocolError,
    Outcome,
    StateChanged,
)
from estuary_proto import JoinRequested, Refuse, SendText
from tests.anyio.server import SESSION, Peer, serving


def living() -> int:
    """How many tasks there are."""
    if on_trio():
        return trio.lowlevel.current_statistics().tasks_living
    return len(asyncio.all_tasks())


def on_trio() -> bool:
    return "trio" in sys.modules and trio.lowlevel.in_trio_run()


def mute(peer: Peer) -> Any:
    return peer.converse(None)


# --- async with ------------------------------------------------------------------------------


async def test_nothing_is_left_behind() -> None:
    async with serving() as server:
        before = living()
        for _ in range(3):
            async with EstuaryClient(server.config()) as client:
                await client.connect()
                assert living() > before
        for peer in server.peers:
            await peer.left()
        await anyio.wait_all_tasks_blocked()
        assert living() == before
        gc.collect()


async def test_a_client_may_be_used_again() -> None:
    async with serving() as server:
        client = EstuaryClient(server.config())
        heard: list[str] = []

        async def note(reason: str) -> None:
            heard.append(reason)

        client.on("disconnected", note)
        for number in (1, 2):
            async with client:
                await client.connect()
                await client.disconnect()
                assert client.state is ConnectionState.DISCONNECTED
                await client.connect()
                await client.send_text(f"round {number}")
            assert client.state is ConnectionState.DISCONNECTED
        assert len(server.peers) == 4
        assert heard == ["client"] * 4
        assert (await server.peers[3].get(SendText)).text == "round 2"


async def test_in_use_already() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        with pytest.raises(LocalProtocolError, match="in use already"):
            async with client:
                pass
        assert await client.connect() == SESSION


async def test_an_exception_leaves_as_itself() -> None:
    async with serving() as server:
        client = EstuaryClient(server.config())
        with pytest.raises(ValueError, match="mine") as raised:
            async with client:
                await client.connect()
                client.send_text("before it")
                raise ValueError("mine")
        assert raised.value.__cause__ is None
        assert client.state is ConnectionState.DISCONNECTED
        peer = await server.peer()
        await peer.left()
        assert (await peer.get(SendText)).text == "before it"


async def test_an_exception_leaves_as_itself_from_a_cancelled_scope() -> None:
    async with serving() as server:
        with pytest.raises(ValueError, match="mine"), anyio.CancelScope() as scope:
            async with EstuaryClient(server.config()) as client:
                await client.connect()
                scope.cancel()
                raise ValueError("mine")
        await (await server.peer()).left()


async def test_cancelled_body_still_says_goodbye() -> None:
    async with serving() as server:
        client = EstuaryClient(server.config())
        with anyio.CancelScope() as scope:
            async with client:
                await client.connect()
                client.send_text("last")
                scope.cancel()
                await anyio.sleep_forever()
        assert scope.cancelled_caught
        assert client.state is ConnectionState.DISCONNECTED
        peer = await server.peer()
        await peer.left()
        assert (await peer.get(SendText)).text == "last"


async def test_cancelled_while_reconnecting() -> None:
    async with serving() as server:
        client = EstuaryClient(server.config(reconnect_delay=60, reconnect_delay_max=60))
        with anyio.CancelScope() as scope:
            async with client:
                await client.connect()
                await (await server.peer()).cut()
                await client.wait_for(Disconnected)
                scope.cancel()
                await anyio.sleep_forever()
        assert client.state is ConnectionState.DISCONNECTED


async def test_a_crash_leaves_as_itself_and_hangs_nobody() -> None:
    class Stop(BaseException):
        """What no handler should raise."""

    async def crash(response: object) -> None:
        raise Stop

    async with serving() as server:
        client = EstuaryClient(server.config())
        client.on("bot_response", crash)
        with pytest.raises(Stop):
            async with client:
                await client.connect()
                reply = client.ask("hi", timeout=None)
                await (await server.peer()).emit("bot_response", text="x", message_id="m")
                await reply.final()
        with pytest.raises(ConnectionLost):
            await reply.final()
        assert client.state is ConnectionState.DISCONNECTED


# --- cancelling connect ----------------------------------------------------------------------


async def test_connect_is_cancelled_by_anyio() -> None:
    async with serving(mute, Peer.converse) as server:
        async with EstuaryClient(server.config()) as client:
            with anyio.move_on_after(0.05) as scope:
                await client.connect()
            assert scope.cancelled_caught
            assert client.state is ConnectionState.DISCONNECTED
            await server.peers[0].left()
            assert await client.connect() == SESSION


async def test_bare_connect_is_cancelled_and_tried_again_at_once() -> None:
    if on_trio():
        return
    async with serving(mute, Peer.converse) as server:
        before = living()
        client = EstuaryClient(server.config())
        task = asyncio.ensure_future(client.connect())
        await (await server.peer()).get(JoinRequested)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await client.connect() == SESSION
        assert await client.send_text("still there") is Outcome.SENT
        await client.disconnect()
        await server.peers[1].left()
        await anyio.wait_all_tasks_blocked()
        assert living() == before


async def test_native_timeout_around_connect() -> None:
    if on_trio():
        return
    async with serving(mute) as server, EstuaryClient(server.config()) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.connect()
        assert client.state is ConnectionState.DISCONNECTED
        await server.peers[0].left()


async def test_native_cancellation_of_the_body() -> None:
    if on_trio():
        return
    async with serving() as server:
        client = EstuaryClient(server.config())

        async def body() -> None:
            async with client:
                await client.connect()
                client.send_text("last")
                await asyncio.sleep(60)

        task = asyncio.ensure_future(body())
        await (await server.peer()).get(SendText)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert client.state is ConnectionState.DISCONNECTED
        await server.peers[0].left()


# --- disconnect ------------------------------------------------------------------------------


async def test_disconnect_ends_a_pending_connect() -> None:
    async with serving(mute) as server, EstuaryClient(server.config()) as client:
        events = client.events(StateChanged)
        errors: list[EstuaryError] = []

        async def connect() -> None:
            with pytest.raises(EstuaryError) as raised:
                await client.connect()
            errors.append(raised.value)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(connect)
            await (await server.peer()).get(JoinRequested)
            await client.disconnect()
        assert "disconnected by the user" in errors[0].message
        assert client.state is ConnectionState.DISCONNECTED
        assert [event.state async for event in events] == ["connecting", "disconnected"]
        await server.peers[0].left()


async def test_disconnect_ends_the_wait_for_the_next_attempt() -> None:
    async with serving() as server:
        config = server.config(reconnect_delay=60, reconnect_delay_max=60)
        async with EstuaryClient(config) as client:
            heard: list[str] = []
            client.on("*", lambda event: heard.append(event.NAME))
            later: list[str] = []

            async def state(state: str) -> None:
                later.append(state)

            client.on("connection_state_changed", state)
            await client.connect()
            await (await server.peer()).cut()
            await client.wait_for(Disconnected)
            assert client.state == "reconnecting"
            await client.disconnect()
            assert client.state == "disconnected"
            assert heard[-1] == "connection_state_changed"
            assert heard.count("disconnected") == 1
            assert "error" not in heard
            assert later == ["connecting", "connected", "reconnecting", "disconnected"]
            with pytest.raises(LocalProtocolError) as raised:
                client.send_text("too late")
            assert raised.value.code is ErrorCode.NOT_CONNECTED
        assert len(server.peers) == 1


async def test_disconnect_twice_and_before_anything() -> None:
    async with serving() as server:
        client = EstuaryClient(server.config())
        await client.disconnect()
        async with client:
            await client.disconnect()
            await client.connect()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.disconnect)
                tasks.start_soon(client.disconnect)
            assert client.state is ConnectionState.DISCONNECTED
        with pytest.raises(LocalProtocolError) as raised:
            client.send_text("hi")
        assert raised.value.code is ErrorCode.NOT_CONNECTED
        assert "connect()" in raised.value.message


async def test_disconnect_from_a_handler() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        done = anyio.Event()

        @client.on("bot_response")
        async def leave(response: object) -> None:
            await client.disconnect()
            assert client.state is ConnectionState.DISCONNECTED
            done.set()

        await client.connect()
        await (await server.peer()).emit("bot_response", text="bye", is_final=True)
        with anyio.fail_after(1):
            await done.wait()
        assert await client.connect() == SESSION


async def test_disconnect_from_the_disconnected_handler_at_exit() -> None:
    heard: list[str] = []
    async with serving() as server:
        async with EstuaryClient(server.config()) as client:

            @client.on("disconnected")
            async def leave(reason: str) -> None:
                await client.disconnect()
                heard.append(reason)

            await client.connect()
        assert heard == ["client"]


async def test_disconnect_lets_handlers_finish_but_not_for_ever() -> None:
    finished: list[str] = []
    async with serving() as server, EstuaryClient(server.config()) as client:
        started = anyio.Event()

        @client.on("bot_response")
        async def slow(response: object) -> None:
            started.set()
            await anyio.sleep(0.05)
            finished.append("slow")

        await client.connect()
        await (await server.peer()).emit("bot_response", text="x", is_final=True)
        await started.wait()
        await client.disconnect()
        assert finished == ["slow"]


def test_a_handler_that_does_not_end_is_cancelled_after_two_seconds() -> None:
    async def main() -> None:
        ended: list[float] = []
        async with serving() as server, EstuaryClient(server.config()) as client:
            started = anyio.Event()

            @client.on("bot_response")
            async def endless(response: object) -> None:
                started.set()
                try:
                    await anyio.sleep_forever()
                finally:
                    ended.append(trio.current_time())

            await client.connect()
            await (await server.peer()).emit("bot_response", text="x", is_final=True)
            await started.wait()
            before = trio.current_time()
            await client.disconnect()
            await anyio.wait_all_tasks_blocked()
            assert ended == [pytest.approx(before + 2, abs=0.01)]
            # It serves on: the next event gets its call.
            await client.connect()
            started = anyio.Event()
            await (await server.peer(2)).emit("bot_response", text="y", is_final=True)
            await started.wait()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


async def test_a_late_event_of_a_handler_at_the_end_finds_its_listener() -> None:
    heard: list[str] = []
    async with serving() as server:
        client = EstuaryClient(server.config())

        @client.on("disconnected")
        async def ending(reason: str) -> None:
            client.emit("reconnecting", 7)

        @client.on("reconnecting")
        async def other(number: int) -> None:
            heard.append(f"emitted {number}")

        for _ in range(2):
            async with client:
                await client.connect()
        assert heard == ["emitted 7"] * 2


async def test_what_was_emitted_before_the_client_runs_is_kept() -> None:
    heard: list[str] = []
    came = anyio.Event()
    async with serving() as server:
        client = EstuaryClient(server.config())

        @client.on("disconnected")
        async def note(reason: str) -> None:
            heard.append(reason)
            came.set()

        client.emit("disconnected", "early")
        async with client:
            with anyio.fail_after(1):
                await came.wait()
            await client.connect()
        assert heard == ["early", "client"]


# --- bare ------------------------------------------------------------------------------------


async def test_bare_use() -> None:
    async with serving() as server:
        before = living()
        client = EstuaryClient(server.config())
        if on_trio():
            with pytest.raises(LocalProtocolError, match="async with EstuaryClient"):
                await client.connect()
            async with client:  # No harm was done.
                await client.connect()
            return
        for number in (1, 2):
            assert await client.connect() == SESSION
            client.send_text("last")
            await client.disconnect()
            peer = await server.peer(number)
            assert (await peer.get(SendText)).text == "last"
            await peer.left()
        await anyio.wait_all_tasks_blocked()
        assert living() == before


async def test_bare_connect_that_fails_leaves_no_task() -> None:
    if on_trio():
        return
    async with serving(lambda peer: peer.converse(Refuse("no")), Peer.converse) as server:
        before = living()
        client = EstuaryClient(server.config())
        with pytest.raises(EstuaryError):
            await client.connect()
        await server.peers[0].left()
        await anyio.wait_all_tasks_blocked()
        assert living() == before
        assert await client.connect() == SESSION
        await client.disconnect()


async def test_bare_who_tries_again_is_not_ended_by_who_gives_up() -> None:
    if on_trio():
        return
    async with serving(lambda peer: peer.converse(Refuse("no")), Peer.converse) as server:
        client = EstuaryClient(server.config())

        async def once() -> None:
            with pytest.raises(EstuaryError):
                await client.connect()

        async def twice() -> None:
            await once()
            assert await client.connect() == SESSION

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(twice)
            tasks.start_soon(once)
        assert client.is_connected
        await client.disconnect()


async def test_bare_disconnect_from_a_handler() -> None:
    if on_trio():
        return
    async with serving() as server:
        before = living()
        client = EstuaryClient(server.config())
        done = anyio.Event()

        @client.on("bot_response")
        async def leave(response: object) -> None:
            await client.disconnect()
            with pytest.raises(LocalProtocolError, match="connect from elsewhere"):
                await client.connect()
            done.set()

        await client.connect()
        await (await server.peer()).emit("bot_response", text="bye", is_final=True)
        with anyio.fail_after(1):
            await done.wait()
        await server.peers[0].left()
        assert await client.connect() == SESSION
        await client.disconnect()
        await server.peers[1].left()
        await anyio.wait_all_tasks_blocked()
        assert living() == before


def test_bare_and_forgotten() -> None:
    client: list[EstuaryClient] = []
    receipts: list[Any] = []

    async def main() -> None:
        async with serving() as server:
            client.append(EstuaryClient(server.config()))
            await client[0].connect()
            receipts.append(client[0].ask("hi", timeout=None))

    async def again() -> None:
        async with serving() as server:
            fresh = EstuaryClient(server.config())
            await fresh.connect()
            await fresh.disconnect()
        with pytest.raises(EstuaryError, match="nobody listens"):
            await client[0].connect()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(main())
    assert ["never disconnected" in str(one.message) for one in caught] == [True]
    assert caught[0].category is ResourceWarning
    assert client[0].state is not ConnectionState.CONNECTED
    asyncio.run(again())


# --- threads ---------------------------------------------------------------------------------


async def test_another_thread_is_told_off() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        here = threading.get_ident()

        def elsewhere() -> None:
            assert threading.get_ident() != here
            with pytest.raises(LocalProtocolError, match="another thread") as raised:
                client.send_text("hi")
            assert "anyio.from_thread" in raised.value.message
            anyio.from_thread.run_sync(client.send_text, "through the door")

        await anyio.to_thread.run_sync(elsewhere)
        assert (await (await server.peer()).get(SendText)).text == "through the door"


# --- the first event ---------------------------------------------------------------------------


async def test_sending_works_from_the_connected_handler() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        receipts: list[Any] = []
        client.on("connected", lambda session: receipts.append(client.send_text("first")))
        waiting = client.events(Connected)
        await client.connect()
        async for event in waiting:
            assert event.session == SESSION
            break
        assert await receipts[0] is Outcome.SENT
        assert (await (await server.peer()).get(SendText)).text == "first"
