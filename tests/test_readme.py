"""The README is true: every block of code in it runs, every command in it exists."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path

import pytest
import yaml

from estuary_proto import ErrorCode, EstuaryConfig
from estuary_proto.gateway import Script
from tests.timeline.theatre import text_session

README = Path(__file__).parent.parent / "README.md"
TEXT = README.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", TEXT, re.M | re.S)
FOR_PYTEST = [code for language, code in BLOCKS if language == "python" and "_client)" in code]
"""Those with fixtures of the plugin."""
ELSEWHERE = ("VoiceSession(", "FastAPI(", "discord.Client")
"""What needs a sound card or a server: tests/audio/test_audio_examples.py, tests/recipes."""
PROGRAMS = [
    code
    for language, code in BLOCKS
    if language == "python" and code not in FOR_PYTEST
    if not any(part in code for part in ELSEWHERE)
]
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


def test_tests(tmp_path: Path) -> None:
    (code,) = FOR_PYTEST
    (tmp_path / "test_readers.py").write_text(code, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", "-q"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout  # One of the three on each loop.


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
    # A player is somebody who has talked.
    first = [["chat", "--once", "hello"]] if arguments[0] == "players" else []
    for each in [*first, arguments]:
        done = subprocess.run(
            [sys.executable, "-m", "estuary_anyio", *each],
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


def _section(name: str) -> str:
    return TEXT.partition(f"\n## {name}\n")[2].partition("\n## ")[0]


def _rows(text: str) -> list[list[list[str]]]:
    """The lines of its tables: of each cell what stands in back quotes."""
    lines = [line[1:-1].split("|") for line in text.splitlines() if line.startswith("| `")]
    return [[re.findall(r"`([^`]*)`", cell) for cell in line] for line in lines]


def test_every_setting_is_told_with_its_default() -> None:
    table = _section("Configuration").partition("**What to install.**")[0]
    told: dict[str, str | None] = {}
    for names, defaults, *_ in _rows(table):
        told |= dict.fromkeys(names) if not defaults else dict(zip(names, defaults, strict=True))
    known = {
        part.name: None if part.default is MISSING else str(part.default)
        for part in fields(EstuaryConfig)
    }
    known["retry"] = "RetryConfig()"
    assert {name: value and value.strip('"') for name, value in told.items()} == known


def test_every_error_code_is_told() -> None:
    table = _section("Errors").partition("###")[0]
    assert sorted(code for row in _rows(table) for code in row[0]) == sorted(ErrorCode)


def test_every_extra_is_told() -> None:
    table = _section("Configuration").partition("**What to install.**")[2].partition("###")[0]
    pyproject = tomllib.loads((README.parent / "pyproject.toml").read_text(encoding="utf-8"))
    extras = set(pyproject["project"]["optional-dependencies"]) - {"dev", "bench"}
    assert {name for row in _rows(table) for name in row[0]} == extras


def test_links_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", TEXT, flags=re.S), re.M)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for link in re.findall(r"\]\(([^)]*)\)", TEXT):
        if link.startswith("#"):
            assert link[1:] in anchors, link
        elif "://" not in link:
            assert (README.parent / link).exists(), link


def test_the_layout_is_drawn_from_the_code() -> None:
    """Each folder of the packages is in it, and every path that the page names is there."""
    page = _section("Working on it")
    drawn = page.partition("```text")[2].partition("```")[0]
    for package in ("estuary_proto", "estuary_audio", "estuary_anyio"):
        part = drawn.partition(package)[2].partition("\nestuary_")[0].partition("\ntests/")[0]
        root = README.parent / package
        folders = {file.parent.relative_to(root).as_posix() for file in root.rglob("*.py")} - {"."}
        assert {name.rstrip("/") for name in re.findall(r"[a-z]+/(?:[a-z]+/)?", part)} >= folders
        for file in re.findall(r"[a-z]+\.py", part):
            assert (root / file).is_file(), file
    for path in re.findall(r"`((?:estuary_\w+|tests|fuzz|\.ci)/[\w/.]*)`", page):
        assert (README.parent / path).exists(), path
