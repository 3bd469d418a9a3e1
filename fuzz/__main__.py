"""`python -m fuzz …`: list, run, replay, gather, minimise, planted. See the README beside it."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import corpus
from .bugs import LISTS
from .patience import patience
from .targets import PARSERS, PLACES, target


def main() -> int:
    """The command line; 1 when something was found."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="the targets")
    runs = commands.add_parser("run", help="fuzz with atheris")
    runs.add_argument("target", nargs="*", help="all without any; `parsers` is all of those")
    runs.add_argument("--minutes", type=float, default=60.0, help="at most, for each")
    runs.add_argument("--still", type=float, default=10.0, help="minutes without a new branch")
    runs.add_argument("--jobs", type=int, default=1, help="how many at a time")
    replays = commands.add_parser("replay", help="the committed corpus, or one input")
    replays.add_argument("target", nargs="?")
    replays.add_argument("file", nargs="?", type=Path)
    replays.add_argument("--all", action="store_true", help="what runs have found too")
    gathers = commands.add_parser("gather", help="what runs have found, into the corpus")
    gathers.add_argument("target", nargs="*")
    gathers.add_argument("--most", type=int, default=60, help="inputs to keep of each")
    smaller = commands.add_parser("minimise", help="a finding into a capture and a test")
    smaller.add_argument("target")
    smaller.add_argument("file", type=Path)
    smaller.add_argument("--into", type=Path, default=Path())
    plants = commands.add_parser("planted", help="how many planted bugs are found")
    plants.add_argument("target", nargs="*", help="only the bugs of these")
    plants.add_argument("--seconds", type=float, default=600.0, help="at most, for each")
    plants.add_argument("--jobs", type=int, default=1)
    plants.add_argument("--list", choices=tuple(LISTS), default="1", help="of which list")
    return {
        "planted": _planted,
        "list": _list, "run": _run, "replay": _replay, "gather": _gather, "minimise": _minimise,
    }[(options := parser.parse_args()).command](options)  # fmt: skip


def _names(given: list[str]) -> list[str]:
    wanted = [n for name in given for n in (PARSERS if name == "parsers" else (name,))]
    unknown = sorted(set(wanted) - set(PLACES))
    if unknown:
        raise SystemExit(f"there is no target {unknown[0]}; python -m fuzz list")
    return wanted or list(PLACES)


def _list(options: argparse.Namespace) -> int:
    for name in PLACES:
        about = (target(name).__doc__ or "").partition("\n")[0]
        print(f"{name:18} {len(corpus.load(name)):4} inputs  {about}")
    return 0


def _run(options: argparse.Namespace) -> int:
    from .running import run

    found = False
    with ThreadPoolExecutor(options.jobs) as pool:
        wanted = _names(options.target)
        seconds, still = options.minutes * 60, options.still * 60
        for result in pool.map(lambda name: run(name, seconds, still), wanted):
            print(result, flush=True)
            found = found or result.finding is not None
    return int(found)


def _replay(options: argparse.Namespace) -> int:
    from .running import inputs_of

    for name in _names([options.target] if options.target else []):
        one, inputs = target(name), (inputs_of if options.all else corpus.load)(name)
        for data in [options.file.read_bytes()] if options.file else inputs:
            with patience():
                one(data)
        print(f"{name}: {1 if options.file else len(inputs)} replayed")
    return 0


def _gather(options: argparse.Namespace) -> int:
    from .running import inputs_of

    for name in _names(options.target):
        inputs = inputs_of(name)
        kept = corpus.chosen(target(name), inputs, options.most)
        corpus.save(name, kept)
        print(f"{name}: {len(kept)} of {len(inputs)}, {sum(map(len, kept))} bytes")
    return 0


def _minimise(options: argparse.Namespace) -> int:
    from .minimising import report

    for file in report(options.target, options.file.read_bytes(), options.into):
        print(file)
    return 0


def _planted(options: argparse.Namespace) -> int:
    from .planted import table

    for line in table(options.seconds, options.jobs, options.target, LISTS[options.list]):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
