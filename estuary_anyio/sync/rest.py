"""The part of the synchronous client that speaks HTTP: see `estuary_anyio.parts.rest`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, overload

from ..client import EstuaryClient as Async
from ..parts.rest import TURN_TIMEOUT
from .twin import Twin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from estuary_proto.models.turns import TurnResult

    from .rest_clients import (
        CharactersClient,
        EncountersClient,
        GenerateClient,
        MemoryClient,
        PlayersClient,
        SharesClient,
        TurnStream,
    )


class Rest(Twin[Async]):
    """REST calls, with or without a connection. They need httpx, which loads at the first one."""

    @property
    def memory(self) -> MemoryClient:
        """What the character remembers of the player."""
        from .rest_clients import MemoryClient

        return MemoryClient(self._loop, self._source.memory)

    @property
    def players(self) -> PlayersClient:
        """Who talks to the character, and what was said."""
        from .rest_clients import PlayersClient

        return PlayersClient(self._loop, self._source.players)

    @property
    def characters(self) -> CharactersClient:
        """Making, changing and deleting characters."""
        from .rest_clients import CharactersClient

        return CharactersClient(self._loop, self._source.characters)

    @property
    def generate(self) -> GenerateClient:
        """Characters of pictures, and 3D models."""
        from .rest_clients import GenerateClient

        return GenerateClient(self._loop, self._source.generate)

    @property
    def shares(self) -> SharesClient:
        """Links that let others talk to a character."""
        from .rest_clients import SharesClient

        return SharesClient(self._loop, self._source.shares)

    @property
    def encounters(self) -> EncountersClient:
        """Meetings of two characters."""
        from .rest_clients import EncountersClient

        return EncountersClient(self._loop, self._source.encounters)

    @overload
    def turn(
        self,
        message: str,
        *,
        stream: Literal[False] = False,
        character_id: str | None = None,
        player_id: str | None = None,
        timeout_seconds: float | None = None,
        remember: bool | None = None,
        speaker_name: str | None = None,
        callback_url: str | None = None,
        callback_context: Mapping[str, Any] | None = None,
        timeout: float | None = TURN_TIMEOUT,
    ) -> TurnResult: ...

    @overload
    def turn(
        self,
        message: str,
        *,
        stream: Literal[True],
        character_id: str | None = None,
        player_id: str | None = None,
        timeout_seconds: float | None = None,
        remember: bool | None = None,
        speaker_name: str | None = None,
        callback_url: str | None = None,
        callback_context: Mapping[str, Any] | None = None,
        timeout: float | None = TURN_TIMEOUT,
    ) -> TurnStream: ...

    def turn(self, message: str, *, stream: bool = False, **how: Any) -> TurnResult | TurnStream:
        """One turn over HTTP: the whole answer, or an iterator of it with `stream=True`.

        It goes to the configured character as the configured player unless others are named.
        `timeout_seconds` is how long the server may take, `timeout` how long we wait for the end.
        It is never repeated. Raises RestError or a subclass, RestTimeout, TurnFailed for a stream.
        """
        from .rest_clients import TurnStream

        if stream:
            return TurnStream(self._loop, self._source.turn(message, stream=True, **how))
        result: TurnResult = self._loop.run(partial(self._source.turn, message, **how))
        return result
