"""One listening socket, and Hypercorn's HTTP and WebSocket bytes on every connection it accepts.

Hypercorn's own `serve()` starts and stops whole servers. Here connections live in a task group of
ours instead, so that none outlives it; stopping takes no grace period; and a connection can be cut
as a network would cut it, which no ASGI application can ask for. Each application finds the cut of
its own connection in the state of its scope, under `app.ABORT`.

What breaks in one connection ends that connection, and is logged: Hypercorn raises what a client
can provoke (a subprotocol beyond ASCII, HTTP2-Settings that are none) out of its servers.
"""

from __future__ import annotations

import errno
import logging
import socket
import struct
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import anyio
from hypercorn.utils import wrap_app

from .app import ABORT
from .plain import PlainConfig

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio.abc import TaskGroup

CALLERS: Final = 200
"""Connections that are no sessions: requests, handshakes, and who says nothing for 5 s."""

_LINGER_ZERO: Final = struct.pack("ii", 1, 0)
_DEAF: Final = frozenset({errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EOPNOTSUPP})
"""The listening socket is none any more. Whatever else accept() says is the matter of one caller or
of this moment: out of descriptors or memory, a network that is down (accept(2))."""

_log = logging.getLogger("estuary.gateway")


class Listener:
    """Accepts connections on `sock` (bound and listening) and serves `app` on them;
    a WebSocket message may have `max_message` bytes. Besides `seats` there is room for `CALLERS`
    connections; who comes when all are taken is turned away unheard."""

    def __init__(
        self,
        app: Callable[..., Awaitable[None]],
        sock: socket.socket,
        *,
        max_message: int,
        seats: int,
    ) -> None:
        self._config = PlainConfig()
        self._most = seats + CALLERS
        self._taken = 0
        self._config.errorlog = _log
        self._config.websocket_max_message_size = max_message
        self._app: Any = wrap_app(app, self._config.wsgi_max_body_size, "asgi")
        self._sock = sock
        self._cuts: set[Callable[[], None]] = set()
        # Now, with its imports: when descriptors have run out nothing can be imported.
        self._context: Any = _backend().context()

    async def run(self) -> None:
        """Accept and serve until cancelled; connections end with it."""
        backend = _backend()
        async with anyio.create_task_group() as tasks:
            try:
                await self._accept(backend, tasks)
            finally:
                # On trio Hypercorn shields what it sends: only a cut gets it out of there.
                self.cut()

    async def _accept(self, backend: type[_Asyncio] | type[_Trio], tasks: TaskGroup) -> None:
        while True:
            try:
                conn = await backend.accept(self._sock)
            except ConnectionError:
                continue  # It left while it queued.
            except OSError as error:
                if error.errno in _DEAF:
                    raise
                # Out of descriptors, say: those who are here go on, newcomers wait a moment.
                await anyio.sleep(0.05)
                continue
            if self._taken >= self._most:
                conn.close()
                continue
            self._taken += 1
            tasks.start_soon(self._serve, backend, conn)

    async def _serve(self, backend: type[_Asyncio] | type[_Trio], conn: socket.socket) -> None:
        try:
            await self._serve_one(backend, conn)
        except BaseExceptionGroup as group:
            broken, rest = group.split(Exception)
            _confined(broken)
            if rest is not None:
                raise rest from None  # A cancellation, among what it has broken.
        except Exception as error:
            _confined(error)
        finally:
            self._taken -= 1

    async def _serve_one(self, backend: type[_Asyncio] | type[_Trio], conn: socket.socket) -> None:
        try:
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server, cut = await backend.server(self._app, self._config, self._context, conn)
        except BaseException as error:
            conn.close()
            if isinstance(error, OSError):
                return  # It left before it was served.
            raise
        self._cuts.add(cut)
        try:
            await server
        finally:
            self._cuts.discard(cut)
            cut()

    def cut(self) -> None:
        """Cut every connection at once, without a goodbye."""
        for cut in tuple(self._cuts):
            cut()


def _confined(error: BaseException | None) -> None:
    _log.error("a connection broke, and the others go on", exc_info=error)


def _backend() -> type[_Asyncio] | type[_Trio]:
    return _Trio if anyio.get_cancelled_exc_class().__module__.startswith("trio") else _Asyncio


class _Asyncio:
    """Hypercorn's asyncio half."""

    @staticmethod
    def context() -> Any:
        import hypercorn.asyncio.tcp_server  # noqa: F401 - `server` needs it
        from hypercorn.asyncio.worker_context import WorkerContext

        return WorkerContext(None)

    @staticmethod
    async def accept(sock: socket.socket) -> socket.socket:
        import asyncio

        conn, _ = await asyncio.get_running_loop().sock_accept(sock)
        return conn

    @staticmethod
    async def server(
        app: Any, config: PlainConfig, context: Any, conn: socket.socket
    ) -> tuple[Any, Callable[[], None]]:
        import asyncio

        from hypercorn.asyncio.tcp_server import TCPServer

        reader, writer = await asyncio.open_connection(sock=conn)
        cut = partial(_abort, writer)
        loop = asyncio.get_running_loop()
        return TCPServer(app, loop, config, context, {ABORT: cut}, reader, writer), cut


def _abort(writer: Any) -> None:
    if not writer.transport.is_closing():
        raw = writer.get_extra_info("socket")
        # It may have gone by itself, this moment; uvloop has no open socket then.
        with suppress(OSError, ValueError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    writer.transport.abort()


class _Trio:
    """Hypercorn's trio half."""

    @staticmethod
    def context() -> Any:
        from hypercorn.trio.worker_context import WorkerContext

        from . import trio_server  # noqa: F401 - `server` needs it

        return WorkerContext(None)

    @staticmethod
    async def accept(sock: socket.socket) -> socket.socket:
        while True:
            await anyio.wait_readable(sock)
            with suppress(BlockingIOError):
                conn, _ = sock.accept()
                conn.setblocking(False)
                return conn

    @staticmethod
    async def server(
        app: Any, config: PlainConfig, context: Any, conn: socket.socket
    ) -> tuple[Any, Callable[[], None]]:
        import trio

        from .trio_server import OneAtATime

        # Hypercorn's annotation knows a stream over TLS only.
        stream: Any = trio.SocketStream(trio.socket.from_stdlib_socket(conn))
        cut = partial(_close, stream.socket)
        return OneAtATime(app, config, context, {ABORT: cut}, stream), cut


def _close(sock: Any) -> None:
    if sock.fileno() != -1:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    sock.close()
