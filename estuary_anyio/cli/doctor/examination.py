"""The command: all parts, in order, and the exit status."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from estuary_proto.errors import EstuaryError

from ..exits import Exit, is_there
from ..run import interrupted, run
from ..screen import Screen
from . import installed
from . import sound as heard
from .findings import Sheet, Verdict

if TYPE_CHECKING:
    import anyio
    from anyio.abc import TaskGroup

    from ..place import Place


@dataclass(frozen=True)
class Wishes:
    """What is to be looked at, besides the rest."""

    sound: bool = False
    """Sound is needed: that there is none is a failure."""
    probe: bool = False
    """Ask the server which side it takes where public sources contradict each other."""
    within: float = 10.0
    """Seconds that each stage may take."""


def doctor(place: Place, backend: str, wishes: Wishes, as_json: bool) -> int:
    """Run the command; returns the exit status."""
    sheet = Sheet(Screen(), as_json=as_json, secrets=[place.api_key or "", *_proxies()])

    async def job(tasks: TaskGroup, scope: anyio.CancelScope) -> int:
        with scope:
            return await _examine(sheet, place, wishes)
        return Exit.FAILED

    return run(job, backend, interrupted)


def _proxies() -> list[str]:
    """Passwords of proxies, as the environment names them."""
    found = []
    for name, value in os.environ.items():
        if name.lower().endswith("_proxy"):
            try:
                password = urlsplit(value if "://" in value else f"//{value}").password
            except ValueError:
                continue
            if password:
                found += [password, unquote(password)]
    return found


def _shown(url: str | None) -> str:
    """A URL without what may be a secret: a name, a password, a query."""
    return re.sub(r"//[^/]*@", "//***@", re.split("[?#]", url or "")[0])


async def _examine(sheet: Sheet, place: Place, wishes: Wishes) -> int:
    installed.look(sheet)
    heard.look(sheet, needed=wishes.sound)
    sheet.begin("network", _shown(place.url) or "the gateway inside this program")
    if place.embedded and not is_there("hypercorn"):
        sheet.add(
            "server",
            Verdict.FAIL,
            "none is named, and the gateway inside this program needs hypercorn",
            mend="pip install 'estuary-anyio[gateway]', or name a server by --url",
            status=Exit.USAGE,
        )
        return sheet.end()
    try:
        async with place.open() as config:
            from .walk import look

            if await look(sheet, config, wishes.within) and wishes.probe:
                from .probe import probe

                sheet.begin("contradictions", "which side this server takes (PROTOCOL 0)")
                await probe(sheet, config, wishes.within)
    except EstuaryError as error:
        sheet.add("settings", Verdict.FAIL, error.message, status=Exit.USAGE)
    return sheet.end(server=_shown(place.url) or "embedded")
