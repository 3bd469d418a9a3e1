"""Lines that the character is given to say, one after the other (PROTOCOL 2 `say_line`, 8.2).

Two lines in a row cut each other on the server, so each is sent when the one before has been heard:

1. The message of a line is the first new one whose text begins as the line does, action tags and
   white space apart.
2. A line is over when its text is final and its voice has been heard: as the player says, else for
   as long as its samples last. Without a voice it is over `VOICE_DUE` after its final text, at once
   where none was asked for.
3. A line of which nothing is seen for `patience` seconds is over as well.
4. An interruption that is not ours ends all of them, as does a redaction, a used up quota and the
   end of the connection.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from .actions import spoken
from .errors import LocalProtocolError, SendBlocked
from .events import LinesEnd, LinesEnded, LineStarted, Steer, Writable
from .intents import Interrupt, SayLine
from .models.conversation import BotResponse, BotVoice, InterruptData
from .models.session import ModerationFlag, QuotaExceededData

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .playback import Playback

VOICE_DUE: Final = 2.0
"""Seconds after a final text within which the first sound of it comes, if any."""

CONFIRMED_WITHIN: Final = 5.0
"""Seconds in which a server tells that it has cut a line, as we asked."""

LEAST_PATIENCE: Final = 0.001
"""Less than this would pass over lines without end in one moment."""

_NEVER: Final = float("inf")


class _Line:
    __slots__ = ("asked_at", "final_at", "message_id", "seen_at", "text")

    def __init__(self, text: str, now: float) -> None:
        self.text = text
        self.message_id: str | None = None
        self.asked_at = self.seen_at = now
        self.final_at: float | None = None


class Lines:
    """One script at a time. `send` sends a message, `tell` takes events for the user."""

    def __init__(
        self,
        send: Callable[[Any], object],
        tell: Callable[[Any], None],
        playback: Playback,
    ) -> None:
        self._send = send
        self._tell = tell
        self._playback = playback
        self._number = 0
        self._texts: tuple[str, ...] = ()
        self._line: _Line | None = None
        self._next = 0
        self._said = 0
        self._ready_at = 0.0
        self._paused = False
        self._blocked = False
        self._gap = self._patience = 0.0
        self._text_only = self._loop = False
        self._before: str | None = None
        self._cuts: list[_Line] = []
        """The lines that we had cut, until the server has told so."""
        self._cuts_until = 0.0

    def __bool__(self) -> bool:
        """True while there is something to say, or to be told of what was said."""
        return bool(self._texts or self._cuts)

    @property
    def deadline(self) -> float | None:
        """When `expire` has something to do."""
        if not self._texts:
            return None
        at = self._over_at() if self._line is not None else self._ready_at
        return None if at == _NEVER or (self._line is None and self._waits) else at

    @property
    def _waits(self) -> bool:
        return self._paused or self._blocked

    # --- what the user wants ---------------------------------------------------------------

    def start(
        self,
        texts: tuple[str, ...],
        *,
        now: float,
        gap: float,
        patience: float,
        text_only: bool,
        loop: bool,
    ) -> int:
        """Begin to say these, which were checked; returns the number that LinesEnded will carry."""
        if self._texts:
            raise LocalProtocolError(
                "lines are being said already; stop them first, or wait for their end"
            )
        self._number += 1
        self._texts, self._text_only, self._loop = texts, text_only, loop
        self._gap, self._patience = gap, patience
        self._next = self._said = 0
        self._line = None
        self._paused = self._blocked = False
        self._ready_at = now
        self._go_on(now)
        return self._number

    def steer(self, number: int, what: Steer, now: float) -> None:
        """Do something with a script; nothing when it is over."""
        if number != self._number or not self._texts:
            return
        line = self._line
        if what is Steer.PAUSE:
            self._paused = True
        elif what is Steer.RESUME:
            self._paused = False
        elif what is Steer.STOP:
            self._end(LinesEnd.STOPPED)
            self._cut(line, now)
        elif line is not None:
            self._done(now)
            self._ready_at = now
            self._cut(line, now)
        else:  # Between two lines: the next one is left out.
            self._next += 1
            self._ready_at = now
        self._go_on(now)

    def _cut(self, line: _Line | None, now: float) -> None:
        """Ask the server to stop this line; what it then tells is no surprise."""
        if line is not None:
            with suppress(SendBlocked):
                self._send(Interrupt(line.message_id))
                if now >= self._cuts_until:
                    self._cuts.clear()
                self._cuts.append(line)
                self._cuts_until = now + CONFIRMED_WITHIN

    # --- what comes ------------------------------------------------------------------------

    def observe(self, event: Any, now: float) -> None:
        """Something has come that may concern the line."""
        observer = _OBSERVERS.get(type(event))
        if observer is not None:
            observer(self, event, now)
            self._go_on(now)

    def _response(self, response: BotResponse, now: float) -> None:
        line = self._line
        if line is None or response.is_interjection:
            return
        if line.message_id is None:
            start = spoken(response.text)
            if not (start or (response.is_final and not line.text)):
                return
            if response.message_id == self._before or not line.text.startswith(start):
                return
            line.message_id = response.message_id
        if response.message_id == line.message_id:
            line.seen_at = now
            if response.is_final:
                line.final_at = now

    def _voice(self, voice: BotVoice, now: float) -> None:
        if self._line is not None and voice.message_id == self._line.message_id:
            self._line.seen_at = now

    def _interrupted(self, data: InterruptData, now: float) -> None:
        line, named = self._line, data.message_id
        if now >= self._cuts_until:
            self._cuts.clear()
        mine = line is not None and named in (None, line.message_id)
        for cut in self._cuts:
            if named is None or cut.message_id == named or not mine:
                break
            if line is not None and cut.message_id is None and cut.text == line.text:
                # The same line was asked for again: this was the message of the one before.
                line.message_id = line.final_at = None
                self._before = named
                break
        else:
            if mine:
                self._end(LinesEnd.INTERRUPTED)
            return
        self._cuts.remove(cut)

    def _redacted(self, flag: ModerationFlag, now: float) -> None:
        line = self._line
        if line is not None and flag.action == "redacted" and flag.message_id == line.message_id:
            self._end(LinesEnd.INTERRUPTED)

    def _quota(self, quota: QuotaExceededData, now: float) -> None:
        self._end(LinesEnd.FAILED)

    def _writable(self, writable: Writable, now: float) -> None:
        self._blocked = False

    def interrupt(self, message_id: str | None) -> None:
        """The user interrupts: this message, or whatever is being said."""
        line = self._line
        if line is not None and message_id in (None, line.message_id):
            self._end(LinesEnd.INTERRUPTED)

    def lost(self) -> None:
        """The connection is over."""
        self._end(LinesEnd.DISCONNECTED)
        self._before = None
        self._cuts.clear()

    def expire(self, now: float) -> None:
        """Go on with what is due."""
        self._go_on(now)

    # --- from line to line -----------------------------------------------------------------

    def _over_at(self) -> float:
        """When the line that is being said is over, as far as is known (rules 2 and 3)."""
        line = self._line
        assert line is not None  # It was asked about one.
        lost_at = line.seen_at + self._patience
        if line.final_at is None or line.message_id is None:
            return lost_at
        if self._text_only:
            return line.final_at
        # What was heard before it was asked for is another message's, of the same name.
        if not self._playback.has_voice(line.message_id, line.asked_at):
            return line.final_at + VOICE_DUE
        heard = self._playback.over_at(line.message_id)
        return lost_at if heard is None else heard

    def _go_on(self, now: float) -> None:
        if self._line is not None and self._over_at() <= now:
            self._said += 1
            self._done(now)
        if not self._texts or self._line is not None or self._waits or now < self._ready_at:
            return
        if self._loop:
            self._next %= len(self._texts)
        if self._next >= len(self._texts):
            self._end(LinesEnd.FINISHED)
            return
        text = self._texts[self._next]
        try:
            self._send(SayLine(text, self._text_only))
        except SendBlocked:
            self._blocked = True
            return
        self._line = _Line(spoken(text), now)
        self._tell(LineStarted(self._number, self._next))

    def _done(self, now: float) -> None:
        assert self._line is not None  # It is the one that is done.
        self._before = self._line.message_id or self._before
        self._line = None
        self._next += 1
        # Behind the last line there is no pause.
        last = self._next == len(self._texts) and not self._loop
        self._ready_at = now if last else now + self._gap

    def _end(self, end: LinesEnd) -> None:
        if self._texts:
            if self._line is not None:
                self._before = self._line.message_id or self._before
            self._texts, self._line = (), None
            self._tell(LinesEnded(self._number, end, self._said))


_OBSERVERS: dict[type, Any] = {
    BotResponse: Lines._response,
    BotVoice: Lines._voice,
    InterruptData: Lines._interrupted,
    ModerationFlag: Lines._redacted,
    QuotaExceededData: Lines._quota,
    Writable: Lines._writable,
}


def check_lines(lines: Iterable[str], gap: float, patience: float) -> tuple[str, ...]:
    """The lines; LocalProtocolError for what cannot be said."""
    if isinstance(lines, str):
        raise LocalProtocolError("lines is one str: give a list of them")
    texts = tuple(lines)
    if not texts:
        raise LocalProtocolError("lines is empty: give one line or more")
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise LocalProtocolError(f"lines[{number}] is {type(text).__name__}, not str")
        if not text.strip():
            raise LocalProtocolError(f"lines[{number}] is blank: there is nothing to say")
    if not (isinstance(gap, (int, float)) and 0 <= gap < _NEVER):
        raise LocalProtocolError(f"gap is {gap!r}: give seconds, 0 or more")
    if not (isinstance(patience, (int, float)) and LEAST_PATIENCE <= patience < _NEVER):
        raise LocalProtocolError(f"line_timeout is {patience!r}: give seconds above 0")
    return texts
