"""trio: a bare socket, read when it is readable and written to at once."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, cast

import trio

from estuary_anyio.proxy import Tunnel

from . import ProxyFailed
from ._buffer import READ_SIZE, shared_buffer
from ._tuning import tune

if TYPE_CHECKING:
    from collections.abc import Callable

    from estuary_anyio.proxy import Proxy

    from . import Route, Sink, Transport


class TrioBackend:
    """The running trio loop."""

    name = "trio"

    @property
    def clock(self) -> Callable[[], float]:
        """trio's clock; a MockClock in tests."""
        return trio.current_time

    async def open(self, route: Route) -> Transport:
        """Connect by TCP (happy eyeballs are trio's), through a proxy where there is one, and TLS
        when there is a context."""
        if route.proxy is None:
            plain: trio.abc.Stream = await _tcp(route.host, route.port)
        else:
            plain = await _tunnel(route, route.proxy)
        if route.tls is None and isinstance(plain, trio.SocketStream):
            return TrioTransport(plain.socket)
        from ._stream import StreamTransport, over_tls

        if route.tls is not None:
            plain = await over_tls(plain, route.tls, route.host)
        return StreamTransport(plain)


async def _tcp(host: str, port: int) -> trio.SocketStream:
    stream = await trio.open_tcp_stream(host, port)
    tune(cast("socket.socket", stream.socket))
    return stream


async def _tunnel(route: Route, proxy: Proxy) -> trio.abc.Stream:
    """A stream to the server through the proxy, TLS to the proxy included."""
    try:
        stream: trio.abc.Stream = await _tcp(proxy.host, proxy.port)
        if route.proxy_tls is not None:
            from ._stream import over_tls

            stream = await over_tls(stream, route.proxy_tls, proxy.host)
    except (OSError, UnicodeError) as error:
        raise ProxyFailed(error) from error
    tunnel = Tunnel(proxy, route.host, route.port)
    try:
        await stream.send_all(tunnel.request)
        while not tunnel.receive_data(bytes(await stream.receive_some(READ_SIZE))):
            pass
    except trio.BrokenResourceError as error:
        await trio.aclose_forcefully(stream)
        raise ProxyFailed(OSError("it broke the connection")) from error
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return stream


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
