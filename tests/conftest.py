"""Every async test runs on asyncio, on asyncio with uvloop, and on trio."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

BACKENDS = [
    pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
    pytest.param(("trio", {}), id="trio"),
]
if sys.platform != "win32":
    BACKENDS.insert(1, pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"))


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """The event loop of an async test."""
    return request.param


# A busy machine makes no test fail: time is never what is judged.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@contextmanager
def own_gateway() -> Iterator[dict[str, str]]:
    """A gateway in a process of its own, and the environment that leads to it."""
    # What examples send as speech is a buzz, and how it is answered is not to depend on packages.
    command = [sys.executable, "-m", "estuary_anyio", "gateway", "--port", "0"]
    command += ["--data", ":memory:", "--stt", "none", "--tts", "tone"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().rpartition(" ")[2].strip()
        yield {
            "ESTUARY_SERVER_URL": url,
            "ESTUARY_API_KEY": "est_dev",
            "ESTUARY_CHARACTER_ID": "demo",
            "ESTUARY_PLAYER_ID": "reader",
        }
        process.terminate()


@pytest.fixture(scope="session")
def gateway() -> Iterator[dict[str, str]]:
    """One for all tests that leave its characters as they are."""
    with own_gateway() as environment:
        yield environment


@pytest.fixture
def ample_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For what fills a machine by itself, since two recognisers at once make a room stutter: of the
    tests that ask for it one runs at a time, whatever the number of workers."""
    fcntl = pytest.importorskip("fcntl")
    with (tmp_path_factory.getbasetemp().parent / "ample").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
