"""Mutate modules of the core and judge every mutant: `python -m tests.mutation [module …]`.

The repository is copied to a temporary directory, once. Each mutant is run by a child of this
process, which has loaded pytest and its plugins already; the child alone gets the changed module in
place of the file's, and ends with pytest's verdict. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from importlib import import_module
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from .operators import Mutant, mutants

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

ROOT: Final = Path(__file__).parents[2]
COPIED: Final = ("estuary_proto", "estuary_anyio", "estuary_audio", "tests", "pyproject.toml")

TESTS: Final = {
    "states": "states connection connection_endings client pair",
    "policy": "policy client connection_endings credentials",
    "outbox": "outbox outbox_edges connection_endings voice connection client",
    "transcript": "transcript transcript_edges connection replies playback pair",
    "timers": "timers connection connection_endings client",
    "replies": "replies replies_endings replies_edges pair",
    "client": "client client_links client_edges credentials replies replies_endings"
    " replies_edges voice voice_button playback lines pair",
    "voice": "voice voice_button playback capture_voice voice_machine",
    "playback": "playback lines session_machine",
    "parts.playing": "playback lines capture_voice session_machine",
    "lines": "lines capture_voice session_machine",
    "parts.renewing": "credentials session_machine",
    "connection": "connection connection_endings connection_edges client client_links voice pair",
}
"""The files of tests/proto that judge a module, the likeliest to notice first."""

OPTIONS: Final = (
    *("-q", "-x", "--tb=no", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist"),
    *("-o", "timeout=0", "-W", "ignore::pytest.PytestAssertRewriteWarning"),
)

LOADED: Final = ("anyio.pytest_plugin", "trio", "uvloop", "wsproto", "hypothesis.strategies")
"""What every child would have to load again."""


def run(code: CodeType | None, module: str, files: list[str]) -> int:
    """Run the tests in this process, with `code` for the module; pytest's exit code."""
    name, load = f"estuary_proto.{module}", SourceFileLoader.get_code

    def get_code(self: Any, fullname: str) -> CodeType | None:
        return code if fullname == name and code is not None else load(self, fullname)

    loader: Any = SourceFileLoader
    loader.get_code = get_code
    from hypothesis import settings

    # The same examples for everybody, and none remembered from another mutant.
    settings.register_profile("mutation", database=None, derandomize=True, print_blob=False)
    settings.load_profile("mutation")
    verdict = int(pytest.main([*OPTIONS, *files]))
    if code is None and not str(sys.modules[name].__file__).startswith(os.getcwd()):
        raise RuntimeError(f"{name} is not the copy's")
    return verdict


def fork(code: CodeType | None, module: str, files: list[str], log: int) -> int:
    """Start a child that runs the tests; its process number."""
    child = os.fork()
    if child:
        return child
    verdict = 70
    try:
        os.dup2(log, 1)
        os.dup2(log, 2)
        limit_memory()
        verdict = run(code, module, files)
    finally:
        os._exit(verdict)


def limit_memory() -> None:
    from resource import RLIMIT_AS, setrlimit

    setrlimit(RLIMIT_AS, (4 << 30, 4 << 30))


def judge(
    found: list[Mutant], module: str, files: list[str], workers: int, patience: float
) -> Iterator[tuple[Mutant, str]]:
    """What became of each mutant: killed, survived or stuck."""
    waiting, running = found[::-1], dict[int, tuple[Mutant, float]]()
    log = os.open(os.devnull, os.O_WRONLY)
    while waiting or running:
        while waiting and len(running) < workers:
            mutant = waiting.pop()
            child = fork(mutant.code, module, files, log)
            running[child] = mutant, time.monotonic() + patience
        time.sleep(0.005)
        for child, (mutant, until) in list(running.items()):
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                yield mutant, "killed" if status else "survived"
            elif time.monotonic() > until:
                os.kill(child, 9)
                os.waitpid(child, 0)
                yield mutant, "stuck"
            else:
                continue
            del running[child]
    os.close(log)


def measure(module: str, files: list[str]) -> float:
    """Seconds that the tests take on the code as it is."""
    start = time.monotonic()
    with tempfile.TemporaryFile() as log:
        _, status = os.waitpid(fork(None, module, files, log.fileno()), 0)
        if status:
            log.seek(0)
            print(log.read().decode(), file=sys.stderr)
            raise SystemExit(f"the tests of {module} fail without any mutant")
    return time.monotonic() - start


def examine(module: str, workers: int) -> Counter[str]:
    files = [f"tests/proto/test_{name}.py" for name in TESTS[module].split()]
    files = [file for file in files if Path(file).exists()]
    path = Path(f"estuary_proto/{module.replace('.', '/')}.py")
    found = mutants(path.read_text(encoding="utf-8"), str(path))
    patience = 10 + 5 * measure(module, files)
    outcomes: Counter[str] = Counter()
    survivors = []
    for mutant, outcome in judge(found, module, files, workers, patience):
        outcomes[outcome] += 1
        if outcome == "survived":
            survivors.append(mutant)
    total, alive = len(found), len(survivors)
    dead = (total - alive) / total
    print(f"| {module} | {total} | {total - alive} | {alive} | {dead:.1%} |", flush=True)
    for mutant in sorted(survivors, key=lambda mutant: mutant.line):
        print(f"    {module}.py:{mutant.line} {mutant.operator}: {mutant.change}", flush=True)
    return outcomes


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", help=f"of {', '.join(TESTS)}; all by default")
    parser.add_argument("--workers", type=int, default=3)
    options: Any = parser.parse_args(argv)
    for name in LOADED:
        import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        for name in COPIED:
            source, copy = ROOT / name, Path(folder, name)
            if source.is_dir():
                shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy)
        os.chdir(folder)
        # The children find the copy, not the repository that holds this file.
        sys.path[:] = [folder, *(entry for entry in sys.path if entry not in ("", str(ROOT)))]
        for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
            del sys.modules[name]
        gc.freeze()
        print("| module | mutants | killed | survived | |\n|---|---|---|---|---|", flush=True)
        for module in options.modules or TESTS:
            examine(module, options.workers)
        os.chdir(ROOT)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
