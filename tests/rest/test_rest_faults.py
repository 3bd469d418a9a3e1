"""Faults of a real server on a real socket: how many requests each costs, and what is told."""

from __future__ import annotations

import gzip
import logging
from typing import TYPE_CHECKING, Any

import anyio
import h11
import httpx
import pytest

from estuary_anyio import (
    ErrorCode,
    EstuaryClient,
    NotFound,
    RateLimited,
    RestError,
    RestTimeout,
    RetryConfig,
    UploadFailedError,
)

from .flaky import (
    Flaky,
    config,
    drips,
    hangs_up,
    never,
    resets_in_body,
    says,
    serving,
    using,
)
from .routes import KEY, PNG

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .flaky import Act, Turn

pytestmark = pytest.mark.anyio
STATS = says(200, {"totalActive": 1})


@pytest.mark.parametrize(
    ("acts", "requests"),
    [
        ([STATS], 1),
        ([says(503), STATS], 2),
        ([says(500), says(502), says(504), STATS], 4),
        ([says(429, {}, ("Retry-After", "0")), STATS], 2),
        ([says(503, {}, ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),
               ("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT")), STATS], 2),
        ([resets_in_body(), STATS], 2),
        ([hangs_up, STATS], 2),
        ([hangs_up, resets_in_body(), says(503), STATS], 4),
    ],
)  # fmt: skip
async def test_what_passes(acts: list[Act], requests: int) -> None:
    async with using(*acts) as (server, client):
        assert (await client.memory.get_stats()).total_active == 1
        assert len(server.requests) == requests


@pytest.mark.parametrize(
    ("act", "requests", "status"),
    [
        (says(503), 4, 503),
        (says(429, {}, ("Retry-After", "0")), 4, 429),
        (says(404, {"detail": "none"}), 1, 404),
        (says(200, b'{"totalActive":'), 1, 200),
        (says(200, b"\xff"), 1, 200),
        (resets_in_body(), 4, None),
        (hangs_up, 4, None),
        (says(200, b"no gzip", ("Content-Encoding", "gzip")), 4, None),
    ],
)
async def test_what_does_not_pass(act: Act, requests: int, status: int | None) -> None:
    async with using(act) as (server, client):
        with pytest.raises(RestError) as caught:
            await client.memory.get_stats()
        assert (caught.value.status, caught.value.code) == (status, ErrorCode.REST_ERROR)
        assert len(server.requests) == requests


@pytest.mark.parametrize("act", [says(503), says(429, {}, ("Retry-After", "0")), hangs_up])
async def test_what_is_not_safe_is_sent_once(act: Act) -> None:
    async with using(act) as (server, client):
        for call in (
            lambda: client.memory.delete_all(),
            lambda: client.memory.create("tea"),
            lambda: client.characters.create("Ada"),
            lambda: client.turn("Hi"),
            lambda: client.shares.create_share("c1"),
        ):
            server.requests.clear()
            with pytest.raises(RestError):
                await call()
            assert len(server.requests) == 1


async def test_the_configuration_decides() -> None:
    async with using(says(418), retry=RetryConfig(1, 0.001, (418,))) as (server, client):
        with pytest.raises(RestError):
            await client.memory.get_stats()
        assert len(server.requests) == 2


async def test_nobody_listens() -> None:
    server = Flaky(STATS)
    async with serving(server):
        pass
    client = EstuaryClient(config(server))
    with pytest.raises(RestError) as caught:
        await client.memory.get_stats()
    assert "nobody listens at 127.0.0.1:" in caught.value.message
    await client.disconnect()


async def test_an_upload_keeps_its_key() -> None:
    async with using(hangs_up, says(409, {"detail": "in flight"}), says(201, {"id": "c2"})) as (
        server,
        client,
    ):
        made = await client.generate.image_to_character(PNG)
        assert made.id == "c2"
        keys = {got.headers["idempotency-key"] for got in server.requests}
        assert (len(server.requests), len(keys), len(keys.pop())) == (3, 1, 32)
        assert len({got.body for got in server.requests}) == 1
        await client.generate.image_to_character(PNG)
        assert len({got.headers["idempotency-key"] for got in server.requests}) == 2


async def test_an_upload_is_resumed_with_the_key_of_its_failure() -> None:
    async with using(*[says(503, b"busy")] * 4, says(201, {"id": "c2"})) as (server, client):
        with pytest.raises(UploadFailedError) as caught:
            await client.generate.image_to_character(PNG)
        error = caught.value
        assert (error.attempts, error.last_status, error.last_response_text) == (4, 503, "busy")
        made = await client.generate.image_to_character(PNG, idempotency_key=error.idempotency_key)
        assert made.id == "c2"
        assert len({got.headers["idempotency-key"] for got in server.requests}) == 1


# --- time ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", [never, drips, says(503, {}, ("Retry-After", "30"))])
async def test_the_timeout_bounds_everything(act: Act) -> None:
    async with using(act) as (server, client):
        with pytest.raises(RestTimeout) as caught:
            await client.memory.get_stats(timeout=0.2)
        assert isinstance(caught.value, TimeoutError)
        assert "was not answered within 0.2 s" in caught.value.message
        assert len(server.requests) == 1


@pytest.mark.parametrize("act", [never, drips, says(503, {}, ("Retry-After", "30"))])
async def test_cancellation_leaves_nothing_behind(act: Act) -> None:
    async with using(act, STATS) as (server, client):
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:

                async def cancel() -> None:
                    await server.asked.wait()
                    scope.cancel()

                tasks.start_soon(cancel)
                await client.memory.get_stats()
        assert scope.cancelled_caught
        assert (await client.memory.get_stats()).total_active == 1
        await server.quiet(1)


async def test_an_answer_that_is_too_long() -> None:
    async def floods(turn: Turn) -> None:
        await turn.head(200, ("Content-Length", "1000000000"))
        for _ in range(100_000):
            await turn.send(h11.Data(data=b" " * 1000))

    async with using(floods, max_message_size=100_000, retry=RetryConfig(0)) as (server, client):
        with pytest.raises(RestError, match="longer than 100000 bytes"):
            await client.memory.get_stats()
        await server.quiet()


class Endless(httpx.AsyncByteStream):
    """A body of which there is always more at once, until it is closed."""

    closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while not self.closed:
            yield b" " * 1000

    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.parametrize("ends", ["timeout", "cancelled"])
async def test_a_flood_does_not_put_off_the_end(ends: str) -> None:
    """As uvloop may have it from a socket: no read ever waits."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Endless()))
    async with (
        httpx.AsyncClient(transport=transport) as http,
        using(STATS, http_client=http, max_message_size=200 * 2**20, retry=RetryConfig(0)) as (
            _,
            client,
        ),
    ):
        if ends == "timeout":
            with pytest.raises(RestTimeout):
                await client.memory.get_stats(timeout=0.1)
        else:
            with anyio.move_on_after(0.1) as scope:
                await client.memory.get_stats()
            assert scope.cancelled_caught


async def test_an_answer_that_unpacks_to_too_much() -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    act = says(200, bomb, ("Content-Encoding", "gzip"))
    async with using(act, max_message_size=100_000, retry=RetryConfig(0)) as (_, client):
        with pytest.raises(RestError, match="longer than 100000 bytes"):
            await client.memory.get_stats()


async def test_compressed_answers_are_read() -> None:
    packed = gzip.compress(b'{"totalActive": 7}')
    async with using(says(200, packed, ("Content-Encoding", "gzip"))) as (_, client):
        assert (await client.memory.get_stats()).total_active == 7


# --- secrets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    other = Flaky(STATS)
    async with serving(other):
        act = says(status, {}, ("Location", f"{other.url}/steal"))
        async with using(act) as (server, client):
            with pytest.raises(RestError, match="redirects to another address"):
                await client.memory.get_stats()
            assert len(server.requests) == 1
    assert (other.requests, other.connections) == ([], 0)


async def test_cookies_are_not_kept() -> None:
    async with using(says(200, {}, ("Set-Cookie", "who=me; Path=/"))) as (server, client):
        await client.memory.get_stats()
        await client.shares.open_share("s1")
        assert not any("cookie" in got.headers for got in server.requests)


async def test_anonymous_routes_tell_nothing() -> None:
    headers = {"Authorization": "Basic abcdefgh", "X-Tenant": "me"}
    async with using(says(200, {}), headers=headers) as (server, client):
        await client.shares.open_share("s1")
        await client.shares.exchange_share_token("t1", "guest")
        for got in server.requests:
            usual = {"host", "accept", "accept-encoding", "connection", "user-agent"}
            body = {"content-length", "content-type"}
            assert set(got.headers) - usual - body == {"x-estuary-client"}
            assert KEY not in str(got)
            assert got.headers["user-agent"].startswith("estuary-anyio/")
        await client.memory.get_stats()
        # Our own headers win; what the caller adds goes along.
        assert server.requests[-1].headers["x-tenant"] == "me"
        assert server.requests[-1].headers["x-api-key"] == KEY


async def test_no_secret_in_errors_or_logs(caplog: pytest.LogCaptureFixture) -> None:
    async def repeats(turn: Turn) -> None:
        said = " ".join(turn.got.headers.values()) + turn.got.target
        await turn.answer(404, said.encode())

    caplog.set_level(logging.DEBUG)
    token = "shr_token_of_a_share"
    async with using(repeats, debug=True) as (_, client):
        calls: list[Any] = [
            lambda: client.memory.get_stats(),
            lambda: client.shares.create_share("c1"),
            lambda: client.shares.exchange_share_token(token),
        ]
        for call in calls:
            with pytest.raises(NotFound) as caught:
                await call()
            shown = f"{caught.value} {caught.value!r} {caught.value.details}"
            assert KEY not in shown
            assert token not in shown
    assert "HTTP Request" in caplog.text  # httpx says what it does.
    assert KEY not in caplog.text
    assert token not in caplog.text


async def test_rate_limited_carries_how_long() -> None:
    act = says(429, {"detail": "slow"}, ("Retry-After", "120"))
    async with using(act, retry=RetryConfig(0)) as (_, client):
        with pytest.raises(RateLimited) as caught:
            await client.memory.get_stats()
        assert caught.value.retry_after == 120.0
