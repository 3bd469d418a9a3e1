"""`estuary generate`: a picture becomes a character, and that a 3D model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..options import EPILOG, JSON, backend_option, place_options

if TYPE_CHECKING:
    from ..place import Place


@click.command(epilog=EPILOG)
@click.argument("image", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@place_options
@backend_option
@click.option("--rigged", is_flag=True, help="Give the 3D model a skeleton, and motions.")
@click.option("--model/--no-model", default=True, show_default=True, help="Make a 3D model too.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to keep the 3D model (GLB).",
)
@click.option("--persona-prompt", metavar="TEXT", help="What it should be like.")
@click.option("--appearance-prompt", metavar="TEXT", help="What it should look like.")
@click.option("--voice-prompt", metavar="TEXT", help="How it should sound.")
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 3600),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the 3D model may take.",
)
@click.option("--idempotency-key", metavar="KEY", help="Of an upload that failed: resume it.")
@JSON
def generate(
    place: Place,
    backend: str,
    image: Path,
    rigged: bool,
    model: bool,
    output: Path | None,
    timeout: float,
    as_json: bool,
    **wishes: str | None,
) -> int:
    """Make a character of IMAGE, and a 3D model of it."""
    if not model and (rigged or output is not None):
        raise click.UsageError("--rigged and --output are for a 3D model, not for --no-model")
    from ..generate import Wanted
    from ..generate import generate as run_generate

    wanted = Wanted(image, model, rigged, output, timeout, wishes)
    return run_generate(place, backend, wanted, as_json)
