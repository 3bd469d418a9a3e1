"""Socket.IO protocol 5: the packets inside Engine.IO messages, as functions on values.

A packet is text: a type digit, for the binary types a count of attachments and a dash, a namespace
and a comma unless it is "/", an acknowledgement id, and JSON. Bytes in the data travel as binary
frames behind it; `{"_placeholder":true,"num":n}` marks each one's place. (PROTOCOL 1.1;
socket.io-protocol, revision 5.)

What a peer can make long is bounded: id digits, attachments and their bytes, the JSON's depth. The
length of the text is bounded by whoever reads the frames.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final, NamedTuple

from estuary_proto import jsontext
from estuary_proto.errors import LocalProtocolError, RemoteProtocolError

MAX_ID_DIGITS: Final = 18
"""An acknowledgement id stays below 10**18: it fits 64 bits and costs nothing to read."""
MAX_ATTACHMENTS: Final = 64
MAX_ATTACHMENT_BYTES: Final = 16 * 2**20


class PacketType(IntEnum):
    """What a packet is for."""

    CONNECT = 0
    """To the server with credentials (an object or nothing); back with `{"sid": …}`."""
    DISCONNECT = 1
    EVENT = 2
    """`data` is a list: the event's name, then its arguments."""
    ACK = 3
    """`data` is the list of arguments that answers the EVENT with the same `id`."""
    CONNECT_ERROR = 4
    """`data` is an object, mostly with a `message`; older servers send a bare text."""
    BINARY_EVENT = 5
    BINARY_ACK = 6


class Packet(NamedTuple):
    """One Socket.IO packet. `attachments` is how many binary frames are still to follow it."""

    type: PacketType
    namespace: str = "/"
    id: int | None = None
    data: Any = None
    attachments: int = 0


_CONNECT, _DISCONNECT, _EVENT, _ACK, _ERROR, _BINARY_EVENT, _BINARY_ACK = PacketType
_TYPES: Final = {str(kind.value): kind for kind in PacketType}
_PLAIN: Final = {_BINARY_EVENT: _EVENT, _BINARY_ACK: _ACK}
_BINARY: Final = {_EVENT: _BINARY_EVENT, _ACK: _BINARY_ACK}
_BYTES: Final = (bytes, bytearray, memoryview)


def encode(packet: Packet) -> list[str | bytes]:
    """The frames of one packet: first its text (without Engine.IO's "4"), then the attachments.

    Bytes anywhere in the data turn EVENT and ACK into their binary kin by themselves; `attachments`
    is not read. Raises LocalProtocolError for what the protocol or JSON cannot hold.
    """
    kind = _PLAIN.get(packet.type, packet.type)
    namespace, ident, data = packet.namespace, packet.id, packet.data
    fault = _shape_fault(kind, ident, data)
    if fault:
        raise LocalProtocolError(f"cannot send this packet: {fault}")
    head = ""
    if namespace != "/":
        # Half a surrogate pair is not printable either, and must not reach the UTF-8 writer.
        if (
            not namespace.startswith("/")
            or "," in namespace
            or "?" in namespace
            or (not namespace.isprintable())
        ):
            raise LocalProtocolError(f"not a namespace: {namespace[:40]!r}")
        head = namespace + ","
    if ident is not None:
        if not 0 <= ident < 10**MAX_ID_DIGITS:
            raise LocalProtocolError(f"an acknowledgement id is 0 to 10**18, not {ident!r}")
        head += str(ident)
    if data is None:
        return [f"{kind:d}{head}"]
    if not jsontext.holds_bytes(data):
        return [f"{kind:d}{head}{jsontext.write(data)}"]
    if kind not in _BINARY:
        raise LocalProtocolError(f"a {kind.name} packet cannot carry bytes")
    pieces: list[bytes] = []
    body = jsontext.write(_take_out(data, pieces))
    if len(pieces) > MAX_ATTACHMENTS:
        raise LocalProtocolError(f"{len(pieces)} pieces of bytes in one packet are too many")
    return [f"{_BINARY[kind]:d}{len(pieces)}-{head}{body}", *pieces]


def decode(text: str, start: int = 0) -> Packet:
    """The packet in the text of one Engine.IO message, which begins at index `start`.

    `decode(frame, 1)` reads a whole frame "42…" without a copy. A query behind the namespace is cut
    off. Packets of the binary types have their placeholders still in them: see `Assembler`.
    Raises RemoteProtocolError for everything that is not a packet.
    """
    kind = _TYPES.get(text[start : start + 1])
    if kind is None:
        raise RemoteProtocolError(f"no Socket.IO packet begins with {text[start : start + 1]!r}")
    at = start + 1
    attachments = 0
    if kind >= _BINARY_EVENT:
        attachments, at = _read_count(text, at)
    namespace = "/"
    if text.startswith("/", at):
        comma = text.find(",", at)
        if comma < 0:
            comma = len(text)
        namespace = text[at:comma]
        at = comma + 1
        if "?" in namespace:
            namespace = namespace[: namespace.index("?")]
    ident = None
    if "0" <= text[at : at + 1] <= "9":
        ident, at = _read_id(text, at)
    data = jsontext.loads(text, at) if at < len(text) else None
    if kind is _EVENT and type(data) is list and data and type(data[0]) is str:
        return Packet(kind, namespace, ident, data)
    fault = _shape_fault(_PLAIN.get(kind, kind), ident, data)
    if fault:
        raise RemoteProtocolError(f"bad {kind.name} packet: {fault}")
    return Packet(kind, namespace, ident, data, attachments)


def plain_event(frame: str, prefix: str) -> list[Any] | None:
    """The data of a whole Engine.IO frame that is a plain event, or None for any other frame.

    The short way for nearly all traffic: `prefix` is "42/namespace,[", so what follows is the JSON
    of an event without id or attachments. Raises RemoteProtocolError like `decode`.
    """
    if not frame.startswith(prefix):
        return None
    data = jsontext.loads(frame, len(prefix) - 1)
    return data if data and type(data[0]) is str else None


class Assembler:
    """Puts the binary attachments back into their packets, one packet at a time.

    Holds at most `max_attachments` pieces and `max_bytes` of them together. After an error it is
    of no use any more: the connection ends.
    """

    def __init__(
        self,
        max_attachments: int = MAX_ATTACHMENTS,
        max_bytes: int = MAX_ATTACHMENT_BYTES,
    ) -> None:
        self._max_attachments = max_attachments
        self._max_bytes = max_bytes
        self._packet: Packet | None = None
        self._pieces: list[bytes] = []
        self._bytes = 0

    @property
    def pending(self) -> bool:
        """Whether attachments are due before the next packet."""
        return self._packet is not None

    def feed(self, packet: Packet) -> Packet | None:
        """The packet, if it is complete: always so without attachments, else None for now.

        A complete packet is never of a binary type: it is an EVENT or ACK with bytes in its data.
        Raises RemoteProtocolError when attachments of the former packet are still due, when it
        announces too many, or when its placeholders are not exactly one for each.
        """
        if self._packet is not None:
            raise RemoteProtocolError("a packet came while binary attachments were due")
        if packet.type not in _PLAIN:
            return packet
        if packet.attachments > self._max_attachments:
            raise RemoteProtocolError(f"{packet.attachments} binary attachments are too many")
        places: list[object] = []
        _find_places(packet.data, places)
        if not _are_counted(places, packet.attachments):
            raise RemoteProtocolError("the placeholders do not fit the binary attachments")
        self._packet = packet
        return self._complete()

    def feed_binary(self, data: bytes) -> Packet | None:
        """The packet that `data` completes, else None.

        Raises RemoteProtocolError when no attachment is due or there are too many bytes.
        """
        if self._packet is None:
            raise RemoteProtocolError("a binary frame came where none was due")
        self._bytes += len(data)
        if self._bytes > self._max_bytes:
            raise RemoteProtocolError(f"binary attachments of over {self._max_bytes} bytes")
        self._pieces.append(data)
        return self._complete()

    def _complete(self) -> Packet | None:
        packet, pieces = self._packet, self._pieces
        assert packet is not None
        if len(pieces) < packet.attachments:
            return None
        self._packet, self._pieces, self._bytes = None, [], 0
        data = _put_back(packet.data, pieces)
        return Packet(_PLAIN[packet.type], packet.namespace, packet.id, data)


def _shape_fault(kind: PacketType, ident: int | None, data: Any) -> str | None:
    """What is wrong with the parts of a packet of a plain `kind`, or None (the types' docs)."""
    if kind is _EVENT:
        # The name is checked by type, not by list: what is unknown is the reader's business.
        if isinstance(data, (list, tuple)) and data and isinstance(data[0], str):
            return None
        return "an event is a list that begins with its name"
    if kind is _ACK:
        if ident is None:
            return "an acknowledgement needs an id"
        return None if isinstance(data, (list, tuple)) else "an acknowledgement is a list"
    if ident is not None:
        return "only events and acknowledgements have an id"
    if kind is _CONNECT:
        return None if data is None or isinstance(data, dict) else "credentials are an object"
    if kind is _DISCONNECT:
        return None if data is None else "a disconnect carries no data"
    fits = data is None or isinstance(data, (dict, str))
    return None if fits else "a refusal is an object or a text"


def _read_count(text: str, at: int) -> tuple[int, int]:
    """The number of attachments before the dash, and the index behind it."""
    dash = text.find("-", at, at + 4)
    digits = text[at:dash] if dash > at else ""
    if not (digits.isascii() and digits.isdigit()):
        raise RemoteProtocolError("a binary packet must begin with its number of attachments")
    return int(digits), dash + 1


def _read_id(text: str, at: int) -> tuple[int, int]:
    """The acknowledgement id that begins at `at`, and the index behind it."""
    end = at + 1
    while "0" <= text[end : end + 1] <= "9":
        end += 1
        if end - at > MAX_ID_DIGITS:
            raise RemoteProtocolError("the acknowledgement id is too long")
    return int(text[at:end]), end


def _is_place(value: dict[Any, Any]) -> bool:
    return value.get("_placeholder") is True


def _take_out(value: Any, pieces: list[bytes]) -> Any:
    """`value` with its bytes moved to `pieces` and placeholders where they were."""
    if isinstance(value, _BYTES):
        pieces.append(bytes(value))
        return {"_placeholder": True, "num": len(pieces) - 1}
    if isinstance(value, (list, tuple)):
        return [_take_out(item, pieces) for item in value]
    if isinstance(value, dict):
        if _is_place(value):
            raise LocalProtocolError("data beside bytes must not look like their placeholder")
        return {key: _take_out(item, pieces) for key, item in value.items()}
    return value


def _find_places(value: Any, places: list[object]) -> None:
    if isinstance(value, list):
        for item in value:
            _find_places(item, places)
    elif isinstance(value, dict):
        if _is_place(value):
            places.append(value.get("num"))
        else:
            for item in value.values():
                _find_places(item, places)


def _are_counted(places: list[object], attachments: int) -> bool:
    """Whether `places` holds each of 0 … attachments - 1 once and nothing else."""
    numbers = sorted(place for place in places if type(place) is int)
    return len(places) == attachments and numbers == list(range(attachments))


def _put_back(value: Any, pieces: list[bytes]) -> Any:
    if isinstance(value, list):
        return [_put_back(item, pieces) for item in value]
    if isinstance(value, dict):
        if _is_place(value):
            return pieces[value["num"]]
        return {key: _put_back(item, pieces) for key, item in value.items()}
    return value
