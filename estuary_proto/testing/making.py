"""JSON, models, messages, packets and frames, made of the choices of a `Chooser`.

What is made is either sound (a message that may be sent, a packet that has a wire form) or what a
peer may do: right names with anything in them, frames that are cut, swapped, or noise.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from functools import cache
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

from .. import engineio, jsontext, messages, models, socketio
from ..engineio import Open
from ..models.base import Model
from ..models.reading import hints_of, is_model, spellings
from ..packing import NAMESPACE
from ..states import Role
from .choosing import flag, many, pick

if TYPE_CHECKING:
    from collections.abc import Callable

    from .choosing import Chooser

DEPTH: Final = 3
"""How deep made JSON nests."""

ODD: Final = (
    "true",
    "1",
    "-1.5",
    "1e999",
    "NaN",
    "null",
    "\u2028",
    "\x00",
    "m1",
    "QUJD",
    '<action name="a"/>',
    "9" * 5000,
    10**400,
    -(2**63),
    2**53 + 1,
    1e308,
    -0.0,
    0.1,
)
"""Values that somebody may trip over."""

NUMBERS: Final[tuple[Any, ...]] = (
    0, 1, -1, False, True, None, "1", 0.5, -0.0, 25_000, 1.7e9, 1.7e12, 2**31, 2**31 + 1,
    2**53 + 1, 2**63, 10**400, 1e308, 1e999, [], {},
)  # fmt: skip
"""What may stand where a number should: small, large, absurd, or no number at all."""

WORDS: Final = ("", "m1", "m2", "s", "c", "redacted", "hi", "<action", 'e="x">', "🌊", "wave")
"""Short texts that mean something somewhere."""


def json(choose: Chooser, depth: int = DEPTH) -> Any:
    """Any JSON value; numbers and texts that are odd among them."""
    kind = choose.below(9 if depth else 7)
    if kind == 0:
        return pick(choose, (None, True, False))
    if kind == 1:
        return choose.whole()
    if kind == 2:
        return pick(choose, ODD)
    if kind == 3:
        value = choose.number()
        return value if value - value == 0 else None
    if kind < 7:
        return pick(choose, WORDS) if kind < 5 else choose.text()
    if kind == 7:
        return many(choose, lambda c: json(c, depth - 1), 4)
    return {_key(choose): json(choose, depth - 1) for _ in range(choose.below(5))}


def number(choose: Chooser) -> Any:
    """What a peer may send for a number."""
    return pick(choose, NUMBERS) if flag(choose) else choose.whole()


def _key(choose: Chooser) -> str:
    return pick(choose, ("message_id", "code", "_placeholder", "num")) if flag(choose) else "k"


# --- models and messages -------------------------------------------------------------------------


def value(choose: Chooser, hint: Any) -> Any:
    """A value that a model's field of this type may hold."""
    if hint is str:
        return pick(choose, WORDS) if flag(choose) else choose.text()
    if hint is int:
        return choose.whole() % 2**53
    if hint is float:
        number = choose.number()
        return number if number - number == 0 else 0.5
    if hint is bool:
        return flag(choose)
    if hint is NoneType:
        return None
    if hint is Any:
        return pick(choose, (None, "x", [True], {"k": "v"}))
    if is_model(hint):
        return model(choose, hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin in (list, tuple):
        found = many(choose, lambda c: value(c, args[0]), 3)
        return tuple(found) if origin is tuple else found
    if origin is dict:
        return {choose.text(4): value(choose, args[1]) for _ in range(choose.below(3))}
    return value(choose, pick(choose, args))


def _secret(choose: Chooser, hint: Any) -> Any:
    """A secret. One that is a word of the protocol, or a part of one, would stand for it wherever
    that is said, and nobody has such a key."""
    made = value(choose, hint)
    return f"ect_{made}" if made and isinstance(made, str) else made


@cache
def _parts(cls: Any) -> tuple[tuple[str, Callable[[Chooser, Any], Any], Any, bool], ...]:
    hints = hints_of(cls)
    return tuple(
        (
            part.name,
            _secret if part.metadata.get("secret") else value,
            hints[part.name],
            part.default is MISSING and part.default_factory is MISSING,
        )
        for part in fields(cls)
        if part.init
    )


def model(choose: Chooser, cls: type[Model]) -> Any:
    """An instance of a model whose fields have their types."""
    key: Any = cls
    given = {
        name: made(choose, hint)
        for name, made, hint, needed in _parts(key)
        if needed or flag(choose)
    }
    return cls(**given)


@cache
def all_models() -> tuple[type[Model], ...]:
    """Every model there is, messages and answers of the REST API alike."""
    named = (getattr(models, name) for name in models.__all__)
    found = {cls for cls in named if isinstance(cls, type) and issubclass(cls, Model)}
    found |= {cls for _, cls in messages.all_messages()}
    return tuple(sorted(found - {Model}, key=lambda cls: cls.__name__))


@cache
def messages_of(sender: Role) -> tuple[type[Model], ...]:
    """Every message that this side sends."""
    return tuple(cls for role, cls in messages.all_messages() if role is sender)


def message(choose: Chooser, sender: Role) -> Any:
    """A message that this side may send; now and then one without a class."""
    classes = messages_of(sender)
    index = choose.below(len(classes) + 1)
    if index < len(classes):
        return model(choose, classes[index])
    args = tuple(json(choose, 1) for _ in range(choose.below(3)))
    return messages.UnknownEvent(f"custom-{choose.text(4)}", (*args, choose.binary(8)))


@cache
def _keys(cls: Any) -> tuple[str, ...]:
    return tuple(key for part in fields(cls) for key in spellings(cls, part))


def payload(choose: Chooser, cls: type[Model]) -> Any:
    """What a peer may send for this model: keys that it looks for, and anything at all in them."""
    if choose.below(8) == 7:
        return json(choose)
    key: Any = cls
    keys = _keys(key) or ("other",)
    return {pick(choose, keys): json(choose, 2) for _ in range(choose.below(6))}


# --- packets and frames --------------------------------------------------------------------------


def engine_packet(choose: Chooser) -> engineio.Packet:
    """An Engine.IO packet that has a wire form."""
    kind = pick(choose, tuple(engineio.PacketType))
    if kind is engineio.PacketType.MESSAGE and flag(choose):
        return engineio.Packet(kind, choose.binary())
    return engineio.Packet(kind, choose.text())


def handshake(choose: Chooser) -> Open:
    """What a server may greet with; times in whole milliseconds, as they travel."""
    return Open(
        choose.text(8) or "sid",
        tuple(many(choose, lambda c: c.text(4), 2)),
        choose.below(100_000) / 1000,
        (1 + choose.below(100_000)) / 1000,
        engineio.LEAST_PAYLOAD + choose.below(10**6),
    )


def greeting(choose: Chooser) -> dict[str, Any]:
    """What a peer may greet with: the names that count, and what it likes in them."""
    found: dict[str, Any] = {"sid": "e" if choose.below(8) else json(choose, 0)}
    for name in ("pingInterval", "pingTimeout", "maxPayload"):
        if flag(choose):
            found[name] = number(choose)
    if flag(choose):
        found["upgrades"] = json(choose, 1)
    return found


def socket_packet(choose: Chooser) -> socketio.Packet:
    """A Socket.IO packet that has a wire form, bytes anywhere in its data."""
    types = socketio.PacketType
    kind = pick(choose, (types.EVENT, types.ACK, types.CONNECT, types.DISCONNECT, types(4)))
    namespace = pick(choose, ("/sdk", "/", "/other", "/é"))
    data: Any = None
    ident: int | None = None
    if kind is types.EVENT or kind is types.ACK:
        data = many(choose, _with_bytes, 3)
        if kind is types.EVENT:
            data.insert(0, choose.text(8))
        if kind is types.ACK or flag(choose):
            ident = choose.below(10**socketio.MAX_ID_DIGITS)
    elif kind is not types.DISCONNECT and flag(choose):
        data = {"message": sound(json(choose))}
    return socketio.Packet(kind, namespace, ident, data)


def _with_bytes(choose: Chooser) -> Any:
    kind = choose.below(4)
    if kind == 0:
        return choose.binary(8)
    if kind == 1:
        return {"b": [choose.binary(8)], "c": sound(json(choose, 1))}
    return sound(json(choose, 2))


def sound(data: Any) -> Any:
    """JSON without the one thing that may not be sent beside bytes: what looks like their place."""
    if isinstance(data, dict):
        return {key: sound(item) for key, item in data.items() if key != "_placeholder"}
    return [sound(item) for item in data] if isinstance(data, list) else data


GREETING: Final = (
    '0{"sid":"e","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":99999}'
)
"""A server's first frame."""

FRAMES: Final[dict[Role, tuple[str | bytes, ...]]] = {
    Role.SERVER: (
        GREETING,
        '40/sdk,{"sid":"n"}',
        '42/sdk,["session_info",{"session_id":"s"}]',
        '42/sdk,["bot_response",{"text":"Hel","partial":"Hel","message_id":"m1"}]',
        '42/sdk,["bot_response",{"text":"Hello","is_final":true,"message_id":"m1"}]',
        '42/sdk,["bot_response",{"text":"a <action name=\\"wave\\"/>","message_id":"m2"}]',
        '42/sdk,["bot_voice",{"audio":"AAAA","message_id":"m1","chunk_index":0}]',
        '42/sdk,["moderation_flag",{"action":"redacted","message_id":"m1"}]',
        '42/sdk,["stt_response",{"text":"stop","is_final":true}]',
        '42/sdk,["interrupt",{}]',
        '42/sdk,["quota_exceeded",{}]',
        '42/sdk,["auth_error",{}]',
        '42/sdk,["session_timeout",{}]',
        '42/sdk,["voice_started"]',
        '42/sdk,["voice_stopped"]',
        '42/sdk,5["camera_capture",{"request_id":"r"}]',
        '43/sdk,1[{"ok":true}]',
        "43/sdk,2[]",
        "43/sdk,3[]",
        '451-/sdk,["b",{"_placeholder":true,"num":0}]',
        '461-/sdk,1[{"_placeholder":true,"num":0}]',
        b"bytes",
        "2",
        "2probe",
        "3",
        "41/sdk,",
        '44/sdk,{"message":"no"}',
        '44/sdk,"no"',
        "40/other,",
        "1",
        "6",
    ),
    Role.CLIENT: (
        '40/sdk,{"api_key":"est_dev","character_id":"demo","player_id":"p"}',
        "40/sdk,{}",
        "40/sdk,",
        '42/sdk,["authenticate",{"api_key":"est_dev","character_id":"demo","player_id":"p"}]',
        '42/sdk,["text",{"text":"Hello there"}]',
        '42/sdk,7["text",{"text":"my name is Ada","textOnly":true}]',
        '42/sdk,["say_line",{"text":"A line."}]',
        '42/sdk,["client_interrupt"]',
        '42/sdk,8["start_voice"]',
        '42/sdk,9["start_voice",{"turn_mode":"push_to_talk"}]',
        '42/sdk,["stop_voice"]',
        '42/sdk,["stream_audio",{"audio":"AAAAAAAAAAA="}]',
        '42/sdk,["camera_image",{"image":"AAAA","request_id":"r"}]',
        '42/sdk,["start_agent_conversation",{"agent_a_id":"demo","agent_b_id":"friend"}]',
        '42/sdk,["stop_agent_conversation"]',
        '42/sdk,10["renew_authentication",{"client_token":"ect_x"}]',
        '42/sdk,["livekit_token"]',
        '42/sdk,["audio_playback_complete",{"message_id":"m"}]',
        '452-/sdk,["p",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]',
        b"bytes",
        "43/sdk,1[]",
        "3",
        "2",
        "41/sdk,",
        "40/other,{}",
        "1",
    ),
}
"""What each side says when it says what it should, and a bit beside that."""


def event_frame(choose: Chooser, sender: Role) -> str:
    """An event by a known name, with whatever in it; now and then it asks to be acknowledged."""
    cls = pick(choose, messages_of(sender))
    args = [cls.WIRE, *many(choose, lambda c: payload(c, cls), 2)]
    ident = str(choose.below(5)) if choose.below(4) == 3 else ""
    return f"42{NAMESPACE},{ident}{jsontext.dumps(args)}"


def frame(choose: Chooser, sender: Role) -> str | bytes:
    """A whole WebSocket message that `sender` might send, in place or not."""
    kind = choose.below(8)
    if kind < 3:
        return pick(choose, FRAMES[sender])
    if kind < 6:
        return event_frame(choose, sender)
    if kind == 6:
        said = pick(choose, FRAMES[pick(choose, (sender, sender.other))])
        at = choose.below(len(said) + 1)
        cut = said[:at]
        return cut + choose.text(8) if isinstance(cut, str) else cut + choose.binary(8)
    return choose.text(40) if flag(choose) else choose.binary(20)
