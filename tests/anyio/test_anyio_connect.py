"""Connecting over real sockets, and every way in which it fails."""

from __future__ import annotations

import socket
import ssl
import time
from typing import Any

import anyio
import pytest
import trio
import trio.testing
import trustme

from estuary_anyio import (
    BotResponse,
    ConnectionState,
    Disconnected,
    ErrorCode,
    EstuaryClient,
    EstuaryConfig,
    EstuaryError,
    Outcome,
    StateChanged,
)
from estuary_anyio.dial import explain
from estuary_proto import Admit, JoinRequested, Refuse, SendText
from tests.anyio.server import KEY, SESSION, Peer, serving

AUTHORITY = trustme.CA()


def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


def client_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def settings(port: int, **changes: Any) -> EstuaryConfig:
    url = changes.pop("url", f"http://127.0.0.1:{port}")
    return EstuaryConfig(url, KEY, "character", "player", **{"connect_timeout": 5.0, **changes})


async def failure(config: EstuaryConfig, **options: Any) -> EstuaryError:
    """What `connect()` raises; the client is as it should be afterwards."""
    faults: list[EstuaryError] = []
    async with EstuaryClient(config, **options) as client:
        client.on("error", faults.append)
        with pytest.raises(EstuaryError) as raised:
            await client.connect()
        assert client.state is ConnectionState.ERROR
        assert client.session is None
    assert faults == []  # It was raised: it is not told a second time.
    assert KEY not in repr(raised.value) + str(raised.value.details)
    return raised.value


# --- it works --------------------------------------------------------------------------------


async def test_connect_and_leave() -> None:
    states: list[ConnectionState] = []
    async with serving() as server:
        async with EstuaryClient(server.config()) as client:
            client.on("connection_state_changed", states.append)
            assert not client.is_connected
            assert await client.connect() == SESSION
            assert client.is_connected
            assert client.session == SESSION
            assert await client.connect() == SESSION  # It stands already.
        assert states == ["connecting", "connected", "disconnected"]
        peer = await server.peer()
        await peer.left()
        assert len(server.peers) == 1
        auth = (await peer.get(JoinRequested)).auth
        assert auth["api_key"] == KEY
        assert auth["player_id"] == "player"


async def test_headers_and_path_reach_the_server() -> None:
    heads: list[bytes] = []

    async def script(peer: Peer) -> None:
        heads.append(await peer.request())

    async with serving(script) as server:
        error = await failure(server.config(), headers={"X-App": "mine"}, path="/other/")
    assert b"GET /other/?EIO=4&transport=websocket HTTP/1.1\r\n" in heads[0]
    assert b"X-App: mine\r\n" in heads[0]
    assert f"Host: 127.0.0.1:{server.port}\r\n".encode() in heads[0]
    assert error.code is ErrorCode.CONNECTION_FAILED


async def test_session_before_the_ack_and_all_in_one_segment() -> None:
    async def script(peer: Peer) -> None:
        peer.link.start(0)
        peer.link.receive_data(await peer.request(), 0)
        await peer.flush()
        await peer.stream.receive()
        await peer.text('42/sdk,["session_info",{"session_id":"early"}]', '40/sdk,{"sid":"x"}')
        await anyio.sleep_forever()

    async with serving(script) as server, EstuaryClient(server.config()) as client:
        assert (await client.connect()).session_id == "early"


async def test_config_is_checked_and_plain_http_is_warned_of() -> None:
    with pytest.raises(TypeError, match="not EstuaryConfig"):
        EstuaryClient("http://127.0.0.1")  # type: ignore[arg-type]
    with pytest.warns(UserWarning, match=r"example\.test in clear"):
        EstuaryClient(EstuaryConfig("http://example.test", KEY, "c", "p"))
    EstuaryClient(EstuaryConfig("http://localhost", KEY, "c", "p"))


# --- no way there ----------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_nobody_listens(host: str) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        error = await failure(settings(port, url=f"http://{host}:{port}"))
    assert error.code is ErrorCode.CONNECTION_FAILED
    assert f"nobody listens at {host}:{port}" in error.message
    assert error.details == {"host": host, "port": port}


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 64 + ".test"])
@pytest.mark.filterwarnings("ignore:the key travels")
async def test_the_name_is_not_known(host: str) -> None:
    error = await failure(settings(0, url=f"http://{host}"))
    assert error.code is ErrorCode.CONNECTION_FAILED
    assert f"the host name {host!r} cannot be resolved" in error.message


def test_other_causes_are_explained() -> None:
    assert "h:1 does not answer" in explain(TimeoutError(), "h", 1).message
    unreachable = explain(OSError(113, "No route to host"), "h", 1)
    assert unreachable.message == "cannot connect to h:1: No route to host"
    wrapped = OSError("all attempts failed")
    wrapped.__cause__ = ExceptionGroup("", [ConnectionRefusedError(), TimeoutError()])
    assert "nobody listens" in explain(wrapped, "h", 1).message
    nested = ExceptionGroup("", [ExceptionGroup("", [socket.gaierror()])])
    assert "cannot be resolved" in explain(nested, "h", 1).message


# --- TLS ------------------------------------------------------------------------------------


async def test_tls_both_ways() -> None:
    text = "ä" * 100_000
    async with serving(tls=server_context()) as server:
        async with EstuaryClient(server.config(), ssl_context=client_context()) as client:
            await client.connect()
            peer = await server.peer()
            heard = client.events(BotResponse)
            assert await client.send_text(text) is Outcome.SENT
            assert (await peer.get(SendText)).text == text
            await peer.emit("bot_response", text=text, is_final=True, message_id="m")
            async for event in heard:
                assert event.text == text
                break
        await peer.left()
        assert client.state is ConnectionState.DISCONNECTED


async def test_tls_server_that_goes_without_close_notify() -> None:
    async with serving(tls=server_context()) as server:
        config = server.config(auto_reconnect=False)
        async with EstuaryClient(config, ssl_context=client_context()) as client:
            await client.connect()
            gone = client.events(Disconnected)
            await (await server.peer()).cut()
            assert [event.reason async for event in gone] == ["network"]


async def test_tls_our_goodbye_reaches_the_server_with_its_last_text() -> None:
    async with serving(tls=server_context()) as server:
        client = EstuaryClient(server.config(), ssl_context=client_context())
        async with client:
            await client.connect()
            client.send_text("last")
        peer = await server.peer()
        await peer.left()
        assert (await peer.get(SendText)).text == "last"
        assert peer.link.closed  # By a close frame, not by the end of the stream.


async def test_tls_close_is_echoed() -> None:
    async with serving(tls=server_context()) as server:
        config = server.config(auto_reconnect=False)
        async with EstuaryClient(config, ssl_context=client_context()) as client:
            await client.connect()
            peer = await server.peer()
            peer.conn.close(now=anyio.current_time(), code=1001)
            await peer.flush()
            await peer.left()
            assert peer.link.closed


async def test_certificate_is_not_trusted() -> None:
    async with serving(tls=server_context()) as server:
        error = await failure(server.config())
    assert error.code is ErrorCode.CONNECTION_FAILED
    assert f"the certificate of 127.0.0.1:{server.port} is not trusted" in error.message


async def test_certificate_is_for_somebody_else() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("elsewhere.test").configure_cert(context)
    async with serving(tls=context) as server:
        error = await failure(server.config(), ssl_context=client_context())
    assert "is not trusted" in error.message


async def test_https_to_a_server_that_speaks_http() -> None:
    async def script(peer: Peer) -> None:
        await peer.stream.receive()
        await peer.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(script) as server:
        error = await failure(settings(0, url=f"https://127.0.0.1:{server.port}"))
    assert error.code is ErrorCode.CONNECTION_FAILED
    assert "does it speak plain http or ws?" in error.message


async def test_https_to_a_server_that_hangs_up() -> None:
    async def script(peer: Peer) -> None:
        await peer.stream.receive()
        await peer.cut()

    async with serving(script) as server:
        error = await failure(settings(0, url=f"https://127.0.0.1:{server.port}"))
    assert error.code is ErrorCode.CONNECTION_FAILED
    assert f"127.0.0.1:{server.port}" in error.message


async def test_http_to_a_server_that_speaks_tls() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.raw(b"\x15\x03\x01\x00\x02\x02\x46")

    async with serving(script) as server:
        error = await failure(server.config())
    assert error.code is ErrorCode.CONNECTION_FAILED
    assert "speaks TLS, so try https" in error.message


# --- the server says no ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "code", "said"),
    [
        ("401 Unauthorized", ErrorCode.AUTH_FAILED, "HTTP 401"),
        ("403 Forbidden", ErrorCode.AUTH_FAILED, "HTTP 403"),
        ("500 Oh no", ErrorCode.CONNECTION_FAILED, "HTTP 500"),
        (
            "302 Found\r\nLocation: https://elsewhere.test/?key=secret",
            ErrorCode.CONNECTION_FAILED,
            "it points to https://elsewhere.test/",
        ),
    ],
)
async def test_http_refusal(head: str, code: ErrorCode, said: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.raw(f"HTTP/1.1 {head}\r\nContent-Length: 4\r\n\r\nnope".encode())
        await anyio.sleep_forever()

    async with serving(script) as server:
        error = await failure(server.config())
    assert error.code is code
    assert said in error.message
    assert "secret" not in str(error.details)


async def test_auth_error() -> None:
    async def script(peer: Peer) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(peer.converse, None)
            await peer.get(JoinRequested)
            await peer.text('42/sdk,["auth_error",{"error":"bad key"}]', '44/sdk,{"message":"no"}')

    async with serving(script) as server:
        error = await failure(server.config())
    assert error.code is ErrorCode.AUTH_FAILED
    assert "bad key" in error.message


async def test_connect_error() -> None:
    async with serving(lambda peer: peer.converse(Refuse("not you"))) as server:
        error = await failure(server.config())
    assert error.code is ErrorCode.AUTH_FAILED
    assert "not you" in error.message


# --- too slow --------------------------------------------------------------------------------


async def test_session_never_comes() -> None:
    async with serving(lambda peer: peer.converse(None)) as server:
        error = await failure(server.config(connect_timeout=0.1))
        await (await server.peer()).left()
    assert error.code is ErrorCode.CONNECTION_TIMEOUT
    assert "timed out waiting for the answer to the request to join" in error.message


@pytest.mark.parametrize("url", ["http", "https"])
async def test_handshake_never_comes(url: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.stream.receive()
        with pytest.raises(anyio.EndOfStream):
            await peer.stream.receive()

    async with serving(script) as server:
        error = await failure(
            settings(0, url=f"{url}://127.0.0.1:{server.port}", connect_timeout=0.5)
        )
        await (await server.peer()).left()
    assert error.code is ErrorCode.CONNECTION_TIMEOUT
    assert f"no WebSocket to 127.0.0.1:{server.port} in 0.5 s" in error.message


async def slow_ack(delay: float) -> None:
    async def script(peer: Peer) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(peer.converse, None)
            await peer.get(JoinRequested)
            await anyio.sleep(delay)
            peer.conn.submit(Admit(SESSION), now=anyio.current_time())
            await peer.flush()

    async with serving(script) as server, EstuaryClient(server.config()) as client:
        assert await client.connect() == SESSION


async def test_slow_ack() -> None:
    await slow_ack(0.1)


def test_ack_after_1_3_seconds() -> None:
    before = time.monotonic()
    trio.run(slow_ack, 1.3, clock=trio.testing.MockClock(autojump_threshold=0))
    assert time.monotonic() - before < 1.0


# --- more than one -----------------------------------------------------------------------------


async def test_concurrent_calls_share_one_attempt() -> None:
    sessions: list[object] = []
    async with serving() as server, EstuaryClient(server.config()) as client:

        async def connect() -> None:
            sessions.append(await client.connect())

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(connect)
        assert sessions == [SESSION] * 3
        assert len(server.peers) == 1


async def test_concurrent_calls_share_one_failure() -> None:
    errors: list[EstuaryError] = []

    async with serving(lambda peer: peer.converse(Refuse("no"))) as server:
        async with EstuaryClient(server.config()) as client:

            async def connect() -> None:
                with pytest.raises(EstuaryError) as raised:
                    await client.connect()
                errors.append(raised.value)

            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(connect)
            assert len(errors) == 3
            assert len(server.peers) == 1


async def test_one_of_two_that_gives_up_does_not_end_the_attempt() -> None:
    done = anyio.Event()

    async def script(peer: Peer) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(peer.converse, None)
            await peer.get(JoinRequested)
            await done.wait()
            peer.conn.submit(Admit(SESSION), now=anyio.current_time())
            await peer.flush()

    async with serving(script) as server, EstuaryClient(server.config()) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.connect)
            await (await server.peer()).get(JoinRequested)
            with anyio.move_on_after(0):
                await client.connect()
            assert client.state is ConnectionState.CONNECTING
            done.set()
        assert client.is_connected


async def test_failed_and_then_connected() -> None:
    async with serving(lambda peer: peer.converse(Refuse("no")), Peer.converse) as server:
        async with EstuaryClient(server.config()) as client:
            states = client.events(StateChanged)
            with pytest.raises(EstuaryError):
                await client.connect()
            assert [event.state async for event in states] == ["connecting", "error"]
            assert await client.connect() == SESSION
        assert len(server.peers) == 2
