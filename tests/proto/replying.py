"""A pair that asks, and what it tells about replies."""

from __future__ import annotations

from typing import Any

from estuary_proto.events import ReplyEnd, ReplyEnded, ReplyPart, ReplyStarted
from estuary_proto.intents import SendText
from estuary_proto.models.conversation import (
    ResponseChunk,
)
from estuary_proto.testing import Pair

Told = ReplyStarted | ReplyPart | ReplyEnded


class Talk(Pair):
    """A connected pair without latency, and what it tells about replies."""

    def __init__(self) -> None:
        super().__init__(latency=0.0)
        self.connect(within=0.0)
        self.events.clear()

    def asks(self, text: str = "hi", **options: Any) -> int:
        number = self.ask(SendText(text), **options)
        self.advance(0)
        return number

    def does(self, message: Any) -> None:
        self.submit(message)
        self.advance(0)

    def says(self, *messages: Any) -> None:
        for message in messages:
            self.tell(message)
            self.advance(0)

    def chunk(self, text: str, key: str = "m1", *, final: bool = False, **more: Any) -> None:
        self.says(ResponseChunk(text, final, None, key, **more))

    def told(self) -> list[Told]:
        found = self.of(ReplyStarted, ReplyPart, ReplyEnded)
        self.events.clear()
        return found

    def ends(self) -> list[tuple[int, ReplyEnd]]:
        return [(e.reply, e.end) for e in self.told() if isinstance(e, ReplyEnded)]

    @property
    def texts(self) -> list[str]:
        """What has been asked so far, as the server heard it."""
        return [e.text for e in self.link.heard if isinstance(e, SendText)]
