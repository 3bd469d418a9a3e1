"""The part of the client that speaks HTTP (seed 000: the REST sub-clients)."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, overload

from ..tokens import Tokens
from .driving import Driving

if TYPE_CHECKING:
    import ssl
    from collections.abc import Coroutine, Mapping

    import httpx

    from estuary_proto.models.turns import TurnResult
    from estuary_proto.rest.call import Call

    from ..capture import CaptureFile
    from ..rest.characters import CharactersClient
    from ..rest.generate import GenerateClient
    from ..rest.memory import MemoryClient
    from ..rest.players import PlayersClient
    from ..rest.runner import Runner
    from ..rest.shares import SharesClient
    from ..rest.turns import EncountersClient, TurnStream

TURN_TIMEOUT = 60.0
"""Seconds that a turn over HTTP may take unless it says otherwise."""


class Rest(Driving):
    """REST calls, with or without a connection. They need httpx, which loads at the first one."""

    _tokens: Tokens | None
    _runner: Runner | None
    _rest_settings: dict[str, Any]

    def _prepare_rest(
        self,
        *,
        http_client: httpx.AsyncClient | None,
        headers: tuple[tuple[str, str], ...],
        tls: ssl.SSLContext | None,
        proxy: str | None,
        tape: CaptureFile | None,
    ) -> None:
        provider = self.config.token_provider
        self._tokens = None if provider is None else Tokens(provider)
        self._runner = None
        self._rest_settings = {
            "http_client": http_client,
            "headers": headers,
            "tls": tls,
            "proxy": proxy,
            "tape": tape,
        }

    @property
    def _rest(self) -> Runner:
        if self._runner is None:
            from ..rest.runner import Runner

            self._runner = Runner(self.config, self._tokens, **self._rest_settings)
            self._runner.watch = self._watch
        return self._runner

    def _reopen_rest(self) -> None:
        if self._runner is not None:
            self._runner.reopen()

    async def _close_rest(self, *, for_good: bool = True) -> None:
        if self._runner is not None:
            await self._runner.close(for_good=for_good)

    @cached_property
    def memory(self) -> MemoryClient:
        """What the character remembers of the player."""
        from ..rest.memory import MemoryClient

        return MemoryClient(self._rest)

    @cached_property
    def players(self) -> PlayersClient:
        """Who talks to the character, and what was said."""
        from ..rest.players import PlayersClient

        return PlayersClient(self._rest)

    @cached_property
    def characters(self) -> CharactersClient:
        """Making, changing and deleting characters."""
        from ..rest.characters import CharactersClient

        return CharactersClient(self._rest)

    @cached_property
    def generate(self) -> GenerateClient:
        """Characters of pictures, and 3D models."""
        from ..rest.generate import GenerateClient

        return GenerateClient(self._rest)

    @cached_property
    def shares(self) -> SharesClient:
        """Links that let others talk to a character."""
        from ..rest.shares import SharesClient

        return SharesClient(self._rest)

    @cached_property
    def encounters(self) -> EncountersClient:
        """Meetings of two characters."""
        from ..rest.turns import EncountersClient

        return EncountersClient(self._rest)

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
    ) -> Coroutine[Any, Any, TurnResult]: ...

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

    def turn(
        self,
        message: str,
        *,
        stream: bool = False,
        character_id: str | None = None,
        player_id: str | None = None,
        timeout_seconds: float | None = None,
        remember: bool | None = None,
        speaker_name: str | None = None,
        callback_url: str | None = None,
        callback_context: Mapping[str, Any] | None = None,
        timeout: float | None = TURN_TIMEOUT,
    ) -> Coroutine[Any, Any, TurnResult] | TurnStream:
        """One turn over HTTP: await it for the whole answer, or iterate it with `stream=True`.

        It goes to the configured character as the configured player unless others are named.
        `timeout_seconds` is how long the server may take, `timeout` how long we wait for the end.
        It is never repeated. Raises RestError or a subclass, RestTimeout, TurnFailed for a stream.
        """
        from estuary_proto.rest.turns import turn

        from ..rest.turns import TurnStream

        def build(player: str) -> Call[TurnResult]:
            return turn(
                self.config.character_id if character_id is None else character_id,
                player if player_id is None else player_id,
                message,
                stream=stream,
                timeout_seconds=timeout_seconds,
                remember=remember,
                speaker_name=speaker_name,
                callback_url=callback_url,
                callback_context=callback_context,
            )

        if stream:
            return TurnStream(self._rest, build, timeout)
        return self._rest.run(build, timeout)
