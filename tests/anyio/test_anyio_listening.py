"""Listeners: who is called, in which order, and what a slow or broken one does to the others."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from estuary_anyio import (
    BotResponse,
    BotVoice,
    ConnectionLost,
    Disconnected,
    EstuaryClient,
    EstuaryError,
    EventStream,
    Fault,
    ListenerOverflow,
    SttResponse,
    UnknownEvent,
    WaitTimeout,
    bounded_queue,
)
from estuary_anyio.bounded_queue import BoundedQueue
from tests.anyio.server import Peer, after, serving

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


async def hear(peer: Peer, *texts: str) -> None:
    await peer.text(*(f'42/sdk,["stt_response",{{"text":"{text}"}}]' for text in texts))


async def test_plain_functions_are_called_at_once_in_order() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        log: list[str] = []
        client.on("stt_response", lambda heard: log.append(f"first {heard.text}"))
        client.on("*", lambda event: log.append(event.NAME))
        client.on("stt_response", lambda heard: log.append(f"second {heard.text}"))
        await client.connect()
        assert log == ["connection_state_changed", "connection_state_changed", "connected"]
        log.clear()
        peer = await server.peer()
        await after(client, SttResponse, hear, peer, "a", "b", where=lambda one: one.text == "b")
        one = ["first a", "second a", "stt_response"]
        assert log == [*one, "first b", "second b", "stt_response"]


async def test_a_slow_listener_delays_nobody_and_keeps_its_order() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        gate, done = anyio.Event(), anyio.Event()
        slow: list[str] = []
        quick: list[str] = []

        @client.on("stt_response")
        async def wait(heard: SttResponse) -> None:
            await gate.wait()
            slow.append(heard.text)
            if len(slow) == 3:
                done.set()

        @client.on("stt_response")
        async def note(heard: SttResponse) -> None:
            quick.append(heard.text)
            if len(quick) == 3:
                gate.set()

        await client.connect()
        await hear(await server.peer(), "a", "b", "c")
        with anyio.fail_after(5):
            await done.wait()
        assert slow == quick == ["a", "b", "c"]


async def test_registration() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        log: list[Any] = []
        note = log.append
        assert client.once("stt_response", note) is note
        client.on("unknown_event", note)
        assert client.listener_count("stt_response") == 1

        @client.once("stt_response")
        async def later(heard: SttResponse) -> None:
            log.append(("later", heard.text))

        await client.connect()
        peer = await server.peer()
        await hear(peer, "a", "b")
        await after(client, UnknownEvent, functools.partial(peer.emit, "news", x=1))
        await anyio.wait_all_tasks_blocked()
        assert ("later", "a") in log
        log.remove(("later", "a"))
        assert log == [SttResponse("a"), UnknownEvent("news", ({"x": 1},))]
        assert client.listener_count("stt_response") == 0
        # The same function under two names: one does not take the other away.
        assert client.listener_count("unknown_event") == 1
        client.off("unknown_event", note)
        client.off("unknown_event", note)
        assert client.listener_count("unknown_event") == 0
        client.on("error", note)
        client.on("interrupt", note)
        client.remove_all_listeners("error")
        assert (client.listener_count("error"), client.listener_count("interrupt")) == (0, 1)
        client.remove_all_listeners()
        assert client.listener_count("interrupt") == 0


@pytest.mark.parametrize(
    ("name", "says"),
    [("bot_respons", "did you mean 'bot_response'"), ("qqq", "no event is called 'qqq'$")],
)
async def test_an_unknown_name_is_refused(name: str, says: str) -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        for use in (client.on, client.once, client.off, client.emit):
            with pytest.raises(ValueError, match=says):
                use(name, print)
        with pytest.raises(TypeError, match="the handler of 'error' is int, not callable"):
            client.on("error", 5)  # type: ignore[call-overload]


def raise_error(*_: object) -> None:
    raise RuntimeError("broken handler")


async def raise_error_later(*_: object) -> None:
    raise RuntimeError("broken handler")


@pytest.mark.parametrize("handler", [raise_error, raise_error_later])
async def test_a_handler_that_raises(
    handler: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        log: list[str] = []
        client.on("stt_response", handler)
        client.on("stt_response", lambda heard: log.append(heard.text))
        client.on("error", raise_error)  # It is logged, and makes no further error.
        faults = client.events(Fault)
        await client.connect()
        await hear(await server.peer(), "a")
        error = (await anext(faults)).error
        assert "'stt_response' raised RuntimeError: broken handler" in error.message
        assert isinstance(error.__cause__, RuntimeError)
        await anyio.wait_all_tasks_blocked()
        assert log == ["a"]
        assert sum("raised" in record.message for record in caplog.records) == 2


async def test_an_error_that_nobody_hears_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        faults = client.events(Fault)
        await (await server.peer()).emit("error", message="careful")
        await anext(faults)
        warnings = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
        assert warnings == ["! [UNKNOWN] careful"]


async def test_what_a_plain_function_returns_is_awaited_in_order() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        log: list[str] = []
        done = anyio.Event()

        async def work(text: str) -> None:
            await anyio.lowlevel.checkpoint()
            log.append(text)
            if len(log) == 2:
                done.set()

        client.on("stt_response", lambda heard: work(heard.text))
        await client.connect()
        await hear(await server.peer(), "a", "b")
        with anyio.fail_after(5):
            await done.wait()
        assert log == ["a", "b"]


async def test_an_object_with_an_async_call_is_a_handler() -> None:
    class Handler:
        def __init__(self) -> None:
            self.done = anyio.Event()

        async def __call__(self, heard: SttResponse) -> None:
            self.done.set()

    async with serving() as server, EstuaryClient(server.config()) as client:
        handler = Handler()
        client.on("stt_response", handler)
        await client.connect()
        await hear(await server.peer(), "a")
        with anyio.fail_after(5):
            await handler.done.wait()


async def test_off_means_that_no_later_call_starts() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        calls: list[str] = []
        entered, gate = anyio.Event(), anyio.Event()

        async def slow(heard: SttResponse) -> None:
            calls.append(heard.text)
            entered.set()
            await gate.wait()

        client.on("stt_response", slow)
        await client.connect()
        await hear(await server.peer(), "a", "b")
        await entered.wait()
        client.off("stt_response", slow)
        gate.set()
        await anyio.wait_all_tasks_blocked()
        assert calls == ["a"]


async def test_an_overflow_is_counted_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_queue, "MAX_EVENTS", 2)
    async with serving() as server, EstuaryClient(server.config()) as client:
        gate = anyio.Event()
        calls: list[str] = []

        @client.on("stt_response")
        async def slow(heard: SttResponse) -> None:
            await gate.wait()
            calls.append(heard.text)

        told: list[ListenerOverflow] = []
        client.on("listener_overflow", told.append)
        await client.connect()
        peer = await server.peer()
        await after(
            client, ListenerOverflow, hear, peer, *"abcdefgh", where=lambda one: one.dropped >= 4
        )
        gate.set()
        await anyio.wait_all_tasks_blocked()
        assert calls[-2:] == ["g", "h"]
        assert [(one.event, one.dropped) for one in told] == [
            ("stt_response", 1),
            ("stt_response", 2),
            ("stt_response", 4),
        ]


def test_the_oldest_audio_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_queue, "MAX_EVENTS", 3)
    queue = BoundedQueue()
    first, *voices = SttResponse("a"), BotVoice("AAAA"), BotVoice("BBBB")
    for event in (first, *voices, SttResponse("b"), SttResponse("c"), SttResponse("d")):
        queue.put(event)
    assert queue.dropped == 3
    assert [queue.take() for _ in range(len(queue))] == [SttResponse(x) for x in "bcd"]
    monkeypatch.setattr(bounded_queue, "MAX_BYTES", 1000)
    for text in ("x" * 600, "y" * 600, "z" * 5000):
        queue.put(SttResponse(text))
    assert len(queue) == 1  # One that is too large for the bound still passes, alone.
    queue.clear()
    assert len(queue) == 0


async def test_events_end_with_the_conversation() -> None:
    async with serving() as server:
        async with EstuaryClient(server.config(auto_reconnect=False)) as client:
            everything: EventStream[Any] = client.events()
            texts = client.events(BotResponse)
            await client.connect()
            peer = await server.peer()
            await peer.emit("bot_response", text="x", is_final=True, message_id="m")
            assert (await anext(texts)).text == "x"
            await peer.cut()
            assert [event async for event in texts] == []
            names = [event.NAME async for event in everything]
            assert names[2:4] == ["connected", "bot_response"]
            assert names[-1] == "disconnected"


async def test_a_stream_may_be_left() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        peer = await server.peer()
        async with client.events(SttResponse) as stream:
            await hear(peer, "a", "b")
            assert (await anext(stream)).text == "a"
            assert stream.dropped == 0
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


async def test_waiting_for_an_event() -> None:
    async with serving() as server:
        async with EstuaryClient(server.config(auto_reconnect=False)) as client:
            await client.connect()
            peer = await server.peer()
            with pytest.raises(WaitTimeout, match="no SttResponse came in 0.02 s"):
                await client.wait_for(SttResponse, timeout=0.02)

            def broken(heard: SttResponse) -> bool:
                raise ZeroDivisionError

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(hear, peer, "a")
                with pytest.raises(ZeroDivisionError):
                    await client.wait_for(SttResponse, broken)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(peer.cut)
                with pytest.raises(ConnectionLost, match="before any SttResponse came"):
                    await client.wait_for(SttResponse)


async def test_emitting_by_hand() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        log: list[Any] = []
        client.on("disconnected", log.append)
        client.on("voice_started", lambda: log.append("started"))
        client.emit("disconnected", "just so")
        client.emit("voice_started")
        assert log == ["just so", "started"]


async def test_each_name_has_its_arguments() -> None:
    async with serving() as server:
        async with EstuaryClient(server.config(auto_reconnect=False)) as client:
            log: list[Any] = []
            for name in (
                "connected",
                "connection_state_changed",
                "auth_error",
                "voice_error",
                "livekit_error",
                "error",
                "client_action",
                "character_action",
                "disconnected",
            ):
                client.on(name, lambda *args, name=name: log.append((name, args)))
            client.on("voice_started", lambda *args: log.append(("voice_started", args)))
            session = await client.connect()
            peer = await server.peer()
            await peer.emit("auth_error", error="bad key")
            await peer.emit("voice_error", error="no ears")
            await peer.emit("livekit_error", error="no room")
            await peer.emit("voice_started")
            await peer.emit("client_action", name="wave", arguments={}, message_id="m")
            await after(client, Fault, functools.partial(peer.emit, "error", message="oh"))
            await after(client, Disconnected, peer.cut)
            assert [name for name, _ in log] == [
                "connection_state_changed",
                "connection_state_changed",
                "connected",
                "auth_error",
                "voice_error",
                "livekit_error",
                "voice_started",
                "client_action",
                "character_action",
                "error",
                "connection_state_changed",
                "disconnected",
            ]
            given = [args for _, args in log]
            assert given[:7] == [
                ("connecting",),
                ("connected",),
                (session,),
                ("bad key",),
                ("no ears",),
                ("no room",),
                (),
            ]
            assert given[7] == given[8]
            assert given[7][0].name == "wave"
            assert isinstance(given[9][0], EstuaryError)
            assert given[10:] == [("disconnected",), ("auth",)]


@pytest.mark.parametrize("wanted", ["bot_response", None, 5, BotResponse("hi")])
async def test_what_is_no_class_is_refused(wanted: Any) -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        with pytest.raises(TypeError, match="not the class of an event such as BotResponse"):
            await client.wait_for(wanted, timeout=5)
        with pytest.raises(TypeError, match="names are for `on`"):
            client.events(BotResponse, wanted)
        peer = await server.peer()
        heard = client.events(BotResponse)
        await peer.emit("bot_response", text="still here", is_final=True, message_id="m")
        assert (await anext(heard)).text == "still here"
