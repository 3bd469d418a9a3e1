"""`estuary players`: who talks to a character, and what was said."""

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
    from ..players import list_players as run_list_players

    return run_list_players(place, backend, asked, most, as_json)


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
    from ..players import messages as run_messages

    return run_messages(place, backend, player_id or place.who, most, as_json)


@players.command()
@click.argument("player_id", metavar="PLAYER")
@place_options
@backend_option
@YES
def delete(place: Place, backend: str, player_id: str, yes: bool) -> int:
    """Delete a player with all messages and memories."""
    sure(f"Delete {player_id} with all that was said to {place.whom}?", yes)
    from ..players import delete as run_delete

    return run_delete(place, backend, player_id)
