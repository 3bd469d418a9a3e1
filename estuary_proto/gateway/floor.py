"""Who has the floor: the player, by text, microphone and camera, or the character, on paper or
aloud.

Answers are aloud for clients with a speaker: to what was said always, to what was written while
voice is on, unless it asks for text only; `ServerConfig.voice` may say otherwise. A player who
begins to speak, or presses the button, takes the floor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .. import intents
from ..models.session import ErrorEvent
from . import vision
from .abilities import within
from .indoors import Indoors
from .mic import Mic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..models.base import Model
    from ..models.session import SessionInfo
    from .abilities import Abilities
    from .commands import Outside
    from .config import ServerConfig
    from .conversation import Conversation


class Room(Protocol):
    """What there is around it."""

    @property
    def has_room(self) -> bool:
        """False while messages wait for the client to take them."""
        ...

    def send(self, message: Model, *, now: float) -> None:
        """Send this to the client."""

    def scripted(self, text: str) -> bool:
        """Whether a script answers this instead."""
        ...

    def allows(self, text: str) -> bool:
        """Whether the player may say this; one who may not has been told."""
        ...

    def unheard(self) -> None:
        """Nobody listens any more, and nothing was said about it."""


class Floor:
    """See the module. Somebody `outside` may say what was said."""

    def __init__(
        self,
        config: ServerConfig,
        abilities: Abilities,
        talk: Conversation,
        room: Room,
        outside: Outside,
        info: SessionInfo,
    ) -> None:
        self._config = config
        self._abilities = abilities
        self._talk = talk
        self._room = room
        self.mic: Mic = Mic(config, self, talk.commands, outside)
        self.indoors: Indoors = Indoors(
            info.session_id, info.player_id, abilities.rate, mic=self.mic, mic_rate=config.mic_rate,
            listener=self, commands=talk.commands, outside=outside,
        )  # fmt: skip

    def close(self) -> None:
        """It is over: nobody speaks, nobody listens."""
        self.mic.close()
        self.indoors.close()
        self._talk.stop()

    # --- what the client does ----------------------------------------------------------------

    def takes(self, message: Model, *, now: float) -> bool:
        """Whether `message` belongs here; then it has been dealt with."""
        talk, mic = self._talk, self.mic
        if self.indoors.takes(message, now=now):
            return True
        match message:
            case intents.StreamAudio():
                mic.audio(message.audio, now=now)
            case intents.SendText():
                aloud = None if message.text_only else self.aloud()
                talk.text(message.text, now=now, aloud=aloud)
            case intents.SayLine():
                aloud = None if message.text_only else self.aloud()
                talk.line(message.text, now=now, aloud=aloud)
            case intents.Interrupt():
                talk.interrupt(message.message_id, now=now)
            case intents.StartVoice():
                mic.start(message.turn_mode, now=now)
            case intents.StopVoice():
                mic.stop(now=now)
            case intents.AudioPlaybackComplete():
                talk.played(message.message_id, now=now)
            case intents.SendCameraImage():
                self._see(message, now)
            case _:
                return False
        return True

    def greet(self, *, now: float) -> None:
        """The character begins, if it has something to say."""
        self._talk.greet(now=now, aloud=self.aloud())

    def recite(self, said: Sequence[str], interval: float | None, *, now: float) -> None:
        """The character says this in these pieces, one every `interval` seconds."""
        self._talk.recite(said, interval, now=now, aloud=self.aloud())

    def _see(self, image: intents.SendCameraImage, now: float) -> None:
        found = vision.look_at(image)
        if isinstance(found, ErrorEvent):
            self._room.send(found, now=now)
            return
        aloud = self.aloud()
        if aloud is not None:  # Who does not say is spoken to at 16 kHz (PROTOCOL 2).
            aloud = within(image.sample_rate or 16000)
        self._talk.picture(found, now=now, aloud=aloud)

    def aloud(self, *, heard: bool = False) -> int | None:
        """At how many Hz an answer, to what was `heard` or not, is spoken; None: only written."""
        policy = self._config.voice
        silent = policy == "never" or self._talk.character.text_only
        if silent or not self._abilities.speaker:
            return None
        on = self.mic.on or self.indoors.ready
        return self._abilities.rate if heard or policy == "always" or on else None

    # --- what the microphone hears -----------------------------------------------------------

    @property
    def has_room(self) -> bool:
        """False while messages wait for the client to take them."""
        return self._room.has_room

    def send(self, message: Model, *, now: float) -> None:
        """Send this to the client."""
        self._room.send(message, now=now)

    def said(self, text: str, *, now: float) -> None:
        """The player has said this aloud: as good as written."""
        if not self._room.scripted(text) and self._room.allows(text):
            self._talk.text(text, now=now, aloud=self.aloud(heard=True))

    def speaks(self, *, pressed: bool, now: float) -> None:
        """The player begins to speak, or presses the button."""
        if pressed:
            self._talk.hush("push_to_talk", now=now)
        elif self._config.barge_in and self._talk.sounds(now):
            self._talk.hush("user_speech", now=now)

    def unheard(self) -> None:
        """Nobody listens any more, and nothing was said about it."""
        self._room.unheard()
