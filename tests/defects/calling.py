"""Claims about the REST API: what is sent, what comes back, what is repeated (items 66 to 79)."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio

from estuary_anyio.gateway import serve_gateway
from tests.rest.flaky import Flaky, hangs_up, never, serving
from tests.rest.flaky import says as answers
from tests.rest.routes import JSON, KEY, PNG
from tests.rest.test_rest_client import line, streams

from .claims import Subject, claim, done, raising

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.rest.flaky import Act


def says(status: int, body: Any = None, *headers: tuple[str, str]) -> Act:
    """An answer of JSON that says so."""
    return answers(status, body, ("Content-Type", JSON), *headers)


ADA = says(200, {"id": "c1", "name": "Ada"})


@asynccontextmanager
async def using(subject: Subject, *acts: Act, **settings: Any) -> AsyncIterator[tuple[Flaky, Any]]:
    """A server that acts so, and a client of it that is not connected."""
    server = Flaky(*acts)
    async with serving(server):
        config = subject.library.EstuaryConfig(server.url, KEY, "c1", "p1", **settings)
        client = subject.EstuaryClient(config)
        try:
            yield server, client
        finally:
            await client.disconnect()


@asynccontextmanager
async def at_home(subject: Subject) -> AsyncIterator[Any]:
    """A client of a whole server, which is not connected."""
    async with serve_gateway() as house:
        config = subject.library.EstuaryConfig(house.url, house.api_key, "demo", "p1")
        client = subject.EstuaryClient(config)
        try:
            yield client
        finally:
            await client.disconnect()


def sent(server: Flaky) -> str:
    """All that reached it, as one text."""
    return repr(server.requests)


# --- 66: trying again ----------------------------------------------------------------------------


@claim("66", "a server that is busy for a moment is asked again", fails="EstuaryError: .*503")
async def busy_for_a_moment(subject: Subject) -> None:
    async with using(subject, says(503), ADA) as (server, client):
        assert (await client.characters.get("c1")).name == "Ada"
        assert len(server.requests) == 2


@claim("66", "who is asked to wait waits, and asks again", fails="EstuaryError: .*429")
async def asked_to_wait(subject: Subject) -> None:
    async with using(subject, says(429, {}, ("Retry-After", "0")), ADA) as (server, client):
        assert (await client.characters.get("c1")).name == "Ada"
        assert len(server.requests) == 2


@claim("66", "how often is a setting", fails="TypeError: .*retry")
async def how_often_is_a_setting(subject: Subject) -> None:
    retry = subject.library.RetryConfig(1, 0.001, (418,))
    async with using(subject, says(418), ADA, retry=retry) as (_, client):
        assert (await client.characters.get("c1")).name == "Ada"


# --- 67 to 70: what is sent ----------------------------------------------------------------------


@claim("67", "an id is one part of the path, whatever it holds", fails="AssertionError: it asked")
async def an_id_is_one_part(subject: Subject) -> None:
    async with using(subject, ADA) as (server, client):
        for given in ("../../v1/admin", "x?y", "a/b #"):
            await client.characters.get(given)
        asked = [got.target.removeprefix("/api/v1/characters/") for got in server.requests]
        wanted = ["..%2F..%2Fv1%2Fadmin", "x%3Fy", "a%2Fb%20%23"]
        assert asked == wanted, f"it asked for {[got.target for got in server.requests]}"


@claim("67", "an empty id is refused", fails="AssertionError: nothing was raised")
async def an_empty_id(subject: Subject) -> None:
    async with using(subject, ADA) as (server, client):
        with raising(Exception):
            await client.characters.get("")
        assert server.requests == []


@claim(
    "68",
    "a redirect takes the key to no other host",
    fails="AssertionError: the other host was given the key",
)
async def a_redirect(subject: Subject) -> None:
    other = Flaky(ADA)
    async with serving(other):
        act = says(302, {}, ("Location", f"{other.url}/api/v1/characters/c1"))
        async with using(subject, act) as (_, client):
            try:
                await client.characters.get("c1")
            except subject.EstuaryError:
                pass
        assert KEY not in sent(other), "the other host was given the key"


@claim("69", "a guest sends no key", fails="AssertionError: it sent the key")
async def a_guest_sends_no_key(subject: Subject) -> None:
    async with using(subject, says(200, {"sessionToken": "sst_x"})) as (server, client):
        await client.shares.open_share("s1")
        await client.shares.exchange_share_token("t1")
        assert len(server.requests) == 2
        assert KEY not in sent(server), "it sent the key"


@claim("69", "the key is sent once", fails="AssertionError: it was sent 2 times")
async def the_key_is_sent_once(subject: Subject) -> None:
    async with using(subject, says(200, {"token": "shr_x"})) as (server, client):
        await client.shares.create_share("c1")
        times = sent(server).count(KEY)
        assert times == 1, f"it was sent {times} times"


@claim("70", "a misspelt argument is told", fails="AssertionError: nothing was raised")
async def a_misspelt_argument(subject: Subject) -> None:
    async with using(subject, ADA) as (server, client):
        with raising(TypeError):
            await client.characters.update("c1", taglin="Tea?")
        assert server.requests == []


# --- 71 to 74: what comes back -------------------------------------------------------------------


@claim("71", "a broken answer is an error of the library", fails="JSONDecodeError: ")
async def a_broken_answer(subject: Subject) -> None:
    async with using(subject, says(200, b'{"id":')) as (_, client):
        with raising(subject.EstuaryError):
            await client.characters.get("c1")


@claim("71", "an empty success is a success", fails="AssertionError: it came to None")
async def an_empty_success(subject: Subject) -> None:
    async with using(subject, says(200, b" ")) as (_, client):
        came = await client.characters.delete("c1")
        assert isinstance(came, dict), f"it came to {came}"


@claim("72", "an error tells the status", fails="AssertionError: it tells None")
async def an_error_tells_the_status(subject: Subject) -> None:
    async with using(subject, says(418, {"detail": "I am a teapot"})) as (_, client):
        with raising(subject.EstuaryError) as found:
            await client.characters.get("c1")
        (error,) = found
        told = getattr(error, "status", None)
        assert told == 418, f"it tells {told}"


@claim("72", "an error tells which scopes are missing", fails="AttributeError: .*Forbidden")
async def an_error_tells_the_scopes(subject: Subject) -> None:
    detail = {"error": "insufficient_scope", "requiredScopes": ["memories:write"]}
    async with using(subject, says(403, {"detail": detail})) as (_, client):
        with raising(subject.library.Forbidden) as found:
            await client.characters.get("c1")
        (error,) = found
        assert tuple(getattr(error, "required_scopes", ())) == ("memories:write",)


@claim("72", "what is not there is a class of error", fails="AttributeError: .*NotFound")
async def what_is_not_there(subject: Subject) -> None:
    async with using(subject, says(404, {"detail": "none"})) as (_, client):
        with raising(subject.library.NotFound):
            await client.characters.get("c1")


@claim("73", "memories come in the order that was asked for", fails="AssertionError: they came")
async def the_order_of_memories(subject: Subject) -> None:
    async with serve_gateway() as house:
        await remember(house.url, 0.2, 0.9, 0.5)
        config = subject.library.EstuaryConfig(house.url, house.api_key, "demo", "p1")
        async with subject.EstuaryClient(config) as client:
            await client.connect()
            page = await client.memory.get_memories(sort_by="confidence", sort_order="asc")
            came = [memory.confidence for memory in page.memories]
            assert came == [0.2, 0.5, 0.9], f"they came as {came}"


async def remember(url: str, *confidences: float) -> None:
    """Fill a server with memories, by the way that both libraries have not."""
    from estuary_anyio import EstuaryClient, EstuaryConfig

    async with EstuaryClient(EstuaryConfig(url, "est_dev", "demo", "p1")) as client:
        for confidence in confidences:
            await client.memory.create("a memory", confidence=confidence)


@claim("73", "a graph tells which names are still to come", fails="AssertionError: it tells")
async def a_graph_tells_what_is_to_come(subject: Subject) -> None:
    node = subject.library.GraphNode.from_dict({"id": "n", "type": "cluster", "labelPending": True})
    told = [value for name, value in vars_of(node).items() if "pending" in name]
    assert told == [True], f"it tells {told}"


def vars_of(model: Any) -> dict[str, Any]:
    """The fields of a dataclass."""
    return {name: getattr(model, name) for name in model.__dataclass_fields__}


@claim("74", "what is null has its default", fails="AssertionError: they are None")
async def what_is_null(subject: Subject) -> None:
    data = {"id": "m", "secondaryTopics": None, "confidence": None, "content": None}
    memory = subject.library.MemoryData.from_dict(data)
    assert memory.secondary_topics == [], f"they are {memory.secondary_topics}"
    assert isinstance(memory.confidence, float)


@claim("74", "a character knows its 3D model", fails="AttributeError: .*model_url")
async def a_character_knows_its_model(subject: Subject) -> None:
    answer = {"id": "c1", "model_url": "https://x/m.glb", "model_status": "completed"}
    async with using(subject, says(200, answer)) as (_, client):
        character = await client.characters.get("c1")
        assert character.model_url == "https://x/m.glb"
        assert character.model_status == "completed"


# --- 75 to 79: the clients -----------------------------------------------------------------------


@claim(
    "75",
    "memories and players need no connection",
    fails=r"EstuaryError: .*Call connect\(\) first",
)
async def no_connection(subject: Subject) -> None:
    async with at_home(subject) as client:
        assert (await client.memory.get_stats()).total_active == 0
        assert (await client.players.list()).total == 0


def model(status: str | None, progress: int = 0) -> Act:
    return says(200, {"modelStatus": status, "progress": progress})


MADE = model("completed", 100)


@claim("76", "one failed look at a 3D model is survived", fails="EstuaryError: .*500")
async def one_failed_look(subject: Subject) -> None:
    async with using(subject, model("generating"), says(500), MADE) as (_, client):
        status = await client.generate.wait_for_model("c1", poll_interval=0.05, timeout=10)
        assert status.model_status == "completed"


@claim(
    "76",
    "nobody waits for a 3D model that nobody makes",
    fails="AssertionError: it went on waiting",
)
async def nobody_makes_it(subject: Subject) -> None:
    async with using(subject, model(None)) as (_, client):
        with anyio.move_on_after(2.0) as scope, raising(subject.EstuaryError):
            await client.generate.wait_for_model("c1", poll_interval=0.05, timeout=60)
        assert not scope.cancelled_caught, "it went on waiting"


@claim("76", "the timeout ends a look that hangs", fails="AssertionError: it went on waiting")
async def a_look_that_hangs(subject: Subject) -> None:
    async with using(subject, never) as (_, client):
        with anyio.move_on_after(2.0) as scope, raising(Exception):
            await client.generate.wait_for_model("c1", poll_interval=0.05, timeout=0.3)
        assert not scope.cancelled_caught, "it went on waiting"


@claim("76", "a coroutine function is told of progress", fails="AssertionError: it heard \\[\\]")
async def a_coroutine_function(subject: Subject) -> None:
    heard: list[int] = []

    async def tell(status: Any) -> None:
        heard.append(status.progress)

    async with using(subject, model("generating", 10), MADE) as (_, client):
        await client.generate.wait_for_model("c1", poll_interval=0.01, on_progress=tell)
        assert heard == [10, 100], f"it heard {heard}"


@claim("76", "progress is told when there is some", fails="AssertionError: it was told")
async def progress_is_news(subject: Subject) -> None:
    told: list[int] = []
    acts = [model("generating", 10)] * 3
    async with using(subject, *acts, MADE) as (_, client):
        await client.generate.wait_for_model(
            "c1", poll_interval=0.01, on_progress=lambda status: told.append(status.progress)
        )
        assert told == [10, 100], f"it was told {told}"


MADE_OF_IT = says(201, {"id": "c2", "name": "Ada"})


async def upload(client: Any, **options: Any) -> Any:
    """A picture, in the way that both libraries have."""
    return await client.generate.image_to_character(PNG, "image/png", **options)


@claim("77", "a picture is called what it is", fails="AssertionError: it is called image.jpg")
async def what_a_picture_is_called(subject: Subject) -> None:
    async with using(subject, MADE_OF_IT) as (server, client):
        await upload(client)
        name = server.requests[0].body.partition(b'filename="')[2].partition(b'"')[0].decode()
        assert name.endswith(".png"), f"it is called {name}"


@claim("77", "a server that stumbles over a picture is asked again", fails="EstuaryError: .*500")
async def an_upload_over_a_stumble(subject: Subject) -> None:
    async with using(subject, says(500), MADE_OF_IT) as (server, client):
        assert (await upload(client)).id == "c2"
        assert len({got.headers["idempotency-key"] for got in server.requests}) == 1


@claim("77", "an upload that is still worked on is waited for", fails="EstuaryError: .*409")
async def an_upload_in_flight(subject: Subject) -> None:
    async with using(subject, hangs_up, says(409, {"detail": "in flight"}), MADE_OF_IT) as (
        server,
        client,
    ):
        assert (await upload(client)).id == "c2"
        assert len(server.requests) == 3


@claim(
    "77", "an upload that failed is resumed by its key", fails="AttributeError: .*UploadFailedError"
)
async def an_upload_is_resumed(subject: Subject) -> None:
    kind = subject.library.UploadFailedError
    retry = subject.library.RetryConfig(0)
    async with using(subject, says(503), MADE_OF_IT, retry=retry) as (server, client):
        with raising(kind) as found:
            await upload(client)
        (error,) = found
        await upload(client, idempotency_key=getattr(error, "idempotency_key", None))
        assert len({got.headers["idempotency-key"] for got in server.requests}) == 1


@claim("77", "a picture may come with wishes", fails="TypeError: .*persona_prompt")
async def a_picture_with_wishes(subject: Subject) -> None:
    async with using(subject, MADE_OF_IT) as (server, client):
        await upload(client, persona_prompt="a pirate")
        assert b"a pirate" in server.requests[0].body


@claim("78", "nothing is sent after disconnect()", fails="AssertionError: nothing was raised")
async def nothing_after_disconnect(subject: Subject) -> None:
    async with using(subject, ADA) as (server, client):
        characters = client.characters
        await characters.get("c1")
        await client.disconnect()
        with raising(subject.EstuaryError):
            await characters.get("c1")
        assert len(server.requests) == 1


@claim("79", "a turn can be had without a connection", fails="AttributeError: .*turn")
async def a_turn(subject: Subject) -> None:
    act = streams(line("text_delta", text="Hello"), line("turn_completed", text="Hello"))
    async with using(subject, act) as (_, client):
        said = [piece.text async for piece in client.turn("Hi", stream=True)]
        assert said == ["Hello", "Hello"]


@claim("79", "all memories can be gone through", fails="AttributeError: .*iter_memories")
async def all_memories(subject: Subject) -> None:
    async with serve_gateway() as house:
        await remember(house.url, 0.1, 0.2, 0.3)
        config = subject.library.EstuaryConfig(house.url, house.api_key, "demo", "p1")
        async with subject.EstuaryClient(config) as client:
            await client.connect()
            walk = client.memory.iter_memories(page_size=2)
            found = [memory.confidence async for memory in walk]
            assert sorted(found) == [0.1, 0.2, 0.3]


@claim("79", "a character can be told what to remember", fails="AttributeError: .*create")
async def what_to_remember(subject: Subject) -> None:
    async with serve_gateway() as house:
        config = subject.library.EstuaryConfig(house.url, house.api_key, "demo", "p1")
        async with subject.EstuaryClient(config) as client:
            await client.connect()
            made = await done(client.memory.create("Tea at five", memory_type="fact"))
            assert made.content == "Tea at five"


@claim("79", "two characters can be made to meet", fails="AttributeError: .*encounter")
async def two_characters_meet(subject: Subject) -> None:
    async with using(subject, says(202, {"id": "e1", "status": "started"})) as (server, client):
        await client.encounters.start("c1", "c2", prompt="Tea")
        assert server.requests[0].target == "/api/v1/encounters"
