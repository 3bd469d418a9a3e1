"""Who calls the API, and what they may (PROTOCOL 7.1, 1.6).

A developer's key holds all scopes unless the configuration gives it fewer. An end-user token
(`ect_…`) and a guest's session (`sst_…`) act for one player, and a guest with one character; routes
of developers are closed to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from ...errors import EstuaryError
from ..config import SCOPES
from ..credentials import END_USER, SHARE, check_player
from ..door import knows
from .refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..config import ServerConfig
from ..credentials import Credentials


class Door(Enum):
    """Who may use a route."""

    ANYBODY = "anybody"
    """Nobody needs to say who they are."""
    PLAYER = "player"
    """A developer, or the player whom the route is about."""
    DEVELOPER = "developer"
    """Only who holds a key."""
    BEARER = "bearer"
    """The same, and the key is read as a bearer alone."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who it is. `key_id` names the key without telling it; `player_id` is set for those who act
    for one player, `character_id` for those who have one character, and who have a `quota` of
    messages."""

    key_id: str = ""
    player_id: str = ""
    character_id: str = ""
    scopes: tuple[str, ...] = ()
    quota: int | None = None


def key_id(key: str) -> str:
    """What a key is called where it must not be shown."""
    return "key-" + sha256(key.encode(errors="surrogatepass")).hexdigest()[:12]


def caller_of(
    config: ServerConfig,
    credentials: Credentials,
    headers: Mapping[str, str],
    door: Door,
    *,
    now: float,
) -> Caller:
    """Who calls, by lower-case `headers`; `now` is monotonic. Raises Refusal 401 or 403."""
    if door is Door.ANYBODY:
        return Caller()
    scheme, _, token = headers.get("authorization", "").partition(" ")
    offered = token.strip() if scheme.lower() == "bearer" else ""
    if not offered and door is not Door.BEARER:
        offered = headers.get("x-api-key", "")
    if not offered:
        wanted = "Authorization: Bearer" if door is Door.BEARER else "X-API-Key"
        raise _unknown(f"No credentials: send {wanted}")
    player = headers.get("x-player-id", "")
    if offered.startswith((END_USER, SHARE)):
        found = _restricted(credentials, offered, player, now)
        if found is not None:
            if door is not Door.PLAYER:
                raise Refusal(403, "This token may not use that route")
            return found
    if offered.startswith(END_USER) or not knows(config, offered):
        raise _unknown("The credentials are unknown or have lapsed")
    if offered.startswith(SHARE):
        raise Refusal(403, "This token may not use that route")
    return Caller(key_id(offered), scopes=tuple(config.scopes.get(offered, SCOPES)))


def _restricted(credentials: Credentials, token: str, player: str, now: float) -> Caller | None:
    if token.startswith(END_USER):
        user = credentials.find(token, now=now)
        who = None if user is None else Caller("", user.player_id, "", _ALLOWED)
    else:
        guest = credentials.guest(token, now=now)
        who = (
            None
            if guest is None
            else Caller("", guest.player_id, guest.character_id, _ALLOWED, guest.quota)
        )
    if who is not None and player not in ("", who.player_id):
        raise Refusal(403, "The token is another player's")
    return who


_ALLOWED: Final = tuple(scope for scope in SCOPES if not scope.startswith("shares:"))


def admit(caller: Caller, scope: str, parts: Mapping[str, str]) -> None:
    """Raise Refusal 403 where `caller` has not this scope, or the route is about somebody else."""
    if scope and scope not in caller.scopes:
        detail = {
            "code": "insufficient_scope",
            "message": f"This key lacks the scope {scope}",
            "requiredScope": scope,
            "requiredScopes": [scope],
        }
        raise Refusal(403, detail)
    if caller.player_id and parts.get("player_id", caller.player_id) != caller.player_id:
        raise Refusal(403, "The token is another player's")
    if caller.character_id and parts.get("character_id") != caller.character_id:
        raise Refusal(403, "The token is for another character")


def a_player(player_id: str) -> str:
    """The id, or Refusal 422 for what is none."""
    try:
        check_player("player_id", player_id)
    except EstuaryError as error:
        raise Refusal(422, [{"loc": ["playerId"], "msg": error.message}]) from None
    return player_id


def _unknown(detail: str) -> Refusal:
    return Refusal(401, detail, (("WWW-Authenticate", "Bearer"),))
