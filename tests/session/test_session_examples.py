"""The examples of the documentation that users know (pages 000, 001 and the client's part of 002).

Only the import line, the connection's values, lost indentation and the endless wait at the end are
others. Voice sessions and REST have examples of their own elsewhere.
"""

from __future__ import annotations

import builtins
import inspect
import os
import subprocess
import sys
import textwrap
from typing import Any

import anyio
import pytest

import estuary_anyio
from estuary_anyio import (
    BotVoice,
    ConnectionState,
    ErrorCode,
    EstuaryClient,
    EstuaryConfig,
    SttResponse,
    VoiceMode,
)

from .houses import our_gateway

pytestmark = pytest.mark.anyio

BUZZ = b"\x00\x20\x00\xe0" * 4000
"""Half a second of a loud tone at 16 kHz."""


async def run(code: str, **names: Any) -> dict[str, Any]:
    """Run an example as the body of a coroutine function; gives its names back."""
    body = textwrap.dedent(code).strip().replace("from estuary_sdk import", IMPORT)
    source = f"async def example():\n{textwrap.indent(body, '    ')}\n    return locals()\n"
    names = dict(names)
    exec(compile(source, "example", "exec"), names)
    found: dict[str, Any] = await names["example"]()
    return found


IMPORT = "from estuary_anyio import"


# --- page 000 ------------------------------------------------------------------------------------


async def test_the_client_is_made_of_a_configuration() -> None:
    async with our_gateway() as house:
        code = """
        from estuary_sdk import EstuaryClient, EstuaryConfig

        config = EstuaryConfig(VALUES)
        client = EstuaryClient(config)
        """.replace("VALUES", f"'{house.url}', 'est_dev', 'demo', 'me'")
        found = await run(code)
        assert isinstance(found["client"], EstuaryClient)
        assert not found["client"].is_connected
        assert found["client"].session is None


async def test_the_context_manager_cleans_up() -> None:
    async with our_gateway() as house:
        config = house.config()
        code = """
        async with EstuaryClient(config) as client:
            await client.connect()
            # ... use client ...
            assert client.is_connected
        # disconnect() is called automatically on exit
        """
        found = await run(code, EstuaryClient=EstuaryClient, config=config)
        assert found["client"].state is ConnectionState.DISCONNECTED


async def test_connect_gives_the_session(capsys: pytest.CaptureFixture[str]) -> None:
    async with our_gateway() as house, EstuaryClient(house.config()) as client:
        code = """
        session = await client.connect()
        print(session.session_id, session.conversation_id)
        """
        session = (await run(code, client=client))["session"]
        assert capsys.readouterr().out.split() == [session.session_id, session.conversation_id]
        assert client.session == session
        await run("await client.disconnect()", client=client)
        assert not client.is_connected
        assert client.session is None


SIGNATURES = {
    "connect": "() -> SessionInfo",
    "disconnect": "() -> None",
    "send_text": "(text, text_only=False)",
    "send_text_and_wait": "(text, *, text_only=False, timeout=20.0) -> BotResponse",
    "interrupt": "(message_id=None)",
    "start_voice": "(mode=VoiceMode.CONTINUOUS) -> None",
    "stop_voice": "() -> None",
    "start_recording": "() -> None",
    "stop_recording": "() -> None",
    "send_audio": "(audio) -> None",
    "toggle_mute": "() -> None",
    "send_camera_image": "(image_base64, mime_type, request_id=None, text=None)",
    "start_agent_conversation": "(agent_a_id, agent_b_id, *, conversation_context='', max_turns=8, "
    "timeout_seconds=90)",
    "stop_agent_conversation": "()",
    "update_preferences": "(enable_vision_acknowledgment=None)",
    "notify_audio_playback_complete": "(message_id=None)",
}
"""As page 000 has them; what it calls `None` may be a receipt, which nobody has to await."""


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_methods_take_what_the_page_says(name: str) -> None:
    signature = inspect.signature(getattr(EstuaryClient, name))
    shown = []
    star = False
    for parameter in list(signature.parameters.values())[1:]:
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            star = True
            shown.append("*")
        default = parameter.default
        if isinstance(default, VoiceMode):
            shown.append(f"{parameter.name}=VoiceMode.{default.name}")
        elif default is parameter.empty:
            shown.append(parameter.name)
        else:
            shown.append(f"{parameter.name}={default!r}")
    expected = SIGNATURES[name]
    if name == "send_audio":  # Ours takes more, by keyword.
        shown = shown[:1]
    made = f"({', '.join(shown)})"
    if "->" in expected:
        made += f" -> {signature.return_annotation}"
    assert made == expected


# --- page 001 ------------------------------------------------------------------------------------

HANDLED = {
    "connected": "SessionInfo",
    "disconnected": "str",
    "reconnecting": "int",
    "connection_state_changed": "ConnectionState",
    "error": "Exception",
    "auth_error": "str",
    "quota_exceeded": "QuotaExceededData",
    "bot_response": "BotResponse",
    "bot_voice": "BotVoice",
    "stt_response": "SttResponse",
    "interrupt": "InterruptData",
    "voice_started": "",
    "voice_stopped": "",
    "voice_error": "str",
    "audio_received": "bytes",
    "livekit_connected": "str",
    "livekit_disconnected": "",
    "camera_capture_request": "CameraCaptureRequest",
    "memory_updated": "MemoryUpdatedEvent",
    "agent_turn_text": "AgentTurnText",
    "agent_turn_voice": "AgentTurnVoice",
    "agent_turn_complete": "AgentTurnComplete",
    "agent_conversation_complete": "AgentConversationComplete",
}
"""The events of page 001, and what their handlers take. That it is so: test_session_events."""


async def test_all_events_of_the_page_can_be_listened_to() -> None:
    config = EstuaryConfig("http://127.0.0.1:1", "est_dev", "demo", "me")
    client = EstuaryClient(config)
    for name, kind in HANDLED.items():

        async def handler(*args: Any) -> None: ...

        client.on(name, handler)
        assert client.listener_count(name) == 1
        assert not kind or hasattr(estuary_anyio, kind) or hasattr(builtins, kind)


async def test_the_enums_of_the_page() -> None:
    code = """
    from estuary_sdk import ConnectionState
    ConnectionState.DISCONNECTED # "disconnected"
    ConnectionState.CONNECTING # "connecting"
    ConnectionState.CONNECTED # "connected"
    ConnectionState.RECONNECTING # "reconnecting"
    ConnectionState.ERROR # "error"
    from estuary_sdk import VoiceMode
    VoiceMode.CONTINUOUS # VAD-based turn detection
    VoiceMode.PUSH_TO_TALK # Manual start/stop recording
    from estuary_sdk import ErrorCode
    ErrorCode.CONNECTION_FAILED # WebSocket connection failed
    ErrorCode.AUTH_FAILED # Invalid API key
    ErrorCode.CONNECTION_TIMEOUT # Connection timed out
    ErrorCode.QUOTA_EXCEEDED # Usage limit reached
    ErrorCode.VOICE_NOT_SUPPORTED # Voice not available
    ErrorCode.VOICE_ALREADY_ACTIVE # start_voice() called twice
    ErrorCode.VOICE_NOT_ACTIVE # Voice method called without start_voice()
    ErrorCode.VOICE_START_FAILED # Voice session failed to start
    ErrorCode.LIVEKIT_UNAVAILABLE # livekit package not installed
    ErrorCode.NOT_CONNECTED # Method called before connect()
    ErrorCode.REST_ERROR # REST API request failed
    ErrorCode.UNKNOWN # Unclassified error
    """
    await run(code)
    assert [state.value for state in ConnectionState] == [
        *("disconnected", "connecting", "connected", "reconnecting", "error")
    ]


async def test_an_error_tells_what_happened(capsys: pytest.CaptureFixture[str]) -> None:
    config = EstuaryConfig("http://127.0.0.1:1", "est_dev", "demo", "me")
    async with EstuaryClient(config) as client:
        code = """
        from estuary_sdk import EstuaryError, ErrorCode
        try:
            await client.connect()
        except EstuaryError as err:
            print(err.code) # ErrorCode enum value
            print(err.message) # Human-readable message
            print(err.details) # Optional additional context
        """
        await run(code, client=client)
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == str(ErrorCode.CONNECTION_FAILED)
    assert "127.0.0.1:1" in shown[1]
    assert shown[2].startswith("{")


# --- page 002 ------------------------------------------------------------------------------------


async def test_starting_voice() -> None:
    async with our_gateway() as house, EstuaryClient(house.config()) as client:
        code = """
        await client.connect()

        # Start voice -- continuous mode with VAD-based turn detection
        await client.start_voice()
        """
        await run(code, client=client)
        assert client.is_voice_active


async def test_the_transport_can_be_named() -> None:
    code = """
    config = EstuaryConfig(
        server_url="https://api.estuary-ai.com",
        api_key="est_your_api_key",
        character_id="your-character-uuid",
        player_id="user-123",
        voice_transport="websocket",
    )
    """
    config = (await run(code, EstuaryConfig=EstuaryConfig))["config"]
    assert config == EstuaryConfig(
        "https://api.estuary-ai.com", "est_your_api_key", "your-character-uuid", "user-123"
    )


@pytest.mark.parametrize(
    "code",
    [
        """
        from estuary_sdk import VoiceMode

        # Continuous mode (default) -- VAD detects when you start/stop speaking
        await client.start_voice(VoiceMode.CONTINUOUS)
        """,
        """
        from estuary_sdk import VoiceMode

        # Push-to-talk -- you control when audio is sent
        await client.start_voice(VoiceMode.PUSH_TO_TALK)
        """,
    ],
)
async def test_voice_modes(code: str) -> None:
    async with our_gateway() as house, house.guest() as client:
        await run(code, client=client)
        assert client.is_voice_active


async def test_push_to_talk() -> None:
    async with our_gateway() as house, house.guest() as client:
        heard = client.events(SttResponse)
        code = """
        await client.start_voice(VoiceMode.PUSH_TO_TALK)

        # User presses button
        await client.start_recording()
        await client.send_audio(audio_bytes)

        # User releases button
        await client.stop_recording() # Triggers end-of-turn
        """
        await run(code, client=client, VoiceMode=VoiceMode, audio_bytes=BUZZ)
        with anyio.fail_after(5):
            assert [one.text async for one in until_final(heard)]


async def until_final(heard: Any) -> Any:
    async for one in heard:
        yield one
        if one.is_final:
            return


async def test_raw_audio_and_transcripts(capsys: pytest.CaptureFixture[str]) -> None:
    async with our_gateway() as house, house.guest() as client:
        code = """
        async def on_stt(response):
            if response.is_final:
                print("User said:", response.text)
            else:
                # Interim transcription -- useful for showing live captions
                print("Hearing:", response.text)

        client.on("stt_response", on_stt)
        """
        await run(code, client=client)
        heard = client.events(SttResponse)
        await client.start_voice()
        code = """
        # Send raw PCM16 audio (16-bit signed integer, mono, at configured sample rate)
        await client.send_audio(audio_bytes)
        """
        await run(code, client=client, audio_bytes=BUZZ * 3)
        await client.send_audio(bytes(64000))  # Silence: the turn is over.
        with anyio.fail_after(5):
            said = [one.text async for one in until_final(heard)]
    shown = capsys.readouterr().out.splitlines()
    assert shown == [*(f"Hearing: {text}" for text in said[:-1]), f"User said: {said[-1]}"]


async def test_the_characters_voice(capsys: pytest.CaptureFixture[str]) -> None:
    async with our_gateway(voice="always") as house, house.guest() as client:
        code = """
        async def on_voice(voice):
            print(f"Audio chunk {voice.chunk_index} for message {voice.message_id}")
            if voice.is_final:
                print("Last audio chunk received")

        client.on("bot_voice", on_voice)
        """
        await run(code, client=client)
        voices = client.events(BotVoice)
        client.send_text("hello")
        with anyio.fail_after(10):
            chunks = [voice async for voice in until_final(voices)]
        message_id = chunks[0].message_id
        found = await run(
            "client.notify_audio_playback_complete(message_id)",
            client=client,
            message_id=message_id,
        )
        assert found == {}
    shown = capsys.readouterr().out.splitlines()
    assert shown == [
        *(f"Audio chunk {number} for message {message_id}" for number in range(len(chunks))),
        "Last audio chunk received",
    ]


async def test_muting_and_the_life_of_voice(capsys: pytest.CaptureFixture[str]) -> None:
    async with our_gateway() as house, house.guest() as client:
        code = """
        async def on_voice_started():
            print("Voice session started")

        async def on_voice_stopped():
            print("Voice session stopped")

        client.on("voice_started", on_voice_started)
        client.on("voice_stopped", on_voice_stopped)
        """
        await run(code, client=client)
        await client.start_voice()
        code = """
        client.toggle_mute()
        print("Muted:", client.is_muted)
        """
        await run(code, client=client)
        await run("await client.stop_voice()", client=client)
        assert client.is_connected  # It remains so, for text.
    shown = capsys.readouterr().out.splitlines()
    assert sorted(shown) == ["Muted: True", "Voice session started", "Voice session stopped"]


VOICE_CHAT = """
import asyncio
from estuary_sdk import EstuaryClient, EstuaryConfig

config = EstuaryConfig(
    server_url="https://api.estuary-ai.com",
    api_key="est_your_api_key",
    character_id="your-character-uuid",
    player_id="user-123",
    voice_transport="websocket",
)

async def main():
    async with EstuaryClient(config) as client:
        async def on_stt(response):
            if response.is_final:
                print("You:", response.text)

        async def on_response(response):
            if response.is_final:
                print("Bot:", response.text)

        async def on_error(err):
            print("Error:", err)

        client.on("stt_response", on_stt)
        client.on("bot_response", on_response)
        client.on("error", on_error)

        await client.connect()
        print("Connected! Starting voice...")

        await client.start_voice()
        print("Listening -- speak into your microphone.")

        # Keep running
        await asyncio.Event().wait()

asyncio.run(main())
"""

INSTEAD = """
        answered = client.wait_for(BotResponse, lambda response: response.is_final, timeout=10)
        waiting = asyncio.create_task(answered)
        await client.send_audio(bytes([0, 32, 0, 224]) * 12000 + bytes(64000))
        await waiting
"""


async def test_voice_chat() -> None:
    """The whole program, as a process."""
    async with our_gateway() as house:
        program = VOICE_CHAT.replace(
            "from estuary_sdk import", "from estuary_anyio import BotResponse,"
        )
        values = {
            "https://api.estuary-ai.com": house.url,
            "est_your_api_key": "est_dev",
            "your-character-uuid": house.character,
        }
        for old, new in values.items():
            program = program.replace(old, new)
        program = program.replace("        await asyncio.Event().wait()\n", INSTEAD)
        done = await anyio.run_process(
            [sys.executable, "-W", "error", "-c", program],
            stderr=subprocess.PIPE,
            env=dict(os.environ),
            check=False,
        )
    assert (done.returncode, done.stderr.decode()) == (0, "")
    shown = done.stdout.decode().splitlines()
    assert shown[:2] == [
        "Connected! Starting voice...",
        "Listening -- speak into your microphone.",
    ]
    assert shown[2].startswith("You: ")
    assert shown[3].startswith("Bot: ")
