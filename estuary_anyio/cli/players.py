"""What `estuary players` does."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from .exits import Exit, one_line
from .rest import call, page_size, show_json, show_more, some
from .tables import add, moment, table

if TYPE_CHECKING:
    from estuary_anyio.client import EstuaryClient
    from estuary_proto.models.players import PlayerMessage

    from .place import Place
    from .screen import Screen


def list_players(
    place: Place, backend: str, asked: dict[str, Any], most: int | None, as_json: bool
) -> int:
    """`estuary players list`."""

    async def work(client: EstuaryClient, screen: Screen) -> int:
        pages = client.players.iter_players(**asked, page_size=page_size(most, 100))
        found, more = await some(pages, most)
        if as_json:
            return show_json(screen, found)
        if not found:
            screen.say("nobody has talked yet", "dim")
            return Exit.DONE
        rows = table("player", "messages", "last", "since", wide="player", right=("messages",))
        for one in found:
            last, since = moment(one.last_activity), moment(one.created_at)
            add(rows, one.player_id, one.message_count, last, since)
        screen.show(rows)
        return show_more(screen, more)

    return call(place, backend, work)


def messages(place: Place, backend: str, player_id: str, most: int | None, as_json: bool) -> int:
    """`estuary players messages`."""

    async def work(client: EstuaryClient, screen: Screen) -> int:
        # The server's pages begin with the oldest.
        last: deque[PlayerMessage] = deque(maxlen=most)
        number = 0
        async for message in client.players.iter_messages(player_id, page_size=100):
            last.append(message)
            number += 1
        if as_json:
            return show_json(screen, list(last))
        rows = table("at", "who", "said", wide="said")
        for one in last:
            who = player_id if one.role == "user" else client.config.character_id
            add(rows, moment(one.timestamp), who, one.content)
        screen.show(rows)
        return show_more(screen, number > len(last))

    return call(place, backend, work)


def delete(place: Place, backend: str, player_id: str) -> int:
    """`estuary players delete`."""

    async def work(client: EstuaryClient, screen: Screen) -> int:
        await client.players.delete(player_id)
        screen.say(f"deleted: {one_line(player_id)}")
        return Exit.DONE

    return call(place, backend, work)
