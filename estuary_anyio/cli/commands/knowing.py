"""`estuary memories` and `estuary players`: what is known of whom, and what was said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..options import (
    EPILOG,
    JSON,
    YES,
    ListByDefault,
    backend_option,
    pages_options,
    place_options,
    sure,
)

if TYPE_CHECKING:
    from ..place import Place


@click.group(cls=ListByDefault, epilog=EPILOG)
def memories() -> None:
    """What a character remembers of you; without a command: `list`."""


@memories.command("list")
@place_options
@backend_option
@pages_options
@click.option("--type", "memory_type", metavar="TYPE", help="Only this type: fact, preference, …")
@click.option(
    "--status",
    default="active",
    show_default=True,
    help="active, superseded, decayed or deleted; `all` for all but the deleted.",
)
@click.option("--sort-by", type=click.Choice(["created_at", "confidence", "last_accessed_at"]))
@click.option("--sort-order", type=click.Choice(["asc", "desc"]))
@JSON
def list_memories(
    place: Place, backend: str, status: str, most: int | None, as_json: bool, **asked: Any
) -> int:
    """The memories, newest first."""
    from .. import knowing

    asked["status"] = None if status == "all" else status
    return knowing.list_memories(place, backend, asked, most, as_json)


@memories.command()
@click.argument("text")
@place_options
@backend_option
@click.option(
    "--limit", type=click.IntRange(1, 50), default=10, show_default=True, metavar="NUMBER"
)
@JSON
def search(place: Place, backend: str, text: str, limit: int, as_json: bool) -> int:
    """The memories nearest to TEXT, best first."""
    from .. import knowing

    return knowing.search(place, backend, text, limit, as_json)


@memories.command()
@place_options
@backend_option
@click.option("--by", type=click.Choice(["day", "week", "month"]), default="day", show_default=True)
@click.option("--from", "start", metavar="DATE", help="The first day: 2026-01-31.")
@click.option("--to", "end", metavar="DATE", help="The last day.")
@JSON
def timeline(
    place: Place, backend: str, by: str, start: str | None, end: str | None, as_json: bool
) -> int:
    """The memories of each day, week or month."""
    from .. import knowing

    return knowing.timeline(place, backend, (start, end, by), as_json)


@memories.command()
@place_options
@backend_option
@JSON
def stats(place: Place, backend: str, as_json: bool) -> int:
    """How many memories there are."""
    from .. import knowing

    return knowing.stats(place, backend, as_json)


@memories.command()
@place_options
@backend_option
@JSON
def facts(place: Place, backend: str, as_json: bool) -> int:
    """What stays, such as your name."""
    from .. import knowing

    return knowing.facts(place, backend, as_json)


@memories.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@place_options
@backend_option
@YES
@JSON
def forget(place: Place, backend: str, ids: tuple[str, ...], yes: bool, as_json: bool) -> int:
    """Forget everything, or the memories whose ids begin with ID."""
    what = f"{len(ids)} of the memories" if ids else "everything"
    sure(f"Forget {what} that {place.whom} has of {place.who}?", yes)
    from .. import knowing

    return knowing.forget(place, backend, ids, as_json)


@click.group(cls=ListByDefault, epilog=EPILOG)
def players() -> None:
    """Who talks to a character; without a command: `list`."""


@players.command("list")
@place_options
@backend_option
@pages_options
@click.option("--search", "player_search", metavar="TEXT", help="Only ids with this in them.")
@click.option("--min-messages", type=click.IntRange(0), metavar="NUMBER", help="Only from so many.")
@click.option(
    "--sort-by",
    type=click.Choice(["last_activity", "created_at", "message_count", "player_id"]),
    default="last_activity",
    show_default=True,
)
@click.option("--sort-order", type=click.Choice(["asc", "desc"]), default="desc", show_default=True)
@JSON
def list_players(place: Place, backend: str, most: int | None, as_json: bool, **asked: Any) -> int:
    """The players, the one who talked last first."""
    from .. import knowing

    return knowing.list_players(place, backend, asked, most, as_json)


@players.command()
@click.argument("player_id", metavar="[PLAYER]", required=False)
@place_options
@backend_option
@pages_options
@JSON
def messages(
    place: Place, backend: str, player_id: str | None, most: int | None, as_json: bool
) -> int:
    """What was said last with PLAYER (yourself, if not named), oldest first."""
    from .. import knowing

    return knowing.messages(place, backend, player_id or place.who, most, as_json)


@players.command()
@click.argument("player_id", metavar="PLAYER")
@place_options
@backend_option
@YES
def delete(place: Place, backend: str, player_id: str, yes: bool) -> int:
    """Delete a player with all messages and memories."""
    sure(f"Delete {player_id} with all that was said to {place.whom}?", yes)
    from .. import knowing

    return knowing.delete_player(place, backend, player_id)
