"""The programs beside this file hold real conversations with the gateway."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio.from_thread
import pytest

from tests.judges.outside import lacking, node_folder

from .tls import tls_front

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def python(program: Path) -> list[str]:
    """Qt's needs are looked at first: the libraries that its wheel leaves to the system."""
    if program.stem == "qt_sockets":
        code = "from PySide6 import QtNetwork"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
        if done.returncode:
            lacking("the system packages libglib2.0-0 and libgssapi-krb5-2 are missing")
    return [sys.executable, "-X", "dev", "-W", "error", str(program)]


def pyodide(program: Path) -> list[str]:
    return ["node", str(node_folder(program.parent) / "run.mjs"), str(ROOT)]


PROGRAMS: dict[Path, Callable[[Path], list[str]]] = {
    HERE / "selectors_socket.py": python,
    HERE / "blocking_thread.py": python,
    HERE / "asyncio_streams.py": python,
    HERE / "trio_bare.py": python,
    HERE / "qt_sockets.py": python,
    HERE / "websockets_frames.py": python,
    HERE / "pyodide" / "pyodide_frames.py": pyodide,
}
each = pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)


def ask(program: Path, question: str, environment: dict[str, str]) -> tuple[int, str, str]:
    done = subprocess.run(
        [*PROGRAMS[program](program), question],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@each
def test_conversation(program: Path, gateway: dict[str, str]) -> None:
    environment = {**gateway, "ESTUARY_PLAYER_ID": program.stem}
    assert ask(program, "My name is Ada.", environment)[0] == 0
    status, answer, errors = ask(program, "What is my name?", environment)
    assert (status, answer, errors) == (0, "Your name is Ada.\n", "")


@each
def test_refusal(program: Path, gateway: dict[str, str]) -> None:
    status, answer, errors = ask(program, "hello", {**gateway, "ESTUARY_API_KEY": "est_wrong"})
    assert (status, answer) == (1, "")
    assert "AUTH_FAILED" in errors
    assert "est_wrong" not in errors
    assert "ResourceWarning" not in errors


@pytest.fixture(scope="module")
def secure(
    gateway: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The same gateway behind TLS."""
    port = urlsplit(gateway["ESTUARY_SERVER_URL"]).port or 0
    front = tls_front(port, tmp_path_factory.mktemp("tls"))
    with anyio.from_thread.start_blocking_portal() as portal:
        with portal.wrap_async_context_manager(front) as way:
            yield {**gateway, **way}


@each
def test_tls(program: Path, secure: dict[str, str]) -> None:
    if program.stem == "qt_sockets":
        pytest.skip("Qt trusts the system's authorities alone, and this one is the test's own")
    status, answer, errors = ask(program, "hello", secure)
    if program.stem == "selectors_socket":
        assert (status, answer) == (1, "")
        assert "no TLS here" in errors
    else:
        assert (status, errors) == (0, "")
        assert answer.strip()


@each
def test_nobody_trusts_a_stranger(program: Path, secure: dict[str, str]) -> None:
    untold = {"SSL_CERT_FILE": "", "NODE_EXTRA_CA_CERTS": ""}
    status, answer, errors = ask(program, "hello", {**secure, **untold})
    assert (status, answer) == (1, "")
    assert errors
    assert secure["ESTUARY_API_KEY"] not in errors


@each
def test_they_are_short(program: Path) -> None:
    """As one counts by eye: without blank lines, and an import is a line however it is folded."""
    text = program.read_text(encoding="utf-8")
    folded = sum(
        (node.end_lineno or node.lineno) - node.lineno
        for node in ast.parse(text).body
        if isinstance(node, ast.ImportFrom)
    )
    assert 30 <= len([line for line in text.splitlines() if line.strip()]) - folded <= 60
