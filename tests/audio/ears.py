"""Somebody who listens to the loudspeaker, and understands."""

from __future__ import annotations

import json
import subprocess

from estuary_anyio.gateway.speech.child import program
from estuary_anyio.gateway.speech.sphinx_child import END, FRAME, PIECE
from tests.speech.flite import silence

TIMES = 3
"""The recogniser may crash: its library does, once in a while."""


def understood(pcm: bytes) -> str:
    """What is said in PCM16 mono at 16 kHz. It blocks."""
    sound = silence(0.3) + pcm + silence(0.3)
    asked = FRAME.pack(PIECE, 1, len(sound)) + sound + FRAME.pack(END, 1, 0)
    for _ in range(TIMES):
        done = subprocess.run(
            program("estuary_anyio.gateway.speech.sphinx_child"),
            input=asked,
            capture_output=True,
            check=False,
        )
        if done.returncode == 0:
            return str(json.loads(done.stdout.splitlines()[-1])["text"])
    raise AssertionError(f"the recogniser crashes, {TIMES} times ({done.returncode})")
