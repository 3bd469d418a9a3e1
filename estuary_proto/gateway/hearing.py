"""Finding speech in what a microphone sends: where it begins, goes on and ends.

Time is counted in samples, so the same audio in any pieces is heard the same way. The rules:

1. `Activity` says of each frame whether it is loud: by its energy, or by its probability.
2. Speech begins with some loud frames that no pause over 100 ms parts (160 ms of them by energy,
   96 ms by probability), and is over after half a second of quiet.
3. What lies up to 300 ms before the first loud frame belongs to it: words begin softly.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from .activity import Energy

if TYPE_CHECKING:
    from .activity import Activity


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
    than `longest` seconds: a longer one is parted, or the audio of a `whole` one is cut. Without an
    `activity` of its own it goes by energy.
    """

    __slots__ = (
        "_activity", "_cut", "_frame_time", "_keeps", "_last", "_loud", "_manner", "_most", "_news",
        "_pcm", "_rest", "_since", "_size", "_taken", "_whole", "speaks",
    )  # fmt: skip

    def __init__(
        self,
        rate: int,
        *,
        whole: bool,
        keeps: bool,
        longest: float,
        activity: Activity | None = None,
    ) -> None:
        self._activity = activity if activity is not None else Energy(rate)
        self._manner = manner = self._activity.manner
        self._size = 2 * manner.samples
        self._frame_time = manner.samples / rate
        self._whole = whole
        self._keeps = keeps
        self._most = max(manner.begin, int(longest / self._frame_time))
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
        self._taken = 0  # Bytes of it that `fresh` has given.

    def feed(self, pcm: bytes) -> list[Heard]:
        """What is heard in this piece of audio; what fills no frame waits for the rest."""
        audio = self._rest + pcm
        size, at = self._size, 0
        found = []
        while at + size <= len(audio):
            heard = self._frame(audio, at)
            if heard is not None:
                found.append(heard)
            at += size
        self._rest = audio[at:]
        return found

    def fresh(self) -> bytes:
        """The audio of the utterance that goes on, as far as it is kept and was not given before;
        what comes with its end begins with all of these."""
        if not self.speaks:
            return b""
        piece = bytes(self._pcm[self._taken :])
        self._taken = len(self._pcm)
        return piece

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

    def _frame(self, audio: bytes, at: int) -> Heard | None:
        loud = self._activity.loud(audio, at, speaks=self.speaks)
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
        if self._loud == self._manner.begin:
            self.speaks = True
            return Heard(Sound.BEGINS, self._seconds)
        if quiet > self._manner.pause:
            self._begin_anew()
        return None

    def _go_on(self, quiet: int) -> Heard | None:
        if not self._whole and (quiet == self._manner.hangover or self._since == self._most):
            return self._end()
        if quiet >= self._manner.hangover:
            return None
        self._news += 1
        return None if self._news % self._manner.news else Heard(Sound.GOES_ON, self._seconds)

    def _keep(self, audio: bytes, at: int) -> None:
        size = self._size
        if self._whole and len(self._pcm) >= self._most * size:
            self._cut += 1
            return
        if not (self._whole or self._since):  # Silence so far.
            del self._pcm[: max(0, len(self._pcm) - (self._manner.lead - 1) * size)]
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
