"""What a brain, a recogniser and a voice outside tell a session, of what it asked them by commands.

What nobody waits for any more changes nothing.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from ..models.session import ErrorEvent

if TYPE_CHECKING:
    from ..models.base import Model
    from .conversation import Conversation
    from .floor import Floor
    from .voices import Voices


class Told:
    """See the module."""

    _now: float
    _talk: Conversation | None
    _floor: Floor | None
    _voices: Voices

    @abstractmethod
    def send(self, message: Model, *, now: float) -> None:
        """Send `message`, or keep it until there is room."""

    @abstractmethod
    def _settle(self) -> None: ...

    @abstractmethod
    def _speak(self, now: float) -> None: ...

    def brain_piece(self, turn: int, text: str, *, now: float) -> None:
        """An external brain's next piece for this turn."""
        self._now = now
        if self._talk is not None:
            self._talk.brain_piece(turn, text, now=now)
            self._settle()

    def brain_done(self, turn: int, *, now: float) -> None:
        """An external brain has said it all."""
        self._now = now
        if self._talk is not None:
            self._talk.brain_done(turn, now=now)
            self._settle()

    def brain_failed(self, turn: int, message: str, *, now: float) -> None:
        """An external brain gave up: the client gets an `error`, and the turn is over."""
        self._now = now
        if self._talk is not None:
            self._talk.brain_failed(turn, message, now=now)
            self._settle()

    def heard(self, turn: int, text: str, *, now: float, is_final: bool = True) -> None:
        """A recogniser tells what was said in this turn, so far or `is_final`; "" is nothing."""
        self._now = now
        if self._floor is not None:
            self._floor.mic.heard(turn, text, now=now, is_final=is_final)
            self._settle()

    def hearing_failed(self, turn: int, message: str, *, now: float) -> None:
        """A recogniser gave up: the client gets an `error`, and what was said is no turn."""
        self._now = now
        if self._floor is not None:
            self._floor.mic.failed(turn, message, now=now)
            self._settle()

    def room_token(self, room: str, token: str, *, now: float) -> None:
        """The token that `Mint` asked for."""
        self._now = now
        if self._floor is not None:
            self._floor.indoors.token(room, token, now=now)

    def room_entered(self, room: str, *, now: float) -> None:
        """The character is in the room that `OpenRoom` asked for, and hears the player."""
        self._now = now
        if self._floor is not None:
            self._floor.indoors.entered(room, now=now)
            self._settle()

    def room_heard(self, room: str, pcm: bytes, *, now: float) -> None:
        """What the player says in the room, as it comes."""
        self._now = now
        if self._floor is not None:
            self._floor.indoors.heard(room, pcm, now=now)
            self._settle()

    def room_over(self, room: str, problem: str | None, *, now: float) -> None:
        """The room is gone; the client is told of a `problem`."""
        self._now = now
        if self._floor is not None:
            self._floor.indoors.over(room, problem, now=now)
            self._settle()

    def voice_sound(self, number: int, pcm: bytes, *, now: float) -> None:
        """A voice's next piece of the sentence that was asked for: PCM16 mono, of any length."""
        self._voices.sound(number, pcm)
        self._speak(now)

    def voice_done(self, number: int, *, now: float) -> None:
        """A voice has spoken the whole sentence."""
        self._voices.said(number)
        self._speak(now)

    def voice_failed(self, number: int, message: str, *, now: float) -> None:
        """A voice gave up: the client gets an `error`, and the rest of the answer is silent."""
        self._now = now
        if self._voices.failed(number):
            self.send(ErrorEvent(message, "voice_failed"), now=now)
            self._speak(now)
