"""Engine.IO protocol 4 on a WebSocket: one packet a frame, its type in the first character.

A text frame is a digit and its data; a binary frame is the bare payload of a message. The base64
form (`b…`) and the record separators belong to HTTP polling, which is not spoken here. (PROTOCOL
1.1; engine.io-protocol, revision 4.)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

from estuary_proto import jsontext
from estuary_proto.errors import RemoteProtocolError


class PacketType(IntEnum):
    """What a packet is for."""

    OPEN = 0
    """The server's first packet: see `Open`."""
    CLOSE = 1
    PING = 2
    """From the server; the client answers with a PONG that carries the same data."""
    PONG = 3
    MESSAGE = 4
    """Carries a Socket.IO packet: text, or bytes for an attachment."""
    UPGRADE = 5
    NOOP = 6


class Packet(NamedTuple):
    """One Engine.IO packet. `data` is bytes only for a MESSAGE that came as a binary frame."""

    type: PacketType
    data: str | bytes = ""


_TYPES: Final = {str(kind.value): kind for kind in PacketType}
_DIGITS: Final = tuple(_TYPES)
_MESSAGE: Final = PacketType.MESSAGE

DEFAULT_PING_INTERVAL: Final = 25.0
DEFAULT_PING_TIMEOUT: Final = 20.0
LEAST_PAYLOAD: Final = 256
"""Bytes of a message that every server takes: the words around a conversation need them."""
DEFAULT_MAX_PAYLOAD: Final = 1_000_000
_LONGEST_MS: Final = 2**31
"""A peer may wait 25 days between pings; what is longer is nonsense rather than patience."""

_BIGGEST: Final = 2**63


@dataclass(frozen=True)
class Open:
    """What the server says about the session in its OPEN packet. Times in seconds, sizes in bytes.

    The peer is silent for too long after `ping_interval` + `ping_timeout`.
    """

    sid: str
    upgrades: tuple[str, ...] = ()
    ping_interval: float = DEFAULT_PING_INTERVAL
    ping_timeout: float = DEFAULT_PING_TIMEOUT
    max_payload: int = DEFAULT_MAX_PAYLOAD


def encode(type: PacketType, data: str = "") -> str:
    """The text frame of one packet. Bytes need no encoding: the bare binary frame is a MESSAGE."""
    return _DIGITS[type] + data


def decode(frame: str | bytes) -> Packet:
    """The packet in one WebSocket message.

    Raises RemoteProtocolError for an empty text frame and for a type that does not exist.
    """
    if isinstance(frame, str):
        kind = _TYPES.get(frame[:1])
        if kind is None:
            raise RemoteProtocolError(f"no Engine.IO packet begins with {frame[:1]!r}")
        return Packet(kind, frame[1:])
    return Packet(_MESSAGE, bytes(frame))


def read_open(data: str) -> Open:
    """What stands in an OPEN packet (`data` without the leading 0). Milliseconds become seconds.

    Fields that are missing or null take the protocol's defaults. Raises RemoteProtocolError when it
    is no JSON object, has no `sid`, or names a time or a size that is no positive number.
    """
    fields = jsontext.loads(data)
    if not isinstance(fields, dict):
        raise RemoteProtocolError("the Engine.IO OPEN packet is not a JSON object")
    sid = fields.get("sid")
    if not isinstance(sid, str) or not sid:
        raise RemoteProtocolError("the Engine.IO OPEN packet has no sid")
    upgrades = fields.get("upgrades")
    size = _positive(fields, "maxPayload", DEFAULT_MAX_PAYLOAD)
    return Open(
        sid=sid,
        upgrades=tuple(name for name in upgrades if isinstance(name, str))
        if isinstance(upgrades, list)
        else (),
        # Some servers cut off fractions of a second, and 0 is what is left.
        ping_interval=_seconds(fields, "pingInterval", DEFAULT_PING_INTERVAL, zero=True),
        ping_timeout=_seconds(fields, "pingTimeout", DEFAULT_PING_TIMEOUT),
        max_payload=max(LEAST_PAYLOAD, int(size)),
    )


def write_open(opened: Open) -> str:
    """The data of an OPEN packet, without the leading 0; seconds become whole milliseconds, of
    which a timeout has one at least."""
    return jsontext.dumps(
        {
            "sid": opened.sid,
            "upgrades": list(opened.upgrades),
            "pingInterval": round(opened.ping_interval * 1000),
            "pingTimeout": max(1, round(opened.ping_timeout * 1000)),
            "maxPayload": opened.max_payload,
        }
    )


def _seconds(fields: dict[str, object], name: str, default: float, *, zero: bool = False) -> float:
    if zero and fields.get(name) == 0 and fields[name] is not False:
        return 0.0
    milliseconds = _positive(fields, name, default * 1000)
    if milliseconds > _LONGEST_MS:
        raise RemoteProtocolError(f"{name} in the Engine.IO OPEN packet is absurdly long")
    return milliseconds / 1000


def _positive(fields: dict[str, object], name: str, default: float) -> float:
    value = fields.get(name)
    if value is None:
        return default
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < _BIGGEST:
        raise RemoteProtocolError(f"{name} in the Engine.IO OPEN packet is no positive number")
    return value
