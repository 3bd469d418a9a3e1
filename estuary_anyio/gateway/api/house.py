"""What the answers to requests need: the database, who may come in, who is talked to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..store.moments import iso

if TYPE_CHECKING:
    from collections.abc import Callable

    from estuary_proto.gateway import Registry, ServerConfig
    from estuary_proto.intents import StartAgentConversation

    from ..link import Brain
    from ..store.archive import Archive
    from ..store.database import Database


class Sessions(Protocol):
    """The clients that are connected, as far as requests concern them."""

    def revoke(self, share_id: str) -> int:
        """End the sessions of this share; how many there were."""
        ...

    def encounter(self, encounter_id: str, wanted: StartAgentConversation) -> None:
        """Let those who talk to either of them hear how two characters meet."""

    def motive(self, character_id: str, player_id: str, motive: str) -> None:
        """Tell the sessions of this pair what drives the character now."""


@dataclass(frozen=True)
class House:
    """See the module. `clock` gives seconds since 1970, `monotonic` those of deadlines."""

    config: ServerConfig
    database: Database
    archive: Archive
    registry: Registry
    sessions: Sessions
    brain: Brain | None
    clock: Callable[[], float]
    monotonic: Callable[[], float]
    entropy: Callable[[int], bytes]

    def new_id(self) -> str:
        """An id that nobody guesses."""
        return self.entropy(16).hex()

    def at(self) -> str:
        """The time of day, as it is kept."""
        return iso(self.clock())
