"""`estuary chat` and `estuary talk`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..exits import need
from ..options import EPILOG, backend_option, device_options, place_options, speech_options

if TYPE_CHECKING:
    from estuary_proto.config import VoiceTransport

    from ..place import Place
    from ..speech import SpeechOptions


@click.command(epilog=EPILOG)
@place_options
@backend_option
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
    from ..chat import chat as run_chat

    return run_chat(place, backend, once, timeout)


@click.command(epilog=EPILOG)
@place_options
@speech_options
@backend_option
@device_options
@click.option(
    "--volume",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="Of the loudspeaker.",
)
@click.option(
    "--echo",
    type=click.Choice(["auto", "cancel", "suppress", "off"]),
    default="auto",
    show_default=True,
    help="How the character's voice is kept out of the microphone: removed (extra [livekit]), the "
    "microphone shut meanwhile, or not at all, for headphones.",
)
@click.option(
    "--push-to-talk",
    is_flag=True,
    help="The space bar is a button: hold it while you talk, or tap it before and after. With "
    "--input-wav: all of the file is one turn.",
)
@click.option(
    "--transport",
    type=click.Choice(["websocket", "livekit", "auto"]),
    default="websocket",
    show_default=True,
    help="Which way voice goes. livekit needs the extra [livekit] and a server that has rooms; "
    "auto takes it where both are there.",
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
    speech: SpeechOptions,
    backend: str,
    input_device: str | int | None,
    output_device: str | int | None,
    volume: float,
    echo: str,
    push_to_talk: bool,
    transport: VoiceTransport,
    input_wav: Path | None,
    output_wav: Path | None,
    timeout: float | None,
) -> int:
    """Talk to a character aloud, and see what both sides say.

    Ctrl-C interrupts the character first, and ends the program second. Ctrl-D ends it too.
    """
    place = replace(place, speech=speech)
    _check_ways(click.get_current_context(), input_wav is not None)
    place = replace(place, transport=transport)
    if input_wav is not None:
        from ..talk_wav import Files, talk_wav

        files = Files(input_wav, output_wav, push_to_talk, timeout or 30.0)
        return talk_wav(place, backend, files)
    need("audio", "sounddevice", "numpy", "soxr")
    from ..talk import TalkOptions
    from ..talk import talk as run_talk

    options = TalkOptions(push_to_talk, input_device, output_device, volume, echo)
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
            "echo",
        )
    ):
        if context.get_parameter_source(name) is typed:
            option = "--" + name.replace("_", "-")
            way = "is for a sound card, not for --input-wav" if files else "needs --input-wav"
            raise click.UsageError(f"{option} {way}")
