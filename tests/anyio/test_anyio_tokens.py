"""Token providers: what they may return, how they may fail, and renewal on a live session (1.6)."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from estuary_anyio import (
    ClientCredential,
    Connected,
    ConnectionState,
    Disconnected,
    ErrorCode,
    EstuaryClient,
    EstuaryError,
)
from estuary_anyio.backends import current_backend
from estuary_proto import Ack, AckDue, JoinRequested, Refuse, replay
from estuary_proto.intents import RenewAuthentication
from tests.anyio.server import Peer, after, serving

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

TOKEN = "ect_0123456789"


def good(token: str = TOKEN, lasts: float = 3600.0, player: str = "ada") -> ClientCredential:
    return ClientCredential(token, player, time.time() + lasts)


def settings(provider: Any, **more: Any) -> dict[str, Any]:
    return {"api_key": "", "token_provider": provider, **more}


class Provider:
    """Gives what it is told to, and counts."""

    def __init__(self, *gives: Any) -> None:
        self.gives = gives
        self.asked = 0

    async def __call__(self) -> Any:
        await anyio.lowlevel.checkpoint()
        given = self.gives[min(self.asked, len(self.gives) - 1)]
        self.asked += 1
        if isinstance(given, Exception):
            raise given
        return given() if callable(given) else given


@pytest.mark.parametrize(
    "shape",
    [
        good,
        lambda: SimpleNamespace(token=TOKEN, player_id="ada", expires_at=int(time.time()) + 60),
        lambda: {"token": TOKEN, "player_id": "ada", "expires_at": time.time() + 60, "x": 1},
    ],
)
async def test_what_it_may_return(shape: Callable[[], Any]) -> None:
    provider = Provider(shape)
    async with serving() as server:
        async with EstuaryClient(server.config(**settings(provider))) as client:
            await client.connect()
            peer = await server.peer()
            auth = (await peer.get(JoinRequested)).auth
            assert (auth["client_token"], auth["player_id"]) == (TOKEN, "ada")
            assert "api_key" not in auth
            await after(client, Connected, peer.cut)
            assert provider.asked == 1


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (RuntimeError(f"secret {TOKEN}"), "it raised RuntimeError"),
        (EstuaryError("our own", ErrorCode.AUTH_FAILED), "our own"),
        (None, "NoneType has no token"),
        (TOKEN, "str has no token"),
        ({"token": TOKEN, "player_id": "ada"}, "has no expires_at"),
        (lambda: good("est_key"), "does not begin with 'ect_'"),
        (lambda: good("ect_a\r\nX: y"), "blanks, line breaks"),
        (lambda: good(player=""), "names no player"),
        (lambda: good(lasts=-1), "expired already"),
        (lambda: good(lasts=float("nan")), "expired already"),
        (ClientCredential(TOKEN, "ada", "soon"), "no number"),  # type: ignore[arg-type]
        (ClientCredential(TOKEN, "ada", True), "no number"),
    ],
)
async def test_how_it_may_fail(given: Any, says: str) -> None:
    async with serving() as server:
        async with EstuaryClient(server.config(**settings(Provider(given)))) as client:
            with pytest.raises(EstuaryError) as raised:
                await client.connect()
            assert client.state is ConnectionState.ERROR
        assert server.peers == []
    assert raised.value.code is ErrorCode.AUTH_FAILED
    assert says in raised.value.message
    assert TOKEN not in f"{raised.value!r} {raised.value.details}"


async def test_one_that_never_answers() -> None:
    async def never() -> Any:
        await anyio.sleep_forever()

    async with serving() as server:
        config = server.config(**settings(never, connect_timeout=0.05))
        async with EstuaryClient(config) as client:
            with pytest.raises(EstuaryError, match=r"AUTH_FAILED.*did not answer"):
                await client.connect()


async def test_renewed_on_the_live_session(tmp_path: Any) -> None:
    async def script(peer: Peer) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(peer.converse)
            due = await peer.get(AckDue)
            peer.conn.submit(Ack(due.ack_id, ({"ok": True},)), now=anyio.current_time())
            await peer.flush()

    second = "ect_9876543210"
    provider = Provider(lambda: good(lasts=0.6), lambda: good(second))
    path = tmp_path / "session.jsonl"
    async with serving(script) as server:
        config = server.config(**settings(provider))
        async with EstuaryClient(config, capture=path) as client:
            await client.connect()
            peer = await server.peer()
            assert (await peer.get(RenewAuthentication)).client_token == second
            await client.send_text("on it goes")
            assert client.is_connected
        assert len(server.peers) == 1
    assert provider.asked == 2
    text = path.read_text(encoding="utf-8")
    assert TOKEN not in text
    assert second not in text
    assert replay(text.splitlines()).difference is None


async def test_a_renewal_that_fails_ends_the_session() -> None:
    provider = Provider(lambda: good(lasts=0.2), RuntimeError())
    async with serving() as server:
        async with EstuaryClient(server.config(**settings(provider))) as client:
            told: list[str] = []
            client.on("auth_error", told.append)
            gone = client.events(Disconnected)
            await client.connect()
            with anyio.fail_after(5):
                assert (await anext(gone)).reason == "credential"
            assert told == ["credential_renewal_failed"]
            assert client.state is ConnectionState.DISCONNECTED
        assert len(server.peers) == 1


async def test_after_a_refusal_a_new_one_is_asked_for() -> None:
    async def refuse(peer: Peer) -> None:
        await peer.converse(Refuse("unknown token"))

    provider = Provider(good)
    async with serving(refuse, Peer.converse) as server:
        async with EstuaryClient(server.config(**settings(provider))) as client:
            with pytest.raises(EstuaryError, match="AUTH_FAILED"):
                await client.connect()
            await client.connect()
            assert provider.asked == 2


async def test_cancelled_while_the_provider_works() -> None:
    ended = anyio.Event()

    async def slow() -> Any:
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    async with serving() as server:
        async with EstuaryClient(server.config(**settings(slow))) as client:
            with anyio.move_on_after(0.05):
                await client.connect()
            assert client.state is ConnectionState.DISCONNECTED
        assert ended.is_set()


async def test_a_token_that_comes_while_the_last_handlers_run() -> None:
    asked, go, hold = anyio.Event(), anyio.Event(), anyio.Event()
    finished: list[str] = []

    async def provider() -> Any:
        asked.set()
        await go.wait()
        return good()

    async def slow(*_: Any) -> None:
        await hold.wait()
        finished.append("handler")

    async def connect(client: EstuaryClient) -> None:
        with pytest.raises(EstuaryError, match="disconnected by the user"):
            await client.connect()

    async with serving() as server:
        client = EstuaryClient(server.config(**settings(provider)))
        client.once("connection_state_changed", slow)
        if current_backend().name == "trio":  # There it is not used bare.
            return
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(connect, client)
            await asked.wait()
            tasks.start_soon(client.disconnect)
            await anyio.wait_all_tasks_blocked()
            go.set()
            await anyio.wait_all_tasks_blocked()
            hold.set()
    assert finished == ["handler"]
