"""The LiveKit room of a voice: from the token to the character's readiness, and out (PROTOCOL 4.3).

It joins nothing itself: what is to be done goes out as commands (`JoinRoom`, `LeaveRoom` …) with
the room's number, and whoever does it reports under that number. The rules:

1. A token is asked for each time, also where the session brought one: the question is what warms
   the server up. The one that it brought is joined with meanwhile, once; when that fails, the
   answer counts. An answer for the same room changes nothing.
2. `livekit_join` follows the join, and the room may be used when the server says `livekit_ready`.
   All of this has `voice_start_timeout` seconds.
3. However it ends, the driver is told to leave, and the server that we have left, unless it has
   ended it by itself.
4. Sound is taken from here as the track takes it. The track is muted unless something may be said.
"""

from __future__ import annotations

from contextlib import suppress
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Protocol

from .errors import ErrorCode, EstuaryError, SendBlocked
from .events import (
    FinishTrack,
    JoinRoom,
    LeaveRoom,
    LiveKitConnected,
    LiveKitDisconnected,
    MuteTrack,
    RoomAudioWaits,
    Writable,
)
from .intents import LiveKitJoin, LiveKitLeave, LiveKitMute, LiveKitTokenRequest
from .models.voice import LiveKitError, LiveKitReady, LiveKitToken
from .room_track import Track

if TYPE_CHECKING:
    from .config import EstuaryConfig
    from .microphone import Losses
    from .voice_outlet import Outlet

LEFT_WITHIN: Final = 5.0
"""Seconds after which a room counts as left, or its track as empty, whatever the driver does."""


class Stage(Enum):
    """Where we are."""

    OUT = auto()
    ASKED = auto()
    """A token is awaited."""
    JOINING = auto()
    JOINED = auto()
    """The character is awaited."""
    READY = auto()
    LEAVING = auto()
    """The driver empties and releases it."""


_INSIDE: Final = frozenset({Stage.JOINING, Stage.JOINED, Stage.READY})
_ENTERING: Final = frozenset({Stage.ASKED, Stage.JOINING, Stage.JOINED})


class Host(Protocol):
    """Who wants the room."""

    def entered(self) -> None:
        """It may be used."""

    def refused(self, error: EstuaryError) -> None:
        """It could not be entered, and we are out."""

    def spoken(self) -> None:
        """What was said has gone out, as `finish` wanted to know."""

    def left(self) -> None:
        """We are out, as was wanted."""

    def room_lost(self, error: EstuaryError, *, deleted: bool) -> None:
        """We are out: the server has `deleted` the room, or the network failed.

        What the server should know is for the host to say.
        """


class Room:
    """See the module. The methods raise nothing but what `say` does."""

    def __init__(self, config: EstuaryConfig, outlet: Outlet, losses: Losses, host: Host) -> None:
        self.stage: Stage = Stage.OUT
        self.number: int = 0
        """Of the newest room that was to be joined; 0 before there was any."""
        self.name: str = ""
        self.ready_at: float = 0.0
        self._config = config
        self._out = outlet
        self._losses = losses
        self._host = host
        self._track = Track(config.audio_backlog)
        self._turn_mode: str | None = None
        self._muted = False
        self._spare: LiveKitToken | None = None
        self._answered = False
        self._greeted = False
        """The character was there before us."""
        self._connected = False
        self._finishing = False
        self._waits = False
        """The driver knows that there is something to say."""

    # --- what voice wants ------------------------------------------------------------------

    def enter(self, turn_mode: str | None, brought: LiveKitToken | None, *, muted: bool) -> None:
        """Ask for the room, and join it with the token that the session `brought`, if it did."""
        self.stage = Stage.ASKED
        self._turn_mode = turn_mode
        self._muted = muted
        self._spare = None
        self._answered = self._greeted = False
        self._out.submit(LiveKitTokenRequest(turn_mode), None)
        self._out.arm(self._config.voice_start_timeout)
        if brought is not None:
            self._join(brought)

    def leave(self) -> None:
        """Leave it behind what was said; `left` follows, perhaps at once."""
        if self.stage is Stage.ASKED:
            self._out.submit(LiveKitLeave(), None)
            self._be_out()
            self._host.left()
        elif self.stage is Stage.OUT:
            self._host.left()
        elif self.stage in _INSIDE:
            self.stage = Stage.LEAVING
            self._finishing = False
            self._out.arm(LEFT_WITHIN)
            self._out.tell(LeaveRoom(self.number, drain=True))

    def withdraw(self, *, says: bool) -> None:
        """Leave it at once; `says`: the server is told."""
        if self.stage is Stage.OUT:
            return
        if self.stage is not Stage.ASKED:
            self._out.tell(LeaveRoom(self.number))
        if says:
            self._out.submit(LiveKitLeave(), None)
        self._be_out()

    def fail(self, why: str, code: ErrorCode = ErrorCode.VOICE_START_FAILED) -> None:
        """It cannot be entered, or is of no use; the server is told that we are out."""
        self.withdraw(says=True)
        self._host.refused(EstuaryError(why, code))

    def mute(self, muted: bool) -> None:
        """Let nothing out of the track, or let it out again; what waits in it is gone."""
        if muted:
            self.lose("muted")
        if muted is not self._muted:
            self._muted = muted
            if self.stage in _INSIDE or self.stage is Stage.LEAVING:
                self._out.tell(MuteTrack(self.number, muted))

    def show_muted(self, muted: bool) -> None:
        """Let the server know what the user has done, for those who see it."""
        if self.stage in (Stage.JOINED, Stage.READY):
            with suppress(SendBlocked):
                self._out.submit(LiveKitMute(muted), None)

    def finish(self) -> None:
        """Say what waits; `spoken` follows."""
        self._finishing = True
        self._out.arm(LEFT_WITHIN)
        self._out.tell(FinishTrack(self.number))

    def say(
        self, pcm: bytes, seconds: float, *, live: bool, always: bool = False
    ) -> tuple[float, int]:
        """Say this; the seconds and pieces of older live audio that made room for it.

        Raises SendBlocked as `Track.put` does.
        """
        made_room = self._track.put(pcm, seconds, live=live, always=always)
        if not self._waits:
            self._waits = True
            self._out.tell(RoomAudioWaits(self.number))
        return made_room

    def lose(self, reason: str) -> None:
        """Nothing of what waits is said."""
        seconds, pieces = self._track.clear()
        if pieces:
            self._losses.add(reason, seconds, pieces)

    # --- what the driver tells -------------------------------------------------------------

    def next_audio(self, number: int) -> bytes | None:
        """The next piece to say in that room; None when there is none (now, or any more)."""
        if number != self.number or self.stage not in (Stage.READY, Stage.LEAVING):
            return None
        pcm, again = self._track.pull()
        self._waits = pcm is not None
        if again:
            self._out.tell(Writable())
        return pcm

    def joined(self, number: int) -> None:
        """We are in, with a track."""
        if number != self.number or self.stage is not Stage.JOINING:
            return
        self.stage = Stage.JOINED
        self._connected = True
        self._out.tell(LiveKitConnected(self.name))
        self._out.submit(LiveKitJoin(self.name or None, self._turn_mode), None)
        if self._greeted:
            self._enter()

    def has_left(self, number: int, error: EstuaryError | None, *, deleted: bool) -> None:
        """We are out, and nothing is left of it: why, unless it was wanted."""
        if number != self.number or self.stage in (Stage.OUT, Stage.ASKED):
            return
        why = "it was left" if error is None else error.message
        if self.stage is Stage.LEAVING:
            self._out.submit(LiveKitLeave(), None)
            self._be_out()
            self._host.left()
        elif self.stage is Stage.JOINING:
            self._not_joined(error or EstuaryError(why, ErrorCode.VOICE_START_FAILED))
        elif self.stage is Stage.JOINED:
            self.fail(f"the LiveKit room was lost before the character came: {why}")
        else:
            self._be_out(why)
            lost = EstuaryError(f"the LiveKit room was lost: {why}", ErrorCode.CONNECTION_FAILED)
            self._host.room_lost(lost, deleted=deleted)

    def has_spoken(self, number: int) -> None:
        """The track is empty, as `FinishTrack` wanted to know."""
        if number == self.number and self._finishing:
            self._finishing = False
            self._out.arm(None)
            self._host.spoken()

    def expire(self) -> None:
        """Something takes too long."""
        if self.stage is Stage.LEAVING:
            self._out.tell(LeaveRoom(self.number))
            self.has_left(self.number, None, deleted=False)
        elif self.stage is Stage.READY:
            self.has_spoken(self.number)
        else:
            within = self._config.voice_start_timeout
            what = {
                Stage.ASKED: "the server gave no token for a LiveKit room",
                Stage.JOINING: "the LiveKit room could not be joined",
                Stage.JOINED: "the character did not come into the LiveKit room",
            }[self.stage]
            self.fail(f"{what} in {within:g} s")

    # --- what the server says --------------------------------------------------------------

    def told(self, message: LiveKitToken | LiveKitReady | LiveKitError) -> None:
        """A message about rooms has come."""
        if self.stage not in _ENTERING:
            return
        if isinstance(message, LiveKitToken):
            self._take(message)
        elif isinstance(message, LiveKitError):
            unasked = self.stage is Stage.ASKED and self._out.offer() is None
            code = ErrorCode.VOICE_NOT_SUPPORTED if unasked else ErrorCode.VOICE_START_FAILED
            self.fail(f"the server offers no LiveKit room: {message.error}", code)
        elif self.stage is Stage.ASKED:
            return
        elif not message.room or message.room == self.name:
            if self.stage is Stage.JOINED:
                self._enter()
            else:
                self._greeted = True

    def _take(self, token: LiveKitToken) -> None:
        if not (token.token and token.url):
            self.fail("the server's LiveKit token is incomplete")
            return
        self._answered = True
        if self.stage is Stage.ASKED:
            self._join(token)
        elif token.room and token.room != self.name:
            self._out.tell(LeaveRoom(self.number))
            self._disconnect("the server gave another room")
            self._join(token)
        elif self.stage is Stage.JOINING:
            self._spare = token

    # --- inside ----------------------------------------------------------------------------

    def _join(self, token: LiveKitToken) -> None:
        self.stage = Stage.JOINING
        self.number += 1
        self.name = token.room
        self._greeted = False
        self._out.tell(JoinRoom(self.number, token.url, token.token, token.room, self._muted))

    def _not_joined(self, error: EstuaryError) -> None:
        spare, self._spare = self._spare, None
        if spare is not None:
            self._join(spare)
        elif not self._answered:
            self.stage = Stage.ASKED
        else:
            missing = error.code is ErrorCode.LIVEKIT_UNAVAILABLE
            self.fail(
                error.message if missing else f"the LiveKit room was not joined: {error.message}",
                error.code if missing else ErrorCode.VOICE_START_FAILED,
            )

    def _enter(self) -> None:
        self.stage = Stage.READY
        self.ready_at = self._out.clock()
        self._waits = False
        self._out.arm(None)
        self._host.entered()

    def _be_out(self, reason: str = "") -> None:
        self.stage = Stage.OUT
        self._finishing = False
        self._spare = None
        self._out.arm(None)
        self.lose("connection_lost")
        self._losses.report()
        self._disconnect(reason)

    def _disconnect(self, reason: str) -> None:
        if self._connected:
            self._connected = False
            self._out.tell(LiveKitDisconnected(self.name, reason))
