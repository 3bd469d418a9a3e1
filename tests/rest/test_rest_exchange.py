"""When a call is repeated, when it has failed, and what the caller is told (API 2, 7)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from estuary_proto.config import RetryConfig
from estuary_proto.errors import ErrorCode, EstuaryError
from estuary_proto.rest import (
    Call,
    Conflict,
    Exchange,
    Forbidden,
    HttpResponse,
    Identity,
    NotFound,
    RateLimited,
    RestError,
    Unauthorized,
    Unprocessable,
    UploadFailedError,
    generation,
    memory,
    shares,
    turns,
)
from estuary_proto.rest.forms import File

KEY = "est_key_of_a_developer"
SAFE = memory.get_stats("c", "p")
NEVER = memory.delete_all("c", "p")
KEYED = generation.image_to_character(
    File("image.png", "image/png", b"x"), idempotency_key="key-of-this-upload", boundary="b" * 20
)
STATS = HttpResponse(200, (), b'{"totalActive": 1}')


def begun(call: Call[Any], retry: RetryConfig | None = None, chance: float = 0.5) -> Exchange[Any]:
    me = Identity("x/1", key=KEY, player_id="p")
    return Exchange(call, me, retry or RetryConfig(), chance=lambda: chance)


def answer(status: int, detail: Any = None, *headers: tuple[str, str]) -> HttpResponse:
    body = b"" if detail is None else json.dumps({"detail": detail}).encode()
    return HttpResponse(status, headers, body)


def test_success_at_once() -> None:
    exchange = begun(SAFE)
    assert exchange.answered(STATS) is None
    assert (exchange.value.total_active, exchange.attempts) == (1, 1)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_the_seeds_defaults_are_wired_in(status: int) -> None:
    exchange = begun(SAFE)
    delays = [exchange.answered(answer(status)) for _ in range(3)]
    assert delays == [0.75, 1.5, 3.0]  # 1, 2, 4 times 0.5 to 1
    with pytest.raises(RestError) as caught:
        exchange.answered(answer(status))
    assert (caught.value.status, exchange.attempts) == (status, 4)


def test_a_connection_that_broke() -> None:
    exchange = begun(SAFE, RetryConfig(max_retries=1, backoff_factor=8), chance=0.0)
    assert exchange.failed("reset") == 4.0
    with pytest.raises(RestError) as caught:
        exchange.failed("reset", {"host": "x"})
    error = caught.value
    assert (error.status, error.code) == (None, ErrorCode.REST_ERROR)
    assert error.message.startswith("GET /api/v1/characters/{character_id}/players/")
    assert error.message.endswith("/memories/stats failed: reset")
    assert error.details["host"] == "x"


def test_delays_are_capped() -> None:
    exchange = begun(SAFE, RetryConfig(max_retries=9, backoff_factor=20), chance=0.999999)
    assert [round(exchange.failed("x"), 3) for _ in range(3)] == [20.0, 30.0, 30.0]


def test_statuses_of_the_configuration() -> None:
    exchange = begun(SAFE, RetryConfig(retry_on_status=(418,)))
    assert exchange.answered(answer(418)) is not None
    with pytest.raises(RestError):
        exchange.answered(answer(503))


@pytest.mark.parametrize("call", [NEVER, turns.turn("c", "p", "Hi"), shares.open_share("s")])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_is_not_safe_is_never_repeated(call: Call[Any], status: int) -> None:
    exchange = begun(call)
    with pytest.raises(RestError):
        exchange.answered(answer(status, "x", ("Retry-After", "0")))
    with pytest.raises(RestError):
        begun(call).failed("reset")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 422, 301])
def test_what_will_not_pass_is_not_repeated(status: int) -> None:
    with pytest.raises(RestError) as caught:
        begun(SAFE).answered(answer(status))
    assert caught.value.status == status


NOW = ("Date", "Sun, 06 Nov 1994 08:49:37 GMT")


@pytest.mark.parametrize(
    ("headers", "delay"),
    [
        ([("Retry-After", "7")], 7.0),
        ([("retry-after", " 0 ")], 0.0),
        ([("Retry-After", "31")], 30.0),
        ([("Retry-After", "9" * 40)], 30.0),
        ([NOW, ("Retry-After", "Sun, 06 Nov 1994 08:49:47 GMT")], 10.0),
        ([NOW, ("Retry-After", "Sunday, 06-Nov-94 08:49:47 GMT")], 10.0),
        ([NOW, ("Retry-After", "Sun Nov  6 08:49:47 1994")], 10.0),
        ([NOW, ("Retry-After", "Sun, 06 Nov 1994 08:00:00 GMT")], 0.0),
        ([NOW, ("Retry-After", "Mon, 07 Nov 1994 08:49:37 GMT")], 30.0),
        ([("Retry-After", "Sun, 06 Nov 1994 08:49:47 GMT")], 0.75),  # measured against nothing
        ([NOW, ("Retry-After", "soon")], 0.75),
        ([("Retry-After", "-1")], 0.75),
        ([("Retry-After", "1.5")], 0.75),
        ([("Retry-After", "٣")], 0.75),
        ([], 0.75),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after(headers: list[tuple[str, str]], delay: float, status: int) -> None:
    assert begun(SAFE).answered(answer(status, None, *headers)) == delay


def test_rate_limited_says_how_long_without_a_cap() -> None:
    with pytest.raises(RateLimited) as caught:
        begun(NEVER).answered(answer(429, "slow down", ("Retry-After", "3600")))
    assert caught.value.retry_after == 3600.0
    with pytest.raises(RateLimited) as caught:
        begun(NEVER).answered(answer(429, "slow down"))
    assert caught.value.retry_after is None


# --- uploads -----------------------------------------------------------------------------------


def test_an_upload_keeps_its_key_and_can_be_resumed() -> None:
    exchange = begun(KEYED)
    assert exchange.request.header("idempotency-key") == "key-of-this-upload"
    assert exchange.failed("reset") == 0.75
    assert exchange.answered(answer(409, "in flight")) == 1.5
    assert exchange.answered(answer(500)) == 3.0
    with pytest.raises(UploadFailedError) as caught:
        exchange.answered(answer(503, f"no room, {KEY}"))
    error = caught.value
    assert error.code is ErrorCode.UPLOAD_FAILED
    assert (error.idempotency_key, error.attempts, error.last_status) == (
        "key-of-this-upload", 4, 503,
    )  # fmt: skip
    assert error.last_response_text == '{"detail": "no room, ***"}'
    assert "(attempts: 4)" in error.message


def test_an_upload_that_never_got_an_answer() -> None:
    with pytest.raises(UploadFailedError) as caught:
        begun(KEYED, RetryConfig(max_retries=0)).failed("refused")
    assert (caught.value.last_status, caught.value.last_response_text) == (None, "")


def test_an_upload_that_is_wrong_is_not_resumable() -> None:
    with pytest.raises(Unprocessable) as caught:
        begun(KEYED).answered(answer(422, "no picture"))
    assert not isinstance(caught.value, UploadFailedError)


def test_an_answer_that_cannot_be_read_is_not_asked_for_again() -> None:
    for call in (SAFE, KEYED):
        exchange = begun(call)
        with pytest.raises(RestError, match="unreadable") as caught:
            exchange.answered(HttpResponse(200, (), b"{"))
        assert (exchange.attempts, caught.value.code) == (1, ErrorCode.REST_ERROR)


# --- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (400, RestError),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (422, Unprocessable),
        (429, RateLimited),
        (500, RestError),
    ],
)
def test_classes(status: int, cls: type[RestError]) -> None:
    with pytest.raises(EstuaryError) as caught:
        SAFE.parse(answer(status, "why"))
    error = caught.value
    assert type(error) is cls
    assert isinstance(error, RestError)
    assert (error.code, error.status, error.detail) == (ErrorCode.REST_ERROR, status, "why")
    assert error.message.endswith(f"/memories/stats answered {status}: why")


@pytest.mark.parametrize(
    ("body", "words", "code", "scopes"),
    [
        ({"detail": "gone"}, "gone", None, ()),
        ({"detail": {"message": "no", "code": "x1"}}, "no", "x1", ()),
        ({"detail": {"error": "insufficient_scope", "requiredScope": "memories:read"}},
         "insufficient_scope", "insufficient_scope", ("memories:read",)),
        ({"detail": {"code": "s", "requiredScopes": ["a", 7, "b", ""]}}, "", "s", ("a", "b")),
        ({"detail": {"required_scopes": ["a"], "detail": "inner"}}, "inner", None, ("a",)),
        ({"required_scope": "a", "error": "e", "message": "m"}, "m", "e", ("a",)),
        # What is inside says it best.
        ({"detail": {"code": "own", "requiredScope": "a"}, "error": "Conflict",
          "requiredScope": "b"}, "Conflict", "own", ("a",)),
        ({"detail": {"requiredScopes": 7}}, "", None, ()),
        ({"detail": [{"loc": ["body", "llm", 0], "msg": "too hot", "type": "v"}, "also",
                     {"msg": "alone"}, {"loc": ["x"]}, {"loc": "y", "type": "t"}, 7]},
         "body.llm.0: too hot; also; alone; x; t", None, ()),
        ({"detail": 7}, "", None, ()),
        ([1], "", None, ()),
    ],
)  # fmt: skip
def test_details(body: Any, words: str, code: str | None, scopes: tuple[str, ...]) -> None:
    with pytest.raises(Forbidden) as caught:
        SAFE.parse(HttpResponse(403, (), json.dumps(body).encode()))
    error = caught.value
    assert error.message.partition(" answered 403")[2] == (f": {words}" if words else "")
    assert error.details.get("code") == code
    assert error.required_scopes == scopes
    assert error.detail == (body.get("detail") if isinstance(body, dict) else None)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>\n  Bad  gateway</html>", ": <html> Bad gateway</html>"),
        (b"x" * 1000, ": " + "x" * 200),
        (b"\xff\xfe", ": \ufffd\ufffd"),
        (b"", ""),
    ],
)
def test_bodies_that_are_no_json(body: bytes, words: str) -> None:
    with pytest.raises(RestError) as caught:
        SAFE.parse(HttpResponse(500, (), body))
    assert caught.value.message.partition(" answered 500")[2] == words
    assert len(caught.value.details["body"]) <= 500


def test_a_redirect_is_told_and_its_address_is_not() -> None:
    with pytest.raises(RestError) as caught:
        SAFE.parse(HttpResponse(302, (("Location", "https://evil/?x=1"),), b"moved"))
    assert "redirects" in caught.value.message
    assert "evil" not in caught.value.message + repr(caught.value.details)


def test_no_secret_in_an_error() -> None:
    call = shares.exchange_share_token("shr_token_of_a_share")
    secrets = (KEY, "shr_token_of_a_share")
    detail = {"message": " ".join(secrets), "list": [*secrets, 1, {KEY: secrets[1]}]}
    response = HttpResponse(
        401, (("X-Echo", KEY),), json.dumps({"detail": detail, "pad": "p" * 480 + KEY}).encode()
    )
    with pytest.raises(Unauthorized) as caught:
        begun(call).answered(response)
    shown = repr(caught.value.details) + str(caught.value) + repr(caught.value)
    for secret in secrets:
        assert secret[:12] not in shown
    assert caught.value.detail["list"] == ["***", "***", 1, {"***": "***"}]
    # In JSON's own spelling it is found when it has been decoded.
    escaped = json.dumps({"detail": KEY}).replace("est_", "\\u0065st_").encode()
    with pytest.raises(RestError) as other:
        begun(SAFE).answered(HttpResponse(404, (), escaped))
    assert other.value.detail == "***"
    assert KEY not in other.value.message


def test_no_part_of_a_secret_at_the_cut_of_an_excerpt() -> None:
    response = HttpResponse(400, (), b"p" * 490 + KEY.encode())
    with pytest.raises(RestError) as caught:
        begun(SAFE).answered(response)
    assert caught.value.details["body"] == "p" * 490 + "***"


def test_short_secrets_are_left_alone() -> None:
    response = HttpResponse(404, (("A", "abc"),), b"abc")
    assert response.without(["abc", ""]) == response


def test_requests_hide_what_they_carry() -> None:
    request = shares.open_share("shr_token_of_a_share").request(Identity(key=KEY))
    assert repr(request) == "HttpRequest(method='POST', route='/api/v1/share/{share_id}/open')"
    assert KEY not in repr(Identity(key=KEY, token=KEY))
    assert request.header("X-API-Key") is None
