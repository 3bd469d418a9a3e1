"""What a session asks of those who live outside: a brain, a recogniser of speech, a voice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .activity import Detector
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


@dataclass(frozen=True, slots=True)
class Expect:
    """Somebody is about to speak: what takes time to get ready may do so now."""


@dataclass(frozen=True, slots=True)
class Follow:
    """Listen to `pcm` (PCM16 mono at `rate` Hz), the next piece of what is being said in this
    `turn`. `Transcribe` follows when it has been said, with all of it from the beginning."""

    turn: int
    pcm: bytes = field(repr=False)
    rate: int


@dataclass(frozen=True, slots=True)
class StopFollowing:
    """What is being said in this `turn` is of no interest any more."""

    turn: int


@dataclass(frozen=True, slots=True)
class Say:
    """Speak `text`, and tell its sound (PCM16 mono at `rate` Hz) under this `number`. `who` speaks,
    as the place of the character among those of the gateway, with the `voice` of that name if there
    is such a one, and `speed` times as fast as usual."""

    number: int
    text: str
    rate: int
    who: int = 0
    voice: str = ""
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class StopSaying:
    """What was to be said under this `number` is not wanted any more."""

    number: int


@dataclass(frozen=True, slots=True)
class OpenRoom:
    """Join this LiveKit room as the character, and tell by `room_entered` when the player can be
    heard there: by `room_heard`, at `hear_rate` Hz, from then on. `rate` is that of `Utter`."""

    room: str
    player_id: str
    rate: int
    hear_rate: int


@dataclass(frozen=True, slots=True)
class Mint:
    """Make a token with which this player may join this room, and tell by `room_token`."""

    room: str
    player_id: str


@dataclass(frozen=True, slots=True)
class Utter:
    """Say the next piece of this message in this room: PCM16 mono; `final` when it is the last."""

    room: str
    message_id: str
    pcm: bytes = field(repr=False)
    final: bool


@dataclass(frozen=True, slots=True)
class HushRoom:
    """Say nothing more of what was to be said in this room."""

    room: str


@dataclass(frozen=True, slots=True)
class CloseRoom:
    """Leave this room and delete it."""

    room: str


InRoom = OpenRoom | Mint | Utter | HushRoom | CloseRoom
Command = (
    AskBrain | StopBrain | Recall | Transcribe | Expect | Follow | StopFollowing | Say | StopSaying
    | InRoom
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outside:
    """Who lives outside of a session, and is asked by commands: a `recogniser`, which may be `live`
    and hear what is being said; a `voice`. `rooms` is the URL of the LiveKit server in which
    somebody opens rooms, "" is none. `detector` makes the one that finds speech in what a
    microphone sends, at so many Hz; without it speech is found by its energy."""

    recogniser: bool = False
    live: bool = False
    voice: bool = False
    rooms: str = ""
    detector: Callable[[int], Detector] | None = None
