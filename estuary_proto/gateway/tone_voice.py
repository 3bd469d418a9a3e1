"""A voice made of tones: each word a note, soft at both ends, as long as the word.

A stand-in for speech that is heard, timed and interrupted as speech is. A note is one period of its
wave, repeated; that and its soft ends are computed once a pitch and rate, so that a second of voice
costs a few slices.
"""

from __future__ import annotations

import re
from binascii import crc32
from collections import deque
from functools import lru_cache
from math import cos, pi, sin
from struct import pack
from typing import Final, NamedTuple

from ..actions import TagFilter
from ..models.conversation import BotVoice
from ..models.pcm import encode_pcm

CHUNKS_A_SECOND: Final = 5
AHEAD: Final = 1.0
"""Seconds that the voice is sent ahead of what is heard of it."""
LONGEST: Final = 120.0
"""Seconds of voice that an answer gets; the rest of it is only written."""

PITCHES: Final = (196.0, 220.0, 247.0, 294.0, 330.0)
"""Hz. A pentatonic scale: no two of its notes quarrel."""
LOUDNESS: Final = 6000
LETTER: Final = 0.055
"""Seconds of a letter."""
LETTERS: Final = 14
"""A word sounds as if it had so many at most."""
PAUSES: Final = {"": 0.05, ",": 0.18, ";": 0.18, ":": 0.18, ".": 0.3, "!": 0.3, "?": 0.3}
"""Seconds of silence behind a word that ends so."""
FADE: Final = 0.02

_WORD: Final = re.compile(r"\S{1,24}")


class Note(NamedTuple):
    """PCM16 mono: a rise and a fall of `FADE` seconds or a little more, one period between."""

    rise: bytes
    period: bytes
    fall: bytes


@lru_cache(maxsize=64)
def note(rate: int, pitch: float) -> Note:
    """The note of about `pitch` Hz at `rate` Hz: a whole number of samples is a period of it."""
    size = round(rate / pitch)
    turns = [2 * pi * i / size for i in range(size)]
    wave = [LOUDNESS * (sin(turn) + 0.25 * sin(2 * turn)) for turn in turns]
    soft = wave * -(-int(rate * FADE) // size)
    swell = [0.5 - 0.5 * cos(pi * i / len(soft)) for i in range(len(soft))]
    rise = [s * g for s, g in zip(soft, swell, strict=True)]
    fall = [s * g for s, g in zip(soft, reversed(swell), strict=True)]
    return Note(_pcm(rise), _pcm(wave), _pcm(fall))


def _pcm(samples: list[float]) -> bytes:
    return pack(f"<{len(samples)}h", *map(round, samples))


class Tone(NamedTuple):
    """How somebody sounds: pitches times `shift`, and so many times as fast."""

    shift: float = 1.0
    speed: float = 1.0


def tone_of(voice: str, speed: float = 1.0) -> Tone:
    """The tone of the voice with this name: half an octave up or down, "" is as it is."""
    steps = crc32(voice.encode()) % 13 - 6 if voice else 0
    return Tone(2 ** (steps / 12), speed)


USUAL: Final = Tone()


def sound(word: str, rate: int, tone: Tone = USUAL) -> bytes:
    """`word` and the pause behind it, as PCM16 mono at `rate` Hz; always the same."""
    made = note(rate, PITCHES[crc32(word.encode()) % len(PITCHES)] * tone.shift)
    letters = min(LETTERS, sum(map(str.isalnum, word)))
    pace = rate / tone.speed
    held = max(0, 2 * int(pace * LETTER * letters) - len(made.rise) - len(made.fall))
    body = made.period * (held // len(made.period))
    pause = bytes(2 * int(pace * PAUSES.get(word[-1], PAUSES[""])))
    return made.rise + body + made.fall + pause if letters else pause


class Voicing:
    """The voice of message `message_id`, in chunks of 200 ms at `rate` Hz.

    It speaks what has been written, so its end comes after the final text. With a `terminator` an
    empty final chunk follows the last that sounds; without, that one is final (both are seen,
    PROTOCOL 3). Action tags are not spoken.
    """

    __slots__ = (
        "_chunks", "_ends_at", "_left", "_pcm", "_rest", "_size", "_tags", "_terminator", "_tone",
        "_words", "complete", "interjection", "message_id", "over", "rate",
    )  # fmt: skip

    def __init__(
        self,
        message_id: str,
        rate: int,
        *,
        now: float,
        interjection: bool = False,
        terminator: bool = False,
        tone: Tone = USUAL,
    ) -> None:
        self._tone = tone
        self.message_id: str = message_id
        self.rate: int = rate
        self.interjection: bool = interjection
        self.complete: bool = False
        """True when all that is to be said has been added."""
        self.over: bool = False
        """True when the final chunk has been made."""
        self._terminator = terminator
        self._size = 2 * (rate // CHUNKS_A_SECOND)
        self._left = int(LONGEST * rate) * 2
        self._words: deque[str] = deque()
        self._rest = ""
        self._tags = TagFilter()
        self._pcm = bytearray()
        self._chunks = 0
        self._ends_at = now

    def add(self, text: str) -> None:
        """More has been written."""
        self._take(self._tags.feed(text)[0])

    def finish(self) -> None:
        """All has been written. Where there is nothing to say, there is no final chunk either."""
        self._take(self._tags.flush() + " ")
        self.complete = True
        self.over = not (self._pcm or self._chunks)

    def _take(self, text: str) -> None:
        text = self._rest + text
        done = next((i + 1 for i in range(len(text) - 1, -1, -1) if text[i].isspace()), 0)
        self._words.extend(_WORD.findall(text[:done]))
        self._rest = text[done:]
        self._fill()

    def _fill(self) -> None:
        """Have more than a chunk: while the last words are unknown, what is kept may be final."""
        while self._words and len(self._pcm) <= self._size:
            made = sound(self._words.popleft(), self.rate, self._tone)[: self._left]
            self._left -= len(made)
            self._pcm += made

    @property
    def due_at(self) -> float | None:
        """When the next chunk is due; None while there is none."""
        if self.over or not (self._whole or len(self._pcm) > self._size):
            return None
        return self._next_at

    @property
    def _next_at(self) -> float:
        return self._ends_at - (AHEAD - 1 / CHUNKS_A_SECOND)

    @property
    def _whole(self) -> bool:
        """Whether what is kept is all the rest there is."""
        return self.complete

    def next_chunk(self, now: float) -> BotVoice:
        """The chunk that is due."""
        pcm = bytes(self._pcm[: self._size])
        del self._pcm[: self._size]
        self._fill()
        last = self._whole and not self._pcm
        self.over = last and not (self._terminator and pcm)
        # A transport that stood still, or words that came late, bring no burst afterwards.
        self._ends_at = max(self._ends_at, now) + len(pcm) / 2 / self.rate
        chunk = BotVoice(
            audio=encode_pcm(pcm),
            message_id=self.message_id,
            chunk_index=self._chunks,
            is_final=self.over,
            sample_rate=self.rate,
            is_interjection=self.interjection,
        )
        self._chunks += 1
        return chunk

    def plays(self, now: float) -> bool:
        """Whether some of it is still to be sent or, by its length, to be heard."""
        return not self.over or self._ends_at > now

    def played(self, now: float) -> None:
        """The client has played it to its end, whatever its length says. One that says so before
        it was sent the end has only run dry."""
        if self.over:
            self._ends_at = min(self._ends_at, now)
