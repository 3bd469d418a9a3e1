"""Finding speech in what a microphone sends, by its energy: where it begins, goes on and ends.

Time is counted in samples, so the same audio in any pieces is heard the same way. The rules:

1. A frame is 20 ms; its level is the RMS around its mean, in units of PCM16 (a full scale sine has
   23,000).
2. A frame is loud above `LEAST` and three times the noise, twice while speech goes on. The noise
   follows quiet frames, down faster than up, and creeps up while it is loud, so that a machine that
   was switched on is speech for some ten seconds and noise from then on.
3. Speech begins with 160 ms of loud frames that no pause over 100 ms parts, and is over after half
   a second of quiet.
"""

from __future__ import annotations

from enum import Enum
from math import sqrt
from operator import mul
from struct import Struct
from typing import Final, NamedTuple

FRAMES_A_SECOND: Final = 50
LEAST: Final = 250.0
"""The level below which nothing is speech (-42 dB of full scale)."""
QUIET: Final = 60.0
"""The noise of a silent room; it is never taken for less."""
BEGIN: Final = 8
"""Loud frames with which speech begins."""
PAUSE: Final = 5
"""Quiet frames that may lie between those."""
HANGOVER: Final = 25
"""Quiet frames with which speech is over."""
LEAD: Final = 15
"""Frames before the first loud one that belong to it: words begin softly."""
NEWS: Final = 15
"""Frames of speech from one `GOES_ON` to the next."""

_TO_BEGIN: Final = 3.0
_TO_GO_ON: Final = 2.0
_DOWN: Final = 0.3
_UP: Final = 0.05
_CREEP: Final = 1.007


class Sound(Enum):
    """What is heard of one utterance, in this order."""

    BEGINS = "begins"
    GOES_ON = "goes on"
    ENDS = "ends"


class Heard(NamedTuple):
    """`seconds` lie between the first loud frame of the utterance and its last one. With the end
    come its audio and a little around it, where that is kept, and how many seconds of it were cut.
    """

    sound: Sound
    seconds: float
    pcm: bytes = b""
    cut: float = 0.0


class Hearing:
    """Listens to PCM16 mono at `rate` Hz. `whole` takes everything up to `finish` for one
    utterance, as a button that is held wants it; `keeps` keeps the audio. No utterance is longer
    than `longest` seconds: a longer one is parted, or the audio of a `whole` one is cut.
    """

    __slots__ = (
        "_cut", "_frame_time", "_keeps", "_last", "_loud", "_most", "_news", "_noise", "_pcm",
        "_rest", "_samples", "_since", "_unpack", "_whole", "speaks",
    )  # fmt: skip

    def __init__(self, rate: int, *, whole: bool, keeps: bool, longest: float) -> None:
        self._samples = rate // FRAMES_A_SECOND
        self._frame_time = self._samples / rate
        self._unpack = Struct(f"<{self._samples}h").unpack_from
        self._whole = whole
        self._keeps = keeps
        self._most = max(BEGIN, int(longest / self._frame_time))
        self._noise = QUIET
        self._rest = b""
        self._pcm = bytearray()
        self._cut = 0
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.speaks: bool = False
        """True from the beginning of an utterance to its end."""
        self._loud = 0  # Loud frames.
        self._since = 0  # Frames since the first loud one, which is number 1.
        self._last = 0  # The number of the last loud one.
        self._news = 0  # Frames that speech has gone on for.

    def feed(self, pcm: bytes) -> list[Heard]:
        """What is heard in this piece of audio; what fills no frame waits for the rest."""
        audio = self._rest + pcm
        size, at = 2 * self._samples, 0
        found = []
        while at + size <= len(audio):
            heard = self._frame(audio, at)
            if heard is not None:
                found.append(heard)
            at += size
        self._rest = audio[at:]
        return found

    def finish(self) -> Heard | None:
        """No more audio comes: the end of the utterance that goes on; None when there is none."""
        if self._keeps:
            self._pcm += self._rest[: len(self._rest) & ~1]
        found = self._end() if self.speaks else None
        self._rest = b""
        self._cut = 0
        self._pcm.clear()
        self._begin_anew()
        return found

    def _is_loud(self, audio: bytes, at: int) -> bool:
        samples = self._unpack(audio, at)
        mean = sum(samples) / self._samples
        power = sum(map(mul, samples, samples)) / self._samples - mean * mean
        level, noise = sqrt(max(0.0, power)), self._noise
        loud = level > max(LEAST, noise * (_TO_GO_ON if self.speaks else _TO_BEGIN))
        if loud:
            noise *= _CREEP
        else:
            noise += (level - noise) * (_DOWN if level < noise else _UP)
        self._noise = max(QUIET, noise)
        return loud

    def _frame(self, audio: bytes, at: int) -> Heard | None:
        loud = self._is_loud(audio, at)
        if self._keeps:
            self._keep(audio, at)
        if not (loud or self._since):
            return None
        self._since += 1
        if loud:
            self._loud += 1
            self._last = self._since
        quiet = self._since - self._last
        if self.speaks:
            return self._go_on(quiet)
        if self._loud == BEGIN:
            self.speaks = True
            return Heard(Sound.BEGINS, self._seconds)
        if quiet > PAUSE:
            self._begin_anew()
        return None

    def _go_on(self, quiet: int) -> Heard | None:
        if not self._whole and (quiet == HANGOVER or self._since == self._most):
            return self._end()
        if quiet >= HANGOVER:
            return None
        self._news += 1
        return None if self._news % NEWS else Heard(Sound.GOES_ON, self._seconds)

    def _keep(self, audio: bytes, at: int) -> None:
        size = 2 * self._samples
        if self._whole and len(self._pcm) >= self._most * size:
            self._cut += 1
            return
        if not (self._whole or self._since):  # Silence so far.
            del self._pcm[: max(0, len(self._pcm) - (LEAD - 1) * size)]
        self._pcm += audio[at : at + size]

    @property
    def _seconds(self) -> float:
        return self._last * self._frame_time

    def _end(self) -> Heard:
        cut = self._cut * self._frame_time
        ended = Heard(Sound.ENDS, self._seconds, bytes(self._pcm), cut)
        self._pcm.clear()
        self._begin_anew()
        return ended
