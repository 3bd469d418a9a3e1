"""A server for rooms, and how a scenario is played in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.livekit.keys import KEY, SECRET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 60
SERVERS = ["own", *(["livekit-server"] if shutil.which("livekit-server") else [])]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A room on a machine that is shared may be disturbed once; not three times. `--reruns 0` shows
    by what."""
    if config.getoption("reruns", None) == 0:
        return
    for item in items:
        plays = {"server", "play", "sound_card"} & set(getattr(item, "fixturenames", ()))
        if plays and item.get_closest_marker("long") is None:
            item.add_marker(pytest.mark.flaky(reruns=2))


@pytest.fixture(scope="session", params=SERVERS)
def which(request: pytest.FixtureRequest) -> str:
    """The tests' own server, and LiveKit's where it is installed."""
    found: str = request.param
    return found


@pytest.fixture(scope="session")
def server(which: str) -> Iterator[str]:
    """Its URL."""
    yield from sfu() if which == "own" else _livekit()


def sfu(*args: str) -> Iterator[str]:
    """The tests' own server, as a process, and its URL."""
    command = [sys.executable, "-m", "tests.livekit.sfu", *args]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdout.readline().strip()
        process.stdin.close()  # It ends with its input.


def _livekit() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["livekit-server", "--bind", "127.0.0.1", "--keys", f"{KEY}: {SECRET}"]
    with subprocess.Popen(
        [*command, "--config-body", f"port: {port}"], stderr=subprocess.DEVNULL
    ) as process:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < until
                time.sleep(0.05)
        yield f"ws://127.0.0.1:{port}"
        process.terminate()


@pytest.fixture
def own(which: str) -> bool:
    """Whether it is the tests' own server."""
    return which == "own"


@pytest.fixture
def play(server: str, backend: str, own: bool) -> Callable[..., Any]:
    """Play scenarios; gives what each found, nothing having been left behind."""

    def play(*scenarios: str, **arguments: Any) -> Any:
        arguments["own"] = own
        names = ",".join(scenarios)
        command = [sys.executable, "-m", "tests.livekit.running", names, backend, server]
        done = subprocess.run(
            [*command, json.dumps(arguments)],
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr[-4000:]
        outcome = json.loads(done.stdout)
        assert outcome["left"] == {}, outcome["open"]
        assert outcome["tasks"] == 0
        return outcome["found"]

    return play


@pytest.fixture(params=["asyncio", "uvloop", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    """The event loop of the application."""
    found: str = request.param
    return found
