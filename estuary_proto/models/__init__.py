"""The data models (seed 003, PROTOCOL 3): what is received, and what REST calls answer.

They live in themes that load on first use, since defining a hundred frozen dataclasses takes longer
than a program wants to wait for its start: `from estuary_proto.models import BotResponse` loads the
conversation and nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from estuary_proto.models.agents import (
        AgentConversationComplete,
        AgentTurnComplete,
        AgentTurnText,
        AgentTurnVoice,
    )
    from estuary_proto.models.base import Model
    from estuary_proto.models.characters import (
        ActionParameter,
        AgentAction,
        Character,
        CharacterListResponse,
        Encounter,
        Motive,
    )
    from estuary_proto.models.conversation import (
        BotResponse,
        BotVoice,
        CameraCaptureRequest,
        CharacterAction,
        InterruptData,
        ResponseChunk,
        SttResponse,
    )
    from estuary_proto.models.extras import (
        ApiCitation,
        ApiEndpointResult,
        ApiMedia,
        BotAnimation,
        BotPose,
        DelegationUpdate,
        EncounterEnd,
        EncounterMessage,
        EncounterVoice,
        MotiveUpdated,
        PoseBone,
        TurnMetrics,
    )
    from estuary_proto.models.generation import (
        GeneratedCharacter,
        ModelStarted,
        ModelStatus,
    )
    from estuary_proto.models.graph import (
        GraphEdge,
        GraphNode,
        GraphStats,
        MemoryGraph,
    )
    from estuary_proto.models.memory import (
        CoreFact,
        CoreFactsResponse,
        MemoryData,
        MemoryDeleteResponse,
        MemoryListResponse,
        MemorySearchResponse,
        MemorySearchResult,
        MemoryStats,
        MemoryTimeline,
        MemoryUpdatedEvent,
        TimelineEntry,
    )
    from estuary_proto.models.pcm import decode_pcm, encode_pcm
    from estuary_proto.models.players import (
        Pagination,
        PlayerConversation,
        PlayerConversationList,
        PlayerMessage,
        PlayerMessageList,
        PlayerStats,
    )
    from estuary_proto.models.session import (
        AuthError,
        ConnectionState,
        ErrorEvent,
        ModerationFlag,
        ModerationWarning,
        QuotaExceededData,
        SessionInfo,
        SessionRejected,
        SessionTimeout,
        VoiceMode,
    )
    from estuary_proto.models.shares import (
        Share,
        SharedSession,
        ShareList,
        ShareRevoked,
    )
    from estuary_proto.models.turns import (
        TurnResult,
        TurnText,
    )
    from estuary_proto.models.voice import (
        LiveKitError,
        LiveKitReady,
        LiveKitToken,
        VoiceError,
        VoiceStarted,
        VoiceStopped,
        VoiceTimeout,
    )

_THEMES: dict[str, tuple[str, ...]] = {
    "agents": (
        "AgentConversationComplete",
        "AgentTurnComplete",
        "AgentTurnText",
        "AgentTurnVoice",
    ),
    "base": ("Model",),
    "conversation": (
        "BotResponse",
        "BotVoice",
        "CameraCaptureRequest",
        "CharacterAction",
        "InterruptData",
        "ResponseChunk",
        "SttResponse",
    ),
    "extras": (
        "ApiCitation",
        "ApiEndpointResult",
        "ApiMedia",
        "BotAnimation",
        "BotPose",
        "DelegationUpdate",
        "EncounterEnd",
        "EncounterMessage",
        "EncounterVoice",
        "MotiveUpdated",
        "PoseBone",
        "TurnMetrics",
    ),
    "characters": (
        "ActionParameter",
        "AgentAction",
        "Character",
        "CharacterListResponse",
        "Encounter",
        "Motive",
    ),
    "generation": (
        "GeneratedCharacter",
        "ModelStarted",
        "ModelStatus",
    ),
    "graph": (
        "GraphEdge",
        "GraphNode",
        "GraphStats",
        "MemoryGraph",
    ),
    "players": (
        "Pagination",
        "PlayerConversation",
        "PlayerConversationList",
        "PlayerMessage",
        "PlayerMessageList",
        "PlayerStats",
    ),
    "shares": (
        "Share",
        "ShareList",
        "ShareRevoked",
        "SharedSession",
    ),
    "turns": (
        "TurnResult",
        "TurnText",
    ),
    "memory": (
        "CoreFact",
        "CoreFactsResponse",
        "MemoryData",
        "MemoryDeleteResponse",
        "MemoryListResponse",
        "MemorySearchResponse",
        "MemorySearchResult",
        "MemoryStats",
        "MemoryTimeline",
        "MemoryUpdatedEvent",
        "TimelineEntry",
    ),
    "pcm": (
        "decode_pcm",
        "encode_pcm",
    ),
    "session": (
        "AuthError",
        "ConnectionState",
        "ErrorEvent",
        "ModerationFlag",
        "ModerationWarning",
        "QuotaExceededData",
        "SessionInfo",
        "SessionRejected",
        "SessionTimeout",
        "VoiceMode",
    ),
    "voice": (
        "LiveKitError",
        "LiveKitReady",
        "LiveKitToken",
        "VoiceError",
        "VoiceStarted",
        "VoiceStopped",
        "VoiceTimeout",
    ),
}
_HOMES = {name: theme for theme, names in _THEMES.items() for name in names}

__all__ = [
    "ActionParameter",
    "AgentAction",
    "AgentConversationComplete",
    "AgentTurnComplete",
    "AgentTurnText",
    "AgentTurnVoice",
    "ApiCitation",
    "ApiEndpointResult",
    "ApiMedia",
    "AuthError",
    "BotAnimation",
    "BotPose",
    "BotResponse",
    "BotVoice",
    "CameraCaptureRequest",
    "Character",
    "CharacterAction",
    "CharacterListResponse",
    "ConnectionState",
    "CoreFact",
    "CoreFactsResponse",
    "DelegationUpdate",
    "Encounter",
    "EncounterEnd",
    "EncounterMessage",
    "EncounterVoice",
    "ErrorEvent",
    "GeneratedCharacter",
    "GraphEdge",
    "GraphNode",
    "GraphStats",
    "InterruptData",
    "LiveKitError",
    "LiveKitReady",
    "LiveKitToken",
    "MemoryData",
    "MemoryDeleteResponse",
    "MemoryGraph",
    "MemoryListResponse",
    "MemorySearchResponse",
    "MemorySearchResult",
    "MemoryStats",
    "MemoryTimeline",
    "MemoryUpdatedEvent",
    "Model",
    "ModelStarted",
    "ModelStatus",
    "ModerationFlag",
    "ModerationWarning",
    "Motive",
    "MotiveUpdated",
    "Pagination",
    "PlayerConversation",
    "PlayerConversationList",
    "PlayerMessage",
    "PlayerMessageList",
    "PlayerStats",
    "PoseBone",
    "QuotaExceededData",
    "ResponseChunk",
    "SessionInfo",
    "SessionRejected",
    "SessionTimeout",
    "Share",
    "ShareList",
    "ShareRevoked",
    "SharedSession",
    "SttResponse",
    "TimelineEntry",
    "TurnMetrics",
    "TurnResult",
    "TurnText",
    "VoiceError",
    "VoiceMode",
    "VoiceStarted",
    "VoiceStopped",
    "VoiceTimeout",
    "decode_pcm",
    "encode_pcm",
]


def __getattr__(name: str) -> Any:
    """Load the theme of a model when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
