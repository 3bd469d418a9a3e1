"""`estuary replay` and `estuary capture`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from ..options import EPILOG

_FILE: Final = click.Path(path_type=Path, dir_okay=False)
_SPEEDS: Final = {"1": 1.0, "10": 10.0, "max": 0.0}


@click.command(epilog=EPILOG)
@click.argument("file", type=_FILE)
@click.option(
    "--speed",
    type=click.Choice(list(_SPEEDS)),
    default="1",
    show_default=True,
    help="As it went, ten times as fast, or as fast as it can be.",
)
@click.option("--events", is_flag=True, help="Every event, with its line and its time.")
@click.option("--json", "as_json", is_flag=True, help="Every event, for programs.")
@click.option("--check", is_flag=True, help="Only say whether it replays to the same.")
def replay(file: Path, speed: str, events: bool, as_json: bool, check: bool) -> int:
    """Replay a captured session: every input meets a fresh client, at its time.

    The conversation is shown as it unfolds. What comes out is compared with what the capture holds;
    the first difference is shown, and ends it with status 1.
    """
    if events + as_json + check > 1:
        raise click.UsageError("give one of --events, --json, --check")
    from ..replay import Telling, tell

    return tell(file, Telling(_SPEEDS[speed], events, as_json, check))


@click.group(epilog=EPILOG)
def capture() -> None:
    """Captured sessions: from and to HAR, and from a bug to a test."""


def _beside(path: Path, suffix: str) -> Path:
    """The file of the same name; one that is there may be what the other was made from."""
    found = path.with_suffix(suffix)
    if found != path and found.exists():
        raise click.UsageError(f"{found} is there already: give -o to write it anew")
    return found


@capture.command("import", epilog=EPILOG)
@click.argument("har", type=_FILE)
@click.option("-o", "--output", type=_FILE, metavar="FILE", help="[default: HAR's name, .jsonl]")
@click.option("--no-audio", is_flag=True, help="Keep length and hash of sounds, not the sounds.")
def import_(har: Path, output: Path | None, no_audio: bool) -> int:
    """Make a capture of a HAR that a browser or a proxy has exported.

    In a browser: developer tools, network, "export HAR (with sensitive data)". Any client will do;
    what it said and ours would not is told. Secrets stay behind.
    """
    from ..captures import import_har

    return import_har(har, output or _beside(har, ".jsonl"), audio=not no_audio)


@capture.command(epilog=EPILOG)
@click.argument("file", type=_FILE)
@click.option("-o", "--output", type=_FILE, metavar="HAR", help="[default: FILE's name, .har]")
def export(file: Path, output: Path | None) -> int:
    """Make a HAR of a capture: its WebSockets and its REST calls."""
    from ..captures import export_har

    return export_har(file, output or _beside(file, ".har"))


@capture.command(epilog=EPILOG)
@click.argument("file", type=_FILE)
@click.option(
    "--at",
    required=True,
    metavar="LINE",
    help="Where it went wrong: the number of the line, or a text that only it holds, or it last.",
)
@click.option(
    "--expect",
    required=True,
    metavar="JSON",
    help="What should have come there, as the lines of captures show it; null for nothing.",
)
@click.option("-o", "--output", type=_FILE, metavar="FILE", help="[default: test_FILE.py]")
def test(file: Path, at: str, expect: str, output: Path | None) -> int:
    """Make a failing test of a captured bug: a capture up to the bug, with what should have come
    instead, and a test that replays it."""
    from ..captures import write_test

    return write_test(file, at, expect, output)
