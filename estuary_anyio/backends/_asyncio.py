"""asyncio (and uvloop): a protocol that runs the core inside the loop's own callback."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, cast

from estuary_anyio.proxy import Tunnel
from estuary_proto.errors import EstuaryError

from . import ProxyFailed
from ._buffer import READ_SIZE, shared_buffer
from ._eyeballs import connect

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from estuary_anyio.proxy import Proxy

    from . import Route, Sink


class AsyncioBackend:
    """The running asyncio loop."""

    name = "asyncio"

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    @property
    def clock(self) -> Callable[[], float]:
        """The loop's clock."""
        return self._loop.time

    async def open(self, route: Route) -> AsyncioTransport:
        """Connect by TCP, through a proxy where there is one, and TLS when there is a context."""
        if route.proxy is None:
            sock = await connect(self._loop, route.host, route.port)
            _, protocol = await self._loop.create_connection(
                AsyncioTransport, sock=sock, **_tls_to(route.host, route.tls)
            )
            return protocol
        transport = await self._tunnel(route, route.proxy)
        try:
            protocol = AsyncioTransport()
            if route.tls is None:
                transport.set_protocol(protocol)
                protocol.connection_made(transport)
            else:
                secure = await self._loop.start_tls(
                    transport, protocol, route.tls, server_hostname=route.host
                )
                assert secure is not None  # It is for a transport that lives.
                protocol.connection_made(secure)
        except BaseException:
            transport.abort()
            raise
        return protocol

    async def _tunnel(self, route: Route, proxy: Proxy) -> asyncio.Transport:
        """A stream to the server through the proxy, TLS to the proxy included."""
        talk = _Talk(Tunnel(proxy, route.host, route.port))
        try:
            sock = await connect(self._loop, proxy.host, proxy.port)
            transport, _ = await self._loop.create_connection(
                lambda: talk, sock=sock, **_tls_to(proxy.host, route.proxy_tls)
            )
        except (OSError, UnicodeError) as error:
            raise ProxyFailed(error) from error
        try:
            await talk.opened
        except BaseException:
            transport.abort()
            raise
        return transport


def _tls_to(host: str, context: ssl.SSLContext | None) -> dict[str, Any]:
    return {} if context is None else {"ssl": context, "server_hostname": host}


class _Talk(asyncio.Protocol):
    """The exchange with a proxy."""

    def __init__(self, tunnel: Tunnel) -> None:
        self._tunnel = tunnel
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._tunnel.request)

    def data_received(self, data: bytes) -> None:
        self._feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._feed(b"")

    def _feed(self, data: bytes) -> None:
        if self.opened.done():
            return
        try:
            if self._tunnel.receive_data(data):
                self.opened.set_result(None)
        except EstuaryError as error:
            self.opened.set_exception(error)


class AsyncioTransport(asyncio.BufferedProtocol):
    """A byte stream on asyncio; TLS is the loop's own."""

    def __init__(self) -> None:
        self.ready = True
        self._sink: Sink | None = None
        self._early: list[bytes] = []
        # On Windows the kernel writes while others run, so there the buffer is our own.
        own = sys.platform == "win32"
        self._buffer = memoryview(bytearray(READ_SIZE)) if own else shared_buffer()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    # --- what the loop calls ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The stream is open."""
        # uvloop's transports are none by inheritance.
        self._transport = cast("asyncio.Transport", transport)
        # Ready then means that the kernel has everything, so a receipt tells the truth. Not 0: for
        # the loops' TLS that is reached when nothing waits, and they would never resume.
        self._transport.set_write_buffer_limits(high=1)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have come: the core runs here and now, nobody is woken for it."""
        data = self._buffer[:nbytes]
        if self._sink is not None:
            self._sink.received(data)
        else:
            self._early.append(bytes(data))

    def eof_received(self) -> bool:
        """The peer has finished; the transport closes itself."""
        self.ready = False
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The stream is over."""
        self.ready = False
        if self._ended.done():
            return
        if exc is None or isinstance(exc, ConnectionError):
            # A reset is an ending like any other; the core says what it means.
            self._ended.set_result(None)
        else:
            self._ended.set_exception(exc)

    def pause_writing(self) -> None:
        """The kernel has not taken everything."""
        self.ready = False

    def resume_writing(self) -> None:
        """The kernel has taken everything."""
        self.ready = True
        if self._sink is not None:
            self._sink.writable()

    # --- what the pump calls ---------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        assert self._transport is not None
        self._transport.write(data)
        if self._transport.is_closing():  # It broke: what was written may not have gone.
            self.ready = False

    async def run(self, sink: Sink) -> None:
        """Serve until the stream has ended."""
        self._sink = sink
        early, self._early = self._early, []
        for data in early:
            sink.received(data)
        await asyncio.shield(self._ended)

    async def aclose(self) -> None:
        """Close politely, and at once if that takes over a second."""
        self._sink = None
        transport = self._transport
        assert transport is not None
        transport.close()
        try:
            await asyncio.wait([self._ended], timeout=1.0)
        finally:
            if not self._ended.done():
                transport.abort()
                self._ended.set_result(None)
            elif not self._ended.cancelled():
                self._ended.exception()  # It has been told, or nobody is left to be told.
