"""`estuary doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..options import EPILOG, JSON, backend_option, server_options

if TYPE_CHECKING:
    from ..place import Place


@click.command(epilog=EPILOG)
@server_options
@backend_option
@click.option("--sound", is_flag=True, help="That there is no sound is a failure, not a warning.")
@click.option(
    "--probe",
    is_flag=True,
    help="Then ask the server which side it takes where public sources contradict each other. It "
    "says a few short texts to the character, which cost what they always cost.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 600),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long each stage may take.",
)
@JSON
def doctor(
    place: Place, backend: str, sound: bool, probe: bool, timeout: float, as_json: bool
) -> int:
    """Look what is installed, what can be heard, and how far it is to a server: each stage a line,
    and what to do about the first that fails."""
    from ..doctor.examination import Wishes
    from ..doctor.examination import doctor as run_doctor

    return run_doctor(place, backend, Wishes(sound, probe, timeout), as_json)
