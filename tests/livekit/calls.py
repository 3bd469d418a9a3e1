"""Calls in a LiveKit room: a client, our gateway, real WebRTC. Each gives what a test judges."""

from __future__ import annotations

import socket
import statistics
import time
from typing import TYPE_CHECKING, Any

import anyio

from estuary_anyio import VoiceMode
from estuary_audio.livekit import BotAudio
from estuary_audio.livekit.mailbox import Mailbox
from estuary_proto.errors import EstuaryError
from estuary_proto.events import (
    Disconnected,
    LiveKitConnected,
    LiveKitDisconnected,
    PlaybackComplete,
    PlaybackStarted,
)
from estuary_proto.gateway import Script, ServerConfig
from estuary_proto.models.conversation import BotVoice, SttResponse
from estuary_proto.models.voice import VoiceStarted, VoiceStopped
from tests.livekit.calling import MIC_RATE, RATE, Call, calling
from tests.livekit.running import measured, share, tone

if TYPE_CHECKING:
    from tests.livekit.running import Stage


def _silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * MIC_RATE))


async def _answered(call: Call, number: int = 1) -> None:
    await call.told(PlaybackComplete, number)
    await call.heard(0.4)  # What is on its way when the server has fallen silent.


async def tones(stage: Stage) -> Any:
    """Continuous voice: a tone there, a tone back."""
    async with calling(stage) as call:
        await call.client.start_voice()
        transport, active = call.client.voice_transport, call.client.is_voice_active
        await call.client.send_audio(tone(440, 1.0, MIC_RATE) + _silence(1.0))
        await _answered(call)
        await call.client.stop_voice()
        voices = call.of(BotVoice)
        return {
            "there": measured(call.ears.heard[0], MIC_RATE),
            "back": measured(call.audio, RATE),
            "sentences": call.tongue.sentences,
            "transport": transport,
            "active": [active, call.client.is_voice_active],
            "sent": [len(voices) > 0, all(v.is_livekit and not v.pcm for v in voices)],
            "played": [e.message_id == voices[0].message_id for e in call.of(PlaybackStarted)],
            "complete": [e.interrupted for e in call.of(PlaybackComplete)],
            "rooms": [len(call.of(LiveKitConnected)), len(call.of(LiveKitDisconnected))],
        }


async def presses(stage: Stage) -> Any:
    """Push-to-talk: each press is one turn, whole, and nothing else is heard."""
    async with calling(stage, voice=(880.0, 0.3)) as call:
        client = call.client
        await client.start_voice(VoiceMode.PUSH_TO_TALK)
        for number, frequency in enumerate((500, 900), 1):
            await client.send_audio(tone(700, 0.5, MIC_RATE))
            await client.start_recording()
            await client.send_audio(tone(frequency, 1.0, MIC_RATE))
            await client.stop_recording()
            await _answered(call, number)
        await client.stop_voice()
        return {
            "turns": [measured(pcm, MIC_RATE) for pcm in call.ears.heard],
            "between": [share(pcm, MIC_RATE, 700) for pcm in call.ears.heard],
            "stopped": len(call.of(VoiceStopped)),
        }


async def mute(stage: Stage) -> Any:
    """A microphone goes on while it is muted. The room's own sound is the clock."""
    async with calling(stage) as call:
        client = call.client
        await client.start_voice()
        await call.heard(0.2)
        for _ in range(30):
            await client.send_audio(tone(500, 0.02, MIC_RATE), live=True)
            await call.heard(0.02)
        muted_at = time.monotonic()
        client.mute()
        for _ in range(60):
            await client.send_audio(tone(900, 0.02, MIC_RATE), live=True)
            await call.heard(0.02)
        stage.name = (await call.told(LiveKitConnected)).room
        ends = await stage.test("loud", identity="player-Ada") if stage.arguments["own"] else []
        await call.until(lambda: call.ears.heard)
        client.toggle_mute()
        await client.send_audio(tone(700, 0.5, MIC_RATE) + _silence(1.0))
        await call.until(lambda: len(call.ears.heard) >= 2)
        return {
            "before": measured(call.ears.heard[0], MIC_RATE),
            "leaked": share(call.ears.heard[0], MIC_RATE, 900),
            "again": measured(call.ears.heard[1], MIC_RATE),
            "muted": client.is_muted,
            "silent_after": [end - muted_at for end in ends],
        }


async def interruption(stage: Stage) -> Any:
    """A character that speaks for long is interrupted by the user."""
    async with calling(stage, voice=(880.0, 6.0)) as call:
        await call.client.start_voice()
        await call.client.send_audio(tone(440, 0.6, MIC_RATE) + _silence(0.8))
        await call.told(PlaybackStarted)
        await call.until(lambda: measured(call.audio, RATE)["seconds"] > 0.5)
        before = len(call.audio)
        call.client.interrupt()
        await call.told(PlaybackComplete)
        await call.until(lambda: len(call.audio) > before + 2 * RATE)
        after = measured(call.audio[before:], RATE)["seconds"]
        await call.client.send_text_and_wait("And now?")
        await call.told(PlaybackStarted, 2)
        again = len(call.audio)
        await call.until(lambda: measured(call.audio[again:], RATE)["seconds"] > 0.3)
        return {
            "after": after,
            "complete": [e.interrupted for e in call.of(PlaybackComplete)][:1],
        }


async def deleted(stage: Stage) -> Any:
    """The server deletes the room; voice is over, the session stands, and begins anew."""
    async with calling(stage) as call:
        client = call.client
        await client.start_voice()
        stage.name = (await call.told(LiveKitConnected)).room
        await stage.delete()
        await call.told(VoiceStopped)
        state = [client.is_voice_active, client.is_connected]
        reason = (await call.told(LiveKitDisconnected)).reason
        await client.start_voice()
        await client.send_audio(tone(440, 0.6, MIC_RATE) + _silence(1.0))
        await call.told(SttResponse)
        await client.stop_voice()
        return {"state": state, "reason": reason, "there": await stage.there()}


async def dropped(stage: Stage) -> Any:
    """The socket is cut and comes back, and voice with it, in another room."""
    async with calling(stage, settings={"reconnect_delay": 0.1}) as call:
        client = call.client
        await client.start_voice()
        await call.gateway.drop_connections()
        await call.told(Disconnected)
        await call.told(VoiceStarted, 2)
        await client.send_audio(tone(440, 0.6, MIC_RATE) + _silence(1.0))
        await call.told(SttResponse)
        rooms = [event.room for event in call.of(LiveKitConnected)]
        return {
            "rooms": len(set(rooms)),
            "left": len(call.of(LiveKitDisconnected)),
            "transport": client.voice_transport,
        }


async def goodbye(stage: Stage) -> Any:
    """A client that leaves without stopping voice; the server is rid of the room."""
    async with calling(stage) as call:
        await call.client.start_voice()
        stage.name = (await call.told(LiveKitConnected)).room
    await stage.empty()
    return {"there": await stage.there()}


async def cancelled(stage: Stage) -> Any:
    """Whoever starts voice loses patience."""
    script = Script.read([{"when": "livekit_join", "instead": True, "do": {"wait": 0.01}}])
    async with calling(stage, server=ServerConfig(script=script)) as call:
        with anyio.move_on_after(0.5) as scope:
            await call.client.start_voice()
        await call.told(LiveKitDisconnected)
        return {"cancelled": scope.cancelled_caught, "active": call.client.is_voice_active}


async def trouble(stage: Stage) -> Any:
    """Voice does not start, and says why."""
    wrong = stage.arguments["wrong"]
    options: dict[str, Any] = {}
    if wrong == "token":
        options["secret"] = "another-secret-of-at-least-thirty-two-bytes"
    elif wrong == "server":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            options["url"] = f"ws://127.0.0.1:{free.getsockname()[1]}"
    else:
        script = Script.read([{"when": "livekit_join", "instead": True, "do": {"wait": 0.01}}])
        options["server"] = ServerConfig(script=script)
    async with calling(stage, settings={"voice_start_timeout": 1.5}, **options) as call:
        try:
            await call.client.start_voice()
        except EstuaryError as error:
            found: dict[str, Any] = {"code": error.code, "message": error.message}
        else:
            found = {}
        reply = await call.client.send_text_and_wait("Are you there?", text_only=True)
        return {**found, "text": bool(reply.text), "active": call.client.is_voice_active}


async def crossing(stage: Stage) -> Any:
    """How long a frame takes from LiveKit's thread to a handler, in milliseconds, while the
    application does nothing, or works half of its time in slices of so many milliseconds."""
    came: dict[int, float] = {}
    took: list[float] = []
    put = Mailbox.put

    def noting(mailbox: Mailbox, event: Any) -> None:
        if isinstance(event, BotAudio):
            came[id(event.pcm)] = time.perf_counter()
        put(mailbox, event)

    async def work(slice_: float) -> None:
        while True:
            end = time.perf_counter() + slice_
            while time.perf_counter() < end:
                pass
            await anyio.sleep(slice_)

    figures = {}
    Mailbox.put = noting  # type: ignore[assignment, method-assign]
    async with calling(stage) as call:
        await call.client.start_voice()
        await call.heard(0.5)

        def handler(pcm: Any) -> None:
            at = came.pop(id(getattr(pcm, "pcm", pcm)), None)
            if at is not None:
                took.append((time.perf_counter() - at) * 1000)

        call.client.on("audio_received", handler)
        for name, slice_ in (("idle", 0.0), ("2 ms", 0.002), ("20 ms", 0.02)):
            took.clear()
            async with anyio.create_task_group() as tasks:
                if slice_:
                    tasks.start_soon(work, slice_)
                await anyio.sleep(stage.arguments["seconds"])
                tasks.cancel_scope.cancel()
            each = sorted(took)
            figures[name] = {
                "frames": len(each),
                "median": statistics.median(each),
                "p99": each[len(each) * 99 // 100],
                "most": each[-1],
            }
    Mailbox.put = put  # type: ignore[method-assign]
    return figures
