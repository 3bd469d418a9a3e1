"""What the tests of the byte layer share: a core that takes notes, and bytes made by hand."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

import websockets.frames as judge_frames
from wsproto.utilities import generate_accept_token

from estuary_proto.errors import ErrorCode, EstuaryError
from estuary_proto.websocket import (
    WebSocketLink,
)

TARGET = "/socket.io/?EIO=4&transport=websocket"


class HangUp(NamedTuple):
    code: int = 1000
    reason: str = ""


class Core:
    """A frame core that writes down what it is told and sends what it was given."""

    deadline: Any = "the deadline"
    wants_read = False

    def __init__(self, *frames: str | bytes | HangUp) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.frames = deque(frames)
        self.asked = 0

    @property
    def wants_write(self) -> bool:
        return bool(self.frames)

    def start(self, *, now: float) -> None:
        self.calls.append(("start", now))

    def receive(self, frame: str | bytes, *, now: float) -> None:
        assert type(frame) in (str, bytes)
        self.calls.append(("receive", frame))

    def receive_eof(self, *, now: float, code: int | None = None, reason: str = "") -> None:
        assert code is None or type(code) is int
        self.calls.append(("eof", code, reason))

    def refused(self, error: EstuaryError, *, now: float) -> None:
        self.calls.append(("refused", error.code, error.message, error.details))

    def fault(self, error: EstuaryError, *, now: float) -> None:
        assert error.code is ErrorCode.PROTOCOL_ERROR
        assert len(error.message) > len("broken WebSocket: ")
        self.calls.append(("fault", error.details["close_code"]))

    def handle_timeout(self, *, now: float) -> None:
        self.calls.append(("timeout", now))

    def next_frame(self, *, batch: bool = False) -> str | bytes | HangUp | None:
        self.asked += 1
        return self.frames.popleft() if self.frames else None

    def next_event(self) -> Any:
        return "an event"


def splits(data: bytes, cuts: list[int]) -> list[bytes]:
    """`data` cut at `cuts`; an empty list means byte by byte."""
    if not cuts:
        return [data[index : index + 1] for index in range(len(data))]
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in zip(edges, edges[1:], strict=False)]


def key_of(request: bytes) -> bytes:
    (line,) = [line for line in request.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key: ")]
    return line.partition(b": ")[2]


def accept(request: bytes) -> bytes:
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + generate_accept_token(key_of(request)) + b"\r\n\r\n"
    )


def opened(core: Core, **options: Any) -> WebSocketLink:
    """A client link whose handshake is done."""
    link = WebSocketLink(core, host="h:1", **options)
    link.start(now=1.0)
    asked = core.asked
    link.receive_data(accept(link.data_to_send()), now=2.0)
    assert core.asked == asked
    assert core.calls == [("start", 2.0)]
    core.calls.clear()
    return link


class SlowLink(WebSocketLink):
    """Every frame the long way."""

    SHORT_WAY = False


def hear(answer: bytes, cuts: list[int] | None = None) -> tuple[WebSocketLink, Core]:
    """A client link that has heard `answer` in place of a handshake."""
    core = Core()
    link = WebSocketLink(core, host="h")
    link.start(now=0)
    link.data_to_send()
    for piece in [answer] if cuts is None else splits(answer, cuts):
        link.receive_data(piece, now=0)
    return link, core


# The handshake of a client.


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    return judge_frames.Frame(judge_frames.Opcode(opcode), payload, fin).serialize(mask=False)


def outcome(link: WebSocketLink, core: Core, data: bytes, cuts: list[int] | None) -> Any:
    """What the core was told and what was written, when `data` comes in pieces."""
    for piece in [data] if cuts is None else splits(data, cuts):
        link.receive_data(piece, now=0)
    sent = unmask(link.data_to_send())
    link.data_to_send()
    return core.calls, sent, link.closed


def unmask(data: bytes) -> list[tuple[int, bytes]]:
    """The frames of a client, which must all be masked and whole."""
    frames = []
    while data:
        length, at = data[1] & 127, 2
        assert data[1] & 128
        if length == 126:
            length, at = int.from_bytes(data[2:4], "big"), 4
        mask, payload = data[at : at + 4], data[at + 4 : at + 4 + length]
        assert len(payload) == length
        frames.append((data[0], bytes(b ^ mask[i % 4] for i, b in enumerate(payload))))
        data = data[at + 4 + length :]
    return frames


def closing(code: int, reason: str = "") -> tuple[int, bytes]:
    return 0x88, code.to_bytes(2, "big") + reason.encode()
