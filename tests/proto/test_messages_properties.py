"""Whatever a peer sends is read, and whatever is written is read back as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estuary_proto.messages import TO_CLIENT, TO_SERVER, UnknownEvent, all_messages, read, write
from estuary_proto.models import encode_pcm
from estuary_proto.states import Role
from estuary_proto.testing import strategies
from estuary_proto.testing.making import all_models

MESSAGES = all_messages()
JSON = strategies.json_values() | st.sampled_from([float("nan"), 1e999, b"bytes"])

by_message = pytest.mark.parametrize(
    ("sender", "cls"), MESSAGES, ids=[f"{role.value}-{cls.WIRE}" for role, cls in MESSAGES]
)


@by_message
@settings(max_examples=10)
@given(data=st.data())
def test_what_is_written_is_read_back(sender: Role, cls: Any, data: st.DataObject) -> None:
    message = data.draw(strategies.models(cls))
    name, args = write(message)
    assert read(sender, name, json.loads(json.dumps(args))) == message


@by_message
@settings(max_examples=10)
@given(data=st.data())
def test_no_payload_raises_and_all_give_sound_messages(
    sender: Role, cls: Any, data: st.DataObject
) -> None:
    args = data.draw(st.lists(strategies.payloads(cls) | JSON, max_size=2))
    message = read(sender, cls.WIRE, args)
    assert type(message) is cls
    assert message.check()  # every field has its type, whatever came
    name, again = write(message)
    assert read(sender, name, again) == message


@given(strategies.models())
def test_every_model_survives_the_wire(model: Any) -> None:
    assert model.check()
    assert type(model).from_dict(json.loads(json.dumps(model.to_dict()))).check()


def test_every_model_is_drawn() -> None:
    assert {cls for _, cls in MESSAGES} < set(all_models())
    assert len(all_models()) > 80


@given(
    sender=st.sampled_from(Role),
    name=st.sampled_from([*TO_SERVER, *TO_CLIENT]) | st.text(),
    args=st.lists(JSON, max_size=3),
)
def test_any_name_from_any_side_is_read(sender: Role, name: str, args: list[Any]) -> None:
    message = read(sender, name, args)
    known = TO_SERVER if sender is Role.CLIENT else TO_CLIENT
    assert isinstance(message, UnknownEvent) == (name not in known)
    if isinstance(message, UnknownEvent):
        assert message.name == name
        assert len(message.args) == len(args)


@given(st.binary())
def test_pcm_survives_the_wire(pcm: bytes) -> None:
    message = read(Role.SERVER, "bot_voice", [{"audio": encode_pcm(pcm)}])
    assert message.pcm == pcm  # type: ignore[attr-defined]
