"""Through an HTTP proxy: tunnels plain and over TLS, and every way in which they do not open."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from estuary_anyio import (
    Disconnected,
    ErrorCode,
    EstuaryClient,
    EstuaryError,
    Outcome,
)
from estuary_anyio.proxy import MAX_HEAD, Proxy, Tunnel, parse_proxy, proxy_for
from estuary_proto import SendText
from tests.anyio.proxying import outside_proxy, proxying
from tests.anyio.server import Peer, after, serving
from tests.anyio.test_anyio_connect import client_context, failure, server_context

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio

TEXT = "ä" * 100_000


def scheme(secure: bool) -> str:
    return "https" if secure else "http"


# --- it works --------------------------------------------------------------------------------


@pytest.mark.parametrize("proxy_tls", [False, True], ids=["plain proxy", "TLS proxy"])
@pytest.mark.parametrize("server_tls", [False, True], ids=["ws", "wss"])
async def test_a_conversation_through_a_tunnel(proxy_tls: bool, server_tls: bool) -> None:
    tls = server_context() if server_tls else None
    async with (
        proxying(tls=server_context() if proxy_tls else None, credentials="me:p@ss") as proxy,
        serving(tls=tls) as server,
    ):
        url = f"{scheme(proxy_tls)}://me:p%40ss@127.0.0.1:{proxy.port}"
        context = client_context()
        async with EstuaryClient(server.config(), ssl_context=context, proxy=url) as client:
            await client.connect()
            peer = await server.peer()
            assert await client.send_text(TEXT) is Outcome.SENT
            assert (await peer.get(SendText)).text == TEXT
            reply = client.ask("?")
            await peer.get(SendText, 2)
            await peer.emit("bot_response", text=TEXT, is_final=True, message_id="m")
            assert (await reply.final()).text == TEXT
            # And again, after a fall.
            await after(client, Disconnected, peer.cut)
            await client.connect()
            client.send_text("last")
        peer = await server.peer(2)
        await peer.left()
        assert (await peer.get(SendText)).text == "last"
        assert len(proxy.heads) == 2
        assert proxy.heads[0].startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n".encode())
        with anyio.fail_after(5):
            while proxy.open:
                await anyio.lowlevel.checkpoint()


async def test_the_environment_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with proxying() as proxy, serving() as server:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        for without, tunnels in (("127.0.0.1", 0), ("", 1)):
            monkeypatch.setenv("no_proxy", without)
            async with EstuaryClient(server.config()) as client:
                await client.connect()
            assert len(proxy.heads) == tunnels
        async with EstuaryClient(server.config(), proxy="") as client:
            await client.connect()
        assert len(proxy.heads) == 1


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of proxy.py."""
    with outside_proxy(tmp_path_factory.mktemp("judge"), "me:secret") as port:
        yield port


async def test_an_outsider_as_proxy(judge: int) -> None:
    async with serving(tls=server_context()) as server:
        url = f"http://me:secret@127.0.0.1:{judge}"
        context = client_context()
        async with EstuaryClient(server.config(), ssl_context=context, proxy=url) as client:
            await client.connect()
            assert await client.send_text(TEXT) is Outcome.SENT
            assert (await (await server.peer()).get(SendText)).text == TEXT
        error = await failure(server.config(), proxy=url.replace("secret", "wrong"))
        assert error.details["status"] == 407


# --- it does not open ------------------------------------------------------------------------

REFUSALS = [
    (b"HTTP/1.1 407 Who?\r\nContent-Length: 0\r\n\r\n", 407, "HTTP 407: it wants other cred"),
    (b"HTTP/1.1 403 No\r\n\r\n<html>", 403, "refused with HTTP 403"),
    (b"HTTP/1.1 502 Bad\r\nContent-Length: 99999999\r\n\r\n", 502, "refused with HTTP 502"),
    (b"HTTP/1.1 301 There\r\nLocation: http://x/\r\n\r\n", 301, "refused with HTTP 301"),
    (b"SSH-2.0-OpenSSH\r\n\r\n", None, "does not speak HTTP here"),
    (b"\x15\x03\x01\x00\x02\x02\x46", None, "does not speak HTTP here"),
    (b"", None, "hung up before it answered"),
    (b"HTTP/1.1 200 OK\r\n", None, "hung up"),
    (b"HTTP/1.1 200 OK\r\n\r\nwait", None, "sent something behind its answer"),
    (b"HTTP/1.1 100 Go on\r\n\r\n" * 10 + b"wait", None, "does not come to an answer"),
    (b"HTTP/1.1 200 OK\r\nX: " + b"x" * MAX_HEAD + b"wait", None, "does not speak HTTP here"),
]


@pytest.mark.parametrize(("answer", "status", "says"), REFUSALS, ids=lambda v: str(v)[:20])
async def test_what_a_proxy_may_answer(answer: bytes, status: int | None, says: str) -> None:
    async with proxying(answer=answer) as proxy, serving() as server:
        url = f"http://me:secret@127.0.0.1:{proxy.port}"
        error = await failure(server.config(), proxy=url)
        assert server.peers == []
    assert error.code is ErrorCode.CONNECTION_FAILED
    assert f"the proxy at 127.0.0.1:{proxy.port}" in error.message
    assert says in error.message
    assert error.details.get("status") == status
    assert error.details["proxy"] == f"127.0.0.1:{proxy.port}"
    assert "secret" not in f"{error!r} {error.details}"


async def test_nobody_is_at_the_proxys_port() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        async with serving() as server:
            error = await failure(server.config(), proxy=f"http://127.0.0.1:{port}")
    assert error.message == f"nobody listens at the proxy 127.0.0.1:{port} (connection refused)"


async def test_tls_to_a_proxy_that_is_not_trusted_or_has_none() -> None:
    async with serving() as server:
        async with proxying(tls=server_context()) as proxy:
            error = await failure(server.config(), proxy=f"https://127.0.0.1:{proxy.port}")
            assert f"certificate of the proxy 127.0.0.1:{proxy.port} is not" in error.message
        async with serving(_answers_in_clear) as other:
            error = await failure(server.config(), proxy=f"https://127.0.0.1:{other.port}")
            assert f"TLS with the proxy 127.0.0.1:{other.port} failed" in error.message


async def _answers_in_clear(peer: Peer) -> None:
    await peer.stream.receive()
    await peer.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def test_the_server_behind_it_is_not_trusted() -> None:
    async with proxying() as proxy, serving(tls=server_context()) as server:
        error = await failure(server.config(), proxy=f"http://127.0.0.1:{proxy.port}")
    assert f"the certificate of 127.0.0.1:{server.port} is not trusted" in error.message


async def test_a_proxy_that_never_answers() -> None:
    async with proxying(answer=b"wait") as proxy, serving() as server:
        config = server.config(connect_timeout=0.05)
        error = await failure(config, proxy=f"http://127.0.0.1:{proxy.port}")
        assert error.code is ErrorCode.CONNECTION_TIMEOUT
        with anyio.fail_after(5):
            while proxy.open:  # Its socket was closed, too.
                await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("proxy_tls", [False, True])
async def test_cancelled_in_the_tunnel(proxy_tls: bool) -> None:
    tls = server_context() if proxy_tls else None
    async with proxying(tls=tls, answer=b"wait") as proxy, serving() as server:
        url = f"{scheme(proxy_tls)}://127.0.0.1:{proxy.port}"
        context = client_context()
        async with EstuaryClient(server.config(), proxy=url, ssl_context=context) as client:
            with anyio.move_on_after(0.1) as scope:
                await client.connect()
            assert scope.cancelled_caught
        with anyio.fail_after(5):
            while proxy.open:
                await anyio.lowlevel.checkpoint()


# --- which one -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://h:3128", Proxy("h", 3128)),
        ("h:3128", Proxy("h", 3128)),
        ("http://h", Proxy("h", 80)),
        ("https://h", Proxy("h", 443, True)),
        ("http://[::1]:8080/", Proxy("::1", 8080)),
        ("http://a%3Ab:c%2Fd@h:1", Proxy("h", 1, False, "Basic YTpiOmMvZA==")),
        ("http://a@h:1", Proxy("h", 1, False, "Basic YTo=")),
    ],
)
def test_proxies(url: str, proxy: Proxy) -> None:
    assert parse_proxy(url) == proxy
    assert "Basic" not in repr(proxy)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("socks5://u:secret@h:1", "a 'socks5' proxy is not supported"),
        ("ftp://h", "a 'ftp' proxy is not supported"),
        ("http://", "names no host"),
        ("http://:80", "names no host"),
        ("http://h:0", "port 0"),
        ("http://h:99999", "makes no sense"),
        ("http://h:secret", "makes no sense"),
        ("http://[::1", "makes no sense"),
        ("http://secret h", "blanks"),
        ("http://secret\r\nX: y", "control characters"),
        (5, "int is no URL"),
    ],
)
def test_wrong_proxies(url: Any, problem: str) -> None:
    with pytest.raises(EstuaryError) as raised:
        parse_proxy(url)
    assert raised.value.code is ErrorCode.CONFIG_INVALID
    assert problem in raised.value.message
    assert "proxy" in raised.value.message
    assert "secret" not in str(raised.value)


async def test_a_wrong_proxy_is_told_where_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as server:
        with pytest.raises(EstuaryError, match="CONFIG_INVALID.*proxy"):
            EstuaryClient(server.config(), proxy="socks5://h:1")
        monkeypatch.setenv("HTTP_PROXY", "socks5://h:1")
        monkeypatch.setenv("NO_PROXY", "")
        error = await failure(server.config())
        assert error.code is ErrorCode.CONFIG_INVALID
        assert "HTTP_PROXY" in error.message


@pytest.mark.parametrize(
    ("environment", "secure", "host", "found"),
    [
        ({}, False, "h", None),
        ({"HTTP_PROXY": "http://a:1"}, False, "h", "a:1"),
        ({"HTTP_PROXY": "http://a:1"}, True, "h", None),
        ({"HTTPS_PROXY": "http://b:1"}, True, "h", "b:1"),
        ({"https_proxy": "http://b:1"}, True, "::1", "b:1"),
        ({"ALL_PROXY": "c:1"}, True, "h", "c:1"),
        ({"ALL_PROXY": "c:1", "HTTP_PROXY": "a:1"}, False, "h", "a:1"),
        ({"ALL_PROXY": "c:1", "NO_PROXY": "x,h"}, False, "h", None),
        ({"ALL_PROXY": "c:1", "NO_PROXY": ".example.com"}, False, "a.example.com", None),
        ({"ALL_PROXY": "c:1", "NO_PROXY": "h:81"}, False, "h", "c:1"),
        ({"ALL_PROXY": "c:1", "NO_PROXY": "h:80"}, False, "h", None),
        ({"ALL_PROXY": "c:1", "NO_PROXY": "*"}, False, "h", None),
        ({"NO_PROXY": "h"}, False, "g", None),
        ({"HTTP_PROXY": ""}, False, "h", None),
    ],
)
def test_the_environment(
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    secure: bool,
    host: str,
    found: str | None,
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    proxy = proxy_for(None, host, 443 if secure else 80, secure=secure)
    assert (None if proxy is None else str(proxy)) == found


def test_a_tunnel_byte_by_byte() -> None:
    tunnel = Tunnel(Proxy("p", 1), "::1", 443)
    assert tunnel.request.startswith(b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n")
    *most, last = b"HTTP/1.1 100 Wait\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    assert not any(tunnel.receive_data(bytes([one])) for one in most)
    assert tunnel.receive_data(bytes([last]))
