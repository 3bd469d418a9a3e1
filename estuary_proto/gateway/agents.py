"""Two characters that talk to each other while the player listens (PROTOCOL 2 and 3).

Both are the offline brain, each with a memory of its own that ends with the conversation; nothing
of it reaches what the character knows about the player. A turn is told in pieces
(`agent_turn_text`, each with the new words alone), then whole (`agent_turn_complete`); the first
speaks in turn 1. Where it is `aloud` each turn has a voice (`agent_turn_voice`), and the next one
waits until that has been heard. It ends with `agent_conversation_complete` and the reason
"max_turns", "timeout" or "stopped". The winner is who has said more words, the first of equals.
"""

from __future__ import annotations

from collections import deque
from math import isfinite
from typing import TYPE_CHECKING, Final

from ..models.agents import (
    AgentConversationComplete,
    AgentTurnComplete,
    AgentTurnText,
    AgentTurnVoice,
)
from ..models.extras import EncounterEnd, EncounterMessage
from ..models.session import ErrorEvent
from .memory import Memory
from .rules import RulesBrain, pieces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..intents import StartAgentConversation
    from ..models.base import Model
    from .config import Character, ServerConfig
    from .conversation import Outlet
    from .tone_voice import Voicing
    from .voices import Voices

MAX_TURNS: Final = 100
MAX_SECONDS: Final = 3600.0
MAX_CONTEXT: Final = 200
"""Characters of a context that are spoken about."""

BREATH: Final = 20
"""Between two turns there is a pause of so many words."""


def problem_of(cast: Mapping[str, Character], wanted: StartAgentConversation) -> ErrorEvent | None:
    """Why this conversation cannot be, or None."""
    for who in (wanted.agent_a_id, wanted.agent_b_id):
        if who not in cast:
            known = ", ".join(sorted(cast)[:10])
            return ErrorEvent(
                f"Unknown character {who[:80]!r}: this gateway has {known}", "unknown_agent"
            )
    if wanted.agent_a_id == wanted.agent_b_id:
        return ErrorEvent("A conversation needs two characters", "same_agent")
    if wanted.max_turns < 1 or not wanted.timeout_seconds > 0:
        return ErrorEvent("max_turns and timeout_seconds must be above 0", "invalid_limits")
    return None


class AgentTalk:
    """One conversation of two, paced by the words, and by the voice where it is `aloud` at so many
    Hz. `wanted` has no `problem_of`; `voices` are those of the session."""

    def __init__(
        self,
        config: ServerConfig,
        cast: Mapping[str, Character],
        wanted: StartAgentConversation,
        outlet: Outlet,
        voices: Voices,
        *,
        now: float,
        aloud: int | None = None,
    ) -> None:
        self._agents = (wanted.agent_a_id, wanted.agent_b_id)
        self._who = [cast[agent] for agent in self._agents]
        names = [who.name for who in self._who]
        self._brains = [
            RulesBrain(config.seed + i, w.name, w.about) for i, w in enumerate(self._who)
        ]
        self._memories = [Memory(config.max_facts), Memory(config.max_facts)]
        self._outlet = outlet
        self._interval = config.word_interval
        self._left = min(wanted.max_turns, MAX_TURNS)
        seconds = wanted.timeout_seconds
        self._until = now + (min(seconds, MAX_SECONDS) if isfinite(seconds) else MAX_SECONDS)
        self._words = [0, 0]
        self._turn = 0
        self._said = _opening(names[1], wanted.conversation_context)
        self._pieces: deque[str] = deque()
        self._chunk = 0
        self._at = now
        self._aloud = aloud
        self._voices = voices
        self._voice: Voicing | None = None
        self._heard_by = now
        self.over: bool = False
        """True when the end has been told."""
        self._begin(self._said, now)

    @property
    def due_at(self) -> float | None:
        """When `speak` has something to do, in monotonic seconds."""
        if self.over or not self._outlet.has_room:
            return None
        return self._until if self._next is None else min(self._next, self._until)

    @property
    def _next(self) -> float | None:
        """When there is more to say: of this turn, or the turn after it. None while that has yet to
        be spoken by somebody outside."""
        voiced = self._voice.due_at if self._voice is not None else None
        if self._pieces:
            return self._at if voiced is None else min(self._at, voiced)
        if voiced is None and self._voice is not None and not self._voice.over:
            return None
        return max(self._at, self._heard_by) if voiced is None else voiced

    def speak(self, *, now: float) -> None:
        """Say what is due by `now`."""
        while (due := self.due_at) is not None and due <= now:
            if self._until <= due:
                self._end("timeout", now)
            elif self._voice is not None and self._voice.due_at == due:
                self._sound(self._voice, now)
            elif self._pieces:
                self._say(now)
            elif self._turn == self._left:
                self._end("max_turns", now)
            else:
                who = self._turn % 2
                said = self._brains[who].reply(self._said, self._memories[who], self._turn)
                self._begin(said, due)

    def stop(self, *, now: float) -> None:
        """End it where it is."""
        if not self.over:
            self._end("stopped", now)

    def _begin(self, text: str, at: float) -> None:
        self._memories[1 - self._turn % 2].learn(text)
        self._said = text
        self._pieces.extend(pieces(text))
        self._turn += 1
        self._chunk = 0
        self._at = self._heard_by = at
        if self._aloud is not None:
            self._voices.end(self._voice)
            agent = self._agents[(self._turn - 1) % 2]
            self._voice = self._voices.begin("", self._aloud, character=agent, now=at)
            self._voice.add(text)
            self._voice.finish()

    def _sound(self, voice: Voicing, now: float) -> None:
        made = voice.next_chunk(now)
        agent = self._agents[(self._turn - 1) % 2]
        self._heard_by = max(self._heard_by, now) + len(made.audio) * 3 / 8 / voice.rate
        chunk = AgentTurnVoice(agent, made.audio, made.chunk_index, self._turn, made.is_final)
        self._send(chunk, now)

    def _say(self, now: float) -> None:
        who = (self._turn - 1) % 2
        agent, piece = self._agents[who], self._pieces.popleft()
        last = not self._pieces
        self._send(AgentTurnText(agent, piece, self._chunk, self._turn, last), now)
        self._chunk += 1
        self._at = max(self._at + self._interval, now - self._interval)
        if last:
            self._words[who] += len(self._said.split())
            self._send(AgentTurnComplete(agent, self._said, self._turn), now)
            self._at += BREATH * self._interval

    def _end(self, reason: str, now: float) -> None:
        self.over = True
        self._voices.end(self._voice)
        winner = self._agents[self._words[1] > self._words[0]]
        self._send(AgentConversationComplete(winner, reason, self._turn), now)

    def _send(self, message: Model, now: float) -> None:
        self._outlet.send(message, now=now)


class Encounter:
    """An encounter is told otherwise than a conversation of agents: whole turns, by "a" and "b"
    (PROTOCOL 3). It stands between the talk and the client."""

    def __init__(self, encounter_id: str, wanted: StartAgentConversation, outlet: Outlet) -> None:
        self._id = encounter_id
        self._a = wanted.agent_a_id
        self._outlet = outlet

    @property
    def has_room(self) -> bool:
        """See Outlet."""
        return self._outlet.has_room

    def send(self, message: Model, *, now: float) -> None:
        """See Outlet."""
        if isinstance(message, AgentTurnComplete):
            speaker = "a" if message.agent_id == self._a else "b"
            turn = message.turn_number - 1
            told = EncounterMessage(self._id, speaker, turn, message.text)
            self._outlet.send(told, now=now)
        elif isinstance(message, AgentConversationComplete):
            end = EncounterEnd(self._id, message.reason, message.total_turns)
            self._outlet.send(end, now=now)


def _opening(other: str, context: str) -> str:
    about = " ".join(context.split())[:MAX_CONTEXT].strip(" .")
    if not about:
        return f"Hello {other}! What have you been thinking about?"
    return f"Hello {other}! Let's talk about this: {about}. What comes to your mind?"
