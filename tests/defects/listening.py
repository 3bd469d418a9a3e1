"""Claims about events and who listens to them (items 19, 20, 30 to 35)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
import anyio.from_thread
import anyio.to_thread
from anyio.lowlevel import checkpoint

from estuary_proto import SendText
from tests.anyio.server import serving

from .claims import Heard, Subject, claim, done, raising

if TYPE_CHECKING:
    from collections.abc import Generator


@claim(
    "19",
    "events that the library does not know can be heard",
    fails="AssertionError: nobody heard it",
)
async def unknown_events(subject: Subject) -> None:
    async with serving() as server, subject.client(server) as client:
        heard: list[Any] = []
        for name in ("*", "unknown_event", "brand_new"):
            with suppress(ValueError):  # A name that the library does not know.
                client.on(name, heard.append)
        known = Heard(client, "stt_response")
        await client.connect()
        peer = await server.peer()
        await peer.emit("brand_new", n=1)
        await peer.emit("stt_response", text="behind it")
        await known.get("stt_response")
        assert any("brand_new" in repr(one) for one in heard), "nobody heard it"


@claim(
    "20",
    "the server's own code for an error is kept",
    fails="AssertionError: all that is left is None",
)
async def the_servers_code(subject: Subject) -> None:
    async with serving() as server, subject.client(server) as client:
        heard = Heard(client, "error")
        await client.connect()
        await (await server.peer()).emit("error", error="rate_limited", message="slow down")
        error = await heard.get("error")
        code = (error.details or {}).get("code")
        assert code == "rate_limited", f"all that is left is {code}"


@claim(
    "30",
    "a listener that takes its time hears events in their order",
    fails="AssertionError: it heard",
)
async def the_order_of_events(subject: Subject) -> None:
    async with serving() as server, subject.client(server) as client:
        order: list[int] = []
        complete = anyio.Event()

        async def slow(response: Any) -> None:
            if response.chunk_index == 0:
                await anyio.sleep(0.05)  # Its first call takes longer than the others.
            order.append(response.chunk_index)
            if len(order) == 4:
                complete.set()

        client.on("bot_response", slow)
        await client.connect()
        peer = await server.peer()
        for index in range(4):
            await peer.emit("bot_response", text="x", message_id="m", chunk_index=index)
        with anyio.fail_after(2):
            await complete.wait()
        assert order == [0, 1, 2, 3], f"it heard {order}"


@claim(
    "31",
    "a listener that never comes back delays no other",
    fails="AssertionError: no stt_response came",
)
async def a_stuck_listener(subject: Subject) -> None:
    async with serving() as server:
        client = subject.client(server)
        stuck = anyio.Event()

        async def wait(_: Any) -> None:
            await stuck.wait()

        client.on("stt_response", wait)
        heard = Heard(client, "stt_response")
        async with client:
            await client.connect()
            await (await server.peer()).emit("stt_response", text="hm")
            try:
                await heard.get("stt_response", within=1.0)
            finally:
                stuck.set()


@claim(
    "32",
    "once() for one event leaves the same function on another alone",
    fails="AssertionError: it was called 1 times",
)
async def once_and_on(subject: Subject) -> None:
    async with serving() as server, subject.client(server) as client:
        calls: list[Any] = []
        client.on("stt_response", calls.append)
        client.once("interrupt", calls.append)
        last = Heard(client, "quota_exceeded")
        await client.connect()
        peer = await server.peer()
        for text in ("one", "two"):
            await peer.emit("stt_response", text=text)
        await peer.emit("quota_exceeded", message="")
        await last.get("quota_exceeded")
        await checkpoint()
        assert len(calls) == 2, f"it was called {len(calls)} times"


class _Later:
    def __init__(self) -> None:
        self.awaited = anyio.Event()

    def __await__(self) -> Generator[Any, Any, None]:
        self.awaited.set()
        return checkpoint().__await__()


@claim(
    "33",
    "whatever can be awaited is, when a handler returns it",
    fails="AssertionError: it was not awaited",
)
async def awaitables_that_are_no_coroutines(subject: Subject) -> None:
    async with serving() as server, subject.client(server) as client:
        later = _Later()
        client.on("stt_response", lambda _: later)
        await client.connect()
        await (await server.peer()).emit("stt_response", text="hm")
        with anyio.move_on_after(1):
            await later.awaited.wait()
        assert later.awaited.is_set(), "it was not awaited"


@claim(
    "34",
    "what the server says about LiveKit reaches the application",
    fails="AssertionError: no livekit_error came",
)
async def livekit_errors(subject: Subject) -> None:
    async with serving() as server, subject.client(server) as client:
        heard = Heard(client, "livekit_error")
        await client.connect()
        await (await server.peer()).emit("livekit_error", error="no room")
        assert await heard.get("livekit_error", within=1.0) == "no room"


@claim(
    "35",
    "another thread gets an error that names the way, and the way works",
    fails="AssertionError: it raised RuntimeError",
)
async def another_thread(subject: Subject) -> None:
    async with serving() as server, subject.client(server) as client:
        await client.connect()

        def elsewhere() -> None:
            with raising(Exception) as found:
                client.send_text("from elsewhere")
            kind = type(found[0])
            assert issubclass(kind, subject.EstuaryError), f"it raised {kind.__name__}"
            assert "anyio.from_thread" in str(found[0])
            anyio.from_thread.run_sync(client.send_text, "the right way")

        await anyio.to_thread.run_sync(elsewhere)
        await done(client.send_text("behind it"))
        assert (await (await server.peer()).get(SendText)).text == "the right way"
