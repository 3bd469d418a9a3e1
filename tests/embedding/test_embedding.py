"""The programs beside this file hold real conversations with the gateway."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROGRAMS = ["selectors_client", "asyncio_streams", "trio_bare"]


def ask(program: str, question: str, environment: dict[str, str]) -> tuple[int, str, str]:
    command = [sys.executable, "-X", "dev", "-W", "error", str(HERE / f"{program}.py"), question]
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_conversation(program: str, gateway: dict[str, str]) -> None:
    environment = {**gateway, "ESTUARY_PLAYER_ID": program}
    assert ask(program, "My name is Ada.", environment)[0] == 0
    status, answer, errors = ask(program, "What is my name?", environment)
    assert (status, answer, errors) == (0, "Your name is Ada.\n", "")


@pytest.mark.parametrize("program", PROGRAMS)
def test_refusal(program: str, gateway: dict[str, str]) -> None:
    status, answer, errors = ask(program, "hello", {**gateway, "ESTUARY_API_KEY": "est_wrong"})
    assert (status, answer) == (1, "")
    assert "AUTH_FAILED" in errors
    assert "est_wrong" not in errors


@pytest.mark.parametrize("program", PROGRAMS)
def test_they_are_short(program: str) -> None:
    lines = (HERE / f"{program}.py").read_text(encoding="utf-8").splitlines()
    assert 30 <= len([line for line in lines if line.strip()]) <= 60
