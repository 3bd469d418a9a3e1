"""A spoken conversation as its events tell it: who says what, what is due, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from estuary_proto.events import Disconnected, PlaybackComplete
from estuary_proto.models.conversation import BotResponse, InterruptData, SttResponse

from .connection import ConnectionNews

if TYPE_CHECKING:
    from estuary_anyio.client import EstuaryClient

    from .captions import Captions


class Conversation:
    """Shows in `captions` what happens on `client`; `scope` is cancelled when that is over."""

    def __init__(self, client: EstuaryClient, captions: Captions, scope: anyio.CancelScope) -> None:
        self.answers: int = 0
        """How many answers were complete, or cut short."""
        self.is_interrupted: bool = False
        """Ctrl-C has cut short what the character said, and it has said nothing since."""
        self.latest: float = float("-inf")
        """When something was last said or understood."""
        self._client = client
        self._captions = captions
        self._connection = ConnectionNews(client, captions, scope)
        self._hears = False
        self._asked = False
        self._writing: dict[str, str] = {}
        self._cut: str | None = None
        client.on("*", self._tell)

    @property
    def failure(self) -> str | None:
        """Why it is over; None while it is not, or when the user has ended it."""
        return self._connection.failure

    @property
    def is_answering(self) -> bool:
        """Whether an answer has begun, and not all of its text has come."""
        return bool(self._writing)

    @property
    def is_due(self) -> bool:
        """Whether something is known to come: the end of what is said, or of its answer."""
        return self._hears or self._asked or self.is_answering

    def interrupt(self) -> None:
        """Cut short what the character says, at the user's wish."""
        self.is_interrupted = True
        self._client.interrupt()

    def _tell(self, event: Any) -> None:
        if isinstance(event, (SttResponse, BotResponse, InterruptData, PlaybackComplete)):
            self.latest = anyio.current_time()
        if isinstance(event, SttResponse):
            self._understood(event)
        elif isinstance(event, BotResponse):
            self._answered(event)
        elif isinstance(event, InterruptData):
            self._interrupted(event.message_id)
        elif isinstance(event, PlaybackComplete):
            if event.interrupted:
                self._interrupted(event.message_id)
        else:
            if isinstance(event, Disconnected):
                self._cut_off()
            self._connection.tell(event)

    # --- what is said ------------------------------------------------------------------------

    def _understood(self, speech: SttResponse) -> None:
        self._hears = not speech.is_final
        if not speech.is_final:
            self._captions.hear(speech.text)
            return
        self._asked = self._asked or bool(speech.text.strip())
        self._captions.heard(speech.text)

    def _answered(self, response: BotResponse) -> None:
        if response.message_id == self._cut:
            return
        self._asked = self.is_interrupted = False
        if response.is_final:
            self._writing.pop(response.message_id, None)
            self.answers += 1
            self._captions.answered(response.text)
        else:
            self._writing[response.message_id] = response.text
            self._captions.answer(response.text)

    def _interrupted(self, message_id: str | None) -> None:
        named = list(self._writing) if message_id is None else [message_id]
        for one in named:
            # Ours and the server's word for it are one interruption.
            if one == self._cut:
                continue
            self._cut = one
            text = self._writing.pop(one, None)
            if text is not None:
                self.answers += 1
                self._captions.answered(text, whole=False)
            self._captions.notice("interrupted")

    def _cut_off(self) -> None:
        """What was being said and heard will not be complete."""
        for text in self._writing.values():
            self._captions.answered(text, whole=False)
        self._writing.clear()
        self._hears = self._asked = False
