"""A client that calls our gateway in a LiveKit room, in a process of its own.

    python -m tests.livekit.calling <scenario> <backend> <url> <arguments as JSON>

plays one of `calls`, and writes what it gave and what it left behind, as JSON.
"""

from __future__ import annotations

import json
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio

from estuary_anyio import EstuaryClient, EstuaryConfig
from estuary_anyio.gateway import LiveKitSettings, serve_gateway
from estuary_proto.events import AudioReceived
from estuary_proto.gateway import ServerConfig
from tests.livekit.keys import KEY, SECRET
from tests.livekit.running import (
    BACKENDS,
    PATIENCE,
    Stage,
    finish,
    held,
    settled,
    tasks,
    tone,
    warm,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from estuary_anyio.gateway import Gateway
    from estuary_proto.gateway import Say, Transcribe

MIC_RATE, RATE = 16000, 24000


class Ears:
    """A recogniser that keeps what it was given, and understands the same each time."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    async def transcribe(self, speech: Transcribe) -> str:
        """Whatever it was."""
        self.heard.append(speech.pcm)
        await anyio.lowlevel.checkpoint()
        return "Hello there."


class Tongue:
    """A voice that says a tone of so many seconds, whatever is to be said."""

    def __init__(self, frequency: float, seconds: float) -> None:
        self._frequency = frequency
        self._seconds = seconds
        self.sentences = 0

    async def speak(self, say: Say) -> AsyncGenerator[bytes, None]:
        """A tone."""
        self.sentences += 1
        yield tone(self._frequency, self._seconds, say.rate)


class Call:
    """A client, what it is told, and the gateway that it calls."""

    def __init__(self, client: EstuaryClient, gateway: Gateway, ears: Ears, tongue: Tongue) -> None:
        self.client = client
        self.gateway = gateway
        self.ears = ears
        self.tongue = tongue
        self.events: list[Any] = []
        self.audio = b""
        self._news = anyio.Event()
        client.on("*", self._note)

    def _note(self, event: Any) -> None:
        if isinstance(event, AudioReceived):
            self.audio += event.pcm
        else:
            self.events.append(event)
        self._news.set()
        self._news = anyio.Event()

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, what: Callable[[], Any], within: float = PATIENCE) -> Any:
        """Wait until it is so; gives what it gives."""
        with anyio.fail_after(within):
            while not (found := what()):
                await self._news.wait()
            return found

    async def told(self, kind: type[Any], number: int = 1, within: float = PATIENCE) -> Any:
        """The `number`-th event of this kind."""
        found = await self.until(lambda: self.of(kind)[number - 1 :], within)
        return found[0]

    async def heard(self, seconds: float) -> bytes:
        """The next so many seconds of the room."""
        begin, size = len(self.audio), 2 * round(seconds * RATE)
        await self.until(lambda: len(self.audio) >= begin + size)
        return self.audio[begin : begin + size]


@asynccontextmanager
async def calling(
    stage: Stage,
    *,
    voice: tuple[float, float] = (880.0, 1.0),
    url: str = "",
    secret: str = SECRET,
    server: ServerConfig | None = None,
    settings: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncGenerator[Call]:
    """A connected client; `settings` are its configuration's."""
    ears, tongue = Ears(), Tongue(*voice)
    options = {"stt": ears, "tts": tongue, **options}
    livekit = LiveKitSettings(url or stage.url, KEY, secret)
    async with serve_gateway(
        livekit=livekit, server=server or ServerConfig(word_interval=0.001), **options
    ) as gateway:
        config = EstuaryConfig(
            gateway.url, gateway.api_key, gateway.character_id, "Ada",
            **{"voice_transport": "livekit", "audio_sample_rate": RATE, **(settings or {})},
        )  # fmt: skip
        async with EstuaryClient(config) as client:
            call = Call(client, gateway, ears, tongue)
            await client.connect()
            yield call


async def play(scenario: str, url: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """A scenario, and what it left behind; once before, for what is made once and kept."""
    from tests.livekit import calls

    stage = Stage(url, arguments, scenario)
    await warm(stage)
    async with calling(stage) as call:
        await call.client.start_voice()
        await call.client.stop_voice()
    if scenario == "trouble":  # A refused connection is kept for the next one.
        await calls.trouble(stage)
    before, tasks_before = held(), tasks()
    found = await getattr(calls, scenario)(stage)
    left = await settled(before)
    return {"found": found, "left": left, "tasks": tasks() - tasks_before}


if __name__ == "__main__":
    name, backend, url, given = sys.argv[1:]
    loop, options = BACKENDS[backend]
    outcome = anyio.run(play, name, url, json.loads(given), backend=loop, backend_options=options)
    finish(outcome)
