"""Captures that anybody may have edited: read, summed up, replayed, or refused with the line."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from estuary_proto.capture import read, replay, summary
from estuary_proto.capture.sound import BYTES
from estuary_proto.errors import EstuaryError
from estuary_proto.models.conversation import BotResponse, InterruptData
from estuary_proto.models.pcm import decode_pcm
from estuary_proto.testing import making
from estuary_proto.testing.choosing import FromBytes, flag, pick
from estuary_proto.testing.operations import CLIENT, operations
from estuary_proto.testing.runs import ClientRun

HEADER = (
    '{"estuary_capture":%d,"config":{"server_url":"ws://h","api_key":"k","character_id":"c",'
    '"player_id":"p"},"seed":1}'
)


def capture(data: bytes) -> None:
    """Lines with anything in them: every reader answers, or raises an EstuaryError. Those that
    nobody has touched are read as they were written."""
    choose = FromBytes(data)
    lines = _lines(choose) if flag(choose) else choose.rest.decode("utf-8", "replace").split("\n")
    for reader in (lambda: list(read(lines)), lambda: replay(lines), lambda: summary(lines)):
        try:
            reader()
        except EstuaryError as error:
            assert "line" in error.message


def _lines(choose: FromBytes) -> list[str]:
    """A capture of a few operations, some of its lines changed."""
    run = ClientRun()
    # Of few operations, choices are left for the changes.
    for operation in operations(choose, CLIENT, choose.below(7)):
        run.do(operation)
    lines = list(run.lines)
    changes = choose.below(4)
    if not changes:
        _untouched(lines)
        _summed_up(run)
        return []
    for _ in range(changes):
        at = choose.below(len(lines))
        kind = choose.below(5)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines[at] = lines[at][: choose.below(200)] + choose.text(8) + lines[at][-10:]
        elif kind == 2:
            lines.insert(at, lines[choose.below(len(lines))])
        else:
            lines[at] = _changed(choose, lines[at])
        if not lines:
            return [HEADER % choose.below(3)]
    return lines


def _untouched(lines: list[str]) -> None:
    """Every line is an entry with all that it holds, at its time, and happens again."""
    entries = list(read(lines))
    told = [json.loads(line) for line in lines]
    assert [entry.data for entry in entries] == told
    assert [entry.at for entry in entries] == [data.get("t", 0.0) for data in told]
    assert [entry.line for entry in entries] == list(range(1, len(lines) + 1))
    # Time passes from line to line; nobody's clock goes back here.
    assert all(one.at <= other.at for one, other in pairwise(entries))
    assert replay(lines).difference is None


def _summed_up(run: ClientRun) -> None:
    """The sums of a capture are those of what the client told and of the bytes on the wire."""
    found = summary(run.lines)
    told = [json.loads(line) for line in run.lines]
    came = [data["frame"] for data in told if data.get("in") == "receive"]
    went = [data["got"] for data in told if data.get("pull") in ("frame", "batch")]
    assert (found.bytes_in, found.bytes_out) == (_size(came), _size(went))
    responses = [event for event in run.events if type(event) is BotResponse and event.partial]
    assert found.pieces == len(responses)
    assert found.interruptions == sum(type(event) is InterruptData for event in run.events)
    # What was asked before a connection fell is answered by nothing that comes later.
    falls = [at for at, data in enumerate(told) if _is_fall(data)]
    if falls:
        before = summary(run.lines[: falls[-1] + 1]).first_piece
        assert found.first_piece[: len(before)] == before
        since = found.seconds - told[falls[-1]]["t"]
        assert all(took <= since for took in found.first_piece[len(before) :])


def _size(frames: list[Any]) -> int:
    """In bytes; binary frames are written as base64, HangUp is none."""
    texts = [frame for frame in frames if isinstance(frame, str)]
    sounds = [frame[BYTES] for frame in frames if isinstance(frame, dict) and BYTES in frame]
    return sum(len(text.encode()) for text in texts) + sum(len(decode_pcm(one)) for one in sounds)


def _is_fall(data: dict[str, Any]) -> bool:
    got = data.get("got")
    return isinstance(got, dict) and got.get("is") == "Disconnected"


def _changed(choose: FromBytes, line: str) -> str:
    try:
        told = json.loads(line)
    except ValueError:
        return line
    if isinstance(told, dict):
        name = pick(choose, [*told, "t", "now", "link", "in", "clock"])
        counts = isinstance(told.get(name), (int, float)) and flag(choose)
        told[name] = making.number(choose) if counts else making.json(choose)
    return json.dumps(told)
