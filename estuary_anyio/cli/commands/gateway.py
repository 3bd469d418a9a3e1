"""`estuary gateway`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..exits import need
from ..options import DATA, EPILOG, KEY_HELP, backend_option, speech_options


@click.command(epilog=EPILOG)
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
    + KEY_HELP.format(first="--api-key-file"),
)
@click.option(
    "--api-key-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A file with such keys, one a line.",
)
@backend_option
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
@speech_options
@click.option(
    "--livekit-url",
    metavar="URL",
    envvar="LIVEKIT_URL",
    help="A LiveKit server (ws:// or wss://) in whose rooms voice may go too. Needs [livekit].",
)
@click.option(
    "--livekit-key",
    metavar="KEY",
    envvar="LIVEKIT_API_KEY",
    help="Its API key; or LIVEKIT_API_KEY.",
)
@click.option(
    "--livekit-secret",
    metavar="SECRET",
    envvar="LIVEKIT_API_SECRET",
    help="Its API secret; better in LIVEKIT_API_SECRET, as others can see what is typed here.",
)
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
@DATA
def gateway(
    keys: tuple[str, ...],
    api_key_file: Path | None,
    data: str | None,
    backend: str,
    **said: Any,
) -> int:
    """Serve characters on this machine, with no account and no network."""
    need("gateway", "hypercorn")
    from ..gateway import GatewayOptions, serve
    from ..place import directory, keys_in

    found = (*keys, *(keys_in(api_key_file) if api_key_file else ()))
    return serve(GatewayOptions(keys=found, data=directory(data), **said), backend)
