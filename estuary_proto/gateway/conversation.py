"""The talk between one player and one character: one answer at a time, and who interrupts whom.

A new text, a line to say or an interrupt ends the answer before it, which is confirmed with
`interrupt`. The rules brain answers in here; otherwise `AskBrain` goes out as a command, and the
pieces of the answer come in under the number of their turn. What comes for a turn that is over is
ignored.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from ..models.conversation import InterruptData
from ..models.memory import MemoryData, MemoryUpdatedEvent
from ..models.session import ErrorEvent, SessionInfo
from .asking import AskBrain, Command, StopBrain
from .rules import RulesBrain, pieces
from .speech import Speech

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..models.base import Model
    from .config import ServerConfig
    from .memory import Fact, Memory


class Outlet(Protocol):
    """Where messages to the client go."""

    def send(self, message: Model, *, now: float) -> None:
        """Send, or keep until there is room."""

    @property
    def has_room(self) -> bool:
        """False while something is kept: make no more chunks then."""
        ...


class Conversation:
    """See the module. `new_id` makes message ids; `tells_memory` turns `memory_updated` on; `wall`
    gives the time of day in ISO 8601."""

    def __init__(
        self,
        config: ServerConfig,
        session: SessionInfo,
        memory: Memory,
        outlet: Outlet,
        *,
        new_id: Callable[[], str],
        external: bool,
        tells_memory: bool,
        wall: Callable[[], str] = str,
    ) -> None:
        self.commands: deque[Command] = deque()
        self._config = config
        self._session = session
        self._character = config.characters[session.character_id]
        self._memory = memory
        self._outlet = outlet
        self._new_id = new_id
        self._rules = None if external else RulesBrain(config.seed, self._character.name)
        self._tells_memory = tells_memory
        self._history: deque[tuple[str, str]] = deque(maxlen=config.max_history)
        self._speech: Speech | None = None
        self._turns = 0
        self._wall = wall
        self.message_id: str = ""
        """Of the answer that is spoken, or was spoken last."""
        self.delay: float = 0.0
        """Seconds before an answer begins."""
        self._behind = False

    @property
    def due_at(self) -> float | None:
        """When `speak` has something to do, in monotonic seconds; None while it has nothing."""
        if self._speech is None or not self._outlet.has_room:
            return None
        return self._speech.due_at

    # --- what the client wants -------------------------------------------------------------

    def greet(self, *, now: float) -> None:
        """Begin with the character's greeting, if it has one."""
        if self._character.greeting:
            self._recite(self._character.greeting, now, interjection=True)

    def text(self, text: str, *, now: float) -> None:
        """The player says something."""
        if self._too_long(text, now):
            return
        self._interrupt("new_message", now)
        learned = self._memory.learn(text)
        history = tuple(self._history)
        self._history.append(("user", text))
        if learned and self._tells_memory:
            self._outlet.send(self._news(learned), now=now)
        speech = self._begin(now, paced=self._rules is not None)
        if self._rules is not None:
            speech.add(pieces(self._rules.reply(text, self._memory, speech.turn)))
            speech.finish()
        else:
            facts = tuple(fact.text for fact in self._memory)
            self.commands.append(AskBrain(speech.turn, text, self._character, history, facts))
        self.speak(now=now)

    def line(self, text: str, *, now: float) -> None:
        """The character says exactly this, at once; a blank line is none (PROTOCOL 2)."""
        if text.strip() and not self._too_long(text, now):
            self._interrupt("say_line", now)
            self._recite(text, now)

    def recite(self, said: Sequence[str], interval: float | None, *, now: float) -> None:
        """The character says this in these pieces, one every `interval` seconds."""
        self._interrupt("say_line", now)
        speech = self._begin(now, paced=True, interval=interval)
        speech.add(said)
        speech.finish()
        self.speak(now=now)

    def interrupt(self, message_id: str | None, *, now: float) -> None:
        """Stop that message, or whatever is being said. With nothing to stop there is nothing to
        confirm: an `interrupt` without an answer would end the client's next one."""
        if self._speech is not None and message_id in (None, "", self._speech.message_id):
            self._interrupt("client_interrupt", now)

    # --- what an external brain tells ------------------------------------------------------

    def brain_piece(self, turn: int, text: str, *, now: float) -> None:
        """The next piece of the answer in this turn."""
        speech = self._speech_of(turn)
        if speech is None:
            return
        if speech.size + len(text) > self._config.max_reply:
            self.commands.append(StopBrain(turn))
            speech.finish()
        else:
            speech.add([_clean(text)])
        self.speak(now=now)

    def brain_done(self, turn: int, *, now: float) -> None:
        """The answer in this turn is complete."""
        speech = self._speech_of(turn)
        if speech is not None:
            speech.finish()
            self.speak(now=now)

    def brain_failed(self, turn: int, message: str, *, now: float) -> None:
        """There will be no (further) answer in this turn, and why."""
        if self._speech_of(turn) is not None:
            self._outlet.send(ErrorEvent(message, "brain_failed"), now=now)
            self._interrupt("error", now)

    # --- speaking --------------------------------------------------------------------------

    def speak(self, *, now: float) -> None:
        """Say what is due by `now`."""
        if self._behind and self._outlet.has_room and self._speech is not None:
            self._speech.merge()
            self._behind = False
        while (due := self.due_at) is not None and due <= now:
            assert self._speech is not None
            chunk = self._speech.next_chunk(now)
            self._outlet.send(chunk, now=now)
            self._behind = not self._outlet.has_room
            if chunk.is_final:
                self._end()

    def stop(self) -> None:
        """The client is leaving: be silent, and let the brain go."""
        if self._speech is not None:
            if not self._speech.complete:
                self.commands.append(StopBrain(self._speech.turn))
            self._end()

    def _too_long(self, text: str, now: float) -> bool:
        most = min(self._config.max_text, self._config.max_reply)
        if len(text) > most:
            problem = f"The text has {len(text)} characters; {most} are the most"
            self._outlet.send(ErrorEvent(problem, "text_too_long"), now=now)
        return len(text) > most

    def _interrupt(self, reason: str, now: float) -> None:
        if self._speech is not None:
            message_id = self._speech.message_id
            self.stop()
            self._outlet.send(InterruptData(message_id, reason), now=now)

    def _recite(self, text: str, now: float, *, interjection: bool = False) -> None:
        speech = self._begin(now, paced=True, interjection=interjection)
        speech.add(pieces(text))
        speech.finish()
        self.speak(now=now)

    def _begin(
        self,
        now: float,
        *,
        paced: bool,
        interjection: bool = False,
        interval: float | None = None,
    ) -> Speech:
        self.message_id = self._new_id()
        if interval is None:
            interval = self._config.word_interval if paced else 0.0
        self._speech = Speech(
            self._turns,
            self.message_id,
            now=now + self.delay,
            interval=interval,
            interjection=interjection,
        )
        self._turns += 1
        return self._speech

    def _end(self) -> None:
        assert self._speech is not None
        if self._speech.spoken:
            self._history.append(("assistant", self._speech.spoken))
        self._speech = None
        self._behind = False

    def _speech_of(self, turn: int) -> Speech | None:
        speech = self._speech
        if speech is None or speech.turn != turn or speech.complete:
            return None
        return speech

    def _news(self, learned: list[Fact]) -> MemoryUpdatedEvent:
        who, said_at = self._session, self._wall()
        memories = [
            MemoryData(
                id=f"{who.session_id}-{self._turns}-{number}",
                agent_id=who.character_id,
                player_id=who.player_id,
                content=fact.text,
                memory_type=fact.kind,
                source_conversation_id=who.conversation_id,
                topic=fact.key,
                created_at=said_at or None,
            )
            for number, fact in enumerate(learned)
        ]
        return MemoryUpdatedEvent(
            agent_id=who.character_id,
            player_id=who.player_id,
            memories_extracted=len(memories),
            facts_extracted=len(memories),
            conversation_id=who.conversation_id,
            new_memories=memories,
            timestamp=said_at,
        )


def _clean(text: str) -> str:
    """`text` without lone surrogates: a brain may bring them in, but nothing takes them out."""
    return text.encode(errors="replace").decode()
