"""A microphone and a loudspeaker around a client, on a sound card without hardware: seed 002."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from estuary_anyio import (
    BotVoice,
    Connected,
    ErrorCode,
    EstuaryClient,
    EstuaryConfig,
    EstuaryError,
    InterruptData,
    LocalProtocolError,
    PlaybackComplete,
    PlaybackStarted,
    SttResponse,
    VoiceMode,
    VoiceSession,
    VoiceSessionState,
)
from estuary_anyio.gateway import serve_gateway
from estuary_audio import DeviceChanged, SoundEvent
from estuary_audio import PlaybackComplete as Played
from estuary_proto.gateway import ServerConfig
from estuary_proto.intents import Interrupt, StartVoice, StopVoice, StreamAudio
from tests.anyio.server import Peer, serving
from tests.audio.card import PINNED, Card, Tap, playing
from tests.audio.sound import loud, samples, tone
from tests.audio.waiting import Told, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio


TALK = tone(440, 1.2, 48000, 0.6) + bytes(2 * 48000)
"""Somebody says something, and is silent."""

LISTENING, SPEAKING = VoiceSessionState.LISTENING, VoiceSessionState.SPEAKING
IDLE, STOPPED, STARTING = (
    VoiceSessionState.IDLE,
    VoiceSessionState.STOPPED,
    VoiceSessionState.STARTING,
)


@pytest.fixture
async def client(sound_card: Card) -> AsyncIterator[EstuaryClient]:
    """A client of a gateway that hears by loudness and answers with a tone."""
    mind = ServerConfig(hears=("What is your name?",) * 9, word_interval=0.005)
    async with serve_gateway(server=mind, tts="tone") as gateway:
        config = EstuaryConfig(gateway.url, gateway.api_key, gateway.character_id, "me")
        async with EstuaryClient(config) as made:
            await made.connect()
            yield made


async def first(events: Any) -> Any:
    with anyio.fail_after(20):
        return await anext(events)


async def final(heard: Any) -> str:
    with anyio.fail_after(20):
        async for transcript in heard:
            if transcript.is_final:
                return str(transcript.text)
    raise AssertionError("the client has disconnected")


async def test_who_speaks_is_heard_and_answered_aloud(
    client: EstuaryClient, tmp_path: Path
) -> None:
    tap = Tap("speaker", tmp_path / "tap")
    states: list[VoiceSessionState] = []
    events: list[SoundEvent] = []
    heard, voices = client.events(SttResponse), client.events(BotVoice)
    playback = client.events(PlaybackStarted, PlaybackComplete)
    session = VoiceSession(client, on_state=states.append, on_playback_event=events.append)
    assert not session.is_started
    async with session:
        assert session.is_started
        assert session.client is client
        with playing("mic", TALK):
            assert await final(heard) == "What is your name?"
            started = await first(playback)
            assert isinstance(started, PlaybackStarted)
            complete = await first(playback)
        assert complete == PlaybackComplete(started.message_id)
    assert not session.is_started
    assert not client.is_voice_active
    assert client.listener_count("bot_voice") == client.listener_count("playback_complete") == 0
    sent = 0.0
    with anyio.fail_after(5):
        async for voice in voices:
            sent += len(voice.pcm) / 2 / 16000
            if voice.is_final:
                break
    (played,) = [event for event in events if isinstance(event, Played)]
    assert played.seconds == pytest.approx(sent, abs=0.02)
    assert played.whole
    sound = loud(tap.stop(), 48000, above=0.02)
    assert sound.sum() * 0.002 > 0.4 * sent  # Words, and pauses between them.
    assert states == [STARTING, LISTENING, SPEAKING, LISTENING, STOPPED]


async def test_push_to_talk(client: EstuaryClient) -> None:
    heard = client.events(SttResponse)
    states: list[VoiceSessionState] = []
    async with VoiceSession(client, mode=VoiceMode.PUSH_TO_TALK, on_state=states.append) as session:
        with playing("mic", TALK * 3):
            await until(lambda: session.input_level() > 0.1)  # That is nobody's business.
            # User presses button
            await session.start_recording()
            assert session.state is LISTENING
            assert not (await first(heard)).is_final  # A caption, while it is said.
            # User releases button -- triggers end-of-turn
            await session.stop_recording()
            assert await final(heard) == "What is your name?"
    assert states[:4] == [STARTING, IDLE, LISTENING, IDLE]
    assert states[-1] is STOPPED


async def test_a_release_that_is_cancelled_is_one(client: EstuaryClient) -> None:
    heard = client.events(SttResponse)
    async with VoiceSession(client, VoiceMode.PUSH_TO_TALK) as session:
        with playing("mic", TALK * 3):
            await until(lambda: session.input_level() > 0.1)
            await session.start_recording()
            assert not (await first(heard)).is_final
            with anyio.CancelScope() as scope:
                scope.cancel()
                await session.stop_recording()
            assert session.state is IDLE
            assert session.recorder.is_paused
            assert await final(heard) == "What is your name?"


async def test_start_and_stop_by_hand(client: EstuaryClient) -> None:
    session = VoiceSession(client, VoiceMode.CONTINUOUS, sample_rate=16000, on_state=None)
    await session.start()
    with pytest.raises(LocalProtocolError, match="is started already"):
        await session.start()
    session.volume = 0.5
    assert session.volume == 0.5
    assert session.output_level() == 0.0
    await session.stop()
    await session.stop()
    await session.start()
    await session.stop()
    assert session.state is STOPPED


async def test_the_client_may_end_first(sound_card: Card) -> None:
    async with serving() as server:
        session: VoiceSession
        async with EstuaryClient(server.config(voice_start_timeout=0.05)) as client:
            await client.connect()
            session = VoiceSession(client, VoiceMode.PUSH_TO_TALK)
            await session.start()
        assert session.recorder.device is None
        assert session.player.device is None
        assert not session.is_started
        assert session.state is STOPPED
        await session.stop()


async def test_without_a_connection_nothing_is_started(sound_card: Card) -> None:
    async with serving() as server:
        client = EstuaryClient(server.config())
        session = VoiceSession(client)
        for _ in range(2):
            with pytest.raises(EstuaryError) as raised:
                await session.start()
            assert raised.value.code is ErrorCode.NOT_CONNECTED
        assert not session.is_started
        with anyio.fail_after(5):
            await session.stop()


@pytest.mark.parametrize("gone", ["headset", "desk"])
async def test_a_device_that_vanishes_in_a_conversation(
    client: EstuaryClient,
    sound_card: Card,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    gone: str,
) -> None:
    """It is told, the next device takes over, and the conversation goes on: what was being said is
    heard to its end, and who speaks is understood and answered."""
    monkeypatch.setenv("PIPEWIRE_ALSA", PINNED)
    sound_card.plug_microphone("desk")
    told = Told()
    heard, playback = client.events(SttResponse), client.events(PlaybackStarted, PlaybackComplete)
    session = VoiceSession(
        client,
        on_playback_event=told,
        input_device="desk",
        output_device="headset",
    )
    async with session:
        with playing("mic", TALK):
            assert await final(heard) == "What is your name?"
            started = await first(playback)
            tap = Tap("speaker", tmp_path / "tap")  # Where the next loudspeaker sounds.
            await anyio.to_thread.run_sync(sound_card.unplug, gone)
            changed = await told.until(DeviceChanged)
            assert (changed.lost, changed.direction) == (
                gone, "output" if gone == "headset" else "input",
            )  # fmt: skip
            assert changed.device not in (None, gone)
            assert await first(playback) == PlaybackComplete(started.message_id)
        assert session.is_started
        with playing("mic", TALK):
            assert await final(heard) == "What is your name?"
            again = await first(playback)
            assert await first(playback) == PlaybackComplete(again.message_id)
        sound = tap.stop()
    if gone == "headset":
        assert loud(sound, 48000, above=0.02).any()
    assert len(told.of(DeviceChanged)) == 1


@pytest.mark.parametrize("mode", VoiceMode)
async def test_its_state_follows_the_connection(sound_card: Card, mode: VoiceMode) -> None:
    states: list[VoiceSessionState] = []
    async with serve_gateway(stt="none", tts="tone") as gateway:
        config = EstuaryConfig(
            gateway.url, gateway.api_key, gateway.character_id, "me", reconnect_delay=0.05
        )
        async with EstuaryClient(config) as client:
            await client.connect()
            async with VoiceSession(client, mode, on_state=states.append) as session:
                if mode is VoiceMode.PUSH_TO_TALK:
                    await session.start_recording()
                assert session.state is LISTENING
                back = client.events(Connected)
                await gateway.drop_connections()
                await first(back)
                await until(lambda: client.is_voice_active)
                held = mode is VoiceMode.CONTINUOUS  # A button is not pressed again by itself.
                assert session.state is (LISTENING if held else IDLE)
    assert IDLE in states


async def test_what_the_body_raises_leaves_as_itself(sound_card: Card) -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        with pytest.raises(ZeroDivisionError):
            async with VoiceSession(client, VoiceMode.PUSH_TO_TALK):
                raise ZeroDivisionError


async def speak(peer: Peer, message_id: str, seconds: float, *, final: bool) -> None:
    from estuary_proto.models.pcm import encode_pcm

    audio = encode_pcm(tone(440, seconds, 16000))
    await peer.emit("bot_voice", audio=audio, message_id=message_id, is_final=final)


@pytest.mark.parametrize("by", ["the server", "us", "moderation"])
async def test_an_interruption_is_silence(sound_card: Card, tmp_path: Path, by: str) -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        peer = await server.peer()
        states: list[VoiceSessionState] = []
        session = VoiceSession(client, VoiceMode.PUSH_TO_TALK, on_state=states.append)
        async with session:
            tap = Tap("speaker", tmp_path / "tap")
            playback = client.events(PlaybackStarted, PlaybackComplete)
            await speak(peer, "m", 5.0, final=False)
            assert await first(playback) == PlaybackStarted("m")
            if by == "us":
                client.interrupt()
                await peer.get(Interrupt)
            elif by == "the server":
                cut = client.events(InterruptData)
                await peer.emit("interrupt", message_id="m", reason="barge_in")
                await first(cut)
            else:
                await peer.emit("moderation_flag", message_id="m", action="redacted")
            at = tap.seconds
            assert await first(playback) == PlaybackComplete("m", interrupted=True)
            await speak(peer, "m", 1.0, final=True)  # Late.
            await speak(peer, "n", 0.5, final=True)
            assert await first(playback) == PlaybackStarted("n")
            assert await first(playback) == PlaybackComplete("n")
            sound = samples(tap.stop())
        assert SPEAKING in states
        quiet = loud((sound * 32767).astype("<i2").tobytes(), 48000, above=0.05)
        # Sound, silence within a fraction of a second of the interruption, sound again for 0.5 s.
        total = quiet.sum() * 0.002
        assert total < at + 0.5 + 0.5
        assert total > 0.4


async def test_a_start_that_the_server_refuses_leaves_nothing_open(sound_card: Card) -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        peer = await server.peer()
        session = VoiceSession(client)

        async def refuse() -> None:
            await peer.get(StartVoice)
            await peer.emit("voice_error", error="no recogniser is free")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(refuse)
            with pytest.raises(EstuaryError, match="no recogniser is free") as raised:
                await session.start()
        assert raised.value.code is ErrorCode.VOICE_START_FAILED
        await peer.get(StopVoice)
        assert not session.is_started
        assert session.recorder.device is None
        assert session.player.device is None
        assert client.listener_count("bot_voice") == 0


@pytest.mark.parametrize("which", ["input_device", "output_device"])
async def test_a_device_that_is_not_there(sound_card: Card, which: str) -> None:
    device: dict[str, Any] = {which: "no such thing"}
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        session = VoiceSession(client, **device)
        with pytest.raises(EstuaryError, match="no such thing") as raised:
            await session.start()
        assert raised.value.code is ErrorCode.AUDIO_UNAVAILABLE
        assert not session.is_started
        assert (await server.peer()).count(StartVoice) == 0


async def test_a_cancelled_start_leaves_nothing_open(sound_card: Card) -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        session = VoiceSession(client)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(session.start)
            await (await server.peer()).get(StartVoice)
            tasks.cancel_scope.cancel()
        assert not session.is_started
        assert session.recorder.device is None


async def test_a_handler_that_raises_or_waits_disturbs_nobody(client: EstuaryClient) -> None:
    told = anyio.Event()

    async def later(state: VoiceSessionState) -> None:
        await anyio.lowlevel.checkpoint()
        told.set()
        raise ZeroDivisionError

    def wrong(event: SoundEvent) -> None:
        raise ZeroDivisionError

    heard = client.events(SttResponse)
    async with VoiceSession(client, on_state=later, on_playback_event=wrong):
        with playing("mic", TALK):
            assert await final(heard)
            await client.wait_for(PlaybackComplete, timeout=20)
    assert told.is_set()


async def test_the_microphone_is_live(sound_card: Card) -> None:
    """What is said goes out in 20 ms pieces, and what is muted does not."""
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        peer = await server.peer()

        async def agree() -> None:
            await peer.get(StartVoice)
            await peer.emit("voice_started")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(agree)
            session = VoiceSession(client)
            await session.start()
        with playing("mic", tone(440, 3.0, 48000)):
            began = time.monotonic()
            while True:
                await peer.get(StreamAudio, peer.count(StreamAudio) + 1)
                pieces = [one.pcm for one in peer.inbox if isinstance(one, StreamAudio)]
                if abs(samples(pieces[-1])).max() > 0.1:
                    break
                assert time.monotonic() < began + 20
        # The first one begins when the frames of the echo canceller do.
        assert {len(piece) for piece in pieces[1:]} == {640}
        await session.stop()


def test_two_rates_are_one_too_many() -> None:
    client = EstuaryClient(EstuaryConfig("http://127.0.0.1:1", "est_dev", "demo", "me"))
    with pytest.raises(LocalProtocolError, match="sample_rate is 24000 and the configuration's"):
        VoiceSession(client, sample_rate=24000)
