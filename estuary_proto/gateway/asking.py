"""What a session asks of those who live outside: of a brain, and of a recogniser of speech."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .config import Character


@dataclass(frozen=True, slots=True)
class AskBrain:
    """Answer `text` as `character`, and tell piece by piece under the number `turn`.

    `history` holds what was said before, oldest first, as ("user" | "assistant", text); `facts` are
    sentences about the player ("Your name is Ada.").
    """

    turn: int
    text: str
    character: Character
    history: tuple[tuple[str, str], ...] = ()
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recall:
    """Find what `character_id` knows of `player_id`, and tell by `recalled`."""

    character_id: str
    player_id: str


@dataclass(frozen=True, slots=True)
class StopBrain:
    """The answer to `turn` is not wanted any more."""

    turn: int


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Say what is said in `pcm` (PCM16 mono at `rate` Hz), under the number `turn`."""

    turn: int
    pcm: bytes = field(repr=False)
    rate: int


Command = AskBrain | StopBrain | Transcribe | Recall
