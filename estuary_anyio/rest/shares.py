"""`client.shares`: links that let others talk to a character (PROTOCOL 7.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from estuary_proto.rest import shares as calls

from .runner import TIMEOUT

if TYPE_CHECKING:
    from estuary_proto.models.shares import Share, SharedSession, ShareList, ShareRevoked

    from .runner import Runner


class SharesClient:
    """Shares; no connection is needed. Opening and exchanging send no key.

    Every method raises RestError or a subclass when the call fails, LocalProtocolError for wrong
    arguments. `timeout` is in seconds, for the whole call; None is no limit.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def create_share(
        self,
        character_id: str,
        permanent: bool = False,
        ttl: str = "7d",
        memory_sharing: str = "isolated",
        max_exchanges: int = 5,
        max_interactions: int | None = None,
        *,
        timeout: float | None = TIMEOUT,
    ) -> Share:
        """Make a link: for `ttl` (24h, 7d, 30d, 90d) and 1 to 100 exchanges, or permanent.

        `memory_sharing` "isolated" gives each guest memories of their own, "shared" the same.
        """
        return await self._runner.run(
            lambda _: calls.create_share(
                character_id,
                permanent=permanent,
                ttl=ttl,
                memory_sharing=memory_sharing,
                max_exchanges=max_exchanges,
                max_interactions=max_interactions,
            ),
            timeout,
        )

    async def open_share(self, share_id: str, *, timeout: float | None = TIMEOUT) -> SharedSession:
        """Begin a session as a guest; its `session_token` serves as `api_key`."""
        return await self._runner.run(lambda _: calls.open_share(share_id), timeout)

    async def exchange_share_token(
        self,
        token: str,
        recipient_id: str | None = None,
        *,
        timeout: float | None = TIMEOUT,
    ) -> SharedSession:
        """Trade a share's token for a session; `recipient_id` is the guest's own id."""
        return await self._runner.run(
            lambda _: calls.exchange_share_token(token, recipient_id), timeout
        )

    async def list_character_shares(
        self, character_id: str, *, timeout: float | None = TIMEOUT
    ) -> ShareList:
        """All shares of a character."""
        return await self._runner.run(lambda _: calls.list_character_shares(character_id), timeout)

    async def revoke_share_token(
        self, share_token_id: str, *, timeout: float | None = TIMEOUT
    ) -> ShareRevoked:
        """End a share, by the id of its row."""
        return await self._runner.run(lambda _: calls.revoke_share_token(share_token_id), timeout)

    async def bulk_revoke_by_api_key(
        self, api_key_id: str, *, timeout: float | None = TIMEOUT
    ) -> ShareRevoked:
        """End all shares that were made with an API key, by the key's id."""
        return await self._runner.run(lambda _: calls.bulk_revoke_by_api_key(api_key_id), timeout)
