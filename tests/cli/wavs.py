"""WAV files, and what the offline character answers aloud."""

from __future__ import annotations

import wave
from typing import TYPE_CHECKING

from estuary_proto.gateway import MemoryStore, tone_voice
from estuary_proto.gateway.rules import RulesBrain

if TYPE_CHECKING:
    from pathlib import Path


def write_wav(path: Path, pcm: bytes, rate: int = 16000) -> str:
    """A file with this sound; its name."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
    return str(path)


def read_wav(path: Path) -> bytes:
    """The sound of a file, which is PCM16 mono at 16 kHz."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16000)
        sound: bytes = file.readframes(file.getnframes())
    return sound


def answers(*texts: str) -> list[str]:
    """What it says to these, a turn each."""
    brain, memory = RulesBrain(), MemoryStore().of("demo", "me")
    return [brain.reply(text, memory, turn) for turn, text in enumerate(texts)]


def voice_of(text: str, rate: int = 16000) -> bytes:
    """How it says that."""
    return b"".join(tone_voice.sound(word, rate) for word in text.split())
