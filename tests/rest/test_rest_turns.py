"""The stream of a turn: newline-delimited JSON, cut anywhere, ended honestly (PROTOCOL 7.2)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estuary_proto.messages import UnknownEvent
from estuary_proto.models import ApiEndpointResult, TurnResult, TurnText
from estuary_proto.rest import TurnFailed, turns
from estuary_proto.rest.turns import TurnReader

LINES = [
    {"type": "text_delta", "data": {"text": "Grüß "}},
    {"type": "api_endpoint_result", "data": {"operation": "weather", "toolCallId": "t1"}},
    {"type": "sparkle", "data": {"x": 1}},
    {"type": "text_delta", "data": {"text": "dich ☕"}},
    {"type": "turn_completed", "data": {"text": "Grüß dich ☕", "messageId": "m1"}},
]
EVENTS = [
    TurnText("Grüß "),
    ApiEndpointResult("t1", "weather"),
    UnknownEvent("sparkle", ({"x": 1},)),
    TurnText("dich ☕"),
    TurnResult("Grüß dich ☕", "m1"),
]


def wire(lines: list[Any], end: str = "\n") -> bytes:
    return end.join(json.dumps(line, ensure_ascii=False) for line in lines).encode()


def read(data: bytes, cuts: list[int] | None = None) -> tuple[TurnReader, list[Any]]:
    reader, start = TurnReader(), 0
    found: list[Any] = []
    for cut in [*sorted(cuts or []), len(data)]:
        found += reader.feed(data[start:cut])
        start = cut
    found += reader.finish()
    return reader, found


@given(st.lists(st.integers(0, 400)), st.sampled_from(["\n", "\r\n", "\n\n \n"]), st.booleans())
def test_cut_anywhere(cuts: list[int], end: str, ended: bool) -> None:
    data = wire(LINES, end) + (end.encode() if ended else b"")
    reader, found = read(data, [cut % len(data) for cut in cuts])
    assert found == EVENTS
    assert (reader.text, reader.result) == ("Grüß dich ☕", EVENTS[-1])


def test_each_event_comes_as_soon_as_its_line_is_complete() -> None:
    reader = TurnReader()
    data = wire(LINES[:1])
    assert list(reader.feed(data)) == []
    assert list(reader.feed(b"\n")) == [TurnText("Grüß ")]


def test_what_comes_behind_the_end_is_not_read() -> None:
    _, found = read(wire([LINES[-1], "nonsense"]) + b"\n\xff\n")
    assert found == [EVENTS[-1]]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "ended before the turn was complete"),
        (wire(LINES[:1]) + b"\n", "ended before the turn was complete"),
        (wire(LINES[:1]) + b'\n{"type":"turn_compl', "a line of the stream is no JSON"),
        (wire(LINES[:1]) + b"\n\xff\n", "a line of the stream is no JSON"),
        (wire(LINES[:1]) + b"\n[1]\n", "a line of the stream is no object"),
        (
            wire([LINES[0], {"type": "error", "data": {"message": "too hot"}}]) + b"\n",
            "the server says: too hot",
        ),
        (wire([LINES[0], {"type": "error", "data": "plain"}]), "the server says: plain"),
        (wire([LINES[0], {"type": "error"}]), "the server says: an error"),
    ],
)
def test_endings_that_are_failures(data: bytes, says: str) -> None:
    reader = TurnReader()
    found: list[Any] = []
    with pytest.raises(TurnFailed) as caught:
        for event in reader.feed(data):
            found.append(event)
        found += reader.finish()
    assert says in caught.value.message
    assert found == EVENTS[: len(found)]
    assert caught.value.partial == "".join(event.text for event in found)


def test_a_line_without_end() -> None:
    reader = TurnReader(longest=10)
    list(reader.feed(b" " * 10))
    with pytest.raises(TurnFailed, match="longer than 10 bytes"):
        list(reader.feed(b" "))


def test_odd_events_are_kept() -> None:
    odd = [{"data": 1}, {"type": 7}, {"type": "text_delta", "data": None}]
    _, found = read(wire([*odd, LINES[-1]]))
    assert found[:3] == [UnknownEvent("", (1,)), UnknownEvent("", (None,)), TurnText("")]


def test_the_request_of_a_stream() -> None:
    call = turns.turn("c", "p", "Hi", stream=True)
    assert json.loads(call.body)["stream"] is True
    assert call.request().header("accept") == "application/x-ndjson"
    assert "stream" not in json.loads(turns.turn("c", "p", "Hi").body)


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_line_that_is_too_long_fails_however_it_comes(size: int) -> None:
    reader = TurnReader(longest=100)
    data = wire([LINES[0], {"type": "sparkle", "data": "x" * 90}, LINES[-1]], "\n")
    told: list[Any] = []
    with pytest.raises(TurnFailed, match="longer than 100 bytes") as failed:
        for at in range(0, len(data), size):
            told += reader.feed(data[at : at + size])
    assert failed.value.partial == "Grüß "


def test_nothing_is_kept_of_what_comes_behind_the_end() -> None:
    reader = TurnReader(longest=100)
    list(reader.feed(wire(LINES) + b"\n" + b"x" * 50))
    for _ in range(100):
        list(reader.feed(b"x" * 50))
    assert not reader._rest
    assert not list(reader.finish())
