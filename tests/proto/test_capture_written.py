"""The short way to write an event says what the long way says."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estuary_proto.capture.forms import dumps, form, written
from estuary_proto.capture.masking import Mask
from estuary_proto.errors import EstuaryError
from estuary_proto.events import (
    Fault,
    Outcome,
    ReplyEnded,
    ReplyPart,
    Settled,
    StateChanged,
    TextPiece,
    Writable,
)
from estuary_proto.events import ReplyEnd as End
from estuary_proto.models.conversation import BotResponse, BotVoice, CharacterAction
from estuary_proto.models.session import ConnectionState, SessionInfo

VALUES = st.one_of(
    st.text(),
    st.sampled_from(["a" * 65, "\x85", "\u2028x\u2029", "\ud800", '"', "\\", "é"]),
    st.integers(),
    st.sampled_from([2**63, 2**64, 10**5000, -(2**70)]),
    st.booleans(),
    st.none(),
    st.floats(),
    st.sampled_from([TextPiece("x"), End.FINAL, b"x", (1, 2), {"k": 1}, EstuaryError("x")]),
)
KINDS = st.sampled_from([BotResponse, BotVoice, CharacterAction, ReplyPart, ReplyEnded, TextPiece])


@given(KINDS, st.lists(VALUES, min_size=9, max_size=9))
def test_both_ways_say_the_same(kind: Any, values: list[Any]) -> None:
    event = object.__new__(kind)
    for part, value in zip(fields(kind), values, strict=False):
        object.__setattr__(event, part.name, value)
    for part in fields(kind)[9:]:
        object.__setattr__(event, part.name, None)
    made = written(event)
    assert made is None or made == dumps(form(event, Mask()))


@pytest.mark.parametrize(
    "event",
    [
        BotResponse("Hi", "i", True, "m"),
        BotResponse("é\u2028", "", False, "m"),
        BotVoice("QUJD" * 40, message_id="m"),
        BotVoice("QUJD", message_id="m"),
        ReplyPart(1, TextPiece("x")),
        Settled(3, Outcome.SENT),
    ],
)
def test_what_comes_often_goes_the_short_way(event: Any) -> None:
    assert written(event) == dumps(form(event, Mask()))


@pytest.mark.parametrize(
    "event",
    [
        SessionInfo("s", "c"),
        StateChanged(ConnectionState.CONNECTED),
        Writable(),
        Fault(EstuaryError("x")),
        ReplyPart(10**5000, TextPiece("x")),
        BotResponse("\ud800", "", False, "m"),
        BotResponse(math.nan, "", False, "m"),  # type: ignore[arg-type]
        "text",
    ],
)
def test_the_rest_takes_the_long_way(event: Any) -> None:
    assert written(event) is None or type(event) is str
