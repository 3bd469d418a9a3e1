"""The cases: what goes over the wire in each, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Carries = Literal["text", "voice", "upstream"]


@dataclass(frozen=True)
class Case:
    """One kind of event, its pace and the load when nothing else is asked for."""

    carries: Carries  # text: bot_response, voice: bot_voice, upstream: send_audio
    what: str
    sessions: int
    rate: float = 0.0  # events a second and session; 0: as fast as the sockets take them
    events: int = 0  # of each session, in a burst
    size: int = 0  # bytes of PCM in one event
    captured: bool = False  # ours without a capture and with one, nobody else


CASES = {
    "paced": Case("text", "delivered token", 200, rate=25),
    "burst": Case("text", "delivered token", 1, events=20000),
    "voice": Case("voice", "delivered bot_voice of 200 ms", 200, rate=5, size=6400),
    "voice-burst": Case("voice", "delivered bot_voice of 200 ms", 1, events=5000, size=6400),
    "upstream": Case("upstream", "send_audio of 640 bytes", 100, rate=50, size=640),
    "capture": Case("text", "delivered token", 200, rate=25, captured=True),
    "capture-voice": Case(
        "voice", "delivered bot_voice of 200 ms", 200, rate=5, size=6400, captured=True
    ),
    "upstream-burst": Case("upstream", "send_audio of 4800 bytes", 1, events=10000, size=4800),
}


@dataclass(frozen=True)
class Life:
    """Clients that only live: how many, and which figure says how it goes."""

    what: str
    sessions: int
    shown: str


LIVES = {
    "idle": Life("resident KiB of an idle client", 500, "idle_kib"),
    "connect": Life("ms until the session stands", 300, "connect_p50_ms"),
}
