"""The talk between one player and one character: one answer at a time, and who interrupts whom.

A new text, a line to say or an interrupt ends the answer before it, which is confirmed with
`interrupt`. The rules brain answers in here; otherwise `AskBrain` goes out as a command, and the
pieces of the answer come in under the number of their turn. What comes for a turn that is over is
ignored. An answer that is `aloud`, at so many Hz, has a voice as well, and lasts until that has
been heard.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from ..models.conversation import CameraCaptureRequest, CharacterAction, InterruptData
from ..models.memory import MemoryData, MemoryUpdatedEvent
from ..models.session import ErrorEvent, SessionInfo
from . import wishes
from .abilities import Abilities
from .commands import AskBrain, Command, StopBrain
from .records import Forgotten, Learned, Spoken
from .rules import RulesBrain, pieces
from .speech import Speech
from .voices import Voices

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..models.base import Model
    from .config import Character, ServerConfig
    from .records import Kept, Recalled
    from .tone_voice import Voicing
    from .vision import Picture


class Outlet(Protocol):
    """Where messages to the client go."""

    def send(self, message: Model, *, now: float) -> None:
        """Send, or keep until there is room."""

    @property
    def has_room(self) -> bool:
        """False while something is kept: make no more chunks then."""
        ...


class Conversation:
    """See the module. `known` is what was there before. `new_id` makes message ids; `tells_memory`
    turns `memory_updated` on; `wall` gives the time of day in ISO 8601; `keep` is told what should
    last; with `voices` there is somebody who speaks."""

    def __init__(
        self,
        config: ServerConfig,
        session: SessionInfo,
        character: Character,
        known: Recalled,
        outlet: Outlet,
        *,
        new_id: Callable[[], str],
        external: bool,
        tells_memory: bool,
        wall: Callable[[], str] = str,
        abilities: Abilities | None = None,
        keep: Callable[[Kept], object] | None = None,
        voices: Voices | None = None,
    ) -> None:
        self.commands: deque[Command] = deque()
        self._voices = voices or Voices({})
        self._config = config
        self._session = session
        self.character: Character = character
        self._memory = known.memory
        self._keep = keep
        self._outlet = outlet
        self._new_id = new_id
        self._rules = None if external else RulesBrain(config.seed, character.name, character.about)
        self._tells_memory = tells_memory
        self._history: deque[tuple[str, str]] = deque(known.history, maxlen=config.max_history)
        self._speech: Speech | None = None
        self._voicing: Voicing | None = None
        self._abilities = abilities or Abilities()
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
        if not self._outlet.has_room:
            return None
        written = self._speech.due_at if self._speech is not None else None
        spoken = self._voicing.due_at if self._voicing is not None else None
        if written is None or spoken is None:
            return spoken if written is None else written
        return min(written, spoken)

    def sounds(self, now: float) -> bool:
        """Whether an answer is being spoken aloud, or is about to be."""
        return self._voicing is not None and self._voicing.plays(now)

    # --- what the client wants -------------------------------------------------------------

    def greet(self, *, now: float, aloud: int | None = None) -> None:
        """Begin with the character's greeting, if it has one."""
        if self.character.greeting:
            self._recite(self.character.greeting, now, aloud, interjection=True)

    def text(self, text: str, *, now: float, aloud: int | None = None) -> None:
        """The player says something."""
        if not self._too_long(text, now):
            self._answer(text, None, now, aloud)

    def picture(self, picture: Picture, *, now: float, aloud: int | None = None) -> None:
        """The player shows something."""
        if not self._too_long(picture.text, now):
            self._answer(picture.text, picture, now, aloud)

    def line(self, text: str, *, now: float, aloud: int | None = None) -> None:
        """The character says exactly this, at once; a blank line is none (PROTOCOL 2)."""
        if text.strip() and not self._too_long(text, now):
            self._interrupt("say_line", now)
            self._recite(text, now, aloud)

    def recite(
        self, said: Sequence[str], interval: float | None, *, now: float, aloud: int | None = None
    ) -> None:
        """The character says this in these pieces, one every `interval` seconds."""
        self._interrupt("say_line", now)
        speech = self._begin(now, paced=True, interval=interval, aloud=aloud)
        speech.add(said)
        speech.finish()
        self.speak(now=now)

    def interrupt(self, message_id: str | None, *, now: float) -> None:
        """Stop that message, or whatever is being said. With nothing to stop there is nothing to
        confirm: an `interrupt` without an answer would end the client's next one."""
        if message_id in (None, "", self.message_id):
            self._interrupt("client_interrupt", now)

    def hush(self, reason: str, *, now: float) -> None:
        """Somebody else speaks: stop."""
        self._interrupt(reason, now)

    def played(self, message_id: str | None, *, now: float) -> None:
        """The client has heard the voice of that message, or of the one that is spoken, to its end;
        that of another one is of no interest any more."""
        if self._voicing is not None and message_id in (None, "", self._voicing.message_id):
            self._voicing.played(now)

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
            if self._speech is not None and self._speech.due_at == due:
                self._write(self._speech, now)
            else:
                assert self._voicing is not None
                self._outlet.send(self._voicing.next_chunk(now), now=now)

    def _write(self, speech: Speech, now: float) -> None:
        chunk = speech.next_chunk(now)
        self._outlet.send(chunk, now=now)
        self._behind = not self._outlet.has_room
        if self._voicing is not None:
            self._voicing.add(chunk.partial or "")
        if chunk.is_final:
            self._end()
            if self._voicing is not None:
                self._voicing.finish()

    def stop(self) -> None:
        """The client is leaving: be silent, and let the brain go."""
        self._hush()
        if self._speech is not None:
            if not self._speech.complete:
                self.commands.append(StopBrain(self._speech.turn))
            self._end()

    def _answer(self, text: str, picture: Picture | None, now: float, aloud: int | None) -> None:
        self._interrupt("new_message", now)
        history = tuple(self._history)
        said = text if picture is None else picture.note
        self._said("user", said)
        self._learn(text, now)
        speech = self._begin(now, paced=self._rules is not None, aloud=aloud)
        if self._rules is not None:
            speech.add(pieces(self._reply(self._rules, text, picture, now)))
            speech.finish()
        else:
            facts = tuple(fact.text for fact in self._memory)
            self.commands.append(AskBrain(speech.turn, said, self._driven(), history, facts))
        self.speak(now=now)

    def _reply(self, rules: RulesBrain, text: str, picture: Picture | None, now: float) -> str:
        """What the rules say, or do."""
        turn = self._turns - 1
        if wishes.wants_a_look(text) and picture is None:
            if not self._abilities.camera:
                return wishes.NO_CAMERA
            self._outlet.send(CameraCaptureRequest(self._new_id(), text), now=now)
            return wishes.LOOKING
        if picture is not None:
            more = bool(text) and not wishes.wants_a_look(text)
            answer = self._consult(rules, text, turn) if more else ""
            return f"{picture.seen} {answer}".rstrip()
        gesture = wishes.gesture_in(text) or wishes.action_in(text, self.character.actions)
        if gesture is None:
            return self._consult(rules, text, turn)
        if isinstance(gesture, str):
            return gesture
        if not self._abilities.client_action:
            return f"{gesture.words} {gesture.tag}"
        action = CharacterAction(
            gesture.name, dict(gesture.arguments), self.message_id, timestamp=self._wall()
        )
        self._outlet.send(action, now=now)
        return gesture.words

    def _driven(self) -> Character:
        """The character as it is now."""
        if not self._memory.motive:
            return self.character
        persona = f"{self.character.persona}\nWhat drives you now: {self._memory.motive}".strip()
        return replace(self.character, persona=persona)

    def _consult(self, rules: RulesBrain, text: str, turn: int) -> str:
        knew = len(self._memory)
        answer = rules.reply(text, self._memory, turn)
        if self._keep is not None and knew and not len(self._memory):
            who = self._session
            self._keep(Forgotten(who.character_id, who.player_id, self._wall()))
        return answer

    def _too_long(self, text: str, now: float) -> bool:
        most = min(self._config.max_text, self._config.max_reply)
        if len(text) > most:
            problem = f"The text has {len(text)} characters; {most} are the most"
            self._outlet.send(ErrorEvent(problem, "text_too_long"), now=now)
        return len(text) > most

    def _interrupt(self, reason: str, now: float) -> None:
        if self._speech is not None or self.sounds(now):
            self.stop()
            data = InterruptData(self.message_id, reason, self._wall() or None)
            self._outlet.send(data, now=now)

    def _recite(
        self, text: str, now: float, aloud: int | None, *, interjection: bool = False
    ) -> None:
        speech = self._begin(now, paced=True, interjection=interjection, aloud=aloud)
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
        aloud: int | None = None,
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
        self._hush()
        if aloud is not None:
            self._voicing = self._voices.begin(
                self.message_id,
                aloud,
                character=self._session.character_id,
                now=now,
                interjection=interjection,
                terminator=self._config.voice_terminator,
            )
        self._turns += 1
        return self._speech

    def _hush(self) -> None:
        self._voices.end(self._voicing)
        self._voicing = None

    def _end(self) -> None:
        assert self._speech is not None
        if self._speech.spoken:
            self._said("assistant", self._speech.spoken)
        self._speech = None
        self._behind = False

    def _speech_of(self, turn: int) -> Speech | None:
        speech = self._speech
        if speech is None or speech.turn != turn or speech.complete:
            return None
        return speech

    def _said(self, role: str, text: str) -> None:
        self._history.append((role, text))
        if self._keep is not None:
            who, at = self._session, self._wall()
            self._keep(Spoken(who.character_id, who.player_id, who.conversation_id, role, text, at))

    def _learn(self, text: str, now: float) -> None:
        learned = self._memory.learn(text)
        if not learned:
            return
        who, at = self._session, self._wall()
        memories = [
            MemoryData(
                # What differs stands first: people name a memory by the beginning of its id.
                id=f"{self._turns}-{number}-{who.session_id}",
                agent_id=who.character_id,
                player_id=who.player_id,
                content=fact.text,
                memory_type=fact.kind,
                source_conversation_id=who.conversation_id,
                source_quote=text,
                topic=fact.key,
                created_at=at or None,
            )
            for number, fact in enumerate(learned)
        ]
        if self._keep is not None:
            for memory, fact in zip(memories, learned, strict=True):
                self._keep(Learned(memory, fact))
        if self._tells_memory:
            self._outlet.send(_news(who, memories, at), now=now)


def _news(who: SessionInfo, memories: list[MemoryData], at: str) -> MemoryUpdatedEvent:
    return MemoryUpdatedEvent(
        agent_id=who.character_id,
        player_id=who.player_id,
        memories_extracted=len(memories),
        facts_extracted=len(memories),
        conversation_id=who.conversation_id,
        new_memories=memories,
        timestamp=at,
    )


def _clean(text: str) -> str:
    """`text` without lone surrogates: a brain may bring them in, but nothing takes them out."""
    return text.encode(errors="replace").decode()
