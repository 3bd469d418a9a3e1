"""`…/players/{player_id}/memories`: what characters know, listed, searched, changed.

What changes here is at once what a conversation that goes on knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from estuary_proto.gateway import Fact
from estuary_proto.gateway.api.access import a_player
from estuary_proto.gateway.api.graph import graph
from estuary_proto.gateway.api.knowledge import similarity, terms
from estuary_proto.gateway.api.request import Answer, Ask
from estuary_proto.gateway.api.timeline import timeline
from estuary_proto.models import MemoryData, MemoryDeleteResponse

from ..store import characters, memories
from ..store.moments import text_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from typing import TypeVar

    from .house import House

    T = TypeVar("T")

KIND: Final = "fact"


def _pair(ask: Ask) -> tuple[str, str]:
    return ask.parts["character_id"], a_player(ask.parts["player_id"])


async def _read(
    house: House, ask: Ask, job: Callable[[sqlite3.Connection, tuple[str, str]], T]
) -> T:
    """Run `job` on what is known of the pair of the path. Raises Refusal 404."""
    pair = _pair(ask)
    await house.archive.settle()

    def run(db: sqlite3.Connection) -> T:
        characters.need(db, pair[0])
        return job(db, pair)

    # Looking something up is remembered too, so every job may write.
    return await house.database.write(run)


async def list_memories(house: House, ask: Ask) -> Answer:
    """A page of them."""
    found = await _read(house, ask, lambda db, pair: memories.listing(db, pair, ask.query))
    return Answer(json=found)


async def create_memory(house: House, ask: Ask) -> Answer:
    """A new one, told by nobody."""
    pair = _pair(ask)
    body, at = ask.body, house.at()
    made = MemoryData(
        id=house.new_id(),
        agent_id=pair[0],
        player_id=pair[1],
        content=body["content"],
        memory_type=body.get("memoryType", KIND),
        confidence=body.get("confidence", 1.0),
        importance=body.get("importance"),
        topic=body.get("topic", ""),
        source="api",
        source_quote=body.get("sourceQuote", ""),
    )
    fact = Fact(f"memory {made.id}", made.content, made.content, made.memory_type)

    def create(db: sqlite3.Connection, pair: tuple[str, str]) -> MemoryData:
        memories.add(db, made, fact, at, house.config.max_facts)
        return memories.data_of(memories.row_of(db, pair, made.id))

    answer = Answer(json=await _read(house, ask, create))
    if (live := house.archive.live(*pair)) is not None:
        live.put(fact)
    return answer


async def update_memory(house: House, ask: Ask) -> Answer:
    """Another content, type or weight."""
    memory_id, at = ask.parts["memory_id"], house.at()
    row = await _read(
        house, ask, lambda db, pair: memories.change(db, pair, memory_id, ask.body, at)
    )
    live = house.archive.live(*_pair(ask))
    if live is not None and row["status"] == "active":
        live.put(memories.fact_of(row))
    return Answer(json=memories.data_of(row))


async def delete_memory(house: House, ask: Ask) -> Answer:
    """One less."""
    memory_id, at, hard = ask.parts["memory_id"], house.at(), ask.query.get("hard", False)
    row = await _read(
        house, ask, lambda db, pair: memories.delete(db, pair, memory_id, at, hard=hard)
    )
    live = house.archive.live(*_pair(ask))
    if live is not None and row["status"] == "active":
        live.drop(row["fact_key"])
    return Answer(json={"message": "Memory deleted", "id": memory_id})


async def delete_memories(house: House, ask: Ask) -> Answer:
    """None left; the route wants it confirmed."""
    count = await _read(house, ask, memories.delete_all)
    if (live := house.archive.live(*_pair(ask))) is not None:
        live.clear()
    return Answer(json=MemoryDeleteResponse(f"{count} memories deleted", count))


async def tell_timeline(house: House, ask: Ask) -> Answer:
    """By day, week or month."""
    begin, end = ask.query.get("startDate"), ask.query.get("endDate")
    first = None if begin is None else text_of(begin)
    last = None if end is None else text_of(end)
    found = await _read(house, ask, lambda db, pair: memories.between(db, pair, first, last))
    return Answer(json=timeline(found, ask.query.get("groupBy", "day")))


async def memory_stats(house: House, ask: Ask) -> Answer:
    """In figures."""
    return Answer(json=await _read(house, ask, memories.stats))


async def core_facts(house: House, ask: Ask) -> Answer:
    """Those that stay."""
    return Answer(json=await _read(house, ask, memories.core_facts))


async def tell_graph(house: House, ask: Ask) -> Answer:
    """How they hang together."""
    own = ask.query.get("includeCharacterMemories", False)
    known = await _read(house, ask, lambda db, pair: memories.known(db, pair, of_character=own))
    entities = ask.query.get("includeEntities", True)
    return Answer(json=graph(ask.parts["player_id"], known, entities=entities))


async def search(house: House, ask: Ask) -> Answer:
    """The nearest to some words: in the v1 shape, and in the seeds' besides (PROTOCOL C10)."""
    query, most, at = ask.body["query"], ask.body.get("limit", 10), house.at()
    found = await _read(house, ask, lambda db, pair: memories.search(db, pair, query, most, at))
    words, results = terms(query), []
    for memory, score in found:
        cosine = similarity(words, terms(memory.content))
        flat = {"memoryId": memory.id, "similarity": cosine, "content": memory.content}
        seeds = {"memory": memory.to_dict(), "score": score, "similarityScore": cosine}
        results.append({**flat, **seeds})
    return Answer(json={"results": results, "query": query, "total": len(results)})
