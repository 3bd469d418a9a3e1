"""What `estuary characters` does."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .exits import Exit, one_line
from .rest import call, page_size, show_json, show_more, some
from .tables import add, figures, table, told

if TYPE_CHECKING:
    from estuary_anyio.client import EstuaryClient
    from estuary_proto.models.characters import Character

    from .place import Place
    from .screen import Screen


def list_characters(place: Place, backend: str, most: int | None, as_json: bool) -> int:
    """`estuary characters list`."""

    async def work(client: EstuaryClient, screen: Screen) -> int:
        pages = client.characters.iter_characters(page_size=page_size(most, 100))
        found, more = await some(pages, most)
        if as_json:
            return show_json(screen, found)
        if not found:
            screen.say("there are no characters", "dim")
            return Exit.DONE
        rows = table("id", "name", "tagline", wide="tagline")
        for one in found:
            add(rows, one.id, one.name, one.tagline)
        screen.show(rows)
        return show_more(screen, more)

    return call(place, backend, work)


def show(place: Place, backend: str, character_id: str, as_json: bool) -> int:
    """`estuary characters show`."""

    async def work(client: EstuaryClient, screen: Screen) -> int:
        return _show(screen, await client.characters.get(character_id), as_json)

    return call(place, backend, work)


def create(place: Place, backend: str, name: str, fields: dict[str, Any], as_json: bool) -> int:
    """`estuary characters create`."""

    async def work(client: EstuaryClient, screen: Screen) -> int:
        return _show(screen, await client.characters.create(name, **fields), as_json)

    return call(place, backend, work)


def update(
    place: Place, backend: str, character_id: str, changes: dict[str, Any], as_json: bool
) -> int:
    """`estuary characters update`."""

    async def work(client: EstuaryClient, screen: Screen) -> int:
        return _show(screen, await client.characters.update(character_id, **changes), as_json)

    return call(place, backend, work)


def delete(place: Place, backend: str, character_id: str) -> int:
    """`estuary characters delete`."""

    async def work(client: EstuaryClient, screen: Screen) -> int:
        await client.characters.delete(character_id)
        screen.say(f"deleted: {one_line(character_id)}")
        return Exit.DONE

    return call(place, backend, work)


def _show(screen: Screen, character: Character, as_json: bool) -> int:
    if as_json:
        return show_json(screen, character)
    screen.show(figures(told(asdict(character))))
    return Exit.DONE
