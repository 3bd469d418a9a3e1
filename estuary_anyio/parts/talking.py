"""The part of the client that says something in writing, and follows answers (API 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from estuary_proto.events import Outcome, ReplyEnded
from estuary_proto.intents import Interrupt, SayLine, SendText

from ..receipt import Receipt
from ..reply import Reply
from .driving import Driving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from estuary_proto.events import ReplyPart, ReplyStarted, TextPiece
    from estuary_proto.models.conversation import BotResponse

    from ..listeners import Listeners


class Talking(Driving):
    """Texts of the user's, answers to them, and what the character is to say or to stop."""

    _listeners: Listeners

    def __init__(self) -> None:
        super().__init__()
        self._replies: dict[int, Reply] = {}

    def send_text(self, text: str, text_only: bool = False) -> Receipt:
        """Send a text; `text_only` asks for no voice. Raises NOT_CONNECTED, SEND_BUFFER_FULL."""
        return self._send(SendText(text, text_only))

    def ask(
        self,
        text: str,
        *,
        text_only: bool = False,
        timeout: float | None = 20.0,
        concurrent: bool = False,
    ) -> Reply:
        """Send a text and follow the answer.

        One reply is outstanding at a time and later ones wait their turn, unless `concurrent`.
        `timeout` is in seconds from now to the final text. Raises NOT_CONNECTED, SEND_BUFFER_FULL;
        what ends the answer early is raised by the Reply.
        """
        reply = Reply(self.interrupt, self._listeners.watch, speaks=not text_only)
        number = self._core.ask(
            SendText(text, text_only), now=self._now(), timeout=timeout, concurrent=concurrent
        )
        self._replies[number] = reply
        if self._watch is not None:
            self._watch.asked(number, SendText(text, text_only))
        self._settle()
        return reply

    async def send_text_and_wait(
        self, text: str, *, text_only: bool = False, timeout: float | None = 20.0
    ) -> BotResponse:
        """Send a text and wait for the whole answer; raises what `ask` and `Reply.final` raise."""
        return await self.ask(text, text_only=text_only, timeout=timeout).final()

    def stream_text(
        self, text: str, *, text_only: bool = False, timeout: float | None = 20.0
    ) -> AsyncIterator[TextPiece]:
        """Send a text and iterate the pieces of the answer; see `ask` and `Reply`."""
        return self.ask(text, text_only=text_only, timeout=timeout).pieces()

    def say_line(self, text: str, text_only: bool = False) -> Receipt:
        """Let the character say exactly this; a blank line is nothing to say (PROTOCOL 2).

        `text_only`: without its voice. Raises NOT_CONNECTED, SEND_BUFFER_FULL.
        """
        if isinstance(text, str) and not text.strip():
            return Receipt(Outcome.SENT)
        return self._send(SayLine(text, text_only))

    def interrupt(self, message_id: str | None = None) -> Receipt:
        """Stop this answer, or whatever is being said. Raises NOT_CONNECTED, SEND_BUFFER_FULL."""
        return self._send(Interrupt(message_id))

    def _tell_reply(self, event: ReplyStarted | ReplyPart | ReplyEnded) -> None:
        self._replies[event.reply].update(event)
        if type(event) is ReplyEnded:
            del self._replies[event.reply]
