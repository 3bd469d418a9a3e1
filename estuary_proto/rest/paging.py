"""Walking through a list that comes in pages, as data: what to ask for next, and when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class HasId(Protocol):
    """What a page consists of: it is told apart by its id."""

    @property
    def id(self) -> Any:
        """Its id."""


Item = TypeVar("Item", bound=HasId)


class Cursor(Generic[Item]):
    """Where in a list we are. Lists may grow and shrink meanwhile: an item that comes again on the
    next page is given out once, and a server that repeats a page ends the walk."""

    def __init__(self, page_size: int) -> None:
        self.page_size = page_size
        self.offset: int = 0
        """Items to skip on the next request."""
        self.page: int = 1
        """The next page's number, for lists that count pages."""
        self.is_over: bool = False
        self._before: set[Any] = set()

    def more(self, total: int, came: int) -> bool | None:
        """Whether a list of `total` items goes on behind this page; None if nobody knows."""
        return self.offset + came < total if total > 0 else None

    def take(self, items: Sequence[Item], more: bool | None = None) -> list[Item]:
        """A page has come; what is new in it. `more` is what the server says of further ones."""
        fresh = [item for item in items if not item.id or item.id not in self._before]
        self._before = {item.id for item in items}
        self.offset += len(items)
        self.page += 1
        if not fresh or more is False or (more is None and len(items) < self.page_size):
            self.is_over = True
        return fresh
