"""The byte layer: handshakes, frames, limits and endings, in every split of the bytes.

Outside judges and the server's role are in `test_websocket_peers`.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estuary_proto.errors import ErrorCode, LocalProtocolError
from estuary_proto.states import Role
from estuary_proto.websocket import (
    DEFAULT_MAX_MESSAGE_SIZE,
    MAX_BODY_SIZE,
    MAX_HEAD_SIZE,
    WebSocketLink,
)
from tests.proto.wire import (
    Core,
    HangUp,
    SlowLink,
    accept,
    closing,
    frame,
    hear,
    opened,
    outcome,
    splits,
    unmask,
)


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


@pytest.mark.parametrize("cuts", [None, []], ids=["whole", "bytewise"])
def test_our_own_pings_and_their_answers(cuts: list[int] | None) -> None:
    core = Core("frame")
    link = opened(core)
    link.ping()
    assert link.wants_write
    assert unmask(link.data_to_send()) == [(0x89, b""), (0x81, b"frame")]
    assert link.pongs == 0
    assert outcome(link, core, frame(10) + frame(10, b"x"), cuts) == ([], [], False)
    assert link.pongs == 2
    link.receive_eof(now=0)
    with pytest.raises(LocalProtocolError, match="open WebSocket"):
        link.ping()


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


def test_texts_are_masked_with_what_nobody_can_foresee() -> None:
    keys = [b"\x01\x02\x03\x04", b"\xff\x00\xff\x00"]
    asked: list[int] = []

    def entropy(size: int) -> bytes:
        asked.append(size)
        return keys[len(asked) - 1]

    link = opened(Core("one", b"two", "three"), entropy=entropy)
    sent = link.data_to_send()
    assert asked == [4, 4]
    assert sent[:6] == b"\x81\x83" + keys[0]
    assert sent[-11:-5] == b"\x81\x85" + keys[1]
    assert unmask(sent) == unmask(opened(Core("one", b"two", "three")).data_to_send())
