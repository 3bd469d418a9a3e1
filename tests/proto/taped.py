"""A client and its server whose client is recorded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from estuary_proto.capture import Recorder, replay
from estuary_proto.config import EstuaryConfig
from estuary_proto.intents import Interrupt, SendText
from estuary_proto.models.conversation import InterruptData, ResponseChunk
from estuary_proto.testing.pair import Pair

if TYPE_CHECKING:
    from estuary_proto.client import Client

KEY = 'est_3f9c-öde/"key"'
CONFIG = EstuaryConfig("http://server.test", KEY, "character", "player")


class Taped(Pair):
    """A pair whose client is recorded."""

    def __init__(self, config: EstuaryConfig = CONFIG, **options: Any) -> None:
        super().__init__(config, **options)
        self.lines: list[str] = []
        self.recorder = Recorder(config, self.lines.append, seed=7)
        self.client = cast("Client", self.recorder)

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The lines but the header."""
        return [json.loads(line) for line in self.lines[1:]]

    def inputs(self, verb: str) -> list[dict[str, Any]]:
        return [entry for entry in self.entries if entry.get("in") == verb]

    def check(self) -> None:
        """The capture replays to the same, with the same events."""
        replayed = replay(self.lines)
        assert replayed.difference is None, str(replayed.difference)
        assert replayed.lines == len(self.lines) - 1
        assert [type(event) for event in replayed.events] == [type(event) for event in self.events]
        text = "".join(self.lines)
        assert KEY not in text
        assert "3f9c" not in text


def chat(pair: Pair) -> None:
    """Ask, be answered in two pieces, be interrupted while asking again."""
    pair.ask(SendText("hi"))
    pair.advance(0.5)
    pair.tell(ResponseChunk("Hel", False, "Hel", "m1"))
    pair.tell(ResponseChunk("Hello", True, "lo", "m1"))
    pair.advance(0.5)
    pair.ask(SendText("again"), timeout=5.0)
    pair.advance(0.5)
    pair.tell(ResponseChunk("Wh", False, "Wh", "m2"))
    pair.advance(0.1)
    pair.submit(Interrupt("m2"))
    pair.advance(0.1)
    pair.tell(InterruptData("m2", "user"))
    pair.advance(0.1)
