"""The commands and their options. What a command needs is imported when it runs."""

from __future__ import annotations

from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from estuary_proto.version import __version__

from .exits import Exit, Stop, need

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .place import Place

_SPEECH = ("stt", "stt_", "tts", "tts_")
_EPILOG = """\b
Exit status:
  0    done
  1    the conversation failed; one line on stderr says why
  2    wrong usage, or a package or a sound device is missing
  130  ended by Ctrl-C (a gateway that is stopped so ends with 0)
"""

_KEY_HELP = "Prefer {first}: arguments show in process lists."


def run(args: Sequence[str] | None) -> int:
    """Run the command line; returns the exit status. Raises Stop."""
    try:
        status = estuary.main(args, prog_name="estuary", standalone_mode=False)
    except click.UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # From click 8.2 on.
            error.show()
            return Exit.USAGE
        where = error.ctx.command_path if error.ctx is not None else "estuary"
        raise Stop(
            f"{error.format_message().rstrip('.')} (see {where} --help)", Exit.USAGE
        ) from None
    except click.ClickException as error:
        raise Stop(error.format_message(), Exit.USAGE) from None
    except click.Abort:
        return Exit.INTERRUPTED
    return int(status or 0)


def _backend_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--backend",
        type=click.Choice(["asyncio", "trio"]),
        default="asyncio",
        show_default=True,
        help="The event loop to run on.",
    )(command)


_DATA = click.option(
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
        help="The key. " + _KEY_HELP.format(first="ESTUARY_API_KEY or --api-key-file"),
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
    _DATA,
)


def _place_options(command: Callable[..., int]) -> Callable[..., int]:
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
        **rest: Any,
    ) -> int:
        from .place import Place, directory, keys_in

        if api_key_file is not None:
            typed = click.core.ParameterSource.COMMANDLINE
            if context.get_parameter_source("api_key") is typed:
                raise click.UsageError("give --api-key or --api-key-file, not both")
            api_key = keys_in(api_key_file)[0]
        place = Place(url, api_key, character, player)
        if place.embedded:
            need("gateway", "hypercorn")
            place = replace(place, data=directory(data))
        return command(place=place, **rest)

    for option in reversed(_PLACE):
        placed = option(placed)
    return placed


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="estuary", message="%(prog)s %(version)s")
def estuary() -> None:
    """Conversations with AI characters: a local server, a chat, a demonstration."""


@estuary.command(epilog=_EPILOG)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=4001,
    show_default=True,
    help="The port; 0 picks a free one.",
)
@click.option(
    "--api-key",
    "keys",
    multiple=True,
    metavar="KEY",
    help="A key that clients may come in with, once for each; est_dev when there is none. "
    + _KEY_HELP.format(first="--api-key-file"),
)
@click.option(
    "--api-key-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A file with such keys, one a line.",
)
@_backend_option
@click.option(
    "--brain",
    type=click.Choice(["rules", "openai"]),
    default="rules",
    show_default=True,
    help="Who answers: the offline character, or a model behind an OpenAI-compatible address. "
    "Its key comes from ESTUARY_LLM_API_KEY or OPENAI_API_KEY.",
)
@click.option("--llm-url", metavar="URL", help="The model's address, for example http://…/v1.")
@click.option("--llm-model", metavar="NAME", help="The model's name.")
@click.option(
    "--stt",
    type=click.Choice(["auto", "pocketsphinx", "openai", "none"]),
    default="auto",
    show_default=True,
    help="Who understands what is said aloud. pocketsphinx comes with [speech], and does best with "
    "clear English; --stt-url names a better one.",
)
@click.option(
    "--stt-url",
    metavar="URL",
    help="An OpenAI-compatible recogniser, for example http://…/v1. "
    "Its key comes from ESTUARY_STT_API_KEY or OPENAI_API_KEY.",
)
@click.option("--stt-model", metavar="NAME", help="Its model.  [default: whisper-1]")
@click.option(
    "--tts",
    type=click.Choice(["auto", "flite", "espeak", "openai", "tone"]),
    default="auto",
    show_default=True,
    help="Who speaks: the first that is there, or this one.",
)
@click.option(
    "--tts-url",
    metavar="URL",
    help="An OpenAI-compatible voice, for example http://…/v1. "
    "Its key comes from ESTUARY_TTS_API_KEY or OPENAI_API_KEY.",
)
@click.option("--tts-model", metavar="NAME", help="Its model.  [default: tts-1]")
@click.option("--tts-voice", metavar="NAME", help="Its voice.  [default: alloy]")
@click.option(
    "--script",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Rules in YAML or JSON that make it do what you want to rehearse: drops, timeouts, "
    "refusals, any event.",
)
@click.option(
    "--idle-timeout",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="End a session in which nothing is said for so long.",
)
@click.option(
    "--voice-idle-timeout",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="Stop listening to a player who says nothing for so long.",
)
@click.option(
    "--mic-rate",
    type=click.IntRange(8000, 48000),
    metavar="HZ",
    help="The rate of the audio that clients send, which they cannot tell.  [default: 16000]",
)
@click.option(
    "--quota",
    type=click.IntRange(1),
    metavar="MESSAGES",
    help="How many messages a player may send.",
)
@_DATA
def gateway(
    host: str,
    port: int,
    keys: tuple[str, ...],
    api_key_file: Path | None,
    data: str | None,
    backend: str,
    brain: str,
    llm_url: str | None,
    llm_model: str | None,
    script: Path | None,
    **more: Any,
) -> int:
    """Serve characters on this machine, with no account and no network."""
    need("gateway", "hypercorn")
    from .place import directory, keys_in
    from .serving import serve
    from .speaking import speech_of

    speech = speech_of({name: more.pop(name) for name in tuple(more) if name[:4] in _SPEECH})
    found = [*keys, *(keys_in(api_key_file) if api_key_file else [])]
    return serve(
        host, port, found, backend, brain, (llm_url, llm_model), script, more, directory(data),
        speech,
    )  # fmt: skip


@estuary.command(epilog=_EPILOG)
@_place_options
@_backend_option
@click.option("--once", metavar="TEXT", help="Say this, print the answer alone, and end.")
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 3600),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long one answer may take.",
)
def chat(
    place: Place,
    backend: str,
    once: str | None,
    timeout: float,
) -> int:
    """Talk to a character: in the terminal, or a line of stdin a turn.

    Ctrl-C interrupts the character first, and ends the program second.
    """
    if once is not None and not once.strip():
        raise click.UsageError("--once needs something to say")
    from .chat import chat as run_chat

    return run_chat(place, backend, once, timeout)


@estuary.command(epilog=_EPILOG)
@_backend_option
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
    from .demo import run_demo

    return run_demo(backend, capture, wav)


def _device(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> str | int | None:
    return int(value) if value is not None and value.isdecimal() else value


def _device_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, noun in (("--output-device", "loudspeaker"), ("--input-device", "microphone")):
        command = click.option(
            name,
            callback=_device,
            metavar="NAME",
            help=f"The {noun}: its number, or a part of its name, as `estuary devices` lists it. "
            "The system's default else.",
        )(command)
    return command


@estuary.command(epilog=_EPILOG)
@_place_options
@_backend_option
@_device_options
@click.option(
    "--volume",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="Of the loudspeaker.",
)
@click.option(
    "--push-to-talk",
    is_flag=True,
    help="The space bar is a button: hold it while you talk, or tap it before and after. With "
    "--input-wav: all of the file is one turn.",
)
@click.option(
    "--input-wav",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Say this instead, as fast as it was spoken; no sound card is needed. PCM16, mono, "
    "16 kHz; other rates need the extra [audio].",
)
@click.option(
    "--output-wav",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="With --input-wav: where to write what is heard meanwhile; both files begin at once.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 3600),
    metavar="SECONDS",
    help="With --input-wav: how long to wait for an answer.  [default: 30]",
)
def talk(
    place: Place,
    backend: str,
    input_device: str | int | None,
    output_device: str | int | None,
    volume: float,
    push_to_talk: bool,
    input_wav: Path | None,
    output_wav: Path | None,
    timeout: float | None,
) -> int:
    """Talk to a character aloud, and see what both sides say.

    Ctrl-C interrupts the character first, and ends the program second. Ctrl-D ends it too.
    """
    _check_ways(click.get_current_context(), input_wav is not None)
    if input_wav is not None:
        from .talk_wav import Files, talk_wav

        files = Files(input_wav, output_wav, push_to_talk, timeout or 30.0)
        return talk_wav(place, backend, files)
    need("audio", "sounddevice", "numpy", "soxr")
    from .talk import TalkOptions
    from .talk import talk as run_talk

    options = TalkOptions(push_to_talk, input_device, output_device, volume)
    return run_talk(place, backend, options)


def _check_ways(context: click.Context, files: bool) -> None:
    """A file or a sound card: what belongs to the other one is a mistake."""
    typed = click.core.ParameterSource.COMMANDLINE
    for name in (
        ("output_wav", "timeout")
        if not files
        else (
            "input_device",
            "output_device",
            "volume",
        )
    ):
        if context.get_parameter_source(name) is typed:
            option = "--" + name.replace("_", "-")
            way = "is for a sound card, not for --input-wav" if files else "needs --input-wav"
            raise click.UsageError(f"{option} {way}")


@estuary.command(epilog=_EPILOG)
@_backend_option
@_device_options
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
    from .devices import devices as run_devices

    return run_devices(backend, test, as_json, input_device, output_device)
