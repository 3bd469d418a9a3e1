"""Claims about texts, answers and voice on the wire (items 21, 22, 25 to 28)."""

from __future__ import annotations

from typing import Any

import anyio

from estuary_proto import SendText
from estuary_proto.intents import StartVoice
from tests.anyio.server import Peer, serving

from .claims import Heard, Subject, claim


async def answer(peer: Peer, key: str, text: str, **more: Any) -> None:
    fields = {"text": text, "is_final": True, "message_id": key, **more}
    await peer.emit("bot_response", **fields)


async def raised(subject: Subject, client: Any, text: str, within: float) -> Any:
    """What waiting for an answer raises, in time."""
    try:
        with anyio.fail_after(within):
            await client.send_text_and_wait(text, timeout=20)
    except subject.EstuaryError as error:
        return error
    except TimeoutError:
        raise AssertionError("it went on waiting") from None
    raise AssertionError("it was answered")


@claim(
    "21",
    "a voice_started without a payload starts voice",
    fails="AssertionError: voice did not start",
)
async def voice_started_without_a_payload(subject: Subject) -> None:
    async with serving() as server, subject.client(server) as client:
        await client.connect()
        peer = await server.peer()
        started = False

        async def start() -> None:
            nonlocal started
            with anyio.move_on_after(1.5):
                await client.start_voice()
                started = True

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(start)
            await peer.get(StartVoice)
            await peer.text('42/sdk,["voice_started"]')
        assert started, "voice did not start"


@claim("21", "an interrupt without a payload is heard", fails="AssertionError: no interrupt came")
async def interrupt_without_a_payload(subject: Subject) -> None:
    async with serving() as server, subject.client(server) as client:
        heard = Heard(client, "interrupt")
        await client.connect()
        await (await server.peer()).text('42/sdk,["interrupt"]')
        await heard.get("interrupt", within=1.0)


@claim("22", "a quota event ends a waiting call", fails="AssertionError: it went on waiting")
async def quota_ends_the_wait(subject: Subject) -> None:
    async with serving() as server, subject.client(server) as client:
        await client.connect()
        peer = await server.peer()
        async with anyio.create_task_group() as tasks:

            async def end() -> None:
                await peer.get(SendText)
                await peer.emit("quota_exceeded", message="no more", current=5, limit=5)

            tasks.start_soon(end)
            error = await raised(subject, client, "hi", 1.0)
        assert error.code == subject.ErrorCode.QUOTA_EXCEEDED


@claim(
    "25",
    "two who wait at a time get an answer each",
    fails="AssertionError: they got",
)
async def two_who_wait(subject: Subject) -> None:
    async with serving() as server, subject.client(server) as client:
        await client.connect()
        peer = await server.peer()
        got: dict[str, str] = {}

        async def ask(text: str) -> None:
            got[text] = (await client.send_text_and_wait(text, timeout=5)).text

        async def serve() -> None:
            for number in (1, 2):
                asked = await peer.get(SendText, number)
                await answer(peer, f"m{number}", f"answer to {asked.text}")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, "one")
            tasks.start_soon(ask, "two")
            tasks.start_soon(serve)
        wanted = {text: f"answer to {text}" for text in ("one", "two")}
        assert got == wanted, f"they got {got}"


@claim(
    "26",
    "what the character says unasked is no answer",
    fails="AssertionError: it took 'By the way' for the answer",
)
async def an_interjection(subject: Subject) -> None:
    async with serving() as server, subject.client(server) as client:
        await client.connect()
        peer = await server.peer()

        async def serve() -> None:
            await peer.get(SendText)
            await answer(peer, "m0", "By the way", is_interjection=True)
            await answer(peer, "m1", "The answer")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve)
            text = (await client.send_text_and_wait("hi", timeout=5)).text
        assert text == "The answer", f"it took {text!r} for the answer"


@claim(
    "27",
    "a connection that falls ends the wait, and the text so far is not lost",
    fails="AssertionError: it went on waiting",
)
async def a_fall_ends_the_wait(subject: Subject) -> None:
    async with serving() as server:
        async with subject.client(server, auto_reconnect=False) as client:
            heard = Heard(client, "bot_response")
            await client.connect()
            peer = await server.peer()

            async def fall() -> None:
                await peer.get(SendText)
                await answer(peer, "m", "Once upon", is_final=False)
                await heard.get("bot_response")
                await peer.cut()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(fall)
                error = await raised(subject, client, "a story", 1.0)
            assert error.partial == "Once upon"


@claim(
    "28",
    "`partial` is text, whatever the server sends there",
    fails="AssertionError: partial is bool",
)
async def partial_is_text(subject: Subject) -> None:
    async with serving() as server, subject.client(server) as client:
        heard = Heard(client, "bot_response")
        await client.connect()
        await answer(await server.peer(), "m", "One ", is_final=False, partial=True)
        response = await heard.get("bot_response")
        assert isinstance(response.partial, str), f"partial is {type(response.partial).__name__}"


@claim(
    "28",
    "pieces are put together, so that `text` is all there is so far",
    fails="AssertionError: the text is 'two'",
)
async def pieces_are_put_together(subject: Subject) -> None:
    async with serving() as server, subject.client(server) as client:
        heard = Heard(client, "bot_response")
        await client.connect()
        peer = await server.peer()
        for text in ("One ", "two"):
            await answer(peer, "m", text, is_final=False, partial=True)
        response = await heard.get("bot_response", 2)
        assert response.text == "One two", f"the text is {response.text!r}"
