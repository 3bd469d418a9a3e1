"""The README is true: every block of code in it runs, every command in it exists."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from estuary_proto.gateway import Script
from tests.timeline.theatre import text_session

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S)
PROGRAMS = [
    code for language, code in BLOCKS if language == "python" and "VoiceSession(" not in code
]
"""All but those that need a sound card: tests/audio/test_audio_examples.py."""
SHELL = [code for language, code in BLOCKS if language == "sh"]
BUG = next(code.splitlines() for code in SHELL if "capture test" in code)
"""Commands that build on each other."""
COMMANDS = [line for code in SHELL for line in code.splitlines() if line not in BUG]

BY_CI = ("estuary demo", "-m pytest")
"""Commands that `.ci/run` reads from the README and runs as they stand."""

FOR_FIGURES = (".[bench]", "-m tests.bench", "-m tests.faults")
"""Commands that take minutes and a peer to measure against; `test_bench` and `test_faults_soak` run
them in small."""


def test_there_is_something_to_test() -> None:
    assert len(PROGRAMS) >= 6
    assert len(COMMANDS) >= 6


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_program(number: int, gateway: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", PROGRAMS[number]]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, **gateway},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert ("print(" in PROGRAMS[number]) == bool(done.stdout.strip())


@pytest.mark.parametrize("command", COMMANDS)
def test_command(command: str, gateway: dict[str, str], tmp_path: Path) -> None:
    if any(part in command for part in BY_CI + FOR_FIGURES) or command.startswith("export "):
        return
    script, *arguments = command.split()
    assert script == ".venv/bin/estuary", f"nobody runs this command: {command}"
    if arguments[0] == "gateway":  # The fixture runs it; here its options are read.
        arguments.append("--help")
    if arguments[0] == "timeline":
        (tmp_path / arguments[1]).write_text("".join(text_session()), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "estuary_anyio", *arguments],
        cwd=tmp_path,
        env={**os.environ, **gateway},
        input="hello\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_a_bug_becomes_a_failing_test(gateway: dict[str, str], tmp_path: Path) -> None:
    """The README's three commands: the last one fails, and says where."""
    statuses, said = [], ""
    for command in BUG:
        script, *arguments = shlex.split(command)
        module = {".venv/bin/estuary": "estuary_anyio", ".venv/bin/pytest": "pytest"}[script]
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=tmp_path,
            env={**os.environ, **gateway, "PYTHONPATH": str(README.parent)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        statuses.append(done.returncode)
        said = done.stdout
    assert statuses == [0, 0, 1]
    assert 'expected  {"got":null}' in said
    assert 'actual    {"got":{"is":"ReplyEnded"' in said


@pytest.mark.parametrize("text", [code for language, code in BLOCKS if language == "yaml"])
def test_script(text: str) -> None:
    assert Script.read(yaml.safe_load(text), "README.md")
