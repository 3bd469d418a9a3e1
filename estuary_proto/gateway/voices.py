"""The voices of one session: of tones, or made by somebody outside, who is asked by `Say`."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from .commands import Say, StopSaying
from .config import Character
from .outside_voice import Saying
from .tone_voice import Voicing, tone_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .commands import Command

_NOBODY: Final = Character("")


class Voices:
    """See the module. `cast` are those who may speak, by id; with `external`, wishes go into
    `commands`."""

    def __init__(self, cast: Mapping[str, Character], *, external: bool = False) -> None:
        self.commands: deque[Command] = deque()
        self._cast = cast
        self._external = external
        self._speaking: dict[int, Saying] = {}
        self._numbers = 0

    def begin(
        self,
        message_id: str,
        rate: int,
        *,
        character: str,
        now: float,
        interjection: bool = False,
        terminator: bool = False,
    ) -> Voicing:
        """A voice for this message at `rate` Hz, as `character` has it."""
        who = self._cast.get(character, _NOBODY)
        if not self._external:
            return Voicing(
                message_id, rate, now=now, interjection=interjection, terminator=terminator,
                tone=tone_of(who.voice, who.speed),
            )  # fmt: skip
        number, place = self._numbers, [*self._cast, character].index(character)
        self._numbers += 1

        def ask(text: str) -> None:
            self.commands.append(Say(number, text, rate, place, who.voice, who.speed))

        made = self._speaking[number] = Saying(
            message_id, rate, ask, now=now, interjection=interjection, terminator=terminator
        )
        return made

    def end(self, voice: Voicing | None) -> None:
        """Nobody listens to this voice any more."""
        for number, one in tuple(self._speaking.items()):
            if one is voice:
                del self._speaking[number]
                if one.asked:
                    self.commands.append(StopSaying(number))

    def sound(self, number: int, pcm: bytes) -> None:
        """A piece of what was asked for under this number."""
        if (voice := self._speaking.get(number)) is not None:
            voice.sound(pcm)

    def said(self, number: int) -> None:
        """What was asked for under this number is complete."""
        if (voice := self._speaking.get(number)) is not None:
            voice.said()

    def failed(self, number: int) -> bool:
        """What was asked for under this number cannot be; False when nobody wants it any more."""
        voice = self._speaking.pop(number, None)
        if voice is not None:
            voice.fail()
        return voice is not None
