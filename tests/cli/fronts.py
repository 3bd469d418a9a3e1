"""What stands between the doctor and a gateway: TLS, or something that is no server at all."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from anyio.abc import SocketAttribute
from anyio.streams.tls import TLSListener

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import trustme
    from anyio.abc import ByteStream

GONE = (anyio.BrokenResourceError, anyio.EndOfStream, anyio.ClosedResourceError, ssl.SSLError)


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """A server's, with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


async def _pipe(source: ByteStream, sink: ByteStream, scope: anyio.CancelScope) -> None:
    try:
        async for data in source:
            await sink.send(data)
    except GONE:
        pass
    scope.cancel()


@asynccontextmanager
async def tls_front(port: int, context: ssl.SSLContext) -> AsyncGenerator[int, None]:
    """The port of a TLS server that passes everything to a plain one."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    front = TLSListener(listener, context, standard_compatible=False)

    async def serve(stream: ByteStream) -> None:
        async with stream, await anyio.connect_tcp("127.0.0.1", port) as target:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_pipe, stream, target, tasks.cancel_scope)
                tasks.start_soon(_pipe, target, stream, tasks.cancel_scope)

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(front.serve, serve)
        yield listener.extra(SocketAttribute.local_port)
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def saying(*answers: bytes, stays: bool = True) -> AsyncGenerator[int, None]:
    """The port of a server that says this, each at the client's next words; then it is silent, or
    hangs up."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")

    async def serve(stream: ByteStream) -> None:
        async with stream:
            try:
                for answer in answers:
                    await stream.receive()
                    await stream.send(answer)
                while stays:
                    await stream.receive()
            except GONE:
                pass

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        yield listener.extra(SocketAttribute.local_port)
        tasks.cancel_scope.cancel()
