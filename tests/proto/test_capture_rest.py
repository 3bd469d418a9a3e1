"""REST calls in captures: what was sent and answered, without secrets, and passed over."""

from __future__ import annotations

import json
from typing import Any

from estuary_proto.capture import Recorder, read, replay
from estuary_proto.capture.rest import LONGEST
from estuary_proto.rest.http import HttpRequest
from tests.proto.taped import CONFIG, KEY, Taped

TOKEN = "share-token-0123456789"


def entries(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines[1:]]


def test_a_call_is_written_down_without_secrets() -> None:
    lines: list[str] = []
    rest = Recorder(CONFIG, lines.append).rest
    headers = (
        ("X-API-Key", KEY),
        ("Authorization", "Bearer ect_0123456789"),
        ("Proxy-Authorization", "Basic dXNlcjpwYXNz"),
        ("Idempotency-Key", "once-0123456789"),
        ("Accept", "application/json"),
    )
    request = HttpRequest("POST", "/share/{token}", f"/share/{TOKEN}", headers, b'{"a":1}')
    number = rest.sent(request, now=5.0, secrets=(TOKEN,))
    answer = [("Content-Type", "application/json"), ("Set-Cookie", "session=0123456789")]
    body = json.dumps({"sessionToken": "sst_0123456789", "shareUrl": f"https://x/{TOKEN}"})
    rest.answered(number, 200, answer, body.encode(), now=6.5)
    failed = rest.sent(HttpRequest("GET", "/x", "/x"), now=7.0)
    rest.failed(failed, f"no {KEY} here", now=7.5)
    rest.answered(failed, 200, (), b"half", now=8.0, whole=False)
    sent, answered, again, gave_up, cut = entries(lines)
    assert sent == {
        "t": 0.0,
        "clock": 5.0,
        "rest": "sent",
        "call": 1,
        "method": "POST",
        "route": "/share/{token}",
        "target": "/share/«given_token»",
        "headers": [
            ["X-API-Key", "«api_key»"],
            ["Authorization", "Bearer «client_token»"],
            ["Proxy-Authorization", "«proxy»"],
            ["Idempotency-Key", "«idempotency_key»"],
            ["Accept", "application/json"],
        ],
        "body": '{"a":1}',
    }
    assert (answered["t"], answered["status"]) == (1.5, 200)
    assert json.loads(answered["body"]) == {
        "sessionToken": "«session_token»",
        "shareUrl": "«share_url»",
    }
    assert answered["headers"][1] == ["Set-Cookie", "«cookie»"]
    assert (again["call"], gave_up["reason"]) == (2, "no «api_key» here")
    assert cut["whole"] is False
    text = "".join(lines)
    for secret in (KEY, "3f9c", TOKEN, "ect_0123456789", "sst_0123456789", "dXNlcjpwYXNz", "once-"):
        assert secret not in text


def test_bodies_that_are_long_or_no_text_are_told_by_length_and_hash() -> None:
    lines: list[str] = []
    rest = Recorder(CONFIG, lines.append).rest
    for body in (b"\xff\xfe", b"x" * (LONGEST + 1), b"x" * LONGEST):
        rest.answered(1, 200, (), body, now=1.0)
    first, second, third = (entry["body"] for entry in entries(lines))
    assert first.startswith("«body 2 ")
    assert second.startswith(f"«body {LONGEST + 1} ")
    assert third == "x" * LONGEST


def test_a_session_with_calls_replays_and_reads() -> None:
    pair = Taped()
    pair.recorder.rest.sent(HttpRequest("GET", "/a", "/a"), now=99.5)
    pair.connect()
    pair.recorder.rest.answered(1, 200, (), b"{}", now=pair.now)
    pair.recorder.rest.failed(1, "x", now=pair.now)
    pair.advance(1.0)
    replayed = replay(pair.lines)
    assert replayed.difference is None
    assert replayed.lines == len(pair.lines) - 4
    found = [entry for entry in read(pair.lines) if entry.kind == "rest"]
    assert [entry.name for entry in found] == ["sent", "answered", "failed"]
    assert [entry.at for entry in found] == [0.0, pair.now - 1.0 - 99.5, pair.now - 1.0 - 99.5]
