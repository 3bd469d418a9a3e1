"""Which answer belongs to which question (API 3).

The wire has no correlation, so the rules are these:

1. One reply is outstanding at a time; a later question waits for its turn before its text leaves
   (`concurrent` ones leave at once and are matched in order).
2. A reply begins with the first message id not seen before its text left that is neither an
   interjection, nor a say_line, nor the answer to a voice turn.
3. It ends once: FINAL, INTERRUPTED, REDACTED, QUOTA, ERROR, TIMEOUT or LOST.
4. A question that timed out unanswered leaves its place in the line for a while, so that a late
   answer is not taken for the next one's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .actions import spoken
from .errors import ConnectionLost, EstuaryError, QuotaExceeded, ReplyInterrupted, ReplyTimeout
from .events import ReplyEnd, ReplyEnded, ReplyPart, ReplyStarted, TextPiece
from .intents import Interrupt, SayLine
from .models.conversation import (
    BotResponse,
    BotVoice,
    CharacterAction,
    InterruptData,
    SttResponse,
)
from .models.session import ModerationFlag, QuotaExceededData

if TYPE_CHECKING:
    from collections import deque

PLACE_HELD = 30.0
"""Seconds for which the answer to a voice turn, a line or a timed-out question is expected."""

MAX_SEEN = 1024
"""Message ids remembered; far more than can be under way at a time."""

_FOREVER = float("inf")


class _Ask:
    __slots__ = ("deadline", "intent", "interrupted", "message_id", "number", "partial")

    def __init__(self, number: int, intent: Any, deadline: float) -> None:
        self.number = number
        self.intent = intent
        self.deadline = deadline
        self.message_id: str | None = None
        self.interrupted = False
        self.partial = ""


class _Turn:
    """Something that the server will answer with a new message id, until when it may."""

    __slots__ = ("ask", "line", "until", "voice")

    def __init__(
        self, ask: _Ask | None, line: str | None, until: float, voice: bool = False
    ) -> None:
        self.ask = ask
        self.voice = voice
        self.line = line
        self.until = until


class Replies:
    """Matches answers to questions; writes what happens into the client's queue of events."""

    def __init__(self, events: deque[Any]) -> None:
        self._events = events
        self._waiting: list[_Ask] = []
        self._live: dict[int, _Ask] = {}
        self._turns: list[_Turn] = []
        self._seen: dict[str, None] = {}

    def __bool__(self) -> bool:
        return bool(self._live or self._waiting)

    @property
    def deadline(self) -> float | None:
        """When the first reply runs out of time."""
        times = [ask.deadline for ask in (*self._live.values(), *self._waiting)]
        first = min(times, default=_FOREVER)
        return None if first == _FOREVER else first

    # --- asking ----------------------------------------------------------------------------

    @property
    def may_send(self) -> bool:
        """True when a question may leave now."""
        return not self._live and not self._waiting

    def wait(self, number: int, intent: Any, deadline: float | None) -> None:
        """Keep a question until it is its turn."""
        self._waiting.append(_Ask(number, intent, _FOREVER if deadline is None else deadline))

    def sent(self, number: int, intent: Any, deadline: float | None) -> None:
        """The question's text has been accepted for sending."""
        self._begin(_Ask(number, intent, _FOREVER if deadline is None else deadline))

    def next_waiting(self) -> Any:
        """The intent of the question whose turn it is, or None; `leave` is next."""
        return self._waiting[0].intent if self._waiting and not self._live else None

    def leave(self) -> None:
        """The first waiting question has been accepted for sending."""
        self._begin(self._waiting.pop(0))

    def _begin(self, ask: _Ask) -> None:
        self._live[ask.number] = ask
        self._turns.append(_Turn(ask, None, _FOREVER))

    def submitted(self, message: Any, now: float) -> None:
        """The user sent something else that has a bearing on answers."""
        if type(message) is SayLine:
            # A message of this text is its answer, not a reply.
            self._turns.append(_Turn(None, spoken(message.text), now + PLACE_HELD))
        elif type(message) is Interrupt:
            # An answer that has not begun may now end without a first word.
            named = message.message_id
            for ask in self._live.values():
                ask.interrupted = named is None or named not in self._seen

    # --- what comes ------------------------------------------------------------------------

    def observe(self, event: Any, now: float) -> None:
        """Something has come that may begin, extend or end a reply."""
        observer = _OBSERVERS.get(type(event))
        if observer is not None:
            observer(self, event, now)

    def _response(self, response: BotResponse, now: float) -> None:
        if response.is_interjection:
            self._note(response.message_id)
            return
        ask = self._owner(response.message_id, response.text, now, response.is_final)
        if ask is None:
            return
        if response.partial or response.replaces:
            piece = TextPiece(response.partial, response.replaces)
            self._events.append(ReplyPart(ask.number, piece))
        ask.partial = response.text
        if response.is_final:
            self._end(ask, ReplyEnd.FINAL, None, response)

    def _action(self, action: CharacterAction, now: float) -> None:
        # It may come before the first word (PROTOCOL 3).
        ask = self._owner(action.message_id, "", now) if action.message_id else None
        if ask is not None:
            self._events.append(ReplyPart(ask.number, action))

    def _voice(self, voice: BotVoice, now: float) -> None:
        # As may its voice.
        if voice.message_id and not voice.is_interjection:
            self._owner(voice.message_id, "", now)

    def _heard(self, heard: SttResponse, now: float) -> None:
        if heard.is_final and heard.text.strip():  # The server will answer it by itself.
            last = self._turns[-1] if self._turns else None
            if last is not None and last.voice:  # More of a turn that has no answer yet.
                last.until = now + PLACE_HELD
            else:
                self._turns.append(_Turn(None, None, now + PLACE_HELD, voice=True))

    def _interrupted(self, data: InterruptData, now: float) -> None:
        named = data.message_id
        text = f"the reply was interrupted{f' ({data.reason})' if data.reason else ''}"
        if named:
            # It may name an answer that is cut before its first word.
            ask = self._owner(named, "", now)
            ends = [] if ask is None else [ask]
            self._note(named)
        else:
            live = list(self._live.values())
            ends = [ask for ask in live if ask.message_id is not None or ask.interrupted]
        for ask in ends:
            self._end(ask, ReplyEnd.INTERRUPTED, ReplyInterrupted(text, partial=ask.partial))

    def _redacted(self, flag: ModerationFlag, now: float) -> None:
        if flag.action != "redacted" or not flag.message_id:
            return
        ask = self._owner(flag.message_id, "", now)
        if ask is not None:
            # What was taken back is not handed out with the error either.
            ask.partial = ""
            error = ReplyInterrupted("the reply was redacted by moderation")
            self._end(ask, ReplyEnd.REDACTED, error)

    def _quota(self, quota: QuotaExceededData, now: float) -> None:
        for ask in self._everyone():
            text = quota.message or "the quota is used up"
            error = QuotaExceeded(text, partial=ask.partial, details=quota.to_dict())
            self._end(ask, ReplyEnd.QUOTA, error)

    def error(self, error: EstuaryError, now: float) -> None:
        """The server's `error`: it ends the reply it names, or one that has not begun."""
        named = error.details.get("message_id")
        if named:
            # It may name an answer that failed before its first word.
            ask = self._owner(named, "", now)
            ends = [] if ask is None else [ask]
            self._note(named)
        else:
            ends = [ask for ask in self._live.values() if ask.message_id is None]
        for ask in ends:
            self._end(ask, ReplyEnd.ERROR, error)

    def lost(self, why: str) -> None:
        """The connection fell."""
        for ask in self._everyone():
            text = f"the connection fell before the answer was complete: {why}"
            self._end(ask, ReplyEnd.LOST, ConnectionLost(text, partial=ask.partial))
        self._turns.clear()
        self._seen.clear()

    def expire(self, now: float) -> None:
        """End the replies that have run out of time."""
        for ask in self._everyone():
            if ask.deadline <= now:
                for turn in self._turns:
                    if turn.ask is ask:  # Its place in the line is held (rule 4).
                        turn.ask, turn.until = None, now + PLACE_HELD
                error = ReplyTimeout("no final answer came in time", partial=ask.partial)
                self._end(ask, ReplyEnd.TIMEOUT, error)

    def _everyone(self) -> list[_Ask]:
        return [*self._live.values(), *self._waiting]

    def _note(self, message_id: str) -> None:
        if message_id:  # A server that names nothing cannot be told apart by name.
            self._seen[message_id] = None
            if len(self._seen) > MAX_SEEN:
                del self._seen[next(iter(self._seen))]

    def _owner(self, message_id: str, text: str, now: float, final: bool = False) -> _Ask | None:
        """Whose answer this message is; a new message goes to the first who waits for one."""
        for ask in self._live.values():
            if ask.message_id == message_id:
                return ask
        if message_id in self._seen:
            return None
        self._turns = [turn for turn in self._turns if turn.until > now]
        if not final and not text.strip() and any(turn.line for turn in self._turns):
            return None  # A line or an answer? Its first words will tell.
        self._note(message_id)
        turn = self._match(text)
        if turn is None:
            return None
        self._turns.remove(turn)
        if turn.ask is not None:
            turn.ask.message_id = message_id
            self._events.append(ReplyStarted(turn.ask.number, message_id))
        return turn.ask

    def _match(self, text: str) -> _Turn | None:
        start = spoken(text)
        for turn in self._turns:
            if turn.line is not None and start and turn.line.startswith(start):
                return turn
        return next((turn for turn in self._turns if turn.line is None), None)

    def _end(
        self,
        ask: _Ask,
        end: ReplyEnd,
        error: EstuaryError | None,
        response: BotResponse | None = None,
    ) -> None:
        if self._live.pop(ask.number, None) is None:
            self._waiting.remove(ask)
        self._turns = [turn for turn in self._turns if turn.ask is not ask]
        self._events.append(ReplyEnded(ask.number, end, response, ask.partial, error))


_OBSERVERS: dict[type, Any] = {
    BotResponse: Replies._response,
    BotVoice: Replies._voice,
    CharacterAction: Replies._action,
    SttResponse: Replies._heard,
    InterruptData: Replies._interrupted,
    ModerationFlag: Replies._redacted,
    QuotaExceededData: Replies._quota,
}
