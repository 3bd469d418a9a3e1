"""Who may come in: the gateway's answer to a client's credentials (PROTOCOL 1.2, 1.3)."""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..intents import Authenticate
    from .config import ServerConfig

MAX_ID: Final = 256


def presents_credentials(auth: dict[str, object]) -> bool:
    """Whether a join payload authenticates; without it the client will do so by message."""
    return any(auth.get(name) for name in ("api_key", "client_token", "token"))


def refusal(config: ServerConfig, who: Authenticate) -> str | None:
    """Why `who` may not come in, for people; None lets them in. No key is ever in the answer."""
    offered = who.api_key or who.client_token or who.token
    if not offered:
        return "No credentials: send api_key"
    if not knows(config, offered):
        return "Invalid API key"
    if who.character_id not in config.characters:
        known = ", ".join(sorted(config.characters)[:10])
        return f"Unknown character {who.character_id[:80]!r}: this gateway has {known}"
    if not who.player_id.strip() or len(who.player_id) > MAX_ID:
        return f"player_id must be 1 to {MAX_ID} characters and not blank"
    return None


def knows(config: ServerConfig, key: str) -> bool:
    """Whether `key` opens this gateway."""
    return any(_same(key, known) for known in config.api_keys)


def _same(offered: str, key: str) -> bool:
    # In constant time. A key from a command line may hold lone surrogates.
    return compare_digest(
        offered.encode(errors="surrogatepass"), key.encode(errors="surrogatepass")
    )
