"""Commands that ask the REST API: a client that needs no connection, and one answer to show."""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from estuary_anyio.client import EstuaryClient
from estuary_proto.errors import LocalProtocolError

from .exits import Exit, Stop, need
from .run import explain, interrupted, run
from .screen import Screen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import anyio
    from anyio.abc import TaskGroup

    from .place import Place

    Work = Callable[[EstuaryClient, Screen], Awaitable[int]]

T = TypeVar("T")


def call(place: Place, backend: str, work: Work) -> int:
    """Run `work` with a client for this place. Returns the exit status."""
    need("gateway", "httpx")
    screen = Screen()

    async def job(tasks: TaskGroup, scope: anyio.CancelScope) -> int:
        if place.embedded and screen.terminal:
            kept = "in memory" if place.data is None else str(place.data)
            screen.notice(f"no URL: what the offline gateway knows, {kept} (--url: others)")
        async with place.open(invents=False) as config, EstuaryClient(config) as client:
            with scope:
                try:
                    return await work(client, screen)
                except LocalProtocolError as error:
                    raise Stop(explain(error), Exit.USAGE) from error
        return Exit.FAILED

    return run(job, backend, interrupted)


async def some(items: AsyncIterator[T], most: int | None) -> tuple[list[T], bool]:
    """So many of them at most, None is all, and whether there are more."""
    found: list[T] = []
    async for item in items:
        if len(found) == most:
            return found, True
        found.append(item)
    return found, False


def page_size(most: int | None, largest: int) -> int:
    """How many to ask for at once: one more than are shown tells whether there are more."""
    return largest if most is None else min(most + 1, largest)


def show_json(screen: Screen, data: Any) -> int:
    """For programs: what it is, by the names that the models have in Python."""
    screen.say(json.dumps(data, indent=2, ensure_ascii=False, default=_plain))
    return Exit.DONE


def _plain(value: Any) -> Any:
    assert is_dataclass(value)
    assert not isinstance(value, type)
    return asdict(value)


def show_more(screen: Screen, more: bool) -> int:
    """Say that this was not all."""
    if more:
        screen.notice("there are more: --all shows them, --limit so many")
    return Exit.DONE
