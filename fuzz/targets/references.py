"""What parsers should say, worked out slowly and plainly, by other means than theirs.

Where a parser and its reference differ, one of them is wrong. Nothing here is streamed, cached or
cut short: whole texts in, values out.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from functools import cache
from math import isfinite
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

from estuary_proto import jsontext
from estuary_proto.actions import MAX_TAG
from estuary_proto.engineio import DEFAULT_MAX_PAYLOAD, LEAST_PAYLOAD, Open
from estuary_proto.errors import RemoteProtocolError
from estuary_proto.models.base import Model
from estuary_proto.models.reading import hints_of
from estuary_proto.socketio import MAX_ID_DIGITS, Packet, PacketType
from estuary_proto.transcript import MAX_OPEN

if TYPE_CHECKING:
    from estuary_proto.config import TextMode
    from estuary_proto.models.conversation import ResponseChunk

REFUSED: Final = object()
"""What stands for a value where there is none: the text is to be refused."""

# --- JSON and packets ----------------------------------------------------------------------------

_HALVES: Final = re.compile("[\ud800-\udfff]")


def json_value(text: str) -> Any:
    """What the json module reads, or REFUSED; with the exceptions that `jsontext` names."""
    try:
        value = json.loads(text, parse_constant=lambda name: None)
    except (ValueError, RecursionError):
        return REFUSED
    return _mended(value) if _depth(value) <= jsontext.MAX_DEPTH else REFUSED


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, (dict, list))]:
        depth += 1
        level = [i for each in level for i in (each.values() if isinstance(each, dict) else each)]
    return depth


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return _HALVES.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    return [_mended(item) for item in value] if isinstance(value, list) else value


def greeting_of(data: Any) -> Any:
    """The `Open` in an OPEN packet whose JSON is this, or REFUSED."""
    if not isinstance(data, dict) or not isinstance(data.get("sid"), str) or not data["sid"]:
        return REFUSED
    given = {"pingInterval": 25_000, "pingTimeout": 20_000, "maxPayload": DEFAULT_MAX_PAYLOAD}
    for name in given:
        value = data.get(name)
        if value is None:
            continue
        if type(value) not in (int, float) or not 0 <= value < 2**63:
            return REFUSED
        if (value == 0 and name != "pingInterval") or (value > 2**31 and name != "maxPayload"):
            return REFUSED
        given[name] = value
    listed = data.get("upgrades")
    return Open(
        data["sid"],
        tuple(each for each in listed if isinstance(each, str)) if isinstance(listed, list) else (),
        given["pingInterval"] / 1000,
        given["pingTimeout"] / 1000,
        max(LEAST_PAYLOAD, int(given["maxPayload"])),
    )


_PACKET: Final = re.compile(
    r"(?:(?P<plain>[0-4])|(?P<binary>[56])(?P<count>[0-9]{1,3})-)"
    r"(?P<space>/[^,]*)?(?(space)(?:,|\Z))(?P<id>[0-9]*)(?P<json>.*)",
    re.DOTALL,
)


def packet_of(text: str) -> Any:
    """The Socket.IO packet in a text, or REFUSED; its places for bytes still in it."""
    found = _PACKET.fullmatch(text)
    if found is None or len(found["id"]) > MAX_ID_DIGITS:
        return REFUSED
    try:
        data = jsontext.loads(found["json"]) if found["json"] else None
    except RemoteProtocolError:
        return REFUSED
    kind = PacketType(int(found["plain"] or found["binary"]))
    ident = int(found["id"]) if found["id"] else None
    if kind in (PacketType.EVENT, PacketType.BINARY_EVENT):
        sound = isinstance(data, list) and data != [] and isinstance(data[0], str)
    elif kind in (PacketType.ACK, PacketType.BINARY_ACK):
        sound = isinstance(data, list) and ident is not None
    else:
        may_be = {PacketType.CONNECT: (dict,), PacketType.CONNECT_ERROR: (dict, str)}.get(kind, ())
        sound = ident is None and (data is None or isinstance(data, may_be))
    if not sound:
        return REFUSED
    namespace = (found["space"] or "/").partition("?")[0]
    return Packet(kind, namespace, ident, data, int(found["count"] or 0))


def refusal_of(body: str) -> str | None:
    """The server's own code in the body of a refusal: what is inside `detail` says it best."""
    said = json_value(body)
    if not isinstance(said, dict):
        return None
    inner = said.get("detail")
    places = [place for place in (inner, said) if isinstance(place, dict)]
    found = [place.get(key) for place in places for key in ("code", "error", "type")]
    return next((text for text in found if isinstance(text, str) and text), None)


# --- models --------------------------------------------------------------------------------------


@cache
def _hints(cls: Any) -> tuple[tuple[str, Any], ...]:
    hints = hints_of(cls)
    return tuple((part.name, hints[part.name]) for part in fields(cls) if part.init)


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is what an annotation says: no bool is a number, nor are NaN and infinity."""
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any or (hint in (None, NoneType) and value is None):
        return True
    if hint is float:
        return type(value) in (int, float) and isfinite(value)
    if hint in (str, int, bool):
        return type(value) is hint
    if isinstance(hint, type) and issubclass(hint, Model):
        return type(value) is hint and misfit(value) is None
    if origin in (list, tuple):
        return type(value) is origin and all(fits(item, args[0]) for item in value)
    if origin is dict:
        pairs = value.items() if type(value) is dict else [(None, None)]
        return all(fits(key, args[0]) and fits(item, args[1]) for key, item in pairs)
    return any(fits(value, arg) for arg in args)


def misfit(model: Model) -> str | None:
    """The first field of a model that does not hold what its annotation says, or None."""
    key: Any = type(model)
    wrong = (name for name, hint in _hints(key) if not fits(getattr(model, name), hint))
    return next(wrong, None)


# --- text ----------------------------------------------------------------------------------------

Tags = list[tuple[str, dict[str, str]]]
_ATTRIBUTE: Final = re.compile(r"""([\w.:-]+)\s*=\s*("[^"]*"|'[^']*')""")


def without_tags(text: str) -> tuple[str, str, Tags]:
    """What of a text is to be shown for certain, what of its end may become a tag, and the tags."""
    shown, tags, at = "", Tags(), 0
    while (start := text.find("<", at)) >= 0:
        shown += text[at:start]
        at = start
        if _may_begin(text[at : at + 9].lower()):
            return shown, text[at:], tags
        if text[at : at + 9].lower() == "</action>":
            at += 9
            continue
        tag = None
        if text[at : at + 7].lower() == "<action" and _parts_words(text[at + 7]):
            end = _end_of_tag(text, at + 7, at + MAX_TAG)
            if end is None and len(text) < at + MAX_TAG:
                return shown, text[at:], tags
            inside = text[at + 7 : end] if end is not None else ""
            tag = {key: said[1:-1] for key, said in _ATTRIBUTE.findall(inside)}
        if tag and (name := tag.pop("name", "")):
            tags.append((name, tag))
            assert end is not None
            at = end
        else:
            shown += "<"
            at += 1
    return shown + text[at:], "", tags


def _may_begin(rest: str) -> bool:
    """Whether all that is left of a text is the beginning of a tag, or of its end."""
    return "<action".startswith(rest) or (rest != "</action>" and "</action>".startswith(rest))


def _parts_words(char: str) -> bool:
    return char.isspace() or char in "/>"


def _end_of_tag(text: str, at: int, limit: int) -> int | None:
    """The index behind the ">" that no quotes hold."""
    quote = ""
    for index in range(at, min(limit, len(text))):
        char = text[index]
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char == ">":
            return index + 1
    return None


@dataclass
class _Message:
    mode: TextMode
    raw: str = ""
    tags: int = 0
    """How many are in it."""
    told: int = 0


def _extend(message: _Message, text: str, partial: str) -> None:
    """A chunk that is not the last one: what its text means, and what the message is by then."""
    mode, raw = message.mode, message.raw
    if mode == "auto":
        grows = len(text) > len(raw) and text.startswith(raw)
        mode = "cumulative" if grows and text != partial else "delta"
        if raw and text:
            message.mode = mode
    if mode == "delta":
        message.raw += text or partial
    elif text:
        message.raw = text


class WholeTexts:
    """A transcript that keeps whole texts and reads each of them anew, by the rules of
    `estuary_proto.transcript`."""

    def __init__(self, mode: TextMode) -> None:
        self._mode: TextMode = mode
        self._open: dict[str, _Message] = {}
        self._redacted: dict[str, None] = {}

    def feed(self, chunk: ResponseChunk) -> tuple[str, Tags] | None:
        """The text that is shown by now and the actions that are new; None of a redacted one."""
        key = chunk.message_id
        if key in self._redacted:
            return None
        message = self._open.setdefault(key, _Message(self._mode))
        if len(self._open) > MAX_OPEN:
            self._open = dict(list(self._open.items())[-MAX_OPEN:])
        before = message.raw
        if chunk.is_final:
            message.raw = chunk.text or before + (chunk.partial or "")
            del self._open[key]
        else:
            _extend(message, chunk.text, chunk.partial or "")
        shown, held, tags = without_tags(message.raw)
        # Those in what was there before have been dealt with; a text that is another one is read
        # from its start again, and what was told is not told twice.
        new = tags[message.tags if message.raw.startswith(before) else message.told :]
        message.tags, message.told = len(tags), message.told + len(new)
        return shown + held if chunk.is_final else shown, new

    def redact(self, key: str) -> None:
        """Forget it, and what comes late of it."""
        self._open.pop(key, None)
        if key:
            self._redacted.setdefault(key)
            self._redacted = dict.fromkeys(list(self._redacted)[-MAX_OPEN:])
