"""Who may come in: the gateway's answer to a client's credentials (PROTOCOL 1.2, 1.3, 1.6)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hmac import compare_digest
from typing import TYPE_CHECKING

from .credentials import END_USER, MAX_ID, SHARE, share_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..intents import Authenticate
    from .config import Character, ServerConfig
    from .credentials import Credentials, Guest


@dataclass(frozen=True, slots=True)
class Pass:
    """Who came in. `expires_at` is when the credential lapses, in monotonic seconds; `share` is the
    name of the share token that it came with, `guest` the one it was opened for, `quota` what such
    a guest may say."""

    player_id: str
    expires_at: float | None = None
    share: str = ""
    guest: str = ""
    quota: int | None = None


def presents_credentials(auth: dict[str, object]) -> bool:
    """Whether a join payload authenticates; without it the client will do so by message."""
    return any(auth.get(name) for name in ("api_key", "client_token", "token"))


def admission(
    config: ServerConfig,
    credentials: Credentials,
    who: Authenticate,
    *,
    now: float,
    cast: Mapping[str, Character] | None = None,
) -> Pass | str:
    """The pass of `who`, or why there is none, for people. No key is ever in that answer."""
    offered = who.client_token or who.api_key or who.token
    if not offered:
        return "No credentials: send api_key"
    guest = credentials.guest(offered, now=now) if offered.startswith(SHARE) else None
    if guest is not None:
        return _guest(guest, who)
    found = credentials.find(offered, now=now) if offered.startswith(END_USER) else None
    if found is not None:
        if who.player_id not in ("", found.player_id):
            return "The client token is another player's"
        entry = Pass(found.player_id, found.expires_at)
    elif knows(config, offered):
        shared = offered.startswith(SHARE)
        entry = Pass(who.player_id, share=share_id(config.api_keys, offered) if shared else "")
    elif offered.startswith(END_USER):
        return "The client token is unknown or has lapsed"
    else:
        return "Invalid API key"
    cast = config.characters if cast is None else cast
    if who.character_id not in cast:
        known = ", ".join(sorted(cast)[:10])
        return f"Unknown character {who.character_id[:80]!r}: this gateway has {known}"
    if not entry.player_id.strip() or len(entry.player_id) > MAX_ID:
        return f"player_id must be 1 to {MAX_ID} characters and not blank"
    return entry


def renewed(
    config: ServerConfig, credentials: Credentials, entry: Pass, token: str, *, now: float
) -> Pass | None:
    """The pass of who came in with `entry` and shows this new token; None if it is not good."""
    if entry.expires_at is None and knows(config, token):
        return entry
    found = credentials.find(token, now=now)
    if found is None or found.player_id != entry.player_id:
        return None
    return replace(entry, expires_at=found.expires_at)


def _guest(guest: Guest, who: Authenticate) -> Pass | str:
    if who.player_id not in ("", guest.player_id):
        return "The share session is another player's"
    if who.character_id != guest.character_id:
        return "The share session is for another character"
    return Pass(guest.player_id, guest.expires_at, guest=guest.share_id, quota=guest.quota)


def knows(config: ServerConfig, key: str) -> bool:
    """Whether `key` opens this gateway."""
    return any(_same(key, known) for known in config.api_keys)


def _same(offered: str, key: str) -> bool:
    # In constant time. A key from a command line may hold lone surrogates.
    return compare_digest(
        offered.encode(errors="surrogatepass"), key.encode(errors="surrogatepass")
    )
