"""Which answer belongs to what was said, and when its parts came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from estuary_proto.events import (
    AudioReceived,
    Disconnected,
    PlaybackComplete,
    ReplyEnd,
    ReplyEnded,
    ReplyPart,
    ReplyStarted,
    TextPiece,
)
from estuary_proto.intents import SayLine, SendCameraImage, SendText
from estuary_proto.models.conversation import BotResponse, BotVoice, InterruptData, SttResponse
from estuary_proto.models.session import ModerationFlag, QuotaExceededData

from .hooks import Turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from .hooks import TurnKind

MOST: Final = 64
"""Turns that may be open; of servers that never answer the oldest go first."""


class Turns:
    """All turns of a client that are open, oldest first."""

    def __init__(self, began: Callable[[Turn], None], ended: Callable[[Turn], None]) -> None:
        self._began = began
        self._ended = ended
        self._open: list[Turn] = []

    # --- what begins one ---------------------------------------------------------------------

    def asked(self, reply: int, message: SendText, now: float) -> None:
        """A text went out whose reply has this number."""
        self._begin(Turn("text", now, not message.text_only, reply=reply))

    def said(self, message: Any, now: float) -> None:
        """A message went out."""
        kind: TurnKind | None = None
        speaks = True
        if isinstance(message, SendText):
            kind, speaks = "text", not message.text_only
        elif isinstance(message, SayLine):
            kind, speaks = "line", not message.text_only
        elif isinstance(message, SendCameraImage) and message.request_id is None:
            kind = "picture"
        if kind is not None:
            self._begin(Turn(kind, now, speaks))

    def _begin(self, turn: Turn) -> None:
        for one in [one for one in self._open if one.answered is not None]:
            self._close(one)
        if len(self._open) >= MOST:
            self._end(self._open[0], "unfinished", self._open[0].began)
        self._open.append(turn)
        self._began(turn)

    # --- what comes of it --------------------------------------------------------------------

    def told(self, event: Any, now: float) -> None:
        """An event."""
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event, now)

    def _on_started(self, event: ReplyStarted, now: float) -> None:
        turn = self._of_reply(event.reply)
        if turn is not None:
            for one in self._open:  # The core knows better who is meant.
                if one is not turn and one.message_id == event.message_id and one.reply is None:
                    one.message_id = one.first_token = None
            turn.message_id = event.message_id

    def _on_part(self, event: ReplyPart, now: float) -> None:
        turn = self._of_reply(event.reply)
        if turn is not None and isinstance(event.part, TextPiece):
            self._text(turn, now)

    def _on_ended(self, event: ReplyEnded, now: float) -> None:
        turn = self._of_reply(event.reply)
        if turn is not None:
            turn.error = event.error
            self._end(turn, event.end.value, now)

    def _of_reply(self, number: int) -> Turn | None:
        return next((one for one in self._open if one.reply == number), None)

    def _on_heard(self, event: SttResponse, now: float) -> None:
        if not event.is_final or not event.text.strip():
            return
        last = self._open[-1] if self._open else None
        # A server may understand one turn in several pieces.
        if last is None or last.kind != "voice" or last.message_id is not None:
            self._begin(Turn("voice", now))

    def _on_response(self, event: BotResponse, now: float) -> None:
        turn = self._of(event.message_id)
        if turn is None and not event.is_interjection:
            turn = next((one for one in self._open if one.message_id is None), None)
            if turn is not None and turn.reply is not None:
                return  # The core will say whether it is this one's.
            if turn is not None:
                turn.message_id = event.message_id
        if turn is None or turn.reply is not None or turn.answered is not None:
            return
        if event.text:
            self._text(turn, now)
        if event.is_final:
            self._end(turn, ReplyEnd.FINAL.value, now)

    def _text(self, turn: Turn, now: float) -> None:
        turn.ended = now
        if turn.first_token is None:
            turn.first_token = now

    def _on_voice(self, event: BotVoice, now: float) -> None:
        turn = self._of(event.message_id)
        if turn is None or event.late:
            return
        if event.audio or event.pcm:
            self._sound(turn, now)
        if event.is_final and turn.answered is not None:
            self._close(turn)

    def _on_audio(self, event: AudioReceived, now: float) -> None:
        turn = self._of(event.message_id) if event.message_id else None
        if turn is not None:
            self._sound(turn, now)

    def _sound(self, turn: Turn, now: float) -> None:
        turn.ended = now
        if turn.first_sound is None:
            turn.first_sound = now

    def _on_played(self, event: PlaybackComplete, now: float) -> None:
        turn = self._of(event.message_id)
        if turn is not None and turn.answered is not None:
            self._close(turn)

    def _on_interrupt(self, event: InterruptData, now: float) -> None:
        ident = event.message_id
        turn = self._of(ident) if ident else self._latest()
        if turn is not None and turn.reply is None:
            self._end(turn, ReplyEnd.INTERRUPTED.value, now)

    def _on_flag(self, event: ModerationFlag, now: float) -> None:
        turn = self._of(event.message_id)
        if turn is not None and turn.reply is None:
            self._end(turn, ReplyEnd.REDACTED.value, now)

    def _on_quota(self, event: QuotaExceededData, now: float) -> None:
        self._end_all(ReplyEnd.QUOTA.value, now)

    def _on_gone(self, event: Disconnected, now: float) -> None:
        self._end_all(ReplyEnd.LOST.value, now)

    def _of(self, message_id: str | None) -> Turn | None:
        return next((one for one in self._open if one.message_id == message_id), None)

    def _latest(self) -> Turn | None:
        begun = [one for one in self._open if one.message_id is not None]
        return begun[-1] if begun else None

    # --- what ends one -----------------------------------------------------------------------

    def finish(self, now: float) -> None:
        """Nobody observes any more."""
        for turn in list(self._open):
            self._end(turn, "unfinished", now)

    def _end_all(self, outcome: str, now: float) -> None:
        for turn in list(self._open):
            if turn.answered is not None:
                self._close(turn)
            elif turn.reply is None:  # Replies are told of one by one.
                self._end(turn, outcome, now)

    def _end(self, turn: Turn, outcome: str, now: float) -> None:
        """Its text is over; of one that was answered in full a voice may still come."""
        if turn.answered is None:
            turn.answered = turn.ended = now
            turn.outcome = outcome
            if outcome == ReplyEnd.FINAL.value and turn.speaks:
                return
        self._close(turn)

    def _close(self, turn: Turn) -> None:
        self._open.remove(turn)
        self._ended(turn)


_HANDLERS: Final[dict[type, Callable[[Turns, Any, float], None]]] = {
    ReplyStarted: Turns._on_started,
    ReplyPart: Turns._on_part,
    ReplyEnded: Turns._on_ended,
    SttResponse: Turns._on_heard,
    BotResponse: Turns._on_response,
    BotVoice: Turns._on_voice,
    AudioReceived: Turns._on_audio,
    PlaybackComplete: Turns._on_played,
    InterruptData: Turns._on_interrupt,
    ModerationFlag: Turns._on_flag,
    QuotaExceededData: Turns._on_quota,
    Disconnected: Turns._on_gone,
}
