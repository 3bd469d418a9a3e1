"""Arithmetic on PCM16: little-endian samples of 16 bits, in bytes (PROTOCOL 5).

Functions of bytes that give bytes; only `[audio]`'s numpy sees arrays.
"""

from __future__ import annotations

from typing import Any

from estuary_audio.extra import numpy as np

WIDTH = 2
"""Bytes of a sample."""

FULL_SCALE = 32768.0


def whole(pcm: bytes) -> bytes:
    """Without an odd last byte, which is no sample."""
    return pcm[:-1] if len(pcm) % WIDTH else pcm


def silence(frames: int) -> bytes:
    """So many samples of nothing."""
    return bytes(WIDTH * frames)


def ramp(pcm: bytes, begin: float, end: float) -> bytes:
    """Louder or softer from `begin` to `end`, factors of 0 to 1, in a straight line."""
    if begin == end == 1.0:
        return pcm
    samples = _samples(pcm)
    gain = np.linspace(begin, end, len(samples), dtype=np.float32)
    return _bytes(samples * gain)


def mix_down(pcm: bytes, channels: int) -> bytes:
    """One channel out of several interleaved ones: their mean."""
    if channels == 1:
        return pcm
    return _bytes(_samples(pcm).reshape(-1, channels).mean(axis=1, dtype=np.float32))


def spread(pcm: bytes, channels: int) -> bytes:
    """The same sound on so many interleaved channels."""
    if channels == 1:
        return pcm
    spread_out: bytes = _samples(pcm).repeat(channels).tobytes()
    return spread_out


def loudness(pcm: bytes) -> tuple[float, float]:
    """The root of the mean square and the peak, each of 0 to 1 of full scale."""
    if not pcm:
        return 0.0, 0.0
    samples = _samples(pcm).astype(np.float32)
    rms = float(np.sqrt(np.dot(samples, samples) / len(samples)))
    return min(1.0, rms / FULL_SCALE), min(1.0, float(np.abs(samples).max()) / FULL_SCALE)


def _samples(pcm: bytes) -> Any:
    return np.frombuffer(pcm, dtype="<i2")


def _bytes(samples: Any) -> bytes:
    rounded = np.clip(np.rint(samples), -32768, 32767).astype("<i2")
    data: bytes = rounded.tobytes()
    return data
