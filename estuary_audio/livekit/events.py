"""What a room tells: sound, the state of who speaks, and what becomes of the room itself.

`identity` is a participant's, as its token names it.
"""

from __future__ import annotations

from typing import ClassVar

from estuary_proto.events import Event, event


class RoomEvent(Event):
    """What all of these have in common: a name."""

    __slots__ = ()
    NAME: ClassVar[str]


@event
class BotAudio(RoomEvent):
    """The next 20 ms that were heard, all voices together: PCM16 mono at `rate` Hz.

    In order; silence too, as long as a track is heard.
    """

    NAME: ClassVar[str] = "room_audio"
    pcm: bytes
    rate: int

    def __repr__(self) -> str:
        return f"BotAudio({len(self.pcm)} bytes, rate={self.rate})"


@event
class BotState(RoomEvent):
    """The attributes `estuary.state` and `estuary.message_id` of a participant (PROTOCOL 3).

    `state` is "speaking" or "idle", or whatever the server says; "" and None while not set.
    """

    NAME: ClassVar[str] = "room_state"
    identity: str
    state: str
    message_id: str | None


@event
class ParticipantJoined(RoomEvent):
    """A participant that may be heard is there; those who came before us are told first."""

    NAME: ClassVar[str] = "room_joined"
    identity: str


@event
class ParticipantLeft(RoomEvent):
    """A participant that could be heard has gone."""

    NAME: ClassVar[str] = "room_left"
    identity: str


@event
class TrackStarted(RoomEvent):
    """A participant's voice is heard from here on; a replaced track starts anew."""

    NAME: ClassVar[str] = "room_track_started"
    identity: str
    track: str


@event
class TrackEnded(RoomEvent):
    """A participant's track is heard no more."""

    NAME: ClassVar[str] = "room_track_ended"
    identity: str
    track: str


@event
class RoomReconnecting(RoomEvent):
    """The way to the server is broken and being mended; sound may be missing."""

    NAME: ClassVar[str] = "room_reconnecting"


@event
class RoomReconnected(RoomEvent):
    """The way to the server is mended, and what was published is there again."""

    NAME: ClassVar[str] = "room_reconnected"


@event
class RoomLost(RoomEvent):
    """The room is over for us, and nothing comes after this.

    `reason` is LiveKit's, in lower case: "room_deleted", "participant_removed",
    "duplicate_identity", "server_shutdown", "signal_close", …
    """

    NAME: ClassVar[str] = "room_lost"
    reason: str
