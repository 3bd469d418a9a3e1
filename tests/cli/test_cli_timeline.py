"""`estuary timeline`: where it writes, and what it says when it cannot."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

import pytest
from hatchling.builders.wheel import WheelBuilder

from tests.timeline.theatre import text_session

from .conftest import ROOT
from .test_cli_packages import WITHOUT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Ended = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return text_session()


@pytest.fixture
def file(lines: list[str], tmp_path: Path) -> Path:
    made = tmp_path / "session.jsonl"
    made.write_text("".join(lines), encoding="utf-8")
    return made


@pytest.mark.parametrize(
    ("args", "name", "begins"),
    [
        ((), "session.html", "<!doctype html>"),
        (("--format", "svg"), "session.svg", "<svg "),
        (("-o", "{}/x.json"), "x.json", '{\n "estuary_timeline": 1,'),
        (("-o", "{}/x.svg"), "x.svg", "<svg "),
        (("-o", "{}/page", "--no-audio"), "page", "<!doctype html>"),
        (("-o", "{}/x.svg", "--format", "json"), "x.svg", "{\n"),
    ],
)
def test_it_writes(ended: Ended, file: Path, args: tuple[str, ...], name: str, begins: str) -> None:
    folder = str(file.parent)
    done = ended("timeline", str(file), *(arg.format(folder) for arg in args))
    assert done == (0, f"{folder}/{name}: 15 moments of 36.7 s\n", "")
    assert (file.parent / name).read_text("utf-8").startswith(begins)


def test_it_may_write_to_stdout(ended: Ended, file: Path) -> None:
    status, out, err = ended("timeline", str(file), "-o", "-", "--format", "json")
    assert (status, err) == (0, "")
    assert json.loads(out)["character"] == "demo"


def test_it_may_read_stdin(start: Callable[..., object], lines: list[str]) -> None:
    process = start("timeline", "-", "--format", "svg")
    out, err = process.communicate("".join(lines), timeout=30)  # type: ignore[attr-defined]
    assert (out[:5], err) == ("<svg ", "")


def test_what_goes_wrong(ended: Ended, file: Path, tmp_path: Path) -> None:
    nowhere, odd, other = tmp_path / "no" / "x.html", tmp_path / "odd", tmp_path / "other"
    odd.write_bytes(b"\xff\xfe")
    other.write_text("{}\n")
    for args, says in (
        ((str(tmp_path / "none"),), f"{tmp_path}/none: No such file or directory"),
        ((str(file), "-o", str(nowhere)), f"{nowhere}: No such file or directory"),
        ((str(odd),), f"{odd}: not a capture (not UTF-8)"),
        ((str(other),), f"{other}: line 1 of the capture: not the header of a capture"),
        ((str(file), "-o", str(file)), "--output is the capture itself"),
    ):
        assert ended("timeline", *args) == (2, "", f"estuary: {says}\n")
    assert file.stat().st_size > 1000


def test_without_jinja2_it_says_what_to_install(ended: Ended, file: Path) -> None:
    done = ended("jinja2", "timeline", str(file), program=("-c", WITHOUT))
    says = "estuary: jinja2 not found; install with: pip install 'estuary-anyio[cli]'\n"
    assert done == (2, "", says)


def test_what_the_page_is_made_of_is_in_the_wheel(tmp_path: Path) -> None:
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    names = set(zipfile.ZipFile(wheel).namelist())
    folder = ROOT / "estuary_anyio" / "timeline"
    wanted = {f"estuary_anyio/timeline/{one.name}" for one in folder.iterdir() if one.is_file()}
    assert len(wanted) >= 10
    assert wanted <= names
