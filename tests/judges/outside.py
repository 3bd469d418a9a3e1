"""What outsiders need: packages from npm and PyPI, fetched once, and processes that talk in lines.

Where it cannot be had a test is skipped and says why; with ESTUARY_JUDGES=required that is a
failure.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HERE = Path(__file__).parent
PATIENCE = 10.0
"""Seconds for an outsider to answer."""


def lacking(what: str) -> None:
    """There is no judge."""
    if os.environ.get("ESTUARY_JUDGES") == "required":
        pytest.fail(f"ESTUARY_JUDGES=required, but {what}")
    pytest.skip(what)


def fetched(name: str, content: bytes, fetch: Callable[[Path], list[str]]) -> Path:
    """A folder that a command has filled, once for this content, whoever asks first."""
    digest = hashlib.sha256(content).hexdigest()[:16]
    place = Path(tempfile.gettempdir()) / f"estuary-judges-{os.getuid()}" / f"{name}-{digest}"
    if not place.exists():
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=place.parent))
        done = subprocess.run(fetch(made), cwd=made, capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(made)
            lacking(f"{name} could not be fetched: {done.stderr.strip()[-200:]}")
        try:
            made.rename(place)
        except OSError:  # Somebody else was faster.
            shutil.rmtree(made)
    return place


def node_folder(scripts: Path = HERE / "node") -> Path:
    """A folder with these scripts for Node and the packages that they need."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        lacking("the system packages nodejs and npm are missing")
    files = sorted(file for file in scripts.iterdir() if file.is_file())
    content = b"".join(file.read_bytes() for file in files)

    def install(place: Path) -> list[str]:
        for file in files:
            shutil.copy(file, place)
        return ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]

    return fetched(scripts.name, content, install)


def sdk_folder(version: str) -> Path:
    """A folder with that version of estuary-sdk; what it depends on comes from this environment."""

    def install(place: Path) -> list[str]:
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target"]
        return [*pip, str(place), f"estuary-sdk=={version}"]

    return fetched(f"estuary-sdk-{version}", version.encode(), install)


class Lines:
    """A process that takes commands as lines of JSON, and tells in the same way."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.told: list[dict[str, Any]] = []

    def do(self, what: str, **how: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **how}) + "\n")
        self._process.stdin.flush()

    def until(self, event: str, **holds: Any) -> Any:
        """The data of the next event of this name whose fields have these values."""
        while True:
            told = self.next()
            data: Any = told.get("data")
            if told["event"] == event:
                if not holds or all(data.get(key) == value for key, value in holds.items()):
                    return data

    def next(self) -> dict[str, Any]:
        try:
            told: dict[str, Any] = json.loads(read_line(self._process))
        except AssertionError as error:
            raise AssertionError(f"{error}; before it told {self.told[-5:]}") from None
        self.told.append(told)
        return told


def read_line(process: subprocess.Popen[str]) -> str:
    """The next line of its output; it is killed if that takes too long."""
    assert process.stdout is not None
    timer = Timer(PATIENCE, process.kill)
    timer.start()
    try:
        line = process.stdout.readline()
    finally:
        timer.cancel()
    assert line, f"it ended with {process.wait()} instead of answering"
    return line


@contextmanager
def running(command: Sequence[str | Path], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process for the length of the block."""
    pipe = subprocess.PIPE
    words = [str(word) for word in command]
    with subprocess.Popen(words, text=True, stdin=pipe, stdout=pipe, **options) as process:
        try:
            yield process
        finally:
            process.terminate()
