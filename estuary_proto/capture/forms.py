"""What a capture's values look like in JSON, and back.

Outputs are only compared and shown, so they go one way: an object `{"is": class name, field: …}`,
an enum as its value, an error with message, code and details, long hidden texts (audio, which the
frames hold anyway) as length and checksum. Inputs come back exactly: messages as wire name and
fields, so that a core meets the same values, the caller's mistakes included.

`«bytes»` stands for bytes as base64, `«pcm»` for those that were left out (see `sound`),
`«int»` for a number too long for JSON in hexadecimal, `«pairs»` for a dict with keys that are not
text, and `«odd»` for a value of which only the name of its type is kept: enough to raise the same
error again.
"""

from __future__ import annotations

import json
from binascii import crc32
from dataclasses import MISSING, fields
from enum import Enum
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import TYPE_CHECKING, Any, Final

from .. import errors
from ..answers import Ack
from ..errors import ErrorCode, EstuaryError
from ..messages import UnknownEvent, class_of
from ..models.base import Model
from ..models.pcm import decode_pcm, encode_pcm
from ..states import Role
from .mask import SECRET_KEYS
from .sound import BYTES, PCM, silence

if TYPE_CHECKING:
    from .mask import Mask

INT: Final = "«int»"
PAIRS: Final = "«pairs»"
ODD: Final = "«odd»"
MAX_DEPTH: Final = 120
"""Nesting beyond this is odd; what may travel is less deep."""

_SHORT: Final = 64
"""Hidden texts up to this many characters are kept whole."""

_LONG: Final = 512
_CONTROL: Final = bytes(range(32))
_LARGE: Final = 2**63
_PLAIN: Final = frozenset({str, bool, float, type(None)})
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
_encode_ascii = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


# --- text --------------------------------------------------------------------------------------


def dumps(value: Any) -> str:
    """A form as compact JSON without any line break, fit for UTF-8."""
    text = _encode(value)
    return text if text.isascii() else one_line(text) or _encode_ascii(value)


def quoted(text: str) -> str:
    """A text as JSON, as `dumps` would write it."""
    if len(text) > _LONG and text.isascii() and "\\" not in text:
        # Mostly audio in base64: these passes take half the time of a look at each character.
        if len(text.encode().translate(None, _CONTROL)) == len(text):
            return '"' + '\\"'.join(text.split('"')) + '"'
    made = encode_basestring(text)
    return made if made.isascii() else one_line(made) or encode_basestring_ascii(text)


def one_line(text: str) -> str:
    """JSON text without what some readers take for a line break; empty if it is not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:  # Half of a surrogate pair.
        return ""
    for odd in "\x85\u2028\u2029":
        if odd in text:
            text = text.replace(odd, f"\\u{ord(odd):04x}")
    return text


# --- outwards ----------------------------------------------------------------------------------

_rows: dict[type, tuple[tuple[str, str], ...]] = {}


def rows_of(cls: Any) -> tuple[tuple[str, str], ...]:
    """The fields that count, each with how it is shown: plain, secret or long."""
    rows = _rows.get(cls)
    if rows is None:
        found = []
        for part in fields(cls):
            if part.metadata.get("secret"):
                found.append((part.name, "secret"))
            elif part.repr:
                found.append((part.name, ""))
            elif part.init:  # Else it is worked out from another field.
                found.append((part.name, "long"))
        rows = _rows[cls] = tuple(found)
    return rows


def form(value: Any, mask: Mask, depth: int = 0) -> Any:
    """Any value as JSON types. Never raises."""
    kind = type(value)
    if kind in _PLAIN or (kind is int and -_LARGE < value < _LARGE):
        return value
    if depth > MAX_DEPTH:
        return {ODD: kind.__name__}
    if hasattr(kind, "__dataclass_fields__"):
        return _record(value, kind, mask, depth)
    if isinstance(value, Enum):
        return form(value.value, mask, depth + 1)
    if isinstance(value, int):
        return int(value) if value.bit_length() < 14_000 else {INT: hex(value)}
    if isinstance(value, (list, tuple)):
        return [form(item, mask, depth + 1) for item in value]
    if isinstance(value, dict):
        return _object(value, mask, depth)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {BYTES: encode_pcm(mask.raw(bytes(value)))}
    if isinstance(value, EstuaryError):
        return error_form(value, mask, depth)
    if isinstance(value, str):
        return str.__str__(value)
    return {ODD: kind.__name__}


def _record(value: Any, kind: type, mask: Mask, depth: int) -> dict[str, Any]:
    made: dict[str, Any] = {"is": kind.__name__}
    for name, how in rows_of(kind):
        item = getattr(value, name)
        if how and type(item) is str:
            if how == "secret":
                item = mask.hide(name, item)
            else:
                item = brief(item)
        elif type(item) not in _PLAIN:
            item = form(item, mask, depth + 1)
        made[name] = item
    return made


def brief(item: Any) -> Any:
    """A hidden text as events show it: whole if it is short, else its length and checksum. Anything
    else is as it is."""
    if type(item) is not str or len(item) <= _SHORT:
        return item
    checksum = crc32(item.encode("utf-8", "surrogatepass"))
    return f"«{len(item)} characters, crc32 {checksum:08x}»"


def _object(value: dict[Any, Any], mask: Mask, depth: int) -> dict[str, Any]:
    made = {}
    for key, item in value.items():
        if type(key) is not str:
            return _pairs(value, mask, depth)
        if key in SECRET_KEYS and type(item) is str:
            item = mask.hide(key, item)
        made[key] = form(item, mask, depth + 1)
    return made


def _pairs(value: dict[Any, Any], mask: Mask, depth: int) -> dict[str, Any]:
    if not all(isinstance(key, (str, int, float, type(None))) for key in value):
        return {ODD: "dict"}
    each = [
        [form(key, mask, depth + 1), form(item, mask, depth + 1)] for key, item in value.items()
    ]
    return {PAIRS: each}


def error_form(error: BaseException, mask: Mask, depth: int = 0) -> dict[str, Any]:
    """An error; one of ours by the class that `estuary_proto.errors` knows it as."""
    if not isinstance(error, EstuaryError):
        return {"is": type(error).__name__, "message": str(error)}
    known = next(cls for cls in type(error).__mro__ if getattr(errors, cls.__name__, None) is cls)
    made = {"is": known.__name__, "message": str(error.message), "code": str(error.code)}
    if error.details:
        made["details"] = form(error.details, mask, depth + 1)
    partial = getattr(error, "partial", "")
    if partial:
        made["partial"] = form(partial, mask, depth + 1)
    return made


# --- inputs, there and back --------------------------------------------------------------------


def message_form(message: Any, mask: Mask) -> dict[str, Any]:
    """What somebody submitted: wire name and fields. Never raises."""
    kind = type(message)
    if kind is UnknownEvent:
        return {"unknown": form(message.name, mask), "args": form(message.args, mask)}
    if kind is Ack:
        return {"ack": form(message.ack_id, mask), "args": form(message.args, mask)}
    if isinstance(message, Model) and class_of(Role.CLIENT, message.WIRE) is kind:
        made = {}
        for part in fields(kind):
            item = getattr(message, part.name)
            if part.metadata.get("secret") and type(item) is str:
                item = mask.hide(part.name, item)
            made[part.name] = form(item, mask)
        return {"wire": message.WIRE, "fields": made}
    return {ODD: kind.__name__}


def message_of(data: Any) -> Any:
    """The message that a form describes; ValueError if it describes none."""
    if not isinstance(data, dict):
        raise ValueError("a message must be an object")
    if "unknown" in data:
        return UnknownEvent(value_of(data["unknown"]), _args_of(data))
    if "ack" in data:
        return Ack(value_of(data["ack"]), _args_of(data))
    if "wire" not in data:
        return value_of(data)
    cls = class_of(Role.CLIENT, str(data["wire"]))
    given = data.get("fields")
    if cls is None or not isinstance(given, dict):
        raise ValueError(f"there is no message {data['wire']!r} with these fields")
    known = {}
    for part in fields(cls):
        if part.name in given:
            known[part.name] = value_of(given[part.name])
        elif part.default is MISSING and part.default_factory is MISSING:
            raise ValueError(f"the message {data['wire']!r} lacks {part.name!r}")
    return cls(**known)


def _args_of(data: dict[str, Any]) -> Any:
    args = value_of(data.get("args", []))
    return tuple(args) if isinstance(args, list) else args


def value_of(data: Any) -> Any:
    """The value that a form describes, a stand-in for an odd one; ValueError for nonsense."""
    if isinstance(data, list):
        return [value_of(item) for item in data]
    if not isinstance(data, dict):
        return data
    if len(data) == 1:
        if isinstance(encoded := data.get(BYTES), str):
            return decode_pcm(encoded)
        if isinstance(stands := data.get(PCM), str):
            return decode_pcm(silence(stands))
        if isinstance(digits := data.get(INT), str):
            return int(digits, 16)
        if isinstance(pairs := data.get(PAIRS), list):
            return {value_of(key): value_of(item) for key, item in pairs}
        if isinstance(name := data.get(ODD), str):
            return type(name, (), {})()
    return {key: value_of(item) for key, item in data.items()}


def error_of(data: Any) -> Any:
    """The error that a form describes; ValueError if it describes none."""
    if isinstance(data, dict) and ODD in data:
        return value_of(data)
    if not isinstance(data, dict) or not isinstance(data.get("message"), str):
        raise ValueError("an error must be an object with a message")
    cls = getattr(errors, str(data.get("is")), EstuaryError)
    if not (isinstance(cls, type) and issubclass(cls, EstuaryError)):
        raise ValueError(f"there is no error {data['is']!r}")
    error = cls.__new__(cls)
    details = value_of(data.get("details") or {})
    EstuaryError.__init__(error, data["message"], ErrorCode(data.get("code", "UNKNOWN")), details)
    if "partial" in data:
        error.partial = value_of(data["partial"])  # type: ignore[attr-defined]
    return error
