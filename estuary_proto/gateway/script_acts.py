"""What a script's `do` says, read into acts and checked: nothing is left to go wrong later."""

from __future__ import annotations

from dataclasses import fields as parts_of
from typing import TYPE_CHECKING, Any, Final

from ..errors import LocalProtocolError
from ..messages import TO_CLIENT, UnknownEvent, class_of
from ..models.reading import wire_key
from ..packing import pack_message
from ..states import Role
from . import acts
from .acts import ENDINGS, Act, Emit
from .rules import pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MAX_ACTS: Final = 1000
MAX_TEXT: Final = 100_000
MAX_BYTES: Final = 16 * 2**20
MAX_WAIT: Final = 3600.0
GARBAGE: Final = "42/sdk,[this is no packet"
ENTRY: Final = ("say", "slow", "voice_timeout")
"""What makes no sense before there is a session."""


class Problem(Exception):
    """Something in a script is wrong: where, what, and the way out."""

    def __init__(self, field: str, what: str, way_out: str) -> None:
        super().__init__(field, what, way_out)
        self.field = field
        self.what = what
        self.way_out = way_out


# --- plain values -----------------------------------------------------------------------------


def known(plain: Mapping[Any, Any], names: Iterable[str], where: str) -> None:
    """Raise Problem for a key that is none of `names`."""
    names = tuple(names)
    for key in plain:
        if key not in names:
            raise Problem(where, f"there is no {key!r}", f"it may have {', '.join(names)}")


def number(plain: object, where: str, least: float, most: float) -> float:
    """A finite number in these bounds."""
    if isinstance(plain, bool) or not isinstance(plain, (int, float)):
        raise Problem(where, f"{plain!r} is no number", f"give {least:g} to {most:g}")
    if not least <= plain <= most:  # NaN is in no bounds.
        raise Problem(where, f"{plain!r} is out of bounds", f"give {least:g} to {most:g}")
    return float(plain)


def text_of(plain: object, where: str, most: int = MAX_TEXT) -> str:
    """A text that is not empty."""
    if not isinstance(plain, str) or not plain:
        raise Problem(where, "it is no text", "write some, in quotes if it looks like a number")
    if len(plain) > most:
        raise Problem(where, f"it has {len(plain)} characters", f"{most} are the most")
    if not whole(plain):
        raise Problem(where, "it holds half a character", "write it in full")
    return plain


def whole(text: str) -> bool:
    """Whether UTF-8 can hold it: JSON's escapes make half surrogate pairs."""
    return text.encode(errors="replace").decode() == text


def _mapping(plain: object, where: str, names: Iterable[str]) -> dict[str, Any]:
    names = tuple(names)
    if not isinstance(plain, dict):
        raise Problem(where, "it is no mapping", f"give {{{names[0]}: …}}")
    known(plain, names, where)
    return plain


# --- acts -------------------------------------------------------------------------------------


def read_acts(plain: object, *, joining: bool) -> tuple[Act, ...]:
    """The acts of one rule. Raises Problem."""
    listed = plain if isinstance(plain, list) else [plain]
    if plain is None or not listed:
        raise Problem("do", "there is nothing to do", "try `do: drop`")
    if len(listed) > MAX_ACTS:
        raise Problem("do", f"there are {len(listed)} acts", f"{MAX_ACTS} are the most")
    return tuple(_act(one, f"do[{place}]", joining) for place, one in enumerate(listed, 1))


def _act(plain: object, where: str, joining: bool) -> Act:
    if isinstance(plain, str):
        name, value = plain, None
    elif isinstance(plain, dict) and len(plain) == 1:
        ((name, value),) = plain.items()
    else:
        raise Problem(where, "it is not one act", "write a name, or {name: …}")
    reader = _READERS.get(name) if isinstance(name, str) else None
    if reader is None:
        raise Problem(where, f"there is no act {name!r}", f"take one of {', '.join(_READERS)}")
    if joining and name in ENTRY:
        raise Problem(where, f"{name!r} needs a session", "do it `when: connected`")
    if name == "refuse" and not joining:
        raise Problem(where, "only who asks to come in can be refused", "do it `when: joining`")
    act = reader(value, f"{where}.{name}")
    if joining and isinstance(act, Emit) and act.name == "session_info":
        raise Problem(where, "a session begins by itself", "leave it out")
    return act


def _bare(act: Act) -> Callable[[Any, str], Act]:
    def read(value: Any, where: str) -> Act:
        if value is not None:
            raise Problem(where, "it takes nothing", "write the name alone")
        return act

    return read


def _timed(kind: Callable[[float], Act]) -> Callable[[Any, str], Act]:
    return lambda value, where: kind(number(value, where, 0, MAX_WAIT))


def _emit(value: Any, where: str) -> Emit:
    if not isinstance(value, dict):
        raise Problem(where, "it is no mapping", "give {event: NAME, FIELD: VALUE}")
    name = value.get("event")
    if not isinstance(name, str) or name not in TO_CLIENT:
        raise Problem(
            f"{where}.event",
            f"a server sends no {name!r}",
            "take a name of PROTOCOL 3, or the act `unknown` for any other",
        )
    rest = {key: each for key, each in value.items() if key != "event"}
    return _checked(Emit(name, rest), where)


def _ask(value: Any, where: str) -> Emit:
    act = _emit(value, where)
    return Emit(act.name, act.fields, ask=True)


def _ending(name: str) -> Callable[[Any, str], Emit]:
    usual = ENDINGS[name]

    def read(value: Any, where: str) -> Emit:
        if value is not None and not isinstance(value, dict):
            raise Problem(where, "it is no mapping", "write the name alone, or {FIELD: VALUE}")
        return _checked(Emit(usual.name, {**usual.fields, **(value or {})}, usual.leaves), where)

    return read


def _moderation(value: Any, where: str) -> Emit:
    usual = ENDINGS["moderation"]
    wanted = {"level": value} if value is None or isinstance(value, str) else value
    fields = {**usual.fields, **_mapping(wanted, where, ("level", "message"))}
    if fields["level"] not in ("warning", "terminated"):
        raise Problem(where, f"there is no level {fields['level']!r}", "take warning or terminated")
    return _checked(Emit(usual.name, fields, fields["level"] == "terminated"), where)


def _checked(act: Emit, where: str) -> Emit:
    """`act`, if its fields are those of its event, of the right types, and go into a packet."""
    cls = class_of(Role.SERVER, act.name)
    assert cls is not None  # Its name is in the table.
    names = {wire_key(cls, part): part.name for part in parts_of(cls) if part.init}
    made = cls.from_dict(act.fields)
    written = made.to_dict()
    for key, value in act.fields.items():
        if key not in names:
            raise Problem(
                where, f"{act.name} has no field {key!r}", f"it has {', '.join(names) or 'none'}"
            )
        got = written.get(key, getattr(made, names[key]))
        if type(got) is not type(value) and not _both_numbers(got, value):
            raise Problem(
                f"{where}.{key}", f"{value!r} is not what goes there", f"it is like {got!r}"
            )
    try:
        pack_message(made, None)
    except LocalProtocolError as error:
        raise Problem(where, error.message, "change it") from None
    return act


def _both_numbers(got: object, value: object) -> bool:
    return isinstance(got, float) and isinstance(value, int) and not isinstance(value, bool)


def _say(value: Any, where: str) -> Act:
    if isinstance(value, str):
        value = {"text": value}
    said = _mapping(value, where, ("text", "pieces", "interval"))
    if ("text" in said) is ("pieces" in said):
        raise Problem(where, "it needs text or pieces, one of them", "try `say: Hello`")
    if "text" in said:
        parts = tuple(pieces(text_of(said["text"], f"{where}.text")))
    else:
        listed = said["pieces"]
        if not isinstance(listed, list) or not listed or len(listed) > MAX_ACTS:
            raise Problem(f"{where}.pieces", "it is no list of texts", "try [Hel, lo]")
        parts = tuple(text_of(each, f"{where}.pieces") for each in listed)
    interval = said.get("interval")
    if interval is not None:
        interval = number(interval, f"{where}.interval", 0, MAX_WAIT)
    return acts.Say(parts, interval)


def _close(value: Any, where: str) -> Act:
    if not isinstance(value, dict):
        value = {"code": value}
    wanted = _mapping(value, where, ("code", "reason"))
    code = wanted.get("code")
    # 1004 to 1006 and 1015 are never on the wire (RFC 6455 7.4.1).
    if type(code) is not int or not 1000 <= code <= 4999 or code in (1004, 1005, 1006, 1015):
        raise Problem(where, f"{code!r} is no code to close with", "try 1001, 1011, 1012, 4000")
    reason = wanted.get("reason", "")
    if not isinstance(reason, str) or not whole(reason) or len(reason.encode()) > 123:
        raise Problem(f"{where}.reason", "it is no short text", "123 bytes are the most")
    return acts.Close(code, reason)


def _garbage(value: Any, where: str) -> Act:
    return acts.Frame(GARBAGE if value is None else text_of(value, where))


def _unknown(value: Any, where: str) -> Act:
    if isinstance(value, str):
        value = {"event": value}
    wanted = _mapping(value, where, ("event", "args"))
    args = wanted.get("args", [])
    if not isinstance(args, list):
        raise Problem(f"{where}.args", "it is no list", "try [{a: 1}]")
    return _packable(acts.EmitAny(text_of(wanted.get("event"), where, 256), tuple(args)), where)


def _binary(value: Any, where: str) -> Act:
    wanted = _mapping(value, where, ("event", "size"))
    size = int(number(wanted.get("size", 3200), f"{where}.size", 0, MAX_BYTES))
    name = text_of(wanted.get("event"), f"{where}.event", 256)
    return _packable(acts.EmitAny(name, ({"audio": bytes(size)},)), where)


def _packable(act: acts.EmitAny, where: str) -> Act:
    try:
        pack_message(UnknownEvent(act.name, act.args), None)
    except LocalProtocolError as error:
        raise Problem(where, error.message, "change it") from None
    return act


_READERS: Final[dict[str, Callable[[Any, str], Act]]] = {
    "emit": _emit,
    "ask": _ask,
    "say": _say,
    "wait": _timed(acts.Wait),
    "moderation": _moderation,
    **{name: _ending(name) for name in ENDINGS if name != "moderation"},
    "leave": _bare(acts.Leave()),
    "engine_close": _bare(acts.EngineClose()),
    "close": _close,
    "drop": _bare(acts.Drop()),
    "refuse": lambda value, where: acts.Refuse(text_of(value, where, 1000)),
    "silence": _timed(acts.Silence),
    "stall": _timed(acts.Stall),
    "slow": _timed(acts.Slow),
    "garbage": _garbage,
    "unknown": _unknown,
    "binary": _binary,
}
