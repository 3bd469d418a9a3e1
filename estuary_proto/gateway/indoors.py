"""The LiveKit room of one client: opened, entered, listened and spoken in, closed (PROTOCOL 4.3).

Nothing is joined or minted in here: that is asked for by commands with the room's name, and told by
`room_token`, `room_entered`, `room_heard` and `room_over`. The rules:

1. Each request for a token is answered; the first one opens the room, so that the character is on
   its way there before the client is.
2. `livekit_ready` is said when both are there. The ear is open from then on, or in push-to-talk
   while the button is down, and a little longer: sound takes longer than words (PROTOCOL 2).
3. Voice goes to the room instead of the client; the client gets chunks without sound.
4. Whoever leaves, the room is closed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from .. import intents
from ..models.conversation import BotVoice, InterruptData
from ..models.session import ModerationFlag
from ..models.voice import LiveKitError, LiveKitReady, LiveKitToken, VoiceTimeout
from .commands import CloseRoom, HushRoom, Mint, OpenRoom, Utter
from .mic import PUSH_TO_TALK

if TYPE_CHECKING:
    from collections import deque

    from ..models.base import Model
    from .commands import Command, Outside
    from .mic import Listener, Mic

GRACE: Final = 0.5
"""Seconds that sound may take longer than the word that the button is up."""


class Indoors:
    """See the module. `called` is what its rooms are named after, `rate` what is spoken there."""

    def __init__(
        self,
        called: str,
        player_id: str,
        rate: int,
        *,
        mic: Mic,
        mic_rate: int,
        listener: Listener,
        commands: deque[Command],
        outside: Outside,
    ) -> None:
        self.room: str = ""
        """The name of the room that is open; "" for none."""
        self._called = called
        self._player_id = player_id
        self._rate = rate
        self._mic = mic
        self._mic_rate = mic_rate
        self._listener = listener
        self._commands = commands
        self._outside = outside
        self._rooms = 0
        self._button = False
        self._entered = False
        self._joined = False
        self.ready: bool = False
        """Both are there."""
        self._stops_at: float | None = None

    @property
    def due_at(self) -> float | None:
        """When `tick` has something to do, in monotonic seconds."""
        return self._stops_at

    # --- what the client does ----------------------------------------------------------------

    def takes(self, message: Model, *, now: float) -> bool:
        """Whether `message` belongs here; then it has been dealt with."""
        if isinstance(message, intents.StartVoice):
            self.tick(now=None)  # What was said before is a turn of its own.
            return False
        if isinstance(message, intents.StopVoice):
            if self.ready and self._button:
                self._stops_at = now + GRACE
                return True
            return False
        if not self._outside.rooms:
            return False
        match message:
            case intents.LiveKitTokenRequest():
                self._ask(message.turn_mode)
            case intents.LiveKitJoin():
                self._joined = bool(self.room)
                if not self.room:
                    problem = "There is no room to join: ask for a livekit_token"
                    self._listener.send(LiveKitError(problem), now=now)
                self._meet(now)
            case intents.LiveKitLeave():
                self.close()
            case _:
                return False
        return True

    def _ask(self, turn_mode: str | None) -> None:
        if self._joined:  # It has lost that one.
            self.close()
        self._button = turn_mode == PUSH_TO_TALK
        if not self.room:
            self._rooms += 1
            self.room = f"{self._called}-{self._rooms}"
            self._commands.append(OpenRoom(self.room, self._player_id, self._rate, self._mic_rate))
        self._commands.append(Mint(self.room, self._player_id))

    def _meet(self, now: float) -> None:
        if not (self._joined and self._entered) or self.ready:
            return
        self.ready = True
        self._listener.send(LiveKitReady(self.room), now=now)
        if not self._button:
            self._mic.open(pressed=False)

    def close(self) -> None:
        """The room is not needed any more."""
        if not self.room:
            return
        self._commands.append(CloseRoom(self.room))
        self._be_out()

    def _be_out(self) -> None:
        if self.ready:
            self._mic.close()
            self._listener.unheard()
        self.room = ""
        self._entered = self._joined = self.ready = False
        self._stops_at = None

    def tick(self, *, now: float | None) -> None:
        """Time has passed; None: what waits does not wait any longer."""
        if self._stops_at is None or (now is not None and now < self._stops_at):
            return
        at, self._stops_at = self._stops_at, None
        self._mic.stop(now=at if now is None else now)

    # --- what whoever joins rooms tells ------------------------------------------------------

    def token(self, room: str, token: str, *, now: float) -> None:
        """A token with which the client may join that room."""
        if room == self.room:
            self._listener.send(LiveKitToken(token, self._outside.rooms, room), now=now)

    def entered(self, room: str, *, now: float) -> None:
        """The character is in that room, and hears the player."""
        if room == self.room:
            self._entered = True
            self._meet(now)

    def heard(self, room: str, pcm: bytes, *, now: float) -> None:
        """What was heard there: PCM16 mono at the rate that was asked for."""
        if room == self.room and self.ready:
            self._mic.hear(pcm, now=now)

    def over(self, room: str, problem: str | None, *, now: float) -> None:
        """The room is gone, or cannot be entered and why."""
        if room == self.room:
            self._be_out()
            if problem is not None:
                self._listener.send(LiveKitError(problem), now=now)

    # --- what is said ------------------------------------------------------------------------

    def passes(self, message: Model) -> Model:
        """What goes to the client in place of `message`, the rest of which goes to the room."""
        if isinstance(message, VoiceTimeout):
            self.close()
        elif not self.ready:
            return message
        elif isinstance(message, BotVoice):
            self._commands.append(
                Utter(self.room, message.message_id, message.pcm, message.is_final)
            )
            return replace(message, audio="", is_livekit=True)
        elif isinstance(message, (InterruptData, ModerationFlag)):
            self._commands.append(HushRoom(self.room))
        return message
