"""How anything at all becomes a model: the tolerant half of the vocabulary.

A peer may send null, leave a key out, spell it otherwise, or put the wrong type in. None of that
may raise (what the peer does never raises), so every converter here answers with the value, or with
None for "cannot be read", and the field then takes its default.

A class's reader is put together once, on first use, from its annotations: a row per field with the
setter, the key, the exact type that needs no conversion, and what to do otherwise.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from math import isfinite
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import Field

    Convert = Callable[[Any], Any]
    """A value to the wanted type; None when it cannot be read."""
    Reader = Callable[[object], Any]


class _Nothing:
    """A type that no value has, for fields whose every value must pass the converter."""


def read_str(value: object) -> str | None:
    """Text, or a number as its text (PROTOCOL C5: `interrupted_at` comes as either)."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return str(value) if isfinite(value) else None
    if isinstance(value, int):
        try:
            return str(value)
        except ValueError:  # more digits than Python is willing to print
            return None
    return None


def read_int(value: object) -> int | None:
    """A whole number: an int, a float without a fraction, or its digits as text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str):
        digits = value.strip()
        body = digits[1:] if digits[:1] in ("-", "+") else digits
        if body.isascii() and body.isdigit():
            try:
                return int(digits)
            except ValueError:  # more digits than Python is willing to read
                return None
    return None


def read_float(value: object) -> float | None:
    """A finite number, or the text of one. NaN and infinity are nothing one could reckon with."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str) and "_" in value:  # Python reads 1_0 as ten, nobody else does
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def read_bool(value: object) -> bool | None:
    """True or false, also as 1 and 0 or as the words."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return bool(value) if value in (0, 1) else None
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return None


def read_any(value: object) -> object:
    """Whatever it is."""
    return value


_PLAIN: dict[Any, tuple[type, Convert]] = {
    str: (str, read_str),
    int: (int, read_int),
    bool: (bool, read_bool),
    # A float may be NaN, so even a float is looked at.
    float: (_Nothing, read_float),
    Any: (_Nothing, read_any),
}
_ZEROS: dict[Any, Callable[[], Any]] = {
    str: str,
    int: int,
    bool: bool,
    float: float,
    list: list,
    dict: dict,
    tuple: tuple,
}


def without_none(hint: Any) -> Any:
    """`X | None` as `X`; anything else as it is."""
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (arg for arg in get_args(hint) if arg is not NoneType)
    return hint


def is_model(hint: Any) -> bool:
    """Is this annotation another model?"""
    return isinstance(hint, type) and hasattr(hint, "__dataclass_fields__")


def _list_of(item: Convert) -> Convert:
    def convert(value: object) -> list[Any] | None:
        if not isinstance(value, (list, tuple)):
            return None
        if item is read_any:
            return list(value)
        return [read for read in map(item, value) if read is not None]

    return convert


def _tuple_of(item: Convert) -> Convert:
    def convert(value: object) -> tuple[Any, ...] | None:
        """All or nothing: a vector with one number missing would be another vector."""
        if not isinstance(value, (list, tuple)):
            return None
        read = tuple(map(item, value))
        return None if None in read else read

    return convert


def _dict_of(item: Convert) -> Convert:
    def convert(value: object) -> dict[str, Any] | None:
        if not isinstance(value, dict):
            return None
        if item is read_any:
            return {key: each for key, each in value.items() if isinstance(key, str)}
        pairs = ((key, item(each)) for key, each in value.items() if isinstance(key, str))
        return {key: read for key, read in pairs if read is not None}

    return convert


def _nested(cls: type) -> Convert:
    def convert(value: object) -> object:
        return reader_of(cls)(value) if isinstance(value, dict) else None

    return convert


def _converter(hint: Any) -> tuple[type, Convert]:
    """The exact type that needs no conversion, and the converter for everything else."""
    hint = without_none(hint)
    if hint in _PLAIN:
        return _PLAIN[hint]
    if is_model(hint):
        return _Nothing, _nested(hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin is list:
        return _Nothing, _list_of(_converter(args[0])[1])
    if origin is tuple:
        return _Nothing, _tuple_of(_converter(args[0])[1])
    if origin is dict:
        return _Nothing, _dict_of(_converter(args[1])[1])
    raise TypeError(f"a model cannot have a field of type {hint!r}")


def _default(part: Field[Any], hint: Any) -> tuple[Any, Callable[[], Any] | None]:
    """What an unreadable field holds: a value, or a callable that makes a fresh one."""
    if part.default_factory is not MISSING:
        return None, part.default_factory
    if part.default is not MISSING:
        return part.default, None
    # A field that the caller must give may still be missing on the wire: then it is empty.
    if without_none(hint) is not hint:
        return None, None
    return None, _ZEROS[get_origin(hint) or hint]


def camel(name: str) -> str:
    """`message_id` as `messageId`."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def wire_key(cls: Any, part: Field[Any]) -> str:
    """The key under which this field is written."""
    named: str = part.metadata.get("wire", "")
    return named or (camel(part.name) if cls.CAMEL else part.name)


def spellings(cls: Any, part: Field[Any]) -> tuple[str, ...]:
    """Every key under which this field may come, the one that we write first."""
    known = (wire_key(cls, part), part.name, camel(part.name), *part.metadata.get("aliases", ()))
    return tuple(dict.fromkeys(known))


def hints_of(cls: type) -> dict[str, Any]:
    """The annotations of a class, resolved; late, since resolving them is slow."""
    return get_type_hints(cls)


def _plan(cls: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """What to do for each field: for those that travel, and for those that are worked out here."""
    hints = hints_of(cls)
    rows, local = [], []
    for part in fields(cls):
        put = getattr(cls, part.name).__set__
        if part.init:
            hint = hints[part.name]
            keys = spellings(cls, part)
            rows.append((put, keys[0], *_converter(hint), keys[1:], *_default(part, hint)))
        else:
            local.append((put, part.default))
    return tuple(rows), tuple(local)


def _compile(cls: Any) -> Reader:
    plan, local = _plan(cls)
    new = object.__new__
    bare: str = cls.BARE
    tidy: Callable[[dict[str, Any]], dict[str, Any]] | None = getattr(cls, "_tidy", None)
    derive: Callable[[Any], None] | None = getattr(cls, "__post_init__", None)

    def read(data: object) -> Any:
        if not isinstance(data, dict):
            data = {bare: data} if bare and isinstance(data, str) else {}
        if tidy is not None:
            data = tidy(data)
        get = data.get
        made = new(cls)
        for put, key, exact, convert, others, default, fresh in plan:
            value = get(key)
            if type(value) is exact:
                put(made, value)
                continue
            if value is not None:
                value = convert(value)
            if value is None:
                for other in others:
                    if other in data and (value := get(other)) is not None:
                        value = convert(value)
                        if value is not None:
                            break
                else:
                    value = default if fresh is None else fresh()
            put(made, value)
        for put, default in local:
            put(made, default)
        if derive is not None:
            derive(made)
        return made

    return read


_READERS: dict[type, Reader] = {}


def reader_of(cls: type) -> Reader:
    """The function that reads this class from anything; made on first use, then kept."""
    reader = _READERS.get(cls)
    if reader is None:
        reader = _READERS[cls] = _compile(cls)
    return reader
