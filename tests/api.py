"""The public API in words: `python -m tests.api` writes tests/api.txt, so that reviews see changes.

What is public: the names in `__all__` of the three packages, and the members of their classes, also
those that come from rooms behind the door.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = ("estuary_proto", "estuary_anyio", "estuary_audio")
LISTING = Path(__file__).parent / "api.txt"
SPOKEN = frozenset(
    f"__{name}__" for name in "aenter aexit aiter anext await enter exit iter next str".split()
)
"""Methods that a program uses without calling them by name."""


def public() -> Iterator[tuple[str, Any]]:
    """Every public name, with its package, and what it is; what has two doors comes twice."""
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in sorted(module.__all__):
            yield f"{package}.{name}", getattr(module, name)


def members(kind: type) -> Iterator[tuple[str, Any]]:
    """What can be asked of a class of ours, in the order of the alphabet."""
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith("estuary_"):
            found.update(vars(base))
    for name in sorted(found):
        if name in SPOKEN or not name.startswith("_"):
            yield name, found[name]


class Written(str):
    """An annotation as it is written."""

    __repr__ = str.__str__


def signature(thing: Any) -> str:
    try:
        found = inspect.signature(thing)
    except ValueError:  # An exception that leaves it to its base.
        return "(…)"
    parameters = [
        each.replace(annotation=written(each.annotation)) for each in found.parameters.values()
    ]
    found = found.replace(parameters=parameters, return_annotation=written(found.return_annotation))
    return re.sub(" at 0x[0-9a-f]+", "", str(found))


def written(annotation: Any) -> Any:
    return Written(annotation) if isinstance(annotation, str) else annotation


def told(name: str, thing: Any) -> str | None:
    """A member in a line, None for a field: these are in the signature."""
    if isinstance(thing, staticmethod | classmethod):
        return f"{type(thing).__name__} {name}{signature(thing.__func__)}"
    if isinstance(thing, property):
        return f"{name}: {inspect.signature(thing.fget).return_annotation}" if thing.fget else None
    if inspect.isroutine(thing):
        if not inspect.isfunction(thing):
            return None
        return f"{'async ' * inspect.iscoroutinefunction(thing)}def {name}{signature(thing)}"
    if isinstance(thing, enum.Enum):
        return f"{name} = {thing.value!r}"
    return None


def listing() -> str:
    lines: list[str] = []
    for path, thing in public():
        if not inspect.isclass(thing):
            is_function = inspect.isfunction(thing)
            lines.append(
                f"def {path}{signature(thing)}"
                if is_function
                else f"{path}: {type(thing).__name__}"
            )
            continue
        bases = [base.__name__ for base in thing.__mro__[1:] if base.__name__ in _PLAIN]
        is_enum = issubclass(thing, enum.Enum)
        lines.append(f"class {path}{'' if is_enum else signature(thing)} {' '.join(bases)}".strip())
        for name, member in members(thing):
            if line := told(name, member):
                lines.append(f"    {line}")
        if dataclasses.is_dataclass(thing):
            late = [field for field in dataclasses.fields(thing) if not field.init]
            lines.extend(f"    {field.name}: {field.type}" for field in late)
    return "\n".join(lines) + "\n"


_PLAIN = frozenset({"EstuaryError", "Exception", "TimeoutError", "Enum", "tuple"})

if __name__ == "__main__":
    LISTING.write_text(listing(), encoding="utf-8")
