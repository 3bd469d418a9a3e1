"""The namespaces of the client against a real server: the same table as the core, and what the
driver adds to it: pages, files, waiting for models, streamed turns."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import anyio
import h11
import httpx
import pytest

from estuary_anyio import (
    EstuaryClient,
    EstuaryError,
    LocalProtocolError,
    ModelStatus,
    NotFound,
    RestError,
    RestTimeout,
    RetryConfig,
    TurnFailed,
    TurnResult,
    TurnText,
    Unauthorized,
    WaitTimeout,
)
from estuary_proto.rest.forms import File
from estuary_proto.version import __version__

from .flaky import Flaky as Server
from .flaky import config, hangs_up, never, says, serving, using
from .routes import KEY, PNG, ROUTES, Route, body_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from .flaky import Turn

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
async def test_contract(route: Route) -> None:
    async with using(says(route.status, body_of(route))) as (server, client):
        read = await route.via(client)
    (got,) = server.requests
    assert (got.method, got.target) == (route.method, route.target)
    assert got.headers["x-estuary-client"] == f"estuary-anyio/{__version__}"
    assert got.headers.get("x-api-key") == (KEY if route.access == "key" else None)
    bearer = f"Bearer {KEY}" if route.access == "bearer" else None
    assert got.headers.get("authorization") == bearer
    assert got.headers.get("x-player-id") == ("p1" if route.names_player else None)
    if isinstance(route.body, File):
        assert f'filename="{route.body.name}"'.encode() in got.body
        assert route.body.data in got.body
    else:
        assert (json.loads(got.body) if got.body else None) == route.body
    whole = route.answer if route.read is dict else route.read.from_dict(route.answer)
    assert read == whole


async def test_deletes_answer_with_a_message_when_the_server_says_nothing() -> None:
    async with using(says(204)) as (_, client):
        assert await client.players.delete("q") == {"message": "Player deleted"}
        assert await client.characters.delete("c9") == {"message": "Character deleted"}


async def test_what_is_wrong_is_refused_before_anything_is_sent() -> None:
    async with using(says(200, {})) as (server, client):
        wrong: list[Callable[[], Awaitable[Any]]] = [
            lambda: client.memory.get_memories(limit=0),
            lambda: client.memory.delete_all(confirm=False),
            lambda: client.players.get(""),
            lambda: client.generate.image_to_character("no base64!"),
            lambda: client.generate.image_to_character(),
            lambda: client.generate.image_to_character(PNG, image_base64="aGk="),
            lambda: client.turn(""),
        ]
        for call in wrong:
            with pytest.raises(LocalProtocolError):
                await call()
        with pytest.raises(LocalProtocolError):
            client.turn("", stream=True)
        typos: Any = {"tts_voic": "v"}
        with pytest.raises(TypeError, match="did you mean 'tts_voice'"):
            await client.characters.update("c9", **typos)
        assert (server.requests, server.connections) == ([], 0)


@pytest.mark.parametrize(
    "player", ["../../v1/admin", "x?y", "a/b #", "a/b ?#", "%2e%2e/", "Zoë ☕", "a;b\\c"]
)
async def test_ids_arrive_as_one_part_of_the_path(player: str) -> None:
    from urllib.parse import unquote

    async with using(says(200, {})) as (server, client):
        await client.players.get(player)
        async with httpx.AsyncClient() as http:
            other = EstuaryClient(config(server), http_client=http)
            await other.players.get(player)
            await other.disconnect()
    for got in server.requests:
        parts = got.target.split("/")
        assert (len(parts), unquote(parts[-1])) == (7, player)


async def test_one_pool_serves_all_and_is_opened_late() -> None:
    async with using(says(200, {})) as (server, client):
        assert server.connections == 0
        await client.memory.get_stats()
        await client.players.get_stats()
        await client.characters.list()
        assert (len(server.requests), server.connections) == (3, 1)
        assert client.memory is client.memory


# --- pages ---------------------------------------------------------------------------------------


def paged(key: str, total: int, *, by_page: bool = False) -> Any:
    """A server's list of `total` items, by offset or by page."""

    async def act(turn: Turn) -> None:
        query = dict(pair.split("=") for pair in turn.got.target.partition("?")[2].split("&"))
        limit = int(query["limit"])
        at = (int(query["page"]) - 1) * limit if by_page else int(query["offset"])
        items = [{"id": n + 1} for n in range(total)][at : at + limit]
        more = {"pagination": {"hasMore": at + limit < total}} if by_page else {"total": total}
        await turn.answer(200, json.dumps({key: items, **more}).encode())

    return act


@pytest.mark.parametrize(
    ("key", "walk"),
    [
        ("memories", lambda c, n: c.memory.iter_memories(page_size=n)),
        ("conversations", lambda c, n: c.players.iter_players(page_size=n)),
        ("messages", lambda c, n: c.players.iter_messages("q", page_size=n)),
        ("characters", lambda c, n: c.characters.iter_characters(page_size=n)),
    ],
)
async def test_pages(key: str, walk: Any) -> None:
    async with using(paged(key, 7, by_page=key == "messages")) as (server, client):
        assert [int(item.id) async for item in walk(client, 3)] == [1, 2, 3, 4, 5, 6, 7]
        assert len(server.requests) == 3
        async for _ in walk(client, 3):
            break
        assert len(server.requests) == 4


async def test_a_walk_goes_on_after_an_error() -> None:
    acts = [paged("memories", 4), says(404), paged("memories", 4)]
    async with using(*acts) as (_, client):
        walk = client.memory.iter_memories(page_size=2)
        found = [await anext(walk), await anext(walk)]
        with pytest.raises(NotFound):
            await anext(walk)
        found += [item async for item in walk]
        assert [item.id for item in found] == ["1", "2", "3", "4"]


# --- files ---------------------------------------------------------------------------------------


async def test_pictures_as_bytes_text_and_paths(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(PNG)
    text = base64.b64encode(PNG).decode()
    async with using(says(201, {"id": "c2"})) as (server, client):
        for picture in (PNG, text, path):
            assert (await client.generate.image_to_character(picture)).id == "c2"
        await client.generate.image_to_character(image_base64=text, mime_type="image/png")
        for got in server.requests:
            assert PNG in got.body
            assert b'filename="image.png"' in got.body
            assert b"Content-Type: image/png" in got.body
        with pytest.raises(FileNotFoundError):
            await client.characters.set_avatar("c9", tmp_path / "nothing.png")


# --- waiting for a model -------------------------------------------------------------------------


def status(state: str | None, progress: int = 0) -> Any:
    return says(200, {"modelStatus": state, "progress": progress})


STATES = [
    status("generating"),
    status("generating"),
    status("preview_ready", 50),
    status("completed", 100),
]


@pytest.mark.parametrize("kind", ["function", "coroutine"])
async def test_waiting_tells_what_is_new(kind: str) -> None:
    told: list[str | None] = []

    def function(state: ModelStatus) -> None:
        told.append(state.model_status)

    async def coroutine(state: ModelStatus) -> None:
        await anyio.lowlevel.checkpoint()
        told.append(state.model_status)

    tell = function if kind == "function" else coroutine
    async with using(*STATES) as (server, client):
        end = await client.generate.wait_for_model("c9", poll_interval=0.01, on_progress=tell)
        assert (end.model_status, end.is_usable) == ("completed", True)
        assert told == ["generating", "preview_ready", "completed"]
        assert len(server.requests) == 4


async def test_waiting_survives_a_failed_poll_and_not_every_one() -> None:
    acts = [STATES[0], hangs_up, says(503), *STATES]
    async with using(*acts, retry=RetryConfig(0)) as (server, client):
        await client.generate.wait_for_model("c9", poll_interval=0.01)
        assert len(server.requests) == 7
        server.acts[:] = [says(503)]
        with pytest.raises(RestError):
            await client.generate.wait_for_model("c9", poll_interval=0.01)
        assert len(server.requests) == 10
        server.acts[:] = [says(404)]
        with pytest.raises(NotFound):
            await client.generate.wait_for_model("c9", poll_interval=0.01)
        assert len(server.requests) == 11


async def test_waiting_for_what_nobody_has_begun() -> None:
    async with using(status(None)) as (server, client):
        with pytest.raises(EstuaryError, match="generate_model"):
            await client.generate.wait_for_model("c9", poll_interval=0.01)
        assert len(server.requests) == 2


@pytest.mark.parametrize("act", [never, STATES[0]])
async def test_waiting_is_bounded_also_while_a_poll_is_under_way(act: Any) -> None:
    async with using(act) as (_, client):
        with pytest.raises(WaitTimeout) as caught:
            await client.generate.wait_for_model("c9", poll_interval=0.05, timeout=0.2)
        assert "within 0.2 s" in caught.value.message


async def test_waiting_without_telling() -> None:
    async with using(status("failed")) as (_, client):
        end = await client.generate.wait_for_model("c9")
        assert (end.has_failed, end.is_usable) == (True, False)


# --- streamed turns ------------------------------------------------------------------------------


def line(kind: str, **data: Any) -> bytes:
    return json.dumps({"type": kind, "data": data}, ensure_ascii=False).encode() + b"\n"


WHOLE = line("text_delta", text="Grüß ") + line("text_delta", text="dich") + b"\n" + line(
    "turn_completed", text="Grüß dich", messageId="m1"
)  # fmt: skip


def streams(*pieces: bytes, ends: str = "well") -> Any:
    """Answer in pieces, each a chunk of its own."""

    async def act(turn: Turn) -> None:
        await turn.head(200, ("Content-Type", "application/x-ndjson"))
        for piece in pieces:
            await turn.send(h11.Data(data=piece))
        if ends == "well":
            await turn.send(h11.EndOfMessage())
        elif ends == "never":
            await never(turn)
        else:
            await turn.reset()

    return act


async def test_a_turn_as_it_is_spoken() -> None:
    pieces = [WHOLE[at : at + 1] for at in range(len(WHOLE))]
    async with using(streams(*pieces)) as (server, client):
        turn = client.turn("Hi", stream=True)
        assert server.requests == []
        found = [event async for event in turn]
        assert found[:2] == [TurnText("Grüß "), TurnText("dich")]
        assert found[2] == turn.result == TurnResult("Grüß dich", "m1")
        assert turn.text == "Grüß dich"
        (got,) = server.requests
        assert json.loads(got.body) == {"message": "Hi", "playerId": "p1", "stream": True}
        assert got.headers["accept"] == "application/x-ndjson"
        assert [event async for event in turn] == []


async def test_pieces_come_before_the_end_does() -> None:
    async with using(streams(line("text_delta", text="Hi"), ends="never")) as (server, client):
        async with client.turn("Hi", stream=True) as turn:
            assert await anext(turn) == TurnText("Hi")
        await server.quiet()


@pytest.mark.parametrize(
    ("act", "says_what"),
    [
        (streams(line("text_delta", text="Hi")), "ended before the turn was complete"),
        (streams(line("text_delta", text="Hi"), b'{"type"'), "is no JSON"),
        (streams(line("text_delta", text="Hi"), ends="reset"), "broke"),
        (streams(line("text_delta", text="Hi"), line("error", message="hot")), "server says: hot"),
    ],
)
async def test_turns_that_fail(act: Any, says_what: str) -> None:
    async with using(act) as (server, client):
        turn = client.turn("Hi", stream=True)
        assert await anext(turn) == TurnText("Hi")
        with pytest.raises(TurnFailed, match=says_what) as caught:
            await anext(turn)
        assert caught.value.partial == "Hi"
        assert len(server.requests) == 1
        with pytest.raises(StopAsyncIteration):
            await anext(turn)


@pytest.mark.parametrize("act", [says(503), hangs_up])
async def test_turns_that_never_begin(act: Any) -> None:
    async with using(act) as (server, client):
        with pytest.raises(RestError):
            await anext(client.turn("Hi", stream=True))
        assert len(server.requests) == 1


async def test_refused_turns_say_why() -> None:
    async with using(says(401, {"detail": "no"})) as (_, client):
        with pytest.raises(Unauthorized, match="no"):
            await anext(client.turn("Hi", stream=True))


async def test_a_turn_is_bounded_in_time() -> None:
    async with using(streams(line("text_delta", text="Hi"), ends="never")) as (server, client):
        turn = client.turn("Hi", stream=True, timeout=0.2)
        assert await anext(turn) == TurnText("Hi")
        with pytest.raises(RestTimeout):
            await anext(turn)
        await server.quiet()
        endless = client.turn("Hi", stream=True, timeout=None)
        assert await anext(endless) == TurnText("Hi")
        await endless.aclose()


async def test_a_stream_that_was_packed() -> None:
    import gzip

    async def act(turn: Turn) -> None:
        await turn.answer(200, gzip.compress(WHOLE), ("Content-Encoding", "gzip"))

    async def cut(turn: Turn) -> None:
        await turn.answer(200, gzip.compress(WHOLE)[:-9], ("Content-Encoding", "gzip"))

    async def other(turn: Turn) -> None:
        await turn.answer(200, WHOLE, ("Content-Encoding", "br"))

    async with using(act, cut, other) as (_, client):
        assert len([event async for event in client.turn("Hi", stream=True)]) == 3
        stats = client.memory.get_stats()
        with pytest.raises(RestError, match="'br', which nobody asked for|middle of what"):
            await stats


# --- clients of the caller -----------------------------------------------------------------------


async def test_a_client_of_the_callers_stays_theirs() -> None:
    async with using(says(200, {"totalActive": 1})) as (server, _):
        async with httpx.AsyncClient(headers={"X-Mine": "1"}, follow_redirects=True) as http:
            client = EstuaryClient(config(server), http_client=http)
            assert (await client.memory.get_stats()).total_active == 1
            await client.disconnect()
            assert not http.is_closed
        assert server.requests[0].headers["x-mine"] == "1"
        late = EstuaryClient(config(server), http_client=http)
        with pytest.raises(LocalProtocolError, match="http_client that was given is closed"):
            await late.memory.get_stats()


async def test_a_client_of_the_callers_that_follows_redirects_does_not_for_us() -> None:
    other = Server(says(200, {}))
    async with serving(other), httpx.AsyncClient(follow_redirects=True) as http:
        act = says(307, {}, ("Location", other.url))
        async with using(act, http_client=http) as (_, client):
            with pytest.raises(RestError, match="redirects"):
                await client.memory.get_stats()
    assert other.requests == []


async def test_a_transport_of_the_callers_sees_the_real_address() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path.decode())
        return httpx.Response(200, json={})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        async with using(says(200), http_client=http) as (server, client):
            await client.shares.open_share("sh/1")
        assert (seen, server.requests) == (["/api/v1/share/sh%2F1/open"], [])
