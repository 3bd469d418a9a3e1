"""`estuary demo`."""

from __future__ import annotations

from pathlib import Path

import click

from ..exits import need
from ..options import EPILOG, backend_option


@click.command(epilog=EPILOG)
@backend_option
@click.option(
    "--capture",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Keep the capture that the figures come from.",
)
@click.option(
    "--wav",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What you say aloud: PCM16, mono, 8 to 48 kHz, up to a minute. A generated sound else.",
)
def demo(backend: str, capture: Path | None, wav: Path | None) -> int:
    """See it work, and checked: streaming, memory, interruptions, actions, pictures, voice, two
    characters, scripted lines, a dropped connection."""
    need("gateway", "hypercorn")
    from ..demo.show import run_demo

    return run_demo(backend, capture, wav)
