"""Lists that come in pages, as iterators (API of the namespaces: `iter_…`)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from estuary_proto.rest.paging import Cursor, HasId

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import Self

T = TypeVar("T", bound=HasId)


class Pages(Generic[T]):
    """The items of a list: `async for memory in client.memory.iter_memories()`.

    It holds a page at most and asks for the next one when that is used up. It may be left at any
    time, and holds no connection between pages. An error leaves it where it was: going on asks for
    the same page again.
    """

    def __init__(
        self,
        fetch: Callable[[Cursor[T]], Awaitable[tuple[Sequence[T], bool | None]]],
        page_size: int,
    ) -> None:
        self._fetch = fetch
        self._cursor: Cursor[T] = Cursor(page_size)
        self._held: deque[T] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while not self._held:
            if self._cursor.is_over:
                raise StopAsyncIteration
            items, more = await self._fetch(self._cursor)
            self._held.extend(self._cursor.take(items, more))
        return self._held.popleft()
