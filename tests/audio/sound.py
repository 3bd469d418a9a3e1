"""Tones, and what is in a recording."""

from __future__ import annotations

from typing import Any

import numpy as np


def tone(hertz: float, seconds: float, rate: int, level: float = 0.5) -> bytes:
    """PCM16 of a sine."""
    time = np.arange(round(seconds * rate)) / rate
    return to_pcm(level * np.sin(2 * np.pi * hertz * time))


def to_pcm(samples: Any) -> bytes:
    """PCM16 of samples of -1 to 1."""
    data: bytes = np.rint(np.asarray(samples) * 32767).astype("<i2").tobytes()
    return data


def samples(pcm: bytes) -> Any:
    """The samples of PCM16, of -1 to 1."""
    return np.frombuffer(pcm, "<i2").astype(np.float64) / 32767


def spectrum(pcm: bytes, rate: int) -> tuple[float, float]:
    """The frequency of the strongest tone, in Hz, and how many dB below it all else is."""
    sound = samples(pcm)
    size = len(sound)
    window = np.blackman(size) ** 2
    power = np.abs(np.fft.rfft(sound * window)) ** 2
    top = int(np.argmax(power))
    left, mid, right = np.log(power[top - 1 : top + 2])
    hertz = (top + 0.5 * (left - right) / (left - 2 * mid + right)) * rate / size
    near = np.abs(np.arange(len(power)) - top) <= 8
    return float(hertz), float(10 * np.log10(power[~near].max() / power[top]))


def cleanest(pcm: bytes, rate: int, seconds: float = 0.5) -> tuple[float, float]:
    """The spectrum of the best of it, for what is wrong throughout: a card may click once."""
    step, size = round(seconds * rate / 4), round(seconds * rate)
    parts = [pcm[2 * at :][: 2 * size] for at in range(0, len(pcm) // 2 - size + 1, step)]
    return min((spectrum(part, rate) for part in parts), key=lambda found: found[1])


def loud(pcm: bytes, rate: int, *, above: float = 0.05, window: float = 0.002) -> Any:
    """For each window of a sound, whether its peak is above a level."""
    sound = np.abs(samples(pcm))
    size = round(window * rate)
    peaks = sound[: len(sound) // size * size].reshape(-1, size).max(axis=1)
    return peaks > above


def span(pcm: bytes, rate: int, *, above: float = 0.05) -> tuple[float, float]:
    """From when to when, in seconds, there is sound."""
    indices = np.flatnonzero(np.abs(samples(pcm)) > above)
    assert indices.size, "nothing is heard"
    return float(indices[0]) / rate, float(indices[-1] + 1) / rate
