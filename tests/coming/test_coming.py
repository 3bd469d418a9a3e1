"""Who comes from estuary-sdk finds every name in the page, and what people see is the same."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

import estuary_anyio
from tests.conftest import own_gateway
from tests.judges.outside import sdk_folder

HERE = Path(__file__).parent
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in (HERE / "README.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| `")
]
PAGE = {
    name: row[1].strip("`")
    for row in ROWS
    for name in re.findall(r"`([^`]+)`", row[0])
    if name != "estuary_sdk"
}
"""Each name of theirs, and ours: "same", "none" or how it is called here."""


def run(program: str, *, library: str = "", gateway: dict[str, str] | None = None) -> str:
    """What a program of Python prints, with that version of estuary-sdk on the path."""
    path = str(sdk_folder(library)) if library else ""
    done = subprocess.run(
        [sys.executable, program],
        env={**os.environ, **(gateway or {}), "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def theirs() -> list[str]:
    return run(str(HERE / "names.py"), library="0.8.0").split()


def ours(name: str) -> object:
    """The thing that a name of theirs is here; fields of a data class are its members."""
    if name.startswith('"'):
        return name.strip('"') in importlib.import_module("estuary_anyio.names").NAMES or None
    if name.startswith("client."):
        _, part, method = name.split(".")
        kind: object = importlib.import_module(f"estuary_anyio.rest.{part}")
        return getattr(getattr(kind, f"{part.capitalize()}Client"), method, None)
    top, _, member = name.partition(".")
    called = PAGE[top]
    thing = getattr(estuary_anyio, top if called == "same" else called, None)
    if member and is_dataclass(thing) and member in {field.name for field in fields(thing)}:
        return member
    return getattr(thing, member, None) if member else thing


def is_a_field(name: str) -> bool:
    """Of a data class that the page names, and there under the same name."""
    top, _, member = name.partition(".")
    return bool(member) and top in PAGE and is_dataclass(ours(top)) and ours(name) is not None


def test_the_page_is_whole(theirs: list[str]) -> None:
    """Each name has a row, but for fields, which are told of in one sentence."""
    assert len(theirs) > 300
    assert [name for name in theirs if name not in PAGE and not is_a_field(name)] == []


def test_the_page_invents_nothing(theirs: list[str]) -> None:
    assert sorted(set(PAGE) - set(theirs)) == []


@pytest.mark.parametrize("name", [name for name, called in PAGE.items() if called == "same"])
def test_what_is_the_same_is_here(name: str) -> None:
    assert ours(name) is not None


def test_what_is_called_otherwise_is_here() -> None:
    for called in set(PAGE.values()) - {"same", "none"}:
        if not called.startswith("."):
            assert hasattr(estuary_anyio, called)
    for name, called in PAGE.items():
        if called == "none" or called.startswith("."):
            assert ours(name) is None if "." in name else not hasattr(estuary_anyio, name)


def test_one_program_on_both(tmp_path: Path) -> None:
    """Only the import is changed, and a user sees the same."""
    text = (HERE / "program.py").read_text(encoding="utf-8")
    assert re.findall(r"estuary_\w+", text) == ["estuary_anyio"]
    other = tmp_path / "program.py"
    other.write_text(text.replace("from estuary_anyio", "from estuary_sdk"), encoding="utf-8")
    with own_gateway() as gateway:
        here = run(str(HERE / "program.py"), gateway=gateway)
    with own_gateway() as gateway:
        there = run(str(other), library="0.8.0", gateway=gateway)
    assert here == there
    assert "answer: Your name is Ada." in here
    assert here.endswith("it was connecting, connected, disconnected\n")
