"""One connection to a server, step by step, with an eye on each event as it comes."""

from __future__ import annotations

from os import urandom
from typing import TYPE_CHECKING, Any

import anyio

from estuary_proto.answers import Ack
from estuary_proto.authority import authority
from estuary_proto.connection import Connection
from estuary_proto.errors import RemoteProtocolError
from estuary_proto.events import AckDue, Closed
from estuary_proto.messages import UnknownEvent
from estuary_proto.packing import PLAIN_EVENT
from estuary_proto.socketio import plain_event
from estuary_proto.states import Role, State
from estuary_proto.websocket import WebSocketLink

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from anyio.abc import ByteStream

    from estuary_proto.config import EstuaryConfig

GONE = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError)
JOINED = (State.JOINED, State.GREETED, State.READY)


class Watched(Connection):
    """A connection that remembers what has come, as it stood on the wire."""

    opened: bool = False
    """Whether there is a WebSocket."""
    joined: bool = False
    """Whether the namespace has said anything."""

    def __init__(self, auth: Mapping[str, Any]) -> None:
        super().__init__(Role.CLIENT, auth=auth, connect_within=1e9)
        self.heard: list[tuple[str, Any]] = []

    def start(self, *, now: float, by: float | None = None) -> None:
        """See `Connection`."""
        super().start(now=now, by=by)
        self.opened = True

    def receive(self, frame: str | bytes, *, now: float) -> None:
        """See `Connection`."""
        self._note(frame)
        super().receive(frame, now=now)
        self.joined = self.joined or self.state in JOINED

    def _note(self, frame: str | bytes) -> None:
        try:
            event = plain_event(frame, PLAIN_EVENT) if isinstance(frame, str) else None
        except RemoteProtocolError:  # The connection will say so.
            return
        if event is not None:
            self.heard.append((str(event[0]), event[1] if len(event) > 1 else None))


class Line:
    """A WebSocket on an open stream, and a session in it."""

    def __init__(
        self, stream: ByteStream, config: EstuaryConfig, auth: Mapping[str, Any] | None = None
    ) -> None:
        self.conn: Watched = Watched(config.auth() if auth is None else auth)
        self.closed: Closed | None = None
        self._stream = stream
        self.link: WebSocketLink = WebSocketLink(
            self.conn,
            host=authority(config.host, config.port, secure=config.secure),
            target=config.target("/socket.io/"),
            max_message_size=config.max_message_size,
            entropy=urandom,
        )
        self.link.start(now=anyio.current_time())

    async def until(self, done: Callable[[], bool], within: float) -> bool:
        """Talk until this is so; False: the connection or the time came to an end."""
        with anyio.move_on_after(within):
            while not done() and self.closed is None:
                await self._flush()
                try:
                    data = await self._stream.receive()
                except GONE:
                    self.link.receive_eof(now=anyio.current_time())
                else:
                    self.link.receive_data(data, now=anyio.current_time())
                self._take()
            await self._flush()
        return done()

    def _take(self) -> None:
        while (event := self.link.next_event()) is not None:
            if isinstance(event, Closed):
                self.closed = event
            elif isinstance(event, AckDue) and self.conn.state is State.READY:
                self.conn.submit(Ack(event.ack_id), now=anyio.current_time())

    async def _flush(self) -> None:
        try:
            while data := self.link.data_to_send():
                await self._stream.send(data)
        except GONE:
            self.link.receive_eof(now=anyio.current_time())
            self._take()

    def send(self, message: Any) -> None:
        """Say something; it leaves with the next `until`."""
        self.conn.submit(message, now=anyio.current_time())

    def say(self, name: str, data: Any) -> None:
        """Send an event of any name and shape, as no message of this library is."""
        self.send(UnknownEvent(name, (data,)))

    def events(self, name: str, since: int = 0) -> list[Any]:
        """The payloads of the events of this name that have come since."""
        return [data for event, data in self.conn.heard[since:] if event == name]

    async def aclose(self) -> None:
        """Say goodbye, and leave."""
        with anyio.move_on_after(1, shield=True):
            if self.closed is None and self.conn.state is not State.IDLE:
                self.conn.close(now=anyio.current_time())
                await self._flush()
        with anyio.move_on_after(1, shield=True):
            await self._stream.aclose()
