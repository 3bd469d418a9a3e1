"""The ways to a server: over TLS, through a proxy, and what is said where there is none."""

from __future__ import annotations

import ssl
from typing import Any

import anyio
import pytest
import trustme
from anyio.streams.tls import TLSStream

from estuary_anyio import EstuaryClient, EstuaryConfig, RestError, RetryConfig
from tests.anyio.proxying import proxying

from .flaky import Flaky, config, says, serving
from .routes import KEY

pytestmark = pytest.mark.anyio
AUTHORITY = trustme.CA()
STATS = says(200, {"totalActive": 1})


def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


def client_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


class Secure(Flaky):
    """The same over TLS."""

    async def serve(self, stream: Any) -> None:
        async with stream:
            try:
                secure = await TLSStream.wrap(
                    stream, ssl_context=server_context(), standard_compatible=False
                )
            except (ssl.SSLError, anyio.BrokenResourceError, anyio.EndOfStream):
                return
            await super().serve(secure)  # type: ignore[arg-type]


async def answered(config: EstuaryConfig, **options: Any) -> int:
    client = EstuaryClient(config, **options)
    try:
        return (await client.memory.get_stats()).total_active
    finally:
        await client.disconnect()


async def test_tls_by_the_context_of_the_client() -> None:
    server = Secure(STATS)
    async with serving(server):
        server.url = server.url.replace("http:", "https:")
        assert await answered(config(server), ssl_context=client_context()) == 1
        with pytest.raises(RestError, match="certificate of 127.0.0.1:.* is not trusted"):
            await answered(config(server, retry=RetryConfig(0)))
        assert len(server.requests) == 1


@pytest.mark.parametrize("target", ["plain", "tls"])
@pytest.mark.parametrize("way", ["plain", "tls"])
async def test_through_a_proxy(target: str, way: str) -> None:
    """To a plain server httpx asks the proxy for the resource itself: no tunnel is needed."""
    server: Flaky = Secure(STATS) if target == "tls" else Flaky(STATS)
    answer = None
    if target == "plain":
        answer = b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"totalActive": 1}'
    tls = server_context() if way == "tls" else None
    async with serving(server), proxying(tls=tls, answer=answer, credentials="me:pw") as proxy:
        if target == "tls":
            server.url = server.url.replace("http:", "https:")
        url = f"http{'s' if tls else ''}://me:pw@127.0.0.1:{proxy.port}"
        assert await answered(config(server), ssl_context=client_context(), proxy=url) == 1
        (head,) = proxy.heads
        assert b"Proxy-Authorization: Basic " in head
        assert (KEY.encode() in head) is (target == "plain")
        method = b"CONNECT 127.0.0.1:" if target == "tls" else b"GET http://127.0.0.1:"
        assert head.startswith(method)
        assert len(server.requests) == (1 if target == "tls" else 0)


async def test_a_proxy_that_refuses() -> None:
    server = Secure(STATS)
    async with serving(server), proxying(credentials="me:pw") as proxy:
        server.url = server.url.replace("http:", "https:")
        with pytest.raises(RestError, match="cannot connect to 127.0.0.1") as caught:
            await answered(
                config(server, retry=RetryConfig(0)), proxy=f"http://me:no@127.0.0.1:{proxy.port}"
            )
        assert "no@" not in str(caught.value)


async def test_no_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Flaky(STATS)
    async with serving(server), proxying() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        assert await answered(config(server), proxy="") == 1
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert await answered(config(server)) == 1
        assert proxy.heads == []


async def test_hosts_of_all_kinds() -> None:
    for url in ("http://[::1]:9", "http://localhost:9"):
        with pytest.raises(RestError, match=r"(listens at|connect to) (\[::1\]|localhost):9"):
            await answered(EstuaryConfig(url, KEY, "c", "p", retry=RetryConfig(0)))


async def test_a_key_that_no_header_can_hold() -> None:
    server = Flaky(STATS)
    async with serving(server):
        assert await answered(config(server, api_key="est_schlüssel")) == 1
    assert server.requests[0].headers["x-api-key"] == "est_schlüssel"
