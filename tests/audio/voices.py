"""Sentences spoken by flite's voices, at any level."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from estuary_audio.extra import soxr

CHARACTER = [
    "Well met, traveller. The road to the north is closed since the storm took the bridge away.",
    "If you follow the river for half a day, you will come to a village with a friendly baker.",
    "She sells bread and honey, and she knows every story that was ever told in this valley.",
    "Be careful in the evening, because the fog comes quickly and the path is hard to see.",
]
USER = [
    "Wait a moment, what was the name of the village?",
    "Stop, please tell me about the bridge again.",
    "Hold on, I have a question about the honey.",
    "Excuse me, how far is it to the river?",
]


@functools.cache
def spoken(text: str, voice: str, rate: int) -> Any:
    """Floats of -1 to 1 at `rate`, with an RMS of -20 dB where somebody speaks.

    Skips the test where flite is not installed (apt-get install flite).
    """
    if shutil.which("flite") is None:
        pytest.skip("not installed: flite (apt-get install flite)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        command = ["flite", "-voice", voice, "-t", text, "-o", str(path)]
        subprocess.run(command, check=True, timeout=60)
        with wave.open(str(path)) as file:
            source = file.getframerate()
            said = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
    loud = said[np.abs(said) > 0.02 * np.abs(said).max()]
    said = said * (0.1 / np.sqrt(np.mean(loud**2)))
    return np.clip(soxr.resample(said, source, rate, "VHQ"), -1, 1)


def speech(texts: list[str], voice: str, rate: int, seconds: float, pause: float = 0.4) -> Any:
    """The sentences, again and again with pauses, for so many seconds."""
    size = round(seconds * rate)
    gap = np.zeros(round(pause * rate))
    pieces: list[Any] = []
    while sum(len(piece) for piece in pieces) < size:
        for text in texts:
            pieces += [spoken(text, voice, rate), gap]
    return np.concatenate(pieces)[:size]


def placed(sound: Any, at: float, rate: int, seconds: float) -> Any:
    """The sound beginning `at` so many seconds, in silence."""
    whole = np.zeros(round(seconds * rate))
    start = round(at * rate)
    part = sound[: len(whole) - start]
    whole[start : start + len(part)] = part
    return whole
