"""What a value may be: how it is checked, and how a JSON Schema says so.

`check` returns the value as it is used from then on, or raises `Wrong` with the place and the
problem. `read` does the same for a text from a query or a form.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST: Final = 2**31 - 1
"""The largest whole number where no limit is documented; every database holds it."""


class Wrong(Exception):
    """A value is not what the field takes: where, and why."""

    def __init__(self, where: tuple[str | int, ...], problem: str) -> None:
        super().__init__(where, problem)
        self.where: tuple[str | int, ...] = where
        self.problem: str = problem


Where = tuple[str | int, ...]


class Field(Protocol):
    """One kind of value."""

    def check(self, value: Any, where: Where) -> Any:
        """The value, or Wrong."""
        ...

    def read(self, text: str, where: Where) -> Any:
        """The value that `text` stands for, or Wrong."""
        ...

    def schema(self) -> dict[str, Any]:
        """What it takes, as JSON Schema."""
        ...


_INK: Final = re.compile(r"[^\s\u001c-\u001f\u0085\ufeff]")
"""What is not blank, to Python and to JavaScript, whose ideas of `\\s` differ by these."""


@dataclass(frozen=True)
class Text:
    """A text of `least` to `most` characters; one of `choices` where there are any; one that
    `pattern` finds, which is `called` so."""

    most: int | None = None
    least: int = 0
    choices: tuple[str, ...] = ()
    blank: bool = True
    pattern: str = ""
    called: str = ""

    def check(self, value: Any, where: Where) -> str:
        """See Field."""
        if not isinstance(value, str):
            raise Wrong(where, "it is no text")
        if self.choices and value not in self.choices:
            raise Wrong(where, f"it is none of {', '.join(self.choices)}")
        if len(value) < self.least or (not self.blank and not _INK.search(value)):
            raise Wrong(where, "it is empty")
        if self.most is not None and len(value) > self.most:
            raise Wrong(where, f"it has {len(value)} characters, {self.most} are the most")
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise Wrong(where, f"it is no {self.called}")
        return value

    def read(self, text: str, where: Where) -> str:
        """See Field."""
        return self.check(text, where)

    def schema(self) -> dict[str, Any]:
        """See Field."""
        made: dict[str, Any] = {"type": "string"}
        if self.choices:
            return {**made, "enum": list(self.choices)}
        if self.least:
            made["minLength"] = self.least
        if self.most is not None:
            made["maxLength"] = self.most
        if not self.blank:
            made["pattern"] = _INK.pattern
        if self.pattern:
            made["pattern"] = self.pattern
        return made


@dataclass(frozen=True)
class Moment:
    """A date or a time, as RFC 3339 writes them; read as its first moment in UTC, or as an `end`,
    the first moment behind it."""

    end: bool = False

    def check(self, value: Any, where: Where) -> datetime:
        """See Field."""
        if not isinstance(value, str):
            raise Wrong(where, "it is no text")
        try:
            moment = datetime.fromisoformat(value)
            zone = moment.tzinfo or UTC
            moment = moment.replace(tzinfo=zone).astimezone(UTC)
            if self.end:
                day = len(value) <= len("2026-01-01")
                moment += timedelta(days=1) if day else timedelta(microseconds=1)
        except ValueError:
            raise Wrong(where, "it is no ISO date or time") from None
        except OverflowError:
            moment = datetime.max if self.end else datetime.min
        return moment

    def read(self, text: str, where: Where) -> datetime:
        """See Field."""
        return self.check(text, where)

    def schema(self) -> dict[str, Any]:
        """See Field."""
        kinds = [{"type": "string", "format": kind} for kind in ("date", "date-time")]
        return {"anyOf": kinds}


@dataclass(frozen=True)
class Number:
    """A number from `low` to `high`, `whole` or not."""

    low: float = 0
    high: float = LARGEST
    whole: bool = False
    default: float | None = None

    def check(self, value: Any, where: Where) -> float:
        """See Field."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Wrong(where, "it is no number")
        if not self.low <= value <= self.high:  # NaN is nowhere, and infinity beyond.
            raise Wrong(where, f"it is not from {self.low:g} to {self.high:g}")
        if self.whole:
            if value != int(value):
                raise Wrong(where, "it is no whole number")
            return int(value)
        return value

    def read(self, text: str, where: Where) -> float:
        """See Field."""
        if not text.isascii() or "_" in text or len(text) > 30 or text != text.strip():
            raise Wrong(where, "it is no number")
        try:
            value = int(text) if self.whole else float(text)
        except ValueError:
            kind = "whole number" if self.whole else "number"
            raise Wrong(where, f"it is no {kind}") from None
        return self.check(value, where)

    def schema(self) -> dict[str, Any]:
        """See Field."""
        made: dict[str, Any] = {"type": "integer" if self.whole else "number"}
        made |= {"minimum": self.low, "maximum": self.high}
        return made if self.default is None else {**made, "default": self.default}


@dataclass(frozen=True)
class Switch:
    """True or false, or `only` one of them."""

    only: bool | None = None

    def check(self, value: Any, where: Where) -> bool:
        """See Field."""
        if not isinstance(value, bool):
            raise Wrong(where, "it is neither true nor false")
        if self.only not in (None, value):
            raise Wrong(where, f"it is not {str(self.only).lower()}")
        return value

    def read(self, text: str, where: Where) -> bool:
        """See Field."""
        if text not in ("true", "false"):
            raise Wrong(where, "it is neither true nor false")
        return self.check(text == "true", where)

    def schema(self) -> dict[str, Any]:
        """See Field."""
        return {"type": "boolean"} if self.only is None else {"type": "boolean", "const": self.only}


@dataclass(frozen=True)
class Items:
    """A list of at most `most` values."""

    item: Field
    most: int = 100

    def check(self, value: Any, where: Where) -> list[Any]:
        """See Field."""
        if not isinstance(value, list):
            raise Wrong(where, "it is no list")
        if len(value) > self.most:
            raise Wrong(where, f"it holds {len(value)}, {self.most} are the most")
        return [self.item.check(each, (*where, at)) for at, each in enumerate(value)]

    def read(self, text: str, where: Where) -> list[Any]:
        """See Field."""
        raise Wrong(where, "a list does not stand there")

    def schema(self) -> dict[str, Any]:
        """See Field."""
        return {"type": "array", "items": self.item.schema(), "maxItems": self.most}


@dataclass(frozen=True)
class Free:
    """A JSON object of any shape."""

    def check(self, value: Any, where: Where) -> dict[str, Any]:
        """See Field."""
        if not isinstance(value, dict):
            raise Wrong(where, "it is no object")
        if not _finite(value):
            raise Wrong(where, "it holds a number that is too large")
        return value

    def read(self, text: str, where: Where) -> dict[str, Any]:
        """See Field."""
        raise Wrong(where, "an object does not stand there")

    def schema(self) -> dict[str, Any]:
        """See Field."""
        return {"type": "object", "additionalProperties": True}


def _finite(value: Any) -> bool:
    """Whether JSON can hold it again: 1e999 is read as infinity."""
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    if isinstance(value, list):
        return all(map(_finite, value))
    return not isinstance(value, float) or isfinite(value)


@dataclass(frozen=True)
class Group:
    """A JSON object with these fields and no others; null stands for "not given", but in
    `needed` ones. `some`: at least one must be given. `never`: names that may not be given where
    the switch of the first name is on."""

    fields: Mapping[str, Field]
    needed: tuple[str, ...] = ()
    some: bool = False
    nullable: bool = True
    never: tuple[str, ...] = ()

    def check(self, value: Any, where: Where) -> dict[str, Any]:
        """See Field."""
        if not isinstance(value, dict):
            raise Wrong(where, "it is no object")
        for name in value:
            if name not in self.fields:
                raise Wrong((*where, name[:80]), "there is no such field")
        made = {
            name: self.fields[name].check(each, (*where, name))
            for name, each in value.items()
            if each is not None or name in self.needed or not self.nullable
        }
        for name in self.needed:
            if name not in made:
                raise Wrong((*where, name), "it is missing")
        if self.some and not made:
            raise Wrong(where, "nothing is given that should change")
        if self.never and made.get(self.never[0]):
            for name in self.never[1:]:
                if name in made:
                    raise Wrong((*where, name), f"with {self.never[0]} there is none")
        return made

    def read(self, text: str, where: Where) -> dict[str, Any]:
        """See Field."""
        raise Wrong(where, "an object does not stand there")

    def schema(self) -> dict[str, Any]:
        """See Field."""
        made: dict[str, Any] = {
            "type": "object",
            "properties": {name: self._schema(name) for name in self.fields},
            "additionalProperties": False,
        }
        if self.needed:
            made["required"] = list(self.needed)
        if self.some:
            made["minProperties"] = 1
        if self.never:
            on, *others = self.never
            made["if"] = {"properties": {on: {"const": True}}, "required": [on]}
            made["then"] = {"properties": {name: {"type": "null"} for name in others}}
        return made

    def _schema(self, name: str) -> dict[str, Any]:
        made = self.fields[name].schema()
        if name in self.needed or self.some or not self.nullable:
            return made
        return {"anyOf": [made, {"type": "null"}]}
