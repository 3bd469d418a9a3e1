"""`…/players`: who talked to a character, and what was said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from estuary_proto.gateway.api.access import a_player
from estuary_proto.gateway.api.request import Answer, Ask

from ..store import characters, players

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from typing import TypeVar

    from .house import House

    T = TypeVar("T")


async def _read(house: House, ask: Ask, job: Callable[[sqlite3.Connection, str], T]) -> T:
    character_id = ask.parts["character_id"]
    await house.archive.settle()

    def run(db: sqlite3.Connection) -> T:
        characters.need(db, character_id)
        return job(db, character_id)

    return await house.database.read(run)


async def list_players(house: House, ask: Ask) -> Answer:
    """A page of them."""
    return Answer(json=await _read(house, ask, lambda db, c: players.listing(db, c, ask.query)))


async def player_stats(house: House, ask: Ask) -> Answer:
    """In figures."""
    return Answer(json=await _read(house, ask, players.stats))


async def get_player(house: House, ask: Ask) -> Answer:
    """One of them."""
    player_id = a_player(ask.parts["player_id"])
    return Answer(json=await _read(house, ask, lambda db, c: players.get(db, c, player_id)))


async def get_messages(house: House, ask: Ask) -> Answer:
    """What was said, oldest first."""
    player_id = a_player(ask.parts["player_id"])
    found = await _read(house, ask, lambda db, c: players.messages(db, c, player_id, ask.query))
    return Answer(json=found)


async def delete_player(house: House, ask: Ask) -> Answer:
    """Everything about one of them is forgotten; a conversation that goes on begins anew."""
    character_id, player_id = ask.parts["character_id"], a_player(ask.parts["player_id"])
    await house.archive.settle()

    def run(db: sqlite3.Connection) -> None:
        characters.need(db, character_id)
        players.delete(db, character_id, player_id)

    await house.database.write(run)
    if (live := house.archive.live(character_id, player_id)) is not None:
        live.clear()
    return Answer(204)
