"""What is iterated: pieces of an answer, its voice, events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

import anyio

from estuary_proto.errors import WaitTimeout
from estuary_proto.models.conversation import BotVoice

from .. import reply as replies
from .. import reply_voice, streams
from .twin import Twin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType
    from typing import Self

    from .loop import Loop

T = TypeVar("T")


class Iterating(Twin[Any], Generic[T], of=replies.Pieces):
    """An iterator over what comes in the loop; each step waits for the next."""

    def __init__(self, loop: Loop, source: AsyncIterator[T]) -> None:
        super().__init__(loop, source)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        try:
            item: T = self._loop.run(self._next)
        except StopAsyncIteration:
            raise StopIteration from None
        return item

    async def _next(self) -> T:
        item: T = await self._source.__anext__()
        return item


class Leavable(Iterating[T]):
    """An iterator that listens until it is closed: `with … as events:` does it."""

    def close(self) -> None:
        """Stop listening."""
        self._loop.run(self._source.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class EventStream(Leavable[T], of=streams.EventStream):
    """Events of some classes, in the order of the wire: `for event in client.events(…)`.

    It listens from the moment it is made, ends when the client has disconnected for good, and may
    be left at any time. With `timeout`, in seconds for each event, waiting for one raises
    WaitTimeout, and may be tried again. A reader that falls 10,000 events behind loses the oldest.
    """

    _source: streams.EventStream[T]
    timeout: float | None = None
    """Seconds to wait for each event; None is no limit. It may be changed at any time."""

    @property
    def dropped(self) -> int:
        """How many events were lost because nobody took them."""
        return self._source.dropped

    async def _next(self) -> T:
        with anyio.move_on_after(self.timeout):
            return await super()._next()
        raise WaitTimeout(f"no event came in {self.timeout:g} s")


class ReplyVoice(EventStream[BotVoice], of=reply_voice.ReplyVoice):
    """`for chunk in reply.voice()`: what the character says aloud with this answer.

    It listens from the moment it is made, and ends with the last chunk, when the answer is cut off
    or another message speaks, and when the connection falls. A server that has no voice for an
    answer does not say so: set `timeout`.
    """
