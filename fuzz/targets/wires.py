"""The bytes of a WebSocket, in both roles: handshakes, frames, endings."""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Any

from wsproto.utilities import generate_accept_token

from estuary_proto.frames import read_head, text_frame
from estuary_proto.states import Role
from estuary_proto.testing.choosing import FromBytes, flag, pick
from estuary_proto.websocket import MAX_BODY_SIZE, MAX_HEAD_SIZE, WebSocketLink

if TYPE_CHECKING:
    from estuary_proto.errors import EstuaryError
    from estuary_proto.events import HangUp

MOST = 300
"""Bytes that a message may have here."""
TARGET = "/socket.io/?EIO=4&transport=websocket"
REQUEST = (
    f"GET {TARGET} HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
).encode()
KEY = b"\x01\x02\x03\x04"
HEAD_END = re.compile(rb"\n\r?\n")

HEADS = (
    b"", b"\x81\x7e\x00\x03", b"\x81\x7e\x01\x2d", b"\x81\x7f" + b"\x00" * 7 + b"\x03",
    b"\x89\x7e\x00\x80", b"\x81\xfe\x00\x03", b"\x01\x7e\x01\x00", b"\x88\x01",
)  # fmt: skip
"""How frames may begin that are longer than they say, or say it at too great a length."""


class Notes:
    """A core that writes down what it is told, and has a few frames to send."""

    deadline = None
    wants_read = True

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.frames: deque[str | bytes | HangUp] = deque()
        self.over = False

    @property
    def wants_write(self) -> bool:
        return bool(self.frames)

    def note(self, *call: Any) -> None:
        assert not self.over, f"{call[0]} after the end"
        self.calls.append(call)

    def start(self, *, now: float) -> None:
        self.note("start")

    def receive(self, frame: str | bytes, *, now: float) -> None:
        assert type(frame) in (str, bytes)
        assert len(frame) <= MOST
        self.note("receive", frame)

    def receive_eof(self, *, now: float, code: int | None = None, reason: str = "") -> None:
        self.note("eof", code, reason)
        self.over = True

    def refused(self, error: EstuaryError, *, now: float) -> None:
        self.note("refused", error.code, error.message, error.details)
        self.over = True

    def fault(self, error: EstuaryError, *, now: float) -> None:
        self.note("fault", error.message, error.details)
        self.over = True

    def handle_timeout(self, *, now: float) -> None:
        self.note("timeout")

    def next_frame(self, *, batch: bool = False) -> str | bytes | HangUp | None:
        return self.frames.popleft() if self.frames else None

    def next_event(self) -> Any:
        return None


class SlowLink(WebSocketLink):
    """Every frame the long way, through wsproto."""

    SHORT_WAY = False


def begun(role: Role, *, opened: bool, slow: bool = False) -> tuple[WebSocketLink, Notes]:
    """A link that awaits a handshake, or has had one."""
    notes = Notes()
    make = SlowLink if slow else WebSocketLink
    link = make(notes, role=role, host="h", max_message_size=MOST)
    link.start(now=0.0)
    request = link.data_to_send()
    if opened and role is Role.SERVER:
        link.receive_data(REQUEST, now=0.0)
    elif opened:
        key = request.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
        link.receive_data(answer_to(key), now=0.0)
    if opened:
        assert notes.calls == [("start",)]
        link.data_to_send()
    return link, notes


def answer_to(key: bytes) -> bytes:
    """A server's 101."""
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + generate_accept_token(key) + b"\r\n\r\n"
    )


def outcome(link: WebSocketLink, notes: Notes, data: bytes, size: int) -> Any:
    """What was told and written when `data` comes `size` bytes at a time, and then the end."""
    most = max(MAX_HEAD_SIZE, MOST + 14) + size
    for at in range(0, len(data), size):
        link.receive_data(data[at : at + size], now=1.0)
        assert len(link._in) <= most
        assert len(link._text.getvalue()) <= MOST >= len(link._binary)
        assert len(link._body) <= MAX_BODY_SIZE + size
    sent = [first & 0x0F for first, _ in _unmasked(link)]
    link.receive_eof(now=2.0)
    link.receive_data(data, now=3.0)
    link.receive_eof(now=3.0)
    assert link.closed
    assert link.data_to_send() == b""
    assert notes.over
    return notes.calls, sent


def _unmasked(link: WebSocketLink) -> list[tuple[int, bytes]]:
    """The frames that are written; masks are random and say nothing."""
    data, found = b"", []
    while more := link.data_to_send():
        data += more
    if data.startswith(b"HTTP/"):
        return [(0, data)]
    at = 0
    while at < len(data):
        head = read_head(data, at, masked=bool(data[at + 1] & 128))
        assert head is not None
        assert not head.odd
        at += head.size + head.length
        found.append((data[at - head.size - head.length], data[at - head.length : at]))
    assert at == len(data)
    return found


def websocket(data: bytes) -> None:
    """Bytes whole, in pieces and one by one tell the same, in both roles, by both ways."""
    choose = FromBytes(data)
    role = pick(choose, (Role.CLIENT, Role.SERVER))
    opened = choose.below(4) > 0
    stream = _stream(choose, role) if flag(choose) and opened else choose.rest
    ways = [(max(1, len(stream)), False), (1, False), (7, False), (max(1, len(stream)), True)]
    found = [outcome(*begun(role, opened=opened, slow=slow), stream, size) for size, slow in ways]
    assert all(one == found[0] for one in found)


def _stream(choose: FromBytes, role: Role) -> bytes:
    """Frames, sound and otherwise, as the other side would write them."""
    out = bytearray()
    key = b"" if role is Role.CLIENT else KEY
    while choose.more:
        kind = choose.below(8)
        body = choose.text(140).encode() if flag(choose) else choose.binary(20)
        if kind < 3:
            out += text_frame(body, key)
        elif kind < 7:
            made = bytearray(text_frame(body, key))
            made[0] = pick(choose, (0x81, 0x01, 0x80, 0x00, 0x82, 0x02, 0x88, 0x89, 0x8A, 0xC1))
            out += made
        else:
            out += pick(choose, HEADS) + choose.binary(8)
    return bytes(out)


def handshake(data: bytes) -> None:
    """HTTP heads with anything in them, split anywhere: open, refused, or a fault; never an error.

    What stands for KEY in the head of an answer becomes the token that was asked for.
    """
    choose = FromBytes(data)
    role = pick(choose, (Role.CLIENT, Role.SERVER))
    lines = [_START[role][choose.below(len(_START[role]))]]
    while choose.more and choose.below(16):
        lines.append(pick(choose, _LINES) if flag(choose) else choose.binary(60))
    stream = pick(choose, (b"\r\n", b"\n")).join([*lines, b"", b""]) + choose.rest
    # Every link asks for another token: behind the head they would be other frames each time.
    end = HEAD_END.search(stream)
    at = end.end() if end else len(stream)
    found = []
    for size in (len(stream), 1, 5):
        link, notes = begun_with_key(role)
        filled = stream[:at].replace(b"KEY", generate_accept_token(notes.key)) + stream[at:]
        found.append(outcome(link, notes, filled, size))
    told = [[call[:2] for call in calls] for calls, _ in found]
    assert all(one == told[0] for one in told)


class Asking(Notes):
    """Notes, with the key that was sent."""

    key = b""


def begun_with_key(role: Role) -> tuple[WebSocketLink, Asking]:
    """A link that awaits a handshake."""
    notes = Asking()
    link = WebSocketLink(notes, role=role, host="h", max_message_size=MOST)
    link.start(now=0.0)
    notes.key = link.data_to_send().partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
    return link, notes


_START = {
    Role.CLIENT: (
        b"HTTP/1.1 101 Switching Protocols",
        b"HTTP/1.1 403 Forbidden",
        b"HTTP/1.1 302 Found",
        b"HTTP/1.0 200 OK",
        b"HTTP/1.1 100 Continue",
        b"\x15\x03\x01",
        b"HTTP/1.1 999",
    ),
    Role.SERVER: (
        f"GET {TARGET} HTTP/1.1".encode(),
        b"GET / HTTP/1.1",
        b"POST /socket.io/ HTTP/1.1",
        b"GET /socket.io/ HTTP/1.0",
        b"\x16\x03\x01",
        b"GET \xff HTTP/1.1",
    ),
}
_LINES = (
    b"Upgrade: websocket",
    b"Connection: Upgrade",
    b"Sec-WebSocket-Accept: KEY",
    b"Host: h",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Extensions: permessage-deflate",
    b"Sec-WebSocket-Protocol: x",
    b"Content-Length: 5",
    b"Content-Length: -1",
    b"Transfer-Encoding: chunked",
    b"Location: https://h/?token=x",
    b"Set-Cookie: a=b",
    b" folded",
    b": nameless",
)
