"""Claims about the way in, the way out and the way back (items 1 to 18)."""

from __future__ import annotations

import gc
import time
from contextlib import suppress
from functools import partial
from types import FunctionType
from typing import Any

import anyio
import pytest

from estuary_proto import JoinRequested, Open, Refuse, SendText
from estuary_proto.intents import StartVoice
from tests.anyio.server import WELCOME, Peer, serving

from .claims import Heard, Subject, claim, done

REFUSE = Refuse("no such key")


async def refuse(peer: Peer) -> None:
    await peer.converse(REFUSE)


@claim(
    "1",
    "an acknowledgement that takes 1.3 s is waited for",
    fails="EstuaryError: .*Unexpected connection error",
)
async def slow_ack(subject: Subject) -> None:
    async def slow(peer: Peer) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(peer.converse, None)
            await peer.get(JoinRequested)
            await anyio.sleep(1.3)  # This is what it is about.
            peer.conn.submit(WELCOME, now=anyio.current_time())
            await peer.flush()

    async with serving(slow) as server, subject.client(server) as client:
        session = await client.connect()
        assert session.session_id == "session"


@claim(
    "2",
    "a refusal that was announced by auth_error is AUTH_FAILED",
    fails="AssertionError: the code is CONNECTION_FAILED",
)
async def announced_refusal(subject: Subject) -> None:
    async def reject(peer: Peer) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(peer.converse, None)
            await peer.get(JoinRequested)
            await peer.emit("auth_error", error="the key was revoked")
            peer.conn.submit(REFUSE, now=anyio.current_time())
            await peer.flush()

    async with serving(reject) as server, subject.client(server) as client:
        with pytest.raises(subject.EstuaryError) as raised:
            await client.connect()
        code = raised.value.code
        assert code == subject.ErrorCode.AUTH_FAILED, f"the code is {code.value}"


@claim(
    "3",
    "a key that is refused while reconnecting is not tried again",
    fails="AssertionError: it tried the key 5 times",
)
async def refused_while_reconnecting(subject: Subject) -> None:
    async with serving(Peer.converse, refuse) as server, subject.client(server) as client:
        heard = Heard(client, "error")
        await client.connect()
        await (await server.peer()).cut()
        await heard.get("error", within=5.0)
        tries = len(server.peers) - 1
        assert tries == 1, f"it tried the key {tries} times"


@claim(
    "4",
    "who is thrown out for good stays out",
    fails="AssertionError: it came back",
)
async def thrown_out(subject: Subject) -> None:
    async def reject(peer: Peer) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(peer.converse)
            await peer.get(JoinRequested)
            await peer.emit("session_rejected", reason="concurrent_limit", cap=1)
            await peer.text("41/sdk,")

    async with serving(reject) as server, subject.client(server) as client:
        heard = Heard(client, "disconnected")
        await client.connect()
        await heard.get("disconnected")
        with anyio.move_on_after(0.3), suppress(TimeoutError):
            await server.peer(2)
        assert len(server.peers) == 1, "it came back"


@claim("5", "sending works from the `connected` handler", fails="AssertionError: .*NOT_CONNECTED")
async def sending_when_connected(subject: Subject) -> None:
    async with serving() as server, subject.client(server) as client:
        failed: list[str] = []

        def greet(session: Any) -> None:
            try:
                client.send_text("first words")
            except subject.EstuaryError as error:
                failed.append(str(error.code))

        client.on("connected", greet)
        await client.connect()
        peer = await server.peer()
        await done(client.send_text("second words"))
        await peer.get(SendText)
        assert failed == [], failed
        assert (await peer.get(SendText)).text == "first words"


@claim(
    "6",
    "disconnect() in the pause before an attempt ends in peace",
    fails="AssertionError: it told of .*Max reconnection attempts",
)
async def leaving_in_the_pause(subject: Subject) -> None:
    async with serving() as server:
        async with subject.client(server, reconnect_delay=0.3) as client:
            heard = Heard(client, "disconnected", "reconnecting", "error")
            states = Heard(client, "connection_state_changed")
            await client.connect()
            await (await server.peer()).cut()
            await heard.get("reconnecting")
            await client.disconnect()
            with anyio.move_on_after(1.0):  # Nothing more should happen.
                await states.get("connection_state_changed", 99, within=1.0)
    assert heard.of("error") == [], f"it told of {heard.of('error')}"
    _, last = states.told[-1]
    assert last.value == "disconnected", f"the state is {last.value}"


@claim(
    "7",
    "disconnect() ends a connect() that is under way",
    fails="AssertionError: it is online",
)
async def leaving_while_connecting(subject: Subject) -> None:
    async def slow(peer: Peer) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(peer.converse, None)
            await peer.get(JoinRequested)
            await anyio.sleep(0.3)
            with suppress(subject.EstuaryError, Exception):
                peer.conn.submit(WELCOME, now=anyio.current_time())
                await peer.flush()

    async with serving(slow) as server, subject.client(server) as client:
        async with anyio.create_task_group() as tasks:

            async def connect() -> None:
                with suppress(subject.EstuaryError):
                    await client.connect()

            tasks.start_soon(connect)
            await (await server.peer()).get(JoinRequested)
            await client.disconnect()
        assert not client.is_connected, "it is online"


@claim(
    "8",
    "two connect() at a time are one",
    fails="AssertionError: of two calls 2 failed|AssertionError: of two calls 1 failed",
)
async def connecting_twice(subject: Subject) -> None:
    async with serving() as server, subject.client(server) as client:
        failed: list[Exception] = []

        async def connect() -> None:
            try:
                await client.connect()
            except subject.EstuaryError as error:
                failed.append(error)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(connect)
            tasks.start_soon(connect)
        assert failed == [], f"of two calls {len(failed)} failed"
        assert client.is_connected
        assert len(server.peers) == 1


@claim(
    "9",
    "connecting again and again leaves nothing behind",
    fails="AssertionError: [0-9]+ functions are left",
)
async def connecting_again_and_again(subject: Subject) -> None:
    def functions() -> int:
        gc.collect()
        ours = subject.library.__name__
        found = (one for one in gc.get_objects() if isinstance(one, FunctionType))
        return sum((one.__module__ or "").startswith(ours) for one in found)

    async with serving() as server, subject.client(server) as client:
        for cycle in range(6):
            await client.connect()
            await client.disconnect()
            if cycle == 1:  # By now everything is loaded.
                before = functions()
        left = functions() - before
        assert left == 0, f"{left} functions are left"


@claim(
    "10",
    "what was said before disconnect() arrives",
    fails="AssertionError: the client left; it said",
)
async def last_words(subject: Subject) -> None:
    async with serving() as server, subject.client(server) as client:
        await client.connect()
        peer = await server.peer()
        client.send_text("last words")
        await client.disconnect()
        assert (await peer.get(SendText)).text == "last words"


@claim(
    "11",
    "what was accepted and could not be sent is told",
    fails="AssertionError: no error came",
)
async def lost_words(subject: Subject) -> None:
    async with serving() as server:
        async with subject.client(server, auto_reconnect=False) as client:
            heard = Heard(client, "error")
            await client.connect()
            await (await server.peer()).cut()
            # The socket is dead, and the client has not looked at it yet.
            client.send_text("is anybody there?")
            await heard.get("error", within=1.0)


@claim(
    "12",
    "what cannot be sent raises at once",
    fails="AssertionError: nothing was raised",
)
async def what_cannot_be_sent(subject: Subject) -> None:
    async with serving() as server, subject.client(server) as client:
        await client.connect()
        try:
            await done(client.send_text(object()))
        except subject.EstuaryError:
            return
        raise AssertionError("nothing was raised")


@claim(
    "13",
    "audio for a server that does not read is not taken without end",
    fails="AssertionError: all of it was taken",
)
async def a_server_that_does_not_read(subject: Subject) -> None:
    async def deaf(peer: Peer) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(peer.converse)
            await peer.get(StartVoice)
            await peer.emit("voice_started", already_active=False)
            peer.stop_reading()

    async with serving(deaf, small_buffers=True) as server, subject.client(server) as client:
        await client.connect()
        await client.start_voice()
        sent = 0
        with anyio.move_on_after(2.0):
            for _ in range(4000):
                await client.send_audio(b"\x01\x00" * 2400)
                sent += 1
        assert sent < 4000, "all of it was taken"


@claim(
    "15",
    "reasons tell a server that throws us out from a network that breaks",
    fails="AssertionError: both are called transport_close",
)
async def reasons(subject: Subject) -> None:
    found = []
    for end in (Peer.cut, partial(Peer.text)):
        async with serving() as server:
            async with subject.client(server, auto_reconnect=False) as client:
                heard = Heard(client, "disconnected")
                await client.connect()
                peer = await server.peer()
                await (end(peer) if end is Peer.cut else peer.text("41/sdk,"))
                found.append(await heard.get("disconnected"))
    assert found[0] != found[1], f"both are called {found[0]}"


@claim(
    "16",
    "the state is `reconnecting` until it has come back or given up",
    fails="AssertionError: between them it was .*error",
)
async def the_state_while_reconnecting(subject: Subject) -> None:
    async def busy(peer: Peer) -> None:
        await peer.request()
        await peer.raw(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")

    async with serving(Peer.converse, busy, busy, Peer.converse) as server:
        async with subject.client(server) as client:
            heard = Heard(client, "connected", "disconnected", "connection_state_changed")
            await client.connect()
            await heard.get("connected")
            await (await server.peer()).cut()
            await heard.get("disconnected")
            lost = heard.told.index(("disconnected", heard.of("disconnected")[0]))
            await heard.get("connected", 2, within=3.0)
            back = len(heard.told)
            between = [w.value for n, w in heard.told[lost:back] if n.endswith("changed")]
            others = [one for one in between if one not in ("reconnecting", "connected")]
            assert others == [], f"between them it was {others}"


@claim(
    "23",
    "what is larger than the server takes is refused, and the connection lives",
    fails="AssertionError: nothing was raised",
)
async def larger_than_the_server_takes(subject: Subject) -> None:
    handshake = Open("sid", (), 25.0, 20.0, 1000)
    async with serving(handshake=handshake) as server, subject.client(server) as client:
        await client.connect()
        try:
            await done(client.send_text("x" * 5000))
        except subject.EstuaryError:
            await done(client.send_text("small"))
            assert (await (await server.peer()).get(SendText)).text == "small"
            return
        raise AssertionError("nothing was raised")


@claim(
    "24",
    "a token provider that fails is AUTH_FAILED",
    fails="AssertionError: the code is CONNECTION_FAILED",
)
async def a_token_provider_that_fails(subject: Subject) -> None:
    async def provider() -> Any:
        raise RuntimeError("the backend is down")

    async with serving() as server:
        async with subject.client(server, api_key="", token_provider=provider) as client:
            with pytest.raises(subject.EstuaryError) as raised:
                await client.connect()
    code = raised.value.code
    assert code == subject.ErrorCode.AUTH_FAILED, f"the code is {code.value}"


@claim(
    "24",
    "a token that was refused is not tried again",
    fails="AssertionError: the provider was asked 1 times",
)
async def a_token_that_was_refused(subject: Subject) -> None:
    asked = 0

    async def provider() -> Any:
        nonlocal asked
        asked += 1
        return subject.library.ClientCredential("ect_token", "player", time.time() + 3600)

    async with serving(refuse, Peer.converse) as server:
        async with subject.client(server, api_key="", token_provider=provider) as client:
            with suppress(subject.EstuaryError):
                await client.connect()
            await client.connect()
    assert asked == 2, f"the provider was asked {asked} times"
