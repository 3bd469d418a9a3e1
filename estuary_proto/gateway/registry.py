"""What the sessions of one gateway share, beside what is remembered: tokens, seats, counts."""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING

from .credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable

    from .config import Character, ServerConfig


class Registry:
    """What the sessions of one gateway share: tokens, seats, counts; on one monotonic clock."""

    __slots__ = ("_players", "_seats", "_used", "cast", "connections", "credentials", "joins")

    def __init__(self, config: ServerConfig, entropy: Callable[[int], bytes]) -> None:
        self.credentials: Credentials = Credentials(entropy, config.client_tokens)
        self.cast: dict[str, Character] = dict(config.characters)
        """Who can be talked to, by id."""
        self.joins: int = 0
        """How many clients have asked to come in."""
        self.connections: int = 0
        """How many sessions have begun."""
        self._seats: Counter[str] = Counter()
        self._used: OrderedDict[str, int] = OrderedDict()
        self._players = config.max_players

    def take_seat(self, share: str, cap: int | None) -> bool:
        """One more session for this share token, unless it has as many as it may."""
        if cap is not None and self._seats[share] >= cap:
            return False
        self._seats[share] += 1
        return True

    def leave_seat(self, share: str) -> None:
        """A session of this share token is over."""
        self._seats[share] -= 1
        if not self._seats[share]:
            del self._seats[share]

    def used(self, player_id: str) -> int:
        """How many messages this player has sent, as far as they are counted."""
        return self._used.get(player_id, 0)

    def use(self, player_id: str) -> None:
        """This player has sent one more. The players that were silent the longest are forgotten."""
        self._used[player_id] = self.used(player_id) + 1
        self._used.move_to_end(player_id)
        if len(self._used) > self._players:
            self._used.popitem(last=False)
