"""Captures written by hand, line by line."""

from __future__ import annotations

import json
from typing import Any

from estuary_proto.capture.forms import brief
from estuary_proto.models.pcm import encode_pcm
from estuary_proto.timeline import Item, Timeline, timeline

RATE = 16000
HEADER = {
    "estuary_capture": 1,
    "library": "0.1.0",
    "config": {"server_url": "http://me:secret@server.test:81/x", "character_id": "demo"},
    "started": "2026-03-01T10:00:00+00:00",
}


def sound(seconds: float, level: int = 8000) -> bytes:
    """A square wave."""
    one, other = level.to_bytes(2, "little"), (-level).to_bytes(2, "little", signed=True)
    return (one * 20 + other * 20) * round(seconds * RATE / 40)


class Tape:
    """Every method writes a line; times are seconds."""

    def __init__(self, **header: Any) -> None:
        self.lines = [json.dumps({**HEADER, **header})]

    def line(self, at: float, **data: Any) -> None:
        self.lines.append(json.dumps({"t": at, **data}))

    def event(self, at: float, kind: str, /, **parts: Any) -> None:
        self.line(at, pull="event", got={"is": kind, **parts})

    def input(self, at: float, verb: str, **parts: Any) -> None:
        self.line(at, **{"in": verb}, **parts)

    def came(self, at: float, name: str, **payload: Any) -> None:
        frame = f"42/sdk,{json.dumps([name, payload])}"
        self.input(at, "receive", link=1, frame=frame)

    def sent(self, at: float, name: str, **payload: Any) -> None:
        self.line(at, pull="frame", link=1, got=f"42/sdk,{json.dumps([name, payload])}")

    # --- what is common ----------------------------------------------------------------------

    def typed(self, at: float, text: str) -> None:
        self.input(at, "ask", message={"wire": "text", "fields": {"text": text}}, gives=1)

    def heard(self, at: float, text: str, *, final: bool = True) -> None:
        self.event(at, "SttResponse", text=text, is_final=final)

    def answer(
        self, at: float, text: str, key: str = "m", *, final: bool = False, **more: Any
    ) -> None:
        parts = {"partial": "" if final else text, "is_final": final, "message_id": key}
        self.event(at, "BotResponse", text=text, **{**parts, **more})

    def voice(
        self, at: float, pcm: bytes, key: str = "m", *, name: str = "bot_voice", **more: Any
    ) -> None:
        audio = encode_pcm(pcm)
        self.came(at, name, audio=audio, message_id=key)
        event = {"bot_voice": "BotVoice", "agent_turn_voice": "AgentTurnVoice"}[name]
        self.event(at, event, audio=brief(audio), message_id=key, **more)

    def spoken(self, at: float, pcm: bytes) -> None:
        """The microphone's sound of the last tenth of a second goes up."""
        self.sent(at, "stream_audio", audio=encode_pcm(pcm))

    def speaks(self, at: float, seconds: float, level: int = 8000) -> None:
        """So many seconds of it, tenth by tenth."""
        for number in range(round(seconds * 10)):
            self.spoken(at + (number + 1) / 10, sound(0.1, level))

    # --- what comes of it --------------------------------------------------------------------

    def drawn(self, **options: Any) -> Timeline:
        return timeline(self.lines, **options)

    def items(self, lane: str) -> tuple[Item, ...]:
        return self.drawn().lane(lane).items

    def one(self, lane: str) -> Item:
        (item,) = self.items(lane)
        return item

    def measured(self, key: str) -> list[float]:
        """The samples in milliseconds."""
        return [round(1000 * one.seconds, 3) for one in self.drawn().measure(key).samples]
