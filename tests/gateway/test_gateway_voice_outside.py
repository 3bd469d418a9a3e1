"""Voice over real sockets, judged by python-socketio's client."""

from __future__ import annotations

import asyncio
import base64
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import socketio

from estuary_anyio.gateway import Gateway, serve_gateway
from estuary_proto.gateway import ServerConfig

from .sounds import SPEECH, silence, tone

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

MIND = ServerConfig(hears=("tell me a joke", "what is my name?"), word_interval=0.001)
PIECE = 3200


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # Where python-socketio's client runs.


class Judge:
    """A client of python-socketio, and all it was told."""

    def __init__(self) -> None:
        self.sio = socketio.AsyncClient(reconnection=False)
        self.told: list[tuple[str, Any]] = []
        self._news = asyncio.Event()
        self.sio.on("*", self._note, namespace="/sdk")

    async def _note(self, name: str, *args: Any) -> None:
        self.told.append((name, args[0] if args else None))
        self._news.set()

    async def until(self, name: str, start: int = 0, /, **holds: Any) -> Any:
        """The first payload of this event from number `start` on that holds these values."""
        async with asyncio.timeout(10):
            while True:
                for told, payload in self.told[start:]:
                    if told == name and holds.items() <= payload.items():
                        return payload
                self._news.clear()
                await self._news.wait()

    async def say(self, name: str, payload: Any = None) -> None:
        await self.sio.emit(name, payload, namespace="/sdk")

    async def ask(self, name: str, payload: Any = None) -> Any:
        """Wait for the acknowledgement."""
        return await self.sio.call(name, payload, namespace="/sdk", timeout=10)

    async def speak(self, audio: bytes) -> None:
        for at in range(0, len(audio), PIECE):
            piece = base64.b64encode(audio[at : at + PIECE]).decode()
            await self.say("stream_audio", {"audio": piece})

    def names(self, start: int = 0) -> list[str]:
        return [name for name, _ in self.told[start:]]


@asynccontextmanager
async def judge(gw: Gateway, **auth: Any) -> AsyncGenerator[Judge, None]:
    one = Judge()
    who = {"api_key": gw.api_key, "character_id": gw.character_id, "player_id": "p", **auth}
    try:
        await one.sio.connect(
            gw.url, auth=who, namespaces=["/sdk"], transports=["websocket"], wait_timeout=5
        )
        await one.until("session_info")
        yield one
    finally:
        await one.sio.disconnect()
        session = one.sio.eio.http
        if session is not None:
            await session.close()


async def test_a_continuous_turn() -> None:
    async with (
        serve_gateway(server=MIND) as gw,
        judge(gw, audio_sample_rate=24000) as one,
    ):
        await one.ask("start_voice")
        assert await one.until("voice_started") == {}
        await one.speak(SPEECH)
        assert (await one.until("stt_response", is_final=True))["text"] == "tell me a joke"
        assert (await one.until("stt_response", is_final=False))["text"] == "tell"
        final = await one.until("bot_response", is_final=True)
        voice = await one.until("bot_voice", chunk_index=0)
        assert voice["message_id"] == final["message_id"]
        assert voice["sample_rate"] == 24000
        assert len(base64.b64decode(voice["audio"], validate=True)) == 24000 * 2 // 5
        # Speaking again cuts the answer: no chunk of it comes behind the interrupt.
        await one.speak(tone(0.3))
        cut = await one.until("interrupt")
        assert cut["reason"] == "user_speech"
        assert cut["message_id"] == voice["message_id"]
        assert cut["interrupted_at"]
        at = one.names().index("interrupt")
        await one.speak(silence(0.6))
        await one.until("bot_voice", at)
        assert final["message_id"] not in {
            payload["message_id"] for name, payload in one.told[at + 1 :] if name == "bot_voice"
        }
        await one.ask("stop_voice")
        await one.until("voice_stopped")


async def test_a_push_to_talk_turn() -> None:
    async with serve_gateway(server=MIND) as gw, judge(gw) as one:
        press = {"turn_mode": "push_to_talk"}
        await one.ask("start_voice", press)
        await one.speak(SPEECH + silence(1) + SPEECH)
        await one.say("start_voice", press)
        assert await one.until("voice_started", already_active=True)
        assert not [p for n, p in one.told if n == "stt_response" and p["is_final"]]
        await one.ask("stop_voice")
        await one.until("stt_response", is_final=True)
        voice = await one.until("bot_voice", chunk_index=0)
        # The next press takes the floor.
        await one.say("start_voice", press)
        assert await one.until("interrupt") == {
            "message_id": voice["message_id"],
            "reason": "push_to_talk",
            "interrupted_at": (await one.until("interrupt"))["interrupted_at"],
        }
        at = len(one.told)
        await one.ask("stop_voice")
        await one.until("voice_stopped", at)
        assert not {"stt_response", "bot_response", "bot_voice"} & set(one.names(at))
        await one.say("start_voice")
        assert "push_to_talk" in (await one.until("voice_error"))["error"]


async def test_a_whole_answer_is_spoken_and_ends_once() -> None:
    async with serve_gateway(server=ServerConfig(voice="always")) as gw, judge(gw) as one:
        await one.say("say_line", {"text": "Short and sweet.", "text_only": False})
        last = await one.until("bot_voice", is_final=True)
        chunks = [payload for name, payload in one.told if name == "bot_voice"]
        assert [chunk["chunk_index"] for chunk in chunks] == list(range(len(chunks)))
        assert chunks[-1] == last
        final = await one.until("bot_response", is_final=True)
        assert one.told.index(("bot_response", final)) < one.told.index(("bot_voice", last))


async def test_a_picture_and_a_gesture() -> None:
    capabilities = {"version": "1", "camera": True, "client_action": True}
    async with serve_gateway() as gw, judge(gw, capabilities=capabilities) as one:
        await one.say("text", {"text": "what do you see?", "textOnly": True})
        request = await one.until("camera_capture")
        image = base64.b64encode(b"\xff\xd8" + bytes(1000)).decode()
        at = len(one.told)
        await one.say(
            "camera_image",
            {"image": image, "mime_type": "image/jpeg", "request_id": request["request_id"]},
        )
        final = await one.until("bot_response", at, is_final=True)
        assert final["text"] == "I see a picture of 1002 bytes, image/jpeg."
        await one.say("text", {"text": "wave!"})
        action = await one.until("client_action", name="wave")
        assert action["arguments"] == {"hand": "right", "times": 3, "speed": 1.5, "smile": True}
