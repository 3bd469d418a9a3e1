"""The contract, row by row: what each call sends, and how it reads what comes back."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from typing import Any

import pytest

from estuary_proto.errors import ErrorCode
from estuary_proto.models.base import Model
from estuary_proto.models.reading import spellings
from estuary_proto.rest import HttpResponse, Identity, RestError
from estuary_proto.rest.forms import File

from .routes import BY_NAME, KEY, ROUTES, Route, body_of

ME = Identity("estuary-anyio/0.0.0", "", key=KEY, player_id="p1")
each_route = pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
ODD: dict[type, Any] = {str: {"odd": 1}, bool: "maybe", int: [1], float: [1.5], list: 7, dict: 7}


def parsed(route: Route, answer: Any) -> Any:
    body = json.dumps(answer).encode()
    return route.call.parse(HttpResponse(route.status, (), body))


def test_the_table_is_whole() -> None:
    assert len(BY_NAME) == len(ROUTES)
    methods_and_routes = {(route.call.method, route.call.route) for route in ROUTES}
    assert len(methods_and_routes) == 38


@each_route
def test_request(route: Route) -> None:
    request = route.call.request(ME)
    assert (request.method, request.target) == (route.method, route.target)
    headers = dict(request.headers)
    assert len(headers) == len(request.headers)
    assert headers.pop("X-Estuary-Client") == "estuary-anyio/0.0.0"
    assert headers.pop("Accept") == "application/json"
    assert headers.pop("X-API-Key", None) == (KEY if route.access == "key" else None)
    bearer = f"Bearer {KEY}" if route.access == "bearer" else None
    assert headers.pop("Authorization", None) == bearer
    assert headers.pop("X-Player-Id", None) == ("p1" if route.names_player else None)
    kind = headers.pop("Content-Type", None)
    key = headers.pop("Idempotency-Key", None)
    assert key == ("k" * 32 if route.repeat == "keyed" else None)
    assert headers == {}
    assert route.call.repeat.value == route.repeat
    if isinstance(route.body, File):
        assert kind == "multipart/form-data; boundary=" + "b" * 32
        assert route.body.data in request.body
    elif route.body is None:
        assert (kind, request.body) == (None, b"")
    else:
        assert kind == "application/json"
        assert json.loads(request.body) == route.body


@each_route
def test_nothing_tells_who_we_are_unless_we_say_so(route: Route) -> None:
    request = route.call.request()
    assert {name for name, _ in request.headers} <= {"Accept", "Content-Type", "Idempotency-Key"}
    assert KEY not in repr(route.call) + repr(request)


@each_route
def test_token_in_place_of_the_key(route: Route) -> None:
    me = replace(ME, token="ect_token_of_a_user", player_id="p2")
    headers = dict(route.call.request(me).headers)
    assert "X-API-Key" not in headers
    anonymous = route.access == "none"
    assert headers.get("Authorization") == (None if anonymous else "Bearer ect_token_of_a_user")
    assert headers.get("X-Player-Id") == (None if anonymous else "p2")


@each_route
def test_whole_answer(route: Route) -> None:
    read = route.call.parse(HttpResponse(route.status, (), body_of(route)))
    assert type(read) is route.read
    if isinstance(read, Model):
        assert read == route.read.from_dict(route.answer)
        # Each key of the answer is seen by some field: the answer holds no value that is a default.
        for part in fields(read):
            keys = [key for key in spellings(route.read, part) if key in route.answer]
            if keys and route.answer[keys[0]]:
                assert getattr(read, part.name), f"{part.name} was not read"
    else:
        assert read == route.answer


@each_route
def test_snake_case_and_camel_case_are_the_same(route: Route) -> None:
    there = parsed(route, respelled(route.answer, camel))
    assert parsed(route, respelled(route.answer, snake)) == there or route.read is dict


def respelled(value: Any, spell: Any) -> Any:
    if isinstance(value, list):
        return [respelled(item, spell) for item in value]
    if isinstance(value, dict):
        return {spell(key): respelled(item, spell) for key, item in value.items()}
    return value


def camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


def snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda found: "_" + found[0].lower(), name)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every key of an answer."""
    found = []
    if isinstance(value, dict):
        for key, item in value.items():
            found += [(*path, key), *places(item, (*path, key))]
    elif isinstance(value, list):
        for at, item in enumerate(value):
            found += places(item, (*path, at))
    return found


def changed(answer: Any, place: tuple[Any, ...], to: Any) -> Any:
    """A copy of the answer with another value in one place; KeyError takes the key out."""
    copy = json.loads(json.dumps(answer))
    inner = copy
    for step in place[:-1]:
        inner = inner[step]
    if to is KeyError:
        del inner[place[-1]]
    else:
        inner[place[-1]] = to
    return copy


def at(answer: Any, place: tuple[Any, ...]) -> Any:
    for step in place:
        answer = answer[step]
    return answer


@each_route
def test_every_field_missing_null_or_of_another_type(route: Route) -> None:
    if route.read is dict:
        assert parsed(route, {**route.answer, "new": None}) == {**route.answer, "new": None}
        return
    whole = parsed(route, route.answer)
    for place in places(route.answer):
        if set(place[:-1]) & FREE:
            continue
        missing = parsed(route, changed(route.answer, place, KeyError))
        assert parsed(route, changed(route.answer, place, None)) == missing
        odd = ODD[type(at(route.answer, place))]
        assert parsed(route, changed(route.answer, place, odd)) == missing
        if len(place) > 1:
            continue
        for part in fields(whole):
            if place[0] not in spellings(type(whole), part):
                assert getattr(missing, part.name) == getattr(whole, part.name)


FREE = {"extraData", "arguments", "character"}
"""Objects of which the application knows more than we do: their values are kept as they are."""


@each_route
def test_empty_answer_is_a_success(route: Route) -> None:
    read = route.call.parse(HttpResponse(204))
    assert type(read) is route.read
    if route.read is dict and route.method == "DELETE":
        assert set(read) == {"message"}
    assert route.call.parse(HttpResponse(200, (), b" \r\n")) == read


@each_route
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"cut":', "not JSON"),
        (b"<html>", "not JSON"),
        (b"\xff\xfe", "no UTF-8"),
        (b'"text"', "a text in place of an object"),
        (b"[[1]]", "a list in place of an object"),
        (b"7", "a number in place of an object"),
        (b"true", "a boolean in place of an object"),
    ],
)
def test_success_that_cannot_be_understood(route: Route, body: bytes, says: str) -> None:
    if route.name == "shares" and body.startswith(b"["):
        return
    with pytest.raises(RestError) as caught:
        route.call.parse(HttpResponse(200, (), body))
    assert says in caught.value.message
    assert (caught.value.status, caught.value.code) == (200, ErrorCode.REST_ERROR)
    assert route.call.route in caught.value.message


def test_values_of_enums_that_nobody_knew_are_kept() -> None:
    answer = {"modelStatus": "sparkling", "progress": 1}
    read = parsed(BY_NAME["model status"], answer)
    assert (read.model_status, read.is_over) == ("sparkling", False)


def test_the_two_search_results_are_one() -> None:
    flat = parsed(BY_NAME["search"], BY_NAME["search"].answer).results[0]
    assert (flat.memory.id, flat.memory.content) == ("m1", "tea")
    assert (flat.score, flat.similarity_score) == (0.75, 0.75)
    deep = parsed(
        BY_NAME["search as the seeds answer"], BY_NAME["search as the seeds answer"].answer
    ).results[0]
    assert (deep.memory.id, deep.score, deep.similarity_score) == ("m1", 0.5, 0.25)
    assert deep.memory.source_quote == "I like tea"


def test_a_byte_order_mark_is_read_over() -> None:
    route = BY_NAME["turn"]
    read = route.call.parse(HttpResponse(200, (), b"\xef\xbb\xbf" + body_of(route)))
    assert read.text == "Hello"


def test_delete_all_says_how_many_when_the_server_does_not() -> None:
    read = parsed(BY_NAME["delete all"], {"deletedCount": 4})
    assert (read.message, read.deleted_count) == ("4 memories deleted", 4)


def test_share_lists_and_revocations_in_other_shapes() -> None:
    listed = parsed(BY_NAME["shares"], [{"id": "r1"}])
    assert [share.id for share in listed.shares] == ["r1"]
    assert parsed(BY_NAME["revoke"], {"revoked": True}).revoked == 1


def test_prefix_of_the_server_and_a_query() -> None:
    me = replace(ME, prefix="/pre")
    target = BY_NAME["memories"].call.request(me).target
    assert target == "/pre/api/v1/characters/c1/players/p1/memories?limit=50&offset=0"
