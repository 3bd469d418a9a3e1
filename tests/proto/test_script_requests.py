"""What a script does to requests, in virtual time."""

from __future__ import annotations

from typing import Any

from estuary_proto.gateway import Script
from estuary_proto.gateway.acts import Drop, Wait
from estuary_proto.gateway.script_requests import RequestScript, Respond


def script(*rules: dict[str, Any]) -> RequestScript:
    return RequestScript(Script.read([*rules, {"when": "connected", "do": "drop"}]))


def test_the_nth_request_and_no_other() -> None:
    made = script({"when": {"request": "GET /a*", "nth": 2}, "do": [{"wait": 1}, "drop"]})
    assert made.acts("GET", "/a/b", now=0) == []
    assert made.acts("POST", "/a", now=0) == []
    assert made.acts("get", "/A", now=0) == [Wait(1.0), Drop()]
    assert made.acts("GET", "/a", now=0) == []


def test_rules_act_in_order() -> None:
    first = {"when": {"request": "*"}, "do": {"respond": 500}}
    second = {"when": {"request": "*"}, "do": {"respond": {"status": 404, "detail": "Gone"}}}
    assert script(first, second).acts("GET", "/", now=0) == [
        Respond(500, "The script says so"), Respond(404, "Gone")
    ]  # fmt: skip


def test_a_limit_is_a_window_that_moves() -> None:
    made = script({"when": {"request": "*"}, "do": {"limit": {"requests": 2, "per": 10}}})
    assert made.acts("GET", "/", now=0) == []
    assert made.acts("GET", "/", now=4) == []
    assert made.acts("GET", "/", now=6) == [Respond(429, "Too many requests", 4.0)]
    assert made.acts("GET", "/", now=10) == []
    assert made.acts("GET", "/", now=13) == [Respond(429, "Too many requests", 1.0)]
    assert made.acts("GET", "/", now=14) == []
