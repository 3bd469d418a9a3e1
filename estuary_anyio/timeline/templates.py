"""The one place that fills templates: whatever a session says is escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from .words import clock, day, span

HERE = Path(__file__).parent


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(clock=clock, day=day, span=span)
    return made


def fill(template: str, **values: Any) -> str:
    """The text of a template."""
    return _environment().get_template(template).render(**values)


def own(*names: str) -> Markup:
    """Files of this package, one after the other, to stand in a page as they are."""
    return Markup("\n".join((HERE / name).read_text(encoding="utf-8") for name in names))
