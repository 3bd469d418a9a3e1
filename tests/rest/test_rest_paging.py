"""Walking through pages of a list that changes meanwhile, on servers of all kinds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from estuary_proto.models import MemoryData
from estuary_proto.rest.paging import Cursor


def items(*ids: object) -> list[MemoryData]:
    return [MemoryData(id=str(each)) for each in ids]


@given(st.integers(0, 30), st.integers(1, 7), st.integers(1, 7), st.booleans())
def test_everything_once(total: int, size: int, most: int, tells: bool) -> None:
    """Also on a server that gives less than it is asked for, if it tells how many there are."""
    if not tells:
        most = size
    cursor: Cursor[MemoryData] = Cursor(size)
    found, requests = [], 0
    while not cursor.is_over:
        requests += 1
        page = items(*range(total)[cursor.offset : cursor.offset + min(size, most)])
        found += cursor.take(page, cursor.more(total if tells else 0, len(page)))
    assert [int(item.id) for item in found] == list(range(total))
    assert requests <= total // min(size, most) + 1


def test_a_server_that_ignores_the_offset() -> None:
    cursor: Cursor[MemoryData] = Cursor(2)
    assert len(cursor.take(items(1, 2), True)) == 2
    assert cursor.take(items(1, 2), True) == []
    assert cursor.is_over


def test_an_item_that_moved_to_the_next_page() -> None:
    cursor: Cursor[MemoryData] = Cursor(2)
    cursor.take(items(1, 2))
    assert [item.id for item in cursor.take(items(2, 3))] == ["3"]
    assert (cursor.offset, cursor.page, cursor.is_over) == (4, 3, False)


def test_items_without_ids_are_all_kept() -> None:
    cursor: Cursor[MemoryData] = Cursor(2)
    assert len(cursor.take(items("", ""))) == 2
    assert len(cursor.take(items("", ""))) == 2


def test_the_server_says_that_it_ends() -> None:
    cursor: Cursor[MemoryData] = Cursor(2)
    cursor.take(items(1, 2), False)
    assert cursor.is_over
