"""When REST calls may be made, and what becomes of them when the client ends; tokens too."""

from __future__ import annotations

import gc
import threading
import time
import warnings
from contextlib import suppress
from typing import Any

import anyio
import pytest

from estuary_anyio import (
    ClientCredential,
    ErrorCode,
    EstuaryClient,
    EstuaryConfig,
    EstuaryError,
    LocalProtocolError,
    NotFound,
    RestError,
    TurnText,
    Unauthorized,
)
from estuary_anyio.gateway import serve_gateway
from estuary_anyio.tokens import Tokens

from .flaky import Flaky, config, never, says, serving, using
from .routes import KEY
from .test_rest_client import line, streams

pytestmark = pytest.mark.anyio
STATS = says(200, {"totalActive": 1})


async def test_bare_before_connect_and_refused_after_disconnect() -> None:
    async with using(STATS) as (server, client):
        await client.memory.get_stats()
        await client.disconnect()
        await server.quiet()
        with pytest.raises(RestError, match="was disconnected") as caught:
            await client.memory.get_stats()
        assert caught.value.code is ErrorCode.NOT_CONNECTED
        with pytest.raises(RestError, match="was disconnected"):
            await anext(client.turn("Hi", stream=True))
        assert len(server.requests) == 1


async def test_the_room_of_a_client_is_enough() -> None:
    server = Flaky(STATS)
    async with serving(server):
        async with EstuaryClient(config(server)) as client:
            await client.memory.get_stats()
            await client.disconnect()  # Never connected: the room is still open.
            await client.memory.get_stats()
        await server.quiet()
        with pytest.raises(RestError, match="was disconnected"):
            await client.memory.get_stats()
        async with client:
            await client.memory.get_stats()
        assert len(server.requests) == 3


async def test_disconnecting_ends_what_is_under_way() -> None:
    async with using(never) as (server, client):
        failed: list[RestError] = []

        async def call() -> None:
            with pytest.raises(RestError) as caught:
                await client.memory.get_stats()
            failed.append(caught.value)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await server.asked.wait()
            await client.disconnect()
            assert len(failed) == 1
        assert "was disconnected during GET" in failed[0].message
        assert (failed[0].code, len(server.requests)) == (ErrorCode.NOT_CONNECTED, 1)


async def test_a_turn_left_half_way_ends_with_the_client() -> None:
    act = streams(line("text_delta", text="Hi"), ends="never")
    async with using(act) as (server, client):
        turn = client.turn("Hi", stream=True)
        assert await anext(turn) == TurnText("Hi")
        await client.disconnect()
        await server.quiet()
        with pytest.raises(RestError, match="was disconnected"):
            await anext(turn)


async def test_the_connection_and_the_calls_live_together() -> None:
    server = Flaky(STATS)
    async with serving(server), serve_gateway() as gateway:
        async with EstuaryClient(EstuaryConfig(gateway.url, "est_dev", "demo", "me")) as client:
            await client.connect()
            # The gateway may or may not know the route: an answer of it is all that matters here.
            with suppress(NotFound):
                await client.memory.get_stats()
            assert client.is_connected
            await client.disconnect()
            await client.connect()
            assert client.is_connected


async def test_from_another_thread() -> None:
    async with using(STATS) as (_, client):
        await client.memory.get_stats()
        failed: list[BaseException] = []

        def elsewhere() -> None:
            try:
                client.memory.get_stats().send(None)
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        await anyio.to_thread.run_sync(thread.join)
        assert isinstance(failed[0], LocalProtocolError)
        assert "another thread" in str(failed[0])


async def test_who_forgets_to_disconnect_is_warned() -> None:
    server = Flaky(STATS)
    async with serving(server):
        client = EstuaryClient(config(server))
        await client.memory.get_stats()
        pool = client._rest._pool
        own = pool._own
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            pool.__del__()
            del client
            gc.collect()
        assert "never disconnected" in str(caught[0].message)
        assert caught[0].category is ResourceWarning
        assert own is not None
        await own.aclose()
        pool._own = None


# --- tokens --------------------------------------------------------------------------------------


class Provider:
    """Gives a new token at each call, for player `player`."""

    def __init__(self, player: str = "p2", lifetime: float = 3600) -> None:
        self.player = player
        self.lifetime = lifetime
        self.calls = 0
        self.gate: anyio.Event | None = None

    async def __call__(self) -> ClientCredential:
        self.calls += 1
        mine = self.calls
        if self.gate is not None:
            await self.gate.wait()
        return ClientCredential(
            f"ect_token_number_{mine}", self.player, time.time() + self.lifetime
        )


async def test_a_token_serves_many_calls_for_its_own_player() -> None:
    provider = Provider()
    async with using(STATS, api_key="", token_provider=provider) as (server, client):
        await client.memory.get_stats()
        await client.characters.get_motive("c9")
        await client.shares.open_share("s1")
    first, second, third = server.requests
    assert first.target == "/api/v1/characters/c1/players/p2/memories/stats"
    assert second.target.endswith("/motive?playerId=p2")
    for got in (first, second):
        assert got.headers["authorization"] == "Bearer ect_token_number_1"
        assert got.headers["x-player-id"] == "p2"
        assert "x-api-key" not in got.headers
    assert "authorization" not in third.headers
    assert provider.calls == 1


async def test_calls_at_once_ask_for_one_token() -> None:
    provider = Provider()
    provider.gate = anyio.Event()
    async with using(STATS, api_key="", token_provider=provider) as (server, client):
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(client.memory.get_stats)
            await anyio.wait_all_tasks_blocked()
            provider.gate.set()
        assert (len(server.requests), provider.calls) == (3, 1)


async def test_a_token_that_was_refused_is_not_used_again() -> None:
    provider = Provider("p1")
    settings: dict[str, Any] = {"api_key": "", "token_provider": provider}
    async with using(says(401, {"detail": "ect_token_number_1"}), STATS, **settings) as (
        server,
        client,
    ):
        with pytest.raises(Unauthorized) as caught:
            await client.memory.get_stats()
        assert "ect_token" not in f"{caught.value} {caught.value.details}"
        await client.memory.get_stats()
        assert server.requests[1].headers["authorization"] == "Bearer ect_token_number_2"
        server.acts[:] = [says(401), STATS]
        with pytest.raises(Unauthorized):
            await anext(client.turn("Hi", stream=True))
        await client.memory.get_stats()
        assert provider.calls == 3


async def test_a_provider_that_fails() -> None:
    async def fails() -> ClientCredential:
        raise ValueError("ect_secret")

    async with using(STATS, api_key="", token_provider=fails) as (server, client):
        with pytest.raises(EstuaryError) as caught:
            await client.memory.get_stats()
        assert caught.value.code is ErrorCode.AUTH_FAILED
        assert server.requests == []


async def test_the_socket_and_the_calls_share_a_token() -> None:
    provider = Provider()
    tokens = Tokens(provider)
    assert (await tokens.for_call()).token == "ect_token_number_1"
    assert (await tokens.for_socket()).token == "ect_token_number_1"
    # It asks again only if it wants another one.
    assert (await tokens.for_socket()).token == "ect_token_number_2"
    shared = await tokens.for_call()
    assert (shared.token, shared.player_id) == ("ect_token_number_2", "p2")
    assert 3500 < shared.lifetime <= 3600
    tokens.refuse("ect_token_number_1")  # Long gone.
    assert (await tokens.for_call()).token == "ect_token_number_2"
    tokens.refuse("ect_token_number_2")
    assert (await tokens.for_call()).token == "ect_token_number_3"
    provider.player = "p3"
    tokens.refuse("ect_token_number_3")
    with pytest.raises(EstuaryError, match="another player"):
        await tokens.for_call()


async def test_a_lapsing_token_is_renewed() -> None:
    tokens = Tokens(Provider(lifetime=0.5))
    assert (await tokens.for_call()).token == "ect_token_number_1"
    await anyio.sleep(0.3)  # Of a short life a half is used.
    assert (await tokens.for_call()).token == "ect_token_number_2"


async def test_who_waits_for_a_token_may_leave() -> None:
    provider = Provider()
    provider.gate = anyio.Event()
    async with using(STATS, api_key="", token_provider=provider) as (server, client):
        with anyio.move_on_after(0.05):
            await client.memory.get_stats()
        provider.gate.set()
        await client.memory.get_stats()
        assert server.requests[0].headers["authorization"] == "Bearer ect_token_number_2"
    assert KEY not in str(server.requests)
