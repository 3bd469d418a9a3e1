"""Options that several commands have."""

from __future__ import annotations

from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from .exits import need

if TYPE_CHECKING:
    from collections.abc import Callable

EPILOG: Final = """\b
Exit status:
  0    done
  1    the conversation failed; one line on stderr says why
  2    wrong usage, or a package or a sound device is missing
  130  ended by Ctrl-C (a gateway that is stopped so ends with 0)
"""

KEY_HELP: Final = "Prefer {first}: arguments show in process lists."


def backend_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--backend",
        type=click.Choice(["asyncio", "trio"]),
        default="asyncio",
        show_default=True,
        help="The event loop to run on.",
    )(command)


DATA = click.option(
    "--data",
    envvar="ESTUARYDATA",
    show_envvar=True,
    metavar="DIR",
    help="Where what the characters know is kept; `:memory:` keeps it as long as the program "
    "runs.  [default: the user's data directory]",
)

_PLACE = (
    click.option(
        "--url",
        envvar="ESTUARY_SERVER_URL",
        show_envvar=True,
        help="The server; without one, the offline character answers inside this program.",
    ),
    click.option(
        "--api-key",
        envvar="ESTUARY_API_KEY",
        show_envvar=True,
        metavar="KEY",
        help="The key. " + KEY_HELP.format(first="ESTUARY_API_KEY or --api-key-file"),
    ),
    click.option(
        "--api-key-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A file whose first line is the key.",
    ),
    click.option(
        "--character",
        envvar="ESTUARY_CHARACTER_ID",
        show_envvar=True,
        metavar="ID",
        help="Whom to talk to; demo on this machine.",
    ),
    click.option(
        "--player",
        envvar="ESTUARY_PLAYER_ID",
        show_envvar=True,
        metavar="ID",
        help="Who you are: a character remembers each player.  [default: me]",
    ),
    DATA,
    click.option(
        "--capture",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Write the session down there, without secrets: see `estuary replay`.",
    ),
    click.option(
        "--no-capture-audio",
        is_flag=True,
        help="With --capture: length and hash of sounds, not the sounds.",
    ),
)


def place_options(command: Callable[..., int]) -> Callable[..., int]:
    """Where a conversation takes place, and who is in it: the command gets it as `place`."""

    @click.pass_context
    @wraps(command)
    def placed(
        context: click.Context,
        /,
        url: str | None,
        api_key: str | None,
        api_key_file: Path | None,
        character: str | None,
        player: str | None,
        data: str | None,
        capture: Path | None,
        no_capture_audio: bool,
        **rest: Any,
    ) -> int:
        from .place import Place, directory, keys_in

        if api_key_file is not None:
            typed = click.core.ParameterSource.COMMANDLINE
            if context.get_parameter_source("api_key") is typed:
                raise click.UsageError("give --api-key or --api-key-file, not both")
            api_key = keys_in(api_key_file)[0]
        if no_capture_audio and capture is None:
            raise click.UsageError("--no-capture-audio needs --capture")
        place = Place(url, api_key, character, player)
        place = replace(place, capture=capture, capture_audio=not no_capture_audio)
        if place.embedded:
            need("gateway", "hypercorn")
            place = replace(place, data=directory(data))
        return command(place=place, **rest)

    for option in reversed(_PLACE):
        placed = option(placed)
    return placed


def _device(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> str | int | None:
    return int(value) if value is not None and value.isdecimal() else value


def device_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, noun in (("--output-device", "loudspeaker"), ("--input-device", "microphone")):
        command = click.option(
            name,
            callback=_device,
            metavar="NAME",
            help=f"The {noun}: its number, or a part of its name, as `estuary devices` lists it. "
            "The system's default else.",
        )(command)
    return command
