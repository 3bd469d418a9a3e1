"""The real script as a process of its own: what is tested is what people start."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from anyio.from_thread import start_blocking_portal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from anyio.from_thread import BlockingPortal

    from tests.cli.terminal import Terminal

    Start = Callable[..., subprocess.Popen[str]]

ROOT = Path(__file__).resolve().parents[2]
WITHIN = 30.0


def clean_environment() -> dict[str, str]:
    """The environment, without what would tell the script something."""
    dull = ("ESTUARY_", "OPENAI_", "PYTEST")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dull)}
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS", "LINES"):
        kept.pop(name, None)
    kept["PYTHONPATH"] = str(ROOT)
    kept["ESTUARY_DATA"] = ":memory:"  # Nothing of a test is found again in the next.
    # What is said is a tone mostly, and how it is answered is not to depend on packages.
    kept |= {"ESTUARY_STT": "none", "ESTUARY_TTS": "tone"}
    kept["PYTHONIOENCODING"] = "utf-8"
    return kept


def script(*args: str, program: tuple[str, ...] = ("-m", "estuary_anyio")) -> list[str]:
    """The command line that runs it."""
    return [sys.executable, *program, *args]


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    """The name of the event loop."""
    return str(request.param)


@pytest.fixture
def environment() -> dict[str, str]:
    """What processes get as their environment."""
    return clean_environment()


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Start]:
    """Start the script with these arguments; it is gone when the test is over."""
    running: list[subprocess.Popen[str]] = []

    def begin(*args: str, program: tuple[str, ...] = ("-m", "estuary_anyio")) -> Any:
        process = subprocess.Popen(
            script(*args, program=program),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            cwd=ROOT,
            env=environment,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        with process:
            if process.poll() is None:
                process.kill()


@pytest.fixture
def ended(start: Start) -> Callable[..., tuple[int, str, str]]:
    """Run the script to its end: its exit status, stdout and stderr."""

    def run(*args: str, said: str = "", within: float = WITHIN, **how: Any) -> tuple[int, str, str]:
        process = start(*args, **how)
        out, err = process.communicate(said, timeout=within)
        return process.returncode, out, err

    return run


@pytest.fixture
def gateway(start: Start) -> Callable[..., tuple[Any, str]]:
    """Start `estuary gateway`: the process, and the address that it says."""

    def begin(*args: str) -> tuple[Any, str]:
        port = () if "--port" in args else ("--port", "0")
        process = start("gateway", *port, *args)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on http://"), line or process.communicate()[1]
        return process, line.split()[-1]

    return begin


@pytest.fixture
def terminal(environment: dict[str, str]) -> Iterator[Callable[..., Terminal]]:
    """Start the script on a terminal; it is gone when the test is over."""
    from tests.cli.terminal import terminals

    with terminals(environment) as begin:
        yield begin


@pytest.fixture
def portal() -> Iterator[BlockingPortal]:
    """An event loop beside the test, for servers."""
    with start_blocking_portal() as beside:
        yield beside


@pytest.fixture
def inside(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run the script in this process, which takes a tenth of the time of one of its own: its exit
    status, stdout and stderr."""
    from estuary_anyio.__main__ import main

    for name in set(os.environ) - set(clean_environment()):
        monkeypatch.delenv(name)
    monkeypatch.setenv("ESTUARY_DATA", ":memory:")
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # It has one of its own.

    def run(*args: str) -> tuple[int, str, str]:
        status = main(args)
        return status, *capsys.readouterr()

    return run
