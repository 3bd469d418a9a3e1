"""A server that does as a test tells it, on a real socket of this machine.

    async with serving() as server:                # a server that lets everybody in
        async with EstuaryClient(server.config()) as client:
            await client.connect()
            peer = await server.peer()             # the first connection; peer(2) is the second
            await peer.emit("bot_response", text="hi", is_final=True, message_id="m")

`serving(script)` runs `script(peer)` for each connection instead of `Peer.converse`. What a script
raises fails the test.
"""

from __future__ import annotations

import json
import socket
import struct
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
from anyio.abc import SocketAttribute, SocketListener
from anyio.streams.tls import TLSListener

from estuary_proto import (
    Admit,
    Connection,
    EstuaryConfig,
    JoinRequested,
    Open,
    Role,
    SendText,
    WebSocketLink,
)
from estuary_proto.models import SessionInfo
from estuary_proto.states import State

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    from anyio.abc import ByteStream

    from estuary_anyio import EstuaryClient
    from estuary_proto import Refuse

T = TypeVar("T")

SESSION = SessionInfo("session", "conversation", "character", "player")
WELCOME = Admit(SESSION)
HANDSHAKE = Open("sid", (), 25.0, 20.0, 2**20)
KEY = "est_secret_key"

GONE = (anyio.BrokenResourceError, anyio.EndOfStream, anyio.ClosedResourceError)


class Peer:
    """One connection, seen from the server."""

    def __init__(self, stream: ByteStream, handshake: Open) -> None:
        self.stream = stream
        self.inbox: list[Any] = []
        """Every event of the server's connection, and every message of the client."""
        self.gone = anyio.Event()
        """Set when the client's end of the stream has been seen."""
        self.conn = Connection(Role.SERVER, handshake=handshake, connect_within=60.0)
        self.link = WebSocketLink(self.conn, role=Role.SERVER)
        self.news = anyio.Event()
        """Set, and replaced by another, when the inbox has changed."""
        self._may_read = anyio.Event()
        self._may_read.set()
        self._writing = anyio.Lock()

    # --- what a script may do ----------------------------------------------------------------

    async def converse(self, answer: Admit | Refuse | None = WELCOME) -> None:
        """Serve until the client has gone; a join is met with `answer`, or with silence."""
        self.link.start(anyio.current_time())
        try:
            await self._converse(answer)
        except GONE:
            pass
        finally:
            self.gone.set()
            self._notify()

    async def _converse(self, answer: Admit | Refuse | None) -> None:
        while not self.link.closed:
            deadline = self.link.deadline
            until = float("inf") if deadline is None else deadline.at
            data: bytes | None = None
            with anyio.move_on_after(until - anyio.current_time()):
                await self._may_read.wait()
                data = await self.stream.receive()
            if data is None:
                self.link.handle_timeout(anyio.current_time())
            else:
                self.link.receive_data(data, anyio.current_time())
            self._take(answer)
            await self.flush()

    def _take(self, answer: Admit | Refuse | None) -> None:
        while (event := self.link.next_event()) is not None:
            self.inbox.append(event)
            joins = isinstance(event, JoinRequested) and self.conn.state is State.JOINING
            if joins and answer is not None:
                self.conn.submit(answer, now=anyio.current_time())
        self._notify()

    def _notify(self) -> None:
        self.news.set()
        self.news = anyio.Event()

    async def flush(self) -> None:
        """Write what the server has to say."""
        async with self._writing:
            while data := self.link.data_to_send():
                await self.stream.send(data)

    async def get(self, kind: type[T], number: int = 1) -> T:
        """Wait for the client's `number`th message (or event) of a class."""
        with anyio.fail_after(5):
            while True:
                found = [one for one in self.inbox if isinstance(one, kind)]
                if len(found) >= number:
                    return found[number - 1]
                if self.gone.is_set():
                    raise AssertionError(f"the client left; it said {self.inbox}")
                await self.news.wait()

    async def answer_all(self) -> None:
        """Answer each text of the client at once, for as long as it is there."""
        answered = 0
        while not self.gone.is_set():
            news = self.news
            texts = [one for one in self.inbox if isinstance(one, SendText)]
            for text in texts[answered:]:
                answered += 1
                key = f"answer {answered}"
                fields = {"text": f"to {text.text}", "is_final": True, "message_id": key}
                try:
                    await self.emit("bot_response", **fields)
                except GONE:  # It did not wait for the answer.
                    return
            await news.wait()

    def count(self, kind: type) -> int:
        """How many messages of a class have come."""
        return sum(isinstance(one, kind) for one in self.inbox)

    async def left(self) -> None:
        """Wait until the client has gone."""
        with anyio.fail_after(5):
            await self.gone.wait()

    async def emit(self, event: str, /, **fields: Any) -> None:
        """Send an event of the namespace."""
        await self.text("42/sdk," + json.dumps([event, fields]))

    async def text(self, *packets: str) -> None:
        """Send packets as WebSocket text messages, in one write."""
        await self.raw(b"".join(text_frame(packet) for packet in packets))

    async def raw(self, data: bytes) -> None:
        """Send bytes."""
        async with self._writing:
            await self.stream.send(data)

    async def request(self) -> bytes:
        """Read the HTTP head of the client's handshake, and leave it unanswered."""
        head = b""
        while b"\r\n\r\n" not in head:
            head += await self.stream.receive()
        return head

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the WebSocket with a code, and nothing before it."""
        payload = struct.pack("!H", code) + reason.encode()
        await self.raw(bytes([0x88, len(payload)]) + payload)

    async def cut(self) -> None:
        """Reset the connection, as a network that fails."""
        sock = self.stream.extra(SocketAttribute.raw_socket)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await anyio.aclose_forcefully(self.stream)

    def stop_reading(self) -> None:
        """Take no bytes from the kernel until `read_on`."""
        self._may_read = anyio.Event()

    def read_on(self) -> None:
        """Read again."""
        self._may_read.set()


def text_frame(text: str) -> bytes:
    """A whole unmasked WebSocket text message."""
    data = text.encode()
    size = len(data)
    if size < 126:
        return bytes([0x81, size]) + data
    if size < 65536:
        return b"\x81\x7e" + struct.pack("!H", size) + data
    return b"\x81\x7f" + struct.pack("!Q", size) + data


class Server:
    """A listening server and the connections that were made to it."""

    def __init__(self, port: int, secure: bool) -> None:
        self.port = port
        self.secure = secure
        self.peers: list[Peer] = []
        self._came = anyio.Event()

    def config(self, **changes: Any) -> EstuaryConfig:
        """A configuration for this server, patient with nothing."""
        scheme = "https" if self.secure else "http"
        settings: dict[str, Any] = {
            "server_url": f"{scheme}://127.0.0.1:{self.port}",
            "api_key": KEY,
            "character_id": "character",
            "player_id": "player",
            "connect_timeout": 5.0,
            "reconnect_delay": 0.01,
            "reconnect_delay_max": 0.02,
        }
        return EstuaryConfig(**{**settings, **changes})

    def arrived(self, peer: Peer) -> None:
        """A connection was made."""
        self.peers.append(peer)
        self._came.set()
        self._came = anyio.Event()

    async def peer(self, number: int = 1) -> Peer:
        """The `number`th connection, as soon as it is made."""
        with anyio.fail_after(30):
            while len(self.peers) < number:
                await self._came.wait()
        return self.peers[number - 1]


@asynccontextmanager
async def serving(
    *scripts: Callable[[Peer], Awaitable[None]],
    tls: ssl.SSLContext | None = None,
    handshake: Open = HANDSHAKE,
    small_buffers: bool = False,
) -> AsyncIterator[Server]:
    """Listen for the length of the block.

    The n-th connection is served by the n-th script, those after the last by the last. With
    `small_buffers` the kernel takes little that the server does not read.
    """
    sock = socket.socket()
    if small_buffers:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.bind(("127.0.0.1", 0))
    sock.listen(64)
    sock.setblocking(False)
    listener: Any = await SocketListener.from_socket(sock)
    if tls is not None:
        # The handshake is tried for each peer apart: one that fails ends that peer only.
        listener = TLSListener(listener, tls, standard_compatible=False)
    server = Server(sock.getsockname()[1], tls is not None)

    async def handle(stream: ByteStream) -> None:
        peer = Peer(stream, handshake)
        at = min(len(server.peers), len(scripts) - 1)
        script = scripts[at] if scripts else Peer.converse
        server.arrived(peer)
        async with stream:
            try:
                await script(peer)
            except GONE:
                pass
            finally:
                peer.gone.set()

    failure: BaseException | None = None
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        try:
            yield server
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:
            failure = error  # It leaves as itself, in no group.
        tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def answering(peer: Peer) -> None:
    """A script: let the client in and answer each of its texts."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(peer.answer_all)
        await peer.converse()
        tasks.cancel_scope.cancel()


async def after(
    client: EstuaryClient,
    event: type[T],
    action: Callable[..., Coroutine[Any, Any, Any]],
    *args: Any,
    where: Callable[[T], bool] | None = None,
) -> T:
    """Wait for an event that `action` brings about; it is listened for before that begins."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(action, *args)
        found = await client.wait_for(event, where, timeout=5)
    return found
