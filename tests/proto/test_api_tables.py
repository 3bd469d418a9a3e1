"""The tables of the gateway's REST API: fields, routes, and the document made of them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from estuary_proto.gateway.api import fields, openapi, routes
from estuary_proto.gateway.api.fields import (
    Field,
    Free,
    Group,
    Items,
    Moment,
    Number,
    Switch,
    Text,
    Wrong,
)

RIGHT: list[tuple[Field, Any]] = [
    (Text(3, 1), "abc"), (Text(choices=("a", "b")), "b"), (Text(), ""),
    (Number(0, 2), 0.5), (Number(0, 2, whole=True), 2), (Number(0, 2, whole=True), 2.0),
    (Switch(), False), (Switch(True), True), (Items(Switch(), 2), [True, False]),
    (Free(), {"a": [{"b": 1.5}]}), (Group({"a": Switch()}), {}),
    (Group({"a": Switch()}), {"a": None}),
]  # fmt: skip
WRONG: list[tuple[Field, Any, str]] = [
    (Text(), 1, "no text"), (Text(3), "abcd", "4 characters"), (Text(3, 1), "", "empty"),
    (Text(blank=False), " ", "empty"), (Text(choices=("a",)), "b", "none of a"),
    (Text(pattern="a+", called="scream"), "ab", "no scream"),
    (Number(), True, "no number"), (Number(), "1", "no number"),
    (Number(0, 2), 3, "not from 0 to 2"),
    (Number(0, 2), float("nan"), "not from"), (Number(0, 2), float("inf"), "not from"),
    (Number(0, 2, whole=True), 0.5, "whole"), (Switch(), 1, "neither"),
    (Switch(True), False, "not true"),
    (Items(Switch()), {}, "no list"), (Items(Switch(), 1), [True, True], "1 are the most"),
    (Free(), [], "no object"), (Free(), {"a": [float("inf")]}, "too large"),
    (Group({}), [], "no object"), (Group({}), {"a": 1}, "no such field"),
    (Group({"a": Switch()}, needed=("a",)), {}, "missing"),
    (Group({"a": Switch()}, needed=("a",)), {"a": None}, "neither"),
    (Group({"a": Switch()}, some=True), {}, "nothing is given"),
    (Group({"a": Switch(), "b": Switch()}, never=("a", "b")), {"a": True, "b": True}, "with a"),
    (Moment(), 1, "no text"), (Moment(), "today", "no ISO"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), RIGHT)
def test_what_is_right_passes(field: Field, value: Any) -> None:
    made = field.check(value, ("x",))
    assert made == ({} if value == {"a": None} else value)


@pytest.mark.parametrize(("field", "value", "said"), WRONG)
def test_what_is_wrong_says_where(field: Field, value: Any, said: str) -> None:
    with pytest.raises(Wrong, match=said) as caught:
        field.check(value, ("x",))
    assert caught.value.where[0] == "x"


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        (Text(), "a", "a"), (Number(0, 9), "1e0", 1.0), (Number(0, 9, whole=True), "7", 7),
        (Switch(), "true", True), (Switch(), "false", False),
    ],
)  # fmt: skip
def test_texts_are_read(field: Field, text: str, value: Any) -> None:
    assert field.read(text, ()) == value


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (Number(), "1_0"), (Number(), " 1"), (Number(), "1" * 40), (Number(), "x"), (Number(), "١"),
        (Number(0, 9, whole=True), "1.0"), (Switch(), "True"), (Switch(True), "false"),
        (Items(Switch()), "[]"), (Free(), "{}"), (Group({}), "{}"), (Moment(), "x"),
    ],
)  # fmt: skip
def test_texts_that_are_none(field: Field, text: str) -> None:
    with pytest.raises(Wrong):
        field.read(text, ())


def test_moments() -> None:
    def told(text: str, *, end: bool = False) -> str:
        return Moment(end).check(text, ()).strftime("%m-%d %H:%M:%S.%f")

    assert told("2026-01-02") == "01-02 00:00:00.000000"
    assert told("2026-01-02", end=True) == "01-03 00:00:00.000000"
    assert told("2026-01-02T01:00:00+02:00") == "01-01 23:00:00.000000"
    assert told("2026-01-02T01:00:00Z", end=True) == "01-02 01:00:00.000001"
    assert Moment(end=True).check("9999-12-31", ()).year == 9999
    assert Moment().check("0001-01-01T00:00:00+01:00", ()).year == 1


def test_schemas_say_the_same() -> None:
    assert Text(3, 1).schema() == {"type": "string", "minLength": 1, "maxLength": 3}
    assert Text(pattern="a").schema() == {"type": "string", "pattern": "a"}
    ink = Text(blank=False).schema()["pattern"]
    assert re.search(ink, " a")
    assert not re.search(ink, " \u0085\ufeff")
    assert Number(1, 2).schema() == {"type": "number", "minimum": 1, "maximum": 2}
    assert Number(1, 2, default=2).schema()["default"] == 2
    assert Switch(True).schema()["const"] is True
    assert Free().schema() == {"type": "object", "additionalProperties": True}
    some = Group({"a": Switch()}, some=True).schema()
    assert some["minProperties"] == 1
    assert some["properties"] == {"a": {"type": "boolean"}}
    never = Group({"a": Switch(), "b": Switch()}, never=("a", "b")).schema()
    assert never["then"] == {"properties": {"b": {"type": "null"}}}
    assert fields.LARGEST == 2147483647


def test_no_two_routes_are_one() -> None:
    assert len({(route.method, route.path) for route in routes.ROUTES}) == len(routes.ROUTES)
    assert len({route.operation for route in routes.ROUTES}) == len(routes.ROUTES)


def test_the_literal_path_is_meant() -> None:
    route, parts = routes.find("GET", b"/api/v1/characters/c/players/stats")
    assert (route.operation, parts) == ("player_stats", {"character_id": "c"})
    route, parts = routes.find("POST", b"/api/v1/characters/a%2Fb/players/%C3%BC/memories/search")
    assert (route.operation, parts) == ("search", {"character_id": "a/b", "player_id": "ü"})


def test_the_document_names_every_route_and_what_it_refers_to() -> None:
    document = openapi.document()
    operations = [each for path in document["paths"].values() for each in path.values()]
    assert {each["operationId"] for each in operations} == {r.operation for r in routes.ROUTES}
    known = set(document["components"]["schemas"])

    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            inner = {value["$ref"].rpartition("/")[2]} if "$ref" in value else set()
            return inner.union(*map(references, value.values()))
        return set().union(*map(references, value)) if isinstance(value, list) else set()

    assert references(document) == known
