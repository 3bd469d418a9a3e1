"""`client.players`: who talks to the character, and what was said (seed 000)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from estuary_proto.rest import players as calls

from .pages import Pages
from .runner import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from estuary_proto.models.players import (
        PlayerConversation,
        PlayerConversationList,
        PlayerMessage,
        PlayerMessageList,
        PlayerStats,
    )
    from estuary_proto.rest.paging import Cursor

    from .runner import Runner


class PlayersClient:
    """Players of the configured character; no connection is needed.

    Every method raises RestError or a subclass when the call fails, LocalProtocolError for wrong
    arguments. `timeout` is in seconds, for the whole call; None is no limit.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._character = runner.config.character_id

    async def list(
        self,
        limit: int = 50,
        offset: int = 0,
        sort_by: str = "last_activity",
        sort_order: str = "desc",
        player_search: str | None = None,
        min_messages: int | None = None,
        *,
        timeout: float | None = TIMEOUT,
    ) -> PlayerConversationList:
        """A page of conversations: `limit` 1 to 100; `sort_by` last_activity, created_at,
        message_count or player_id, `sort_order` asc or desc."""
        return await self._runner.run(
            lambda _: calls.list_players(
                self._character,
                limit=limit,
                offset=offset,
                sort_by=sort_by,
                sort_order=sort_order,
                player_search=player_search,
                min_messages=min_messages,
            ),
            timeout,
        )

    def iter_players(
        self,
        sort_by: str = "last_activity",
        sort_order: str = "desc",
        player_search: str | None = None,
        min_messages: int | None = None,
        *,
        page_size: int = 50,
        timeout: float | None = TIMEOUT,
    ) -> Pages[PlayerConversation]:
        """All conversations, page by page; `timeout` is for each page."""

        async def fetch(
            cursor: Cursor[PlayerConversation],
        ) -> tuple[Sequence[PlayerConversation], bool | None]:
            page = await self.list(
                page_size,
                cursor.offset,
                sort_by,
                sort_order,
                player_search,
                min_messages,
                timeout=timeout,
            )
            return page.conversations, cursor.more(page.total, len(page.conversations))

        return Pages(fetch, page_size)

    async def get(self, player_id: str, *, timeout: float | None = TIMEOUT) -> PlayerConversation:
        """The conversation with one player."""
        return await self._runner.run(lambda _: calls.get(self._character, player_id), timeout)

    async def get_messages(
        self,
        player_id: str,
        limit: int = 100,
        page: int = 1,
        *,
        timeout: float | None = TIMEOUT,
    ) -> PlayerMessageList:
        """A page of what was said; pages count from 1."""
        return await self._runner.run(
            lambda _: calls.get_messages(self._character, player_id, limit=limit, page=page),
            timeout,
        )

    def iter_messages(
        self, player_id: str, *, page_size: int = 100, timeout: float | None = TIMEOUT
    ) -> Pages[PlayerMessage]:
        """All that was said, page by page; `timeout` is for each page."""

        async def fetch(
            cursor: Cursor[PlayerMessage],
        ) -> tuple[Sequence[PlayerMessage], bool | None]:
            page = await self.get_messages(player_id, page_size, cursor.page, timeout=timeout)
            return page.messages, page.pagination.has_more

        return Pages(fetch, page_size)

    async def get_stats(self, *, timeout: float | None = TIMEOUT) -> PlayerStats:
        """All players in figures."""
        return await self._runner.run(lambda _: calls.get_stats(self._character), timeout)

    async def delete(self, player_id: str, *, timeout: float | None = TIMEOUT) -> dict[str, Any]:
        """Delete a player with all messages and memories."""
        return await self._runner.run(lambda _: calls.delete(self._character, player_id), timeout)
