"""asyncio (and uvloop): a protocol that runs the core inside the loop's own callback."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, cast

from ._buffer import READ_SIZE, shared_buffer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from . import Sink

HAPPY_EYEBALLS_DELAY = 0.25
"""Seconds before the next address is tried beside the first (RFC 8305)."""


class AsyncioBackend:
    """The running asyncio loop."""

    name = "asyncio"

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    @property
    def clock(self) -> Callable[[], float]:
        """The loop's clock."""
        return self._loop.time

    async def open(
        self, host: str, port: int, tls: ssl.SSLContext | None, server_name: str
    ) -> AsyncioTransport:
        """Connect by TCP, and TLS when there is a context."""
        options: dict[str, Any] = {"ssl": tls}
        if tls is not None:
            options["server_hostname"] = server_name
        if isinstance(self._loop, asyncio.BaseEventLoop):  # uvloop tries one after the other.
            options["happy_eyeballs_delay"] = HAPPY_EYEBALLS_DELAY
        _, protocol = await self._loop.create_connection(AsyncioTransport, host, port, **options)
        return protocol


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
