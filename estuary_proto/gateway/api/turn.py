"""One turn of conversation without a socket (PROTOCOL 7.2): the talk of the sessions, told at once.

turn = Turn(config, session, character, known, …)
turn.begin("Hello", now=t)
turn.ask             # AskBrain for an external brain: give `piece`, `done` or `failed`
turn.events          # what can be streamed by now
turn.result          # when it is over
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...models.conversation import CharacterAction, ResponseChunk
from ...models.session import ErrorEvent
from ...models.turns import TurnResult
from ..abilities import Abilities
from ..commands import AskBrain
from ..conversation import Conversation

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...models.base import Model
    from ...models.session import SessionInfo
    from ..config import Character, ServerConfig
    from ..records import Kept, Recalled


class Turn:
    """See the module. `keep` None lets nothing last."""

    has_room: bool = True

    def __init__(
        self,
        config: ServerConfig,
        session: SessionInfo,
        character: Character,
        known: Recalled,
        *,
        new_id: Callable[[], str],
        external: bool,
        wall: Callable[[], str],
        keep: Callable[[Kept], object] | None,
    ) -> None:
        self._session = session
        self._actions: list[CharacterAction] = []
        self._text = ""
        self.events: deque[tuple[str, dict[str, Any]]] = deque()
        """("text_delta", {"text": …}), in order."""
        self.result: TurnResult | None = None
        self.problem: str = ""
        """Why there will be no result."""
        self._talk = Conversation(
            replace(config, word_interval=0.0), session, character, known, self,
            new_id=new_id, external=external, tells_memory=False, wall=wall,
            abilities=Abilities(speaker=False, camera=False, client_action=True), keep=keep,
        )  # fmt: skip

    @property
    def ask(self) -> AskBrain | None:
        """What an external brain is asked."""
        asks = [each for each in self._talk.commands if isinstance(each, AskBrain)]
        return asks[0] if asks else None

    def begin(self, text: str, *, now: float) -> None:
        """The player says this."""
        self._talk.text(text, now=now)

    def piece(self, turn: int, text: str, *, now: float) -> None:
        """An external brain's next piece."""
        self._talk.brain_piece(turn, text, now=now)

    def done(self, turn: int, *, now: float) -> None:
        """An external brain has said it all."""
        self._talk.brain_done(turn, now=now)

    def failed(self, turn: int, problem: str, *, now: float) -> None:
        """An external brain gave up."""
        self._talk.brain_failed(turn, problem, now=now)

    def send(self, message: Model, *, now: float) -> None:
        """What the talk tells; see Outlet."""
        if isinstance(message, CharacterAction):
            self._actions.append(message)
        elif isinstance(message, ErrorEvent):
            self.problem = message.message or message.error or "The turn failed"
        elif isinstance(message, ResponseChunk):
            self._text = message.text
            if message.partial:
                self.events.append(("text_delta", {"text": message.partial}))
            if message.is_final:
                self.result = self._result(message.message_id)

    def _result(self, message_id: str) -> TurnResult:
        who = self._session
        return TurnResult(
            self._text,
            message_id,
            who.session_id,
            who.conversation_id,
            who.character_id,
            who.player_id,
            self._actions,
        )
