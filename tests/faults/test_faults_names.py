"""Names that do not resolve, a resolver that hangs, a certificate that expires in between."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from estuary_anyio import Connected, Disconnected, EstuaryClient, EstuaryConfig
from estuary_proto.errors import ErrorCode, EstuaryError
from tests.anyio.byhand import Story
from tests.anyio.server import KEY, after, serving
from tests.anyio.test_anyio_connect import AUTHORITY, client_context

from .test_faults_sockets import IN, again

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    LeavesNothing = Callable[[], AbstractAsyncContextManager[None]]

pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore:the key travels")]

NAME = "estuary.test"
GIVEN_UP = ["is error", "error CONNECTION_FAILED"]
UNKNOWN = socket.gaierror(socket.EAI_NONAME, "Name or service not known")


class Resolver:
    """What stands in for the machine's: there is no name server to break. It answers for `NAME`
    with what `says` gives, in the thread in which the loop asks it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, says: Callable[[], list[Any]]) -> None:
        real = socket.getaddrinfo
        self.asked = 0

        def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
            if options.get("flags", 0) & socket.AI_NUMERICHOST or host not in (NAME, NAME.encode()):
                return real(host, *args, **options)
            if trio_asks_for_a_number(args):
                raise UNKNOWN
            self.asked += 1
            return says()

        async def look_up(loop: asyncio.AbstractEventLoop, host: str, port: int) -> Any:
            # As asyncio does; uvloop asks libuv, where nobody can get between.
            return await loop.run_in_executor(None, getaddrinfo, host, port)

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr("estuary_anyio.backends._eyeballs._look_up", look_up)


def trio_asks_for_a_number(args: tuple[Any, ...]) -> bool:
    """It does, at once and in no thread, before it asks the resolver."""
    return len(args) > 4 and bool(args[4] & socket.AI_NUMERICHOST)


def address(port: int) -> list[Any]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


def named(port: int, **settings: Any) -> EstuaryConfig:
    return EstuaryConfig(
        f"http://{NAME}:{port}", KEY, "character", "player", reconnect_delay=0.01, **settings
    )


async def test_a_name_that_is_gone_for_a_while(
    monkeypatch: pytest.MonkeyPatch, leaves_nothing: LeavesNothing
) -> None:
    """It falls, twice the name is unknown, and then it is back."""
    async with leaves_nothing(), serving() as server:
        answers: list[Any] = [address(server.port), UNKNOWN, UNKNOWN, address(server.port)]

        def says() -> list[Any]:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return list(answer)

        resolver = Resolver(monkeypatch, says)
        async with EstuaryClient(named(server.port)) as client:
            story = Story(client)
            await client.connect()
            await after(client, Connected, (await server.peer()).cut)
            told = again("network")
            assert story.told == [*told[:6], "attempt 2", "attempt 3", *told[6:]]
        assert resolver.asked == 4


async def test_a_name_that_stays_away(
    monkeypatch: pytest.MonkeyPatch, leaves_nothing: LeavesNothing
) -> None:
    async with leaves_nothing(), serving() as server:
        known = [address(server.port)]

        def says() -> list[Any]:
            if not known:
                raise UNKNOWN
            return known.pop()

        Resolver(monkeypatch, says)
        async with EstuaryClient(named(server.port, max_reconnect_attempts=3)) as client:
            story = Story(client)
            await client.connect()
            rest = client.events(Disconnected)
            await (await server.peer()).cut()
            with anyio.fail_after(10):
                assert [one async for one in rest] == [Disconnected("network")]
            (error,) = story.errors
            assert error.code is ErrorCode.CONNECTION_FAILED
            assert f"the host name {NAME!r} cannot be resolved" in error.message
            assert story.told[-3:] == ["attempt 3", *GIVEN_UP]


@contextmanager
def hanging() -> Iterator[Callable[[], list[Any]]]:
    """A resolver that says nothing until the block is over."""
    over = threading.Event()

    def says() -> list[Any]:
        over.wait()
        raise UNKNOWN

    try:
        yield says
    finally:
        over.set()


async def test_a_resolver_that_hangs(
    monkeypatch: pytest.MonkeyPatch, leaves_nothing: LeavesNothing
) -> None:
    async with leaves_nothing():
        with hanging() as says:
            Resolver(monkeypatch, says)
            async with EstuaryClient(named(1, connect_timeout=0.3)) as client:
                story = Story(client)
                with anyio.fail_after(10), pytest.raises(EstuaryError) as raised:
                    await client.connect()
        assert raised.value.code is ErrorCode.CONNECTION_TIMEOUT
        assert story.told[:2] == ["is connecting", "is error"]


async def test_disconnect_while_the_resolver_hangs(
    monkeypatch: pytest.MonkeyPatch, leaves_nothing: LeavesNothing
) -> None:
    async with leaves_nothing():
        with hanging() as says:
            resolver = Resolver(monkeypatch, says)
            async with (
                EstuaryClient(named(1, connect_timeout=60.0)) as client,
                anyio.create_task_group() as tasks,
            ):

                async def connect() -> None:
                    with pytest.raises(EstuaryError):
                        await client.connect()

                with anyio.fail_after(10):
                    tasks.start_soon(connect)
                    while not resolver.asked:
                        await anyio.lowlevel.checkpoint()
                    await client.disconnect()


def tls(days: int) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certify(context, days)
    return context


def certify(context: ssl.SSLContext, days: int) -> None:
    """Let it show a certificate that is good for so many days."""
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    AUTHORITY.issue_cert("127.0.0.1", not_after=until).configure_cert(context)


async def test_a_certificate_that_expires_between_two_connections(
    leaves_nothing: LeavesNothing,
) -> None:
    """It is told with its cause when the attempts are used up, and nothing was sent to it."""
    async with leaves_nothing():
        context = tls(1)
        async with serving(tls=context) as server:
            config = server.config(max_reconnect_attempts=2, reconnect_delay=0.01)
            async with EstuaryClient(config, ssl_context=client_context()) as client:
                story = Story(client)
                await client.connect()
                certify(context, -1)
                rest = client.events(Disconnected)
                await (await server.peer()).cut()
                with anyio.fail_after(10):
                    assert [one async for one in rest] == [Disconnected("network")]
                (error,) = story.errors
                assert error.code is ErrorCode.CONNECTION_FAILED
                assert "certificate has expired" in error.message
                assert story.told[:3] == IN
                assert story.told[-3:] == ["attempt 2", *GIVEN_UP]
            assert len(server.peers) == 1
