"""The voices of one session: of tones, or made by somebody outside, who is asked by `Say`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .asking import Say, StopSaying
from .saying import Saying
from .voicing import Voicing

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterable

    from .asking import Command


class Voices:
    """See the module. With `external`, wishes go into `commands`; `characters` are the ids of those
    who speak, in their order."""

    def __init__(
        self, commands: deque[Command], *, external: bool = False, characters: Iterable[str] = ()
    ) -> None:
        self._commands = commands
        self._external = external
        self._places = {character: place for place, character in enumerate(characters)}
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
        if not self._external:
            return Voicing(
                message_id, rate, now=now, interjection=interjection, terminator=terminator
            )
        number, who = self._numbers, self._places.get(character, 0)
        self._numbers += 1

        def ask(text: str) -> None:
            self._commands.append(Say(number, text, rate, who))

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
                    self._commands.append(StopSaying(number))

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
