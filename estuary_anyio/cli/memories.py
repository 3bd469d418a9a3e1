"""What `estuary memories` does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from .exits import Exit, Stop, one_line
from .rest import call, page_size, show_json, show_more, some
from .tables import add, figures, moment, shortened, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from estuary_anyio.client import EstuaryClient
    from estuary_proto.models.memory import MemoryData

    from .place import Place
    from .screen import Screen


def list_memories(
    place: Place, backend: str, asked: dict[str, Any], most: int | None, as_json: bool
) -> int:
    """`estuary memories list`."""

    async def work(client: EstuaryClient, screen: Screen) -> int:
        pages = client.memory.iter_memories(**asked, page_size=page_size(most, 200))
        found, more = await some(pages, most)
        if as_json:
            return show_json(screen, found)
        if not found:
            screen.say("nothing is remembered", "dim")
            return Exit.DONE
        others = any(memory.status != "active" for memory in found)
        status = ("status",) if others else ()
        rows = table("id", "since", "type", *status, "memory", wide="memory")
        size = shortened(one.id for one in found)
        for one in found:
            state = (one.status,) if others else ()
            since = moment(one.created_at)
            add(rows, one.id[:size], since, one.memory_type, *state, one.content)
        screen.show(rows)
        return show_more(screen, more)

    return call(place, backend, work)


def search(place: Place, backend: str, text: str, limit: int, as_json: bool) -> int:
    """`estuary memories search`."""

    async def work(client: EstuaryClient, screen: Screen) -> int:
        found = await client.memory.search(text, limit)
        if as_json:
            return show_json(screen, found.results)
        if not found.results:
            screen.say("nothing is remembered of that", "dim")
            return Exit.DONE
        rows = table("id", "score", "type", "memory", wide="memory", right=("score",))
        size = shortened(one.memory.id for one in found.results)
        for one in found.results:
            memory = one.memory
            add(rows, memory.id[:size], f"{one.score:.2f}", memory.memory_type, memory.content)
        screen.show(rows)
        return Exit.DONE

    return call(place, backend, work)


def timeline(
    place: Place, backend: str, asked: tuple[str | None, str | None, str], as_json: bool
) -> int:
    """`estuary memories timeline`; `asked` is from when, until when, and by what."""

    async def work(client: EstuaryClient, screen: Screen) -> int:
        found = await client.memory.get_timeline(*asked)
        if as_json:
            return show_json(screen, found)
        if not found.timeline:
            screen.say("nothing is remembered", "dim")
        for entry in found.timeline:
            screen.say(one_line(entry.date), "bold")
            rows = table("", "", wide="")
            rows.show_header = False
            for one in entry.memories:
                rows.add_row(Text("  "), Text(one_line(one.content)))
            screen.show(rows)
        return Exit.DONE

    return call(place, backend, work)


def stats(place: Place, backend: str, as_json: bool) -> int:
    """`estuary memories stats`."""

    async def work(client: EstuaryClient, screen: Screen) -> int:
        found = await client.memory.get_stats()
        if as_json:
            return show_json(screen, found)
        rows: list[tuple[str, object]] = [
            ("active", found.total_active),
            *((f"  {kind}", number) for kind, number in sorted(found.by_type.items())),
            ("superseded", found.total_superseded),
            ("decayed", found.total_decayed),
            ("core facts", found.core_facts),
        ]
        screen.show(figures(rows))
        return Exit.DONE

    return call(place, backend, work)


def facts(place: Place, backend: str, as_json: bool) -> int:
    """`estuary memories facts`."""

    async def work(client: EstuaryClient, screen: Screen) -> int:
        found = (await client.memory.get_core_facts()).core_facts
        if as_json:
            return show_json(screen, found)
        if not found:
            screen.say("no facts are known", "dim")
            return Exit.DONE
        rows = table("fact", "value", wide="value")
        for one in found:
            add(rows, one.fact_key, one.fact_value)
        screen.show(rows)
        return Exit.DONE

    return call(place, backend, work)


def forget(place: Place, backend: str, ids: Sequence[str], as_json: bool) -> int:
    """`estuary memories forget`; `ids` are as much of ids as names each, none are all."""

    async def work(client: EstuaryClient, screen: Screen) -> int:
        if ids:
            known = [one async for one in client.memory.iter_memories(page_size=200)]
            # All are found before one is forgotten.
            for found in [_named(known, begin) for begin in ids]:
                await client.memory.delete(found.id)
            number = len(ids)
        else:
            number = (await client.memory.delete_all()).deleted_count
        if as_json:
            return show_json(screen, {"forgotten": number})
        screen.say(f"forgotten: {number}")
        return Exit.DONE

    return call(place, backend, work)


def _named(known: Sequence[MemoryData], begin: str) -> MemoryData:
    found = [one for one in known if one.id == begin] or [
        one for one in known if begin and one.id.startswith(begin)
    ]
    if len(found) != 1:
        which = "no memory has an id" if not found else "several memories have ids"
        raise Stop(f"{which} that begins with {begin!r}; nothing was forgotten")
    return found[0]
