"""End-user tokens that a gateway knows, and which of its keys are share tokens (PROTOCOL 1.2, 1.6).

`ect_…` opens the gateway for one player until it lapses; `sst_…` is a key that a character is
shared with, and that may hold a number of sessions. One `Credentials` serves all sessions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from math import isfinite
from typing import TYPE_CHECKING, Final

from ..config import invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

END_USER: Final = "ect_"
SHARE: Final = "sst_"
MAX_ID: Final = 256
"""Characters of a player's id."""

MAX_TOKENS: Final = 10_000
"""Tokens that are kept; beyond it the ones that lapse first go."""


@dataclass(frozen=True, slots=True)
class ClientToken:
    """A token for `player_id` that lapses at `expires_at`, in monotonic seconds (None: never)."""

    token: str = field(repr=False)
    player_id: str
    expires_at: float | None = None

    def holds(self, now: float) -> bool:
        """Whether it is still good."""
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True)
class Guest:
    """Who talks to a shared character, known by `digest_of` the token: until `expires_at`, in
    monotonic seconds (None: as long as the share is there), with at most `quota` messages (None:
    any number)."""

    digest: str = field(repr=False)
    share_id: str
    character_id: str
    player_id: str
    expires_at: float | None = None
    quota: int | None = None


class Credentials:
    """See the module. `fixed` are tokens that never lapse, with their players; `entropy(n)` gives n
    random bytes."""

    __slots__ = ("_entropy", "_fixed", "_guests", "_minted")

    def __init__(self, entropy: Callable[[int], bytes], fixed: Mapping[str, str]) -> None:
        self._entropy = entropy
        self._fixed = dict(fixed)
        self._minted: dict[str, ClientToken] = {}
        self._guests: dict[str, Guest] = {}

    def mint(self, player_id: str, lifetime: float, *, now: float) -> ClientToken:
        """A new token for this player, good for `lifetime` seconds.

        Raises EstuaryError CONFIG_INVALID for an id or a lifetime that makes no sense.
        """
        check_player("player_id", player_id)
        if not isfinite(lifetime) or lifetime <= 0:
            raise invalid("lifetime", f"{lifetime!r} is no time", "give seconds above 0")
        if len(self._minted) >= MAX_TOKENS:
            self._minted = {t.token: t for t in self._minted.values() if t.holds(now)}
        if len(self._minted) >= MAX_TOKENS:
            del self._minted[min(self._minted, key=self._lapses)]
        token = END_USER + self._entropy(24).hex()
        made = self._minted[token] = ClientToken(token, player_id, now + lifetime)
        return made

    def _lapses(self, token: str) -> float:
        at = self._minted[token].expires_at
        assert at is not None  # What was minted lapses.
        return at

    def revoke(self, token: str) -> None:
        """Forget this token; sessions that hold it stay until it would have lapsed."""
        self._minted.pop(token, None)

    def let_in(self, guest: Guest) -> None:
        """From now on this guest may come in."""
        self._guests[guest.digest] = guest

    def guest(self, token: str, *, now: float) -> Guest | None:
        """The guest with this token, if there is one and the time is not up."""
        found = self._guests.get(digest_of(token))
        if found is None or found.expires_at is None or now < found.expires_at:
            return found
        del self._guests[found.digest]
        return None

    def turn_out(self, share_id: str) -> None:
        """The guests of this share may not come in any more."""
        gone = [guest.digest for guest in self._guests.values() if guest.share_id == share_id]
        for digest in gone:
            del self._guests[digest]

    def find(self, token: str, *, now: float) -> ClientToken | None:
        """The token, if it is known and good."""
        if token in self._fixed:
            return ClientToken(token, self._fixed[token])
        found = self._minted.get(token)
        return found if found is not None and found.holds(now) else None


def digest_of(token: str) -> str:
    """What is kept of a guest's token: enough to know it again, not to use it."""
    return sha256(token.encode(errors="surrogatepass")).hexdigest()


def check_player(name: str, player_id: object) -> None:
    """Raise CONFIG_INVALID, naming the field, for what is no player's id."""
    if not isinstance(player_id, str) or not player_id.strip() or len(player_id) > MAX_ID:
        raise invalid(name, "a player's id is missing", f"give 1 to {MAX_ID} characters")


def share_id(keys: tuple[str, ...], key: str) -> str:
    """What a share token is called where it must not be shown: "share-2" for the second."""
    shares = [each for each in keys if each.startswith(SHARE)]
    return f"share-{shares.index(key) + 1}"
