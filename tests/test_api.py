"""The public API: written down, described, and rendered without a warning."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.api import LISTING, PACKAGES, listing, members, public

if TYPE_CHECKING:
    from pathlib import Path

PUBLIC = dict(public())


def test_the_api_is_what_was_reviewed() -> None:
    """A change of it is seen in the review: `python -m tests.api` writes it down."""
    assert listing() == LISTING.read_text(encoding="utf-8")


def described(thing: Any) -> bool:
    text = thing.__doc__ or ""
    # What dataclasses write when nobody else does.
    return bool(text.strip()) and not text.startswith(f"{thing.__name__}(")


@pytest.mark.parametrize("name", [name for name in PUBLIC if not name.endswith(".__version__")])
def test_every_name_is_described(name: str) -> None:
    """By words of its own, and so is each method and property; an overload inherits them."""
    thing = PUBLIC[name]
    assert described(thing)
    if not inspect.isclass(thing):
        return
    assert not any(thing.__doc__ == base.__doc__ for base in thing.__mro__[1:])
    for member, what in members(thing):
        told = isinstance(what, property) or inspect.isfunction(inspect.unwrap(_plain(what)))
        if told and not member.startswith("__"):
            assert inspect.getdoc(getattr(thing, member)), member


def _plain(what: Any) -> Any:
    return what.__func__ if isinstance(what, staticmethod | classmethod) else what


def test_the_reference_is_made_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pdoc", *PACKAGES, "-o", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for package in PACKAGES:
        page = (tmp_path / f"{package}.html").read_text(encoding="utf-8")
        names = [name.rpartition(".")[2] for name in PUBLIC if name.startswith(f"{package}.")]
        assert [name for name in names if f'id="{name}"' not in page] == []
