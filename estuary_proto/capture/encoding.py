"""What a capture writes thousands of times a second, as bytes: times, frames and events.

With msgspec (extra `[capture]`) its compiled encoder writes them, without it Python's own: the same
bytes either way. What JSON does not hold as it stands, and events that hold more than plain values,
go the long way by `forms`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum
from json.encoder import encode_basestring
from operator import attrgetter
from types import UnionType
from typing import TYPE_CHECKING, Any, Final, Union, get_args, get_origin, get_type_hints

from .forms import brief, dumps, one_line, quoted, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Way = Callable[[Any], "bytes | None"]

_compiled: Any
try:
    import msgspec as _compiled
except ImportError:
    _compiled = None

LEAST: Final = 1e-3
MOST: Final = 1e15
"""Numbers from `LEAST` on and below `MOST` are written alike by all."""

_NEL, _LS, _PS = "\x85".encode(), "\u2028".encode(), "\u2029".encode()
_PLAIN: Final = frozenset({str, bool, int, type(None)})
_LASTING: Final = _PLAIN | {float, bytes}


@dataclass(frozen=True, slots=True)
class Encoding:
    """How things are written. `number` takes those from `LEAST` to `MOST`, `ascii` texts that are
    ASCII, `text` any. `events` holds for each class what writes its events, or gives None for one
    that takes the long way."""

    number: Callable[[float], bytes]
    ascii: Callable[[str], bytes]
    text: Callable[[str], bytes]
    events: Mapping[type, Way]


def best() -> Encoding:
    """The fastest that there is."""
    return COMPILED or PLAIN


class _Ways(dict[type, "Way"]):
    """Class -> how its events are written; found out when the first one comes."""

    def __init__(self, way_of: Callable[[type], Way]) -> None:
        super().__init__()
        self._way_of = way_of

    def __missing__(self, kind: type) -> Way:
        made = self[kind] = self._way_of(kind)
        return made


def _is_record(kind: type) -> bool:
    """Whether its objects are written as a table of fields, none of them secret."""
    if not hasattr(kind, "__dataclass_fields__") or issubclass(kind, BaseException):
        return False
    rows = rows_of(kind)
    # Of a single name, attrgetter gives the bare value.
    return len(rows) > 1 and all(how != "secret" for _, how in rows)


def _hints_of(kind: type) -> dict[str, Any]:
    """Field -> its type, as far as that can be found out."""
    try:
        hints = get_type_hints(kind)
    except NameError:  # A name that only type checkers know.
        hints = {}
    return {part.name: hints.get(part.name, Any) for part in fields(kind)}


# --- Python's own ------------------------------------------------------------------------------


class _Writers(dict[type, "Callable[[Any], str]"]):
    """Type -> how its values are written; KeyError for those that take the long way."""

    def __missing__(self, kind: type) -> Callable[[Any], str]:
        made: Callable[[Any], str]
        if issubclass(kind, Enum):
            made = {one: dumps(one.value) for one in kind}.__getitem__
        elif _is_record(kind):
            made = self._fields(kind)
        else:
            raise KeyError(kind)
        self[kind] = made
        return made

    def _fields(self, kind: type) -> Callable[[Any], str]:
        rows = rows_of(kind)
        values_of = attrgetter(*(name for name, _ in rows))
        each = ",".join(f'"{name}":%s' for name, _ in rows)
        template = f'{{"is":"{kind.__name__}",{each}}}'
        long = [at for at, (_, how) in enumerate(rows) if how]

        def plain(value: Any) -> str:
            return template % tuple([self[type(item)](item) for item in values_of(value)])

        def with_long(value: Any) -> str:
            items = list(values_of(value))
            for at in long:
                items[at] = brief(items[at])
            return template % tuple([self[type(item)](item) for item in items])

        return with_long if long else plain


def _finite(value: float) -> str:
    if value - value != 0.0:  # Not for NaN, nor for the infinities.
        raise KeyError(value)
    return repr(value)


_writers = _Writers(
    {
        str: encode_basestring,
        bool: {True: "true", False: "false"}.__getitem__,
        type(None): {None: "null"}.__getitem__,
        int: int.__repr__,
        float: _finite,
    }
)


def _number(value: float) -> bytes:
    return b"%a" % value


def _text(text: str) -> bytes:
    return quoted(text).encode()


def _event(event: Any) -> bytes | None:
    try:
        made = _writers[type(event)](event)
    except (KeyError, ValueError):  # ValueError: a number of thousands of digits.
        return None
    text = made if made.isascii() else one_line(made)
    return text.encode() or None


PLAIN: Final = Encoding(_number, _text, _text, _Ways(lambda kind: _event))


# --- msgspec's ---------------------------------------------------------------------------------


def _has_odd(made: bytes) -> bool:
    """Whether JSON holds what some readers take for a line break."""
    return _NEL in made or _LS in made or _PS in made


def _scalars_in(hint: Any) -> set[Any]:
    """The types that a hint allows, each on its own."""
    if get_origin(hint) in (Union, UnionType):
        return {kind for each in get_args(hint) for kind in _scalars_in(each)}
    return {hint}


def _is_written_alike(kind: Any) -> bool:
    """Whether the encoder writes every value of this type as the long way does."""
    if not isinstance(kind, type):
        return False
    if issubclass(kind, Enum):
        return all(type(one.value) in (str, int) for one in kind)
    return kind in _PLAIN


class _Shapes(dict[type, "Callable[[Any], Any]"]):
    """Class -> how to make of its objects what the encoder writes; KeyError if that cannot be."""

    def __missing__(self, kind: type) -> Callable[[Any], Any]:
        if not _is_record(kind):
            raise KeyError(kind)
        shape, values_of, care = self.parts(kind)

        def shaped(value: Any) -> Any:
            items = list(values_of(value))
            for at, seen in care:
                items[at] = seen(items[at])
            return shape(*items)

        self[kind] = shaped
        return shaped

    def parts(self, kind: type) -> tuple[Any, Callable[[Any], Any], list[tuple[int, Any]]]:
        """What is written, what gets the values of its fields, and which of them to look at."""
        rows = rows_of(kind)
        names = [name for name, _ in rows]
        shape = _compiled.defstruct(kind.__name__, names, tag_field="is", tag=kind.__name__)
        hints = _hints_of(kind)
        care: list[tuple[int, Any]] = []
        for at, (name, how) in enumerate(rows):
            if how:
                care.append((at, brief))
            if not all(_is_written_alike(each) for each in _scalars_in(hints[name])):
                care.append((at, self.looked_at))
        return shape, attrgetter(*names), care

    def looked_at(self, value: Any) -> Any:
        """A value of which nothing is known beforehand."""
        kind = type(value)
        if kind is float:
            if value == 0.0 or LEAST <= value < MOST:
                return value
            raise KeyError(value)
        return value if _is_written_alike(kind) else self[kind](value)


def _of_msgspec() -> Encoding:
    encode: Callable[[Any], bytes] = _compiled.json.Encoder().encode
    shapes = _Shapes()

    def text(text: str) -> bytes:
        try:
            made = encode(text)
        except UnicodeEncodeError:  # Half of a surrogate pair.
            return _text(text)
        return _text(text) if _has_odd(made) else made

    def way_of(kind: type) -> Way:
        if not _is_record(kind):
            return _event
        shape, values_of, care = shapes.parts(kind)
        shaped = shapes[kind]

        def plain(event: Any) -> bytes | None:
            try:
                made = encode(shape(*values_of(event)))
            except ValueError:
                return _event(event)
            return made if made.isascii() or not _has_odd(made) else _event(event)

        def with_care(event: Any) -> bytes | None:
            try:
                made = encode(shaped(event))
            except (KeyError, ValueError):
                return _event(event)
            return made if made.isascii() or not _has_odd(made) else _event(event)

        return with_care if care else plain

    return Encoding(encode, encode, text, _Ways(way_of))


COMPILED: Final = None if _compiled is None else _of_msgspec()


# --- what may wait -----------------------------------------------------------------------------


def _stays(hint: Any) -> bool:
    """Whether nobody can change a value of this type."""
    if get_origin(hint) in (Union, UnionType):
        return all(_stays(each) for each in get_args(hint))
    if not isinstance(hint, type):
        return False
    return hint in _LASTING or issubclass(hint, Enum) or WAITS[hint]


class _Waits(dict[type, bool]):
    """Class -> whether its events may wait as they are: nobody can change them, nor are any of
    their fields secret."""

    def __missing__(self, kind: type) -> bool:
        self[kind] = False  # For a class within itself.
        found = self[kind] = (
            _is_record(kind)
            and kind.__dataclass_params__.frozen  # type: ignore[attr-defined]  # Typeshed lacks it.
            and all(map(_stays, _hints_of(kind).values()))
        )
        return found


WAITS: Final = _Waits()
