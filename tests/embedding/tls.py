"""TLS in front of a server that speaks none, as in production."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import trustme
from anyio.streams.tls import TLSListener

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from anyio.abc import ByteStream

GONE = (anyio.BrokenResourceError, anyio.EndOfStream, anyio.ClosedResourceError)


async def pipe(source: ByteStream, sink: ByteStream, scope: anyio.CancelScope) -> None:
    try:
        async for data in source:
            await sink.send(data)
    except GONE:
        pass
    scope.cancel()


@asynccontextmanager
async def tls_front(port: int, folder: Path) -> AsyncIterator[dict[str, str]]:
    """The environment that leads to it: where it is, whom to trust (OpenSSL, Node)."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusted = str(folder / "authority.pem")
    authority.cert_pem.write_to_path(trusted)

    async def serve(stream: ByteStream) -> None:
        async with stream, await anyio.connect_tcp("127.0.0.1", port) as target:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(pipe, stream, target, tasks.cancel_scope)
                tasks.start_soon(pipe, target, stream, tasks.cancel_scope)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    taken = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(TLSListener(listener, context, standard_compatible=False).serve, serve)
        yield {
            "ESTUARY_SERVER_URL": f"https://127.0.0.1:{taken}",
            "SSL_CERT_FILE": trusted,
            "NODE_EXTRA_CA_CERTS": trusted,
        }
        tasks.cancel_scope.cancel()
