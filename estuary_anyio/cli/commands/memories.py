"""`estuary memories`: what a character remembers of a player."""

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
    from ..memories import list_memories as run_list_memories

    asked["status"] = None if status == "all" else status
    return run_list_memories(place, backend, asked, most, as_json)


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
    from ..memories import search as run_search

    return run_search(place, backend, text, limit, as_json)


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
    from ..memories import timeline as run_timeline

    return run_timeline(place, backend, (start, end, by), as_json)


@memories.command()
@place_options
@backend_option
@JSON
def stats(place: Place, backend: str, as_json: bool) -> int:
    """How many memories there are."""
    from ..memories import stats as run_stats

    return run_stats(place, backend, as_json)


@memories.command()
@place_options
@backend_option
@JSON
def facts(place: Place, backend: str, as_json: bool) -> int:
    """What stays, such as your name."""
    from ..memories import facts as run_facts

    return run_facts(place, backend, as_json)


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
    from ..memories import forget as run_forget

    return run_forget(place, backend, ids, as_json)
