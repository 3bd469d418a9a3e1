"""Seed 003, field by field: the models have these names, these types, and these defaults."""

from __future__ import annotations

from ast import literal_eval
from dataclasses import MISSING, fields
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import pytest

import estuary_anyio
from estuary_proto.models.base import Model

FACTS = Path(__file__).with_name("seed_003.txt").read_text("utf-8").split("\n\n")[1:]
PLAIN: dict[str, Any] = {"str": str, "int": int, "float": float, "bool": bool}


def table(page: str) -> tuple[str, list[tuple[str, str, str]]]:
    """One model of the page: its name and its rows."""
    name, *rows = page.strip().splitlines()
    parts = [[part.strip() for part in row.split("|")] for row in rows]
    return name, [(part[0], part[1], part[2] if len(part) > 2 else "") for part in parts]


TABLES = dict(table(page) for page in FACTS)
ROWS = [(model, *row) for model, rows in TABLES.items() for row in rows]


def spelled(hint: Any) -> str:
    """A type as the page writes it, with ? for `| None`."""
    args = get_args(hint)
    if NoneType in args:
        return spelled(args[0]) + "?"
    if get_origin(hint) is not None:
        inner = ", ".join("..." if arg is Ellipsis else spelled(arg) for arg in args)
        return f"{get_origin(hint).__name__}[{inner}]"
    return str(hint.__name__)


def test_the_page_is_whole() -> None:
    assert len(TABLES) == 39
    assert len(ROWS) == 179
    assert set(TABLES) <= set(estuary_anyio.__all__)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}.{row[1]}")
def test_field(row: tuple[str, str, str, str]) -> None:
    model, name, wanted, default = row
    cls = getattr(estuary_anyio, model)
    part = {each.name: each for each in fields(cls)}[name]
    hint = get_type_hints(cls)[name]
    assert spelled(hint) == wanted
    if default:
        said = default if wanted == "str" else literal_eval(default)
        assert part.default == said
    elif wanted.endswith("?"):
        assert part.default is None
    else:
        # Never None, and never nothing at all: reading must be able to fill it.
        made = cls.from_dict({}) if issubclass(cls, Model) else cls()
        kind = get_origin(hint) or hint
        assert isinstance(getattr(made, name), kind)
        if kind in (list, dict):
            assert part.default_factory is not MISSING


@pytest.mark.parametrize("model", TABLES)
def test_frozen_and_read_by_from_dict(model: str) -> None:
    cls = getattr(estuary_anyio, model)
    name = TABLES[model][0][0]
    made = cls.from_dict({}) if issubclass(cls, Model) else cls()
    with pytest.raises(AttributeError):
        setattr(made, name, 1)
