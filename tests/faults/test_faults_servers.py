"""What a greedy server can make the core hold, where no other test counts the bytes."""

from __future__ import annotations

import tracemalloc

from tests.proto.wire import Core, frame, opened


def held(link_data: list[bytes]) -> int:
    """Bytes that a client's byte layer holds at most while this comes."""
    link = opened(Core())
    tracemalloc.start()
    try:
        for data in link_data:
            link.receive_data(data, now=3.0)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_two_hundred_thousand_empty_fragments_are_no_memory() -> None:
    empty = frame(0, b"", fin=False) * 10_000
    assert held([frame(1, b"4", fin=False), *[empty] * 20]) < 4 * 2**20


def test_fragments_of_a_byte_hold_little_more_than_their_bytes() -> None:
    tiny = frame(0, b"x", fin=False) * 10_000
    assert held([frame(1, b"4", fin=False), *[tiny] * 20]) < 64 * 2**20
