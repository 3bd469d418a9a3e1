"""Telling speech from other sounds, frame by frame: by energy, or by the probability that somebody
else has worked out.

Energy: a frame is 20 ms; its level is the RMS around its mean, in units of PCM16 (a full scale sine
has 23,000). It is loud above `LEAST` and three times the noise, twice while speech goes on. The
noise follows quiet frames, down faster than up, and creeps up while it is loud, so that a machine
that was switched on is speech for some ten seconds and noise from then on.

Probability: a frame is 32 ms, and loud at `LIKELY`; while speech goes on at `STILL_LIKELY`, since
words end softly. While a button is `held`, whatever is above `LEAST` is taken for speech: who holds
it should know.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from operator import mul
from struct import Struct
from typing import Final, NamedTuple, Protocol

LEAST: Final = 250.0
"""The level below which nothing is speech (-42 dB of full scale)."""
QUIET: Final = 60.0
"""The noise of a silent room; it is never taken for less."""
LIKELY: Final = 0.5
STILL_LIKELY: Final = 0.3

_TO_BEGIN: Final = 3.0
_TO_GO_ON: Final = 2.0
_DOWN: Final = 0.3
_UP: Final = 0.05
_CREEP: Final = 1.007

Detector = Callable[[bytes], float]
"""The probability, 0 to 1, that the next 32 ms of PCM16 mono are speech. It is given every frame
once, in order, and may remember."""


class Manner(NamedTuple):
    """How an utterance is made of frames: `samples` of a frame; loud frames with which it begins,
    quiet ones that may lie between those, quiet ones with which it is over; frames from the first
    one that is kept to the first loud one, and from one piece of news to the next."""

    samples: int
    begin: int
    pause: int
    hangover: int
    lead: int
    news: int


class Activity(Protocol):
    """Something that tells speech from other sounds."""

    manner: Manner

    def loud(self, audio: bytes, at: int, *, speaks: bool) -> bool:
        """Whether the frame that begins at byte `at` is speech, or still is while one `speaks`."""
        ...


class Energy:
    """See the module. For PCM16 mono at `rate` Hz."""

    __slots__ = ("_noise", "_unpack", "manner")

    def __init__(self, rate: int) -> None:
        samples = rate // 50
        self.manner: Manner = Manner(samples, begin=8, pause=5, hangover=25, lead=15, news=15)
        self._unpack = Struct(f"<{samples}h").unpack_from
        self._noise = QUIET

    def loud(self, audio: bytes, at: int, *, speaks: bool) -> bool:
        """By its level above the noise."""
        level, noise = level_of(self._unpack(audio, at)), self._noise
        loud = level > max(LEAST, noise * (_TO_GO_ON if speaks else _TO_BEGIN))
        if loud:
            noise *= _CREEP
        else:
            noise += (level - noise) * (_DOWN if level < noise else _UP)
        self._noise = max(QUIET, noise)
        return loud


def level_of(samples: tuple[int, ...]) -> float:
    """The RMS around their mean."""
    mean = sum(samples) / len(samples)
    return sqrt(max(0.0, sum(map(mul, samples, samples)) / len(samples) - mean * mean))


class Probability:
    """See the module. The `detector` is given frames of PCM16 mono at `rate` Hz."""

    __slots__ = ("_detector", "_held", "_unpack", "manner")

    def __init__(self, rate: int, detector: Detector, *, held: bool = False) -> None:
        # A detector is late at the beginning of a word: 320 ms before it are kept.
        self.manner: Manner = Manner(
            round(rate * 0.032), begin=3, pause=3, hangover=16, lead=11, news=10
        )
        self._detector = detector
        self._held = held
        self._unpack = Struct(f"<{self.manner.samples}h").unpack_from

    def loud(self, audio: bytes, at: int, *, speaks: bool) -> bool:
        """By what the detector says, or because the button is held."""
        likely = self._detector(audio[at : at + 2 * self.manner.samples])
        if likely >= (STILL_LIKELY if speaks else LIKELY):
            return True
        return self._held and level_of(self._unpack(audio, at)) > LEAST
