"""What is said in one run is known in the next: `--data`, and where it is without."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Ended = Callable[..., tuple[int, str, str]]

TOLD = "My favourite tea is mint."
ASKED = "What is my favourite tea?"


def test_todays_tea_is_known_tomorrow(ended: Ended, backend: str, tmp_path: Path) -> None:
    where = ("--backend", backend, "--data", str(tmp_path / "house"))
    assert ended("chat", *where, "--once", TOLD)[0] == 0
    status, said, _ = ended("chat", *where, "--once", ASKED)
    assert (status, said) == (0, "Your favourite tea is mint.\n")
    other = ended("chat", *where, "--player", "other", "--once", ASKED)
    assert "mint" not in other[1]


def test_the_environment_names_the_place(
    ended: Ended, environment: dict[str, str], tmp_path: Path
) -> None:
    environment["ESTUARY_DATA"] = str(tmp_path / "house")
    assert ended("chat", "--once", TOLD)[0] == 0
    assert (tmp_path / "house" / "gateway.sqlite3").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="XDG is for Linux")
def test_without_a_word_it_is_the_users_own(
    ended: Ended, environment: dict[str, str], tmp_path: Path
) -> None:
    del environment["ESTUARY_DATA"]
    environment["XDG_DATA_HOME"] = str(tmp_path)
    assert ended("chat", "--once", TOLD)[0] == 0
    assert (tmp_path / "estuary-anyio" / "gateway.sqlite3").exists()
    assert "mint" in ended("chat", "--once", ASKED)[1]
    assert "mint" not in ended("chat", "--data", ":memory:", "--once", ASKED)[1]


@pytest.mark.parametrize("command", [("gateway", "--port", "0"), ("chat", "--once", "Hi")])
def test_a_directory_that_is_none_is_named(
    ended: Ended, tmp_path: Path, command: tuple[Any, ...]
) -> None:
    (tmp_path / "file").write_text("")
    status, out, err = ended(*command, "--data", str(tmp_path / "file"))
    assert status != 0
    assert out == ""
    assert "data: the database cannot be used" in err
    assert "Traceback" not in err
