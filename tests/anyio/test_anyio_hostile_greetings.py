"""Servers that are silent, or wrong, before there is a session: connect() raises once, in time.

One error that says what was wrong, one connection, no event but the states; nothing is logged as a
warning and nothing reaches stderr. What is merely odd is welcome.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import anyio
import pytest
import trustme

from estuary_anyio import Disconnected, ErrorCode, EstuaryClient, EstuaryError, Outcome
from tests.anyio import byhand
from tests.anyio.byhand import Story, event
from tests.anyio.server import Peer, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from estuary_anyio import EstuaryConfig

    Act = Callable[[Peer], Coroutine[Any, Any, None]]

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]

IN = ["is connecting", "is connected", "connected"]


def stages(*packets: str) -> Act:
    async def act(peer: Peer) -> None:
        await byhand.upgrade(peer)
        await peer.text(*packets[:1])
        if packets:
            await peer.stream.receive()
            await peer.text(*packets[1:])
        await byhand.drain(peer)

    return act


async def reads_the_request(peer: Peer) -> None:
    await peer.request()
    await byhand.drain(peer)


async def half_a_head(peer: Peer) -> None:
    await peer.request()
    await peer.raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: webs")
    await byhand.drain(peer)


SILENT: dict[str, tuple[Act, str]] = {
    "it accepts": (byhand.drain, "no WebSocket to"),
    "the request": (reads_the_request, "no WebSocket to"),
    "half a head": (half_a_head, "no WebSocket to"),
    "the WebSocket": (stages(), "the server's Engine.IO greeting"),
    "the greeting": (stages(byhand.OPEN), "the answer to the request to join"),
    "the ack": (stages(byhand.OPEN, byhand.ACK), "session_info"),
    "the session": (stages(byhand.OPEN, byhand.SESSION), "the namespace acknowledgement"),
    "half a packet": (stages(byhand.OPEN, byhand.ACK, byhand.TAKEN), "session_info"),
}


@pytest.mark.parametrize("name", SILENT)
async def test_silent_after(name: str) -> None:
    act, said = SILENT[name]
    error = await failure(act, connect_timeout=0.1)
    assert error.code is ErrorCode.CONNECTION_TIMEOUT
    assert said in error.message


async def failure(act: Act, **settings: Any) -> EstuaryError:
    """What connect() raises: once, after one connection, which is gone afterwards."""
    async with serving(act, Peer.converse) as server:
        async with EstuaryClient(server.config(**settings)) as client:
            story = Story(client)
            with pytest.raises(EstuaryError) as raised:
                await client.connect()
            assert story.told == ["is connecting", "is error"]
            await (await server.peer()).left()
            assert len(server.peers) == 1
            await client.connect()
            assert story.told[2:] == IN
    return raised.value


def sends(data: bytes, *, again: int = 1) -> Act:
    """Answer the HTTP request with these bytes, `again` and again."""

    async def act(peer: Peer) -> None:
        await peer.request()
        for _ in range(again):
            await peer.raw(data)
        await byhand.drain(peer)

    return act


HEADS: dict[str, tuple[Act, str]] = {
    "no HTTP": (sends(b"SSH-2.0-OpenSSH\r\n"), "does not speak HTTP"),
    "zeros": (sends(bytes(100)), "does not speak HTTP"),
    "TLS": (sends(b"\x15\x03\x01\x00\x02\x02\x46"), "it speaks TLS, so try https"),
    "HTTP/2": (sends(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00"), "does not speak HTTP"),
    "an endless head": (
        sends(b"HTTP/1.1 101 Ok\r\n" + b"X: y\r\n" * 1000, again=50),
        "longer than 16384 bytes",
    ),
    "an endless line": (sends(b"HTTP/1.1 101 " + b"x" * 2000, again=50), "longer than 16384"),
    "101 and no more": (sends(b"HTTP/1.1 101 Ok\r\n\r\n"), "handshake is wrong"),
    "101 of another key": (
        sends(
            b"HTTP/1.1 101 Ok\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"
        ),
        "handshake is wrong",
    ),
    "200": (sends(b"HTTP/1.1 200 Ok\r\nContent-Length: 5\r\n\r\nhello"), "HTTP 200"),
    "400": (sends(b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"), "HTTP 400"),
    "404": (sends(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"), "HTTP 404"),
    "502": (sends(b"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n"), "HTTP 502"),
    "301": (
        sends(b"HTTP/1.1 301 Moved\r\nLocation: wss://e.test/x?key=1\r\nContent-Length: 0\r\n\r\n"),
        "it points to wss://e.test/x",
    ),
    "an endless body": (
        sends(b"HTTP/1.1 500 No\r\nContent-Length: 999999999\r\n\r\n" + b"x" * 5000),
        "HTTP 500",
    ),
    "a status of letters": (sends(b"HTTP/1.1 abc\r\n\r\n"), "handshake is wrong"),
    "headers of no sense": (sends(b"HTTP/1.1 101 Ok\r\n: : :\r\n\x00\r\n\r\n"), "is wrong"),
}


@pytest.mark.parametrize("name", HEADS)
async def test_wrong_answers_to_the_handshake(name: str) -> None:
    act, said = HEADS[name]
    error = await failure(act)
    assert error.code is ErrorCode.CONNECTION_FAILED
    assert said in error.message


async def test_https_to_a_real_server_of_http() -> None:
    async with serving() as server:
        url = f"https://127.0.0.1:{server.port}"
        error = await refusal(server.config(server_url=url))
        assert "does it speak plain http or ws?" in error.message
        assert len(server.peers) == 1


async def test_http_to_a_real_server_of_https(caplog: pytest.LogCaptureFixture) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with serving(tls=context) as server:
        url = f"http://127.0.0.1:{server.port}"
        error = await refusal(server.config(server_url=url))
        # This one has no alert to say, so there is nothing to guess from.
        assert "closed the connection before the WebSocket handshake was done" in error.message
        assert server.peers == []  # None came through the handshake.
    assert {one.name for one in caplog.records} == {"anyio.streams.tls"}  # The server's own.
    caplog.clear()


async def refusal(config: EstuaryConfig) -> EstuaryError:
    async with EstuaryClient(config) as client:
        story = Story(client)
        with pytest.raises(EstuaryError) as raised:
            await client.connect()
        assert story.told == ["is connecting", "is error"]
        assert raised.value.code is ErrorCode.CONNECTION_FAILED
    return raised.value


GREETINGS: dict[str, str] = {
    "no OPEN": "40/sdk,",
    "a ping of length": "9" * 5000,
    "no object": "0[]",
    "no JSON": "0{sid}",
    "no sid": '0{"upgrades":[],"pingInterval":25000}',
    "a sid of numbers": '0{"sid":7}',
    "a negative interval": '0{"sid":"s","pingInterval":-1}',
    "an interval of words": '0{"sid":"s","pingInterval":"soon"}',
    "an endless interval": '0{"sid":"s","pingTimeout":1e300}',
    "no payload at all": '0{"sid":"s","maxPayload":0}',
    "an event": '42/sdk,["session_info",{}]',
}
JOINS: dict[str, list[str]] = {
    "a second greeting": [byhand.OPEN],
    "an ack of joining with a list": ["40/sdk,[]"],
    "two acks": [byhand.ACK, byhand.ACK],
    "nonsense": ["hello"],
    "a session cut short": [byhand.ACK, '42/sdk,["session_info",{'],
}


@pytest.mark.parametrize("name", GREETINGS)
async def test_wrong_greetings(name: str) -> None:
    async def act(peer: Peer) -> None:
        await byhand.upgrade(peer)
        await peer.text(GREETINGS[name])
        await byhand.drain(peer)

    error = await failure(act)
    assert error.code is ErrorCode.CONNECTION_FAILED
    assert error.message.startswith("the server broke the protocol: ")


@pytest.mark.parametrize("name", JOINS)
async def test_wrong_answers_to_joining(name: str) -> None:
    error = await failure(stages(byhand.OPEN, *JOINS[name]))
    assert error.code is ErrorCode.CONNECTION_FAILED
    assert error.message.startswith("the server broke the protocol: ")


GENEROUS: dict[str, list[str]] = {
    "an OPEN with a sid only": ['0{"sid":"s"}', byhand.ACK, byhand.SESSION],
    "an OPEN with NaN": ['0{"sid":"s","pingInterval":NaN}', byhand.ACK, byhand.SESSION],
    "an OPEN with nulls": ['0{"sid":"s","pingInterval":null}', byhand.ACK, byhand.SESSION],
    "Engine.IO 3 habits": [
        '0{"sid":"s","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":5000}',
        "40",
        "40/sdk",
        byhand.SESSION,
    ],
    "events before the session": [
        byhand.OPEN,
        event("stt_response", None),
        byhand.ACK,
        event("tea"),
        byhand.SESSION,
    ],
    "the session first, twice": [byhand.OPEN, byhand.SESSION, byhand.SESSION, byhand.ACK],
    "a session of nothing": [byhand.OPEN, byhand.ACK, event("session_info")],
    "a session that is a list": [byhand.OPEN, byhand.ACK, event("session_info", [1])],
    "pings on the way": [byhand.OPEN, "2", byhand.ACK, "2probe", byhand.SESSION],
}


@pytest.mark.parametrize("name", GENEROUS)
async def test_odd_but_welcome(name: str) -> None:
    seen = anyio.Event()

    async def act(peer: Peer) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stages(*GENEROUS[name]), peer)
            await seen.wait()
            tasks.cancel_scope.cancel()

    async with serving(act) as server:
        async with EstuaryClient(server.config(auto_reconnect=False)) as client:
            story = Story(client)
            rest = client.events(Disconnected)
            session = await client.connect()
            assert session.session_id == ("" if "a session" in name else "session")
            assert await client.send_text("hello") is Outcome.SENT
            assert story.told == IN
            seen.set()
            assert [one.reason async for one in rest] == ["network"]
        assert len(server.peers) == 1
