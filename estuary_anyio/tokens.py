"""Asking the application's token provider (PROTOCOL 1.6), and what its answer means.

A client has one `Tokens`: the socket and the REST calls share what the provider gave.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio

from estuary_proto.credentials import PROVIDED_WITHIN, Credentials, check_token, refused
from estuary_proto.errors import EstuaryError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Token(NamedTuple):
    """A token, whose it is, and for how many seconds from now."""

    token: str
    player_id: str
    lifetime: float


class Tokens:
    """The token in use. One caller at a time asks the provider, the others get what it gave."""

    def __init__(self, provider: Callable[[], Awaitable[Any]]) -> None:
        self._provider = provider
        self._held = Credentials()
        self._lock = anyio.Lock()
        self._last_of_socket = ""

    async def for_socket(self) -> Token:
        """A token that the socket has not had: it asks only when it wants none of those.

        Raises EstuaryError AUTH_FAILED.
        """
        async with self._lock:
            if self._held.token == self._last_of_socket:
                self._held.forget()
            token = await self._current()
            self._last_of_socket = token.token
            return token

    async def for_call(self) -> Token:
        """The token for a REST call. Raises EstuaryError AUTH_FAILED."""
        async with self._lock:
            return await self._current()

    def refuse(self, token: str) -> None:
        """The server did not accept it: it is not used again."""
        if self._held.token == token:
            self._held.forget()

    async def _current(self) -> Token:
        if not self._held.holds(anyio.current_time()):
            given = await provide(self._provider)
            self._held.take(*given, anyio.current_time())
        held = self._held
        assert held.player_id is not None  # It was taken with one.
        return Token(held.token, held.player_id, held.until - anyio.current_time())


async def provide(provider: Callable[[], Awaitable[Any]]) -> Token:
    """Ask the provider, for 15 s at most. Raises EstuaryError AUTH_FAILED, whatever goes wrong."""
    given: Any = None
    asked = False
    with anyio.move_on_after(PROVIDED_WITHIN):
        try:
            given = await provider()
        except EstuaryError:
            raise
        except Exception as error:
            # Its words may hold what must not be shown.
            raise refused(f"it raised {type(error).__name__}") from error
        asked = True
    if not asked:
        raise refused(f"it took more than {PROVIDED_WITHIN:g} s")
    token, player_id, expires_at = (_part(given, name) for name in _PARTS)
    if isinstance(expires_at, bool) or not isinstance(expires_at, (int, float)):
        raise refused("its expires_at is no number of epoch seconds")
    return Token(check_token(token), player_id, expires_at - time.time())


_PARTS = ("token", "player_id", "expires_at")


def _part(given: Any, name: str) -> Any:
    """One part of a ClientCredential, of anything like it, or of a mapping."""
    found = given.get(name) if isinstance(given, Mapping) else getattr(given, name, None)
    if found is None:
        raise refused(f"{type(given).__name__} has no {name}")
    return found
