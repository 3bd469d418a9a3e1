"""Text and bytes that a peer sends, read and written again: JSON, packets, messages, models, tags.

Each target is a plain function of bytes. It returns when all is well, whatever the bytes, and
raises what it finds.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

import engineio.packet
import socketio.packet

from estuary_proto import engineio as eio
from estuary_proto import jsontext, messages
from estuary_proto import socketio as sio
from estuary_proto.actions import MAX_TAG, TagFilter, spoken
from estuary_proto.errors import LocalProtocolError, RemoteProtocolError
from estuary_proto.models.conversation import ResponseChunk
from estuary_proto.states import Role
from estuary_proto.testing import making
from estuary_proto.testing.choosing import FromBytes, flag, pick
from estuary_proto.transcript import MAX_OPEN, Transcript

if TYPE_CHECKING:
    from estuary_proto.config import TextMode

ROLES = tuple(Role)


def text_of(data: bytes) -> str:
    """As a text frame: what is no UTF-8 never gets this far."""
    return data.decode("utf-8", "replace")


def overflows(value: Any) -> bool:
    """Whether an overflowing number such as 1e999 stands in it, the one thing that is read and
    cannot be written."""
    if isinstance(value, dict):
        return any(map(overflows, value.values()))
    if isinstance(value, list):
        return any(map(overflows, value))
    return isinstance(value, float) and value - value != 0


def json_text(data: bytes) -> None:
    """What was read can be written, and is read back the same; a start index changes nothing."""
    choose = FromBytes(data)
    text = _nested(choose) if choose.below(8) == 7 else text_of(choose.rest)
    try:
        value = jsontext.loads(text)
    except RemoteProtocolError:
        return
    assert json.dumps(jsontext.loads("ab" + text, 2)) == json.dumps(value)
    if overflows(value):
        return
    assert jsontext.loads(jsontext.dumps(value)) == value


def _nested(choose: FromBytes) -> str:
    """Brackets around brackets, a few of them missing now and then."""
    opening = "".join(pick(choose, ("[", '{"a":', "[1,")) * choose.below(80) for _ in range(3))
    missing = choose.below(3)
    closing = "".join("]" if c == "[" else "}" for c in reversed(opening) if c in "[{")
    return f"{opening}{choose.text(4) or 1}{closing[missing:]}"


def engine_io(data: bytes) -> None:
    """Packets from bytes and back; greetings; python-engineio reads what we write."""
    choose = FromBytes(data)
    mode = choose.below(4)
    if mode == 0:
        packet = making.engine_packet(choose)
        if isinstance(packet.data, bytes):
            assert eio.decode(packet.data) == packet
            return
        frame = eio.encode(packet.type, packet.data)
        assert eio.decode(frame) == packet
        judged = engineio.packet.Packet(encoded_packet=frame)
        assert judged.packet_type == packet.type
    elif mode == 1:
        opened = making.handshake(choose)
        assert eio.read_open(eio.write_open(opened)) == opened
    elif mode == 2:
        assert eio.decode(choose.rest) == (eio.PacketType.MESSAGE, choose.rest)
    else:
        _engine_text(text_of(choose.rest))


def _engine_text(frame: str) -> None:
    try:
        packet = eio.decode(frame)
    except RemoteProtocolError:
        return
    assert isinstance(packet.data, str)
    assert eio.encode(packet.type, packet.data) == frame
    if packet.type is not eio.PacketType.OPEN:
        return
    try:
        opened = eio.read_open(packet.data)
    except RemoteProtocolError:
        return
    assert opened.sid
    assert opened.ping_interval >= 0 < opened.ping_timeout
    assert opened.max_payload >= eio.LEAST_PAYLOAD
    assert eio.read_open(eio.write_open(opened)).sid == opened.sid


def socket_io(data: bytes) -> None:
    """Packets from text and bytes and back, and python-socketio's parser on the same."""
    choose = FromBytes(data)
    if flag(choose):
        packet = making.socket_packet(choose)
        frames = sio.encode(packet)
        assert _assembled(frames) == packet
        _same_for_the_judge(packet, frames)
        return
    frames = [text_of(choose.rest)]
    try:
        packet = sio.decode(str(frames[0]))
        whole = sio.Assembler().feed(packet)
    except RemoteProtocolError:
        return
    assert sio.decode("4" + str(frames[0]), 1) == packet or overflows(packet.data)
    if whole is None or not packet.namespace.isprintable():
        return
    if not overflows(whole.data) and "," not in whole.namespace:
        try:
            written = sio.encode(whole)
        except LocalProtocolError:
            # A place for bytes in a plain event is data, and may not stand beside bytes.
            assert packet.attachments
            return
        assert _assembled(written) == whole


def _assembled(frames: list[str | bytes]) -> sio.Packet:
    assembler = sio.Assembler()
    found = None
    for frame in frames:
        assert found is None
        if isinstance(frame, str):
            found = assembler.feed(sio.decode(frame))
        else:
            found = assembler.feed_binary(frame)
    assert found is not None
    return found


def _same_for_the_judge(packet: sio.Packet, frames: list[str | bytes]) -> None:
    if any(len(digits) > 99 for digits in re.findall(r"\d+", str(frames[0]))):
        return  # It refuses numbers of 100 digits, which JSON does not.
    judged = socketio.packet.Packet(encoded_packet=frames[0])
    for frame in frames[1:]:
        judged.add_attachment(frame)
    kind = {sio.PacketType.BINARY_EVENT: 2, sio.PacketType.BINARY_ACK: 3}.get(judged.packet_type)
    assert (kind if kind is not None else judged.packet_type) == packet.type
    assert (judged.namespace or "/") == packet.namespace
    assert judged.id == packet.id
    # It takes {"num": 0, "_placeholder": anything} for bytes; we send none of these beside bytes.
    assert judged.data == packet.data


def message(data: bytes) -> None:
    """No payload raises; what was read is sound, and is the same when written and read again."""
    choose = FromBytes(data)
    sender = pick(choose, ROLES)
    if flag(choose):
        made = making.message(choose, sender)
        name, args = messages.write(made)
        if not isinstance(made, messages.UnknownEvent):
            assert messages.read(sender, name, json.loads(jsontext.dumps(args))) == made
        return
    cls = pick(choose, making.messages_of(sender))
    if flag(choose):
        args = [making.payload(choose, cls)]
    else:
        try:
            args = [jsontext.loads(text_of(choose.rest))]
        except RemoteProtocolError:
            return
    found = messages.read(sender, cls.WIRE, args)
    assert type(found) is cls
    assert found.check()
    name, again = messages.write(found)
    assert name == cls.WIRE
    assert messages.read(sender, name, again) == found
    repr(found)


def any_model(data: bytes) -> None:
    """Every model reads anything; what it holds has its types, and survives the wire."""
    choose = FromBytes(data)
    cls: Any = pick(choose, making.all_models())
    if flag(choose):
        made = making.model(choose, cls)
        assert made.check()
        assert cls.from_dict(json.loads(json.dumps(made.to_dict()))).check()
        return
    given = making.payload(choose, cls) if flag(choose) else making.json(choose)
    if isinstance(given, dict) and choose.below(4) == 3:
        given = dict.fromkeys(given, math.inf)  # 1e999, as JSON reads it.
    found = cls.from_dict(given)
    assert type(found) is cls
    assert found.check()
    repr(found)
    assert cls.from_dict(found.to_dict()).check()


# --- text --------------------------------------------------------------------------------


def action_tags(data: bytes) -> None:
    """Text in pieces shows what the whole shows, holds back no more than a tag, loses nothing."""
    text = text_of(data)
    whole, tags = _filtered([text])
    for size in (1, 3):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        assert _filtered(pieces) == (whole, tags)
    assert spoken(text) == " ".join(whole.split())
    assert len(whole) <= len(text)
    if "<" not in text:
        assert (whole, tags) == (text, [])


def _filtered(pieces: list[str]) -> tuple[str, list[Any]]:
    found, tags, tag_filter = "", [], TagFilter()
    for piece in pieces:
        shown, more = tag_filter.feed(piece)
        found += shown
        tags += more
        assert len(tag_filter._held) <= MAX_TAG
    return found + tag_filter.flush(), tags


MODES: tuple[TextMode, ...] = ("auto", "delta", "cumulative")


def transcript(data: bytes) -> None:
    """Chunks in any order: pieces add up to the text of a message; what is open is bounded."""
    choose = FromBytes(data)
    one = Transcript(pick(choose, MODES))
    shown: dict[str, str] = {}
    while choose.more:
        chunk = _chunk(choose)
        if choose.below(16) == 15:
            for number in range(1 if flag(choose) else MAX_OPEN + 9):
                one.redact(f"n{number}" if number else chunk.message_id)
            assert len(one._redacted) <= MAX_OPEN
        for over in set(shown) - set(one._open):
            del shown[over]
        told = one.feed(chunk)
        if told is None:
            continue
        said = told.response
        before = shown.get(chunk.message_id, "")
        assert said.text == (said.partial if said.replaces else before + said.partial)
        shown[chunk.message_id] = said.text
        assert len(one._open) <= MAX_OPEN
        assert len(one._redacted) <= MAX_OPEN


def _chunk(choose: FromBytes) -> ResponseChunk:
    text = pick(choose, ("", "Hel", "Hello", '<action name="a"/>', "<act", "x")) + choose.text(4)
    partial = pick(choose, (None, "", text, "lo"))
    ident = pick(choose, ("", "m1", "m2")) if choose.below(8) else f"n{choose.below(100)}"
    return ResponseChunk(text, flag(choose), partial, ident)
