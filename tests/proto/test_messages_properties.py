"""Whatever a peer sends is read, and whatever is written is read back as it was."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import cache
from types import NoneType
from typing import Any, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estuary_proto.messages import TO_CLIENT, TO_SERVER, UnknownEvent, all_messages, read, write
from estuary_proto.models import Model, encode_pcm
from estuary_proto.models.reading import hints_of, is_model, spellings
from estuary_proto.states import Role

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["true", "1", "1e999", "9" * 5000, 10**400, -0.0, b"bytes"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
MESSAGES = all_messages()


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values that a field of this type may hold."""
    plain: dict[Any, st.SearchStrategy[Any]] = {
        str: st.text(),
        int: st.integers(-(2**53), 2**53),
        float: FINITE,
        bool: st.booleans(),
        NoneType: st.none(),
        Any: st.none() | st.text() | st.lists(st.booleans()),
    }
    if hint in plain:
        return plain[hint]
    if is_model(hint):
        return made(hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin is list:
        return st.lists(values(args[0]), max_size=3)
    if origin is tuple:
        return st.lists(values(args[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(st.text(), values(args[1]), max_size=3)
    return st.one_of(*map(values, args))


@cache
def made(cls: type[Model]) -> st.SearchStrategy[Model]:
    """Instances of a model with every field drawn."""
    hints = hints_of(cls)
    drawn = {part.name: values(hints[part.name]) for part in fields(cls) if part.init}
    return st.builds(cls, **drawn)


@cache
def keyed(cls: type[Model]) -> st.SearchStrategy[Any]:
    """Objects with the keys that the class looks for, and anything at all in them."""
    keys = [key for part in fields(cls) for key in spellings(cls, part)]
    return st.dictionaries(st.sampled_from([*keys, "other"]), JSON, max_size=6)


by_message = pytest.mark.parametrize(
    ("sender", "cls"), MESSAGES, ids=[f"{role.value}-{cls.WIRE}" for role, cls in MESSAGES]
)


@by_message
@settings(max_examples=10)
@given(data=st.data())
def test_what_is_written_is_read_back(sender: Role, cls: Any, data: st.DataObject) -> None:
    message = data.draw(made(cls))
    name, args = write(message)
    assert read(sender, name, json.loads(json.dumps(args))) == message


@by_message
@settings(max_examples=10)
@given(data=st.data())
def test_no_payload_raises_and_all_give_sound_messages(
    sender: Role, cls: Any, data: st.DataObject
) -> None:
    args = data.draw(st.lists(keyed(cls) | JSON, max_size=2))
    message = read(sender, cls.WIRE, args)
    assert type(message) is cls
    assert message.check()  # every field has its type, whatever came
    name, again = write(message)
    assert read(sender, name, again) == message


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
