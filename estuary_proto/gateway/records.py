"""What a conversation leaves behind, for whoever keeps it, and what it finds when it goes on.

A session tells of each as it happens; it is kept when that one says so, and nothing that depends on
it should be sent before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..models.memory import MemoryData
    from .memory import Fact, Memory


@dataclass(frozen=True, slots=True)
class Spoken:
    """A message was said, by `role` "user" or "assistant", at this ISO time."""

    character_id: str
    player_id: str
    conversation_id: str
    role: str
    text: str
    at: str


@dataclass(frozen=True, slots=True)
class Learned:
    """`fact` was learnt; `memory` is how it is told to others. It takes the place of what was known
    under the same key."""

    memory: MemoryData
    fact: Fact


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The player wants everything forgotten, at this ISO time."""

    character_id: str
    player_id: str
    at: str


Kept = Spoken | Learned | Forgotten


@dataclass(frozen=True, slots=True)
class Recalled:
    """What is known of a player: facts, the lasting id of the conversation, and what was said last,
    oldest first, as ("user" | "assistant", text)."""

    memory: Memory
    conversation_id: str = ""
    history: tuple[tuple[str, str], ...] = ()
