"""The names that `client.on` knows, and what a handler of each is called with (seed 001, API 3)."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

EVERYTHING = "*"
"""Handlers of this name get every event object, in the order of the wire."""

NAMES = frozenset(
    """
    connected disconnected reconnecting connection_state_changed error auth_error quota_exceeded
    session_timeout session_rejected moderation_warning moderation_flag
    bot_response bot_voice stt_response interrupt client_action character_action
    camera_capture_request
    voice_started voice_stopped voice_error voice_timeout audio_received audio_dropped
    livekit_connected livekit_disconnected livekit_token livekit_ready livekit_error
    playback_started playback_complete bot_audio_level
    memory_updated motive_updated delegation_update api_endpoint_result turn_metrics
    agent_turn_text agent_turn_voice agent_turn_complete agent_conversation_complete
    encounter_message encounter_voice encounter_end bot_animation bot_pose
    listener_overflow unknown_event
    """.split()
)

ALIASES = {"client_action": ("client_action", "character_action")}
"""An event that more than one name stands for: typed actions and inline tags fire both (API 3)."""


def _nothing(event: Any) -> tuple[Any, ...]:
    return ()


def _itself(event: Any) -> tuple[Any, ...]:
    return (event,)


_ARGUMENTS: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "connected": lambda event: (event.session,),
    "disconnected": lambda event: (event.reason,),
    "reconnecting": lambda event: (event.attempt,),
    "connection_state_changed": lambda event: (event.state,),
    "error": lambda event: (event.error,),
    "auth_error": lambda event: (event.error,),
    "voice_started": _nothing,
    "voice_stopped": _nothing,
    "voice_error": lambda event: (event.error,),
    "livekit_error": lambda event: (event.error,),
    "livekit_connected": lambda event: (event.room,),
    "livekit_disconnected": _nothing,
    "audio_received": lambda event: (event.pcm,),
}


def arguments(name: str) -> Callable[[Any], tuple[Any, ...]]:
    """What turns an event of this name into the arguments of its handlers."""
    return _ARGUMENTS.get(name, _itself)


def check(name: str) -> str:
    """The name, if it is one; raises ValueError with the nearest one else."""
    if name in NAMES or name == EVERYTHING:
        return name
    near = get_close_matches(str(name), NAMES, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"no event is called {name!r}{hint}")
