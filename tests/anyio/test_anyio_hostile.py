"""Servers that break every rule there is: one clear end or none, and never a hang or a trace.

Each frame below is sent to a client that is in a session. In all of it nothing may be logged as a
warning, nothing may reach stderr, and the number of connections is told.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import anyio
import pytest
import trio
import trio.testing

from estuary_anyio import (
    Connected,
    Disconnected,
    ErrorCode,
    EstuaryClient,
    EstuaryError,
    ListenerOverflow,
    Outcome,
    SttResponse,
    UnknownEvent,
)
from estuary_anyio.names import NAMES
from estuary_proto import Closed, SendBlocked
from estuary_proto.intents import SendText
from estuary_proto.messages import TO_CLIENT
from tests.anyio import byhand
from tests.anyio.byhand import Story, event
from tests.anyio.server import Peer, after, serving, text_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    Act = Callable[[Peer], Coroutine[Any, Any, None]]

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]

IN = ["is connecting", "is connected", "connected"]


async def still_talks(client: EstuaryClient, peer: Peer) -> None:
    """The session of before is alive in both directions."""
    count = peer.count(SendText)
    mark = event("stt_response", {"text": "mark"})
    found = await after(client, SttResponse, peer.text, mark, where=lambda e: e.text == "mark")
    assert found.text == "mark"
    assert await client.send_text("still here") is Outcome.SENT
    await peer.get(SendText, count + 1)


# --- in a session: what ends it --------------------------------------------------------------


def ws(first: int, payload: bytes = b"") -> bytes:
    return bytes([first, len(payload)]) + payload


DEEP = '42/sdk,["x",' + "[" * 50_000 + "]" * 50_000 + "]"

BROKEN_BYTES: dict[str, tuple[bytes, int]] = {
    # what comes                          the code with which we close
    "an unknown opcode": (ws(0x83), 1002),
    "an unknown control opcode": (ws(0x8B), 1002),
    "a reserved bit": (ws(0xC1, b"2"), 1002),
    "a masked frame": (b"\x81\x81\0\0\0\x002", 1002),
    "text that is no UTF-8": (ws(0x81, b"2\xff"), 1007),
    "half a character": (ws(0x81, b"2\xc3"), 1007),
    "a fragmented ping": (ws(0x09, b"x"), 1002),
    "a ping of 126 bytes": (b"\x89\x7e\x00\x7e" + b"x" * 126, 1002),
    "a continuation of nothing": (ws(0x80, b"x"), 1002),
    "a text within a text": (ws(0x01, b"4") + ws(0x81, b"2"), 1002),
    "a length in too many bytes": (b"\x81\x7e\x00\x012", 1002),
    "a length of over 63 bits": (b"\x81\x7f" + b"\xff" * 8, 1009),
    "a close code that is none": (ws(0x88, b"\x03\xed"), 1002),
    "half a close code": (ws(0x88, b"\x03"), 1002),
    "a reason that is no UTF-8": (ws(0x88, b"\x03\xe8\xff"), 1007),
    "a message that says it is huge": (b"\x81\x7f" + struct.pack("!Q", 2**40), 1009),
    "a message that is too big": (b"\x81\x7e" + struct.pack("!H", 5000) + b"2" * 5000, 1009),
    "fragments without end": (ws(0x01, b"4" * 100) + ws(0x00, b"4" * 100) * 100, 1009),
}
BROKEN_FRAMES: dict[str, list[str | bytes]] = {
    "no Engine.IO packet": [""],
    "an Engine.IO packet of no type": ["7"],
    "letters": ["hello"],
    "a second greeting": [byhand.OPEN],
    "no Socket.IO packet": ["4"],
    "a Socket.IO packet of no type": ["47/sdk,"],
    "an event of nothing": ["42/sdk,"],
    "an event that is an object": ["42/sdk,{}"],
    "an event without a name": ["42/sdk,[]"],
    "an event with a number for a name": ["42/sdk,[7]"],
    "JSON cut short": ['42/sdk,["x",{"a":'],
    "JSON and more": ['42/sdk,["x"]["y"]'],
    "no JSON": ["42/sdk,bot_response"],
    "JSON of great depth": [DEEP],
    "JSON of some depth": ['42/sdk,["x",' + "[" * 200 + "]" * 200 + "]"],
    "a number of 5,000 digits": ['42/sdk,["x",' + "1" * 5000 + "]"],
    "an ack id without end": ["42/sdk," + "9" * 100 + '["x"]'],
    "an ack without an id": ["43/sdk,[]"],
    "an ack that is no list": ["43/sdk,1{}"],
    "a second ack of joining": [byhand.ACK],
    "a refusal in mid-session": ['44/sdk,{"message":"no"}'],
    "a disconnect with an id": ["41/sdk,7"],
    "a namespace of great length": ["42/" + "n" * 1000 + ',["x"]'],
    "bytes where text is due": [b"\0\1\2"],
    "attachments without a count": ['45/sdk,["x"]'],
    "attachments that nobody mentions": ['452-/sdk,["x"]'],
    "too many attachments": ['45999-/sdk,["x"]'],
    "an attachment beyond the count": ['451-/sdk,["x",{"_placeholder":true,"num":7}]'],
    "text where an attachment is due": [byhand.TAKEN, event("stt_response", {})],
    "an attachment too many": [byhand.TAKEN, b"one", b"two"],
}


async def breaks(act: Act, said: str, *, limit: int, code: int | None = None) -> None:
    """In a session the server does this: one error, one reason, and a new connection."""
    async with serving(Peer.converse, Peer.converse) as server:
        async with EstuaryClient(server.config(max_message_size=limit)) as client:
            story = Story(client)
            await client.connect()
            first = await server.peer()
            await after(client, Connected, act, first)
            assert story.told == [
                *IN,
                "is reconnecting",
                "lost: protocol",
                "error CONNECTION_FAILED",
                "attempt 1",
                "is connected",
                "connected",
            ]
            assert story.errors[0].message.startswith("the server broke the protocol: " + said)
            assert ("broken WebSocket" in story.errors[0].message) is (code is not None)
            await still_talks(client, await server.peer(2))
            await first.left()
            if code is not None:
                assert (await first.get(Closed)).error.details == {"close_code": code}
        assert len(server.peers) == 2


@pytest.mark.parametrize("name", BROKEN_BYTES)
async def test_broken_bytes(name: str) -> None:
    data, code = BROKEN_BYTES[name]

    async def act(peer: Peer) -> None:
        await peer.raw(data)

    await breaks(act, "broken WebSocket: ", limit=4096, code=code)


@pytest.mark.parametrize("name", BROKEN_FRAMES)
async def test_broken_frames(name: str) -> None:
    async def act(peer: Peer) -> None:
        frames = BROKEN_FRAMES[name]
        await peer.raw(b"".join(text_frame(f) if isinstance(f, str) else binary(f) for f in frames))

    await breaks(act, "", limit=2**20)


def binary(data: bytes) -> bytes:
    return b"\x82\x7e" + struct.pack("!H", len(data)) + data if len(data) > 125 else ws(0x82, data)


# --- in a session: what it survives ----------------------------------------------------------

HARMLESS: dict[str, list[str]] = {
    "a ping with a word": ["2probe"],
    "a pong that nobody asked for": ["3", "3probe"],
    "upgrade and noop": ["5", "6"],
    "an event of the main namespace": ['42["x"]', '42["bot_response",{}]'],
    "a namespace that we are not in": ["40/other,", '42/other,["x"]', "41/other,", "44/other,"],
    "an ack that nobody waits for": ["43/sdk,99[]", "43/sdk,0[1,2,3]"],
    "an event that nobody knows": [event("tea_time", 1, 2), event("connect"), event("")],
    "what only a client says": [event("text", {"text": "x"}), event("authenticate", {})],
    "numbers without end": ['42/sdk,["stt_response",{"text":1e999}]'],
    "many arguments": [event("stt_response", *[{}] * 100)],
    "the session once more": [byhand.SESSION],
}


@pytest.mark.parametrize("name", HARMLESS)
async def test_harmless(name: str) -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        story = Story(client)
        await client.connect()
        peer = await server.peer()
        await peer.text(*HARMLESS[name])
        await still_talks(client, peer)
        assert story.told == IN


WRONG_KEYS = [
    "text", "message", "message_id", "is_final", "partial", "audio", "chunk_index", "name",
    "arguments", "level", "action", "error", "reason", "request_id", "sample_rate", "weights",
    "bones", "new_memories", "media", "citations", "url", "token", "session_id", "limit", "cap",
]  # fmt: skip
WRONG_VALUES: list[Any] = [None, [], {}, "text", "", -1, 1.5, True, [None, [], {}, 1], "\ud83d"]
WRONG: dict[str, list[Any]] = {
    "nothing": [],
    "null": [None],
    "a list": [[1, "two", None]],
    "a text": ["text"],
    "a number": [7],
    "true": [True],
    "nested": [{"data": {"text": {"text": []}}}],
    **{f"all fields {value!r:.12}": [dict.fromkeys(WRONG_KEYS, value)] for value in WRONG_VALUES},
    "great numbers": [dict.fromkeys(WRONG_KEYS, 10**400)],
}
TOLD_BY_HAND = {"error", "session_info"}


@pytest.mark.parametrize("wrong", WRONG)
async def test_wrong_payloads_of_every_event(wrong: str) -> None:
    """Every known event with a payload of the wrong type: told, with defaults; nothing ends."""
    async with serving() as server, EstuaryClient(server.config()) as client:
        story = Story(client)
        told: list[Any] = []
        called: list[str] = []
        client.on("*", told.append)
        for name in NAMES:
            client.on(name, lambda *args, name=name: called.append(name))
        await client.connect()
        peer = await server.peer()
        told.clear()
        called.clear()
        for name in TO_CLIENT:
            await peer.text(event(name, *WRONG[wrong]))
        await still_talks(client, peer)
        for name in TO_CLIENT.keys() - TOLD_BY_HAND:
            events = [one for one in told if getattr(one, "WIRE", "") == name]
            assert len(events) == 1 + (name == "stt_response"), name
            assert repr(events[0])
            assert called.count(events[0].NAME) == len(events)
        assert not any(isinstance(one, UnknownEvent) for one in told)
        # The server's own `error`, and audio that is none.
        codes = {error.code for error in story.errors}
        assert codes <= {ErrorCode.UNKNOWN, ErrorCode.PROTOCOL_ERROR}
        assert [one for one in story.told if not one.startswith("error ")] == IN
        assert client.is_connected
        assert len(server.peers) == 1


# --- floods ----------------------------------------------------------------------------------


async def test_a_flood_of_pings() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        story = Story(client)
        await client.connect()
        peer = await server.peer()
        for _ in range(20):
            await peer.raw(ws(0x89, b"ping") * 1000 + text_frame("2") * 1000)
        await still_talks(client, peer)
        assert story.told == IN


async def test_a_flood_of_acks_is_answered() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        story = Story(client)
        await client.connect()
        peer = await server.peer()
        for start in range(0, 5000, 100):
            await peer.text(*[f'42/sdk,{n}["tea",{{}}]' for n in range(start, start + 100)])
        await still_talks(client, peer)
        assert story.told == IN


async def test_a_flood_of_acks_that_are_not_read_ends_it() -> None:
    async with serving(small_buffers=True) as server:
        async with EstuaryClient(server.config(auto_reconnect=False)) as client:
            story = Story(client)
            rest = client.events(Disconnected)
            await client.connect()
            peer = await server.peer()
            await still_talks(client, peer)  # So that it waits for more, with nothing at hand.
            peer.stop_reading()
            with pytest.raises(SendBlocked):
                while True:
                    client.send_text("x" * 900_000)
            await peer.text(*[f'42/sdk,{n}["tea",{{}}]' for n in range(2000)])
            assert [one.reason async for one in rest] == ["protocol"]
            assert "does not read what it asked us to answer" in story.errors[-1].message
            assert [one.code for one in story.errors] == [ErrorCode.CONNECTION_FAILED] * 2
            assert story.errors[0].details["lost"] >= 8


async def test_a_flood_of_events_is_bounded_and_hangs_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    total = 30_000
    async with serving() as server, EstuaryClient(server.config()) as client:
        story = Story(client)
        overflows: list[ListenerOverflow] = []
        seen: list[str] = []
        go_on, done = anyio.Event(), anyio.Event()

        async def slow(heard: SttResponse) -> None:
            await go_on.wait()
            seen.append(heard.text)
            if heard.text == "mark":
                done.set()

        client.on("stt_response", slow)
        client.on("listener_overflow", overflows.append)
        await client.connect()
        peer = await server.peer()
        for start in range(0, total, 500):
            packets = [event("stt_response", {"text": f"{start + n}"}) for n in range(500)]
            await peer.text(*packets)
        await still_talks(client, peer)
        assert overflows
        assert [one.event for one in overflows] == ["stt_response"] * len(overflows)
        assert overflows[-1].dropped <= total
        go_on.set()
        with anyio.fail_after(5):
            await done.wait()
        # What it got is the newest, in order; the first was in its hands already.
        kept = [int(text) for text in seen if text != "mark"]
        assert kept[1:] == list(range(total - len(kept) + 1, total))
        assert 9_000 < len(kept) <= 10_001
        assert story.told == IN
    assert all("too slow" in one.getMessage() for one in caplog.records)
    caplog.clear()


# --- a server that does not read, or does not do what it promised -----------------------------


async def test_disconnect_from_a_server_that_does_not_read() -> None:
    async with serving(small_buffers=True) as server:
        async with EstuaryClient(server.config()) as client:
            story = Story(client)
            await client.connect()
            peer = await server.peer()
            await still_talks(client, peer)  # So that it waits for more, with nothing at hand.
            peer.stop_reading()
            receipts = []
            with pytest.raises(SendBlocked) as raised:
                while True:
                    receipts.append(client.send_text("x" * 900_000))
            assert raised.value.code is ErrorCode.SEND_BUFFER_FULL
            assert client.is_connected
            with anyio.fail_after(10):
                await client.disconnect()
            outcomes = [await receipt for receipt in receipts]
            lost = outcomes.count(Outcome.LOST)
            assert lost >= 8
            assert [error.details for error in story.errors] == [{"lost": lost}]
            assert story.told == [
                *IN,
                "is disconnected",
                "lost: client",
                "error CONNECTION_FAILED",
            ]
        assert len(server.peers) == 1


async def test_a_text_over_the_servers_limit_raises_and_the_session_lives() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        story = Story(client)
        await client.connect()
        peer = await server.peer()
        for send in (client.send_text, client.ask, client.say_line):
            with pytest.raises(EstuaryError, match="maxPayload") as raised:
                send("x" * 2**20)
            assert raised.value.details["limit"] == 2**20
        await still_talks(client, peer)
        assert story.told == IN


def test_attachments_that_never_come() -> None:
    async def run() -> None:
        async with serving() as server:
            async with EstuaryClient(server.config(auto_reconnect=False)) as client:
                story = Story(client)
                rest = client.events(Disconnected)
                await client.connect()
                peer = await server.peer()
                began = trio.current_time()
                await peer.text(byhand.TAKEN)
                assert [one.reason async for one in rest] == ["protocol"]
                assert 30 <= trio.current_time() - began <= 31
                assert "the attachments of a packet never came" in story.errors[0].message
                assert len(story.errors) == 1

    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0.1))


def test_a_server_of_another_engine_io_that_never_pings() -> None:
    """Engine.IO 3 waits for the client's pings; as long as it says anything at all it is alive."""

    async def act(peer: Peer) -> None:
        greeting = '0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":5000}'
        await byhand.welcome(peer, greeting, "40", "40/sdk", byhand.SESSION)
        for _ in range(5):
            await anyio.sleep(25)
            await peer.text("3")
        await byhand.drain(peer)

    async def run() -> None:
        async with serving(act) as server:
            async with EstuaryClient(server.config(auto_reconnect=False)) as client:
                story = Story(client)
                rest = client.events(Disconnected)
                await client.connect()
                began = trio.current_time()
                assert [one.reason async for one in rest] == ["heartbeat"]
                assert 154 <= trio.current_time() - began <= 156
                assert story.errors == []

    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0.1))
