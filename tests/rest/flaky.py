"""A real HTTP server on a real socket that misbehaves as it is told, and notes what it was sent."""

from __future__ import annotations

import json
import struct
from contextlib import asynccontextmanager
from dataclasses import dataclass
from socket import SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING, Any

import anyio
import h11
from anyio.abc import SocketAttribute

from estuary_anyio import EstuaryClient, EstuaryConfig, RetryConfig

from .routes import KEY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from anyio.abc import SocketStream

    Act = Callable[["Turn"], Awaitable[None]]


@dataclass
class Got:
    """One request, as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Turn:
    """A request that waits for an answer."""

    def __init__(self, server: Flaky, stream: SocketStream, wire: h11.Connection, got: Got) -> None:
        self.server = server
        self.stream = stream
        self.wire = wire
        self.got = got

    async def send(self, event: h11.Event) -> None:
        data = self.wire.send(event)
        if data:
            await self.stream.send(data)

    async def head(self, status: int, *headers: tuple[str, str]) -> None:
        await self.send(h11.Response(status_code=status, headers=list(headers)))

    async def answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        bare = status == 204
        length = () if bare else (("Content-Length", str(len(body))),)
        await self.head(status, *length, *headers)
        if not bare:
            await self.send(h11.Data(data=body))
        await self.send(h11.EndOfMessage())

    async def reset(self) -> None:
        """The connection ends by RST."""
        raw = self.stream.extra(SocketAttribute.raw_socket)
        raw.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        await self.stream.aclose()


class Flaky:
    """Acts in the order given, one for each request; the last one for all that follow."""

    def __init__(self, *acts: Act) -> None:
        self.acts = list(acts)
        self.requests: list[Got] = []
        self.connections = 0
        self.open = 0
        self._closed = anyio.Event()
        self.asked = anyio.Event()
        """The first request has come."""
        self.url = ""

    async def serve(self, stream: SocketStream) -> None:
        self.connections += 1
        self.open += 1
        try:
            async with stream:
                await self._serve(stream)
        except _ENDED:
            pass
        finally:
            self.open -= 1
            self._closed.set()

    async def quiet(self, connections: int = 0) -> None:
        """Until there are no more connections than these."""
        while self.open > connections:
            self._closed = anyio.Event()
            await self._closed.wait()

    async def _serve(self, stream: SocketStream) -> None:
        wire = h11.Connection(h11.SERVER)
        while True:
            got = await self._request(stream, wire)
            if got is None:
                return
            self.requests.append(got)
            self.asked.set()
            act = self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]
            await act(Turn(self, stream, wire, got))
            if wire.our_state is not h11.DONE:
                return
            wire.start_next_cycle()

    async def _request(self, stream: SocketStream, wire: h11.Connection) -> Got | None:
        got: Got | None = None
        while True:
            event = wire.next_event()
            if event is h11.NEED_DATA:
                try:
                    wire.receive_data(await stream.receive())
                except anyio.EndOfStream:
                    return None
            elif isinstance(event, h11.Request):
                headers: dict[str, str] = {}
                for name, value in event.headers:
                    assert name.decode() not in headers, f"{name!r} came twice"
                    headers[name.decode()] = value.decode()
                got = Got(event.method.decode(), event.target.decode(), headers, b"")
            elif isinstance(event, h11.Data):
                assert got is not None
                got.body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return got
            else:
                return None


_ENDED = (
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    anyio.EndOfStream,
    h11.RemoteProtocolError,
)


def says(status: int, body: Any = None, *headers: tuple[str, str]) -> Act:
    """Answer with this status and this JSON, or these bytes."""
    raw = body if isinstance(body, bytes) else json.dumps(body or {}).encode()

    async def act(turn: Turn) -> None:
        await turn.answer(status, raw, *headers)

    return act


def resets_in_body(body: bytes = b'{"totalActive":') -> Act:
    """Begin an answer, and reset the connection in the middle of it."""

    async def act(turn: Turn) -> None:
        await turn.head(200, ("Content-Length", "1000"))
        await turn.send(h11.Data(data=body))
        await turn.reset()

    return act


async def hangs_up(turn: Turn) -> None:
    """End the connection without an answer."""
    await turn.stream.aclose()


async def never(turn: Turn) -> None:
    """Say nothing until the other side gives up."""
    await turn.stream.receive()


async def drips(turn: Turn) -> None:
    """Begin an answer of which a byte comes now and then, and never the last."""
    await turn.head(200, ("Content-Length", "1000000"))
    while True:
        await turn.send(h11.Data(data=b" "))
        await anyio.sleep(0.005)


def config(server: Flaky, **settings: Any) -> EstuaryConfig:
    """A configuration for this server: four quick attempts."""
    settings = {"retry": RetryConfig(backoff_factor=0.001), **settings}
    return EstuaryConfig(server.url, settings.pop("api_key", KEY), "c1", "p1", **settings)


@asynccontextmanager
async def serving(*servers: Flaky) -> AsyncIterator[None]:
    """Let these servers run."""
    async with anyio.create_task_group() as tasks:
        for server in servers:
            listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
            port = listener.extra(SocketAttribute.local_port)
            server.url = f"http://127.0.0.1:{port}"
            tasks.start_soon(_listening, listener, server)
        yield
        tasks.cancel_scope.cancel()


async def _listening(listener: Any, server: Flaky) -> None:
    async with listener:
        await listener.serve(server.serve)


@asynccontextmanager
async def using(*acts: Act, **settings: Any) -> AsyncIterator[tuple[Flaky, EstuaryClient]]:
    """A server and a client for it, which is never connected."""
    server = Flaky(*acts)
    keywords = {key: settings.pop(key) for key in KEYWORDS if key in settings}
    async with serving(server):
        client = EstuaryClient(config(server, **settings), **keywords)
        try:
            yield server, client
        finally:
            await client.disconnect()


KEYWORDS = ("http_client", "headers", "proxy", "ssl_context")
