"""`estuary timeline`."""

from __future__ import annotations

from pathlib import Path

import click

from ..exits import need
from ..options import EPILOG


@click.command(epilog=EPILOG)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Where to write it, - for stdout.  [default: beside the capture]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "svg", "json"]),
    help="A page to look at, a picture, or the data.  [default: by the name of --output, or html]",
)
@click.option("--no-audio", is_flag=True, help="Waveforms only: a small page that cannot be heard.")
def timeline(file: Path, output: Path | None, form: str | None, no_audio: bool) -> int:
    """Draw a captured session: who said what when, what was heard, and how long it took.

    FILE is a capture, - for stdin. The page stands alone and loads nothing.
    """
    need("cli", "jinja2")
    from ..timeline import draw

    return draw(file, output, form, no_audio)
