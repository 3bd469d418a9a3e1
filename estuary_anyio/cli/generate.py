"""`estuary generate`: a picture becomes a character, and that a 3D model."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import anyio
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from estuary_anyio.rest.pool import need_httpx
from estuary_proto.errors import EstuaryError
from estuary_proto.rest.errors import UploadFailedError

from .exits import Exit, Stop, one_line
from .rest import call, show_json
from .run import explain
from .tables import figures, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from estuary_anyio.client import EstuaryClient
    from estuary_proto.models.generation import GeneratedCharacter, ModelStatus

    from .place import Place
    from .screen import Screen

    Tell = Callable[[str, int], None]

EVERY: Final = 1.0
"""Seconds to the second look at how far it is; the pauses grow from there."""

DOWNLOAD: Final = 120.0
"""Seconds that getting the 3D model may take (PROTOCOL 7.4)."""


@dataclass(frozen=True)
class Wanted:
    """What the options say; `timeout` is in seconds, for the 3D model."""

    image: Path
    model: bool = True
    rigged: bool = False
    output: Path | None = None
    timeout: float = 300.0
    wishes: Mapping[str, str | None] = field(default_factory=dict)


def generate(place: Place, backend: str, wanted: Wanted, as_json: bool) -> int:
    """Run the command. Returns the exit status."""

    async def work(client: EstuaryClient, screen: Screen) -> int:
        with _progress(screen) as tell:
            tell("reading the picture", 0)
            made = await _character(client, wanted)
        if not as_json:
            # It is there, whatever becomes of the model.
            screen.show(figures(told(_few(made))))
        status = None
        if wanted.model:
            with _progress(screen) as tell:
                status = await _model(client, made, wanted, tell)
        if as_json:
            show_json(screen, {"character": made, "model": status})
        elif status is not None:
            screen.show(figures(told(_shown(status, place, wanted))))
        if status is None or status.is_usable:
            return Exit.DONE
        raise Stop(f"the 3D model of {made.id} ended as {status.model_status}")

    return call(place, backend, work)


async def _character(client: EstuaryClient, wanted: Wanted) -> GeneratedCharacter:
    try:
        wishes: dict[str, Any] = dict(wanted.wishes)
        return await client.generate.image_to_character(wanted.image, **wishes)
    except UploadFailedError as error:
        key = error.idempotency_key
        raise Stop(f"{explain(error)} (--idempotency-key {key} resumes it)") from error
    except OSError as error:
        raise Stop(f"{wanted.image}: {error.strerror}", Exit.USAGE) from error


async def _model(
    client: EstuaryClient, made: GeneratedCharacter, wanted: Wanted, tell: Tell
) -> ModelStatus:
    try:
        await client.generate.generate_model(made.id, rigged=wanted.rigged)
        status = await client.generate.wait_for_model(
            made.id,
            poll_interval=EVERY,
            timeout=wanted.timeout,
            on_progress=lambda now: tell(now.model_status or "", now.progress),
        )
    except EstuaryError as error:
        raise Stop(f"{made.id} is there, but not its 3D model: {explain(error)}") from error
    if wanted.output is not None and status.is_usable:
        tell("getting the 3D model", 100)
        await _keep(status.model_url or status.model_preview_url or "", wanted.output)
    return status


async def _keep(url: str, output: Path) -> None:
    """Write what is there to a file; the address needs no key, and gets none."""
    httpx = need_httpx()
    try:
        with anyio.fail_after(DOWNLOAD):
            async with httpx.AsyncClient(follow_redirects=True, timeout=None) as client:
                answer = await client.get(url)
                answer.raise_for_status()
        await anyio.Path(output).write_bytes(answer.content)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        why = one_line(str(error)) or type(error).__name__
        raise Stop(f"the 3D model cannot be had from {one_line(url)}: {why}") from error
    except OSError as error:
        raise Stop(f"--output {output}: {error.strerror}") from error


def _few(made: GeneratedCharacter) -> dict[str, Any]:
    return {name: getattr(made, name) for name in ("id", "name", "tagline", "personality")}


def _shown(status: ModelStatus, place: Place, wanted: Wanted) -> dict[str, Any]:
    found = asdict(status)
    if place.embedded:
        # Its addresses end with this program.
        found = {name: value for name, value in found.items() if not name.endswith("_url")}
    del found["progress"]
    return {**found, "kept": str(wanted.output) if wanted.output else None}


@contextmanager
def _progress(screen: Screen) -> Iterator[Tell]:
    """A bar on a terminal; elsewhere nothing is told before the end."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=screen.err,
        transient=True,
        disable=not screen.err.is_terminal,
    )
    with bar:
        task = bar.add_task("", total=100)
        yield lambda what, done: bar.update(
            task, description=one_line(what).replace("_", " "), completed=done
        )
