"""TLS on trio: any trio stream, read and written by a task each."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    import ssl

    from . import Sink

READ_SIZE = 65536


async def over_tls(
    stream: trio.abc.Stream, tls: ssl.SSLContext, server_name: str
) -> trio.SSLStream[trio.abc.Stream]:
    """Shake hands; the certificate is checked against `server_name`."""
    # A peer that leaves without close_notify is an ending like any other: WebSocket has its own way
    # to tell a whole message from a cut one.
    secure = trio.SSLStream(stream, tls, server_hostname=server_name, https_compatible=True)
    try:
        await secure.do_handshake()
    except trio.BrokenResourceError as error:
        await trio.aclose_forcefully(stream)
        raise (
            error.__cause__
            if isinstance(error.__cause__, OSError)
            else OSError("the connection broke during the TLS handshake")
        ) from None
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return secure


class StreamTransport:
    """A byte stream over TLS on trio."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self.ready = True
        self._unsent = b""
        self._wake = trio.Event()

    def write(self, data: bytes) -> None:
        """Send all of `data` as soon as the writer runs."""
        self._unsent = data
        self.ready = False
        self._wake.set()

    async def run(self, sink: Sink) -> None:
        """Serve until the stream has ended."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._flush, sink)
            await self._read(sink)
            nursery.cancel_scope.cancel()

    async def _read(self, sink: Sink) -> None:
        while True:
            try:
                data = await self._stream.receive_some(READ_SIZE)
            except trio.BrokenResourceError:
                return
            if not data:
                return
            sink.received(bytes(data))

    async def _flush(self, sink: Sink) -> None:
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            # Cancelled from here on, the bytes are still whole and `aclose` sends them.
            await trio.lowlevel.checkpoint_if_cancelled()
            data, self._unsent = self._unsent, b""
            try:
                await self._stream.send_all(data)
            except trio.BrokenResourceError:
                return  # The reader finds out.
            self.ready = True
            sink.writable()

    async def aclose(self) -> None:
        """Close politely, and at once if that takes over a second."""
        self.ready = False
        with trio.move_on_after(1.0):
            if self._unsent:  # Mostly the answer to a close frame.
                with suppress(trio.BrokenResourceError):
                    await self._stream.send_all(self._unsent)
            await self._stream.aclose()
            return
        await trio.aclose_forcefully(self._stream)
