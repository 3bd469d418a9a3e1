"""A voice that somebody outside makes: asked for sentence by sentence, while the text streams.

1. One sentence is asked for at a time, the next when that one has come and less than `KEEP` seconds
   of sound wait to be sent. So little is made in vain when it is interrupted.
2. What has come is sent as soon as it fills a chunk, or its sentence has ended.
3. A voice that failed says nothing more: the rest of the answer is only written.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from .sentences import Sentences
from .tone_voice import Voicing

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..models.conversation import BotVoice

KEEP: Final = 3.0
"""Seconds of sound that may wait to be sent when more is asked for."""


class Saying(Voicing):
    """See the module. `ask` takes the sentence that is wanted next."""

    __slots__ = ("_ask", "_odd", "_sentences", "_waiting", "asked")

    def __init__(
        self,
        message_id: str,
        rate: int,
        ask: Callable[[str], None],
        *,
        now: float,
        interjection: bool = False,
        terminator: bool = False,
    ) -> None:
        super().__init__(
            message_id, rate, now=now, interjection=interjection, terminator=terminator
        )
        self._ask = ask
        self._sentences = Sentences()
        self._waiting: deque[str] = deque()
        self._odd = b""
        self.asked: bool = False
        """True while a sentence is being spoken for us."""

    def finish(self) -> None:
        """All has been written."""
        self._take(self._tags.flush())
        self._waiting.extend(self._sentences.flush())
        self.complete = True
        self._fill()
        self._settle()

    def sound(self, pcm: bytes) -> None:
        """The next piece of the sentence that was asked for; half a sample waits for the rest."""
        pcm = self._odd + pcm
        whole = len(pcm) & ~1
        self._odd = pcm[whole:]
        pcm = pcm[: min(whole, self._left)]
        self._left -= len(pcm)
        self._pcm += pcm

    def said(self) -> None:
        """The sentence that was asked for is complete."""
        self.asked = False
        self._odd = b""
        self._fill()
        self._settle()

    def fail(self) -> None:
        """Nothing more comes, of this sentence or of another one."""
        self._left = 0
        self.said()

    @property
    def due_at(self) -> float | None:
        """When the next chunk is due; None while there is none."""
        if self.over:
            return None
        if self._whole or len(self._pcm) > self._size or (self._pcm and not self.asked):
            return self._next_at
        return None

    def next_chunk(self, now: float) -> BotVoice:
        """The chunk that is due."""
        chunk = super().next_chunk(now)
        self._fill()
        return chunk

    @property
    def _whole(self) -> bool:
        return self.complete and not self.asked and not self._waiting

    def _take(self, text: str) -> None:
        self._waiting.extend(self._sentences.feed(text))
        self._fill()

    def _fill(self) -> None:
        """Ask for more, if more is wanted."""
        if not self._left:
            self._waiting.clear()
        if self._waiting and not self.asked and len(self._pcm) < 2 * KEEP * self.rate:
            self.asked = True
            self._ask(self._waiting.popleft())

    def _settle(self) -> None:
        """Where there was nothing to say there is no final chunk either."""
        if self._whole and not (self._pcm or self._chunks):
            self.over = True
