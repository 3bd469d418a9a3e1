"""The seeds' models, theme by theme: what their keys are and which oddities they forgive."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from estuary_proto import models
from estuary_proto.messages import all_messages
from estuary_proto.models import (
    ApiEndpointResult,
    AuthError,
    BotAnimation,
    BotPose,
    BotResponse,
    CameraCaptureRequest,
    CharacterAction,
    ConnectionState,
    CoreFactsResponse,
    EncounterMessage,
    ErrorEvent,
    MemoryData,
    MemoryListResponse,
    MemorySearchResponse,
    MemorySearchResult,
    MemoryStats,
    MemoryTimeline,
    MemoryUpdatedEvent,
    Model,
    ModerationFlag,
    PoseBone,
    ResponseChunk,
    SessionInfo,
    TurnMetrics,
    VoiceMode,
)
from estuary_proto.models.memory import CoreFact, TimelineEntry

MEMORY: dict[str, Any] = {
    "id": "1",
    "userId": "u",
    "agentId": "a",
    "playerId": "p",
    "content": "likes tea",
    "memoryType": "preference",
    "confidence": 0.9,
    "status": "superseded",
    "sourceConversationId": "c",
    "sourceQuote": "tea!",
    "source": "voice",
    "topic": "drinks",
    "secondaryTopics": ["taste"],
    "lastAccessedAt": "t1",
    "accessCount": 3,
    "extractedAt": "t2",
    "createdAt": "t3",
    "updatedAt": "t4",
    "importance": 0.4,
    "memoryLayer": "long",
    "sourceMessageTimestamp": "t5",
}
READ_MEMORY = MemoryData(
    id="1",
    user_id="u",
    agent_id="a",
    player_id="p",
    content="likes tea",
    memory_type="preference",
    confidence=0.9,
    status="superseded",
    source_conversation_id="c",
    source_quote="tea!",
    source="voice",
    topic="drinks",
    secondary_topics=["taste"],
    last_accessed_at="t1",
    access_count=3,
    extracted_at="t2",
    created_at="t3",
    updated_at="t4",
    importance=0.4,
    memory_layer="long",
    source_message_timestamp="t5",
)
FACT = {
    "id": "f",
    "userId": "u",
    "agentId": "a",
    "playerId": "p",
    "factKey": "name",
    "factValue": "Ada",
    "sourceMemoryId": "1",
    "createdAt": "t",
    "updatedAt": "t",
}
REST: list[tuple[dict[str, Any], Model]] = [
    (MEMORY, READ_MEMORY),
    (
        {"memories": [MEMORY], "total": 9, "limit": 1, "offset": 2},
        MemoryListResponse([READ_MEMORY], 9, 1, 2),
    ),
    (
        {"coreFacts": [FACT]},
        CoreFactsResponse([CoreFact("f", "u", "a", "p", "name", "Ada", "1", "t", "t")]),
    ),
    (
        {
            "results": [{"memory": MEMORY, "score": 0.5, "similarityScore": 0.25}],
            "query": "q",
            "total": 1,
        },
        MemorySearchResponse([MemorySearchResult(READ_MEMORY, 0.5, 0.25)], "q", 1),
    ),
    (
        {
            "timeline": [{"date": "d", "memories": [MEMORY]}],
            "totalMemories": 1,
            "groupBy": "week",
        },
        MemoryTimeline([TimelineEntry("d", [READ_MEMORY])], 1, "week"),
    ),
    (
        {
            "totalActive": 1,
            "totalSuperseded": 2,
            "totalDecayed": 3,
            "byType": {"fact": 4},
            "coreFacts": 5,
        },
        MemoryStats(1, 2, 3, {"fact": 4}, 5),
    ),
    ({"message": "m", "deletedCount": 2}, models.MemoryDeleteResponse("m", 2)),
]


@pytest.mark.parametrize(("data", "made"), REST, ids=lambda each: type(each).__name__)
def test_the_memory_models_speak_camel_case(data: dict[str, Any], made: Model) -> None:
    assert type(made).from_dict(data) == made
    assert made.to_dict() == data


def test_a_memory_is_read_in_snake_case_too() -> None:
    assert MemoryData.from_dict(asdict(READ_MEMORY)) == READ_MEMORY


def test_a_search_result_may_be_flat() -> None:
    found = MemorySearchResult.from_dict({"memoryId": 7, "similarity": 0.5, "content": "tea"})
    assert found == MemorySearchResult(MemoryData(id="7", content="tea"), 0.5, 0.5)
    assert MemorySearchResult.from_dict({"memory": {"id": "7"}, "score": 0.5}) == (
        MemorySearchResult(MemoryData(id="7"), 0.5, 0.5)
    )
    assert MemorySearchResult.from_dict(None) == MemorySearchResult()


def test_null_lists_are_empty() -> None:
    read = MemoryUpdatedEvent.from_dict({"new_memories": None, "memories_extracted": "2"})
    assert read == MemoryUpdatedEvent(memories_extracted=2)
    assert read.new_memories == []


def test_characters_actions_have_the_wires_name_too() -> None:
    action = CharacterAction.from_dict({"name": "wave", "params": {"hand": "left", "n": 2}})
    assert action.arguments is action.params
    assert action.params == {"hand": "left", "n": 2}
    assert action.to_dict()["arguments"] == {"hand": "left", "n": 2}


@pytest.mark.parametrize(
    ("partial", "read"), [("new", "new"), ("", ""), (True, None), (False, None), (None, None)]
)
def test_partial_counts_only_as_text(partial: object, read: str | None) -> None:
    assert ResponseChunk.from_dict({"text": "a", "partial": partial}).partial == read


def test_an_error_may_be_a_bare_string() -> None:
    assert AuthError.from_dict("no such key") == AuthError("no such key")
    assert AuthError.from_dict({"message": "no such key"}) == AuthError("no such key")
    assert AuthError.from_dict(["no such key"]) == AuthError("")
    assert ErrorEvent.from_dict({"code": "rate_limited"}) == ErrorEvent("", "rate_limited")


def test_enums_are_their_text() -> None:
    assert [state.value for state in ConnectionState] == [
        "disconnected",
        "connecting",
        "connected",
        "reconnecting",
        "error",
    ]
    assert [str(mode) for mode in VoiceMode] == ["continuous", "push_to_talk"]


def test_events_names_differ_from_the_wires_where_the_user_says_so() -> None:
    assert (CameraCaptureRequest.NAME, CameraCaptureRequest.WIRE) == (
        "camera_capture_request",
        "camera_capture",
    )
    assert (SessionInfo.NAME, SessionInfo.WIRE) == ("connected", "session_info")
    assert BotResponse.NAME == ResponseChunk.NAME == BotResponse.WIRE == "bot_response"
    renamed = {cls.NAME for _, cls in all_messages() if cls.NAME and cls.NAME != cls.WIRE}
    assert renamed == {"camera_capture_request", "connected"}


def test_nested_extras_are_read() -> None:
    pose = BotPose.from_dict(
        {"bones": [{"name": "hip", "quat": [0, 0, 0, 1]}, 5], "hips_world": [1, 2, 3]}
    )
    assert pose == BotPose(bones=[PoseBone("hip", (0.0, 0.0, 0.0, 1.0))], hips_world=(1, 2, 3))
    assert BotAnimation.from_dict({"weights": {"jawOpen": 1, "x": None}}).weights == {
        "jawOpen": 1.0
    }
    assert ApiEndpointResult.from_dict({"media": [{"mimeType": "image/png"}]}).to_dict()[
        "media"
    ] == [{"type": "image", "url": "", "mimeType": "image/png"}]
    assert EncounterMessage.from_dict({"encounter_id": "e", "turnIndex": 2}).to_dict() == {
        "encounterId": "e",
        "speaker": "",
        "turnIndex": 2,
        "text": "",
    }
    assert TurnMetrics.from_dict({"llm_ttft_ms": 120, "kb_tool_ms": None}) == TurnMetrics(
        llm_ttft_ms=120.0
    )
    assert ModerationFlag.from_dict({"categories": ["a", None]}).categories == ["a"]
