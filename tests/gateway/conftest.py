"""A client and the gateway's session joined in virtual time, and a bare WebSocket for the body."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
import pytest
import wsproto
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)

from estuary_proto.connection import Connection
from estuary_proto.events import AckSettled, Closed, HangUp, Ready, Settled
from estuary_proto.gateway import (
    Kept,
    MemoryStore,
    Outside,
    Registry,
    ServerConfig,
    ServerSession,
)
from estuary_proto.models.conversation import BotResponse
from estuary_proto.states import Role

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from anyio.abc import SocketStream

AUTH = {"api_key": "est_dev", "character_id": "demo", "player_id": "p1"}


class Pair:
    """Moves frames between a client's `Connection` and a `ServerSession`, and keeps the time.

    What the client is told collects in `events`, what it is sent in `frames`. A client that is not
    `reading` takes no frames. One that `recalls` has no memory at hand, and asks for it.
    """

    def __init__(
        self,
        config: ServerConfig | None = None,
        *,
        memory: MemoryStore | None = None,
        auth: dict[str, Any] | None = AUTH,
        external: bool = False,
        recogniser: bool = False,
        outside: Outside | None = None,
        registry: Registry | None = None,
        wall: Callable[[], str] = str,
        now: float = 100.0,
        recalls: bool = False,
        keep: Callable[[Kept], object] | None = None,
    ) -> None:
        numbers = count()
        self.now = now
        self.config = config or ServerConfig()
        self.server = ServerSession(
            self.config,
            memory=None if recalls else MemoryStore() if memory is None else memory,
            entropy=lambda size: next(numbers).to_bytes(size, "big"),
            external=external,
            outside=outside or Outside(recogniser=recogniser),
            registry=registry,
            wall=wall,
            keep=keep,
        )
        self.client = Connection(Role.CLIENT, auth=auth)
        self.events: list[Any] = []
        self.frames: list[str | bytes] = []
        self.hang_up: HangUp | None = None
        self.reading = True
        self.client.start(now=self.now)
        self.server.start(now=self.now)
        self.move()

    def move(self) -> None:
        """Carry frames both ways until none is left."""
        moved = True
        while moved:
            moved = False
            while self.reading and (frame := self.server.next_frame()) is not None:
                moved = True
                if isinstance(frame, HangUp):
                    self.hang_up = frame
                    self.client.receive_eof(now=self.now, code=frame.code, reason=frame.reason)
                    self.server.receive_eof(now=self.now, code=frame.code)
                else:
                    self.frames.append(frame)
                    self.client.receive(frame, now=self.now)
            while (frame := self.client.next_frame()) is not None:
                moved = True
                if isinstance(frame, HangUp):
                    self.server.receive_eof(now=self.now, code=frame.code)
                    self.client.receive_eof(now=self.now, code=frame.code)
                else:
                    self.server.receive(frame, now=self.now)
            while (event := self.client.next_event()) is not None:
                if not isinstance(event, Settled):
                    self.events.append(event)

    def send(self, message: Any, **options: Any) -> None:
        """The client submits `message`."""
        self.client.submit(message, now=self.now, **options)
        self.move()

    def advance(self, seconds: float) -> None:
        """Let time pass, deadline by deadline."""
        until = self.now + seconds
        for _ in range(100_000):
            due = [d.at for d in (self.server.deadline, self.client.deadline) if d is not None]
            if not due or min(due) > until:
                self.now = until
                return
            self.now = max(self.now, min(due))
            self.server.handle_timeout(now=self.now)
            self.client.handle_timeout(now=self.now)
            self.move()
        raise AssertionError("the deadlines do not end")

    def of(self, *classes: type) -> list[Any]:
        """What the client was told, of these classes."""
        return [event for event in self.events if isinstance(event, classes)]

    @property
    def answer(self) -> str:
        """The text of the last response as it stands."""
        return str(self.of(BotResponse)[-1].text)

    def say(self, message: Any) -> str:
        """Send, wait for the answer to end, return it."""
        self.send(message)
        self.advance(60 if self.config.word_interval else 0)
        assert self.of(BotResponse)[-1].is_final
        return self.answer

    def commands(self) -> list[Any]:
        """The commands for an external brain, or for whoever moves the session."""
        found: list[Any] = []
        while (command := self.server.next_command()) is not None:
            found.append(command)
        return found

    @property
    def ready(self) -> bool:
        return bool(self.of(Ready))

    @property
    def closed(self) -> Closed:
        (closed,) = self.of(Closed)
        assert isinstance(closed, Closed)
        return closed

    @property
    def acks(self) -> list[AckSettled]:
        return self.of(AckSettled)


@pytest.fixture
def join() -> Callable[..., Pair]:
    """Makes a `Pair`."""
    return Pair


class Wire:
    """A WebSocket with nothing above it: text frames, the close code, nothing else."""

    def __init__(self, stream: SocketStream) -> None:
        self.stream = stream
        self.status = 0
        self.body = b""
        self.close_code: int | None = None
        self.frames: list[str] = []
        self._ws = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        self._part = ""

    async def open(self, host: str, target: str) -> None:
        """Shake hands; `status` is 101 or what the server said instead."""
        await self.stream.send(self._ws.send(Request(host, target)))
        while not self.status:
            await self._read()

    async def send(self, text: str) -> None:
        await self.stream.send(self._ws.send(TextMessage(text)))

    async def event(self, name: str, *args: Any) -> None:
        """Emit an event."""
        await self.send(f"42/sdk,{json.dumps([name, *args])}")

    async def receive(self) -> str | None:
        """The next text message; None when the WebSocket is over (see `close_code`)."""
        while not self.frames:
            if not await self._read():
                return None
        return self.frames.pop(0)

    async def until(self, wanted: str) -> list[str]:
        """Messages up to the first that holds `wanted`."""
        seen: list[str] = []
        while not seen or wanted not in seen[-1]:
            frame = await self.receive()
            assert frame is not None, f"ended ({self.close_code}) before {wanted!r}: {seen[-3:]}"
            seen.append(frame)
        return seen

    async def join(self, **change: str) -> str:
        """Join with credentials; returns what the server answered."""
        await self.until("pingInterval")
        auth = {"api_key": "est_dev", "character_id": "demo", "player_id": "p1", **change}
        await self.send(f"40/sdk,{json.dumps(auth)}")
        seen = await self.until("4/sdk" if change.get("api_key") else "session_info")
        return seen[-1]

    async def _read(self) -> bool:
        try:
            data = await self.stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return False
        self._ws.receive_data(data)
        for event in self._ws.events():
            if isinstance(event, AcceptConnection):
                self.status = 101
            elif isinstance(event, RejectConnection):
                self.status = event.status_code
            elif isinstance(event, RejectData):
                self.body += event.data
            elif isinstance(event, TextMessage):
                self._part += event.data
                if event.message_finished:
                    self.frames.append(self._part)
                    self._part = ""
            elif isinstance(event, CloseConnection):
                self.close_code = event.code
                await self.stream.send(self._ws.send(event.response()))
        return True


@asynccontextmanager
async def _wire(
    url: str, target: str = "/socket.io/?EIO=4&transport=websocket"
) -> AsyncGenerator[Wire, None]:
    where = urlsplit(url)
    assert where.hostname is not None
    assert where.port is not None
    async with await anyio.connect_tcp(where.hostname, where.port) as stream:
        wire = Wire(stream)
        await wire.open(where.netloc, target)
        yield wire


@pytest.fixture
def dial() -> Callable[..., Any]:
    """Opens a `Wire` to a gateway's url."""
    return _wire
