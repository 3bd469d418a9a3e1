"""A LiveKit room: a voice goes out, others come in, on asyncio and trio (PROTOCOL 4.3).

    async with open_room(url, token) as room:
        await room.send_audio(pcm)
        async for event in room:
            match event:
                case BotAudio(pcm, rate): ...

It serves both ends: the user's, which publishes a microphone and hears the character, and the
gateway's, which publishes the character's voice, hears the user and sets attributes. It needs the
extra `[livekit]`; without it, opening a room raises LIVEKIT_UNAVAILABLE.
"""

from __future__ import annotations

from estuary_audio.livekit.events import (
    BotAudio,
    BotState,
    ParticipantJoined,
    ParticipantLeft,
    RoomEvent,
    RoomLost,
    RoomReconnected,
    RoomReconnecting,
    TrackEnded,
    TrackStarted,
)
from estuary_audio.livekit.options import Processing
from estuary_audio.livekit.room import Room, open_room

__all__ = [
    "BotAudio",
    "BotState",
    "ParticipantJoined",
    "ParticipantLeft",
    "Processing",
    "Room",
    "RoomEvent",
    "RoomLost",
    "RoomReconnected",
    "RoomReconnecting",
    "TrackEnded",
    "TrackStarted",
    "open_room",
]
