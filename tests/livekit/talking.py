"""What `test_livekit_sessions` plays, in a process of its own: a voice session on a sound card. The
gateway has another, as everywhere but in demonstrations.

python -m tests.livekit.talking <backend> <url> <arguments as JSON>
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import anyio

from estuary_anyio import EstuaryClient, VoiceMode, VoiceSession
from estuary_audio.resample import convert
from tests.audio.apart import gateway
from tests.audio.ears import understood
from tests.audio.test_audio_spoken import CARD, SAID, Place
from tests.livekit.running import BACKENDS, Stage, finish, held, settled, tasks, warm
from tests.speech.flite import silence


async def conversation(
    stage: Stage, mode: VoiceMode, folder: Path, sentences: tuple[str, ...]
) -> dict[str, Any]:
    """Sentences into the microphone; what was understood there, and at the loudspeaker."""
    turns: list[dict[str, Any]] = []
    answers = []
    button = mode is VoiceMode.PUSH_TO_TALK
    with gateway(stage.url) as config:
        async with EstuaryClient(config) as client:
            await client.connect()
            place = Place(client, folder)
            try:
                async with VoiceSession(client, mode) as session:
                    for sentence in sentences:
                        since = place.loudspeaker.seconds
                        turn = await place.say(session, sentence, button=button)
                        await anyio.sleep(1.0)  # What is on its way when the room says it is over.
                        pcm = place.loudspeaker.heard()[2 * round(since * CARD) :]
                        answers.append(pcm)
                        turns.append(
                            {
                                "said": sentence,
                                "understood": turn.heard,
                                "answer": turn.answer,
                                "transcript": turn.times["transcript"] - turn.times["end"],
                                "first_sound": turn.times["sound"] - turn.times["end"],
                            }
                        )
                    found = {
                        "transport": client.voice_transport,
                        "echo": session.echo.value,
                        "dropped": session.recorder.dropped,
                    }
            finally:
                place.microphone.stop()
                place.loudspeaker.stop()
    # Not before: to listen takes seconds, and the microphone of a loop that waits overflows.
    for told, pcm in zip(turns, answers, strict=True):
        told["heard"] = understood(convert(pcm, CARD, 16000))
    return {**found, "turns": turns}


async def play(url: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The conversation, and what it left behind that one without words does not."""
    stage = Stage(url, arguments, "talking")
    mode, folder = VoiceMode(arguments["mode"]), Path(arguments["folder"])
    await warm(stage)
    understood(silence(0.3))
    await conversation(stage, mode, folder, ())
    before, tasks_before = held(), tasks()
    found = await conversation(stage, mode, folder, SAID)
    left = await settled(before)
    return {"found": found, "left": left, "tasks": tasks() - tasks_before}


if __name__ == "__main__":
    backend, url, given = sys.argv[1:]
    loop, options = BACKENDS[backend]
    outcome = anyio.run(play, url, json.loads(given), backend=loop, backend_options=options)
    finish(outcome)
