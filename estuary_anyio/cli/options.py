"""Options that several commands have."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from .exits import Stop, need, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

EPILOG: Final = """\b
Exit status:
  0    done
  1    it failed; one line on stderr says why
  2    wrong usage, or a package or a sound device is missing
  130  ended by Ctrl-C (a gateway that is stopped so ends with 0)
"""

KEY_HELP: Final = "Prefer {first}: arguments show in process lists."


def backend_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Asyncio or trio, as `backend`."""
    return click.option(
        "--backend",
        type=click.Choice(["asyncio", "trio"]),
        default="asyncio",
        show_default=True,
        help="The event loop to run on.",
    )(command)


DATA = click.option(
    "--data",
    envvar="ESTUARY_DATA",
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


def server_options(command: Callable[..., int]) -> Callable[..., int]:
    """Whom to call, as `place`; where nobody is named nothing need be installed, nor is it kept."""

    @wraps(command)
    def named(
        url: str | None,
        api_key: str | None,
        api_key_file: Path | None,
        character: str | None,
        player: str | None,
        **rest: Any,
    ) -> int:
        from .place import Place, keys_in

        key = api_key if api_key_file is None else keys_in(api_key_file)[0]
        return command(place=Place(url, key, character, player), **rest)

    for option in reversed(_PLACE[:5]):
        named = option(named)
    return named


_SPEECH = (
    click.option(
        "--stt",
        type=click.Choice(["auto", "pocketsphinx", "openai", "none"]),
        envvar="ESTUARY_STT",
        default="auto",
        show_default=True,
        show_envvar=True,
        help="Who understands what is said aloud. pocketsphinx comes with [speech], and does best "
        "with clear English; --stt-url names a better one.",
    ),
    click.option(
        "--stt-url",
        envvar="ESTUARY_STT_URL",
        show_envvar=True,
        metavar="URL",
        help="An OpenAI-compatible recogniser, for example http://…/v1. "
        "Its key comes from ESTUARY_STT_API_KEY or OPENAI_API_KEY.",
    ),
    click.option("--stt-model", metavar="NAME", help="Its model.  [default: whisper-1]"),
    click.option(
        "--tts",
        type=click.Choice(["auto", "flite", "espeak", "openai", "tone"]),
        envvar="ESTUARY_TTS",
        default="auto",
        show_default=True,
        show_envvar=True,
        help="Who speaks: the first that is there, or this one.",
    ),
    click.option(
        "--tts-url",
        envvar="ESTUARY_TTS_URL",
        show_envvar=True,
        metavar="URL",
        help="An OpenAI-compatible voice, for example http://…/v1. "
        "Its key comes from ESTUARY_TTS_API_KEY or OPENAI_API_KEY.",
    ),
    click.option("--tts-model", metavar="NAME", help="Its model.  [default: tts-1]"),
    click.option("--tts-voice", metavar="NAME", help="Its voice.  [default: alloy]"),
)


def speech_options(command: Callable[..., int]) -> Callable[..., int]:
    """The ears and the voice of a gateway of ours: the command gets them as `speech`."""

    @click.pass_context
    @wraps(command)
    def spoken(context: click.Context, /, **rest: Any) -> int:
        from .speech import NOTHING_SAID, speech_of

        names = [str(option) for option in rest if option[:4] in ("stt", "stt_", "tts", "tts_")]
        given = {name: rest.pop(name) for name in names}
        place = rest.get("place")
        if place is None or place.embedded:
            return command(speech=speech_of(given), **rest)
        for name in names:
            if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
                option = "--" + name.replace("_", "-")
                raise click.UsageError(f"{option} is for the offline character, not for a --url")
        return command(speech=NOTHING_SAID, **rest)

    for option in reversed(_SPEECH):
        spoken = option(spoken)
    return spoken


def _device(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> str | int | None:
    return int(value) if value is not None and value.isdecimal() else value


def device_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which microphone and loudspeaker, as `input_device` and `output_device`."""
    for name, noun in (("--output-device", "loudspeaker"), ("--input-device", "microphone")):
        command = click.option(
            name,
            callback=_device,
            metavar="NAME",
            help=f"The {noun}: its number, or a part of its name, as `estuary devices` lists it. "
            "The system's default else.",
        )(command)
    return command


JSON = click.option("--json", "as_json", is_flag=True, help="For programs.")

YES = click.option("--yes", is_flag=True, help="Do not ask.")


def sure(question: str, yes: bool) -> None:
    """Ask before something is gone for good. Raises Stop for a no, UsageError where nobody can be
    asked."""
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.UsageError("it cannot be undone, and nobody can be asked: say --yes")
    if not click.confirm(one_line(question), err=True):
        raise Stop("nothing was done")


def pages_options(command: Callable[..., int]) -> Callable[..., int]:
    """How much of a list: the command gets it as `most`, None is all."""

    @wraps(command)
    def paged(limit: int, everything: bool, **rest: Any) -> int:
        return command(most=None if everything else limit, **rest)

    for option in (
        click.option("--all", "everything", is_flag=True, help="All there is."),
        click.option(
            "--limit",
            type=click.IntRange(1),
            default=50,
            show_default=True,
            metavar="NUMBER",
            help="So many at most.",
        ),
    ):
        paged = option(paged)
    return paged


class ListByDefault(click.Group):
    """A group of commands of which `list` is meant when none is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See click; options without a command are those of `list`."""
        if not args or (args[0].startswith("-") and args[0] not in self.get_help_option_names(ctx)):
            args = ["list", *args]
        return super().parse_args(ctx, args)
