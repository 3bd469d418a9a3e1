"""`estuary devices`."""

from __future__ import annotations

import click

from ..exits import need
from ..options import EPILOG, backend_option, device_options


@click.command(epilog=EPILOG)
@backend_option
@device_options
@click.option("--test", is_flag=True, help="Play a tone of a second, record it, and say how loud.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def devices(
    backend: str,
    input_device: str | int | None,
    output_device: str | int | None,
    test: bool,
    as_json: bool,
) -> int:
    """List what can record and play, and at which rates."""
    if not test and (input_device is not None or output_device is not None):
        raise click.UsageError("--input-device and --output-device need --test")
    need("audio", "sounddevice", "numpy", "soxr")
    from ..devices import devices as run_devices

    return run_devices(backend, test, as_json, input_device, output_device)
