"""Every route of PROTOCOL 7.2 that we speak: how it is called, what is sent, what comes back.

The answers were recorded from no server: they are written by hand from the tables of the seeds and
of PROTOCOL 7.2, one value for each key.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from estuary_proto.models import (
    Character,
    CharacterListResponse,
    CoreFactsResponse,
    Encounter,
    GeneratedCharacter,
    MemoryData,
    MemoryDeleteResponse,
    MemoryGraph,
    MemoryListResponse,
    MemorySearchResponse,
    MemoryStats,
    MemoryTimeline,
    ModelStarted,
    ModelStatus,
    Motive,
    PlayerConversation,
    PlayerConversationList,
    PlayerMessageList,
    PlayerStats,
    Share,
    SharedSession,
    ShareList,
    ShareRevoked,
    TurnResult,
)
from estuary_proto.rest import characters, generation, memory, players, shares, turns
from estuary_proto.rest.forms import File

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from estuary_anyio import EstuaryClient
    from estuary_proto.rest.call import Call

KEY = "est_key_of_a_developer"
PNG = b"\x89PNG\r\n\x1a\n and more"
GLB = b"glTF and more"
JSON = "application/json"
AT = {"createdAt": "2026-01-02T03:04:05Z", "updatedAt": "2026-01-03T03:04:05Z"}


@dataclass(frozen=True)
class Route:
    """One row. `query` and `target` as they stand in the request line; `access` is how we show who
    we are; `answer` is what comes back, and `read` the model of it."""

    name: str
    call: Call[Any]
    via: Callable[[EstuaryClient], Awaitable[Any]]
    method: str
    target: str
    body: Any = None
    access: str = "key"
    names_player: bool = False
    repeat: str = "safe"
    status: int = 200
    answer: Any = field(default_factory=dict)
    read: Any = dict


MEMORY = {
    "id": "m1", "userId": "u", "agentId": "c1", "playerId": "p1", "content": "likes tea",
    "memoryType": "preference", "confidence": 0.9, "status": "active",
    "sourceConversationId": "v1", "sourceQuote": "I like tea", "source": "voice",
    "topic": "drinks", "secondaryTopics": ["taste"], "lastAccessedAt": "2026-01-04T00:00:00Z",
    "accessCount": 3, "extractedAt": "2026-01-02T03:04:06Z", "importance": 0.4,
    "memoryLayer": "long", "sourceMessageTimestamp": "2026-01-02T03:04:04Z", **AT,
}  # fmt: skip
FACT = {
    "id": "f1", "userId": "u", "agentId": "c1", "playerId": "p1", "factKey": "name",
    "factValue": "Ada", "sourceMemoryId": "m1", **AT,
}  # fmt: skip
NODE = {
    "id": "n1", "type": "cluster", "label": "Tea", "level": 1, "memoryCount": 2,
    "typeDistribution": {"fact": 2}, "expanded": True, "parentClusterId": "n0",
    "childClusterIds": ["n2"], "labelPending": True, "memoryType": "fact", "content": "tea",
    "confidence": 0.5, "clusterId": "n0", "sourceQuote": "tea!", "sourceConversationId": "v1",
    "createdAt": "2026-01-02", "accessCount": 4, "topic": "drinks", "entityType": "thing",
    "name": "tea", "mentionCount": 5, "extraData": {"x": 1},
}  # fmt: skip
EDGE = {
    "source": "n1", "target": "n2", "type": "contains", "relationshipType": "part",
    "label": "has", "confidence": 0.25,
}  # fmt: skip
GRAPH = {
    "nodes": [NODE],
    "edges": [EDGE],
    "stats": {"totalMemories": 2, "totalEntities": 1, "clusterCount": 1, "clusters": {"tea": 2}},
    "stale": True,
}
ACTION = {
    "name": "wave",
    "description": "Waves a hand",
    "parameters": [
        {"name": "hand", "type": "string", "required": True, "description": "left or right"}
    ],
}
CHARACTER = {
    "id": "c1", "name": "Ada", "tagline": "Tea?", "personality": "kind", "background": "long",
    "avatar": "https://x/a.png", "system_prompt": "Be kind", "description": "A friend",
    "llm_provider": "local", "llm_model": "small", "llm_temperature": 1.5, "llm_max_tokens": 9,
    "llm_verbosity": "short", "tts_provider": "own", "tts_model": "m", "tts_voice": "v",
    "tts_speed": 1.25, "tts_delivery_mode": "STABLE", "stt_provider": "ears",
    "stt_language": "de", "vad_sensitivity": 0.75, "vad_min_speech_duration_ms": 100,
    "vlm_model": "eyes", "text_only": False, "verbose": True, "actions": [ACTION],
    "is_public": True, "is_active": True, "launch_status": "running", "player_id": "p1",
    "appearance": "tall", "motive": "tea", "generated_voice_id": "g1",
    "source_image_url": "https://x/s.png", "model_status": "completed",
    "model_url": "https://x/m.glb", "model_preview_url": "https://x/p.glb", "model_rigged": True,
    "model_animations": ["idle"], "created_at": "2026-01-02", "updated_at": "2026-01-03",
}  # fmt: skip
PLAYER = {
    "id": "v1", "characterId": "c1", "playerId": "p1", "apiKeyId": "k1",
    "createdAt": "2026-01-02", "lastActivity": "2026-01-03", "messageCount": 7,
    "lastMemoryExtractionAt": "2026-01-03",
}  # fmt: skip
MESSAGE = {
    "id": 3, "conversationId": "v1", "role": "user", "content": "Hi",
    "timestamp": "2026-01-02", "imageUrl": "https://x/i.png",
}  # fmt: skip
SHARE = {
    "token": "shr_token", "shareUrl": "https://x/s/shr_token", "expiresAt": "2026-02-01",
    "anchorUrl": "https://x/anchor", "id": "r1", "characterId": "c1", "permanent": True,
    "memorySharing": "shared", "maxExchanges": 5, "maxInteractions": 9,
    "createdAt": "2026-01-02",
}  # fmt: skip
SESSION = {
    "sessionToken": "sst_token", "characterId": "c1", "playerId": "guest",
    "serverUrl": "https://x", "character": {"name": "Ada"}, "memorySharing": "isolated",
}  # fmt: skip
TURN = {
    "text": "Hello", "messageId": "t1", "sessionId": "s1", "conversationId": "v1",
    "characterId": "c1", "playerId": "p1",
    "actions": [{"name": "wave", "arguments": {"hand": "left"}}],
}  # fmt: skip
STATUS = {
    "modelStatus": "rigging", "modelPreviewUrl": "https://x/p", "modelUrl": "https://x/m",
    "thumbnailUrl": "https://x/t", "progress": 60, "rigged": True, "animations": ["idle"],
}  # fmt: skip
GENERATED = {
    "id": "c2", "name": "Bea", "tagline": "Hm", "personality": "dry", "background": "b",
    "appearance": "small", "avatar": "https://x/a", "generated_voice_id": "g",
    "model_url": "https://x/m", "model_preview_url": "https://x/p", "model_status": "generating",
    "source_image_url": "https://x/s", "player_id": "p1", "is_active": False,
    "created_at": "2026-01-02",
}  # fmt: skip

C = "/api/v1/characters/c1"
M = f"{C}/players/p1/memories"
EVERYTHING: Any = {
    "tagline": "t", "personality": "p", "background": "b", "system_prompt": "s",
    "description": "d", "llm_provider": "lp", "llm_model": "lm", "llm_temperature": 0.5,
    "llm_max_tokens": 100, "llm_verbosity": "long", "tts_provider": "tp", "tts_model": "tm",
    "tts_voice": "tv", "tts_speed": 2, "tts_delivery_mode": "CREATIVE", "stt_provider": "sp",
    "stt_language": "sl", "vad_sensitivity": 1, "vad_min_speech_duration_ms": 0,
    "vlm_model": "vm", "avatar": "a", "text_only": True, "verbose": False, "actions": [ACTION],
    "is_public": False,
}  # fmt: skip
GROUPED = {
    "persona": {
        "name": "Ada", "tagline": "t", "personality": "p", "background": "b",
        "system_prompt": "s", "description": "d",
    },
    "llm": {
        "provider": "lp", "model": "lm", "temperature": 0.5, "max_tokens": 100,
        "verbosity": "long",
    },
    "tts": {
        "provider": "tp", "model": "tm", "voice": "tv", "speed": 2, "delivery_mode": "CREATIVE"
    },
    "stt": {"provider": "sp", "language": "sl"},
    "vad": {"sensitivity": 1, "min_speech_duration_ms": 0},
    "vlm": {"model": "vm"},
    "avatar": "a", "text_only": True, "verbose": False, "actions": [ACTION], "is_public": False,
}  # fmt: skip
TOOL = {"name": "weather", "description": "d", "url": "https://x/w", "parameters": []}
IMAGE = File("image.png", "image/png", PNG)

MEMORIES = [
    Route(
        "memories", memory.get_memories("c1", "p1"), lambda c: c.memory.get_memories(),
        "GET", f"{M}?limit=50&offset=0",
        answer={"memories": [MEMORY], "total": 1, "limit": 50, "offset": 7},
        read=MemoryListResponse,
    ),
    Route(
        "memories with everything",
        memory.get_memories(
            "c1", "p1", memory_type="fact", status="active", limit=200, offset=3,
            sort_by="confidence", sort_order="asc",
        ),
        lambda c: c.memory.get_memories("fact", "active", 200, 3, "confidence", "asc"),
        "GET",
        f"{M}?memoryType=fact&status=active&limit=200&offset=3&sortBy=confidence&sortOrder=asc",
        answer={"memories": [], "total": 0, "limit": 200, "offset": 3},
        read=MemoryListResponse,
    ),
    Route(
        "timeline",
        memory.get_timeline(
            "c1", "p1", start_date="2026-01-01", end_date="2026-02-01", group_by="week"
        ),
        lambda c: c.memory.get_timeline("2026-01-01", "2026-02-01", "week"),
        "GET", f"{M}/timeline?startDate=2026-01-01&endDate=2026-02-01&groupBy=week",
        answer={
            "timeline": [{"date": "2026-W01", "memories": [MEMORY]}], "totalMemories": 1,
            "groupBy": "week",
        },
        read=MemoryTimeline,
    ),
    Route(
        "memory stats", memory.get_stats("c1", "p1"), lambda c: c.memory.get_stats(),
        "GET", f"{M}/stats",
        answer={
            "totalActive": 1, "totalSuperseded": 2, "totalDecayed": 3, "byType": {"fact": 4},
            "coreFacts": 5,
        },
        read=MemoryStats,
    ),
    Route(
        "core facts", memory.get_core_facts("c1", "p1"), lambda c: c.memory.get_core_facts(),
        "GET", f"{M}/core-facts", answer={"coreFacts": [FACT]}, read=CoreFactsResponse,
    ),
    Route(
        "graph",
        memory.get_graph("c1", "p1", include_entities=True, include_character_memories=False),
        lambda c: c.memory.get_graph(True, False),
        "GET", f"{M}/graph?includeEntities=true&includeCharacterMemories=false",
        answer=GRAPH, read=MemoryGraph,
    ),
    Route(
        "search", memory.search("c1", "p1", "tea & milk", 5),
        lambda c: c.memory.search("tea & milk", limit=5),
        "POST", f"{M}/search", {"query": "tea & milk", "limit": 5},
        answer={
            "results": [{"memoryId": "m1", "similarity": 0.75, "content": "tea"}],
            "query": "tea & milk", "total": 1,
        },
        read=MemorySearchResponse,
    ),
    Route(
        "search as the seeds answer", memory.search("c1", "p1", "tea"),
        lambda c: c.memory.search("tea"),
        "POST", f"{M}/search", {"query": "tea"},
        answer={
            "results": [{"memory": MEMORY, "score": 0.5, "similarityScore": 0.25}],
            "query": "tea", "total": 1,
        },
        read=MemorySearchResponse,
    ),
    Route(
        "delete all", memory.delete_all("c1", "p1"), lambda c: c.memory.delete_all(),
        "DELETE", f"{M}?confirm=true", repeat="never",
        answer={"deletedCount": 4, "message": "4 are gone"}, read=MemoryDeleteResponse,
    ),
    Route(
        "create memory",
        memory.create(
            "c1", "p1", "likes tea", memory_type="fact", importance=0.5, confidence=1,
            topic="drinks", source_quote="tea!",
        ),
        lambda c: c.memory.create(
            "likes tea", memory_type="fact", importance=0.5, confidence=1, topic="drinks",
            source_quote="tea!",
        ),
        "POST", M,
        {
            "content": "likes tea", "memoryType": "fact", "importance": 0.5, "confidence": 1,
            "topic": "drinks", "sourceQuote": "tea!",
        },
        repeat="never", status=201, answer=MEMORY, read=MemoryData,
    ),
    Route(
        "update memory", memory.update("c1", "p1", "m1", content="x", importance=1),
        lambda c: c.memory.update("m1", content="x", importance=1),
        "PATCH", f"{M}/m1", {"content": "x", "importance": 1},
        repeat="never", answer=MEMORY, read=MemoryData,
    ),
    Route(
        "delete memory", memory.delete("c1", "p1", "m1", hard=True),
        lambda c: c.memory.delete("m1", hard=True),
        "DELETE", f"{M}/m1?hard=true", repeat="never", answer={"message": "gone"},
    ),
]  # fmt: skip
PLAYERS = [
    Route(
        "players", players.list_players("c1"), lambda c: c.players.list(),
        "GET", f"{C}/players?limit=50&offset=0&sortBy=last_activity&sortOrder=desc",
        answer={
            "conversations": [PLAYER], "total": 1, "limit": 50, "offset": 2,
            "sortBy": "created_at", "sortOrder": "asc",
        },
        read=PlayerConversationList,
    ),
    Route(
        "players with everything",
        players.list_players(
            "c1", limit=100, offset=1, sort_by="player_id", sort_order="asc",
            player_search="a&b", min_messages=2,
        ),
        lambda c: c.players.list(100, 1, "player_id", "asc", "a&b", 2),
        "GET",
        f"{C}/players?limit=100&offset=1&sortBy=player_id&sortOrder=asc&playerSearch=a%26b"
        "&minMessages=2",
        answer={}, read=PlayerConversationList,
    ),
    Route(
        "player stats", players.get_stats("c1"), lambda c: c.players.get_stats(),
        "GET", f"{C}/players/stats",
        answer={
            "totalConversations": 1, "totalMessages": 2, "firstActivity": "2026-01-01",
            "lastActivity": "2026-01-02",
        },
        read=PlayerStats,
    ),
    Route(
        "player", players.get("c1", "q/1"), lambda c: c.players.get("q/1"),
        "GET", f"{C}/players/q%2F1", answer=PLAYER, read=PlayerConversation,
    ),
    Route(
        "messages", players.get_messages("c1", "q", limit=5, page=2),
        lambda c: c.players.get_messages("q", 5, 2),
        "GET", f"{C}/players/q/messages?limit=5&page=2",
        answer={
            "messages": [MESSAGE],
            "pagination": {"page": 2, "limit": 5, "total": 6, "hasMore": True},
        },
        read=PlayerMessageList,
    ),
    Route(
        "delete player", players.delete("c1", "q"), lambda c: c.players.delete("q"),
        "DELETE", f"{C}/players/q", repeat="never", answer={"message": "gone"},
    ),
]  # fmt: skip
CHARACTERS = [
    Route(
        "create character", characters.create("Ada", EVERYTHING),
        lambda c: c.characters.create("Ada", **EVERYTHING),
        "POST", "/api/v1/characters", GROUPED, repeat="never", status=201,
        answer=CHARACTER, read=Character,
    ),
    Route(
        "characters", characters.list_characters(100, 5), lambda c: c.characters.list(100, 5),
        "GET", "/api/v1/characters?limit=100&offset=5", names_player=True,
        answer={"characters": [CHARACTER], "total": 6, "limit": 100, "offset": 5},
        read=CharacterListResponse,
    ),
    Route(
        "character", characters.get("c9"), lambda c: c.characters.get("c9"),
        "GET", "/api/v1/characters/c9", answer=CHARACTER, read=Character,
    ),
    Route(
        "update character", characters.update("c9", {"name": "Bea", "tts_voice": "v"}),
        lambda c: c.characters.update("c9", name="Bea", tts_voice="v"),
        "PUT", "/api/v1/characters/c9", {"persona": {"name": "Bea"}, "tts": {"voice": "v"}},
        answer=CHARACTER, read=Character,
    ),
    Route(
        "delete character", characters.delete("c9"), lambda c: c.characters.delete("c9"),
        "DELETE", "/api/v1/characters/c9", repeat="never", answer={"message": "gone"},
    ),
    Route(
        "transfer", characters.transfer("c9", "org", org_id="o1"),
        lambda c: c.characters.transfer("c9", "org", org_id="o1"),
        "POST", "/api/v1/characters/c9/transfer", {"destination": "org", "orgId": "o1"},
        repeat="never", answer={"ok": True},
    ),
    Route(
        "motive", characters.get_motive("c9", "p1"), lambda c: c.characters.get_motive("c9"),
        "GET", "/api/v1/characters/c9/motive?playerId=p1",
        answer={
            "motive": "tea", "characterId": "c9", "playerId": "p1", "updatedAt": "2026-01-02"
        },
        read=Motive,
    ),
    Route(
        "set motive", characters.set_motive("c9", "q", "tea"),
        lambda c: c.characters.set_motive("c9", "tea", "q"),
        "PATCH", "/api/v1/characters/c9/motive?playerId=q", {"motive": "tea"}, repeat="never",
        answer={"motive": "tea", "characterId": "c9"}, read=Motive,
    ),
    Route(
        "clear motive", characters.clear_motive("c9", "p1"),
        lambda c: c.characters.clear_motive("c9"),
        "DELETE", "/api/v1/characters/c9/motive?playerId=p1", repeat="never",
        answer={"message": "gone"},
    ),
    Route(
        "try an endpoint", characters.try_api_endpoint("c9", TOOL, {"city": "Bonn"}),
        lambda c: c.characters.test_api_endpoint("c9", TOOL, {"city": "Bonn"}),
        "POST", "/api/v1/characters/c9/api-endpoints/test",
        {"endpoint": TOOL, "arguments": {"city": "Bonn"}}, repeat="never",
        answer={"status": 200},
    ),
    Route(
        "avatar", characters.set_avatar("c9", IMAGE, boundary="b" * 32),
        lambda c: c.characters.set_avatar("c9", PNG),
        "PUT", "/api/v1/characters/c9/avatar", IMAGE, answer={"avatar": "https://x/a"},
    ),
    Route(
        "model file",
        characters.set_model(
            "c9", File("model.glb", "model/gltf-binary", GLB), boundary="b" * 32
        ),
        lambda c: c.characters.set_model("c9", GLB),
        "PUT", "/api/v1/characters/c9/model-file", File("model.glb", "model/gltf-binary", GLB),
        answer={"modelUrl": "https://x/m"},
    ),
]  # fmt: skip
GENERATION = [
    Route(
        "image to character",
        generation.image_to_character(
            IMAGE, idempotency_key="k" * 32, boundary="b" * 32, tts_provider="own",
            appearance_prompt="a", voice_prompt="v", persona_prompt="p", use_default_voice=True,
        ),
        lambda c: c.generate.image_to_character(
            PNG, idempotency_key="k" * 32, tts_provider="own", appearance_prompt="a",
            voice_prompt="v", persona_prompt="p", use_default_voice=True,
        ),
        "POST", "/api/v1/characters/from-image", IMAGE, names_player=True, repeat="keyed",
        status=201, answer=GENERATED, read=GeneratedCharacter,
    ),
    Route(
        "generate model", generation.generate_model("c9"),
        lambda c: c.generate.generate_model("c9"),
        "POST", "/api/v1/characters/c9/model", {}, names_player=True, repeat="never", status=202,
        answer={"characterId": "c9", "modelStatus": "generating", "rigged": False},
        read=ModelStarted,
    ),
    Route(
        "generate rigged model", generation.generate_model("c9", rigged=True),
        lambda c: c.generate.generate_model("c9", rigged=True),
        "POST", "/api/v1/characters/c9/model", {"rigged": True}, names_player=True,
        repeat="never", status=202,
        answer={"characterId": "c9", "modelStatus": "generating", "rigged": True},
        read=ModelStarted,
    ),
    Route(
        "model status", generation.get_model_status("c9"),
        lambda c: c.generate.get_model_status("c9"),
        "GET", "/api/v1/characters/c9/model", answer=STATUS, read=ModelStatus,
    ),
]  # fmt: skip
SHARES = [
    Route(
        "create share", shares.create_share("c9"), lambda c: c.shares.create_share("c9"),
        "POST", "/api/v1/share",
        {
            "characterId": "c9", "permanent": False, "memorySharing": "isolated", "ttl": "7d",
            "maxExchanges": 5,
        },
        access="bearer", repeat="never", answer=SHARE, read=Share,
    ),
    Route(
        "create permanent share",
        shares.create_share("c9", permanent=True, memory_sharing="shared", max_interactions=3),
        lambda c: c.shares.create_share(
            "c9", True, memory_sharing="shared", max_interactions=3
        ),
        "POST", "/api/v1/share",
        {
            "characterId": "c9", "permanent": True, "memorySharing": "shared",
            "maxInteractions": 3,
        },
        access="bearer", repeat="never", answer=SHARE, read=Share,
    ),
    Route(
        "open share", shares.open_share("sh_1/2"), lambda c: c.shares.open_share("sh_1/2"),
        "POST", "/api/v1/share/sh_1%2F2/open", access="none", repeat="never",
        answer=SESSION, read=SharedSession,
    ),
    Route(
        "exchange", shares.exchange_share_token("shr_token", "me"),
        lambda c: c.shares.exchange_share_token("shr_token", "me"),
        "POST", "/api/v1/share/shr_token/exchange", {"recipientId": "me"}, access="none",
        repeat="never", answer=SESSION, read=SharedSession,
    ),
    Route(
        "exchange as nobody", shares.exchange_share_token("shr_token"),
        lambda c: c.shares.exchange_share_token("shr_token"),
        "POST", "/api/v1/share/shr_token/exchange", {}, access="none", repeat="never",
        answer=SESSION, read=SharedSession,
    ),
    Route(
        "shares", shares.list_character_shares("c9"),
        lambda c: c.shares.list_character_shares("c9"),
        "GET", "/api/v1/share/character/c9", access="bearer",
        answer={"shares": [SHARE]}, read=ShareList,
    ),
    Route(
        "revoke", shares.revoke_share_token("r1"), lambda c: c.shares.revoke_share_token("r1"),
        "DELETE", "/api/v1/share/r1", access="bearer", repeat="never",
        answer={"revoked": 1, "killedSessions": 2, "removedSessionBlobs": 3}, read=ShareRevoked,
    ),
    Route(
        "revoke many", shares.bulk_revoke_by_api_key("k1"),
        lambda c: c.shares.bulk_revoke_by_api_key("k1"),
        "DELETE", "/api/v1/share/by-api-key/k1", access="bearer", repeat="never",
        answer={"revoked": 4, "killedSessions": 5, "removedSessionBlobs": 6}, read=ShareRevoked,
    ),
]  # fmt: skip
TURNS = [
    Route(
        "turn", turns.turn("c1", "p1", "Hi"), lambda c: c.turn("Hi"),
        "POST", f"{C}/turn", {"message": "Hi", "playerId": "p1"}, repeat="never",
        answer=TURN, read=TurnResult,
    ),
    Route(
        "turn with everything",
        turns.turn(
            "c9", "q", "Hi", timeout_seconds=9, remember=False, speaker_name="Bo",
            callback_url="https://x/cb", callback_context={"a": 1},
        ),
        lambda c: c.turn(
            "Hi", character_id="c9", player_id="q", timeout_seconds=9, remember=False,
            speaker_name="Bo", callback_url="https://x/cb", callback_context={"a": 1},
        ),
        "POST", "/api/v1/characters/c9/turn",
        {
            "message": "Hi", "playerId": "q", "timeoutSeconds": 9, "remember": False,
            "speakerName": "Bo", "callbackUrl": "https://x/cb", "callbackContext": {"a": 1},
        },
        repeat="never", answer=TURN, read=TurnResult,
    ),
    Route(
        "encounter", turns.start_encounter("c1", "c2", prompt="Meet", max_turns=4),
        lambda c: c.encounters.start("c1", "c2", prompt="Meet", max_turns=4),
        "POST", "/api/v1/encounters",
        {"characterAId": "c1", "characterBId": "c2", "prompt": "Meet", "maxTurns": 4},
        repeat="never", status=202,
        answer={
            "encounterId": "e1", "status": "running", "characterAId": "c1",
            "characterBId": "c2", "maxTurns": 4,
        },
        read=Encounter,
    ),
]  # fmt: skip
ROUTES = MEMORIES + PLAYERS + CHARACTERS + GENERATION + SHARES + TURNS
BY_NAME = {route.name: route for route in ROUTES}


def body_of(route: Route) -> bytes:
    """The answer as it travels."""
    return json.dumps(route.answer).encode()
