"""What a script may not say, and how it is told."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estuary_proto.errors import ErrorCode, EstuaryError
from estuary_proto.gateway import Script
from estuary_proto.gateway.script import MAX_RULES

WRONG: dict[str, tuple[Any, str]] = {
    "no list": ("x", "my.yaml: rules: there is no list of rules; begin with `- when: …`"),
    "nothing": (None, "my.yaml: rules: there is no list of rules"),
    "another key": ({"rule": []}, "my.yaml: rules: there is no 'rule'; it may have rules"),
    "too many rules": (
        [{"when": "text", "do": "drop"}] * (MAX_RULES + 1),
        f"my.yaml: rules: there are {MAX_RULES + 1}; {MAX_RULES} are the most",
    ),
    "no rule": (["x"], "my.yaml: rule 1: rule: it is no mapping; write {when: …, do: …}"),
    "another part": (
        [{"when": "text", "do": "drop", "then": 1}],
        "my.yaml: rule 1: rule: there is no 'then'; it may have when, do, instead",
    ),
    "the second": (
        [{"when": "text", "do": "drop"}, {"when": "text"}],
        "my.yaml: rule 2: do: there is nothing to do; try `do: drop`",
    ),
}
WRONG_WHEN: dict[str, tuple[Any, str]] = {
    "missing": (None, "when: it is missing or no trigger; try `when: connected`"),
    "unknown": ("lunch", "when: there is no event 'lunch' of a client; take one of joining, "),
    "before joining": ("authenticate", "when: there is no event 'authenticate'"),
    "no name": ({"event": 7}, "when: there is no event 7"),
    "two": (
        {"event": "text", "after": 1},
        "when: it needs one of event, text, after, request; try {event: connected}",
    ),
    "empty": ({}, "when: it needs one of event, text, after, request"),
    "nth of after": ({"after": 1, "nth": 2}, "when: there is no 'nth'; it may have after"),
    "after text": ({"after": "x"}, "when.after: 'x' is no number; give 0 to 86400"),
    "after true": ({"after": True}, "when.after: True is no number"),
    "after too long": ({"after": 1e9}, "when.after: 1000000000.0 is out of bounds"),
    "after nan": ({"after": float("nan")}, "when.after: nan is out of bounds"),
    "nth 0": ({"event": "text", "nth": 0}, "when.nth: 0 is no count; give 1, 2, 3 …"),
    "nth true": ({"event": "text", "nth": True}, "when.nth: True is no count"),
    "nth text": ({"event": "text", "nth": "2"}, "when.nth: '2' is no count"),
    "text of no kind": (
        {"text": "hello"},
        "when.text: it says not how to compare; try {text: {contains: hello}}",
    ),
    "text of two kinds": (
        {"text": {"equals": "a", "contains": "b"}},
        "when.text: it says not how to compare",
    ),
    "text like": (
        {"text": {"like": "a"}},
        "when.text: there is no 'like'; it may have equals, contains, matches",
    ),
    "text of a number": ({"text": {"equals": 5}}, "when.text.equals: it is no text; write some"),
    "a long pattern": (
        {"text": {"matches": "x" * 1001}},
        "when.text.matches: it has 1001 characters; 1000 are the most",
    ),
}
WRONG_DO: dict[str, tuple[Any, str]] = {
    "empty": ([], "do: there is nothing to do"),
    "too many": (["drop"] * 1001, "do: there are 1001 acts; 1000 are the most"),
    "a number": (5, "do[1]: it is not one act; write a name, or {name: …}"),
    "two in one": ([{"say": "a", "wait": 1}], "do[1]: it is not one act"),
    "unknown": (["drop", "dance"], "do[2]: there is no act 'dance'; take one of emit, ask, say"),
    "no name": ([{5: 5}], "do[1]: there is no act 5"),
    "refuse later": (
        {"refuse": "x"},
        "do[1]: only who asks to come in can be refused; do it `when: joining`",
    ),
    "drop what": ({"drop": 5}, "do[1].drop: it takes nothing; write the name alone"),
    "wait for text": ({"wait": "long"}, "do[1].wait: 'long' is no number; give 0 to 3600"),
    "emit a text": ({"emit": "x"}, "do[1].emit: it is no mapping; give {event: NAME,"),
    "emit nothing": ({"emit": {}}, "do[1].emit.event: a server sends no None; take a name of"),
    "emit a client's": ({"emit": {"event": "text"}}, "do[1].emit.event: a server sends no 'text'"),
    "emit a number": ({"emit": {"event": 5}}, "do[1].emit.event: a server sends no 5"),
    "an unknown field": (
        {"emit": {"event": "interrupt", "id": "x"}},
        "do[1].emit: interrupt has no field 'id'; it has message_id, reason, interrupted_at",
    ),
    "no fields": (
        {"emit": {"event": "voice_stopped", "id": "x"}},
        "do[1].emit: voice_stopped has no field 'id'; it has none",
    ),
    "a wrong type": (
        {"emit": {"event": "session_timeout", "idle_seconds": "5"}},
        "do[1].emit.idle_seconds: '5' is not what goes there; it is like 5.0",
    ),
    "true is no number": (
        {"emit": {"event": "session_timeout", "idle_seconds": True}},
        "do[1].emit.idle_seconds: True is not what goes there",
    ),
    "what JSON has not": (
        {"emit": {"event": "client_action", "arguments": {"a": {1, 2}}}},
        "do[1].emit: ",
    ),
    "say a number": ({"say": 5}, "do[1].say: it is no mapping; give {text: …}"),
    "say nothing": ({"say": {}}, "do[1].say: it needs text or pieces, one of them"),
    "say both": ({"say": {"text": "a", "pieces": ["b"]}}, "do[1].say: it needs text or pieces"),
    "say blank": ({"say": {"text": ""}}, "do[1].say.text: it is no text"),
    "half a character": ({"say": "a\ud800"}, "do[1].say.text: it holds half a character"),
    "pieces": ({"say": {"pieces": "ab"}}, "do[1].say.pieces: it is no list of texts"),
    "no pieces": ({"say": {"pieces": []}}, "do[1].say.pieces: it is no list of texts"),
    "a piece": ({"say": {"pieces": ["a", 5]}}, "do[1].say.pieces: it is no text"),
    "interval": ({"say": {"text": "a", "interval": -1}}, "do[1].say.interval: -1 is out of bounds"),
    "no code": ({"close": None}, "do[1].close: None is no code to close with; try 1001"),
    "a code nobody sends": ({"close": 1006}, "do[1].close: 1006 is no code"),
    "a text code": ({"close": "1001"}, "do[1].close: '1001' is no code"),
    "a reason": ({"close": {"code": 1001, "reason": 5}}, "do[1].close.reason: it is no short text"),
    "a long reason": (
        {"close": {"code": 1001, "reason": "ä" * 62}},
        "do[1].close.reason: it is no short text; 123 bytes are the most",
    ),
    "an ending of text": (
        {"session_timeout": "now"},
        "do[1].session_timeout: it is no mapping; write the name alone, or {FIELD: VALUE}",
    ),
    "an ending's field": (
        {"session_timeout": {"idle": 5}},
        "do[1].session_timeout: session_timeout has no field 'idle'",
    ),
    "moderation": ({"moderation": "ban"}, "do[1].moderation: there is no level 'ban'; take warn"),
    "moderation 5": ({"moderation": 5}, "do[1].moderation: it is no mapping"),
    "garbage": ({"garbage": 5}, "do[1].garbage: it is no text"),
    "unknown event": ({"unknown": {"args": []}}, "do[1].unknown: it is no text"),
    "unknown args": ({"unknown": {"event": "x", "args": 5}}, "do[1].unknown.args: it is no list"),
    "unknown set": ({"unknown": {"event": "x", "args": [{1}]}}, "do[1].unknown: "),
    "binary": ({"binary": {"event": "x", "size": -1}}, "do[1].binary.size: -1 is out of bounds"),
}


def complaint(plain: Any) -> str:
    with pytest.raises(EstuaryError) as caught:
        Script.read(plain, "my.yaml")
    assert caught.value.code is ErrorCode.CONFIG_INVALID
    return caught.value.message


@pytest.mark.parametrize("name", WRONG)
def test_a_script_that_is_none(name: str) -> None:
    plain, said = WRONG[name]
    assert complaint(plain).startswith(said)


@pytest.mark.parametrize("name", WRONG_WHEN)
def test_a_trigger_that_is_none(name: str) -> None:
    plain, said = WRONG_WHEN[name]
    assert complaint([{"when": plain, "do": "drop"}]).startswith(f"my.yaml: rule 1: {said}")


@pytest.mark.parametrize("name", WRONG_DO)
def test_an_act_that_is_none(name: str) -> None:
    plain, said = WRONG_DO[name]
    assert complaint([{"when": "text", "do": plain}]).startswith(f"my.yaml: rule 1: {said}")


@pytest.mark.parametrize(
    ("act", "said"),
    [
        ({"say": "hi"}, "do[1]: 'say' needs a session; do it `when: connected`"),
        ({"slow": 1}, "do[1]: 'slow' needs a session"),
        ("voice_timeout", "do[1]: 'voice_timeout' needs a session"),
        ({"emit": {"event": "session_info"}}, "do[1]: a session begins by itself; leave it out"),
    ],
)
def test_what_makes_no_sense_at_the_door(act: Any, said: str) -> None:
    assert complaint([{"when": "joining", "do": act}]).startswith(f"my.yaml: rule 1: {said}")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"when": "text", "instead": "yes"}, "instead: it is neither true nor false"),
        ({"when": "connected", "instead": True}, "instead: there is nothing to replace at 'conn"),
        ({"when": {"after": 1}, "instead": True}, "instead: there is nothing to replace at 'after"),
    ],
)
def test_instead_of_nothing(rule: dict[str, Any], said: str) -> None:
    assert complaint([{**rule, "do": "drop"}]).startswith(f"my.yaml: rule 1: {said}")


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
ACT_NAMES = (
    "emit ask say wait moderation session_timeout close refuse silence stall slow garbage unknown"
    " binary leave drop quota_exceeded"
).split()


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "when": st.sampled_from(["text", "joining", {"after": 1}]) | plain_values,
                "do": st.lists(
                    st.sampled_from(ACT_NAMES).flatmap(
                        lambda name: st.dictionaries(st.just(name), plain_values, min_size=1)
                    ),
                    max_size=3,
                ),
            }
        ),
        max_size=3,
    )
    | plain_values
)
def test_anything_is_a_script_or_a_complaint(plain: Any) -> None:
    with suppress(EstuaryError):
        Script.read(plain)
