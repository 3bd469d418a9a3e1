"""Whether somebody speaks beside what the loudspeaker explains.

In twelve bands of the voice: what is heard stands out when it is well above the floor of the room
and above what the loudspeaker's sound would bring at the coupling that was learnt. A fraction of a
second of that is speech.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from estuary_audio.extra import numpy as np
from estuary_audio.passage import FRAME

if TYPE_CHECKING:
    from collections.abc import Callable

BANDS = 12
LOWEST, HIGHEST = 150.0, 6000.0
"""Hz."""

HISTORY = 70
"""Frames of the loudspeaker that are remembered: as late as an echo is looked for, and more."""

EARLY, LATE = 3, 4
"""Frames by which an echo may be off."""

FADING = 10 ** (-0.15)
"""How a room's sound falls from frame to frame (1.5 dB: 60 dB in 0.4 s)."""

MARGIN = 7.0
"""dB by which a band must stand out before it counts."""

CEILING = 20.0
"""dB beyond which it counts no more."""

ENOUGH = 3.0
"""Mean over the bands, in dB, that makes a frame one of speech."""

LOUDER = 7.0
"""dB above all that is expected, in all bands together, that make one too: who speaks loudly in few
bands. For what has not been cleaned; what is left of an echo is as uneven."""

RECENT, NEEDED = 20, 10
"""Frames that are looked at, and how many of them must be speech to begin."""

HANGOVER = 0.4
"""Seconds without speech after which it has ended."""

QUIET = 1e-9
"""Power (of full scale) below which nothing is told apart."""

AUDIBLE, LOUD = 1e-7, 0.03
"""The loudspeaker's power in a band from which something is learnt: of full scale, and of the most
of late. What is weaker tells of the room's noise."""

LOUDEST_FADES = 10 ** (-0.001)
"""From frame to frame."""

LEARNING, SLOWEST = 100.0, 0.1
"""Frames in which most is learnt, and how much slower it then becomes: a user's voice, before it
is noticed, must not pass for echo."""

LEAST = -60.0
"""dB from the loudspeaker to here, at least."""

FAR_BELOW = 25.0
"""dB by which so little is heard that there is no such coupling."""

GOES_ON = 0.25
"""Seconds for which somebody who spoke before goes on over what begins to be heard, until they mean
it: who has just ended is told from who has not."""

PROBATION = 0.6
"""Seconds after its onset in which speech may still turn out to be echo."""

REMEMBERED = 32
"""Stretches of speech that `talking` knows."""


class SpeechDetector:
    """Frames of 10 ms at `rate` in; `coupling` is in dB, at first, from loudspeaker to here.

    `is_echo()` is asked, before speech is believed, whether it is the loudspeaker's after all.
    The coupling never passes for less than `lowest`. With `whole`, what is loud in few bands
    counts.
    """

    def __init__(
        self,
        rate: int,
        coupling: float,
        is_echo: Callable[[], bool] = lambda: False,
        lowest: float = LEAST,
        *,
        whole: bool = False,
    ) -> None:
        self.onset: float | None = None
        """When the speech began that goes on now; None while there is none."""
        self.explained: float = 0.0
        """Power that the loudspeaker explains in the last frame."""
        self._rate = rate
        self._first_coupling = coupling
        self._is_echo = is_echo
        self._lowest = lowest
        self._whole = 10 ** (LOUDER / 10) if whole else float("inf")
        self._said: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)
        self._edges: Any = None
        self.clear()

    def clear(self) -> None:
        """Forget what was learnt; what was said is kept."""
        self._frames: deque[tuple[float, bool]] = deque(maxlen=RECENT)
        self._history: deque[Any] = deque(maxlen=HISTORY)
        self._coupling: Any = None
        self._floor: Any = None
        self._near: Any = None
        self._echo: Any = None
        self._loudest: Any = None
        self._learnt: Any = None  # Frames from which something was learnt.
        self._tails: list[Any] = [None, None]
        self._last = float("-inf")
        self._end()

    def talking(self, at: float) -> bool:
        """Whether there was speech at that time; while it goes on, at any later time too."""
        if self.onset is not None and at >= self.onset:
            return True
        return any(begin <= at <= end for begin, end in self._said)

    def over(self, began: float) -> bool:
        """Whether somebody speaks over what is heard since then: began after it, or goes on."""
        if self.onset is None:
            return False
        return self.onset >= began or self._last > began + GOES_ON

    @property
    def quiet(self) -> float:
        """Power of the room's noise, in all bands."""
        return float(self._floor.sum()) + BANDS * QUIET

    @property
    def coupling(self) -> float:
        """dB from the loudspeaker to here, as learnt: the mean over the bands."""
        if self._coupling is None:
            return self._first_coupling
        return float(np.mean(self._coupling))

    def feed(self, near: Any, far: Any, at: float, lag: float | None) -> bool:
        """Take a frame of each (floats), said `at`; the echo comes `lag` seconds after `far`.

        True when the frame stands out.
        """
        power = self._powers(near, 0)
        self._history.append(self._powers(far, 1))
        if self._near is None:
            self._near = self._floor = power.copy()
            self._echo = self._loudest = self._learnt = np.zeros(BANDS)
            self._coupling = np.full(BANDS, self._first_coupling)
        self._near = 0.5 * self._near + 0.5 * power
        self._echo = np.maximum(self._played(lag), self._echo * FADING)
        explained = self._echo * 10 ** (self._coupling / 10)
        self.explained = float(explained.sum())
        expected = explained + self._floor + QUIET
        excess = 10 * np.log10((self._near + QUIET) / expected)
        score = float(np.mean(np.clip(excess - MARGIN, 0.0, CEILING)))
        speech = score > ENOUGH or self._is_louder(float(expected.sum()))
        self._learn(speech)
        self._judge(at, speech)
        return speech

    def _is_louder(self, expected: float) -> bool:
        """Than the loudspeaker, while that is what is expected most."""
        return self.explained > self.quiet and float(self._near.sum()) > self._whole * expected

    def _powers(self, frame: Any, which: int) -> Any:
        """Power in each band over this frame and the one before."""
        if self._edges is None:
            size = 2 * len(frame)
            hertz = np.geomspace(LOWEST, HIGHEST, BANDS + 1)
            self._edges = np.unique(np.rint(hertz * size / self._rate).astype(int))
            self._window = np.hanning(size)
            self._scale = 2.0 / size / float(np.sum(self._window**2))
        tail = self._tails[which]
        self._tails[which] = frame
        whole = np.concatenate([frame if tail is None else tail, frame])
        spectrum = np.abs(np.fft.rfft(whole * self._window)) ** 2 * self._scale
        return np.add.reduceat(spectrum, self._edges)[:-1]

    def _played(self, lag: float | None) -> Any:
        """The most that the loudspeaker gave in the frames whose echo may be here now."""
        newest = len(self._history) - 1
        if lag is None:
            first, last = newest - 40, newest
        else:
            middle = newest - round(lag / FRAME)
            first, last = middle - LATE, middle + EARLY
        first, last = max(0, first), min(newest, last)
        if last < first:
            return np.zeros(BANDS)
        return np.max([self._history[i] for i in range(first, last + 1)], axis=0)

    def _learn(self, speech: bool) -> None:
        self._loudest = np.maximum(self._echo, self._loudest * LOUDEST_FADES)
        audible = self._echo > np.maximum(AUDIBLE, LOUD * self._loudest)
        ratio = 10 * np.log10((self._near + QUIET) / (self._echo + QUIET))
        clear = self._near > 8 * self._floor
        # What is seen stays below the coupling in six frames of seven.
        self._learnt = self._learnt + audible
        pace = np.maximum(SLOWEST, 1.0 / (1.0 + self._learnt / LEARNING))
        doubt = 0.1 if speech or self.onset is not None else 1.0
        fall = np.where(clear, -0.1 * pace, -0.03)
        step = np.where(ratio > self._coupling, 0.6 * doubt * clear * pace, fall)
        step = np.where(ratio < self._coupling - FAR_BELOW, -0.3, step)
        self._coupling = np.where(
            audible, np.clip(self._coupling + step, self._lowest, 20), self._coupling
        )
        falls = self._near < self._floor
        rise = 10 ** (0.002 if speech or audible.any() else 0.01)
        self._floor = np.where(falls, 0.7 * self._floor + 0.3 * self._near, self._floor * rise)
        self._floor = np.maximum(self._floor, QUIET)

    def _judge(self, at: float, speech: bool) -> None:
        self._frames.append((at, speech))
        if speech:
            self._last = at + FRAME
        if self.onset is None:
            if sum(found for _, found in self._frames) >= NEEDED and speech:
                if not self._is_echo():
                    self.onset = next(when for when, found in self._frames if found)
        elif at - self._last > HANGOVER:
            self._end()
        elif at - self.onset < PROBATION and speech and self._is_echo():
            self.onset = None
            self._frames.clear()

    def _end(self) -> None:
        if self.onset is not None:
            self._said.append((self.onset, self._last))
        self.onset = None
        self._frames.clear()
