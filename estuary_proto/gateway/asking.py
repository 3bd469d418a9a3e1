"""What a conversation asks of a brain that lives outside."""

from __future__ import annotations

from dataclasses import dataclass
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
class StopBrain:
    """The answer to `turn` is not wanted any more."""

    turn: int


Command = AskBrain | StopBrain
