"""JSON as it travels in packets: strict about what leaves, careful about what comes in.

What `loads` returns can always be written again by `dumps` (unless it holds an overflowing number
such as 1e999, which every JSON reader of Python turns into infinity): lone surrogates are mended,
`NaN` becomes None, and nothing nests deeper than `MAX_DEPTH`, so plain recursion over it is safe.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

from estuary_proto.errors import LocalProtocolError, RemoteProtocolError

MAX_DEPTH: Final = 100
"""How many lists and objects may stand inside each other, both ways. Estuary's events need 6."""

_SPACE: Final = " \t\n\r"
_BYTES: Final = (bytes, bytearray, memoryview)


def _no_number(_name: str) -> None:
    """Read NaN and the infinities as null: a Python peer may write them, a JavaScript one won't."""


# Reading from an index spares a copy of the text, and the two regex matches of `json.loads`.
_read_at = json.JSONDecoder(parse_constant=_no_number).raw_decode
_write = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def loads(text: str, start: int = 0) -> Any:
    """The one JSON value that stands in `text` from index `start` to the end.

    Raises RemoteProtocolError for what is not JSON, for numbers of absurd length and for nesting
    beyond `MAX_DEPTH`. Names may repeat in an object: the last one counts.
    """
    try:
        value, end = _read_at(text, start)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        begin = start
        while text[begin : begin + 1] in _SPACE and begin < len(text):
            begin += 1
        if begin != start:
            return loads(text, begin)
        raise RemoteProtocolError(f"not JSON: {error}") from None
    if end != len(text) and text[end:].strip(_SPACE):
        raise RemoteProtocolError(f"not JSON: extra text after the value, at character {end}")
    if len(text) - start > 2 * MAX_DEPTH and _has_many_brackets(text, start) and _is_deep(value):
        raise _too_deep()
    # Only an escape can smuggle half of a surrogate pair into a text that was UTF-8. One character
    # is found far faster than three, so that is asked first.
    if "\\" in text and ("\\ud" in text or "\\uD" in text):
        return _mend(value)
    return value


def dumps(value: object) -> str:
    """`value` as compact JSON text that is fit for UTF-8.

    Raises LocalProtocolError, naming the path, for what JSON or UTF-8 cannot hold: bytes, other
    types, NaN and infinity, lone surrogates, keys that are not text, nesting beyond `MAX_DEPTH`.
    """
    if holds_bytes(value):
        raise _refusal(value)
    return write(value)


def write(value: object) -> str:
    """`dumps` for a value that `holds_bytes` has already walked and found free of bytes."""
    try:
        text = _write(value)
        if not text.isascii():
            text.encode()
    except (TypeError, ValueError):
        raise _refusal(value) from None
    return text


def holds_bytes(value: object) -> bool:
    """Whether bytes stand anywhere in `value` (its keys not counted).

    The same walk judges what the JSON writer would let pass: raises LocalProtocolError, naming the
    path, for a key that is not text and for nesting beyond `MAX_DEPTH` (a circle, most likely).
    """
    try:
        return _walk(value, 0)
    except _Odd:
        raise _refusal(value, bytes_allowed=True) from None


class _Odd(Exception):
    """The walk met something; `_refusal` finds out where."""


def _walk(value: object, depth: int) -> bool:
    if isinstance(value, dict):
        if depth >= MAX_DEPTH:
            raise _Odd
        found = False
        for key, item in value.items():
            if not isinstance(key, str):
                raise _Odd
            # Most values are plain text: one exact test spares them the call.
            if type(item) is not str and _walk(item, depth + 1):
                found = True
        return found
    if isinstance(value, (list, tuple)):
        if depth >= MAX_DEPTH:
            raise _Odd
        found = False
        for item in value:
            if type(item) is not str and _walk(item, depth + 1):
                found = True
        return found
    return isinstance(value, _BYTES)


def _refusal(value: object, *, bytes_allowed: bool = False) -> LocalProtocolError:
    """The error that names the first thing in `value` that cannot be sent, and where it stands."""
    fault = _fault(value, "data", 0, bytes_allowed=bytes_allowed)
    return LocalProtocolError(f"cannot send {fault or 'this value: it is not JSON'}")


def _fault(value: object, path: str, depth: int, *, bytes_allowed: bool) -> str | None:
    inner: list[tuple[str, object]] = []
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                return f"{path}: the key {_short(key)} is {type(key).__name__}, not text"
            if not _is_text(key):
                return f"{path}: the key {_short(key)} holds half of a surrogate pair"
            inner.append((f"{path}.{key}", item))
    elif isinstance(value, (list, tuple)):
        inner = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    else:
        return _leaf_fault(value, path, bytes_allowed=bytes_allowed)
    if depth >= MAX_DEPTH:
        return f"{path[:60]}…: it nests deeper than {MAX_DEPTH} levels, or in a circle"
    for inner_path, item in inner:
        fault = _fault(item, inner_path, depth + 1, bytes_allowed=bytes_allowed)
        if fault:
            return fault
    return None


def _leaf_fault(value: object, path: str, *, bytes_allowed: bool) -> str | None:
    if isinstance(value, str):
        return None if _is_text(value) else f"{path}: the text holds half of a surrogate pair"
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{path}: {value} is no JSON number"
    if isinstance(value, int):
        # Python writes no number of more than some 4300 digits: 14,000 bits.
        return None if value.bit_length() < 14_000 else f"{path}: the number is absurdly long"
    if value is None or (bytes_allowed and isinstance(value, _BYTES)):
        return None
    return f"{path}: {type(value).__name__} is not a JSON type"


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _has_many_brackets(text: str, start: int) -> bool:
    """Whether there are brackets enough for a value beyond `MAX_DEPTH`.

    `find` runs through long texts (audio) ten times faster than `count`, and a walk over the value
    would cost more than either.
    """
    left = MAX_DEPTH
    for bracket in "[{":
        at = text.find(bracket, start)
        while at >= 0:
            if not left:
                return True
            left -= 1
            at = text.find(bracket, at + 1)
    return False


def _is_deep(value: object) -> bool:
    """Whether `value` nests beyond `MAX_DEPTH`; level by level, since recursion is the danger."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for outer in level
            if isinstance(outer, (dict, list))
            for item in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return any(isinstance(item, (dict, list)) for item in level)


def _mend(value: Any) -> Any:
    """`value` with each lone surrogate replaced by U+FFFD, in texts and in keys."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mend(item) for item in value]
    if isinstance(value, dict):
        return {_mend(key): _mend(item) for key, item in value.items()}
    return value


def _too_deep() -> RemoteProtocolError:
    return RemoteProtocolError(f"the JSON nests deeper than {MAX_DEPTH} levels")


def _short(value: object) -> str:
    return repr(value)[:40]
