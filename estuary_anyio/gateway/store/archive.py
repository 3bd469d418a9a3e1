"""What conversations leave behind and find again: written in groups, before anything is answered.

Sessions tell what should be kept at once, without waiting; whoever sends on their behalf waits for
`settle` first, so that a client is told nothing that could still be lost. One `Memory` serves all
sessions of a pair while there are any; the database is where it comes from.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import anyio

from estuary_proto.gateway import Forgotten, Kept, Learned, Memory, Recalled

from . import characters, memories, players
from .moments import iso

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from estuary_proto.gateway import ServerConfig

    from .database import Database


class Archive:
    """See the module. `clock` gives seconds since 1970, `new_id` ids."""

    def __init__(
        self,
        database: Database,
        config: ServerConfig,
        *,
        clock: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        self._database = database
        self._config = config
        self._clock = clock
        self._new_id = new_id
        self._live: WeakValueDictionary[tuple[str, str], Memory] = WeakValueDictionary()
        self._pending: deque[Kept] = deque()
        self._kept = 0
        self._told = 0
        self._writing = anyio.Lock()

    def keep(self, told: Kept) -> None:
        """Take this to be kept; see `settle`."""
        self._pending.append(told)
        self._told += 1

    @property
    def settled(self) -> bool:
        """True when everything that was told is kept."""
        return not self._pending

    async def settle(self) -> None:
        """Come back when everything that was told so far is kept."""
        wanted = self._told
        while self._kept < wanted:
            with anyio.CancelScope(shield=True):
                async with self._writing:
                    batch = tuple(self._pending)
                    if batch and self._kept < wanted:
                        await self._database.write(partial(self._write, batch))
                        for _ in batch:
                            self._pending.popleft()
                        self._kept += len(batch)

    async def recall(self, character_id: str, player_id: str) -> Recalled:
        """What is known of this pair, and the conversation that goes on."""
        await self.settle()
        pair = (character_id, player_id)
        most = self._config.max_history
        new, at = self._new_id(), iso(self._clock())

        def load(db: sqlite3.Connection) -> Recalled:
            memory = Memory(self._config.max_facts)
            conversation = players.ensure(db, *pair, new, at)
            for fact in memories.facts(db, pair):
                memory.put(fact)
            history = players.last_messages(db, *pair, most)
            memory.motive = characters.motive_text(db, *pair)
            return Recalled(memory, conversation, history)

        found = await self._database.write(load)
        return replace(found, memory=self._live.setdefault(pair, found.memory))

    def live(self, character_id: str, player_id: str) -> Memory | None:
        """The memory of this pair, while a session holds it."""
        return self._live.get((character_id, player_id))

    def forget_live(self, character_id: str) -> None:
        """Nobody should go on with what they know of this character's players."""
        for pair, memory in tuple(self._live.items()):
            if pair[0] == character_id:
                memory.clear()

    def _write(self, batch: Sequence[Kept], db: sqlite3.Connection) -> None:
        for told in batch:
            if not characters.is_there(db, _character_of(told)):
                continue  # Deleted while somebody talked to it.
            if isinstance(told, Learned):
                memory = told.memory
                pair = (memory.agent_id, memory.player_id)
                at = memory.created_at or iso(self._clock())
                memories.add(db, memory, told.fact, at, self._config.max_facts)
                db.execute(
                    "UPDATE conversations SET last_extraction_at = ?"
                    " WHERE character_id = ? AND player_id = ?",
                    (at, *pair),
                )
            elif isinstance(told, Forgotten):
                db.execute(
                    "UPDATE memories SET status = 'deleted', updated_at = ? WHERE character_id = ?"
                    " AND player_id = ? AND status = 'active'",
                    (told.at, told.character_id, told.player_id),
                )
            else:
                conversation = players.ensure(
                    db, told.character_id, told.player_id, told.conversation_id, told.at
                )
                players.add_message(db, conversation, told.role, told.text, told.at)


def _character_of(told: Kept) -> str:
    return told.memory.agent_id if isinstance(told, Learned) else told.character_id
