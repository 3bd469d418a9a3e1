"""A room of numbers: a loudspeaker, air, a microphone, and two sound cards with their clocks.

What the loudspeaker plays comes back to the microphone attenuated, later, reverberated, distorted;
a user speaks into it; something hums. Both devices tell times as real ones do: off by their
latency's error, jittering, smoothed as `DeviceStream` does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from estuary_audio import AudioBlock
from estuary_audio.extra import soxr
from estuary_audio.steady import Steady

if TYPE_CHECKING:
    from collections.abc import Iterator

    from estuary_audio.openair import OpenAir

SPEAKER = 48000
BLOCK = 0.02
EPOCH = 5000.0
"""Where monotonic time happens to be."""


@dataclass
class Room:
    """How sound gets from the loudspeaker to the microphone.

    `delay` is in seconds and beyond what the devices tell: the way through the air, and the error
    of their latencies. It may change: `later` is (when, the delay from then on).
    """

    coupling: float = -6.0
    """Of the loudspeaker's level, in dB."""
    delay: float = 0.08
    later: tuple[float, float] | None = None
    reverberation: float = 0.04
    """Seconds in which the room falls by 60 dB after the first sound; 0: a wire."""
    noise: float = -66.0
    """dB of full scale."""
    distortion: float = 0.0
    """How much of a cube is added: 0 is linear."""
    speaker_ppm: float = 0.0
    microphone_ppm: float = 0.0
    jitter: float = 0.003
    """Seconds by which the times told go astray."""
    rate: int = 16000
    seed: int = 1
    rng: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def impulse_response(self) -> Any:
        """At the loudspeaker's rate, with the coupling as its energy."""
        gain = 10 ** (self.coupling / 20)
        size = max(1, round(self.reverberation * SPEAKER))
        tail = self.rng.normal(size=size) * np.exp(-6.9 * np.arange(size) / size)
        if size > 1:
            tail[: round(0.001 * SPEAKER)] = 0
            tail *= 0.5 / np.sqrt(np.sum(tail**2))
        tail[0] = 1.0
        return gain * tail / np.sqrt(np.sum(tail**2))

    def echo(self, played: Any) -> Any:
        """What the microphone hears of `played`, sampled by its own clock; floats of -1 to 1."""
        driven = played + self.distortion * played**3
        size = 1 << (len(driven) + SPEAKER).bit_length()
        spectrum = np.fft.rfft(driven, size) * np.fft.rfft(self.impulse_response(), size)
        heard = np.fft.irfft(spectrum, size)[: len(driven)]
        late = self._delayed(heard, self.delay)
        if self.later is not None:
            when, delay = self.later
            split = round(when * SPEAKER)
            late = np.concatenate([late[:split], self._delayed(heard, delay)[split:]])
        true_speaker = SPEAKER * (1 + self.speaker_ppm * 1e-6)
        true_microphone = self.rate * (1 + self.microphone_ppm * 1e-6)
        return soxr.resample(late, true_speaker, true_microphone, "VHQ")

    def _delayed(self, sound: Any, seconds: float) -> Any:
        shift = round(seconds * SPEAKER)
        if shift >= 0:
            return np.concatenate([np.zeros(shift), sound])[: len(sound)]
        return np.concatenate([sound[-shift:], np.zeros(-shift)])

    def hum(self, size: int) -> Any:
        """The noise of the room."""
        return 10 ** (self.noise / 20) * self.rng.normal(size=size)

    def far(self, played: Any) -> Iterator[tuple[bytes, int, float]]:
        """What a player tells: PCM16, rate, and the time at which it says it will be heard."""
        true_rate = SPEAKER * (1 + self.speaker_ppm * 1e-6)
        for pcm, at in self._blocks(played, SPEAKER, true_rate):
            yield pcm, SPEAKER, at

    def near(self, heard: Any) -> Iterator[AudioBlock]:
        """What a recorder gives."""
        true_rate = self.rate * (1 + self.microphone_ppm * 1e-6)
        for pcm, at in self._blocks(heard, self.rate, true_rate):
            yield AudioBlock(pcm, at, self.rate)

    def _blocks(self, sound: Any, rate: int, true_rate: float) -> Iterator[tuple[bytes, float]]:
        steady = Steady()
        size = round(BLOCK * rate)
        pcm = to_pcm16(sound)
        for start in range(0, len(sound) - size + 1, size):
            astray = self.rng.uniform(-self.jitter, self.jitter)
            at = steady.time(EPOCH + start / true_rate + astray, BLOCK)
            yield pcm[2 * start : 2 * (start + size)], at


def to_pcm16(sound: Any) -> bytes:
    """PCM16 of floats of -1 to 1."""
    data: bytes = np.rint(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()
    return data


BEFORE, BEHIND = 0.05, 0.03
"""Seconds by which a player hands over ahead of time, and a recorder gives after it."""


@dataclass
class Talk:
    """What came of it: all in floats of -1 to 1 at the microphone's rate, times since the start."""

    echo: Any
    given: Any
    size: int
    """How many samples the microphone gave."""
    found: list[tuple[float, float]]
    """For each time at which somebody was known to speak: when they were said to have begun."""

    def removed(self, begin: float, end: float, rate: int = 16000) -> float:
        """The echo's level over what is left of it, in dB."""
        part = slice(round(begin * rate), round(end * rate))
        return decibels(self.echo[part]) - decibels(self.given[part])

    def noticed(self, begin: float, within: float = 3.0) -> float | None:
        """How long after `begin` it was known that somebody spoke."""
        return next((at - begin for at, _ in self.found if begin <= at < begin + within), None)


def decibels(sound: Any) -> float:
    """The mean power, of full scale."""
    return float(10 * np.log10(np.mean(np.square(sound)) + 1e-12))


def converse(room: Room, handler: OpenAir, played: Any, user: Any = None) -> Talk:
    """Play to a room that a handler listens to, each block at its time."""
    echo = room.echo(played)
    heard = echo + room.hum(len(echo))
    if user is not None:
        size = min(len(user), len(heard))
        heard = heard[:size] + user[:size]
    fars = [(at - BEFORE, 0, (pcm, rate, at)) for pcm, rate, at in room.far(played)]
    nears = [(block.at + BLOCK + BEHIND, 1, block) for block in room.near(heard)]
    given: list[bytes] = []
    found: list[tuple[float, float]] = []
    order: list[tuple[float, int, Any]] = [*fars, *nears]
    for now, _, what in sorted(order, key=lambda each: each[:2]):
        if isinstance(what, AudioBlock):
            given.append(handler.near_end(what))
            if handler.onset is not None:
                found.append((now - EPOCH, handler.onset - EPOCH))
        else:
            handler.far_end(*what)
    given.append(handler.finish())
    out = np.frombuffer(b"".join(given), "<i2") / 32767
    return Talk(echo, out, sum(len(block.pcm) // 2 for _, _, block in nears), found)
