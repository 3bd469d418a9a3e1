"""Our gateway on each loop, judged by python-socketio's client."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import socketio

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from estuary_anyio.gateway import Gateway


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Judge:
    """A client of python-socketio, with what it was told."""

    def __init__(self) -> None:
        self.sio = socketio.AsyncClient(reconnection=False)
        self.told: list[tuple[str, Any]] = []
        self._news = asyncio.Event()
        self.sio.on("*", self._note, namespace="/sdk")

    async def _note(self, name: str, *args: Any) -> None:
        self.told.append((name, args[0] if args else None))
        self._news.set()

    async def until(self, name: str, **holds: Any) -> Any:
        """The first payload of this event that holds these values."""
        async with asyncio.timeout(5):
            while True:
                for told, payload in self.told:
                    if told == name and holds.items() <= payload.items():
                        return payload
                self._news.clear()
                await self._news.wait()

    async def say(self, name: str, payload: Any) -> None:
        await self.sio.emit(name, payload, namespace="/sdk")


@asynccontextmanager
async def judge(gw: Gateway, auth: dict[str, Any] | None) -> AsyncGenerator[Judge, None]:
    one, ws = Judge(), None
    try:
        await one.sio.connect(
            gw.url, auth=auth, namespaces=["/sdk"], transports=["websocket"], wait_timeout=5
        )
        ws = one.sio.eio.ws
        yield one
    finally:
        await one.sio.disconnect()
        if ws is not None:
            await ws.close()  # Its owner forgets it when the server has gone silent.
        session = one.sio.eio.http
        if session is not None:
            await session.close()


def credentials(gw: Gateway, player: str) -> dict[str, str]:
    return {"api_key": gw.api_key, "character_id": gw.character_id, "player_id": player}


async def test_style_a_streams_an_answer(gateway: Gateway) -> None:
    async with judge(gateway, credentials(gateway, "a")) as one:
        info = await one.until("session_info")
        assert info["player_id"] == "a"
        await one.say("text", {"text": "tell me a joke"})
        final = await one.until("bot_response", is_final=True)
        chunks = [payload for name, payload in one.told if name == "bot_response"]
        assert len(chunks) > 10
        assert "".join(chunk["partial"] for chunk in chunks) == final["text"]


async def test_style_b_and_memory(gateway: Gateway) -> None:
    async with judge(gateway, None) as one:
        await one.say("authenticate", credentials(gateway, "b"))
        await one.until("session_info", player_id="b")
        await one.say("text", {"text": "my name is Ada"})
        first = await one.until("bot_response", is_final=True)
        await one.say("text", {"text": "what is my name?"})
        await one.until("bot_response", is_final=True, text="Your name is Ada.")
        assert "Ada" in first["text"]


async def test_an_interrupt_is_confirmed_and_acked(gateway: Gateway) -> None:
    async with judge(gateway, credentials(gateway, "c")) as one:
        await one.until("session_info")
        await one.say("text", {"text": "tell me a story"})
        chunk = await one.until("bot_response", chunk_index=3)
        await one.sio.call(
            "client_interrupt", {"message_id": chunk["message_id"]}, namespace="/sdk", timeout=5
        )
        await one.until("interrupt", message_id=chunk["message_id"])
        assert not any(p.get("is_final") for n, p in one.told if n == "bot_response")


async def test_a_wrong_key_is_refused(gateway: Gateway) -> None:
    wrong = {**credentials(gateway, "d"), "api_key": "est_wrong"}
    with pytest.raises(socketio.exceptions.ConnectionError):
        async with judge(gateway, wrong):
            pass


async def test_a_wrong_key_by_message_is_told_and_thrown_out(gateway: Gateway) -> None:
    async with judge(gateway, None) as one:
        await one.say("authenticate", {**credentials(gateway, "e"), "api_key": "est_wrong"})
        assert await one.until("auth_error") == {"error": "Invalid API key"}
        async with asyncio.timeout(5):
            await one.sio.wait()
        assert not one.sio.connected
