"""Heads of WebSocket frames, with wsproto's own parser as the judge of what is odd."""

from __future__ import annotations

import pytest
import websockets.frames as judge_frames
from hypothesis import given
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameDecoder, ParseFailed

from estuary_proto.frames import FrameHead, read_head, text_frame


@pytest.mark.parametrize(
    ("data", "masked", "head"),
    [
        (b"\x81\x00", False, FrameHead(2, 0, True, False, False)),
        (b"\x01\x7dxyz", False, FrameHead(2, 125, False, False, False)),
        (b"\x80\x7e\x00\x7e", False, FrameHead(4, 126, True, False, False)),
        (b"\x82\x7e\xff\xff", False, FrameHead(4, 65535, True, False, False)),
        (b"\x82\x7f" + (65536).to_bytes(8, "big"), False, FrameHead(10, 65536, True, False, False)),
        (b"\x89\x7d", False, FrameHead(2, 125, True, True, False)),
        (b"\x81\x81abcd", True, FrameHead(6, 1, True, False, False)),
        (b"\x81\xfe\x01\x00abcd", True, FrameHead(8, 256, True, False, False)),
        (b"\x81\x01", True, FrameHead(2, 1, True, False, True)),
        (b"\x81\x81abcd", False, FrameHead(6, 1, True, False, True)),
        (b"\xc1\x00", False, FrameHead(2, 0, True, False, True)),
        (b"\x83\x00", False, FrameHead(2, 0, True, False, True)),
        (b"\x8b\x00", False, FrameHead(2, 0, True, True, True)),
        (b"\x09\x00", False, FrameHead(2, 0, False, True, True)),
        (b"\x88\x7e\x00\x7e", False, FrameHead(4, 126, True, True, True)),
        (b"\x81\x7e\x00\x7d", False, FrameHead(4, 125, True, False, True)),
        (b"\x81\x7f" + (65535).to_bytes(8, "big"), False, FrameHead(10, 65535, True, False, True)),
    ],
)
def test_heads(data: bytes, masked: bool, head: FrameHead) -> None:
    assert read_head(data, 0, masked=masked) == head
    assert read_head(bytearray(b"before" + data + b"after"), 6, masked=masked) == head
    for cut in range(head.size):
        assert read_head(data[:cut], 0, masked=masked) is None
        assert read_head(b"before" + data[:cut], 6, masked=masked) is None


def test_a_servers_frames_are_the_default() -> None:
    head = read_head(b"\x81\x00", 0)
    assert head is not None
    assert not head.odd


@given(
    st.integers(0, 255),
    st.integers(0, 255),
    st.sampled_from([0, 1, 125, 126, 127, 65535, 65536, 2**31]),
    st.booleans(),
)
def test_odd_is_what_wsproto_refuses(first: int, second: int, length: int, masked: bool) -> None:
    wide = {126: 2, 127: 8}.get(second & 127, 0)
    extended = (length % 256**wide).to_bytes(wide, "big") if wide else b""
    data = bytes([first, second]) + extended + (b"mask" if second & 128 else b"")
    head = read_head(data, 0, masked=masked)
    assert head is not None
    assert head.size == len(data)
    decoder = FrameDecoder(client=not masked)
    decoder.receive_bytes(data)
    try:
        assert decoder.parse_header()
    except ParseFailed:
        assert head.odd
    else:
        assert not head.odd
        assert decoder.header is not None
        assert decoder.header.payload_len == head.length
        assert decoder.header.fin is head.final
        assert decoder.header.opcode.iscontrol() is head.control


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 125, 126, 127, 65535, 65536, 70001])
def test_whole_texts_are_what_wsproto_writes_and_reads(size: int, masked: bool) -> None:
    text = "a" * size if size < 2 else "é" + "a" * (size - 2)
    data = text.encode()
    key = b"\x01\x80\xff\x00" if masked else b""
    made = text_frame(data, key)
    head = read_head(made, 0, masked=masked)
    assert head is not None
    assert (head.length, head.final, head.control, head.odd) == (len(data), True, False, False)
    assert len(made) == head.size + head.length
    decoder = FrameDecoder(client=not masked)
    decoder.receive_bytes(made)
    frame = decoder.process_buffer()
    assert frame is not None
    assert (frame.payload, frame.message_finished) == (data, True)
    if masked:
        assert made[head.size - 4 : head.size] == key
    else:
        judge = judge_frames.Frame(judge_frames.Opcode.TEXT, data)
        assert made == judge.serialize(mask=False)


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_a_mask_is_applied_byte_by_byte(data: bytes, key: bytes) -> None:
    made = text_frame(data, key)
    body = made[len(made) - len(data) :]
    assert body == bytes(byte ^ key[at % 4] for at, byte in enumerate(data))
