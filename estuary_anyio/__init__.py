"""Real-time conversations with AI characters, on asyncio or trio.

    async with EstuaryClient(EstuaryConfig(url, key, character, player)) as client:
        await client.connect()
        async for piece in client.ask("Who are you?"):
            print(piece, end="")

Everything that an application needs is here, every data model too. Names load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from estuary_anyio.client import (
        EstuaryClient,
    )
    from estuary_anyio.receipt import (
        Receipt,
    )
    from estuary_anyio.reply import (
        Reply,
    )
    from estuary_anyio.script import (
        Script,
    )
    from estuary_anyio.streams import (
        EventStream,
    )
    from estuary_anyio.voices import (
        ReplyVoice,
    )
    from estuary_proto.config import (
        EstuaryConfig,
        RetryConfig,
        SessionCapabilities,
    )
    from estuary_proto.credentials import (
        ClientCredential,
    )
    from estuary_proto.errors import (
        ConnectionLost,
        ErrorCode,
        EstuaryError,
        LocalProtocolError,
        QuotaExceeded,
        ReplyInterrupted,
        ReplyTimeout,
        SendBlocked,
        WaitTimeout,
    )
    from estuary_proto.events import (
        AudioDropped,
        Connected,
        Disconnected,
        Fault,
        LinesEnd,
        ListenerOverflow,
        Outcome,
        PlaybackComplete,
        PlaybackStarted,
        Reconnecting,
        ReplyEnd,
        StateChanged,
        TextPiece,
    )
    from estuary_proto.messages import (
        UnknownEvent,
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
        ConnectionState,
        CoreFact,
        CoreFactsResponse,
        DelegationUpdate,
        EncounterEnd,
        EncounterMessage,
        EncounterVoice,
        InterruptData,
        LiveKitError,
        LiveKitReady,
        LiveKitToken,
        MemoryData,
        MemoryDeleteResponse,
        MemoryListResponse,
        MemorySearchResponse,
        MemorySearchResult,
        MemoryStats,
        MemoryTimeline,
        MemoryUpdatedEvent,
        ModerationFlag,
        ModerationWarning,
        MotiveUpdated,
        PoseBone,
        QuotaExceededData,
        SessionInfo,
        SessionRejected,
        SessionTimeout,
        SttResponse,
        TimelineEntry,
        TurnMetrics,
        VoiceError,
        VoiceMode,
        VoiceStarted,
        VoiceStopped,
        VoiceTimeout,
        decode_pcm,
        encode_pcm,
    )
    from estuary_proto.playback import (
        PlaybackState,
    )
    from estuary_proto.version import (
        __version__,
    )

_HOMES: dict[str, tuple[str, ...]] = {
    "estuary_anyio.client": ("EstuaryClient",),
    "estuary_anyio.receipt": ("Receipt",),
    "estuary_anyio.reply": ("Reply",),
    "estuary_anyio.streams": ("EventStream",),
    "estuary_anyio.script": ("Script",),
    "estuary_anyio.voices": ("ReplyVoice",),
    "estuary_proto.playback": ("PlaybackState",),
    "estuary_proto.config": (
        "EstuaryConfig",
        "RetryConfig",
        "SessionCapabilities",
    ),
    "estuary_proto.errors": (
        "ConnectionLost",
        "ErrorCode",
        "EstuaryError",
        "LocalProtocolError",
        "QuotaExceeded",
        "ReplyInterrupted",
        "ReplyTimeout",
        "SendBlocked",
        "WaitTimeout",
    ),
    "estuary_proto.events": (
        "AudioDropped",
        "Connected",
        "Disconnected",
        "Fault",
        "LinesEnd",
        "ListenerOverflow",
        "Outcome",
        "PlaybackComplete",
        "PlaybackStarted",
        "Reconnecting",
        "ReplyEnd",
        "StateChanged",
        "TextPiece",
    ),
    "estuary_proto.credentials": ("ClientCredential",),
    "estuary_proto.messages": ("UnknownEvent",),
    "estuary_proto.models": (
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
        "CharacterAction",
        "ConnectionState",
        "CoreFact",
        "CoreFactsResponse",
        "DelegationUpdate",
        "EncounterEnd",
        "EncounterMessage",
        "EncounterVoice",
        "InterruptData",
        "LiveKitError",
        "LiveKitReady",
        "LiveKitToken",
        "MemoryData",
        "MemoryDeleteResponse",
        "MemoryListResponse",
        "MemorySearchResponse",
        "MemorySearchResult",
        "MemoryStats",
        "MemoryTimeline",
        "MemoryUpdatedEvent",
        "ModerationFlag",
        "ModerationWarning",
        "MotiveUpdated",
        "PoseBone",
        "QuotaExceededData",
        "SessionInfo",
        "SessionRejected",
        "SessionTimeout",
        "SttResponse",
        "TimelineEntry",
        "TurnMetrics",
        "VoiceError",
        "VoiceMode",
        "VoiceStarted",
        "VoiceStopped",
        "VoiceTimeout",
        "decode_pcm",
        "encode_pcm",
    ),
    "estuary_proto.version": ("__version__",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AgentConversationComplete",
    "AgentTurnComplete",
    "AgentTurnText",
    "AgentTurnVoice",
    "ApiCitation",
    "ApiEndpointResult",
    "ApiMedia",
    "AudioDropped",
    "AuthError",
    "BotAnimation",
    "BotPose",
    "BotResponse",
    "BotVoice",
    "CameraCaptureRequest",
    "CharacterAction",
    "ClientCredential",
    "Connected",
    "ConnectionLost",
    "ConnectionState",
    "CoreFact",
    "CoreFactsResponse",
    "DelegationUpdate",
    "Disconnected",
    "EncounterEnd",
    "EncounterMessage",
    "EncounterVoice",
    "ErrorCode",
    "EstuaryClient",
    "EstuaryConfig",
    "EstuaryError",
    "EventStream",
    "Fault",
    "InterruptData",
    "LinesEnd",
    "ListenerOverflow",
    "LiveKitError",
    "LiveKitReady",
    "LiveKitToken",
    "LocalProtocolError",
    "MemoryData",
    "MemoryDeleteResponse",
    "MemoryListResponse",
    "MemorySearchResponse",
    "MemorySearchResult",
    "MemoryStats",
    "MemoryTimeline",
    "MemoryUpdatedEvent",
    "ModerationFlag",
    "ModerationWarning",
    "MotiveUpdated",
    "Outcome",
    "PlaybackComplete",
    "PlaybackStarted",
    "PlaybackState",
    "PoseBone",
    "QuotaExceeded",
    "QuotaExceededData",
    "Receipt",
    "Reconnecting",
    "Reply",
    "ReplyEnd",
    "ReplyInterrupted",
    "ReplyTimeout",
    "ReplyVoice",
    "RetryConfig",
    "Script",
    "SendBlocked",
    "SessionCapabilities",
    "SessionInfo",
    "SessionRejected",
    "SessionTimeout",
    "StateChanged",
    "SttResponse",
    "TextPiece",
    "TimelineEntry",
    "TurnMetrics",
    "UnknownEvent",
    "VoiceError",
    "VoiceMode",
    "VoiceStarted",
    "VoiceStopped",
    "VoiceTimeout",
    "WaitTimeout",
    "__version__",
    "decode_pcm",
    "encode_pcm",
]


def __getattr__(name: str) -> Any:
    """Load what is asked for, when it is asked for."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(home), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
