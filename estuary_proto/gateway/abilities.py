"""What a client can do and wishes for, as it said when it came in (PROTOCOL 1.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..intents import Authenticate

LOWEST: Final = 8000
HIGHEST: Final = 48000
"""Hz that a voice may have."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """`rate` is what the client wants to hear, in Hz. Devices that were not mentioned are there,
    typed actions are only for who asks for them."""

    rate: int = 16000
    speaker: bool = True
    camera: bool = True
    client_action: bool = False


def abilities_of(who: Authenticate) -> Abilities:
    """Those of `who`; a rate beyond what a voice may have is taken for the nearest."""
    said = who.capabilities or {}
    return Abilities(
        rate=within(who.audio_sample_rate),
        speaker=said.get("speaker") is not False,
        camera=said.get("camera") is not False,
        client_action=said.get("client_action") is True,
    )


def within(rate: int) -> int:
    """The nearest rate that a voice may have, in Hz."""
    return min(max(rate, LOWEST), HIGHEST)
