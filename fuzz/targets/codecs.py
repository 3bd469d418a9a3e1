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
from estuary_proto.packing import PLAIN_EVENT
from estuary_proto.states import Role
from estuary_proto.testing import making
from estuary_proto.testing.choosing import FromBytes, flag, pick
from estuary_proto.testing.rules import lasts
from estuary_proto.transcript import MAX_OPEN, Transcript

from .references import (
    REFUSED,
    WholeTexts,
    greeting_of,
    json_value,
    misfit,
    packet_of,
    without_tags,
)

if TYPE_CHECKING:
    from estuary_proto.config import TextMode

ROLES = tuple(Role)


def text_of(data: bytes) -> str:
    """As a text frame: what is no UTF-8 never gets this far."""
    return data.decode("utf-8", "replace")


SECRET = "est_nobody_sees_this"


def overflows(value: Any) -> bool:
    """Whether an overflowing number such as 1e999 stands in it, the one thing that is read and
    cannot be written."""
    if isinstance(value, dict):
        return any(map(overflows, value.values()))
    if isinstance(value, list):
        return any(map(overflows, value))
    return isinstance(value, float) and value - value != 0


def json_text(data: bytes) -> None:
    """What the json module reads is read, the same and nothing else; it can be written again."""
    choose = FromBytes(data)
    kind = choose.below(8)
    if kind == 7:
        text = _nested(choose)
    elif kind == 6:
        text = _surrounded(choose)
    else:
        text = text_of(choose.rest)
    expected = json_value(text)
    for given, start in ((text, 0), ("ab" + text, 2)):
        try:
            value = jsontext.loads(given, start)
        except RemoteProtocolError:
            value = REFUSED
        # Equal is not enough: 1, 1.0 and true are.
        assert value is expected or repr(value) == repr(expected)
    if expected is REFUSED or overflows(expected):
        return
    assert jsontext.loads(jsontext.dumps(expected)) == expected


def _surrounded(choose: FromBytes) -> str:
    """JSON with blanks around it, and now and then with more behind that."""
    blanks = (" \t\n\r"[: choose.below(5)], "\x0b", "\u00a0", "\ufeff")
    before, after = pick(choose, blanks), pick(choose, blanks)
    text = json.dumps(making.json(choose, 2), ensure_ascii=flag(choose))
    return f"{before}{text}{after}{choose.text(4)}"


def _nested(choose: FromBytes) -> str:
    """Brackets around brackets, a few of them missing now and then."""
    opening = "".join(pick(choose, ("[", '{"a":', "[1,")) * choose.below(80) for _ in range(3))
    missing = choose.below(3)
    closing = "".join("]" if c == "[" else "}" for c in reversed(opening) if c in "[{")
    return f"{opening}{choose.text(4) or 1}{closing[missing:]}"


def engine_io(data: bytes) -> None:
    """Packets from bytes and back; greetings as they should be read; python-engineio reads ours."""
    choose = FromBytes(data)
    mode = choose.below(5)
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
    elif mode == 3:
        _engine_text(text_of(choose.rest))
    else:
        _engine_text("0" + json.dumps(making.greeting(choose)))


def _engine_text(frame: str) -> None:
    try:
        packet = eio.decode(frame)
    except RemoteProtocolError:
        return
    assert isinstance(packet.data, str)
    assert f"{packet.type:d}{packet.data}" == frame
    assert eio.encode(packet.type, packet.data) == frame
    if packet.type is not eio.PacketType.OPEN:
        return
    try:
        expected = greeting_of(jsontext.loads(packet.data))
    except RemoteProtocolError:
        expected = REFUSED
    try:
        opened = eio.read_open(packet.data)
    except RemoteProtocolError:
        assert expected is REFUSED
        return
    assert opened == expected
    assert eio.read_open(eio.write_open(opened)).sid == opened.sid


def socket_io(data: bytes) -> None:
    """Packets from text and bytes and back, one after another, and python-socketio on the same."""
    choose = FromBytes(data)
    if flag(choose):
        packet = making.socket_packet(choose)
        frames = sio.encode(packet)
        assert _assembled(frames) == packet
        _same_for_the_judge(packet, frames)
        more = [making.socket_packet(choose) for _ in range(choose.below(3))]
        _one_after_another([packet, *more])
        return
    frames = [text_of(choose.rest)]
    text = "4" + str(frames[0])
    expected = packet_of(text[1:])
    try:
        packet = sio.decode(text, 1)
    except RemoteProtocolError:
        assert expected is REFUSED
        return
    # Not by ==, for which 1 and true are the same.
    assert repr(packet) == repr(expected) == repr(sio.decode(text[1:]))
    if text.startswith(PLAIN_EVENT):  # The short way leads to the same place.
        assert repr(sio.plain_event(text, PLAIN_EVENT)) == repr(packet.data)
    try:
        whole = sio.Assembler().feed(packet)
    except RemoteProtocolError:
        return
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


def _one_after_another(packets: list[sio.Packet]) -> None:
    """An assembler with just the room for the largest of them gives back each: what was before
    counts no more."""
    sent = [sio.encode(packet) for packet in packets]
    most = max(sum(map(len, attachments)) for _, *attachments in sent)
    assembler = sio.Assembler(max(map(len, sent)) - 1, most)
    for packet, (text, *attachments) in zip(packets, sent, strict=True):
        found = assembler.feed(sio.decode(str(text)))
        for piece in attachments:
            assert found is None
            assert isinstance(piece, bytes)
            found = assembler.feed_binary(piece)
        assert found == packet
        assert not assembler.pending


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
        if isinstance(made, messages.UnknownEvent):
            _keeps_secrets(choose, made)
        else:
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
    # What this name means to the other side is nothing to this one.
    messages.read(sender.other, cls.WIRE, args)
    found = messages.read(sender, cls.WIRE, args)
    assert type(found) is cls
    assert found.check()
    assert misfit(found) is None
    name, again = messages.write(found)
    assert name == cls.WIRE
    assert messages.read(sender, name, again) == found
    repr(found)


def _keeps_secrets(choose: FromBytes, event: messages.UnknownEvent) -> None:
    """Who looks at an event that we do not know sees nothing of what is secret by its name."""
    words = ("token", "client_token", "apiKey", "password", "share_url", "Authorization")
    key = pick(choose, [spelt for word in words for spelt in (word, word.upper(), word.title())])
    kept: Any = {key: SECRET}
    for wrapped in range(choose.below(4)):
        kept = {f"k{wrapped}": kept} if flag(choose) else [kept, 1]
    shown = repr(messages.UnknownEvent(event.name, (*event.args, kept)))
    assert SECRET not in shown
    assert key in shown


def any_model(data: bytes) -> None:
    """Every model reads anything; what it holds has its types, and survives the wire."""
    choose = FromBytes(data)
    cls: Any = pick(choose, making.all_models())
    if flag(choose):
        made = making.model(choose, cls)
        assert made.check()
        assert cls.from_dict(json.loads(json.dumps(made.to_dict()))).check()
        lasts(made)
        return
    given = making.payload(choose, cls) if flag(choose) else making.json(choose)
    if isinstance(given, dict) and choose.below(4) == 3:
        given = dict.fromkeys(given, math.inf)  # 1e999, as JSON reads it.
    found = cls.from_dict(given)
    assert type(found) is cls
    assert found.check()
    assert misfit(found) is None
    repr(found)
    assert cls.from_dict(found.to_dict()).check()
    lasts(found)


# --- text --------------------------------------------------------------------------------


def action_tags(data: bytes) -> None:
    """Text whole and in pieces shows, holds back and finds what a reader of whole texts does."""
    choose = FromBytes(data)
    text = _marked(choose) if choose.below(4) == 3 else text_of(choose.rest)
    shown, held, expected = without_tags(text)
    whole = shown + held
    for size in (max(1, len(text)), 1, 3):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        assert _filtered(pieces) == (whole, expected)
    assert spoken(text) == " ".join(whole.split())
    assert len(whole) <= len(text)
    if "<" not in text:
        assert (whole, expected) == (text, [])


PARTS = (
    "<action", "</action>", "<ACTION", "/>", ">", " ", "\n", 'name="wave"', "name='x y'", 'hand=""',
    "a = 'b>'", "=", '"', "'", "<", "word", "<b>", 'name=""',
)  # fmt: skip


def _marked(choose: FromBytes) -> str:
    """Text of which much is tags, or would be."""
    return "".join(pick(choose, PARTS) for _ in range(choose.below(40)))


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
    """Chunks in any order: the texts and actions of a transcript that keeps whole texts, each told
    once; pieces add up to the text of a message; what is open is bounded."""
    choose = FromBytes(data)
    mode = pick(choose, MODES)
    one, other = Transcript(mode), WholeTexts(mode)
    shown: dict[str, str] = {}
    crowded = False
    while choose.more:
        chunks = [_chunk(choose)]
        rare = choose.below(16)
        if rare == 15:
            for number in range(1 if flag(choose) else MAX_OPEN + 9):
                key = f"n{number}" if number else chunks[0].message_id
                one.redact(key)
                other.redact(key)
            assert len(one._redacted) <= MAX_OPEN
        elif rare == 14 and not crowded:
            # More at a time than may be open; the next chunk is of any of them.
            crowded = True
            chunks += [ResponseChunk("x", message_id=f"n{number}") for number in range(MAX_OPEN)]
        for chunk in chunks:
            for over in shown.keys() - one._open.keys():
                del shown[over]
            told, expected = one.feed(chunk), other.feed(chunk)
            assert (told is None) == (expected is None)
            if told is None or expected is None:
                continue
            said = told.response
            before = shown.get(chunk.message_id, "")
            assert said.text == (said.partial if said.replaces else before + said.partial)
            assert (said.text, [(tag.name, dict(tag.params)) for tag in told.actions]) == expected
            shown[chunk.message_id] = said.text
            assert len(one._open) <= MAX_OPEN
            assert len(one._redacted) <= MAX_OPEN


def _chunk(choose: FromBytes) -> ResponseChunk:
    text = pick(choose, ("", "Hel", "Hello", '<action name="a"/>', "<act", "x")) + choose.text(4)
    partial = pick(choose, (None, "", text, "lo"))
    ident = pick(choose, ("", "m1", "m2")) if choose.below(8) else f"n{choose.below(100)}"
    return ResponseChunk(text, flag(choose), partial, ident)
