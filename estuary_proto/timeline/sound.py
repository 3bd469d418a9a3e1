"""Sound as it is drawn: the loudest of every 20 ms, and where somebody speaks."""

from __future__ import annotations

import sys
from array import array
from math import ceil
from typing import Final

from .shapes import PEAKS_PER_SECOND, Wave

MAX_SOUND: Final = 64 * 1024 * 1024
"""Bytes of PCM that one timeline keeps; of what comes after them only the peaks."""

QUIET: Final = 2
"""Peaks up to this are silence however soft the rest is (of 255: -42 dB)."""

SHARE: Final = 0.08
"""A peak counts as speech from this share of the loudest on."""

PAUSE: Final = 30
"""Peaks of silence (0.6 s) that end an utterance."""

PAD: Final = 3
"""Peaks that are kept around it."""


class Keeper:
    """Hands out room for sound until there is none left."""

    def __init__(self, room: int = MAX_SOUND) -> None:
        self.left: int = room

    def keep(self, pcm: bytes) -> bytes:
        """These bytes, or none."""
        if len(pcm) > self.left:
            return b""
        self.left -= len(pcm)
        return pcm

    def wave(self, pcm: bytes, rate: int) -> Wave:
        """A sound with its peaks."""
        return Wave(rate, len(pcm) / 2 / rate, peaks_of(pcm, rate), self.keep(pcm))


def unheard(size: int, rate: int) -> Wave:
    """So many bytes of sound that nobody knows: its length, and a flat line."""
    seconds = size / 2 / rate
    return Wave(rate, seconds, bytes(ceil(seconds * PEAKS_PER_SECOND)))


def peaks_of(pcm: bytes, rate: int) -> bytes:
    """The loudest sample of every 20 ms, 0 to 255; the last stretch may be shorter."""
    samples = array("h", pcm[: len(pcm) & ~1])
    if sys.byteorder == "big":  # pragma: no cover - No such machine runs the tests.
        samples.byteswap()
    size = max(1, rate // PEAKS_PER_SECOND)
    found = bytearray()
    for at in range(0, len(samples), size):
        part = samples[at : at + size]
        found.append(min(255, max(max(part), -min(part)) >> 7))
    return bytes(found)


def shortened(wave: Wave, seconds: float) -> Wave:
    """The beginning of a sound."""
    if seconds >= wave.seconds:
        return wave
    peaks = wave.peaks[: round(seconds * PEAKS_PER_SECOND)]
    return Wave(wave.rate, seconds, peaks, wave.pcm[: 2 * round(seconds * wave.rate)])


def utterances(peaks: bytes) -> list[tuple[int, int]]:
    """Where in these peaks somebody speaks: pairs of first and past-the-last."""
    least = max(QUIET, SHARE * max(peaks, default=0))
    found: list[tuple[int, int]] = []
    for number, peak in enumerate(peaks):
        if peak <= least:
            continue
        if found and number - found[-1][1] < PAUSE:
            found[-1] = (found[-1][0], number + 1)
        else:
            found.append((number, number + 1))
    return [(max(0, first - PAD), min(len(peaks), last + PAD)) for first, last in found]
