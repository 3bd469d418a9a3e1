"""What is told of a LiveKit room: the inputs of `Client` for whoever joins rooms (PROTOCOL 4.3).

    client.next_event()                       # … JoinRoom(room=1, url, token, …), LeaveRoom, …
    client.room_joined(1, now=t)
    client.next_room_audio(1)                 # what is to be said there; pulled until None
    client.room_state(1, "speaking", "m1", now=t)
    client.room_left(1, now=t)                # once a room, and last

What concerns another room than the current one is ignored. The sound that is heard does not pass
through here: `room_sounds` says what it belongs to.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from ..errors import SendBlocked
from ..events import LiveKitDisconnected
from ..intents import AudioPlaybackComplete
from ..models.voice import LiveKitToken
from ..playback import PlaybackState
from ..timers import Timer
from .part import Part

if TYPE_CHECKING:
    from ..errors import EstuaryError

UNNAMED: Final = "livekit-audio"
"""The id of what is said in a room without one (PROTOCOL 2, `audio_playback_complete`)."""

JITTER: Final = 0.3
"""Seconds of sound that may still come when the server has fallen silent (PROTOCOL 3)."""


class Indoors(Part):
    """See the module. All inputs take the time, as every other."""

    _heard_in_room: str | None = None
    """The message that is being said there."""
    _said_last = ""
    _fades_until: float = float("-inf")
    """What comes until then belongs to the message that was said last."""

    # --- inputs ----------------------------------------------------------------------------

    def room_joined(self, room: int, *, now: float) -> None:
        """We are in, and the track is there."""
        self._tick(now)
        self.voice._room.joined(room)

    def room_left(
        self,
        room: int,
        error: EstuaryError | None = None,
        *,
        deleted: bool = False,
        now: float,
    ) -> None:
        """We are out, or never came in, and nothing is left of it.

        `error` says why, where it was not wanted; `deleted`: the server has ended the room, or our
        place in it.
        """
        self._tick(now)
        self.voice._room.has_left(room, error, deleted=deleted)
        self._collect()

    def room_spoken(self, room: int, *, now: float) -> None:
        """What was taken by `next_room_audio` has gone out, as `FinishTrack` wanted to know."""
        self._tick(now)
        self.voice._room.has_spoken(room)

    def room_state(self, room: int, state: str, message_id: str | None, *, now: float) -> None:
        """The character's `estuary.state` and `estuary.message_id` in this room (PROTOCOL 3)."""
        now = self._tick(now)
        if room != self.voice.room:
            return
        speaks = (message_id or UNNAMED) if state == "speaking" else None
        before = self._heard_in_room
        if before is not None and before != speaks:
            self._fall_silent(before)
        self._heard_in_room = speaks
        if speaks is not None:
            if speaks == UNNAMED and before is None:
                self.playback.forget(speaks)  # Another one than the last without a name.
            self.playback.started(speaks, now)
        self._collect()

    def next_room_audio(self, room: int) -> bytes | None:
        """The next piece to say in this room, PCM16 mono at `mic_sample_rate`, 100 ms at most.

        Asking again says that the former one has been handed on. None: there is nothing, until
        `RoomAudioWaits` tells of more.
        """
        return self.voice._room.next_audio(room)

    def room_sounds(self, room: int, *, now: float) -> str | None:
        """The message that belongs to what is heard in this room now, "" where there is none.

        None: it is not to be heard, as its message was interrupted.
        """
        if room != self.voice.room:
            return None
        speaks = self._heard_in_room
        if speaks is None:
            speaks = self._said_last if now < self._fades_until else ""
        cut = speaks and self.playback.state_of(speaks) is PlaybackState.INTERRUPTED
        return None if cut else speaks

    # --- what follows ----------------------------------------------------------------------

    def _fall_silent(self, message_id: str) -> None:
        self._said_last, self._fades_until = message_id, self._now + JITTER
        if self.playback.state_of(message_id) is not PlaybackState.INTERRUPTED:
            with suppress(SendBlocked):  # A peer that does not read hears of nothing.
                self._say(AudioPlaybackComplete(message_id), None)
        self._heard_in_room = None

    def _tell_of_voice(self, event: Any) -> None:
        self._events.append(event)
        if type(event) is LiveKitDisconnected:
            message_id, self._heard_in_room = self._heard_in_room, None
            self._fades_until = float("-inf")
            if message_id is not None:  # The rest of it is not heard any more.
                self.playback.interrupt(message_id, (), self._now)

    def _arm_voice(self, within: float | None) -> None:
        if within is None:
            self._timers.stop(Timer.VOICE)
        else:
            self._timers.start(Timer.VOICE, self._now + within)

    def _offered_room(self) -> LiveKitToken | None:
        session = self.session
        assert session is not None  # Voice starts in one.
        token, url = session.livekit_token or "", session.livekit_url or ""
        room = session.livekit_room or ""
        if not (token or url or room):
            return None
        return LiveKitToken(token if url else "", url, room)
