"""How a room is used: what is published, who is heard, what is done to the sound."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Processing:
    """What is done to the microphone's sound; the defaults are the configuration's `apm_*`."""

    echo: bool = True
    noise: bool = False
    gain: bool = False
    high_pass: bool = True


@dataclass(frozen=True, slots=True)
class RoomOptions:
    """The arguments of `open_room`."""

    url: str
    token: str = field(repr=False)
    rate: int = 16000
    hear_rate: int = 24000
    publish: bool = True
    muted: bool = False
    processing: Processing | None = None
    hears: Callable[[str], bool] | None = None
    connect_within: float = 10.0
    backlog: float = 2.0
    single_connection: bool | None = None
