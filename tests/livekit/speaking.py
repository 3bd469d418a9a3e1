"""What `test_livekit_spoken` plays, in a process of its own: questions aloud, answers aloud.

python -m tests.livekit.speaking <backend> <url> <questions as JSON>
"""

from __future__ import annotations

import json
import sys
from typing import Any

import anyio

from estuary_anyio import EstuaryClient, EstuaryConfig
from estuary_anyio.gateway import LiveKitSettings, Sphinx, serve_gateway
from estuary_proto.events import PlaybackComplete
from estuary_proto.gateway import ServerConfig, Transcribe
from estuary_proto.gateway.hearing import Hearing, Sound
from estuary_proto.models.conversation import BotResponse, SttResponse
from tests.livekit.calling import Call, Ears, Tongue
from tests.livekit.keys import KEY, SECRET
from tests.livekit.running import BACKENDS, LOUD, finish
from tests.speech.flite import RATE, says, silence

PATIENCE = 60.0


def _loud(pcm: bytes) -> bool:
    return bool(pcm) and max(memoryview(pcm).cast("h")) > LOUD / 16


def _sentences(pcm: bytes) -> list[bytes]:
    hearing = Hearing(RATE, whole=False, keeps=True, longest=20.0)
    return [heard.pcm for heard in hearing.feed(pcm + silence(1.0)) if heard.sound is Sound.ENDS]


async def _understood(pcm: bytes) -> str:
    return await Sphinx().transcribe(Transcribe(0, pcm, RATE))


async def ask(call: Call, question: str, number: int) -> dict[str, Any]:
    """One question and its answer; times in seconds since the last word of the question."""
    call.audio = b""
    await call.client.send_audio(silence(0.3) + says(question) + silence(0.8))
    spoken = anyio.current_time()

    def finals(kind: type[Any]) -> list[Any]:
        return [event for event in call.of(kind) if event.is_final]

    heard = await call.until(lambda: finals(SttResponse)[number - 1 :], PATIENCE)
    transcript = anyio.current_time() - spoken
    call.audio = b""
    await call.until(lambda: _loud(call.audio), PATIENCE)
    first = anyio.current_time() - spoken
    answer = await call.until(lambda: finals(BotResponse)[number - 1 :], PATIENCE)
    await call.told(PlaybackComplete, number, PATIENCE)
    await call.heard(0.5)
    understood = " ".join([await _understood(pcm) for pcm in _sentences(call.audio)])
    return {
        "said": question,
        "understood": heard[0].text,
        "transcript": transcript,
        "first_sound": first,
        "answer": answer[0].text,
        "heard": understood,
    }


async def talk(url: str, questions: list[str]) -> list[dict[str, Any]]:
    """All of them, in one call."""
    livekit = LiveKitSettings(url, KEY, SECRET)
    mind = ServerConfig(word_interval=0.001)
    async with serve_gateway(
        livekit=livekit, server=mind, stt="pocketsphinx", tts="flite"
    ) as gateway:
        config = EstuaryConfig(
            gateway.url, gateway.api_key, gateway.character_id, "Ada",
            voice_transport="auto", audio_sample_rate=RATE,
        )  # fmt: skip
        async with EstuaryClient(config) as client:
            call = Call(client, gateway, Ears(), Tongue(440, 1))
            await client.connect()
            await client.start_voice()
            assert client.voice_transport == "livekit"
            return [await ask(call, each, number) for number, each in enumerate(questions, 1)]


if __name__ == "__main__":
    backend, url, given = sys.argv[1:]
    loop, options = BACKENDS[backend]
    turns = anyio.run(talk, url, json.loads(given), backend=loop, backend_options=options)
    finish(turns)
