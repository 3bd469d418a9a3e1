"""`client.memory`: what the character remembers of the player (seed 000)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from estuary_proto.rest import memory as calls

from .pages import Pages
from .runner import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from estuary_proto.models.graph import MemoryGraph
    from estuary_proto.models.memory import (
        CoreFactsResponse,
        MemoryData,
        MemoryDeleteResponse,
        MemoryListResponse,
        MemorySearchResponse,
        MemoryStats,
        MemoryTimeline,
    )
    from estuary_proto.rest.paging import Cursor

    from .runner import Runner


class MemoryClient:
    """Memories of the configured character and player; no connection is needed.

    Every method raises RestError or a subclass when the call fails, LocalProtocolError for wrong
    arguments. `timeout` is in seconds, for the whole call; None is no limit.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._character = runner.config.character_id

    async def get_memories(
        self,
        memory_type: str | None = None,
        status: str | None = None,
        limit: int = 50,
        offset: int = 0,
        sort_by: str | None = None,
        sort_order: str | None = None,
        *,
        timeout: float | None = TIMEOUT,
    ) -> MemoryListResponse:
        """A page of memories: `limit` 1 to 200; `sort_by` created_at, confidence or
        last_accessed_at, `sort_order` asc or desc. Not every server applies the order."""
        return await self._runner.run(
            lambda player: calls.get_memories(
                self._character,
                player,
                memory_type=memory_type,
                status=status,
                limit=limit,
                offset=offset,
                sort_by=sort_by,
                sort_order=sort_order,
            ),
            timeout,
        )

    def iter_memories(
        self,
        memory_type: str | None = None,
        status: str | None = None,
        sort_by: str | None = None,
        sort_order: str | None = None,
        *,
        page_size: int = 50,
        timeout: float | None = TIMEOUT,
    ) -> Pages[MemoryData]:
        """All memories, page by page; `timeout` is for each page."""

        async def fetch(cursor: Cursor[MemoryData]) -> tuple[Sequence[MemoryData], bool | None]:
            page = await self.get_memories(
                memory_type,
                status,
                page_size,
                cursor.offset,
                sort_by,
                sort_order,
                timeout=timeout,
            )
            return page.memories, cursor.more(page.total, len(page.memories))

        return Pages(fetch, page_size)

    async def get_timeline(
        self,
        start_date: str | None = None,
        end_date: str | None = None,
        group_by: str | None = None,
        *,
        timeout: float | None = TIMEOUT,
    ) -> MemoryTimeline:
        """Memories by "day", "week" or "month"; dates are ISO texts."""
        return await self._runner.run(
            lambda player: calls.get_timeline(
                self._character,
                player,
                start_date=start_date,
                end_date=end_date,
                group_by=group_by,
            ),
            timeout,
        )

    async def get_stats(self, *, timeout: float | None = TIMEOUT) -> MemoryStats:
        """How many memories there are, by status and type."""
        return await self._runner.run(
            lambda player: calls.get_stats(self._character, player), timeout
        )

    async def get_core_facts(self, *, timeout: float | None = TIMEOUT) -> CoreFactsResponse:
        """The facts that stay, such as the player's name."""
        return await self._runner.run(
            lambda player: calls.get_core_facts(self._character, player), timeout
        )

    async def get_graph(
        self,
        include_entities: bool | None = None,
        include_character_memories: bool | None = None,
        *,
        timeout: float | None = TIMEOUT,
    ) -> MemoryGraph:
        """The whole knowledge graph."""
        return await self._runner.run(
            lambda player: calls.get_graph(
                self._character,
                player,
                include_entities=include_entities,
                include_character_memories=include_character_memories,
            ),
            timeout,
        )

    async def search(
        self, query: str, limit: int | None = None, *, timeout: float | None = TIMEOUT
    ) -> MemorySearchResponse:
        """The memories nearest in meaning, best first: `limit` 1 to 50, 10 if not given."""
        return await self._runner.run(
            lambda player: calls.search(self._character, player, query, limit), timeout
        )

    async def create(
        self,
        content: str,
        *,
        memory_type: str | None = None,
        importance: float | None = None,
        confidence: float | None = None,
        topic: str | None = None,
        source_quote: str | None = None,
        timeout: float | None = TIMEOUT,
    ) -> MemoryData:
        """Let the character remember this. Importance and confidence run from 0 to 1.

        Which fields the vendor's server takes besides content and type is a guess.
        """
        return await self._runner.run(
            lambda player: calls.create(
                self._character,
                player,
                content,
                memory_type=memory_type,
                importance=importance,
                confidence=confidence,
                topic=topic,
                source_quote=source_quote,
            ),
            timeout,
        )

    async def update(
        self,
        memory_id: str,
        *,
        content: str | None = None,
        memory_type: str | None = None,
        importance: float | None = None,
        confidence: float | None = None,
        topic: str | None = None,
        timeout: float | None = TIMEOUT,
    ) -> MemoryData:
        """Change a memory; what is not given stays."""
        return await self._runner.run(
            lambda player: calls.update(
                self._character,
                player,
                memory_id,
                content=content,
                memory_type=memory_type,
                importance=importance,
                confidence=confidence,
                topic=topic,
            ),
            timeout,
        )

    async def delete(
        self, memory_id: str, *, hard: bool = False, timeout: float | None = TIMEOUT
    ) -> dict[str, Any]:
        """Forget one memory; `hard` leaves no trace of it."""
        return await self._runner.run(
            lambda player: calls.delete(self._character, player, memory_id, hard=hard), timeout
        )

    async def delete_all(
        self, confirm: bool = True, *, timeout: float | None = TIMEOUT
    ) -> MemoryDeleteResponse:
        """Forget everything of this player. Raises LocalProtocolError with `confirm=False`."""
        return await self._runner.run(
            lambda player: calls.delete_all(self._character, player, confirm), timeout
        )
