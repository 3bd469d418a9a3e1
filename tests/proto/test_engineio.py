"""Engine.IO packets, with python-engineio's own packets as the outside judge."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import engineio.packet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estuary_proto import engineio as eio
from estuary_proto.engineio import (
    LEAST_PAYLOAD,
    Open,
    Packet,
    PacketType,
    decode,
    encode,
    read_open,
    write_open,
)
from estuary_proto.errors import RemoteProtocolError


@pytest.mark.parametrize(
    ("frame", "packet"),
    [
        ('0{"sid":"x"}', Packet(PacketType.OPEN, '{"sid":"x"}')),
        ("1", Packet(PacketType.CLOSE)),
        ("2", Packet(PacketType.PING)),
        ("2probe", Packet(PacketType.PING, "probe")),
        ("3", Packet(PacketType.PONG)),
        ("42/sdk,[]", Packet(PacketType.MESSAGE, "2/sdk,[]")),
        ("5", Packet(PacketType.UPGRADE)),
        ("6", Packet(PacketType.NOOP)),
    ],
)
def test_both_ways(frame: str, packet: Packet) -> None:
    assert decode(frame) == packet
    assert decode(frame).type is packet.type
    assert isinstance(packet.data, str)
    assert encode(packet.type, packet.data) == frame


@pytest.mark.parametrize("frame", ["", "7", "bQUJD", " 2", "x", "²", "-1"])
def test_what_is_no_packet(frame: str) -> None:
    with pytest.raises(RemoteProtocolError, match=r"no Engine\.IO packet"):
        decode(frame)


@pytest.mark.parametrize("frame", [b"", b"4\x00\xff", bytearray(b"abc")])
def test_bytes_are_a_message(frame: bytes) -> None:
    packet = decode(frame)
    assert packet == Packet(PacketType.MESSAGE, bytes(frame))
    assert type(packet.data) is bytes


@given(st.sampled_from(PacketType), st.text())
def test_theirs_and_ours_agree(kind: PacketType, text: str) -> None:
    theirs = engineio.packet.Packet(int(kind), text)
    frame = encode(kind, text)
    assert theirs.encode() == frame
    assert decode(frame) == Packet(kind, text)
    read = engineio.packet.Packet(encoded_packet=frame)
    assert read.packet_type == kind


def test_open_as_servers_send_it() -> None:
    data = (
        '{"sid":"abc","upgrades":["websocket",3],"pingInterval":300,"pingTimeout":200.5,'
        '"maxPayload":700,"x":1}'
    )
    assert read_open(data) == Open("abc", ("websocket",), 0.3, 0.2005, 700)


@pytest.mark.parametrize(
    "extra", [{}, {"upgrades": None, "pingInterval": None, "pingTimeout": None, "maxPayload": None}]
)
def test_open_takes_defaults(extra: dict[str, object]) -> None:
    opened = read_open(json.dumps({"sid": "s", **extra}))
    assert opened == Open("s", (), 25.0, 20.0, 1_000_000)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", "not JSON"),
        ("[1]", "not a JSON object"),
        ("null", "not a JSON object"),
        ("{}", "no sid"),
        ('{"sid":""}', "no sid"),
        ('{"sid":5}', "no sid"),
        ('{"sid":"s","pingTimeout":0}', "pingTimeout"),
        ('{"sid":"s","pingInterval":false}', "pingInterval"),
        ('{"sid":"s","pingInterval":-1}', "pingInterval"),
        ('{"sid":"s","pingInterval":"25"}', "pingInterval"),
        ('{"sid":"s","pingInterval":true}', "pingInterval"),
        ('{"sid":"s","pingTimeout":1e999}', "pingTimeout"),
        ('{"sid":"s","pingTimeout":2147483649}', "pingTimeout.*absurdly long"),
        ('{"sid":"s","maxPayload":[]}', "maxPayload"),
        ('{"sid":"s","pingInterval":' + "9" * 400 + "}", "pingInterval"),
    ],
)
def test_open_that_is_nonsense(data: str, words: str) -> None:
    with pytest.raises(RemoteProtocolError, match=words):
        read_open(data)


def test_an_interval_that_was_cut_off() -> None:
    assert read_open('{"sid":"s","pingInterval":0}').ping_interval == 0.0


def test_the_longest_patience() -> None:
    opened = read_open('{"sid":"s","pingInterval":2147483648,"pingTimeout":2147483648}')
    assert (opened.ping_interval, opened.ping_timeout) == (2147483.648, 2147483.648)


def test_a_small_size_stays_a_size() -> None:
    assert read_open('{"sid":"s","maxPayload":0.5}').max_payload == LEAST_PAYLOAD
    assert read_open('{"sid":"s","maxPayload":1e6}').max_payload == 1_000_000


@given(
    st.builds(
        Open,
        sid=st.text(min_size=1),
        upgrades=st.lists(st.text()).map(tuple),
        ping_interval=st.integers(1, 10**6).map(lambda ms: ms / 1000),
        ping_timeout=st.integers(1, 10**6).map(lambda ms: ms / 1000),
        max_payload=st.integers(LEAST_PAYLOAD, 10**12),
    )
)
def test_open_comes_back(opened: Open) -> None:
    data = write_open(opened)
    assert read_open(data) == opened
    fields: dict[str, Any] = json.loads(data)
    assert type(fields["pingInterval"]) is int
    assert list(fields) == ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]


def test_a_timeout_of_less_than_a_millisecond_is_no_zero() -> None:
    """Which nobody would read: 0 is no time that an answer could take."""
    assert read_open(write_open(Open("x", ping_timeout=0.0004))).ping_timeout == 0.001


@given(st.text() | st.binary() | st.text().map("0".__add__))
def test_nothing_but_a_peers_fault_is_raised(frame: str | bytes) -> None:
    with suppress(RemoteProtocolError):
        packet = decode(frame)
        assert packet.data in (frame, frame[1:])
        if packet.type is PacketType.OPEN:
            assert isinstance(packet.data, str)
            assert read_open(packet.data).sid


def test_the_defaults_are_the_protocols() -> None:
    assert (eio.DEFAULT_PING_INTERVAL, eio.DEFAULT_PING_TIMEOUT) == (25.0, 20.0)
    assert eio.DEFAULT_MAX_PAYLOAD == 1_000_000
