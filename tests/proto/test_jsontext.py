"""JSON in packets: what is refused on the way out, mended on the way in, and bounded both ways."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estuary_proto import jsontext
from estuary_proto.errors import LocalProtocolError, RemoteProtocolError
from estuary_proto.jsontext import MAX_DEPTH

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def nested(depth: int, leaf: Any = 1) -> Any:
    value = leaf
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


@given(VALUES)
def test_what_is_written_is_read_again(value: Any) -> None:
    assert jsontext.loads(jsontext.dumps(value)) == value


@given(VALUES)
def test_the_standard_library_agrees(value: Any) -> None:
    assert json.loads(jsontext.dumps(value)) == value
    assert jsontext.loads(json.dumps(value)) == value
    assert jsontext.loads(json.dumps(value, indent=1)) == value


@given(st.text() | VALUES.map(json.dumps).flatmap(lambda text: st.sampled_from([text, text[:-1]])))
def test_reading_agrees_with_the_standard_library_on_any_text(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(RemoteProtocolError):
            jsontext.loads(text)
    else:
        value = jsontext.loads(text)
        assert value == expected or value is None


@pytest.mark.parametrize(
    ("text", "start", "value"),
    [
        ("2[1]", 1, [1]),
        ("xx \t\r\n{} \n", 2, {}),
        ('{"a":1,"a":2}', 0, {"a": 2}),
        ("[NaN,Infinity,-Infinity]", 0, [None, None, None]),
        ('"\\ud83d\\ude00"', 0, "😀"),
        ('["\\uD800x","\\n\\u00e9"]', 0, ["\ufffdx", "\né"]),
        (
            '{"\\udc00":[1,null,{"b":"\\ude00\\ud83d"}]}',
            0,
            {"\ufffd": [1, None, {"b": "\ufffd" * 2}]},
        ),
    ],
)
def test_reading(text: str, start: int, value: Any) -> None:
    assert jsontext.loads(text, start) == value


@pytest.mark.parametrize("text", ["", " ", "[", "nope", "[1]x", '"a', "1 2", "9" * 5000, "[1,]"])
def test_what_is_not_json_is_the_peers_fault(text: str) -> None:
    with pytest.raises(RemoteProtocolError, match="not JSON"):
        jsontext.loads(text)


@pytest.mark.parametrize("filler", ["", " " * 300])
def test_depth_is_bounded_in_reading(filler: str) -> None:
    assert jsontext.loads(json.dumps(nested(MAX_DEPTH)) + filler) == nested(MAX_DEPTH)
    with pytest.raises(RemoteProtocolError, match="deeper than 100"):
        jsontext.loads(json.dumps(nested(MAX_DEPTH + 1)) + filler)
    with pytest.raises(RemoteProtocolError, match="deeper than 100"):
        jsontext.loads("[" * 100_000 + "]" * 100_000)
    with pytest.raises(RemoteProtocolError):
        jsontext.loads("[" * 100_000)


def test_the_innermost_may_be_empty_and_counts() -> None:
    just = [nested(MAX_DEPTH - 2, []), [], {}]
    assert jsontext.loads(jsontext.dumps(just)) == just
    over = [nested(MAX_DEPTH - 1, []), [], {}]
    with pytest.raises(RemoteProtocolError, match="deeper"):
        jsontext.loads(json.dumps(over))
    with pytest.raises(LocalProtocolError, match="deeper"):
        jsontext.dumps(over)


def test_wide_is_not_deep() -> None:
    wide = [{"a": [index]} for index in range(500)]
    assert jsontext.loads(json.dumps(wide)) == wide
    brackets = ["[{" * 200]
    assert jsontext.loads(json.dumps(brackets)) == brackets


def test_depth_is_bounded_in_writing() -> None:
    assert json.loads(jsontext.dumps(nested(MAX_DEPTH))) == nested(MAX_DEPTH)
    for value in (nested(MAX_DEPTH + 1), nested(MAX_DEPTH + 2), nested(5000)):
        with pytest.raises(LocalProtocolError, match="deeper than 100 levels"):
            jsontext.dumps(value)
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(LocalProtocolError, match="circle"):
        jsontext.dumps(circle)


class Strange(dict[str, object]):
    """Says something else each time it is asked."""

    asked = 0

    def items(self) -> Any:
        self.asked += 1
        return [(1, 1)] if self.asked == 1 else []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([1, {"a": math.nan}], r"data\[1\]\.a: nan is no JSON number"),
        ({"a": math.inf}, r"data\.a: inf is no JSON number"),
        ({"a": {1: 2}}, r"data\.a: the key 1 is int, not text"),
        ({"a": ["x", {None: 2}]}, r"data\.a\[1\]: the key None is NoneType"),
        ({"\ud800": 2}, r"the key '\\ud800' holds half of a surrogate pair"),
        ({"a": "é\udc00"}, r"data\.a: the text holds half of a surrogate pair"),
        ("\ud83d", "data: the text holds half"),
        ([1, 2, (3, object())], r"data\[2\]\[1\]: object is not a JSON type"),
        ({"a": {1, 2}}, r"data\.a: set is not"),
        ({"ok": [1, 1.5, True, None, "x"], "a": b"x"}, r"data\.a: bytes is not"),
        ([{"a": b"", 1: 1}], r"data\[0\]: the key 1"),
        ([bytearray()], r"data\[0\]: bytearray is not"),
        ([10**5000], r"data\[0\]: the number is absurdly long"),
        (Strange(), "this value: it is not JSON"),
    ],
)
def test_what_cannot_be_sent_is_named_with_its_path(value: object, words: str) -> None:
    with pytest.raises(LocalProtocolError, match=words):
        jsontext.dumps(value)


def test_text_stays_readable() -> None:
    assert jsontext.dumps({"a": "é😀\n", "b": (1, 2.5)}) == '{"a":"é😀\\n","b":[1,2.5]}'


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"a": [1, {"b": b"x"}], "c": "d"}, True),
        ([[memoryview(b"")], 1], True),
        (["bytes", 1, None, ("x", {"y": 2.0})], False),
        (b"", True),
    ],
)
def test_bytes_are_found(value: object, found: bool) -> None:
    assert jsontext.holds_bytes(value) is found


def test_a_bad_key_beside_bytes_is_named() -> None:
    with pytest.raises(LocalProtocolError, match=r"data\.b: the key 3 is int"):
        jsontext.holds_bytes({"a": b"x", "b": {3: b"y"}})
