"""The byte layer and its peers: our own server role, and outside judges.

The outside judges are wsproto's server side and the `websockets` package's protocol objects.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import websockets.frames as judge_frames
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.http11 import Request as JudgeRequest
from websockets.protocol import State as JudgeState
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from estuary_proto.client import Client
from estuary_proto.config import EstuaryConfig
from estuary_proto.errors import ErrorCode
from estuary_proto.events import Outcome, Settled
from estuary_proto.intents import SendText
from estuary_proto.states import Role
from estuary_proto.websocket import (
    MAX_HEAD_SIZE,
    WebSocketLink,
)
from tests.proto.wire import (
    TARGET,
    Core,
    HangUp,
    accept,
    opened,
    splits,
)


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
        (b"\x16\x03\x01\x02\x00", b"400"),  # TLS, whose head would never end.
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


ENTROPY = [None, os.urandom]


@pytest.mark.parametrize("entropy", ENTROPY)
def test_two_links_talk(entropy: Any) -> None:
    ours, theirs = Core("to server", b"bytes", HangUp(1001, "bye")), Core("to client")
    client = WebSocketLink(ours, host="h", headers=[("X-A", "b")], entropy=entropy)
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


@pytest.mark.parametrize("entropy", ENTROPY)
def test_the_judge_accepts_our_client(entropy: Any) -> None:
    core = Core()
    link = WebSocketLink(core, host="example.com", entropy=entropy)
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
