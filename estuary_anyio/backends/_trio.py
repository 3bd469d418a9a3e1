"""trio: a bare socket, read when it is readable and written to at once."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import trio

from ._buffer import shared_buffer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from . import Sink, Transport


class TrioBackend:
    """The running trio loop."""

    name = "trio"

    @property
    def clock(self) -> Callable[[], float]:
        """trio's clock; a MockClock in tests."""
        return trio.current_time

    async def open(
        self, host: str, port: int, tls: ssl.SSLContext | None, server_name: str
    ) -> Transport:
        """Connect by TCP (happy eyeballs are trio's), and TLS when there is a context."""
        stream = await trio.open_tcp_stream(host, port)
        if tls is None:
            return TrioTransport(stream.socket)
        from ._stream import StreamTransport

        return await StreamTransport.over_tls(stream, tls, server_name)


class TrioTransport:
    """A byte stream on trio, without a stream object between us and the socket."""

    def __init__(self, trio_socket: trio.socket.SocketType) -> None:
        family, kind, proto = trio_socket.family, trio_socket.type, trio_socket.proto
        self._socket = socket.socket(family, kind, proto, trio_socket.detach())
        self._socket.setblocking(False)
        self.ready = True
        self._unsent = b""
        self._wake = trio.Event()
        self._broken: OSError | None = None

    def write(self, data: bytes) -> None:
        """Send all of `data`, what does not go at once as soon as it can."""
        sent = 0
        try:
            sent = self._socket.send(data)
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self.ready = False
            return  # The reader finds out, and tells why.
        if sent < len(data):
            self._unsent = data[sent:]
            self.ready = False
            self._wake.set()

    async def run(self, sink: Sink) -> None:
        """Serve until the stream has ended."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._flush, sink)
            await self._read(sink)
            nursery.cancel_scope.cancel()
        if self._broken is not None:  # Out here it leaves in no group.
            raise self._broken

    async def _read(self, sink: Sink) -> None:
        sock, view = self._socket, shared_buffer()
        while True:
            await trio.lowlevel.wait_readable(sock)
            try:
                size = sock.recv_into(view)
            except (BlockingIOError, InterruptedError):
                continue
            except OSError as error:
                # A reset is an ending like any other; the core says what it means.
                self._broken = None if isinstance(error, ConnectionError) else error
                return
            if not size:
                return
            sink.received(view[:size])

    async def _flush(self, sink: Sink) -> None:
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            while self._unsent:
                await trio.lowlevel.wait_writable(self._socket)
                try:
                    sent = self._socket.send(self._unsent)
                except (BlockingIOError, InterruptedError):
                    continue
                except OSError:
                    return
                self._unsent = self._unsent[sent:]
            self.ready = True
            sink.writable()

    async def aclose(self) -> None:
        """Close at once; what the kernel has taken it still sends."""
        self.ready = False
        trio.lowlevel.notify_closing(self._socket)
        self._socket.close()
        await trio.lowlevel.checkpoint()
