"""What a microphone may pick up: PCM16 mono, made of arithmetic."""

from __future__ import annotations

from functools import lru_cache
from math import pi, sin
from random import Random
from struct import pack, unpack
from typing import Any

from estuary_proto.intents import StreamAudio
from estuary_proto.models.pcm import encode_pcm

RATE = 16000


@lru_cache
def tone(seconds: float, level: float = 8000, rate: int = RATE, offset: int = 0) -> bytes:
    """A steady 200 Hz of this amplitude: somebody says "aaa". `offset` shifts all of it."""
    count = round(seconds * rate)
    return pack(
        f"<{count}h", *(offset + round(level * sin(400 * pi * i / rate)) for i in range(count))
    )


@lru_cache
def noise(seconds: float, level: float, seed: int = 0) -> bytes:
    """Hiss of this RMS."""
    chance = Random(f"noise {seed}")
    count = round(seconds * RATE)
    return pack(f"<{count}h", *(round(chance.gauss(0, level)) for _ in range(count)))


def silence(seconds: float, rate: int = RATE) -> bytes:
    return bytes(2 * round(seconds * rate))


def mixed(one: bytes, other: bytes) -> bytes:
    """Both at once; of equal length."""
    sounds = zip(*(unpack(f"<{len(pcm) // 2}h", pcm) for pcm in (one, other)), strict=True)
    return pack(f"<{len(one) // 2}h", *map(sum, sounds))


SPEECH = silence(0.3) + tone(1.0) + silence(0.7)
"""One utterance, and the pause that ends it."""


def stream(pair: Any, *sounds: bytes, piece: float = 0.1) -> None:
    """The client of this pair sends the sounds in pieces of so many seconds, as they are made."""
    size = 2 * round(piece * RATE)
    audio = b"".join(sounds)
    for at in range(0, len(audio), size):
        pcm = audio[at : at + size]
        pair.advance(len(pcm) / 2 / RATE)
        pair.send(StreamAudio(encode_pcm(pcm)))


def at_once(pair: Any, *sounds: bytes) -> None:
    """The same in one message, in no time."""
    pair.send(StreamAudio(encode_pcm(b"".join(sounds))))
