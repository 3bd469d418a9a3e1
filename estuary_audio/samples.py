"""PCM16 and arrays of floats of -1 to 1."""

from __future__ import annotations

from typing import Any

from estuary_audio.extra import numpy as np
from estuary_audio.pcm import FULL_SCALE


def floats(audio: bytes) -> Any:
    """The samples of PCM16 as an array."""
    return np.frombuffer(audio, dtype="<i2").astype(np.float32) / np.float32(FULL_SCALE)


def pcm16(samples: Any) -> bytes:
    """PCM16 of an array."""
    rounded = np.rint(np.clip(samples * FULL_SCALE, -32768, 32767)).astype("<i2")
    data: bytes = rounded.tobytes()
    return data
