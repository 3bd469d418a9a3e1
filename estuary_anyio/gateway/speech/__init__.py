"""Ears and voices of the local gateway: what players say is understood, answers are spoken.

`choose` takes the best that is there: pocketsphinx and Silero's detector (extra `[speech]`), flite
or espeak-ng as the system has them, espeak-ng's library (extra `[speech-gpl]`); or any
OpenAI-compatible endpoint.
"""

from __future__ import annotations

from .choosing import STT, TTS, Speech, check, choose
from .endpoints import OpenAIRecogniser, OpenAIVoice, SpeechEndpoint
from .programs import Program
from .sphinx import Sphinx

__all__ = [
    "STT",
    "TTS",
    "OpenAIRecogniser",
    "OpenAIVoice",
    "Program",
    "Speech",
    "SpeechEndpoint",
    "Sphinx",
    "check",
    "choose",
]
