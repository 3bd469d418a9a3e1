"""Turns over REST, encounters, tools: with the rules, and with a brain outside."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from estuary_anyio import EstuaryClient, EstuaryConfig
from estuary_anyio.gateway import BrainError, serve_gateway
from estuary_proto.gateway import ServerConfig
from estuary_proto.models import EncounterEnd, EncounterMessage, TurnResult

from .gateway import ADA, DEMO, gateway_client

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anyio.abc import SocketStream

    from estuary_proto.gateway import AskBrain

pytestmark = pytest.mark.anyio

TURN = f"{DEMO}/turn"


class Brain:
    """A brain that answers as it is told to: BREAK fails, HANG never goes on."""

    def __init__(self) -> None:
        self.asked: list[AskBrain] = []

    async def stream(self, ask: AskBrain) -> AsyncGenerator[str, None]:
        """One word at a time."""
        self.asked.append(ask)
        yield "Well, "
        if "BREAK" in ask.text:
            raise BrainError("The brain is tired")
        if "HANG" in ask.text:
            await anyio.sleep_forever()
        yield "grüße."


async def test_a_turn_is_a_conversation() -> None:
    async with serve_gateway(server=ServerConfig(word_interval=0)) as gateway:
        async with EstuaryClient(EstuaryConfig(gateway.url, "est_dev", "demo", "ada")) as client:
            told = await client.turn("My name is Ada.")
            assert "Ada" in told.text
            assert (told.character_id, told.player_id) == ("demo", "ada")
            await client.connect()
            assert client.session is not None
            assert client.session.conversation_id == told.conversation_id
            assert "Ada" in (await client.send_text_and_wait("What is my name?")).text
            waved = await client.turn("Please wave")
            assert [action.name for action in waved.actions] == ["wave"]
            said = await client.players.get_messages("ada")
            assert said.pagination.total == 6


async def test_what_should_not_be_remembered_is_not() -> None:
    async with gateway_client() as client:
        body = {"message": "My name is Ada. What is my name?", "playerId": "ada"}
        await client.post(TURN, json={"message": "I like tea.", "playerId": "ada"})
        answer = await client.post(TURN, json={**body, "remember": False})
        assert "Ada" in answer.json()["text"]
        tea = {"message": "What do I like?", "playerId": "ada", "remember": False}
        assert "tea" in (await client.post(TURN, json=tea)).json()["text"]
        assert (await client.get(ADA)).json()["total"] == 1
        stats = (await client.get(f"{DEMO}/players/ada")).json()
        assert stats["messageCount"] == 2


async def test_streamed_pieces_make_the_whole() -> None:
    async with gateway_client() as client:
        body = {"message": "Tell me a story", "playerId": "ada", "stream": True}
        answer = await client.post(TURN, json=body)
        assert answer.headers["content-type"] == "application/x-ndjson"
        events = [json.loads(line) for line in answer.text.splitlines()]
        assert {event["type"] for event in events[:-1]} == {"text_delta"}
        assert events[-1]["type"] == "turn_completed"
        whole = "".join(event["data"]["text"] for event in events[:-1])
        assert TurnResult.from_dict(events[-1]["data"]).text == whole
        assert len(events) > 5


async def test_a_brain_outside() -> None:
    brain = Brain()
    async with gateway_client(brain=brain) as client:
        body = {"message": "Hi", "playerId": "ada", "speakerName": "Bo"}
        assert (await client.post(TURN, json=body)).json()["text"] == "Well, grüße."
        assert brain.asked[-1].text == "Bo: Hi"
        broken = await client.post(TURN, json={"message": "BREAK", "playerId": "ada"})
        assert (broken.status_code, broken.json()) == (502, {"detail": "The brain is tired"})
        slow = {"message": "HANG", "playerId": "ada", "timeoutSeconds": 0.1}
        late = await client.post(TURN, json=slow)
        assert (late.status_code, late.json()) == (504, {"detail": "The brain took too long"})
        answer = await client.post(TURN, json={**slow, "message": "BREAK", "stream": True})
        events = [json.loads(line) for line in answer.text.splitlines()]
        assert [event["type"] for event in events] == ["text_delta", "error"]
        assert events[-1]["data"] == {"message": "The brain is tired"}


async def test_quota_and_banned_words() -> None:
    config = ServerConfig(quota=1, banned_words=("rude",))
    async with gateway_client(config) as client:
        rude = await client.post(TURN, json={"message": "How rude!", "playerId": "ada"})
        assert rude.status_code == 422
        body = {"message": "Hello", "playerId": "ada"}
        assert (await client.post(TURN, json=body)).status_code == 200
        full = await client.post(TURN, json=body)
        assert (full.status_code, full.json()["detail"]["code"]) == (429, "quota_exceeded")
        nobody = "/api/v1/characters/nobody/turn"
        assert (await client.post(nobody, json=body)).status_code == 404


async def test_an_encounter_is_heard() -> None:
    async with serve_gateway(server=ServerConfig(word_interval=0)) as gateway:
        async with EstuaryClient(EstuaryConfig(gateway.url, "est_dev", "demo", "ada")) as client:
            await client.connect()
            async with client.events(EncounterMessage, EncounterEnd) as heard:
                begun = await client.encounters.start("demo", "friend", prompt="tea", max_turns=3)
                events: list[Any] = []
                async for event in heard:
                    events.append(event)
                    if isinstance(event, EncounterEnd):
                        break
            assert begun.status == "running"
            assert {event.encounter_id for event in events} == {begun.encounter_id}
            said = events[:-1]
            assert [(e.speaker, e.turn_index) for e in said] == [("a", 0), ("b", 1), ("a", 2)]
            assert "tea" in said[0].text
            assert (events[-1].reason, events[-1].turns_emitted) == ("max_turns", 3)


async def test_encounters_need_two() -> None:
    async with gateway_client() as client:
        for b, status in (("demo", 422), ("nobody", 404)):
            body = {"characterAId": "demo", "characterBId": b}
            assert (await client.post("/api/v1/encounters", json=body)).status_code == status


@asynccontextmanager
async def tool() -> AsyncGenerator[tuple[str, list[bytes]], None]:
    """A server that answers every request with 201, and keeps what it was sent."""
    seen: list[bytes] = []

    async def serve(stream: SocketStream) -> None:
        async with stream:
            seen.append(await _request(stream))
            await stream.send(
                b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\nConnection: close\r\n\r\nsunny"
            )

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        yield f"http://127.0.0.1:{port}/weather", seen
        tasks.cancel_scope.cancel()


async def _request(stream: SocketStream) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += await stream.receive()
    head, _, body = data.partition(b"\r\n\r\n")
    (length,) = (
        int(line.split(b":")[1])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    )
    while len(body) < length:
        body += await stream.receive()
    return body


async def test_tools_and_callbacks_are_called() -> None:
    async with tool() as (url, seen), gateway_client() as client:
        test = f"{DEMO}/api-endpoints/test"
        body = {"endpoint": {"name": "weather", "url": url}, "arguments": {"city": "Bonn"}}
        answer = await client.post(test, json=body)
        assert answer.json() == {"ok": True, "status": 201, "body": "sunny"}
        assert json.loads(seen[0]) == {"city": "Bonn"}
        turn = {"message": "Hi", "playerId": "ada", "callbackUrl": url, "callbackContext": {"n": 1}}
        told = (await client.post(TURN, json=turn)).json()
        assert json.loads(seen[1]) == {**told, "callbackContext": {"n": 1}}
    async with gateway_client() as client:
        assert (await client.post(TURN, json=turn)).status_code == 200
        gone = (await client.post(test, json=body)).json()
        assert gone["ok"] is False
        for wrong in (
            "ftp://x/y",
            "http://",
            "file:///etc/passwd",
            "http://x:99999/",
            "http://x\n",
        ):
            body["endpoint"]["url"] = wrong
            assert (await client.post(test, json=body)).status_code == 422
