"""From a name to a socket: addresses that race, certificates that are past."""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from estuary_anyio import EstuaryClient
from estuary_anyio.backends._eyeballs import STAGGER, connect, resolve
from tests.anyio.server import serving
from tests.anyio.test_anyio_connect import AUTHORITY, client_context, failure

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio


@contextmanager
def deaf() -> Iterator[int]:
    """A port of which nobody answers: its backlog is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(address)
            yield address[1]
        finally:
            for one in waiting:
                one.close()


LOOK_UP = "estuary_anyio.backends._eyeballs._look_up"


def answer(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """Let a name stand for these ports of this machine, in this order."""
    stream = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    found = [(*stream, ("127.0.0.1", port)) for port in ports]
    real = socket.getaddrinfo

    def for_trio(host: Any, *args: Any, **options: Any) -> Any:
        return found if host == b"many.test" else real(host, *args, **options)

    async def for_asyncio(*args: Any) -> Any:
        return found

    monkeypatch.setattr(socket, "getaddrinfo", for_trio)
    monkeypatch.setattr(LOOK_UP, for_asyncio)


@pytest.mark.filterwarnings("ignore:the key travels")
async def test_the_first_address_that_answers_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    with deaf() as silent:
        async with serving() as server:
            with socket.socket() as closed:
                closed.bind(("127.0.0.1", 0))
                answer(monkeypatch, closed.getsockname()[1], silent, server.port)
                config = server.config(server_url="http://many.test", connect_timeout=10.0)
                async with EstuaryClient(config) as client:
                    await client.connect()
            await (await server.peer()).left()


@pytest.mark.filterwarnings("ignore:the key travels")
async def test_when_none_answers_it_is_the_first_that_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        async with serving() as server:
            answer(monkeypatch, one.getsockname()[1], other.getsockname()[1])
            error = await failure(server.config(server_url="http://many.test"))
    assert "nobody listens at many.test:80" in error.message


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_families_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    six, four = socket.AF_INET6, socket.AF_INET

    async def found(*args: Any) -> Any:
        return [(family, None, 0, "", n) for n, family in enumerate([six, six, six, four])]

    monkeypatch.setattr(LOOK_UP, found)
    loop = asyncio.get_running_loop()
    assert await resolve(loop, "h", 1) == [(six, 0), (four, 3), (six, 1), (six, 2)]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_race_that_is_cancelled_leaves_no_socket() -> None:
    with deaf() as silent:
        with anyio.move_on_after(STAGGER / 10) as scope:
            await connect(asyncio.get_running_loop(), "127.0.0.1", silent)
        assert scope.cancelled_caught  # A socket that is left would be a ResourceWarning.


async def test_a_certificate_that_is_past() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    AUTHORITY.issue_cert("127.0.0.1", not_after=yesterday).configure_cert(context)
    async with serving(tls=context) as server:
        error = await failure(server.config(), ssl_context=client_context())
    assert "is not trusted: certificate has expired" in error.message


async def test_what_sockets_are_set_to(monkeypatch: pytest.MonkeyPatch) -> None:
    set_to: list[tuple[int, int]] = []
    real = socket.socket.setsockopt

    class Socket(socket.socket):
        def setsockopt(self, *args: Any) -> None:
            set_to.append(args[:2])
            real(self, *args)

    async with serving() as server:
        monkeypatch.setattr(socket, "socket", Socket)
        async with EstuaryClient(server.config()) as client:
            await client.connect()
    assert (socket.IPPROTO_TCP, socket.TCP_NODELAY) in set_to
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        assert (socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) in set_to
