"""How a model becomes what goes on the wire, and how the caller's mistakes are found before.

The strict half of the vocabulary: what we send has exactly the types that the contract names.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple, get_args, get_origin

from estuary_proto.errors import LocalProtocolError
from estuary_proto.models.reading import hints_of, is_model, wire_key, without_none

if TYPE_CHECKING:
    from collections.abc import Callable

    from estuary_proto.models.base import Model

    Encode = Callable[[Any], Any]
    Fits = Callable[[Any], bool]


class _Row(NamedTuple):
    """One field: how it is written, and what it may hold."""

    name: str
    key: str
    omit: Any
    """A value that is left out; MISSING when none is. None is always left out."""
    encode: Encode | None
    exact: type | None
    fits: Fits
    wanted: str


def _encoder(hint: Any) -> Encode | None:
    """None for what goes out as it is; containers are copied, models written."""
    hint = without_none(hint)
    if is_model(hint):
        return lambda value: value.to_dict()
    if hint is Any:
        return lambda value: value.copy() if type(value) in (dict, list) else value
    origin, args = get_origin(hint), get_args(hint)
    if origin is dict:
        return dict
    if origin not in (list, tuple):
        return None
    item = _encoder(args[0])
    return list if item is None else lambda values: [item(value) for value in values]


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return isfinite(value)
    except OverflowError:  # an int too large to be a float
        return False


_FITS: dict[Any, tuple[type | None, Fits, str]] = {
    str: (str, lambda value: isinstance(value, str), "str"),
    int: (int, lambda value: isinstance(value, int) and not isinstance(value, bool), "int"),
    bool: (bool, lambda value: isinstance(value, bool), "bool"),
    float: (None, _is_number, "a finite number"),
    Any: (None, lambda value: True, "anything"),
}


def _fitter(hint: Any) -> tuple[type | None, Fits, str]:
    """The exact type that is always right, a test for the rest, and both in words."""
    bare = without_none(hint)
    exact, fits, wanted = _fitter_of(bare)
    if bare is not hint:
        return exact, lambda value: value is None or fits(value), f"{wanted} or None"
    return exact, fits, wanted


def _fitter_of(hint: Any) -> tuple[type | None, Fits, str]:
    if hint in _FITS:
        return _FITS[hint]
    if is_model(hint):
        return None, lambda value: isinstance(value, hint) and value.check(), hint.__name__
    origin, args = get_origin(hint), get_args(hint)
    _, item, wanted = _fitter(args[1] if origin is dict else args[0])
    if origin is dict:
        return (
            None,
            lambda value: (
                isinstance(value, dict)
                and all(isinstance(key, str) and item(each) for key, each in value.items())
            ),
            f"a dict of str to {wanted}",
        )
    return (
        None,
        lambda value: isinstance(value, origin) and all(map(item, value)),
        f"a {origin.__name__} of {wanted}",
    )


def _compile(cls: Any) -> tuple[_Row, ...]:
    hints = hints_of(cls)
    rows = []
    for part in fields(cls):
        if part.init:
            hint = hints[part.name]
            omit = part.default if part.metadata.get("omit") else MISSING
            rows.append(_Row(part.name, wire_key(cls, part), omit, _encoder(hint), *_fitter(hint)))
    return tuple(rows)


_ROWS: dict[type, tuple[_Row, ...]] = {}


def _rows_of(cls: type) -> tuple[_Row, ...]:
    rows = _ROWS.get(cls)
    if rows is None:
        rows = _ROWS[cls] = _compile(cls)
    return rows


def write(made: Model) -> dict[str, Any]:
    """The wire's dict of a model: None is left out, and so is what the field says to omit."""
    out = {}
    for name, key, omit, encode, _, _, _ in _rows_of(type(made)):
        value = getattr(made, name)
        if value is None or (omit is not MISSING and value == omit):
            continue
        out[key] = value if encode is None else encode(value)
    return out


def check(made: Model) -> None:
    """Raise LocalProtocolError for the first field that holds another type than it says.

    The message names the class, the field and the type of the value; never the value, which may be
    a secret.
    """
    for name, _, _, _, exact, fits, wanted in _rows_of(type(made)):
        value = getattr(made, name)
        if type(value) is not exact and not fits(value):
            got = type(value).__name__
            raise LocalProtocolError(f"{type(made).__name__}.{name} must be {wanted}, not {got}")
