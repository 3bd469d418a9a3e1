"""A project of somebody else's: the wheel is installed in a venv of its own, and pytest runs there.

What is installed, and its entry points, come from the wheel. Its dependencies are those of this
environment, put on the venv's path behind it: so no index is asked, and nothing is judged but us.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[2]

GOOD = """
from pathlib import Path

import estuary_anyio
import pytest


def test_it_is_the_wheel(estuary_gateway):
    assert Path(estuary_anyio.__file__).is_relative_to(Path(__file__).parent)


@pytest.mark.anyio
async def test_on_both_loops(estuary_client):
    assert (await estuary_client.send_text_and_wait("hello")).text


@pytest.mark.estuary(brain=lambda text: f"You said {text}.")
def test_without_a_loop(estuary_sync_client):
    assert estuary_sync_client.send_text_and_wait("hello").text == "You said hello."


@pytest.mark.estuary(script="rehearsal.json")
def test_a_script(estuary_sync_client):
    from estuary_anyio import ModerationWarning

    estuary_sync_client.send_text("something rude")
    assert estuary_sync_client.wait_for(ModerationWarning, timeout=20)
"""

SESSIONS = """
import pytest
from estuary_anyio.sync import EstuaryClient


def ask(config, text, **settings):
    with EstuaryClient(config, **settings) as client:
        client.connect()
        return client.send_text_and_wait(text).text


def test_record(estuary_config):
    ask(estuary_config, "hello", capture="session.jsonl")


def test_the_same(estuary_replay):
    assert ask(estuary_replay("session.jsonl").config(), "hello")


def test_something_else(estuary_replay):
    assert ask(estuary_replay("session.jsonl").config(), "bye")


def test_nothing(estuary_replay, monkeypatch):
    monkeypatch.setattr("estuary_anyio.pytest_plugin.PLAYED_WITHIN", 0.1)
    estuary_replay("session.jsonl")


@pytest.mark.estuary("a brain")
def test_a_marker_with_a_positional(estuary_gateway):
    pass


@pytest.mark.estuary(nonsense=1)
def test_a_marker_with_nonsense(estuary_gateway):
    pass
"""


def run(command: Iterable[object], cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(one) for one in command], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a venv in it, in which the wheel is installed."""
    pytest.importorskip("hatchling")
    here = tmp_path_factory.mktemp("project")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    quiet = ["--no-deps", "--no-index"]
    built = run([*pip, "wheel", *quiet, "--no-build-isolation", "-w", here / "dist", ROOT])
    assert built.returncode == 0, built.stderr
    (wheel,) = (here / "dist").glob("*.whl")
    assert run([sys.executable, "-m", "venv", "--without-pip", here / "venv"]).returncode == 0
    installed = run([*pip[:3], "--python", python(here), "install", "-q", *quiet, wheel])
    assert installed.returncode == 0, installed.stderr
    (packages,) = (here / "venv").glob("[Ll]ib/**/site-packages")
    (packages / "behind.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (here / "rehearsal.json").write_text(
        '[{"when": {"text": {"contains": "rude"}}, "do": [{"moderation": "warning"}]}]'
    )
    return here


def python(project: Path) -> Path:
    folder = "Scripts" if sys.platform == "win32" else "bin"
    return project / "venv" / folder / "python"


def outcomes(project: Path, code: str) -> tuple[dict[str, str], str]:
    """What became of each test of a file: the last word on it, and all that pytest said."""
    (project / "test_it.py").write_text(code)
    command = [python(project), "-W", "error", "-m", "pytest", "-p", "no:cacheprovider", "-rA"]
    done = run([*command, "--strict-markers", "-W", "error", "test_it.py"], project)
    lines = [line.split() for line in done.stdout.splitlines()]
    found = {
        line[1].partition("::")[2]: line[0]
        for line in lines
        if len(line) > 1 and line[0] in ("PASSED", "FAILED", "ERROR")
    }
    return found, done.stdout + done.stderr


@pytest.mark.timeout(300)
def test_an_installed_project(project: Path) -> None:
    found, said = outcomes(project, GOOD)
    assert found == {
        "test_it_is_the_wheel": "PASSED",
        "test_on_both_loops[asyncio]": "PASSED",
        "test_on_both_loops[trio]": "PASSED",
        "test_without_a_loop": "PASSED",
        "test_a_script": "PASSED",
    }, said


@pytest.mark.timeout(300)
def test_captured_sessions_and_mistakes(project: Path) -> None:
    found, said = outcomes(project, SESSIONS)
    assert found == {
        "test_record": "PASSED",
        "test_the_same": "PASSED",
        "test_something_else": "ERROR",
        "test_nothing": "ERROR",
        "test_a_marker_with_a_positional": "ERROR",
        "test_a_marker_with_nonsense": "ERROR",
    }, said
    assert "said otherwise than in the capture:" in said
    assert "were all of its connections made?" in said
    assert "the marker estuary takes keywords only" in said
    assert "nonsense" in said
