"""The byte layer: handshakes, frames, limits and endings, in every split of the bytes.

The outside judges are wsproto's server side and the `websockets` package's protocol objects.
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

import pytest
import websockets.frames as judge_frames
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.http11 import Request as JudgeRequest
from websockets.protocol import State as JudgeState
from websockets.server import ServerProtocol
from websockets.uri import parse_uri
from wsproto.utilities import generate_accept_token

from estuary_proto.client import Client
from estuary_proto.config import EstuaryConfig
from estuary_proto.errors import ErrorCode, EstuaryError, LocalProtocolError
from estuary_proto.events import Outcome, Settled
from estuary_proto.intents import SendText
from estuary_proto.states import Role
from estuary_proto.websocket import (
    DEFAULT_MAX_MESSAGE_SIZE,
    MAX_BODY_SIZE,
    MAX_HEAD_SIZE,
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


def test_the_request() -> None:
    link = WebSocketLink(Core(), host="api.example:8443", headers=[("X-One", "1"), ("X-Two", "2 ")])
    assert link.data_to_send() == b""
    assert link.wants_read
    link.start(now=0)
    lines = link.data_to_send().split(b"\r\n")
    key = lines.pop(4)
    assert key.startswith(b"Sec-WebSocket-Key: ")
    assert lines == [
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1",
        b"Host: api.example:8443",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Version: 13",
        b"User-Agent: estuary-anyio",
        b"X-One: 1",
        b"X-Two: 2",
        b"",
        b"",
    ]
    assert link.data_to_send() == b""


def test_each_link_draws_its_own_key() -> None:
    requests = set()
    for _ in range(5):
        link = WebSocketLink(Core(), host="h", user_agent="")
        link.start(now=0)
        requests.add(link.data_to_send())
    assert len(requests) == 5
    assert not any(b"User-Agent" in request for request in requests)


@pytest.mark.parametrize(
    "options",
    [
        {"headers": [("Host", "x")]},
        {"headers": [("sec-websocket-KEY", "x")]},
        {"headers": [("Upgrade", "x")]},
        {"headers": [("X-A", "secret\r\nX-B: 1")]},
        {"headers": [("X-A", "secret é")]},
        {"headers": [("X A", "secret")]},
        {"headers": [("", "secret")]},
        {"target": "/a b?secret"},
        {"target": "/é?secret"},
        {"host": "x" * 64 + ".secret"},
        {"host": "secret\r\nX: 1"},
    ],
)
def test_what_http_cannot_carry_raises_at_once_and_tells_no_secret(options: dict[str, Any]) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        WebSocketLink(Core(), **{"host": "h", **options})
    assert "secret" not in str(caught.value)


def test_misuse_raises() -> None:
    link = WebSocketLink(Core(), host="h")
    with pytest.raises(LocalProtocolError, match="before it receives"):
        link.receive_data(b"x", now=0)
    link.start(now=0)
    with pytest.raises(LocalProtocolError, match="once"):
        link.start(now=0)


def test_the_cores_verbs_pass_through() -> None:
    core = Core()
    link = opened(core)
    assert link.deadline == "the deadline"
    assert link.next_event() == "an event"
    assert link.wants_read is False
    link.handle_timeout(now=7.5)
    assert core.calls == [("timeout", 7.5)]


@pytest.mark.parametrize(
    ("answer", "code", "details"),
    [
        (
            b"HTTP/1.1 401 No\r\nContent-Length: 11\r\n\r\n  bad\n key ",
            ErrorCode.AUTH_FAILED,
            {"status": 401, "body": "bad key"},
        ),
        (
            b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\nmore",
            ErrorCode.AUTH_FAILED,
            {"status": 403, "body": ""},
        ),
        (
            b"HTTP/1.0 302 Moved\r\nContent-Length: 0\r\n"
            b"Location: https://x/y?token=secret\r\n\r\n",
            ErrorCode.CONNECTION_FAILED,
            {"status": 302, "body": "", "location": "https://x/y"},
        ),
        (
            b"HTTP/1.1 200 OK\r\nLocation: /x\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\n0\r\n\r\n",
            ErrorCode.CONNECTION_FAILED,
            {"status": 200, "body": "abc"},
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nnonsense\r\n\r\n",
            ErrorCode.CONNECTION_FAILED,
            {"status": 200, "body": "abc"},
        ),
        (
            b"HTTP/1.1 502 Bad\r\n\r\n" + "é".encode() * MAX_BODY_SIZE,
            ErrorCode.CONNECTION_FAILED,
            {"status": 502, "body": "é" * 200},
        ),
        (
            b"HTTP/1.1 103 Early Hints\r\n\r\n",
            ErrorCode.CONNECTION_FAILED,
            {"status": 103, "body": ""},
        ),
    ],
)
@pytest.mark.parametrize("cuts", [None, [], [30, 90, 500]])
def test_refusals(
    answer: bytes, code: ErrorCode, details: dict[str, Any], cuts: list[int] | None
) -> None:
    link, core = hear(answer, cuts)
    ((verb, was, message, told),) = core.calls
    assert (verb, was, told) == ("refused", code, details)
    assert f"HTTP {details['status']}" in message
    assert details.get("location", "") in message
    assert "secret" not in message
    assert link.closed
    link.receive_data(b"more", now=0)
    link.receive_eof(now=0)
    assert len(core.calls) == 1
    assert link.data_to_send() == b""


def test_a_refusals_body_may_end_with_the_stream() -> None:
    link, core = hear(b"HTTP/1.1 503 Busy\r\n\r\ncome back la")
    assert core.calls == []
    assert not link.closed
    assert link.wants_read
    link.receive_data(b"ter", now=0)
    link.receive_eof(now=0)
    ((_, _, _, details),) = core.calls
    assert details == {"status": 503, "body": "come back later"}
    assert link.closed


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"\x15\x03\x01\x00\x02\x02\x46", "does not speak HTTP here: it speaks TLS"),
        (b"\x16", "it speaks TLS"),
        (b"SSH-2.0-x\r\n", "does not speak HTTP here"),
        (b"HTTP/2.0 101 x\r\n\r\n", "does not speak HTTP here"),
        (b"HTTP/1.1 nonsense\r\n\r\n", "handshake is wrong: Bad HTTP message"),
        (b"HTTP/1.1 101 x\r\n\r\n", "handshake is wrong: Missing header"),
        (
            b"HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: x\r\n\r\n",
            "Bad accept token",
        ),
        (b"HTTP/1.1 101 x\r\nConnection: \xff\r\n\r\n", "handshake is wrong"),
        (b"HTTP/1.1 101 x\r\nX: " + b"y" * MAX_HEAD_SIZE, "longer than 16384 bytes"),
        (b"HTTP/1.1 101 x\r\nX: " + b"y" * MAX_HEAD_SIZE + b"\r\n\r\n", "longer than 16384 bytes"),
    ],
)
@pytest.mark.parametrize("cuts", [None, [], [5, 20]])
def test_answers_that_are_no_handshake(answer: bytes, words: str, cuts: list[int] | None) -> None:
    link, core = hear(answer, cuts)
    ((verb, code, message, details),) = core.calls
    assert (verb, code, details) == ("refused", ErrorCode.CONNECTION_FAILED, {})
    assert words in message
    assert ("TLS" in message) is ("TLS" in words)
    assert link.closed
    assert link.data_to_send() == b""


@pytest.mark.parametrize(("status", "told"), [(300, True), (399, True), (400, False), (299, False)])
def test_only_a_redirect_points_elsewhere(status: int, told: bool) -> None:
    answer = b"HTTP/1.1 %d x\r\nX: y\r\nLocation: /z\r\nContent-Length: 0\r\n\r\n" % status
    _, core = hear(answer)
    ((_, _, message, details),) = core.calls
    assert ("location" in details) is told
    assert ("it points to /z" in message) is told


def test_how_much_is_read_before_there_is_a_handshake() -> None:
    assert (DEFAULT_MAX_MESSAGE_SIZE, MAX_HEAD_SIZE, MAX_BODY_SIZE) == (2**24, 16384, 1024)
    for size, reads in ((MAX_HEAD_SIZE - 1, True), (MAX_HEAD_SIZE, False)):
        link, core = hear(b"HTTP/1.1 101 x\r\nX: ".ljust(size, b"y"))
        assert (core.calls == []) is reads
        assert link.closed is not reads
    for size, reads in ((MAX_BODY_SIZE - 1, True), (MAX_BODY_SIZE, False)):
        link, core = hear(b"HTTP/1.1 500 x\r\n\r\n" + b"y" * size)
        assert (core.calls == []) is reads
        assert link.closed is not reads


def test_an_offer_of_compression_that_nobody_made() -> None:
    core = Core()
    link = WebSocketLink(core, host="h")
    link.start(now=0)
    request = link.data_to_send()
    assert b"Extensions" not in request
    extra = b"\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    link.receive_data(accept(request)[:-4] + extra, now=0)
    ((_, _, message, _),) = core.calls
    assert "unrecognized extension" in message
    assert link.closed


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 101 Swi"])
@pytest.mark.parametrize("role", Role)
def test_the_end_before_the_handshake(role: Role, data: bytes) -> None:
    core = Core()
    link = WebSocketLink(core, role=role, host="h")
    link.start(now=0)
    link.receive_data(data, now=0)
    link.receive_eof(now=0)
    ((verb, code, message, _),) = core.calls
    other = "server" if role is Role.CLIENT else "client"
    assert (verb, code) == ("refused", ErrorCode.CONNECTION_FAILED)
    assert message == f"the {other} closed the connection before the WebSocket handshake was done"
    assert link.closed
    assert link.data_to_send() == b""


def test_the_first_frames_may_come_with_the_handshake_in_any_split() -> None:
    for cuts in (None, [], [20, 130, 131]):
        core = Core()
        link = WebSocketLink(core, host="h")
        link.start(now=0)
        data = accept(link.data_to_send()) + b"\x81\x01a\x82\x01b"
        for piece in [data] if cuts is None else splits(data, cuts):
            link.receive_data(memoryview(piece), now=0)
        assert core.calls == [("start", 0), ("receive", "a"), ("receive", b"b")]


# Frames in.


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


STREAMS: list[tuple[bytes, list[tuple[Any, ...]], int | None]] = [
    (
        frame(1, b"hi") + frame(1) + frame(1, "é".encode() * 63),
        [("receive", "hi"), ("receive", ""), ("receive", "é" * 63)],
        None,
    ),
    (
        frame(1, b"x" * 300) + frame(2, b"y" * 300),
        [("receive", "x" * 300), ("receive", b"y" * 300)],
        None,
    ),
    (frame(1, b"x" * 70000), [("receive", "x" * 70000)], None),
    (
        frame(1, b"a", fin=False) + frame(0, b"b", fin=False) + frame(0, b"c") + frame(1, b"d"),
        [("receive", "abc"), ("receive", "d")],
        None,
    ),
    (
        frame(2, b"a", fin=False) + frame(10, b"pong") + frame(0, b"c") + frame(2, b""),
        [("receive", b"ac"), ("receive", b"")],
        None,
    ),
    (
        frame(1, b"\xc3", fin=False) + frame(0, b"\xa9") + frame(1, b"z"),
        [("receive", "é"), ("receive", "z")],
        None,
    ),
    (
        frame(1, b"a") + frame(1, b"\xff") + frame(1, b"b"),
        [("receive", "a"), ("fault", 1007)],
        1007,
    ),
    (frame(1, b"\xed\xa0\x80"), [("fault", 1007)], 1007),
    (frame(1, b"\xc3", fin=False) + frame(0, b"\xc3"), [("fault", 1007)], 1007),
    (frame(1, b"\xc3"), [("fault", 1007)], 1007),
    (frame(0, b"a"), [("fault", 1002)], 1002),
    (frame(1, b"a", fin=False) + frame(1, b"b"), [("fault", 1002)], 1002),
    (frame(1, b"a", fin=False) + frame(2, b"b"), [("fault", 1002)], 1002),
    (b"\x81\x81abcdx" + frame(1, b"b"), [("fault", 1002)], 1002),
    (b"\xc1\x01x", [("fault", 1002)], 1002),
    (b"\x83\x01", [("fault", 1002)], 1002),
    (b"\x89\x7e\x00\x7e", [("fault", 1002)], 1002),
    (b"\x81\x7e\x00\x05hello", [("fault", 1002)], 1002),
    (b"\x88\x01x", [("fault", 1002)], 1002),
    (b"\x88\x02\x03\xed", [("fault", 1002)], 1002),
    (b"\x88\x03\x03\xe8\xff", [("fault", 1007)], 1007),
    (b"\x81\x7f" + (2**62).to_bytes(8, "big"), [("fault", 1009)], 1009),
    (b"\x82\x7f" + (100_001).to_bytes(8, "big"), [("fault", 1009)], 1009),
    (frame(1, b"a" * 60000, fin=False) + b"\x00\x7e\xea\x60", [("fault", 1009)], 1009),
    (
        frame(1, b"a") + frame(8, b"\x03\xe9bye") + frame(1, b"b"),
        [("receive", "a"), ("eof", 1001, "bye")],
        1001,
    ),
    (frame(8, b"\x0f\xa0"), [("eof", 4000, "")], 4000),
]


@pytest.mark.parametrize("kind", [WebSocketLink, SlowLink])
@pytest.mark.parametrize("cuts", [None, [], [1], [3, 4, 60002]])
@pytest.mark.parametrize(("data", "calls", "code"), STREAMS)
def test_streams(
    data: bytes,
    calls: list[tuple[Any, ...]],
    code: int | None,
    cuts: list[int] | None,
    kind: type[WebSocketLink],
) -> None:
    if cuts == [] and len(data) > 5000:
        cuts = list(range(0, len(data), 997))
    core = Core()
    link = opened(core, max_message_size=100_000)
    link.__class__ = kind
    told, sent, closed = outcome(link, core, data, cuts)
    assert told == calls
    assert closed is (code is not None)
    if code is None:
        assert sent == []
        link.receive_eof(now=0)
        assert core.calls.pop() == ("eof", None, "")
    else:
        ((opcode, payload),) = sent
        assert opcode == 0x88
        assert payload[:2] == code.to_bytes(2, "big")
    link.receive_data(b"\x81\x01z", now=0)
    link.receive_eof(now=0)
    assert core.calls == calls
    assert link.closed
    assert link.data_to_send() == b""


def test_a_close_without_a_code() -> None:
    core = Core()
    link = opened(core)
    link.receive_data(frame(8), now=0)
    assert core.calls == [("eof", 1005, "")]
    assert not link.closed
    assert unmask(link.data_to_send()) == [(0x88, b"")]
    assert not link.closed
    assert link.data_to_send() == b""
    assert link.closed


def test_the_end_while_the_last_bytes_are_due() -> None:
    core = Core()
    link = opened(core)
    link.receive_data(frame(8, b"\x03\xe8"), now=0)
    link.receive_eof(now=0)
    assert core.calls == [("eof", 1000, "")]
    assert link.closed
    assert link.data_to_send() == b""


def test_the_limit_is_exact_and_counts_whole_messages() -> None:
    for kind in (WebSocketLink, SlowLink):
        for payloads, fits in (
            ([300], True),
            ([301], False),
            ([100, 200], True),
            ([100, 201], False),
        ):
            core = Core()
            link = opened(core, max_message_size=300)
            link.__class__ = kind
            for index, size in enumerate(payloads):
                last = index == len(payloads) - 1
                link.receive_data(frame(0 if index else 1, b"x" * size, fin=last), now=0)
            wanted = ("receive", "x" * 300) if fits else ("fault", 1009)
            assert core.calls == [wanted]
            if fits:
                link.receive_data(frame(2, b"y" * 300) + frame(9, b"p" * 125), now=0)
                assert core.calls[1:] == [("receive", b"y" * 300)]


class CountingLink(WebSocketLink):
    """Counts the frames that go the long way."""

    fed = 0

    def _feed(self, frame: bytearray, now: float) -> None:
        self.fed += 1
        super()._feed(frame, now)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 256, 65535, 65536])
def test_plain_texts_go_the_short_way(size: int) -> None:
    core = Core()
    link = opened(core, max_message_size=max(size, 1))
    link.__class__ = CountingLink
    assert isinstance(link, CountingLink)
    data = frame(1, b"x" * size)
    link.receive_data(data * 3, now=0)
    for piece in splits(data, [1, 3, 5, 60_000]):
        link.receive_data(piece, now=0)
    assert core.calls == [("receive", "x" * size)] * 4
    # What is so long that its length takes eight bytes is rare, and left to wsproto.
    assert link.fed == (4 if size > 65535 else 0)
    link.receive_data(frame(2) + frame(9) + data, now=0)
    assert core.calls[4:] == [("receive", b""), ("receive", "x" * size)]
    assert link.fed == (7 if size > 65535 else 2)


def test_endless_fragments_keep_nothing_but_their_content() -> None:
    core = Core()
    link = opened(core, max_message_size=10)
    link.receive_data(frame(1, b"a", fin=False) + frame(0, fin=False) * 2000, now=0)
    assert core.calls == []
    link.receive_data(frame(0, b"b" * 10, fin=False), now=0)
    assert core.calls == [("fault", 1009)]


def test_pings_are_answered_the_latest_only() -> None:
    core = Core("frame")
    link = opened(core)
    link.receive_data(frame(9, b"1") + frame(9, b"2") + frame(10, b"x") + frame(9, b"3"), now=0)
    assert core.calls == []
    assert unmask(link.data_to_send()) == [(0x8A, b"3"), (0x81, b"frame")]
    link.receive_data(frame(9), now=0)
    assert unmask(link.data_to_send()) == [(0x8A, b"")]


# Frames out, and endings.


def test_frames_are_drawn_only_when_asked_and_batched() -> None:
    core = Core("a", b"b", "é" * 100)
    link = opened(core)
    assert core.asked == 0
    assert unmask(link.data_to_send()) == [(0x81, b"a"), (0x82, b"b"), (0x81, "é".encode() * 100)]
    assert core.asked == 4
    assert link.data_to_send() == b""
    assert core.asked == 5


def test_the_limit_of_a_batch() -> None:
    link = opened(Core(*"abc"))
    assert len(unmask(link.data_to_send(limit=7))) == 1
    core = Core(*"abcdef")
    link = opened(core)
    assert len(unmask(link.data_to_send(limit=8))) == 2
    assert core.asked == 2
    assert len(unmask(link.data_to_send(limit=1))) == 1
    assert core.asked == 3
    assert len(unmask(link.data_to_send())) == 3


def test_a_goodbye_becomes_a_close_frame_and_waits_for_the_peers() -> None:
    core = Core("last", HangUp(4001, "é" * 100), "never")
    link = opened(core)
    link.receive_data(frame(9, b"p"), now=0)
    sent = unmask(link.data_to_send())
    assert sent == [(0x8A, b"p"), (0x81, b"last"), closing(4001, "é" * 61)]
    assert not link.closed
    assert core.asked == 2
    link.receive_data(frame(1, b"late") + frame(9, b"late"), now=0)
    assert link.wants_read is False
    assert link.data_to_send() == b""
    assert core.asked == 3
    link.receive_data(frame(8, b"\x0f\xa1") + frame(1, b"x"), now=0)
    assert core.calls == [("receive", "late"), ("eof", 4001, "")]
    assert link.closed
    assert link.wants_read
    assert link.data_to_send() == b""
    assert core.asked == 3


def test_a_fault_or_the_end_after_our_goodbye() -> None:
    for data, call in ((b"\xff\x00", ("fault", 1002)), (b"", ("eof", None, ""))):
        core = Core(HangUp())
        link = opened(core)
        assert unmask(link.data_to_send()) == [closing(1000)]
        link.receive_data(data, now=0)
        if not data:
            link.receive_eof(now=0)
        assert core.calls == [call]
        assert link.closed
        assert link.data_to_send() == b""


# Any stream in any split, the short way and the long one.

PIECES = st.one_of(
    st.builds(frame, st.sampled_from([1, 1, 1, 2]), st.binary(max_size=200)),
    st.builds(lambda text: frame(1, text.encode()), st.text(max_size=80)),
    st.builds(lambda payload: frame(1, payload), st.sampled_from([b"x" * 126, b"x" * 66_000])),
    st.builds(
        lambda opcode, payload, fin: frame(opcode, payload, fin=fin),
        st.sampled_from([0, 1, 2]),
        st.binary(max_size=6) | st.sampled_from([b"\xc3", b"\xa9", b"ok"]),
        st.booleans(),
    ),
    st.builds(frame, st.sampled_from([9, 10]), st.binary(max_size=20)),
    st.sampled_from([frame(8, b"\x03\xe8"), frame(8)]),
    st.binary(max_size=12),
)
CUTS = st.none() | st.lists(st.integers(0, 70_000), max_size=8)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=8).map(b"".join), CUTS, st.booleans(), st.integers(0, 400))
def test_splits_and_ways_change_nothing(
    data: bytes, cuts: list[int] | None, goodbye: bool, limit: int
) -> None:
    if cuts == [] and len(data) > 5000:
        cuts = [1]
    results = []
    for kind in (WebSocketLink, SlowLink):
        for way in (None, cuts):
            core = Core(*([HangUp()] if goodbye else []))
            link = opened(core, max_message_size=limit)
            link.__class__ = kind
            if goodbye:
                link.data_to_send()
            told, sent, closed = outcome(link, core, data, way)
            link.receive_eof(now=0)
            results.append((told, sent, closed))
    assert all(result == results[0] for result in results)
    told = results[0][0]
    assert [call[0] for call in told].count("eof") + [call[0] for call in told].count("fault") == 1
    assert told[-1][0] in ("eof", "fault")


@settings(deadline=None)
@given(st.binary(max_size=300) | st.builds(b"HTTP/1.1 ".__add__, st.binary(max_size=60)), CUTS)
def test_no_answer_raises_and_splits_change_nothing(answer: bytes, cuts: list[int] | None) -> None:
    results = []
    for way in (None, cuts):
        link, core = hear(answer, way)
        link.receive_eof(now=0)
        assert link.closed
        results.append(core.calls)
    assert results[0] == results[1]
    ((verb, *_),) = results[0]
    assert verb == "refused"


# The server role, and the outside judges.


def ask(*lines: bytes) -> bytes:
    return b"\r\n".join([*lines, b"", b""])


UPGRADE = (
    b"Host: h",
    b"Connection: keep-alive, Upgrade",
    b"Upgrade: websocket",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


@pytest.mark.parametrize("cuts", [None, [], [40]])
def test_a_server_accepts(cuts: list[int] | None) -> None:
    core = Core("hello")
    link = WebSocketLink(core, role=Role.SERVER)
    link.start(now=0)
    assert link.data_to_send() == b""
    masked = b"\x81\x82\x01\x02\x03\x04" + bytes([ord("h") ^ 1, ord("i") ^ 2])
    data = ask(b"GET /socket.io/?EIO=4 HTTP/1.1", *UPGRADE) + masked
    for piece in [data] if cuts is None else splits(data, cuts):
        link.receive_data(piece, now=3.0)
    assert core.calls == [("start", 3.0), ("receive", "hi")]
    head, _, frames = link.data_to_send().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
    assert frames == b"\x81\x05hello"


@pytest.mark.parametrize(
    ("request_data", "status"),
    [
        (ask(b"GET /other/?EIO=4 HTTP/1.1", *UPGRADE), b"404"),
        (ask(b"GET /socket.io HTTP/1.1", *UPGRADE), b"404"),
        (ask(b"POST /socket.io/ HTTP/1.1", *UPGRADE), b"400"),
        (ask(b"GET /socket.io/ HTTP/1.1", *UPGRADE[:-1]), b"400"),
        (ask(b"GET /socket.io/ HTTP/1.1", b"Host: h"), b"400"),
        (ask(b"GET /socket.io/ HTTP/1.1", *UPGRADE[:3], b"Sec-WebSocket-Version: 8"), b"426"),
        (ask(b"GET /socket.io/ HTTP/1.1", b"Host: \xff", *UPGRADE[1:]), b"400"),
        (ask(b"GET /socket.io/ HTTP/1.1", *UPGRADE, b"Upgrade: \xff"), b"400"),
        (ask(b"nonsense"), b"400"),
        (b"\x16\x03\x01\n\n", b"400"),
    ],
)
def test_a_server_refuses(request_data: bytes, status: bytes) -> None:
    core = Core("never")
    link = WebSocketLink(core, role=Role.SERVER)
    link.start(now=0)
    link.receive_data(request_data + b"\x81\x00", now=0)
    ((verb, code, _, _),) = core.calls
    assert (verb, code) == ("refused", ErrorCode.CONNECTION_FAILED)
    assert not link.closed
    assert link.data_to_send().startswith(b"HTTP/1.1 " + status)
    assert link.data_to_send() == b""
    assert link.closed
    assert core.asked == 0


def test_a_server_refuses_a_head_without_end() -> None:
    core = Core()
    link = WebSocketLink(core, role=Role.SERVER)
    link.start(now=0)
    link.receive_data(b"GET / HTTP/1.1\r\nX: " + b"y" * MAX_HEAD_SIZE, now=0)
    assert core.calls[0][0] == "refused"
    assert link.closed


def test_two_links_talk() -> None:
    ours, theirs = Core("to server", b"bytes", HangUp(1001, "bye")), Core("to client")
    client = WebSocketLink(ours, host="h", headers=[("X-A", "b")])
    server = WebSocketLink(theirs, role=Role.SERVER)
    client.start(now=0)
    server.start(now=0)
    for _ in range(4):
        server.receive_data(client.data_to_send(), now=0)
        client.receive_data(server.data_to_send(), now=0)
    assert theirs.calls == [
        ("start", 0),
        ("receive", "to server"),
        ("receive", b"bytes"),
        ("eof", 1001, "bye"),
    ]
    assert ours.calls == [("start", 0), ("receive", "to client"), ("eof", 1001, "bye")]
    assert client.closed
    assert server.closed


def test_the_judge_accepts_our_client() -> None:
    core = Core()
    link = WebSocketLink(core, host="example.com")
    server = ServerProtocol()
    link.start(now=0)
    server.receive_data(link.data_to_send())
    (request,) = server.events_received()
    assert isinstance(request, JudgeRequest)
    assert request.path == TARGET
    assert request.headers["Host"] == "example.com"
    server.send_response(server.accept(request))
    core.frames.extend(["text é", b"\x00\xff", "x" * 70_000])
    server.send_text("hällo".encode())
    server.send_text(b"one ", fin=False)
    server.send_ping(b"ping")
    server.send_continuation(b"message", fin=True)
    server.send_binary(b"\x01\x02")
    link.receive_data(b"".join(server.data_to_send()), now=0)
    assert core.calls == [
        ("start", 0),
        ("receive", "hällo"),
        ("receive", "one message"),
        ("receive", b"\x01\x02"),
    ]
    while data := link.data_to_send(limit=100):
        server.receive_data(data)
    pong, text, binary, long = server.events_received()
    assert isinstance(pong, judge_frames.Frame)
    assert (pong.opcode, pong.data) == (judge_frames.Opcode.PONG, b"ping")
    assert isinstance(text, judge_frames.Frame)
    assert text.data == "text é".encode()
    assert isinstance(binary, judge_frames.Frame)
    assert (binary.opcode, binary.data) == (judge_frames.Opcode.BINARY, b"\x00\xff")
    assert isinstance(long, judge_frames.Frame)
    assert long.data == b"x" * 70_000
    server.send_close(1012, "restart")
    link.receive_data(b"".join(server.data_to_send()), now=0)
    assert core.calls[-1] == ("eof", 1012, "restart")
    server.receive_data(link.data_to_send())
    assert server.state is JudgeState.CLOSING
    server.receive_eof()
    assert server.close_code == 1012
    assert server.state.name == "CLOSED"
    assert link.data_to_send() == b""
    assert link.closed


def test_the_judge_refuses_our_client() -> None:
    core = Core()
    link = WebSocketLink(core, host="h")
    server = ServerProtocol()
    link.start(now=0)
    server.receive_data(link.data_to_send())
    (request,) = server.events_received()
    assert isinstance(request, JudgeRequest)
    server.send_response(server.reject(403, "go away"))
    for data in server.data_to_send():
        link.receive_data(data, now=0)
    ((_, code, _, details),) = core.calls
    assert (code, details) == (ErrorCode.AUTH_FAILED, {"status": 403, "body": "go away"})


def test_the_judge_talks_to_our_server() -> None:
    core = Core("hi")
    link = WebSocketLink(core, role=Role.SERVER)
    client = ClientProtocol(parse_uri("ws://h/socket.io/?EIO=4"))
    link.start(now=0)
    client.send_request(client.connect())
    link.receive_data(b"".join(client.data_to_send()), now=0)
    client.receive_data(link.data_to_send())
    assert client.state.name == "OPEN"
    client.send_text(b"a" * 300)
    client.send_binary(b"b", fin=False)
    client.send_continuation(b"c", fin=True)
    client.send_close(4000, "done")
    for data in client.data_to_send():
        link.receive_data(data, now=0)
    assert core.calls[1:] == [
        ("receive", "a" * 300),
        ("receive", b"bc"),
        ("eof", 4000, "done"),
    ]
    client.receive_data(link.data_to_send())
    client.receive_eof()
    assert client.close_code == 4000
    assert link.data_to_send() == b""
    assert link.closed


@given(st.text(max_size=300) | st.binary(max_size=300))
def test_the_judge_reads_what_we_mask(message: str | bytes) -> None:
    core = Core(message)
    data = opened(core).data_to_send()
    server = ServerProtocol(state=JudgeState.OPEN)
    server.receive_data(data)
    (read,) = server.events_received()
    assert isinstance(read, judge_frames.Frame)
    assert bytes(read.data) == (message.encode() if isinstance(message, str) else message)
    assert (read.opcode is judge_frames.Opcode.TEXT) is isinstance(message, str)


def test_wants_write_follows_what_there_is_to_say() -> None:
    core = Core()
    link = WebSocketLink(core, host="h")
    assert link.wants_write  # The handshake.
    link.start(now=0)
    link.receive_data(accept(link.data_to_send()), now=0)
    assert not link.wants_write
    core.frames.append("text")
    assert link.wants_write
    assert link.data_to_send()
    assert not link.wants_write
    link.receive_data(b"\x89\x00", now=0)  # A ping wants its pong.
    assert link.wants_write
    assert link.data_to_send()[:1] == b"\x8a"
    link.receive_eof(now=0)
    core.frames.append("late")
    assert not link.wants_write


def test_receipts_settle_when_the_bytes_have_been_written() -> None:
    client = Client(EstuaryConfig("http://h", "est_key", "character", "player"))
    client.connect(now=0)
    link = WebSocketLink(client.life(1), host="h")
    link.start(now=0)
    link.receive_data(accept(link.data_to_send()), now=0)
    for text in ('0{"sid":"s"}', "40/sdk,{}", '42/sdk,["session_info",{"session_id":"s"}]'):
        client.receive(1, text, now=0)
    while link.data_to_send():
        pass
    receipts = [client.submit(SendText(text), now=1) for text in ("one", "two")]
    list(iter(client.next_event, None))
    assert link.data_to_send()
    assert client.next_event() is None  # Both are in these bytes, and nobody has written them.
    assert link.wants_write
    assert link.data_to_send() == b""
    settled = list(iter(client.next_event, None))
    assert settled == [Settled(receipt, Outcome.SENT) for receipt in receipts]
