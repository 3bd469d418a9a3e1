"""The optional byte layer: a WebSocket around any core that speaks in frames.

An embedder without a WebSocket library moves bytes and nothing else: what it reads goes to
`receive_data`, what `data_to_send` returns is written, and the other verbs are the core's own.

    link = WebSocketLink(Connection(config), host="api.estuary-ai.com")
    link.start(now=t)
    sock.sendall(link.data_to_send())
    link.receive_data(sock.recv(65536), now=t)

The handshake, the masks and the rules for frames are wsproto's. Here is what it leaves to others:
bounds on all that a peer can make long, answers to pings and closes, refusals in words, and a short
way past it for the frame that is nearly all the traffic, a whole text message.

Each frame is judged when its last byte is there, so how the bytes were split changes nothing.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from io import StringIO
from typing import TYPE_CHECKING, Any, Final, Protocol

import h11
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.utilities import RemoteProtocolError as WsprotoError

from estuary_proto.errors import ErrorCode, EstuaryError, LocalProtocolError, RemoteProtocolError
from estuary_proto.frames import PLAIN_TEXT, read_head, text_frame
from estuary_proto.states import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DEFAULT_TARGET: Final = "/socket.io/?EIO=4&transport=websocket"
"""Where Engine.IO 4 listens for WebSockets (PROTOCOL 1.1)."""
DEFAULT_MAX_MESSAGE_SIZE: Final = 16 * 2**20
MAX_HEAD_SIZE: Final = 16 * 2**10
"""The most bytes of HTTP head that are read, in either role."""
MAX_BODY_SIZE: Final = 1024
"""The most bytes of a refusal's body that are read; 200 characters of it are told."""

_TOO_BIG: Final = 1009
_HEAD_END: Final = re.compile(rb"\n\r?\n")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HTTP: Final = b"HTTP/1."
_TLS: Final = (0x15, 0x16)
"""How a TLS record of an alert or a handshake begins."""
_OURS: Final = frozenset({"host", "connection", "upgrade", "content-length", "transfer-encoding"})


class Goodbye(Protocol):
    """What a core gives as its last frame: the code and reason of the WebSocket close frame."""

    @property
    def code(self) -> int:
        """The close code (RFC 6455, 7.4)."""
        ...

    @property
    def reason(self) -> str:
        """Why, for people; cut to 123 bytes of UTF-8."""
        ...


class FrameCore(Protocol):
    """What a `WebSocketLink` needs of the thing that it wraps: the verbs of `Connection`."""

    @property
    def deadline(self) -> Any:
        """When `handle_timeout` is due, or None."""

    @property
    def wants_read(self) -> bool:
        """False: stop reading until events have been taken."""
        ...

    @property
    def wants_write(self) -> bool:
        """False: `next_frame` has nothing to give, and nothing to settle."""
        ...

    def start(self, *, now: float) -> None:
        """The WebSocket is open."""

    def receive(self, frame: str | bytes, *, now: float) -> None:
        """One whole message came."""

    def receive_eof(self, *, now: float, code: int | None = None, reason: str = "") -> None:
        """The peer closed the WebSocket (its code, 1005 for none), or the stream ended (None)."""

    def refused(self, error: EstuaryError, *, now: float) -> None:
        """The handshake came to nothing."""

    def fault(self, error: EstuaryError, *, now: float) -> None:
        """The peer broke the rules of the WebSocket; the close frame is already under way."""

    def handle_timeout(self, *, now: float) -> None:
        """The deadline may be due."""

    def next_frame(self, *, batch: bool = False) -> str | bytes | Goodbye | None:
        """The next frame to send; asking again says that those before were handed on, unless this
        one goes with them in one `batch`."""

    def next_event(self) -> Any:
        """The next event, or None."""


class _Phase(Enum):
    """Where the WebSocket stands. Text and bytes pass in OPEN, and come in LEAVING too."""

    IDLE = auto()
    GREETING = auto()
    """The other side's HTTP head is due."""
    REFUSED = auto()
    """The server said no; the beginning of its explanation is due."""
    OPEN = auto()
    LEAVING = auto()
    """Our close frame is out; the peer's is due."""
    ENDING = auto()
    """Nothing is read any more; the last bytes are to be written."""
    CLOSED = auto()


# A tuple, since it is asked for every frame and an Enum's hash is slow.
_READING: Final = (_Phase.OPEN, _Phase.LEAVING)


class WebSocketLink:
    """One WebSocket in bytes, around one `core`.

    Client role: `host` is the Host header (a name, or name:port), `target` the path with its query,
    `headers` are further ones for the handshake. Server role: `target` says which path is served,
    others get 404. A message of more than `max_message_size` bytes is refused before it is kept.
    `entropy(n)` gives n bytes that nobody can foresee, such as `os.urandom`: a client's frames are
    masked with them. Without it wsproto masks them with its own, and takes longer.

    Raises LocalProtocolError for a host, target or header that HTTP cannot carry.
    """

    SHORT_WAY = True
    """Whole texts need not pass wsproto; False takes every frame through it, to the same effect."""

    def __init__(
        self,
        core: FrameCore,
        *,
        role: Role = Role.CLIENT,
        host: str = "",
        target: str = DEFAULT_TARGET,
        headers: Iterable[tuple[str, str]] = (),
        max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE,
        user_agent: str = "estuary-anyio",
        entropy: Callable[[int], bytes] | None = None,
    ) -> None:
        self.core = core
        self._is_client = role is Role.CLIENT
        self._short_way = self.SHORT_WAY and self._is_client
        self._entropy = entropy if self._is_client else _none
        self._path = target.partition("?")[0]
        self._max_message_size = max_message_size
        self._ws = WSConnection(ConnectionType.CLIENT if self._is_client else ConnectionType.SERVER)
        self._phase = _Phase.IDLE
        self._in = bytearray()
        self._out: list[bytes] = []
        self._pong: bytes | None = None
        self.pongs: int = 0
        """How many pongs have come."""
        # The message of which fragments have come: its size so far, and what they held.
        self._unfinished = False
        self._size = 0
        self._text = StringIO()
        self._binary = bytearray()
        # The refusal whose body is being read.
        self._answer = RejectConnection()
        self._body = bytearray()
        if self._is_client:
            if user_agent:
                headers = (("User-Agent", user_agent), *headers)
            self._out.append(self._request(host, target, headers))

    # What the driver reads.

    @property
    def closed(self) -> bool:
        """True when nothing more will be read or written: drop the socket."""
        return self._phase is _Phase.CLOSED

    @property
    def deadline(self) -> Any:
        """The core's deadline."""
        return self.core.deadline

    @property
    def wants_write(self) -> bool:
        """Whether `data_to_send` has something to give, or something to settle by being asked."""
        if self._out or self._phase is _Phase.ENDING:
            return True
        if self._pong is not None and self._phase is _Phase.OPEN:
            return True
        return self._phase in _READING and self.core.wants_write

    @property
    def wants_read(self) -> bool:
        """Whether to go on reading: the core's word once the WebSocket is open."""
        return self._phase not in _READING or self.core.wants_read

    def next_event(self) -> Any:
        """The core's next event, or None."""
        return self.core.next_event()

    # What the driver says.

    def start(self, now: float) -> None:
        """The transport is open: the client's request is ready, the server awaits one.

        The core is started when the handshake is done. Raises LocalProtocolError the second time.
        """
        if self._phase is not _Phase.IDLE:
            raise LocalProtocolError("a WebSocketLink is started once")
        self._phase = _Phase.GREETING

    def handle_timeout(self, now: float) -> None:
        """Pass the time to the core."""
        self.core.handle_timeout(now=now)

    def receive_data(self, data: bytes | bytearray | memoryview, now: float) -> None:
        """Bytes have come. After the end they are ignored; nothing that they hold raises.

        Raises LocalProtocolError before `start`.
        """
        if self._phase is _Phase.IDLE:
            raise LocalProtocolError("start the WebSocketLink before it receives data")
        if self._phase is _Phase.OPEN and not self._in and not self._unfinished:
            # Nearly always it is whole texts, which need not be kept at all.
            at = self._read_plain_texts(data, 0, now)
            if at == len(data):
                return
            data = memoryview(data)[at:]
        fresh = len(self._in)
        self._in += data
        if self._phase is _Phase.GREETING:
            self._read_head(fresh, now)
        if self._phase is _Phase.REFUSED:
            # No bytes would mean the end of the stream to h11.
            if self._in:
                self._hear_server(bytes(self._in), now)
        elif self._phase in _READING:
            self._read_frames(now)
        if self._phase not in _READING and self._phase is not _Phase.GREETING:
            self._in.clear()

    def ping(self) -> None:
        """Ask the peer for a sign of life (RFC 6455, 5.5.2); `pongs` counts what comes of it.

        Raises LocalProtocolError unless the WebSocket is open.
        """
        if self._phase is not _Phase.OPEN:
            raise LocalProtocolError(
                "only an open WebSocket can be pinged", ErrorCode.NOT_CONNECTED
            )
        self._out.append(self._ws.send(Ping()))

    def receive_eof(self, now: float) -> None:
        """The stream has ended, for whatever cause. Nothing can be written any more."""
        phase, self._phase = self._phase, _Phase.CLOSED
        self._out.clear()
        self._in.clear()
        if phase is _Phase.REFUSED:
            self.core.refused(self._refusal(), now=now)
        elif phase in _READING:
            self.core.receive_eof(now=now)
        elif phase is not _Phase.ENDING and phase is not _Phase.CLOSED:
            side = "server" if self._is_client else "client"
            self.core.refused(
                _failure(
                    f"the {side} closed the connection before the WebSocket handshake was done"
                ),
                now=now,
            )

    def data_to_send(self, limit: int = 65536) -> bytes:
        """The next bytes to write, b"" when there are none for now.

        Frames are drawn from the core until there are about `limit` bytes. They must be written:
        asking again says that they were, and lets `closed` turn true after the last ones.
        """
        out = self._out
        if self._pong is not None and self._phase is _Phase.OPEN:
            out.append(self._ws.send(Pong(self._pong)))
            self._pong = None
        if self._phase is _Phase.OPEN:
            self._draw(out, limit)
        elif self._phase is _Phase.LEAVING:
            # Nothing follows a goodbye; the core learns that it was handed on.
            self.core.next_frame()
        elif self._phase is _Phase.ENDING and not out:
            self._phase = _Phase.CLOSED
        elif self._phase is _Phase.IDLE:
            return b""
        data = b"".join(out)
        out.clear()
        return data

    def _draw(self, out: list[bytes], limit: int) -> None:
        size = sum(map(len, out))
        batch = False
        while size < limit:
            frame = self.core.next_frame(batch=batch)
            batch = True
            if frame is None:
                return
            if isinstance(frame, str):
                if self._entropy is None or not self.SHORT_WAY:
                    data = self._ws.send(TextMessage(frame))
                else:
                    data = text_frame(frame.encode(), self._entropy(4))
            elif isinstance(frame, bytes):
                data = self._ws.send(BytesMessage(frame))
            else:
                out.append(self._ws.send(CloseConnection(frame.code, frame.reason)))
                self._phase = _Phase.LEAVING
                return
            out.append(data)
            size += len(data)

    # Frames in.

    def _read_frames(self, now: float) -> None:
        data, at, total = self._in, 0, len(self._in)
        while self._phase in _READING:
            if not self._unfinished:
                at = self._read_plain_texts(data, at, now)
            head = read_head(data, at, masked=not self._is_client)
            if head is None:
                break
            if head.odd:
                # wsproto ends it here and says why.
                self._feed(data[at : at + head.size], now)
            elif not head.control and self._size + head.length > self._max_message_size:
                self._fault(f"a message of over {self._max_message_size} bytes", _TOO_BIG, now)
            else:
                end = at + head.size + head.length
                if end > total:
                    break
                if not head.control:
                    self._unfinished = not head.final
                    self._size = 0 if head.final else self._size + head.length
                self._feed(data[at:end], now)
                at = end
        del data[:at]

    def _read_plain_texts(self, data: bytes | bytearray | memoryview, at: int, now: float) -> int:
        """Deliver the whole text messages that begin at `at`; the index where they end.

        The short way past wsproto, for what needs no rules: one final, unmasked text frame that is
        there to its last byte. At the first thing that is not so, the long way takes over.
        """
        if not self._short_way:
            return at
        total, limit, receive = len(data), self._max_message_size, self.core.receive
        while total - at >= 2 and data[at] == PLAIN_TEXT:
            length, body = data[at + 1], at + 2
            if length > 125:
                if length != 126 or total - at < 4:
                    break
                length, body = data[at + 2] << 8 | data[at + 3], at + 4
                if length < 126:
                    break
            end = body + length
            if end > total or length > limit:
                break
            try:
                text = str(data[body:end], "utf-8")
            except UnicodeDecodeError:
                break
            at = end
            receive(text, now=now)
        return at

    def _feed(self, frame: bytearray, now: float) -> None:
        """Let wsproto judge one frame (or an odd head) and do as it says."""
        self._ws.receive_data(bytes(frame))
        for event in self._ws.events():
            if isinstance(event, TextMessage):
                self._text.write(event.data)
                if event.message_finished:
                    text, self._text = self._text.getvalue(), StringIO()
                    self.core.receive(text, now=now)
            elif isinstance(event, BytesMessage):
                self._binary += event.data
                if event.message_finished:
                    binary, self._binary = bytes(self._binary), bytearray()
                    self.core.receive(binary, now=now)
            elif isinstance(event, Ping):
                # Only the latest need be answered (RFC 6455, 5.5.3): a flood leaves one pong.
                self._pong = bytes(event.payload)
            elif isinstance(event, CloseConnection):
                self._hear_close(event, now)
            else:  # `Pong`: there is no other.
                self.pongs += 1

    def _hear_close(self, event: CloseConnection, now: float) -> None:
        """The peer's close frame, or wsproto's verdict that a rule was broken."""
        if self._ws.state in (ConnectionState.OPEN, ConnectionState.LOCAL_CLOSING):
            self._fault(event.reason or "", event.code, now)
            return
        if self._phase is _Phase.OPEN:
            self._out.append(self._ws.send(event.response()))
        self._end()
        self.core.receive_eof(now=now, code=int(event.code), reason=event.reason or "")

    def _fault(self, what: str, code: int, now: float) -> None:
        if self._phase is _Phase.OPEN:
            self._out.append(self._ws.send(CloseConnection(code, what)))
        self._end()
        error = RemoteProtocolError(f"broken WebSocket: {what}", {"close_code": int(code)})
        self.core.fault(error, now=now)

    def _end(self) -> None:
        self._phase = _Phase.ENDING if self._out else _Phase.CLOSED

    # The handshake.

    def _request(self, host: str, target: str, headers: Iterable[tuple[str, str]]) -> bytes:
        extra = []
        for name, value in headers:
            low = name.lower()
            if low in _OURS or low.startswith("sec-websocket-"):
                raise LocalProtocolError(f"the header {name} belongs to the handshake itself")
            if not (_TOKEN.fullmatch(name) and value.isascii() and value.isprintable()):
                raise LocalProtocolError(f"HTTP cannot carry the header {name!r} as it is")
            extra.append((name.encode(), value.strip().encode()))
        request = Request(host=host, target=target, extra_headers=extra)
        try:
            return self._ws.send(request)
        except (h11.LocalProtocolError, ValueError):
            # Its words might repeat a secret that stands in a URL.
            raise LocalProtocolError("HTTP cannot carry this host or target") from None

    def _read_head(self, fresh: int, now: float) -> None:
        """Wait for the whole HTTP head, of which what begins at `fresh` is new, and hear it."""
        data = self._in
        if self._is_client and not _HTTP.startswith(data[: len(_HTTP)]):
            hint = ": it speaks TLS, so try https or wss" if data[0] in _TLS else ""
            self._fail(f"the server does not speak HTTP here{hint}", now)
            return
        if not self._is_client and data and data[0] in _TLS:
            # No end of a head will come; from a plain answer a TLS library sees where it is.
            self._out.append(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            self._fail("the client speaks TLS, and this is plain HTTP", now)
            return
        found = _HEAD_END.search(data, max(0, fresh - 2), MAX_HEAD_SIZE)
        if found is None:
            if len(data) >= MAX_HEAD_SIZE:
                self._fail(f"the WebSocket handshake is longer than {MAX_HEAD_SIZE} bytes", now)
            return
        head = bytes(data[: found.end()])
        del data[: found.end()]
        if self._is_client:
            self._hear_server(head, now)
        else:
            self._hear_client(head, now)

    def _hear_server(self, data: bytes, now: float) -> None:
        fault, whole = "", False
        try:
            self._ws.receive_data(data)
        except (WsprotoError, ValueError) as error:
            fault = str(error)
        for event in self._ws.events():
            if isinstance(event, RejectConnection):
                self._phase, self._answer, whole = _Phase.REFUSED, event, not event.has_body
            elif isinstance(event, RejectData):
                self._body += event.data
                whole = event.body_finished
            else:
                self._phase = _Phase.OPEN
                self.core.start(now=now)
        if self._phase is _Phase.REFUSED:
            if whole or fault or len(self._body) >= MAX_BODY_SIZE:
                self._phase = _Phase.CLOSED
                self.core.refused(self._refusal(), now=now)
        elif fault:
            self._fail(f"the server's WebSocket handshake is wrong: {fault}", now)

    def _hear_client(self, head: bytes, now: float) -> None:
        refusal: Event | None = None
        try:
            self._ws.receive_data(head)
        except WsprotoError as error:
            refusal = error.event_hint
        except ValueError:
            refusal = RejectConnection(status_code=400)
        for event in self._ws.events():
            if isinstance(event, Request) and event.target.partition("?")[0] != self._path:
                refusal = RejectConnection(status_code=404)
        if refusal is not None:
            self._out.append(self._ws.send(refusal))
            self._fail("the client's WebSocket handshake was refused", now)
            return
        self._out.append(self._ws.send(AcceptConnection()))
        self._phase = _Phase.OPEN
        self.core.start(now=now)

    def _fail(self, message: str, now: float) -> None:
        self._end()
        self.core.refused(_failure(message), now=now)

    def _refusal(self) -> EstuaryError:
        """The server's answer that was no 101, in words."""
        status = self._answer.status_code
        body = " ".join(self._body[:MAX_BODY_SIZE].decode(errors="replace").split())[:200]
        details: dict[str, Any] = {"status": status, "body": body}
        message = f"the server refused the WebSocket with HTTP {status}"
        for name, value in self._answer.headers:
            if name == b"location" and 300 <= status < 400:
                # Without its query, which may hold a credential.
                details["location"] = value.decode(errors="replace").partition("?")[0]
                message += f": it points to {details['location']}"
        code = ErrorCode.AUTH_FAILED if status in (401, 403) else ErrorCode.CONNECTION_FAILED
        return EstuaryError(message, code, details)


def _none(size: int) -> bytes:
    """A server's frames are not masked."""
    return b""


def _failure(message: str) -> EstuaryError:
    return EstuaryError(message, ErrorCode.CONNECTION_FAILED)
