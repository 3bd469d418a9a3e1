"""The program: its commands, and how it ends."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import click

from estuary_proto.version import __version__

from .commands.captures import capture, replay
from .commands.characters import characters
from .commands.conversations import chat, talk
from .commands.demo import demo
from .commands.devices import devices
from .commands.doctor import doctor
from .commands.gateway import gateway
from .commands.generate import generate
from .commands.memories import memories
from .commands.players import players
from .commands.timeline import timeline
from .exits import Exit, Stop
from .options import EPILOG

if TYPE_CHECKING:
    from collections.abc import Sequence


def run(args: Sequence[str] | None) -> int:
    """Run the command line; returns the exit status. Raises Stop."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A character may say what this terminal cannot write.
            stream.reconfigure(errors="replace")
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


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="estuary", message="%(prog)s %(version)s")
def estuary() -> None:
    """Conversations with AI characters: a local server, a chat, a demonstration."""


for _command in (
    gateway, chat, demo, talk, replay, timeline, capture, memories, characters, players, generate,
    devices, doctor,
):  # fmt: skip
    estuary.add_command(_command)
