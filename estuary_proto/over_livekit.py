"""Voice that goes over a LiveKit room: which way to take, and what becomes of voice with the room.

1. "auto" takes LiveKit where the driver can join rooms and the session brought something of it.
2. Continuous voice is on while the room may be used: the room is the server's ear. In push-to-talk
   the ear opens and closes as over the WebSocket, in a room that stays; what was said goes out
   before the button counts as up.
3. A room that is lost for the network's sake is asked for anew, if it had lasted; one that the
   server has deleted takes voice with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from .errors import ErrorCode, EstuaryError
from .events import Fault
from .intents import LiveKitLeave, StopVoice
from .models.session import VoiceMode
from .room import Room, Stage
from .voice_turn import Ear

if TYPE_CHECKING:
    from .config import EstuaryConfig
    from .microphone import Losses
    from .voice_outlet import Outlet

Transport: TypeAlias = Literal["websocket", "livekit"]

CLOSED_WITHIN: Final = 2.0
"""Seconds after which a `stop_voice` that nobody acknowledges has worked all the same."""
PUSH_TO_TALK: Final = "push_to_talk"
SETTLED_AFTER: Final = 10.0
"""Seconds that a room must have been of use for another one to be asked for when it is lost."""


class OverLiveKit:
    """The part of `Voice` that is a room's host."""

    mode: VoiceMode | None
    is_muted: bool
    ear: Ear
    transport: Transport | None = None
    """Which way voice goes, or went last; None before it was on."""

    _ear_is_room = False
    """The ear is open, or opens or closes, because the room does."""
    _entry = 0
    """Who waits for a room in which the button works; 0 for nobody."""
    _finishing = False
    """The button is up, and what was said goes out before the server hears of it."""
    _spent = ""
    """The token that the session brought, when it has been used."""
    _owed: bool

    if TYPE_CHECKING:  # What `Voice` brings.
        _config: EstuaryConfig
        _out: Outlet
        _losses: Losses
        _room: Room
        _joins_rooms: bool
        _resuming: bool
        _awaited: int

        def start(self, mode: VoiceMode) -> int: ...
        def end(self) -> None: ...
        def _await(self, intent: Any, within: float) -> None: ...
        def _begin_next(self) -> None: ...
        def _closed(self) -> None: ...
        def _discard_next(self) -> None: ...
        def _failed(self, why: str, *, code: ErrorCode = ...) -> None: ...
        def _lapse(self) -> None: ...
        def _opened(self) -> None: ...
        def _settle(self, request: int, error: EstuaryError | None) -> None: ...
        def _started(self, request: int) -> None: ...
        def _stopped(self) -> None: ...

    @property
    def room(self) -> int:
        """The number of the room that is joined, or is being joined; 0 for none."""
        return 0 if self._room.stage in (Stage.OUT, Stage.ASKED) else self._room.number

    def _choose(self) -> Transport:
        wish = self._config.voice_transport
        if wish == "livekit" and not self._joins_rooms:
            raise EstuaryError(
                "voice over LiveKit needs the extra [livekit]: pip install "
                "'estuary-anyio[livekit]', or set voice_transport='websocket'",
                ErrorCode.LIVEKIT_UNAVAILABLE,
            )
        if wish == "auto":
            wish = "livekit" if self._joins_rooms and self._out.offer() else "websocket"
        return wish

    @property
    def _presses_in_room(self) -> bool:
        return self.transport == "livekit" and self.mode is VoiceMode.PUSH_TO_TALK

    @property
    def _may_press(self) -> bool:
        """Whether a press may be sent now, as far as the room goes."""
        return not self._presses_in_room or self._room.stage is Stage.READY

    # --- into the room ---------------------------------------------------------------------

    def _enter_to_press(self) -> None:
        """Let the button work in a room, once the former one has been left."""
        if self._room.stage is Stage.READY:
            self.entered()
        elif self._room.stage is Stage.OUT:
            self._go_in(PUSH_TO_TALK, muted=True)

    def _go_in(self, turn_mode: str | None, *, muted: bool) -> None:
        brought = self._out.offer()
        if brought is not None and brought.token in ("", self._spent):
            brought = None
        if brought is not None:
            self._spent = brought.token
        self._room.enter(turn_mode, brought, muted=muted)

    def entered(self) -> None:
        """The room may be used."""
        if self._presses_in_room:
            entry, self._entry = self._entry, 0
            self._started(entry)
            self._begin_next()
        else:
            self._opened()
        if self.is_muted:
            self._room.show_muted(True)

    def refused(self, error: EstuaryError) -> None:
        """The room could not be entered."""
        if not self._presses_in_room:
            self._failed(error.message, code=error.code)
            return
        self.mode = None
        if self._resuming:
            self._out.tell(Fault(error))
        self.end()
        self._discard_next()
        self._losses.report()
        self._give_up_entry(error)

    def _give_up_entry(self, error: EstuaryError) -> None:
        entry, self._entry = self._entry, 0
        self._settle(entry, error)

    # --- in the room -----------------------------------------------------------------------

    def _mute_track(self, *, changed: bool) -> None:
        """The user has muted, or the opposite."""
        if self.transport != "livekit":
            return
        if self.is_muted:
            self._room.mute(True)
        elif self.mode is VoiceMode.CONTINUOUS or self.ear is Ear.OPEN or self._finishing:
            self._room.mute(False)
        if changed:
            self._room.show_muted(self.is_muted)

    def _finish(self) -> None:
        """The button is up."""
        self._finishing = True
        self._room.finish()

    def spoken(self) -> None:
        """What was said while the button was down has gone out."""
        self._finishing = False
        self._room.mute(True)
        self._await(StopVoice(), CLOSED_WITHIN)

    # --- out of the room -------------------------------------------------------------------

    def hurry(self) -> None:
        """A goodbye follows: nothing waits for sound to go out any more."""
        if self._finishing:
            self.spoken()
        if self._room.stage is not Stage.OUT:
            self._room.withdraw(says=True)
            self.left()

    def left(self) -> None:
        """The room has been left, as was wanted."""
        if self._ear_is_room and self.ear is Ear.CLOSING:
            self._closed()
        else:
            self._stopped()
            self._owed = True
        if self._entry:
            self._enter_to_press()

    def room_lost(self, error: EstuaryError, *, deleted: bool) -> None:
        """The room is gone, and with it what was said there."""
        mode, lasted = self.mode, self._out.clock() - self._room.ready_at
        opened = self.ear in (Ear.OPENING, Ear.OPEN) or self._finishing
        if opened and not self._ear_is_room:  # A turn that was opened is closed.
            self._out.submit(StopVoice(), None)
        if not deleted:
            self._out.submit(LiveKitLeave(), None)
        self._lapse()
        self._owed = True
        if mode is None or deleted:
            return
        if self._config.resume_voice_on_reconnect and lasted >= SETTLED_AFTER:
            self._resuming = True
            self.start(mode)
        else:
            self._out.tell(Fault(error))
