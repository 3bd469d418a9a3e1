"""The cases: what goes over the wire in each, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Carries = Literal["text", "voice", "upstream", "live", "interrupt"]
CARRIES: tuple[Carries, ...] = get_args(Carries)


@dataclass(frozen=True)
class Case:
    """One kind of event, its pace and the load when nothing else is asked for."""

    carries: Carries  # text: bot_response, voice: bot_voice, upstream: send_audio, live: both
    what: str
    sessions: int
    rate: float = 0.0  # events a second and session; 0: as fast as the sockets take them
    events: int = 0  # of each session, in a burst
    size: int = 0  # bytes of PCM in one event
    captured: bool = False  # ours without a capture and with one, nobody else
    ours: bool = False  # nobody else does it


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
    "live": Case("live", "send_audio of 640 bytes, voice coming down", 80, rate=50, size=640),
    "capture-live": Case(
        "live", "send_audio of 640 bytes, voice coming down", 20, rate=50, size=640, captured=True
    ),
    "interrupt": Case("interrupt", "voice or its interrupt", 20, rate=20, size=9600, ours=True),
    "upstream-burst": Case("upstream", "send_audio of 4800 bytes", 1, events=10000, size=4800),
}

DOWN_EVERY = 10
"""In a live session, one bot_voice comes for so many chunks that go: 5 a second for 50."""
DOWN_SIZE = 9600
"""Bytes of PCM in it."""


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


def spread(name: str, delays: list[float]) -> dict[str, float]:
    """Percentiles of sorted seconds, in ms; the most of a live one, and what one in 1,000 has."""
    found = {f"{name}_p{at}_ms": delays[len(delays) * at // 100] * 1e3 for at in (50, 99)}
    if name != "delay":
        found[f"{name}_p999_ms"] = delays[len(delays) * 999 // 1000] * 1e3
        found[f"{name}_max_ms"] = delays[-1] * 1e3
    return found
