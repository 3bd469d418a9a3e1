"""Talking: who may speak when, as a machine that sees messages only (API 5, PROTOCOL 4.1, 4.2).

A *turn* is what lies between one `start_voice` and one `stop_voice`. Continuous voice is one long
turn; in push-to-talk each press of the button is one. The rules:

1. The server's ear goes CLOSED, OPENING, OPEN, CLOSING and round again, one step a message. It is
   open when the server has acknowledged or said `voice_started`, whichever is first, and closed
   when `stop_voice` has been acknowledged: the event alone is not enough (PROTOCOL 4.2).
2. A turn that begins while the ear is still busy waits; there is one that waits at most. Released
   before it was sent, it sends nothing.
3. Audio is kept from the press on, a second of it at most, until the ear is open. It goes before
   the `stop_voice` of its turn and never into another one.
4. Every turn that was opened is closed once, whatever goes wrong between.
5. A connection that falls takes voice with it. It comes back with the next one if it was on and the
   ending allows it (API 6); a held button does not, a muted microphone stays muted.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from .errors import ErrorCode, EstuaryError, LocalProtocolError, SendBlocked
from .events import Fault, Outcome, VoiceSettled, Writable
from .intents import Interrupt, StartVoice, StopVoice
from .microphone import Losses
from .models.session import VoiceMode
from .models.voice import (
    LiveKitError,
    LiveKitReady,
    LiveKitToken,
    VoiceError,
    VoiceStarted,
    VoiceStopped,
    VoiceTimeout,
)
from .outbox import ROUNDING
from .over_livekit import CLOSED_WITHIN, PUSH_TO_TALK, OverLiveKit, Transport
from .room import Room, Stage
from .voice_turn import Ear, Turn

if TYPE_CHECKING:
    from .config import EstuaryConfig
    from .events import AudioDropped
    from .voice_outlet import Outlet

Said: TypeAlias = (
    VoiceStarted | VoiceStopped | VoiceError | VoiceTimeout
    | LiveKitToken | LiveKitReady | LiveKitError
)  # fmt: skip

KEPT: Final = 1.0
"""Seconds of audio that wait for the ear to open (API 5)."""
FRAME: Final = 0.1
"""Seconds of audio in one frame at most (API 5)."""


class Voice(OverLiveKit):
    """See the module. The methods raise EstuaryError for what is wrong here and now.

    `joins_rooms`: the driver can join LiveKit rooms.
    """

    def __init__(self, config: EstuaryConfig, outlet: Outlet, *, joins_rooms: bool = False) -> None:
        self.mode: VoiceMode | None = None
        """What the user has asked for; None while voice is off."""
        self.is_active: bool = False
        """True from `voice_started` to `voice_stopped`."""
        self.is_muted: bool = False
        self.ear: Ear = Ear.CLOSED
        self._config = config
        self._out = outlet
        self._turn: Turn | None = None
        self._next: Turn | None = None
        self._requests = 0
        self._stops: list[int] = []
        self._awaited = 0
        self._mine: set[int] = set()
        self._sticky = False
        self._resumes: VoiceMode | None = None
        self._resuming = False
        self._odd = b""
        self._losses = Losses(outlet.tell)
        self._joins_rooms = joins_rooms
        self._room = Room(config, outlet, self._losses, self)
        self._refused = False
        self._told_closed = False
        self._owed = False
        """The ear was closed by an acknowledgement: its event may still come, and says nothing."""
        self._given_up = False
        """A start was, unanswered: its event may still come, and does not answer the next one."""

    @property
    def is_recording(self) -> bool:
        """True while what is said goes out: always in continuous mode, else by the button."""
        if self.mode is not VoiceMode.PUSH_TO_TALK:
            return self.mode is not None
        return self._speaking() is not None

    # --- what the user wants ---------------------------------------------------------------

    def start(self, mode: VoiceMode) -> int:
        """Turn voice on; the request that is returned settles once, as VoiceSettled.

        Raises VOICE_ALREADY_ACTIVE, VOICE_NOT_SUPPORTED, VOICE_MODE_MISMATCH, LIVEKIT_UNAVAILABLE.
        """
        if mode not in tuple(VoiceMode):
            raise LocalProtocolError(f"{mode!r} is no voice mode: give a VoiceMode")
        if self.mode is not None:
            raise EstuaryError(
                f"voice is on already ({self.mode.value}); stop_voice() first",
                ErrorCode.VOICE_ALREADY_ACTIVE,
            )
        capabilities = self._config.capabilities
        if capabilities is not None and not capabilities.microphone:
            raise EstuaryError(
                "voice needs a microphone, and the capabilities in the configuration say that "
                "there is none",
                ErrorCode.VOICE_NOT_SUPPORTED,
            )
        if mode == VoiceMode.CONTINUOUS and self._sticky:
            raise EstuaryError(
                "this session has used push-to-talk, which the server keeps to: reconnect first",
                ErrorCode.VOICE_MODE_MISMATCH,
            )
        transport = self._choose()
        self._off()  # A stop that the server has not confirmed yet.
        self.mode = VoiceMode(mode)
        self.transport: Transport | None = transport
        request = self._request()
        if self._presses_in_room:
            self._sticky = True
            self._entry = request
            self._enter_to_press()
        elif self.mode is VoiceMode.PUSH_TO_TALK:
            self._started(request)
        else:
            self._begin(Turn(request))
        return request

    def stop(self) -> int:
        """Turn voice off, behind what was said; the request settles when the server is done."""
        self.end()
        request = self._request()
        if self.mode is None and not self._stops:
            self._settle(request, None)
            return request
        self.mode = None
        self._losses.report()
        self._stops.append(request)
        self._discard_next()
        self._give_up_entry(EstuaryError("voice was stopped", ErrorCode.VOICE_START_FAILED))
        turn = self._turn
        if turn is not None and not turn.ended:
            self._end_turn(turn)
        if self.ear is Ear.CLOSED:
            self._stopped()
        self._let_on()
        return request

    def press(self) -> None:
        """The button is down. Raises VOICE_NOT_ACTIVE; nothing in continuous mode (API 5)."""
        if self._is_push_to_talk() and self._speaking() is None:
            self._begin(Turn())

    def release(self) -> None:
        """The button is up: the turn ends behind what was said. Raises VOICE_NOT_ACTIVE."""
        if not self._is_push_to_talk():
            return
        turn = self._speaking()
        if turn is None:
            return
        if turn is self._next:
            self._discard_next()
        else:
            self._end_turn(turn)

    def mute(self, muted: bool) -> None:
        """Whether what is said goes nowhere."""
        changed = muted is not self.is_muted
        self.is_muted = muted
        self._mute_track(changed=changed)
        self._losses.report()

    def audio(self, pcm: bytes, *, live: bool, settles: bool = True) -> int:
        """Say something: PCM16 mono at `mic_sample_rate`; returns the receipt, 0 for none.

        What is `live`, or has no need to be told that it was sent, has none.

        Raises VOICE_NOT_ACTIVE while voice is off, and SendBlocked, with nothing changed, for what
        is not `live` while there is no room; `Writable` follows.
        """
        if self.mode is None:
            raise EstuaryError(
                "audio needs voice: await start_voice() first", ErrorCode.VOICE_NOT_ACTIVE
            )
        turn = self._speaking()
        if turn is None:
            self._losses.add("muted" if self.is_muted else "button_up", self._seconds(pcm))
            return 0
        # A press that waits for its turn will interrupt what is heard now.
        waits = turn is self._next and self.mode is VoiceMode.PUSH_TO_TALK
        if self.is_muted or (self._out.hushed() and not waits):
            self._losses.add("muted" if self.is_muted else "suppressed", self._seconds(pcm))
            # Where a sample begins is not forgotten over it.
            self._odd = (self._odd + pcm)[(len(self._odd) + len(pcm)) & ~1 :]
            return 0
        if "suppressed" in self._losses:
            self._losses.report()
        try:
            return self._take(pcm, turn, live, settles)
        except SendBlocked:
            self._refused = True
            raise

    def _take(self, pcm: bytes, turn: Turn, live: bool, settles: bool) -> int:
        whole = self._odd + pcm
        end = len(whole) & ~1
        receipt = 0
        if turn is self._turn and self.ear is Ear.OPEN:
            for number, piece in enumerate(self._pieces(whole[:end])):
                # When the first is taken all are: a call is refused as a whole, or not at all.
                seconds, others = self._seconds(piece), number > 0
                receipt = self._send(piece, seconds, live=live, always=others, settles=settles)
        else:
            self._keep(turn, whole[:end], live)
        self._odd = whole[end:]
        return receipt

    # --- what the server says --------------------------------------------------------------

    def told(self, message: Said) -> None:
        """A message about voice has come; the user is told what it means here."""
        if isinstance(message, (LiveKitToken, LiveKitReady, LiveKitError)):
            self._out.tell(message)
            self._room.told(message)
        elif type(message) is VoiceStarted:
            if self._given_up:
                self._given_up = False
            elif self.ear is Ear.OPENING and self._ear_is_room:
                pass  # It is of use when the character is there.
            elif self.ear is Ear.OPENING:
                self._opened()
            elif self.ear is Ear.CLOSED and self.mode is None:
                self._out.tell(message)
        elif type(message) is VoiceStopped:
            self._hear_stopped(message)
        elif type(message) is VoiceError:
            self._out.tell(message)
            if self.ear is Ear.OPENING and self._ear_is_room:
                self._room.fail(f"the server could not start voice: {message.error}")
            elif self.ear is Ear.OPENING:
                self._failed(f"the server could not start voice: {message.error}", told=True)
        else:
            self._out.tell(message)
            self._lapse()

    def acked(self, receipt: int, outcome: Outcome) -> bool:
        """An acknowledgement has come, or will not; False if it is none of ours."""
        if receipt not in self._mine:
            return False
        self._mine.discard(receipt)
        if receipt != self._awaited or outcome is Outcome.LOST:
            return (
                True  # A late one, of what has been given up; or all is lost, and `fell` follows.
            )
        if outcome is Outcome.OK:  # What answers to earlier ones has come before.
            self._given_up = False
        if self.ear is Ear.CLOSING:
            self._closed()
        elif self.ear is Ear.OPENING and outcome is Outcome.OK:
            self._opened()
        elif self.ear is Ear.OPENING and outcome is Outcome.TIMEOUT:
            within = self._config.voice_start_timeout
            self._failed(f"the server did not start voice in {within:g} s")
        return True

    def ready(self) -> None:
        """There is a new session."""
        mode, self._resumes = self._resumes, None
        if mode is not None:
            self._resuming = True
            self.start(mode)

    def fell(self, resumes: bool) -> None:
        """The connection is over (rule 5)."""
        mode = self.mode if self.is_active or self._resuming else None
        if not (resumes and self._config.resume_voice_on_reconnect):
            mode = None
        turns = [turn for turn in (self._turn, self._next) if turn is not None]
        self._turn = self._next = None
        self._mine.clear()
        self._sticky = False
        error = EstuaryError(
            "the connection fell before voice had started", ErrorCode.VOICE_START_FAILED
        )
        for turn in turns:
            self._forget(turn, "connection_lost")
            self._answer(turn, error)
        self._give_up_entry(error)
        self._spent = ""
        self._lapse()
        self._resumes = mode

    def expire(self) -> None:
        """What `Outlet.arm` was asked for is due."""
        self._room.expire()

    def end(self) -> None:
        """Nobody wants voice to come back any more."""
        self._resumes = None
        self._resuming = False

    # --- turns -----------------------------------------------------------------------------

    def _is_push_to_talk(self) -> bool:
        if self.mode is None:
            raise EstuaryError(
                "the button needs voice: await start_voice(VoiceMode.PUSH_TO_TALK) first",
                ErrorCode.VOICE_NOT_ACTIVE,
            )
        return self.mode is VoiceMode.PUSH_TO_TALK

    def _speaking(self) -> Turn | None:
        """The turn that what is said now belongs to."""
        turn = self._next or self._turn
        return None if turn is None or turn.ended else turn

    def _begin(self, turn: Turn) -> None:
        self._odd = b""
        if self.ear is Ear.CLOSED and self._may_press:
            self._turn = turn
            self._open()
        else:
            self._next = turn

    def _begin_next(self) -> None:
        self._next, turn = None, self._next
        if turn is not None:
            self._begin(turn)

    def _open(self) -> None:
        self._ear_is_room = self.transport == "livekit" and not self._presses_in_room
        if self._ear_is_room:
            self.ear = Ear.OPENING
            self._awaited = 0
            self._go_in(None, muted=self.is_muted)
            return
        intent = StartVoice()
        if self.mode is VoiceMode.PUSH_TO_TALK:
            self._sticky = True
            with suppress(SendBlocked):  # A peer that does not read is not interrupted either.
                self._out.submit(Interrupt(), None)
            intent = StartVoice(PUSH_TO_TALK)
        self.ear = Ear.OPENING
        self._await(intent, self._config.voice_start_timeout)

    def _opened(self) -> None:
        turn = self._turn
        assert turn is not None  # The ear opens for one.
        self.ear = Ear.OPEN
        self._owed = False
        if self.transport == "livekit" and self.is_muted:
            self._forget(turn, "muted")
        elif self._presses_in_room:
            self._room.mute(False)
        while turn.kept:
            pcm, seconds = turn.kept.popleft()
            self._send(pcm, seconds, live=False, always=True, settles=False)
        turn.seconds = 0.0
        if self.mode is VoiceMode.CONTINUOUS and not self.is_active:
            self._started(turn.request)
            turn.request = 0
        if turn.ended:
            self._close()
        self._let_on()

    def _let_on(self) -> None:
        """Whoever was refused may try again, or learn that it is no use."""
        if self._refused:
            self._refused = False
            self._out.tell(Writable())

    def _end_turn(self, turn: Turn) -> None:
        turn.ended = True
        if self.ear is Ear.OPEN:
            self._close()
        elif turn.request:  # Continuous, and nobody wants it any more.
            self._forget(turn, "not_started")
            error = EstuaryError("voice was stopped", ErrorCode.VOICE_START_FAILED)
            self._answer(turn, error)
            self._given_up = not self._ear_is_room
            self._close()

    def _close(self) -> None:
        self.ear = Ear.CLOSING
        self._told_closed = False
        self._odd = b""
        self._losses.report()
        self._let_on()
        self._awaited = 0
        if self._ear_is_room:
            self._room.leave()
        elif self._presses_in_room and self._room.stage is Stage.READY:
            self._finish()
        else:
            self._await(StopVoice(), CLOSED_WITHIN)

    def _closed(self) -> None:
        self.ear = Ear.CLOSED
        self._owed = not self._told_closed
        self._turn = None
        self._ear_is_room = False
        self._stopped()
        self._begin_next()

    def _failed(
        self,
        why: str,
        *,
        told: bool = False,
        code: ErrorCode = ErrorCode.VOICE_START_FAILED,
    ) -> None:
        """The turn did not begin; what the server may have opened all the same is closed."""
        turn = self._turn
        assert turn is not None  # The ear was opening for it.
        turn.ended = True
        self._given_up = self.ear is Ear.OPENING and not told and not self._ear_is_room
        self._forget(turn, "not_started")
        error = EstuaryError(why, code)
        # Who waits for it is told there; else nobody is.
        if not told and (self._resuming or not turn.request):
            self._out.tell(Fault(error))
        if self.mode is VoiceMode.CONTINUOUS:
            self.mode = None
            self.end()
            self._answer(turn, error)
        self._close()

    def _discard_next(self) -> None:
        turn, self._next = self._next, None
        if turn is not None:
            self._forget(turn, "not_started")
            error = EstuaryError("voice was stopped", ErrorCode.VOICE_START_FAILED)
            self._answer(turn, error)
            self._let_on()

    # --- on and off ------------------------------------------------------------------------

    def _started(self, request: int) -> None:
        self.is_active = True
        self._resuming = False
        self._out.tell(VoiceStarted())
        self._settle(request, None)

    def _off(self) -> None:
        if self.is_active:
            self.is_active = False
            self._out.tell(VoiceStopped())

    def _stopped(self) -> None:
        """Tell what is over, once."""
        if self.mode is None and self._room.stage is not Stage.OUT:
            return self._room.leave()  # `left` brings us here again.
        if self.mode is None:
            self._off()
        stops, self._stops = self._stops, []
        for request in stops:
            self._settle(request, None)

    def _hear_stopped(self, message: VoiceStopped) -> None:
        if self.ear is Ear.CLOSING:
            self._told_closed = True
            self._stopped()
        elif self._owed:
            self._owed = False
        elif self.ear is Ear.CLOSED:
            if self.mode is None:
                self._out.tell(message)
        elif self.mode is VoiceMode.PUSH_TO_TALK:
            self._failed("the server ended the turn by itself")
        elif self.ear is Ear.OPENING and not self._ear_is_room:
            # Said before it heard of this turn, maybe: what it may yet open is closed (rule 4).
            self._failed("the server ended voice")
        else:
            self._room.withdraw(says=True)
            self._lapse()

    def _lapse(self) -> None:
        """The server has closed everything, or is gone."""
        for turn in (self._turn, self._next):
            if turn is not None:
                self._forget(turn, "not_started")
                error = EstuaryError("the server ended voice", ErrorCode.VOICE_START_FAILED)
                self._answer(turn, error)
        self._give_up_entry(EstuaryError("the server ended voice", ErrorCode.VOICE_START_FAILED))
        self._room.withdraw(says=False)
        self._turn = self._next = None
        self._ear_is_room = self._finishing = False
        self.ear = Ear.CLOSED
        self._owed = self._given_up = False
        self.mode = None
        self._odd = b""
        self._losses.report()
        self._stopped()
        self._let_on()

    def _request(self) -> int:
        self._requests += 1
        return self._requests

    def _settle(self, request: int, error: EstuaryError | None) -> None:
        if request:
            self._out.tell(VoiceSettled(request, error))

    def _answer(self, turn: Turn, error: EstuaryError) -> None:
        """Tell whoever waits for the turn, once, that it does not begin."""
        request, turn.request = turn.request, 0
        self._settle(request, error)

    def _await(self, intent: Any, within: float) -> None:
        self._awaited = self._out.submit(intent, within)
        self._mine.add(self._awaited)

    # --- audio -----------------------------------------------------------------------------

    def _send(self, pcm: bytes, seconds: float, *, live: bool, always: bool, settles: bool) -> int:
        if self.transport != "livekit":
            return self._out.send_audio(pcm, seconds, live=live, always=always, settles=settles)
        self.dropped(*self._room.say(pcm, seconds, live=live, always=always))
        return 0

    def _seconds(self, pcm: bytes) -> float:
        return len(pcm) / (2 * self._config.mic_sample_rate)

    def _pieces(self, pcm: bytes) -> list[bytes]:
        """Frames of 100 ms at most."""
        size = min(2 * int(self._config.mic_sample_rate * FRAME), self._out.largest() & ~1)
        return [pcm[at : at + size] for at in range(0, len(pcm), size)]

    def _keep(self, turn: Turn, pcm: bytes, live: bool) -> None:
        if not live and turn.seconds and turn.seconds + self._seconds(pcm) > KEPT + ROUNDING:
            raise SendBlocked("the server does not listen yet; wait for Writable")
        for piece in self._pieces(pcm):
            turn.kept.append((piece, self._seconds(piece)))
            turn.seconds += self._seconds(piece)
        while live and turn.seconds > KEPT + ROUNDING:
            _, seconds = turn.kept.popleft()
            turn.seconds -= seconds
            self._losses.add("not_started", seconds)

    def _forget(self, turn: Turn, reason: str) -> None:
        for _, seconds in turn.kept:
            self._losses.add(reason, seconds)
        turn.kept.clear()
        turn.seconds = 0.0
        self._losses.report()

    def dropped(self, seconds: float, frames: int) -> None:
        """The send buffer has let go of live audio; none: it flows again."""
        if frames:
            self._losses.add("backlog", seconds, frames)
        elif "backlog" in self._losses:
            self._losses.report()

    def lost(self, audio: AudioDropped) -> None:
        """The connection has fallen in front of this."""
        self._losses.add(audio.reason, audio.seconds, audio.frames)
