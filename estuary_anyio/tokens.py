"""Asking the application's token provider (PROTOCOL 1.6), and what its answer means."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio

from estuary_proto.credentials import PROVIDED_WITHIN, check_token, refused
from estuary_proto.errors import EstuaryError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Token(NamedTuple):
    """A token, whose it is, and for how many seconds from now."""

    token: str
    player_id: str
    lifetime: float


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
