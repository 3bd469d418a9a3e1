"""What breaks in one connection of the gateway ends that connection, and no other; it is logged."""

from __future__ import annotations

import base64
import errno
import logging
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from estuary_anyio import EstuaryClient, EstuaryConfig
from estuary_anyio.gateway import serve_gateway
from estuary_anyio.gateway.listener import Listener
from tests.anyio.server import GONE

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    LeavesNothing = Callable[[], AbstractAsyncContextManager[None]]

pytestmark = pytest.mark.anyio

BROKE = "a connection broke, and the others go on"
_SETTINGS = base64.b64encode(b"abc")  # Six bytes make one setting.
_UPGRADE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
PROVOKING = {
    "a subprotocol beyond ASCII": _UPGRADE + b"Sec-WebSocket-Protocol: \xff\r\n\r\n",
    "HTTP2-Settings that are none": b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: "
    b"Upgrade, HTTP2-Settings\r\nHTTP2-Settings: " + _SETTINGS + b"\r\n\r\n",
}


async def until_gone(stream: anyio.abc.SocketStream) -> None:
    with anyio.fail_after(5), suppress(*GONE):
        while True:
            await stream.receive()


def broke(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The names of what was logged with its cause."""
    found = []
    for record in caplog.records:
        if record.message == BROKE:
            assert record.levelno == logging.ERROR
            assert record.exc_info is not None
            error: Any = record.exc_info[1]
            while isinstance(error, BaseExceptionGroup):
                error = error.exceptions[0]
            found.append(type(error).__name__)
    return found


@pytest.mark.parametrize("name", list(PROVOKING))
async def test_a_request_that_breaks_hypercorn(
    name: str, caplog: pytest.LogCaptureFixture, leaves_nothing: LeavesNothing
) -> None:
    async with leaves_nothing(), serve_gateway(stt="none", tts="tone") as gateway:
        async with EstuaryClient(EstuaryConfig(gateway.url, "est_dev", "demo", "p")) as client:
            await client.connect()
            async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
                await stream.send(PROVOKING[name])
                await until_gone(stream)
            # The session that was there goes on, and another can begin.
            assert await client.send_text_and_wait("hello", timeout=10)
            assert gateway.sessions == 1
        async with EstuaryClient(EstuaryConfig(gateway.url, "est_dev", "demo", "q")) as client:
            await client.connect()
    assert len(broke(caplog)) == 1


class Refusing(socket.socket):
    """A listening socket that has `refusals` to say before it accepts."""

    refusals: list[int]

    def accept(self) -> tuple[socket.socket, Any]:
        if self.refusals:
            raise OSError(self.refusals.pop(0), "made")
        return super().accept()


async def answers(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def refusing(*refusals: int) -> Refusing:
    sock = Refusing()
    sock.refusals = list(refusals)
    sock.bind(("127.0.0.1", 0))
    sock.listen(10)
    sock.setblocking(False)
    return sock


async def serving(sock: socket.socket, app: Any) -> list[bytes]:
    """The status that a listener with this application gives to each of two connections."""
    said = []
    listener = Listener(app, sock, max_message=1000, seats=2)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listener.run)
        for _ in range(2):
            async with await anyio.connect_tcp(*sock.getsockname()) as stream:
                await stream.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                with anyio.fail_after(5):
                    said.append((await stream.receive()).split(b" ")[1])
        tasks.cancel_scope.cancel()
    return said


async def test_an_application_that_breaks(
    caplog: pytest.LogCaptureFixture, leaves_nothing: LeavesNothing
) -> None:
    """Hypercorn answers and logs this itself."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    async with leaves_nothing():
        with refusing() as sock:
            assert await serving(sock, app) == [b"500", b"500"]
    assert "Error in ASGI Framework" in caplog.text


async def test_accept_fails_and_the_next_callers_are_served(leaves_nothing: LeavesNothing) -> None:
    """The network was down, a firewall said no, descriptors had run out (accept(2))."""
    sock = refusing(errno.ENETDOWN, errno.EPERM, errno.EMFILE, errno.ECONNABORTED)
    async with leaves_nothing():
        with sock:
            assert await serving(sock, answers) == [b"204", b"204"]
    assert sock.refusals == []


async def test_a_listening_socket_that_is_none_any_more_ends_it() -> None:
    with refusing(errno.EINVAL) as sock:
        listener = Listener(answers, sock, max_message=1000, seats=2)
        with anyio.fail_after(5), pytest.raises(ExceptionGroup) as raised:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(listener.run)
                async with await anyio.connect_tcp(*sock.getsockname()):
                    await anyio.sleep_forever()
    assert raised.group_contains(OSError, match="made")


class Breaking:
    """A backend whose connections break when they are cancelled."""

    @staticmethod
    async def server(app: Any, config: Any, context: Any, conn: socket.socket) -> Any:
        async def other() -> None:
            try:
                await anyio.sleep_forever()
            finally:
                raise ZeroDivisionError

        async def serve() -> None:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(other)
                await anyio.sleep_forever()

        return serve(), conn.close


async def test_what_breaks_while_it_is_cancelled_is_logged_and_cancelled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with refusing() as sock, socket.create_connection(sock.getsockname()), sock.accept()[0] as ours:
        listener = Listener(answers, sock, max_message=1000, seats=2)
        async with anyio.create_task_group() as tasks:
            backend: Any = Breaking
            tasks.start_soon(listener._serve, backend, ours)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
    assert broke(caplog) == ["ZeroDivisionError"]
