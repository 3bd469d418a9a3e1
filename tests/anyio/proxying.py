"""CONNECT proxies on real sockets: one that counts what passes, plain or over TLS, and proxy.py."""

from __future__ import annotations

import subprocess
import sys
import time
from base64 import b64encode
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import anyio
from anyio.abc import SocketAttribute
from anyio.streams.tls import TLSListener

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from anyio.abc import ByteStream

GONE = (anyio.BrokenResourceError, anyio.EndOfStream, anyio.ClosedResourceError)


class RelayProxy:
    """`answer` stands in place of the tunnel; `credentials` are asked for when given."""

    def __init__(self, answer: bytes | None, credentials: str | None) -> None:
        self.port = 0
        self.heads: list[bytes] = []
        self.open = 0
        self._answer = answer
        self._credentials = credentials

    async def serve(self, stream: ByteStream) -> None:
        self.open += 1
        try:
            async with stream:
                await self._serve(stream)
        except GONE:
            pass
        finally:
            self.open -= 1

    async def _serve(self, stream: ByteStream) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += await stream.receive()
        self.heads.append(head)
        if self._answer is not None:
            await stream.send(self._answer)
            if self._answer.endswith(b"wait"):
                async for _ in stream:
                    pass
            return
        if self._credentials is not None:
            token = b64encode(self._credentials.encode())
            if b"Basic " + token not in head:
                await stream.send(b"HTTP/1.1 407 Who?\r\nContent-Length: 0\r\n\r\n")
                return
        host, _, port = head.split()[1].decode().rpartition(":")
        async with await anyio.connect_tcp(host.strip("[]"), int(port)) as target:
            await stream.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_pipe, stream, target, tasks.cancel_scope)
                tasks.start_soon(_pipe, target, stream, tasks.cancel_scope)


async def _pipe(source: ByteStream, sink: ByteStream, scope: anyio.CancelScope) -> None:
    try:
        async for data in source:
            await sink.send(data)
    except GONE:
        pass
    scope.cancel()


@asynccontextmanager
async def proxying(
    *,
    tls: ssl.SSLContext | None = None,
    answer: bytes | None = None,
    credentials: str | None = None,
) -> AsyncIterator[RelayProxy]:
    """A proxy for the length of the block."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    proxy = RelayProxy(answer, credentials)
    proxy.port = listener.extra(SocketAttribute.local_port)
    served = listener if tls is None else TLSListener(listener, tls, standard_compatible=False)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(served.serve, proxy.serve)
        yield proxy
        tasks.cancel_scope.cancel()


@contextmanager
def outside_proxy(folder: Path, credentials: str) -> Iterator[int]:
    """The port of proxy.py, in a process of its own that writes to this folder."""
    ports = folder / "port"
    command = [sys.executable, "-m", "proxy", "--hostname", "127.0.0.1", "--port", "0"]
    command += ["--port-file", str(ports), "--num-workers", "1", "--num-acceptors", "1"]
    command += ["--log-level", "ERROR", "--data-dir", str(folder), "--basic-auth", credentials]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            # It tells by a file, and nobody tells of files.
            while not (ports.exists() and ports.read_text().strip()):
                assert process.poll() is None
                time.sleep(0.02)
            yield int(ports.read_text().split()[0])
        finally:
            process.terminate()
