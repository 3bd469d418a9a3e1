"""What became of something that was sent (API 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from .threads import check_thread, get_ident

if TYPE_CHECKING:
    from collections.abc import Generator

    from estuary_proto.events import Outcome


class Receipt:
    """Settles once: SENT (handed to the socket) or LOST (the connection fell first).

    Await it for the outcome, look at `outcome`, or ignore it. What is LOST is never sent again by
    itself, and was reported as an `error` event with the count.
    """

    __slots__ = ("_settled", "_thread", "outcome")

    def __init__(self, outcome: Outcome | None = None) -> None:
        self.outcome = outcome
        self._settled: anyio.Event | None = None
        self._thread = get_ident()

    def settle(self, outcome: Outcome) -> None:
        """Called by the client, once."""
        self.outcome = outcome
        if self._settled is not None:
            self._settled.set()

    async def _wait(self) -> Outcome:
        while self.outcome is None:
            check_thread(self._thread)
            if self._settled is None:
                self._settled = anyio.Event()
            await self._settled.wait()
        return self.outcome

    def __await__(self) -> Generator[object, None, Outcome]:
        return self._wait().__await__()

    def __repr__(self) -> str:
        return f"Receipt({'pending' if self.outcome is None else self.outcome.value})"
