"""Every event that a server may send, told by our gateway and by python-socketio's server: what its
handler is called with, and what those who wait for its class get."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from estuary_anyio import (
    AgentConversationComplete,
    AgentTurnComplete,
    AgentTurnText,
    AgentTurnVoice,
    ApiCitation,
    ApiEndpointResult,
    ApiMedia,
    BotAnimation,
    BotPose,
    BotResponse,
    BotVoice,
    CameraCaptureRequest,
    CharacterAction,
    DelegationUpdate,
    EncounterEnd,
    EncounterMessage,
    EncounterVoice,
    EventStream,
    InterruptData,
    LiveKitReady,
    LiveKitToken,
    MemoryUpdatedEvent,
    ModerationFlag,
    ModerationWarning,
    MotiveUpdated,
    PoseBone,
    QuotaExceededData,
    SessionRejected,
    SessionTimeout,
    SttResponse,
    TurnMetrics,
    UnknownEvent,
    VoiceTimeout,
)
from estuary_anyio.names import NAMES, arguments
from estuary_proto.messages import TO_CLIENT

from .houses import House, Wire, fire, our_gateway

pytestmark = pytest.mark.anyio

WHEN = "2026-01-02T03:04:05Z"

EVENTS: dict[str, tuple[Wire, tuple[Any, ...]]] = {
    "bot_response": (
        ("bot_response", {"text": "hi", "is_final": True, "message_id": "m", "chunk_index": 2}),
        (BotResponse("hi", "hi", True, "m", 2),),
    ),
    "bot_voice": (
        (
            "bot_voice",
            {"audio": "AQI=", "message_id": "m", "is_final": True, "sample_rate": 24000},
        ),
        (BotVoice("AQI=", "m", is_final=True, sample_rate=24000),),
    ),
    "stt_response": (
        ("stt_response", {"text": "is that", "is_final": False}),
        (SttResponse("is that"),),
    ),
    "interrupt": (
        ("interrupt", {"message_id": "m", "reason": "barge_in", "interrupted_at": WHEN}),
        (InterruptData("m", "barge_in", WHEN),),
    ),
    "client_action": (
        (
            "client_action",
            {"name": "wave", "arguments": {"n": 3, "x": 1.5, "y": True}, "message_id": "m"},
        ),
        (CharacterAction("wave", {"n": 3, "x": 1.5, "y": True}, "m"),),
    ),
    "character_action": (
        (
            "bot_response",
            {"text": 'Hello <action name="wave" hand="left"/>', "is_final": True},
        ),
        (CharacterAction("wave", {"hand": "left"}),),
    ),
    "camera_capture_request": (
        ("camera_capture", {"request_id": "r", "text": "a look?"}),
        (CameraCaptureRequest("r", "a look?"),),
    ),
    "quota_exceeded": (
        ("quota_exceeded", {"message": "no more", "current": 5, "limit": 5, "tier": "free"}),
        (QuotaExceededData("no more", 5, 5, tier="free"),),
    ),
    "auth_error": (("auth_error", {"error": "revoked"}), ("revoked",)),
    "session_timeout": (
        ("session_timeout", {"reason": "inactivity", "idle_seconds": 9, "timeout_seconds": 8.5}),
        (SessionTimeout("inactivity", 9.0, 8.5),),
    ),
    "session_rejected": (
        ("session_rejected", {"reason": "concurrent_limit", "cap": 2, "share_token_id": "t"}),
        (SessionRejected("concurrent_limit", 2, "t"),),
    ),
    "moderation_warning": (
        ("moderation_warning", {"level": "warning", "message": "please"}),
        (ModerationWarning("warning", "please"),),
    ),
    "moderation_flag": (
        (
            "moderation_flag",
            {"message_id": "m", "action": "redacted", "categories": ["a", "b"], "message": "-"},
        ),
        (ModerationFlag("m", "redacted", ["a", "b"], "-"),),
    ),
    "voice_started": (("voice_started", {"already_active": True}), ()),
    "voice_stopped": (("voice_stopped",), ()),
    "voice_error": (("voice_error", {"error": "no recogniser"}), ("no recogniser",)),
    "voice_timeout": (
        ("voice_timeout", {"idle_seconds": 600, "timeout_seconds": 600}),
        (VoiceTimeout("voice_inactivity", 600.0, 600.0),),
    ),
    "livekit_token": (
        ("livekit_token", {"token": "t", "url": "wss://x", "room": "r"}),
        (LiveKitToken("t", "wss://x", "r"),),
    ),
    "livekit_ready": (("livekit_ready", {"room": "r"}), (LiveKitReady("r"),)),
    "livekit_error": (("livekit_error", {"error": "no room"}), ("no room",)),
    "memory_updated": (
        (
            "memory_updated",
            {"agent_id": "a", "player_id": "p", "memories_extracted": 2, "facts_extracted": 1},
        ),
        (MemoryUpdatedEvent("a", "p", 2, 1),),
    ),
    "motive_updated": (
        ("motive_updated", {"agent_id": "a", "motive": "to listen"}),
        (MotiveUpdated("a", motive="to listen"),),
    ),
    "delegation_update": (
        ("delegation_update", {"status": "working", "invocation_id": "i", "task": {"a": [1]}}),
        (DelegationUpdate("working", "i", task={"a": [1]}),),
    ),
    "api_endpoint_result": (
        (
            "api_endpoint_result",
            {
                "tool_call_id": "t",
                "operation": "find",
                "media": [{"type": "image", "url": "u", "mimeType": "image/png"}],
                "citations": [{"title": "T"}],
            },
        ),
        (
            ApiEndpointResult(
                "t",
                "find",
                media=[ApiMedia("image", "u", "image/png")],
                citations=[ApiCitation("T")],
            ),
        ),
    ),
    "turn_metrics": (
        ("turn_metrics", {"message_id": "m", "status": "complete", "llm_ttft_ms": 12.5}),
        (TurnMetrics("m", "complete", llm_ttft_ms=12.5),),
    ),
    "agent_turn_text": (
        ("agent_turn_text", {"agent_id": "a", "text": "hi", "turn_number": 1, "is_final": True}),
        (AgentTurnText("a", "hi", 0, 1, True),),
    ),
    "agent_turn_voice": (
        ("agent_turn_voice", {"agent_id": "a", "audio": "AQI=", "chunk_index": 3}),
        (AgentTurnVoice("a", "AQI=", 3),),
    ),
    "agent_turn_complete": (
        ("agent_turn_complete", {"agent_id": "a", "text": "hi", "turn_number": 2}),
        (AgentTurnComplete("a", "hi", 2),),
    ),
    "agent_conversation_complete": (
        (
            "agent_conversation_complete",
            {"winner_agent_id": "a", "reason": "max_turns", "total_turns": 4},
        ),
        (AgentConversationComplete("a", "max_turns", 4),),
    ),
    "encounter_message": (
        ("encounter_message", {"encounterId": "e", "speaker": "a", "turnIndex": 1, "text": "hi"}),
        (EncounterMessage("e", "a", 1, "hi"),),
    ),
    "encounter_voice": (
        ("encounter_voice", {"encounterId": "e", "speaker": "b", "audio": "AQI="}),
        (EncounterVoice("e", "b", 0, "AQI="),),
    ),
    "encounter_end": (
        ("encounter_end", {"encounterId": "e", "reason": "over", "turnsEmitted": 6}),
        (EncounterEnd("e", "over", 6),),
    ),
    "bot_animation": (
        ("bot_animation", {"message_id": "m", "sequence": 1, "weights": {"jawOpen": 0.5}}),
        (BotAnimation("m", 1, weights={"jawOpen": 0.5}),),
    ),
    "bot_pose": (
        (
            "bot_pose",
            {"message_id": "m", "bones": [{"name": "hip", "quat": [0, 0, 0, 1]}], "fps": 30},
        ),
        (BotPose("m", bones=[PoseBone("hip", (0.0, 0.0, 0.0, 1.0))]),),
    ),
    "unknown_event": (
        ("from_the_future", {"a": [1, None]}, "two"),
        (UnknownEvent("from_the_future", ({"a": [1, None]}, "two")),),
    ),
}
"""The user's name -> what travels, and what a handler is called with."""

OURS = {
    # Told by the client itself: tests/anyio/test_anyio_endings.py and the methods beside this.
    *("connected", "disconnected", "reconnecting", "connection_state_changed"),
    *("audio_dropped", "playback_started", "playback_complete", "listener_overflow"),
    # By rooms and loudspeakers, which this client does not open.
    *("livekit_connected", "livekit_disconnected", "audio_received", "bot_audio_level"),
    "error",
}


def test_the_table_is_whole() -> None:
    assert set(EVENTS) | OURS == NAMES
    assert not set(EVENTS) & OURS
    travels = {wire[0] for wire, _ in EVENTS.values()} | {"error", "session_info"}
    assert travels - {"from_the_future"} == set(TO_CLIENT)


async def hear(house: House, name: str) -> None:
    wire, expected = EVENTS[name]
    async with house.guest() as client:
        called: list[tuple[Any, ...]] = []
        told = anyio.Event()

        def handler(*args: Any) -> None:
            called.append(args)
            told.set()

        client.on(name, handler)
        everything: EventStream[Any] = client.events()
        client.send_text(fire(wire))
        with anyio.fail_after(5):
            await told.wait()
            async for event in everything:
                if type(event).NAME in (name, "client_action") and (
                    name != "bot_response" or event.text
                ):
                    break
        assert called == [expected]
        assert arguments(name)(event) == expected
        # The session goes on, whatever was said.
        with anyio.fail_after(5):
            await client.flush()
        assert client.is_connected


@pytest.fixture
def scenes() -> list[list[Wire]]:
    return [[wire] for wire, _ in EVENTS.values()]


@pytest.mark.parametrize("name", EVENTS)
async def test_by_our_gateway(name: str, scenes: list[list[Wire]]) -> None:
    async with our_gateway(scenes) as house:
        await hear(house, name)


@pytest.mark.parametrize("name", EVENTS)
async def test_by_python_socketio(name: str, socketio_house: House) -> None:
    await hear(socketio_house, name)
