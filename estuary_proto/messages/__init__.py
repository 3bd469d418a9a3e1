"""Estuary's vocabulary as two tables: (who sends it, its wire name) -> class.

    read(Role.SERVER, "bot_voice", [{...}])  -> BotVoice(...)
    write(SendText("hi"))                    -> ("text", [{"text": "hi"}])

Both roles use the same tables, each from its own side. The classes are loaded with their theme when
the first message of their name passes. A name that the tables do not know for that sender becomes
an `UnknownEvent`, so nothing is dropped in silence.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from estuary_proto.errors import LocalProtocolError
from estuary_proto.messages.unknown import UnknownEvent
from estuary_proto.models.base import Model, reader_of
from estuary_proto.states import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "TO_CLIENT",
    "TO_SERVER",
    "UnknownEvent",
    "all_messages",
    "class_of",
    "may_send",
    "read",
    "write",
]

TO_SERVER: dict[str, str] = {
    "authenticate": "intents.Authenticate",
    "renew_authentication": "intents.RenewAuthentication",
    "text": "intents.SendText",
    "say_line": "intents.SayLine",
    "client_interrupt": "intents.Interrupt",
    "start_voice": "intents.StartVoice",
    "stop_voice": "intents.StopVoice",
    "stream_audio": "intents.StreamAudio",
    "livekit_token": "intents.LiveKitTokenRequest",
    "livekit_join": "intents.LiveKitJoin",
    "livekit_leave": "intents.LiveKitLeave",
    "livekit_mute": "intents.LiveKitMute",
    "camera_image": "intents.SendCameraImage",
    "update_preferences": "intents.UpdatePreferences",
    "audio_playback_complete": "intents.AudioPlaybackComplete",
    "start_agent_conversation": "intents.StartAgentConversation",
    "stop_agent_conversation": "intents.StopAgentConversation",
    "subscribe_encounter": "intents.SubscribeEncounter",
}
"""What a client may send (PROTOCOL 2): wire name -> where its class lives."""

TO_CLIENT: dict[str, str] = {
    "session_info": "models.session.SessionInfo",
    "session_timeout": "models.session.SessionTimeout",
    "session_rejected": "models.session.SessionRejected",
    "quota_exceeded": "models.session.QuotaExceededData",
    "auth_error": "models.session.AuthError",
    "error": "models.session.ErrorEvent",
    "moderation_warning": "models.session.ModerationWarning",
    "moderation_flag": "models.session.ModerationFlag",
    "bot_response": "models.conversation.ResponseChunk",
    "bot_voice": "models.conversation.BotVoice",
    "stt_response": "models.conversation.SttResponse",
    "interrupt": "models.conversation.InterruptData",
    "client_action": "models.conversation.CharacterAction",
    "camera_capture": "models.conversation.CameraCaptureRequest",
    "voice_started": "models.voice.VoiceStarted",
    "voice_stopped": "models.voice.VoiceStopped",
    "voice_error": "models.voice.VoiceError",
    "voice_timeout": "models.voice.VoiceTimeout",
    "livekit_token": "models.voice.LiveKitToken",
    "livekit_ready": "models.voice.LiveKitReady",
    "livekit_error": "models.voice.LiveKitError",
    "memory_updated": "models.memory.MemoryUpdatedEvent",
    "agent_turn_text": "models.agents.AgentTurnText",
    "agent_turn_voice": "models.agents.AgentTurnVoice",
    "agent_turn_complete": "models.agents.AgentTurnComplete",
    "agent_conversation_complete": "models.agents.AgentConversationComplete",
    "motive_updated": "models.extras.MotiveUpdated",
    "delegation_update": "models.extras.DelegationUpdate",
    "api_endpoint_result": "models.extras.ApiEndpointResult",
    "turn_metrics": "models.extras.TurnMetrics",
    "encounter_message": "models.extras.EncounterMessage",
    "encounter_voice": "models.extras.EncounterVoice",
    "encounter_end": "models.extras.EncounterEnd",
    "bot_animation": "models.extras.BotAnimation",
    "bot_pose": "models.extras.BotPose",
}
"""What a server may send (PROTOCOL 3): wire name -> where its class lives."""

_TABLES = {Role.CLIENT: TO_SERVER, Role.SERVER: TO_CLIENT}

# The readers found so far. Two plain dicts, since an enum member is slow to hash.
_from_client: dict[str, Callable[[object], Any]] = {}
_from_server: dict[str, Callable[[object], Any]] = {}


def class_of(sender: Role, name: str) -> type[Model] | None:
    """The class of a message by its wire name and who sends it; None if there is none."""
    place = _TABLES[sender].get(name)
    if place is None:
        return None
    module, _, title = place.rpartition(".")
    found: type[Model] = getattr(import_module(f"estuary_proto.{module}"), title)
    return found


def may_send(sender: Role, message: object) -> bool:
    """True when `sender` is the side that this message comes from; an UnknownEvent is anybody's."""
    if isinstance(message, UnknownEvent):
        return True
    name = getattr(message, "WIRE", "")
    if name not in _TABLES[sender]:
        return False
    # One name travels both ways, with a class for each.
    return name not in _TABLES[sender.other] or class_of(sender, name) is type(message)


def all_messages() -> list[tuple[Role, type[Model]]]:
    """Every message that has a class, with who sends it; loads all of them."""
    found = (
        (sender, class_of(sender, name)) for sender, names in _TABLES.items() for name in names
    )
    return [(sender, cls) for sender, cls in found if cls is not None]


def read(sender: Role, name: str, args: Sequence[Any]) -> Model | UnknownEvent:
    """The message in a Socket.IO event. Never raises, whatever `args` hold.

    The first argument is the payload; there may be none, and further ones are ignored. A name that
    is unknown, or that this sender has no business to send, gives an `UnknownEvent` with all
    arguments.
    """
    known = _from_server if sender is Role.SERVER else _from_client
    reader = known.get(name)
    if reader is None:
        cls = class_of(sender, name)
        if cls is None:
            return UnknownEvent(name, tuple(args))
        reader = known[name] = reader_of(cls)
    message: Model = reader(args[0] if args else None)
    return message


def write(message: Model | UnknownEvent) -> tuple[str, list[Any]]:
    """The wire name and the arguments of a message, the payload first and alone.

    Raises LocalProtocolError if a field holds the wrong type, or if this model is no message.
    """
    if isinstance(message, UnknownEvent):
        return message.name, list(message.args)
    name = message.WIRE if isinstance(message, Model) else ""
    if not name:
        raise LocalProtocolError(f"{type(message).__name__} is not a message")
    message.check()
    payload = message.to_dict()
    return name, [payload] if payload or not message.BLANK else []
