"""The voice of one reply, piece by piece (API 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from estuary_proto.events import Disconnected, ReplyEnd
from estuary_proto.models.conversation import BotVoice, InterruptData
from estuary_proto.models.session import ModerationFlag

from .streams import EventStream

if TYPE_CHECKING:
    from .reply import Reply


class ReplyVoice(EventStream[BotVoice]):
    """`async for chunk in reply.voice()`: what the character says aloud with this answer.

    It listens from the moment it is made, and ends with the last chunk, when the answer is cut off
    or another message speaks, and when the connection falls. A server that has no voice for an
    answer does not say so: put a time limit around it. A reader that falls 8 MiB behind loses the
    oldest chunks; `dropped` counts them.
    """

    def __init__(self, reply: Reply, speaks: bool) -> None:
        super().__init__((BotVoice,), reply.check_thread)
        self._reply = reply
        self._speaks = speaks
        self.settle()

    def put(self, event: Any) -> None:
        """An event has come."""
        kind = type(event)
        if kind is BotVoice:
            self._hear(event)
        elif kind is Disconnected:
            self.end()
        elif kind is InterruptData:
            if event.message_id in (None, self._reply.message_id):
                self.cut()
        elif kind is ModerationFlag:
            if event.action == "redacted" and event.message_id == self._reply.message_id:
                self.cut()

    def _hear(self, voice: BotVoice) -> None:
        mine = self._reply.message_id
        if voice.late:
            return
        if mine is None or voice.message_id == mine:
            super().put(voice)  # Whose it is may still turn out.
            if mine is not None and voice.is_final:
                self.end()
        elif self._reply.end is not None:
            self.end()

    def cut(self) -> None:
        """What has not been played shall not be."""
        self._queue.clear()
        self.end()

    def settle(self) -> None:
        """The reply has begun or ended."""
        reply = self._reply
        if reply.message_id is not None:
            early = [self._queue.take() for _ in range(len(self._queue))]
            for voice in early:
                self._hear(voice)
        if reply.end is not None and (reply.end is not ReplyEnd.FINAL or not self._speaks):
            self.end()
