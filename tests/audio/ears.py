"""Somebody who listens to the loudspeaker, and understands."""

from __future__ import annotations

import functools

from estuary_anyio.gateway.speech.sphinx_child import Ear
from tests.speech.flite import silence


@functools.cache
def _ear() -> Ear:
    return Ear()


def understood(pcm: bytes) -> str:
    """What is said in PCM16 mono at 16 kHz. It blocks."""
    ear = _ear()
    ear.piece(silence(0.3) + pcm + silence(0.3))
    return ear.end()
