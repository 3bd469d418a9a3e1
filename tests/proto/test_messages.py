"""The two tables: every wire example of PROTOCOL 3, and what happens to everything else."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from estuary_proto.capture.mask import SECRET_KEYS
from estuary_proto.errors import LocalProtocolError
from estuary_proto.intents import LiveKitTokenRequest, SendText, StartVoice
from estuary_proto.messages import (
    TO_CLIENT,
    TO_SERVER,
    UnknownEvent,
    all_messages,
    class_of,
    may_send,
    read,
    write,
)
from estuary_proto.models import (
    AgentConversationComplete,
    AgentTurnComplete,
    AgentTurnText,
    AgentTurnVoice,
    ApiCitation,
    ApiEndpointResult,
    ApiMedia,
    AuthError,
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
    ErrorEvent,
    InterruptData,
    LiveKitError,
    LiveKitReady,
    LiveKitToken,
    MemoryData,
    MemoryUpdatedEvent,
    Model,
    ModerationFlag,
    ModerationWarning,
    MotiveUpdated,
    PoseBone,
    QuotaExceededData,
    ResponseChunk,
    SessionInfo,
    SessionRejected,
    SessionTimeout,
    SttResponse,
    TurnMetrics,
    VoiceError,
    VoiceStarted,
    VoiceStopped,
    VoiceTimeout,
)
from estuary_proto.states import Role

EXAMPLES: list[tuple[str, dict[str, Any], Model]] = [
    (
        "session_info",
        {
            "session_id": "s",
            "conversation_id": "c",
            "character_id": "k",
            "player_id": "p",
            "livekitToken": "t",
            "livekitUrl": "wss://l",
            "livekitRoom": "r",
        },
        SessionInfo("s", "c", "k", "p", "t", "wss://l", "r"),
    ),
    (
        "session_timeout",
        {"reason": "inactivity", "idle_seconds": 600.0, "timeout_seconds": 590.5},
        SessionTimeout("inactivity", 600.0, 590.5),
    ),
    (
        "session_rejected",
        {"reason": "concurrent_limit", "cap": 3, "share_token_id": "x"},
        SessionRejected("concurrent_limit", 3, "x"),
    ),
    (
        "quota_exceeded",
        {"message": "m", "current": 10, "limit": 9, "remaining": -1, "tier": "free"},
        QuotaExceededData("m", 10, 9, -1, "free"),
    ),
    ("auth_error", {"error": "Invalid API key"}, AuthError("Invalid API key")),
    (
        "error",
        {"message": "slow down", "error": "rate_limited"},
        ErrorEvent("slow down", "rate_limited"),
    ),
    (
        "moderation_warning",
        {"level": "terminated", "message": "m"},
        ModerationWarning("terminated", "m"),
    ),
    (
        "moderation_flag",
        {"message_id": "m", "action": "redacted", "categories": ["a", "b"], "message": "x"},
        ModerationFlag("m", "redacted", ["a", "b"], "x"),
    ),
    (
        "bot_response",
        {
            "text": "Hello there",
            "is_final": True,
            "partial": " there",
            "message_id": "m",
            "chunk_index": 2,
            "is_interjection": True,
            "token_stream": True,
        },
        ResponseChunk("Hello there", True, " there", "m", 2, True, True),
    ),
    (
        "bot_voice",
        {
            "audio": "AAEC",
            "message_id": "m",
            "chunk_index": 1,
            "is_final": True,
            "is_livekit": True,
            "sample_rate": 24000,
            "timestamp": 12.5,
            "is_interjection": True,
        },
        BotVoice("AAEC", "m", 1, True, True, 24000, 12.5, True),
    ),
    ("stt_response", {"text": "hi", "is_final": True}, SttResponse("hi", True)),
    (
        "interrupt",
        {"message_id": "m", "reason": "user", "interrupted_at": "2026-01-01T00:00:00Z"},
        InterruptData("m", "user", "2026-01-01T00:00:00Z"),
    ),
    (
        "client_action",
        {
            "name": "wave",
            "arguments": {"hand": "left", "times": 2, "speed": 0.5, "smile": True},
            "message_id": "m",
            "chunk_index": 4,
            "timestamp": "2026-01-01T00:00:00Z",
        },
        CharacterAction(
            "wave",
            {"hand": "left", "times": 2, "speed": 0.5, "smile": True},
            "m",
            4,
            "2026-01-01T00:00:00Z",
        ),
    ),
    (
        "camera_capture",
        {"request_id": "r", "text": "show me"},
        CameraCaptureRequest("r", "show me"),
    ),
    ("voice_started", {"already_active": True}, VoiceStarted(True)),
    ("voice_stopped", {}, VoiceStopped()),
    ("voice_error", {"error": "no STT"}, VoiceError("no STT")),
    (
        "voice_timeout",
        {"reason": "voice_inactivity", "idle_seconds": 600.0, "timeout_seconds": 600.0},
        VoiceTimeout("voice_inactivity", 600.0, 600.0),
    ),
    (
        "livekit_token",
        {"token": "t", "url": "wss://l", "room": "r"},
        LiveKitToken("t", "wss://l", "r"),
    ),
    ("livekit_ready", {"room": "r"}, LiveKitReady("r")),
    ("livekit_error", {"error": "full"}, LiveKitError("full")),
    (
        "memory_updated",
        {
            "agent_id": "a",
            "player_id": "p",
            "memories_extracted": 1,
            "facts_extracted": 2,
            "conversation_id": "c",
            "new_memories": [MemoryData("1", memory_type="fact").to_dict()],
            "timestamp": "t",
        },
        MemoryUpdatedEvent("a", "p", 1, 2, "c", [MemoryData("1", memory_type="fact")], "t"),
    ),
    (
        "agent_turn_text",
        {"agent_id": "a", "text": "t", "chunk_index": 1, "turn_number": 2, "is_final": True},
        AgentTurnText("a", "t", 1, 2, True),
    ),
    (
        "agent_turn_voice",
        {"agent_id": "a", "audio": "AAEC", "chunk_index": 1, "turn_number": 2, "is_final": True},
        AgentTurnVoice("a", "AAEC", 1, 2, True),
    ),
    (
        "agent_turn_complete",
        {"agent_id": "a", "text": "t", "turn_number": 2},
        AgentTurnComplete("a", "t", 2),
    ),
    (
        "agent_conversation_complete",
        {"winner_agent_id": "a", "reason": "max_turns", "total_turns": 8},
        AgentConversationComplete("a", "max_turns", 8),
    ),
    (
        "motive_updated",
        {
            "agent_id": "a",
            "player_id": "p",
            "motive": "find the key",
            "conversation_id": "c",
            "timestamp": "t",
        },
        MotiveUpdated("a", "p", "find the key", "c", "t"),
    ),
    (
        "delegation_update",
        {
            "status": "failed",
            "invocation_id": "i",
            "message_id": "m",
            "timestamp": "t",
            "task": "book",
            "result": {"any": ["thing"]},
            "error": "e",
            "authorization_url": "https://x",
        },
        DelegationUpdate("failed", "i", "m", "t", "book", {"any": ["thing"]}, "e", "https://x"),
    ),
    (
        "api_endpoint_result",
        {
            "tool_call_id": "c",
            "operation": "search",
            "status": "completed",
            "media": [
                {
                    "type": "image",
                    "url": "https://i",
                    "mimeType": "image/png",
                    "title": "t",
                    "alt": "a",
                    "sourceUrl": "https://s",
                }
            ],
            "citations": [{"title": "t", "url": "https://c"}],
            "message_id": "m",
            "timestamp": "t",
        },
        ApiEndpointResult(
            "c",
            "search",
            "completed",
            [ApiMedia("image", "https://i", "image/png", "t", "a", "https://s")],
            [ApiCitation("t", "https://c")],
            "m",
            "t",
        ),
    ),
    (
        "turn_metrics",
        {
            "message_id": "m",
            "status": "complete",
            "eager": True,
            "emit_epoch_ms": 1.0,
            "endpoint_wait_ms": 2.0,
            "speech_end_ms": 3.0,
            "memory_ms": 4.0,
            "dispatch_context_ms": 5.0,
            "queue_wait_ms": 6.0,
            "llm_ttft_ms": 7.0,
            "llm_total_ms": 8.0,
            "tts_engaged_ms": 9.0,
            "tts_first_audio_ms": 10.0,
            "tts_total_ms": 11.0,
            "kb_tool_ms": 12.0,
            "kb_tool_source": "cache",
            "server_process_ms": 13.0,
            "stt_net_rtt_ms": 14.0,
            "llm_net_rtt_ms": 15.0,
            "tts_net_rtt_ms": 16.0,
        },
        TurnMetrics(
            message_id="m",
            status="complete",
            eager=True,
            emit_epoch_ms=1.0,
            endpoint_wait_ms=2.0,
            speech_end_ms=3.0,
            memory_ms=4.0,
            dispatch_context_ms=5.0,
            queue_wait_ms=6.0,
            llm_ttft_ms=7.0,
            llm_total_ms=8.0,
            tts_engaged_ms=9.0,
            tts_first_audio_ms=10.0,
            tts_total_ms=11.0,
            kb_tool_ms=12.0,
            kb_tool_source="cache",
            server_process_ms=13.0,
            stt_net_rtt_ms=14.0,
            llm_net_rtt_ms=15.0,
            tts_net_rtt_ms=16.0,
        ),
    ),
    (
        "encounter_message",
        {"encounterId": "e", "speaker": "a", "turnIndex": 1, "text": "t"},
        EncounterMessage("e", "a", 1, "t"),
    ),
    (
        "encounter_voice",
        {"encounterId": "e", "speaker": "b", "turnIndex": 1, "audio": "AAEC"},
        EncounterVoice("e", "b", 1, "AAEC"),
    ),
    (
        "encounter_end",
        {"encounterId": "e", "reason": "done", "turnsEmitted": 4},
        EncounterEnd("e", "done", 4),
    ),
    (
        "bot_animation",
        {
            "message_id": "m",
            "sequence": -1,
            "time_code_sec": 0.5,
            "fps": 60.0,
            "weights": {"jawOpen": 0.5},
            "emit_epoch_ms": 1.0,
            "is_final": True,
        },
        BotAnimation("m", -1, 0.5, 60.0, {"jawOpen": 0.5}, 1.0, True),
    ),
    (
        "bot_pose",
        {
            "message_id": "m",
            "sequence": 3,
            "time_code_sec": 0.5,
            "fps": 30.0,
            "bones": [{"name": "hip", "quat": [0.0, 0.0, 0.0, 1.0]}],
            "hips_world": [1.0, 2.0, 3.0],
            "hips_local_to_floor": [4.0, 5.0, 6.0],
            "emit_epoch_ms": 1.0,
            "is_final": True,
        },
        BotPose(
            "m",
            3,
            0.5,
            30.0,
            [PoseBone("hip", (0.0, 0.0, 0.0, 1.0))],
            (1.0, 2.0, 3.0),
            (4.0, 5.0, 6.0),
            1.0,
            True,
        ),
    ),
]


@pytest.mark.parametrize(("name", "payload", "message"), EXAMPLES, ids=[e[0] for e in EXAMPLES])
def test_a_server_message_is_read_whole_and_written_back(
    name: str, payload: dict[str, Any], message: Model
) -> None:
    assert read(Role.SERVER, name, [payload]) == message
    assert write(message) == (name, [payload])


def test_every_server_message_has_an_example() -> None:
    assert [name for name, _, _ in EXAMPLES] == list(dict.fromkeys(n for n, _, _ in EXAMPLES))
    assert {name for name, _, _ in EXAMPLES} == set(TO_CLIENT)


@pytest.mark.parametrize(
    ("sender", "name", "args", "message"),
    [
        (Role.SERVER, "voice_started", [], VoiceStarted()),
        (Role.SERVER, "voice_started", [None], VoiceStarted()),
        (Role.SERVER, "voice_started", [{}], VoiceStarted()),
        (Role.SERVER, "interrupt", (), InterruptData()),
        (Role.SERVER, "interrupt", [{"interrupted_at": 12.5}], InterruptData(None, None, "12.5")),
        (Role.SERVER, "bot_voice", [], BotVoice()),
        (Role.SERVER, "stt_response", [{"text": "a"}, "extra", 5], SttResponse("a")),
        (Role.SERVER, "stt_response", [[{"text": "a"}]], SttResponse()),
        (Role.SERVER, "error", ["boom"], ErrorEvent("boom")),
        (Role.SERVER, "error", [{"error": "rate_limited"}], ErrorEvent("", "rate_limited")),
        (Role.SERVER, "auth_error", ["boom"], AuthError("boom")),
        (Role.SERVER, "auth_error", [{"message": "boom"}], AuthError("boom")),
        (Role.SERVER, "voice_error", ["boom"], VoiceError("boom")),
        (Role.SERVER, "livekit_error", ["boom"], LiveKitError("boom")),
        (Role.SERVER, "stt_response", ["boom"], SttResponse()),
        (Role.SERVER, "quota_exceeded", ["boom"], QuotaExceededData("boom")),
        (Role.CLIENT, "start_voice", [], StartVoice()),
        (Role.CLIENT, "livekit_token", [], LiveKitTokenRequest()),
        (Role.SERVER, "livekit_token", [], LiveKitToken()),
    ],
)
def test_payloads_may_be_absent_bare_or_many(
    sender: Role, name: str, args: Any, message: Model
) -> None:
    assert read(sender, name, args) == message


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        (Role.SERVER, "no_such_event"),
        (Role.CLIENT, "no_such_event"),
        (Role.CLIENT, "video_frame"),
        (Role.SERVER, "scene_graph_update"),
        (Role.CLIENT, "bot_response"),  # only a server says that
        (Role.SERVER, "text"),  # and only a client that
        (Role.SERVER, ""),
    ],
)
def test_what_the_sender_has_no_business_to_say_is_kept_whole(sender: Role, name: str) -> None:
    event = read(sender, name, [{"a": 1}, "b", b"c"])
    assert event == UnknownEvent(name, ({"a": 1}, "b", b"c"))
    assert event.NAME == "unknown_event"
    assert class_of(sender, name) is None
    assert write(event) == (name, [{"a": 1}, "b", b"c"])


@pytest.mark.parametrize("key", [*SECRET_KEYS, "newToken", "PASSWORD", "apiKeys", "credentials"])
def test_an_unknown_event_shows_no_secrets(key: str) -> None:
    data = {"a": [1, {key: "hidden", "token_count": 7}], key: {"b": "hidden"}}
    event = UnknownEvent("news", (data, "c", b"d"))
    assert event.args[0] is data
    shown = f"{{'a': [1, {{{key!r}: '***', 'token_count': 7}}], {key!r}: '***'}}"
    assert repr(event) == f"UnknownEvent(name='news', args=({shown}, 'c', b'd'))"


def test_a_second_reading_takes_the_short_way_to_the_same() -> None:
    first = read(Role.SERVER, "stt_response", [{"text": "a"}])
    assert read(Role.SERVER, "stt_response", [{"text": "a"}]) == first
    assert read(Role.CLIENT, "text", [{"text": "a"}]) == SendText("a")


def test_the_assembled_answer_is_a_message_too() -> None:
    made = BotResponse("Hello there", partial=" there", message_id="m", chunk_index=1)
    name, args = write(made)
    assert name == "bot_response"
    assert read(Role.SERVER, name, args) == ResponseChunk(
        "Hello there", False, " there", "m", 1, False, None
    )


@pytest.mark.parametrize("wrong", [MemoryData("1"), "text", None, {"text": "hi"}, SendText])
def test_what_is_no_message_cannot_be_written(wrong: Any) -> None:
    with pytest.raises(LocalProtocolError, match="is not a message"):
        write(wrong)


def test_a_server_is_held_to_its_types_too() -> None:
    with pytest.raises(LocalProtocolError, match=r"SttResponse\.text must be str, not NoneType"):
        write(SttResponse(None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("message", "senders"),
    [
        (SendText("a"), {Role.CLIENT}),
        (SttResponse("a"), {Role.SERVER}),
        (LiveKitTokenRequest(), {Role.CLIENT}),  # one name, a class for each way
        (LiveKitToken(), {Role.SERVER}),
        (BotResponse("a"), {Role.SERVER}),
        (UnknownEvent("a"), {Role.CLIENT, Role.SERVER}),
        (MemoryData("1"), set()),
        ("text", set()),
    ],
)
def test_who_may_send_what(message: object, senders: set[Role]) -> None:
    assert {role for role in Role if may_send(role, message)} == senders


def test_every_entry_leads_to_the_class_of_that_name() -> None:
    found = all_messages()
    assert len(found) == len(TO_SERVER) + len(TO_CLIENT)
    for sender, table in ((Role.CLIENT, TO_SERVER), (Role.SERVER, TO_CLIENT)):
        names = [cls.WIRE for role, cls in found if role is sender]
        assert names == list(table)
    assert len({cls for _, cls in found}) == len(found)


def test_reading_loads_only_the_theme_it_needs() -> None:
    script = (
        "import sys\n"
        "from estuary_proto.messages import read\n"
        "from estuary_proto.states import Role\n"
        "before = set(sys.modules)\n"
        "read(Role.SERVER, 'voice_started', [])\n"
        "print(*(n for n in set(sys.modules) - before if n.startswith('estuary_proto')))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["estuary_proto.models.voice"]
