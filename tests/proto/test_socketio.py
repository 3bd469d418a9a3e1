"""Socket.IO packets, with python-socketio's own packets as the outside judge."""

from __future__ import annotations

import json
from typing import Any

import pytest
import socketio.packet
from hypothesis import given
from hypothesis import strategies as st

from estuary_proto.errors import LocalProtocolError, RemoteProtocolError
from estuary_proto.socketio import (
    MAX_ATTACHMENT_BYTES,
    MAX_ATTACHMENTS,
    Assembler,
    Packet,
    PacketType,
    decode,
    encode,
)

CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR, BINARY_EVENT, BINARY_ACK = PacketType
PLACE = {"_placeholder": True, "num": 0}

TABLE = [
    ("0", Packet(CONNECT)),
    ("0/sdk,", Packet(CONNECT, "/sdk")),
    ('0/sdk,{"api_key":"est_1"}', Packet(CONNECT, "/sdk", None, {"api_key": "est_1"})),
    ('0{"sid":"x"}', Packet(CONNECT, "/", None, {"sid": "x"})),
    ("1", Packet(DISCONNECT)),
    ("1/sdk,", Packet(DISCONNECT, "/sdk")),
    ('2["a"]', Packet(EVENT, "/", None, ["a"])),
    ('2/sdk,["a",{"b":"é,]"}]', Packet(EVENT, "/sdk", None, ["a", {"b": "é,]"}])),
    ('2/sdk,0["a",1]', Packet(EVENT, "/sdk", 0, ["a", 1])),
    ('217["a"]', Packet(EVENT, "/", 17, ["a"])),
    ('2999999999999999999["a"]', Packet(EVENT, "/", 10**18 - 1, ["a"])),
    ("3/sdk,12[]", Packet(ACK, "/sdk", 12, [])),
    ('312[{"ok":true}]', Packet(ACK, "/", 12, [{"ok": True}])),
    ('4/sdk,{"message":"no"}', Packet(CONNECT_ERROR, "/sdk", None, {"message": "no"})),
    ('4"Unauthorized"', Packet(CONNECT_ERROR, "/", None, "Unauthorized")),
    ("4/sdk,", Packet(CONNECT_ERROR, "/sdk")),
    ('2["a",{"_placeholder":true,"num":0}]', Packet(EVENT, "/", None, ["a", PLACE])),
]


@pytest.mark.parametrize(("text", "packet"), TABLE)
def test_both_ways(text: str, packet: Packet) -> None:
    assert decode(text) == packet
    assert decode(text).type is packet.type
    assert decode("4" + text, 1) == packet
    assert encode(packet) == [text]


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("1/sdk", Packet(DISCONNECT, "/sdk")),
        ("0/sdk?token=x", Packet(CONNECT, "/sdk")),
        ("0/sdk?token=x&y=/,{}", Packet(CONNECT, "/sdk", None, {})),
        ('2/sdk, ["a" ]\n', Packet(EVENT, "/sdk", None, ["a"])),
        ('2/,["a"]', Packet(EVENT, "/", None, ["a"])),
        ('2007["a"]', Packet(EVENT, "/", 7, ["a"])),
        ("0null", Packet(CONNECT)),
        ('50-["a"]', Packet(BINARY_EVENT, "/", None, ["a"], 0)),
        (
            '51-/sdk,7["a",{"_placeholder":true,"num":0}]',
            Packet(BINARY_EVENT, "/sdk", 7, ["a", PLACE], 1),
        ),
        ('6001-/sdk,7[{"_placeholder":true,"num":0}]', Packet(BINARY_ACK, "/sdk", 7, [PLACE], 1)),
    ],
)
def test_tolerance(text: str, packet: Packet) -> None:
    assert decode(text) == packet


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no Socket"),
        ("7", "no Socket"),
        ("²[]", "no Socket"),
        ("/sdk,", "no Socket"),
        ("2", "begins with its name"),
        ("2[]", "begins with its name"),
        ("2[1]", "begins with its name"),
        ('2{"a":1}', "begins with its name"),
        ('2"a"', "begins with its name"),
        ('2/sdk["a"]', "begins with its name"),
        ('2["a"', "not JSON"),
        ('2["a"]x', "not JSON"),
        ('2٣["a"]', "not JSON"),
        ('2-1["a"]', "not JSON"),
        ("2" + "[" * 5000, "JSON"),
        ("2" + "[" * 500 + "]" * 500, "deeper"),
        ('21234567890123456789["a"]', "too long"),
        ("2" + "1" * 100_000, "too long"),
        ("3[]", "needs an id"),
        ("31", "is a list"),
        ("31{}", "is a list"),
        ("0[]", "credentials are an object"),
        ('0"x"', "credentials are an object"),
        ("05", "have an id"),
        ('01{"a":1}', "have an id"),
        ("1{}", "carries no data"),
        ("4[]", "an object or a text"),
        ("4true", "an object or a text"),
        ('5["a"]', "number of attachments"),
        ('5-["a"]', "number of attachments"),
        ('51["a-b"]', "number of attachments"),
        ('5²-["a"]', "number of attachments"),
        ('59999-["a"]', "number of attachments"),
        ('5+1-["a"]', "number of attachments"),
        ("51-{}", "begins with its name"),
        ("61-[]", "needs an id"),
    ],
)
def test_what_is_no_packet(text: str, words: str) -> None:
    with pytest.raises(RemoteProtocolError, match=words):
        decode(text)


@pytest.mark.parametrize(
    ("packet", "words"),
    [
        (Packet(EVENT, data=[]), "begins with its name"),
        (Packet(EVENT, data=None), "begins with its name"),
        (Packet(EVENT, data=[b"a"]), "begins with its name"),
        (Packet(BINARY_EVENT, data="a"), "begins with its name"),
        (Packet(ACK, data=[]), "needs an id"),
        (Packet(CONNECT, data=[]), "credentials"),
        (Packet(CONNECT, id=1), "have an id"),
        (Packet(DISCONNECT, data={}), "no data"),
        (Packet(CONNECT_ERROR, data=[]), "object or a text"),
        (Packet(EVENT, "sdk", None, ["a"]), "not a namespace"),
        (Packet(EVENT, "", None, ["a"]), "not a namespace"),
        (Packet(EVENT, "/a,b", None, ["a"]), "not a namespace"),
        (Packet(EVENT, "/a?b", None, ["a"]), "not a namespace"),
        (Packet(EVENT, "/\ud800", None, ["a"]), "not a namespace"),
        (Packet(EVENT, id=-1, data=["a"]), "acknowledgement id"),
        (Packet(EVENT, id=10**18, data=["a"]), "acknowledgement id"),
        (Packet(EVENT, data=["a", {"x": [float("nan")]}]), r"data\[1\]\.x\[0\]: nan"),
        (Packet(EVENT, data=["a", b"", {"x": float("nan")}]), r"data\[2\]\.x: nan"),
        (Packet(EVENT, data=["a", {1: 2}]), r"data\[1\]: the key 1"),
        (Packet(EVENT, data=["a", b"", PLACE]), "look like their placeholder"),
        (Packet(EVENT, data=["a", *[b""] * (MAX_ATTACHMENTS + 1)]), "65 pieces"),
        (Packet(CONNECT, data={"a": b""}), "CONNECT packet cannot carry bytes"),
    ],
)
def test_what_cannot_be_sent(packet: Packet, words: str) -> None:
    with pytest.raises(LocalProtocolError, match=words):
        encode(packet)


def test_bytes_make_it_binary() -> None:
    data = ["a", {"x": b"one"}, [bytearray(b"two"), (memoryview(b"three"),)], "s", 1]
    frames = encode(Packet(EVENT, "/sdk", 4, data))
    assert frames == [
        '53-/sdk,4["a",{"x":{"_placeholder":true,"num":0}},[{"_placeholder":true,"num":1},'
        '[{"_placeholder":true,"num":2}]],"s",1]',
        b"one",
        b"two",
        b"three",
    ]
    assert [type(frame) for frame in frames] == [str, bytes, bytes, bytes]
    assert encode(Packet(BINARY_ACK, "/", 1, [b"x"])) == [
        '61-1[{"_placeholder":true,"num":0}]',
        b"x",
    ]
    assert encode(Packet(BINARY_ACK, "/", 1, ["no bytes"])) == ['31["no bytes"]']
    assert data[1] == {"x": b"one"}
    assert len(encode(Packet(EVENT, data=["a", *[b""] * MAX_ATTACHMENTS]))) == MAX_ATTACHMENTS + 1


def put_together(frames: list[Any], assembler: Assembler | None = None) -> Packet:
    """What a receiver makes of `frames`, with every step between checked."""
    assembler = assembler or Assembler()
    packet = assembler.feed(decode(frames[0]))
    for frame in frames[1:]:
        assert packet is None
        assert assembler.pending
        packet = assembler.feed_binary(frame)
    assert packet is not None
    assert not assembler.pending
    return packet


def test_attachments_come_back() -> None:
    data = ["a", {"x": b"one", "n": None}, [b"two", "s"]]
    assembler = Assembler()
    for kind, ident in ((EVENT, None), (EVENT, 5), (ACK, 6)):
        packet = Packet(kind, "/sdk", ident, data)
        assert put_together(encode(packet), assembler) == packet
    assert put_together(['50-["a"]'], assembler) == Packet(EVENT, "/", None, ["a"])
    assert put_together(['2["a"]'], assembler) == Packet(EVENT, "/", None, ["a"])
    places = [{"_placeholder": True, "num": 1}, PLACE, {"_placeholder": False, "num": 9}]
    swapped = "52-" + json.dumps(["a", *places])
    assert put_together([swapped, b"0", b"1"], assembler).data == ["a", b"1", b"0", places[2]]


@pytest.mark.parametrize(
    "body",
    [
        '51-["a"]',
        '50-["a",{"_placeholder":true,"num":0}]',
        '51-["a",{"_placeholder":true,"num":1}]',
        '51-["a",{"_placeholder":true,"num":-1}]',
        '51-["a",{"_placeholder":true,"num":"0"}]',
        '51-["a",{"_placeholder":true,"num":true}]',
        '51-["a",{"_placeholder":true}]',
        '51-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]',
        '52-["a",{"_placeholder":true,"num":0},{"x":{"_placeholder":true,"num":0}}]',
        '51-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":"x"}]',
        '51-["a",{"_placeholder":1,"num":0}]',
    ],
)
def test_wrong_placeholders(body: str) -> None:
    with pytest.raises(RemoteProtocolError, match="placeholders"):
        Assembler().feed(decode(body))


def test_what_an_assembler_refuses() -> None:
    one = decode('51-["a",{"_placeholder":true,"num":0}]')
    with pytest.raises(RemoteProtocolError, match="none was due"):
        Assembler().feed_binary(b"")
    assembler = Assembler()
    assert assembler.feed(one) is None
    with pytest.raises(RemoteProtocolError, match="were due"):
        assembler.feed(decode('2["a"]'))
    with pytest.raises(RemoteProtocolError, match="1 binary attachments are too many"):
        Assembler(max_attachments=0).feed(one)


def test_bytes_are_bounded_together_and_each_packet_anew() -> None:
    two = encode(Packet(EVENT, data=["a", b"123", b"45"]))
    assembler = Assembler(max_bytes=5)
    for _ in range(3):
        put_together(two, assembler)
    assembler = Assembler(max_bytes=4)
    assembler.feed(decode(str(two[0])))
    assert assembler.feed_binary(b"123") is None
    with pytest.raises(RemoteProtocolError, match="over 4 bytes"):
        assembler.feed_binary(b"45")


def test_the_limits_are_the_documented_ones() -> None:
    assert (MAX_ATTACHMENTS, MAX_ATTACHMENT_BYTES) == (64, 16_777_216)


# The outside judge. It knows no tuples, and reads a placeholder wherever one stands.
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
TREES = st.recursive(
    LEAVES | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
IDS = st.none() | st.integers(0, 10**18 - 1)
NAMESPACES = st.sampled_from(["/", "/sdk", "/sim-v1", "/ä"])
PACKETS = st.one_of(
    st.builds(
        lambda namespace, ident, name, args: Packet(EVENT, namespace, ident, [name, *args]),
        NAMESPACES,
        IDS,
        st.text(),
        st.lists(TREES, max_size=3),
    ),
    st.builds(
        lambda namespace, ident, args: Packet(ACK, namespace, ident, args),
        NAMESPACES,
        st.integers(0, 10**18 - 1),
        st.lists(TREES),
    ),
)


@given(PACKETS)
def test_they_read_what_we_write(packet: Packet) -> None:
    head, *pieces = encode(packet)
    theirs = socketio.packet.Packet(encoded_packet=head)
    for piece in pieces:
        theirs.add_attachment(piece)
    kind = packet.type + 3 if pieces else packet.type
    assert (theirs.packet_type, theirs.namespace or "/", theirs.id) == (kind, *packet[1:3])
    assert theirs.data == packet.data


@given(PACKETS)
def test_we_read_what_they_write(packet: Packet) -> None:
    theirs = socketio.packet.Packet(int(packet.type), packet.data, packet.namespace, packet.id)
    frames = theirs.encode()
    assert put_together(frames if isinstance(frames, list) else [frames]) == packet
    assert put_together(encode(packet)) == packet


@given(st.sampled_from([CONNECT, CONNECT_ERROR]), NAMESPACES, st.dictionaries(st.text(), LEAVES))
def test_both_agree_on_joining(kind: PacketType, namespace: str, data: dict[str, Any]) -> None:
    theirs = socketio.packet.Packet(int(kind), data, namespace).encode()
    assert decode(theirs) == Packet(kind, namespace, None, data)
    (ours,) = encode(Packet(kind, namespace, None, data))
    read = socketio.packet.Packet(encoded_packet=ours)
    assert (read.packet_type, read.namespace or "/", read.data) == (kind, namespace, data)


@given(st.text() | st.builds("".join, st.lists(st.sampled_from('0123456-/,?[]{}":asd\\u\ud800'))))
def test_nothing_else_is_raised_and_what_is_read_can_be_sent(text: str) -> None:
    try:
        packet = Assembler().feed(decode(text))
    except RemoteProtocolError:
        return
    if packet is not None and packet.namespace.isprintable() and text.isprintable():
        assert decode(str(encode(packet)[0])) == packet
