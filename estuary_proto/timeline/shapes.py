"""What a timeline is made of. All times are seconds since the capture began."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

PEAKS_PER_SECOND: Final = 50
"""How finely a waveform is drawn."""


@dataclass(frozen=True, slots=True)
class Wave:
    """A sound: `seconds` of it, the loudest of every 20 ms as 0 to 255 in `peaks`.

    `pcm` is PCM16 mono at `rate` Hz; empty where the capture has no audio, or too much of it. Of
    audio that was withheld from the capture the length is known, and `peaks` are all 0.
    """

    rate: int
    seconds: float
    peaks: bytes
    pcm: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Item:
    """Something that happened, from `at` until `until`; a moment if these are equal.

    `kind` is one of the words that its lane knows, `title` a few words for people, `text` what was
    said. `facts` are more to know, as pairs of label and value. Items of one `message_id` belong
    together. `marks` are moments within it: the pieces of a text, the captions of an utterance.
    """

    at: float
    until: float
    kind: str
    title: str
    text: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    message_id: str = ""
    marks: tuple[float, ...] = ()
    wave: Wave | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """Items of one sort in order of time, each with the row (from 0) that keeps it apart."""

    key: str
    title: str
    items: tuple[Item, ...]
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the conversation: who, what, and where it is drawn (lane and number in it)."""

    at: float
    who: str
    what: str
    text: str
    note: str
    lane: str
    item: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured time, and when that which was measured began."""

    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Measure:
    """A quantity of the session; `meaning` says from what to what it is measured."""

    key: str
    title: str
    meaning: str
    samples: tuple[Sample, ...]

    @property
    def values(self) -> list[float]:
        """The seconds alone, smallest first."""
        return sorted(sample.seconds for sample in self.samples)

    def quantile(self, share: float) -> float | None:
        """The value that this share of the samples stays under or meets; None without samples.

        Between two of them it is interpolated, as the median is.
        """
        values = self.values
        if not values:
            return None
        place = share * (len(values) - 1)
        low = int(place)
        high = min(low + 1, len(values) - 1)
        return values[low] + (values[high] - values[low]) * (place - low)


@dataclass(frozen=True, slots=True)
class Timeline:
    """A session, laid out. `started` is wall-clock time as the capture has it, or None."""

    library: str
    started: str | None
    seconds: float
    character: str
    player: str
    server: str
    lanes: tuple[Lane, ...]
    measures: tuple[Measure, ...]
    conversation: tuple[Line, ...]

    def lane(self, key: str) -> Lane:
        """The lane of this key; KeyError if there is none."""
        for lane in self.lanes:
            if lane.key == key:
                return lane
        raise KeyError(key)

    def measure(self, key: str) -> Measure:
        """The measure of this key; KeyError if there is none."""
        for measure in self.measures:
            if measure.key == key:
                return measure
        raise KeyError(key)
