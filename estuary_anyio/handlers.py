"""What a handler of each event takes, for type checkers (seed 001, API 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable

    from estuary_proto.errors import EstuaryError
    from estuary_proto.events import (
        AudioDropped,
        ListenerOverflow,
        PlaybackComplete,
        PlaybackStarted,
    )
    from estuary_proto.messages import UnknownEvent
    from estuary_proto.models import (
        AgentConversationComplete,
        AgentTurnComplete,
        AgentTurnText,
        AgentTurnVoice,
        ApiEndpointResult,
        BotAnimation,
        BotPose,
        BotResponse,
        BotVoice,
        CameraCaptureRequest,
        CharacterAction,
        ConnectionState,
        DelegationUpdate,
        EncounterEnd,
        EncounterMessage,
        EncounterVoice,
        InterruptData,
        LiveKitReady,
        LiveKitToken,
        MemoryUpdatedEvent,
        ModerationFlag,
        ModerationWarning,
        MotiveUpdated,
        QuotaExceededData,
        SessionInfo,
        SessionRejected,
        SessionTimeout,
        SttResponse,
        TurnMetrics,
        VoiceTimeout,
    )

T = TypeVar("T")

To: TypeAlias = "Callable[[T], Any]"
"""A handler of something."""
By: TypeAlias = "Callable[[Callable[[T], Any]], Callable[[T], Any]]"
"""What decorates one."""


class AnyHandler(Protocol):
    """A handler of whatever comes, for names that are known only at run time."""

    def __call__(self, *args: object) -> Any:
        """Called with the arguments of the event."""


class Register(Protocol):
    """Call `handler` for every event of this name (`once`: for the next one); also a decorator.

    Plain functions are called at once, coroutine functions one call after the other in a task of
    their own. `"*"` is every event. An unknown name raises ValueError with the nearest one.
    """

    # --- what the connection does -------------------------------------------------------------

    @overload
    def __call__(self, name: Literal["connected"], handler: To[SessionInfo]) -> To[SessionInfo]: ...
    @overload
    def __call__(self, name: Literal["connected"]) -> By[SessionInfo]: ...
    @overload
    def __call__(self, name: Literal["disconnected"], handler: To[str]) -> To[str]: ...
    @overload
    def __call__(self, name: Literal["disconnected"]) -> By[str]: ...
    @overload
    def __call__(self, name: Literal["reconnecting"], handler: To[int]) -> To[int]: ...
    @overload
    def __call__(self, name: Literal["reconnecting"]) -> By[int]: ...
    @overload
    def __call__(
        self, name: Literal["connection_state_changed"], handler: To[ConnectionState]
    ) -> To[ConnectionState]: ...
    @overload
    def __call__(self, name: Literal["connection_state_changed"]) -> By[ConnectionState]: ...
    @overload
    def __call__(self, name: Literal["error"], handler: To[EstuaryError]) -> To[EstuaryError]: ...
    @overload
    def __call__(self, name: Literal["error"]) -> By[EstuaryError]: ...
    @overload
    def __call__(
        self, name: Literal["auth_error", "voice_error", "livekit_error"], handler: To[str]
    ) -> To[str]: ...
    @overload
    def __call__(self, name: Literal["auth_error", "voice_error", "livekit_error"]) -> By[str]: ...
    @overload
    def __call__(
        self, name: Literal["quota_exceeded"], handler: To[QuotaExceededData]
    ) -> To[QuotaExceededData]: ...
    @overload
    def __call__(self, name: Literal["quota_exceeded"]) -> By[QuotaExceededData]: ...
    @overload
    def __call__(
        self, name: Literal["session_timeout"], handler: To[SessionTimeout]
    ) -> To[SessionTimeout]: ...
    @overload
    def __call__(self, name: Literal["session_timeout"]) -> By[SessionTimeout]: ...
    @overload
    def __call__(
        self, name: Literal["session_rejected"], handler: To[SessionRejected]
    ) -> To[SessionRejected]: ...
    @overload
    def __call__(self, name: Literal["session_rejected"]) -> By[SessionRejected]: ...
    @overload
    def __call__(
        self, name: Literal["moderation_warning"], handler: To[ModerationWarning]
    ) -> To[ModerationWarning]: ...
    @overload
    def __call__(self, name: Literal["moderation_warning"]) -> By[ModerationWarning]: ...
    @overload
    def __call__(
        self, name: Literal["moderation_flag"], handler: To[ModerationFlag]
    ) -> To[ModerationFlag]: ...
    @overload
    def __call__(self, name: Literal["moderation_flag"]) -> By[ModerationFlag]: ...

    # --- the conversation ---------------------------------------------------------------------

    @overload
    def __call__(
        self, name: Literal["bot_response"], handler: To[BotResponse]
    ) -> To[BotResponse]: ...
    @overload
    def __call__(self, name: Literal["bot_response"]) -> By[BotResponse]: ...
    @overload
    def __call__(self, name: Literal["bot_voice"], handler: To[BotVoice]) -> To[BotVoice]: ...
    @overload
    def __call__(self, name: Literal["bot_voice"]) -> By[BotVoice]: ...
    @overload
    def __call__(
        self, name: Literal["stt_response"], handler: To[SttResponse]
    ) -> To[SttResponse]: ...
    @overload
    def __call__(self, name: Literal["stt_response"]) -> By[SttResponse]: ...
    @overload
    def __call__(
        self, name: Literal["interrupt"], handler: To[InterruptData]
    ) -> To[InterruptData]: ...
    @overload
    def __call__(self, name: Literal["interrupt"]) -> By[InterruptData]: ...
    @overload
    def __call__(
        self, name: Literal["client_action", "character_action"], handler: To[CharacterAction]
    ) -> To[CharacterAction]: ...
    @overload
    def __call__(
        self, name: Literal["client_action", "character_action"]
    ) -> By[CharacterAction]: ...
    @overload
    def __call__(
        self, name: Literal["camera_capture_request"], handler: To[CameraCaptureRequest]
    ) -> To[CameraCaptureRequest]: ...
    @overload
    def __call__(self, name: Literal["camera_capture_request"]) -> By[CameraCaptureRequest]: ...

    # --- voice --------------------------------------------------------------------------------

    @overload
    def __call__(
        self,
        name: Literal["voice_started", "voice_stopped", "livekit_disconnected"],
        handler: Callable[[], Any],
    ) -> Callable[[], Any]: ...
    @overload
    def __call__(
        self, name: Literal["voice_started", "voice_stopped", "livekit_disconnected"]
    ) -> Callable[[Callable[[], Any]], Callable[[], Any]]: ...
    @overload
    def __call__(
        self, name: Literal["voice_timeout"], handler: To[VoiceTimeout]
    ) -> To[VoiceTimeout]: ...
    @overload
    def __call__(self, name: Literal["voice_timeout"]) -> By[VoiceTimeout]: ...
    @overload
    def __call__(self, name: Literal["audio_received"], handler: To[bytes]) -> To[bytes]: ...
    @overload
    def __call__(self, name: Literal["audio_received"]) -> By[bytes]: ...
    @overload
    def __call__(
        self, name: Literal["audio_dropped"], handler: To[AudioDropped]
    ) -> To[AudioDropped]: ...
    @overload
    def __call__(self, name: Literal["audio_dropped"]) -> By[AudioDropped]: ...
    @overload
    def __call__(self, name: Literal["livekit_connected"], handler: To[str]) -> To[str]: ...
    @overload
    def __call__(self, name: Literal["livekit_connected"]) -> By[str]: ...
    @overload
    def __call__(
        self, name: Literal["livekit_token"], handler: To[LiveKitToken]
    ) -> To[LiveKitToken]: ...
    @overload
    def __call__(self, name: Literal["livekit_token"]) -> By[LiveKitToken]: ...
    @overload
    def __call__(
        self, name: Literal["livekit_ready"], handler: To[LiveKitReady]
    ) -> To[LiveKitReady]: ...
    @overload
    def __call__(self, name: Literal["livekit_ready"]) -> By[LiveKitReady]: ...
    @overload
    def __call__(
        self, name: Literal["playback_started"], handler: To[PlaybackStarted]
    ) -> To[PlaybackStarted]: ...
    @overload
    def __call__(self, name: Literal["playback_started"]) -> By[PlaybackStarted]: ...
    @overload
    def __call__(
        self, name: Literal["playback_complete"], handler: To[PlaybackComplete]
    ) -> To[PlaybackComplete]: ...
    @overload
    def __call__(self, name: Literal["playback_complete"]) -> By[PlaybackComplete]: ...
    @overload
    def __call__(self, name: Literal["bot_audio_level"], handler: To[Any]) -> To[Any]: ...
    @overload
    def __call__(self, name: Literal["bot_audio_level"]) -> By[Any]: ...

    # --- the rest -----------------------------------------------------------------------------

    @overload
    def __call__(
        self, name: Literal["memory_updated"], handler: To[MemoryUpdatedEvent]
    ) -> To[MemoryUpdatedEvent]: ...
    @overload
    def __call__(self, name: Literal["memory_updated"]) -> By[MemoryUpdatedEvent]: ...
    @overload
    def __call__(
        self, name: Literal["motive_updated"], handler: To[MotiveUpdated]
    ) -> To[MotiveUpdated]: ...
    @overload
    def __call__(self, name: Literal["motive_updated"]) -> By[MotiveUpdated]: ...
    @overload
    def __call__(
        self, name: Literal["delegation_update"], handler: To[DelegationUpdate]
    ) -> To[DelegationUpdate]: ...
    @overload
    def __call__(self, name: Literal["delegation_update"]) -> By[DelegationUpdate]: ...
    @overload
    def __call__(
        self, name: Literal["api_endpoint_result"], handler: To[ApiEndpointResult]
    ) -> To[ApiEndpointResult]: ...
    @overload
    def __call__(self, name: Literal["api_endpoint_result"]) -> By[ApiEndpointResult]: ...
    @overload
    def __call__(
        self, name: Literal["turn_metrics"], handler: To[TurnMetrics]
    ) -> To[TurnMetrics]: ...
    @overload
    def __call__(self, name: Literal["turn_metrics"]) -> By[TurnMetrics]: ...
    @overload
    def __call__(
        self, name: Literal["agent_turn_text"], handler: To[AgentTurnText]
    ) -> To[AgentTurnText]: ...
    @overload
    def __call__(self, name: Literal["agent_turn_text"]) -> By[AgentTurnText]: ...
    @overload
    def __call__(
        self, name: Literal["agent_turn_voice"], handler: To[AgentTurnVoice]
    ) -> To[AgentTurnVoice]: ...
    @overload
    def __call__(self, name: Literal["agent_turn_voice"]) -> By[AgentTurnVoice]: ...
    @overload
    def __call__(
        self, name: Literal["agent_turn_complete"], handler: To[AgentTurnComplete]
    ) -> To[AgentTurnComplete]: ...
    @overload
    def __call__(self, name: Literal["agent_turn_complete"]) -> By[AgentTurnComplete]: ...
    @overload
    def __call__(
        self, name: Literal["agent_conversation_complete"], handler: To[AgentConversationComplete]
    ) -> To[AgentConversationComplete]: ...
    @overload
    def __call__(
        self, name: Literal["agent_conversation_complete"]
    ) -> By[AgentConversationComplete]: ...
    @overload
    def __call__(
        self, name: Literal["encounter_message"], handler: To[EncounterMessage]
    ) -> To[EncounterMessage]: ...
    @overload
    def __call__(self, name: Literal["encounter_message"]) -> By[EncounterMessage]: ...
    @overload
    def __call__(
        self, name: Literal["encounter_voice"], handler: To[EncounterVoice]
    ) -> To[EncounterVoice]: ...
    @overload
    def __call__(self, name: Literal["encounter_voice"]) -> By[EncounterVoice]: ...
    @overload
    def __call__(
        self, name: Literal["encounter_end"], handler: To[EncounterEnd]
    ) -> To[EncounterEnd]: ...
    @overload
    def __call__(self, name: Literal["encounter_end"]) -> By[EncounterEnd]: ...
    @overload
    def __call__(
        self, name: Literal["bot_animation"], handler: To[BotAnimation]
    ) -> To[BotAnimation]: ...
    @overload
    def __call__(self, name: Literal["bot_animation"]) -> By[BotAnimation]: ...
    @overload
    def __call__(self, name: Literal["bot_pose"], handler: To[BotPose]) -> To[BotPose]: ...
    @overload
    def __call__(self, name: Literal["bot_pose"]) -> By[BotPose]: ...
    @overload
    def __call__(
        self, name: Literal["listener_overflow"], handler: To[ListenerOverflow]
    ) -> To[ListenerOverflow]: ...
    @overload
    def __call__(self, name: Literal["listener_overflow"]) -> By[ListenerOverflow]: ...
    @overload
    def __call__(
        self, name: Literal["unknown_event"], handler: To[UnknownEvent]
    ) -> To[UnknownEvent]: ...
    @overload
    def __call__(self, name: Literal["unknown_event"]) -> By[UnknownEvent]: ...
    @overload
    def __call__(self, name: Literal["*"], handler: To[Any]) -> To[Any]: ...
    @overload
    def __call__(self, name: Literal["*"]) -> By[Any]: ...

    # --- names that are known only at run time ------------------------------------------------

    @overload
    def __call__(self, name: str, handler: AnyHandler) -> Any: ...
