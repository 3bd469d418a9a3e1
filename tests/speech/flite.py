"""Real speech: sentences as flite's voices say them, noise, and how much was understood."""

from __future__ import annotations

import shutil
import subprocess
from functools import lru_cache
from random import Random
from struct import pack, unpack
from typing import TYPE_CHECKING

from tests.judges.outside import lacking

if TYPE_CHECKING:
    from collections.abc import Sequence

RATE = 16000


def need(*programs: str) -> None:
    """Skip, or fail where judges are required, without these system packages."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        lacking(f"the system packages {' and '.join(missing)} are missing")


@lru_cache
def says(text: str, voice: str = "slt") -> bytes:
    """PCM16 mono at 16 kHz."""
    need("flite")
    command = ["flite", "-voice", voice, "-t", text, "-o", "/dev/stdout"]
    made = subprocess.run(command, capture_output=True, check=True).stdout
    return made[44:]


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE))


def hiss(pcm: bytes, level: float, seed: int = 0) -> bytes:
    """The sound with noise of this RMS over it."""
    chance = Random(f"hiss {seed}")
    samples = unpack(f"<{len(pcm) // 2}h", pcm)
    loud = (round(sample + chance.gauss(0, level)) for sample in samples)
    return pack(f"<{len(samples)}h", *(max(-32768, min(32767, sample)) for sample in loud))


SHORT = {"i'm": "i am", "what's": "what is", "name's": "name is", "who's": "who is"}
"""Words that are said as two by some, and mean the same."""


def words(text: str) -> list[str]:
    each = "".join(c if c.isalnum() or c == "'" else " " for c in text.lower()).split()
    return " ".join(SHORT.get(word, word) for word in each).split()


def wrong_words(said: str, heard: str) -> int:
    """Words to replace, insert or leave out to get from one to the other."""
    row: Sequence[int] = range(len(words(heard)) + 1)
    for number, word in enumerate(words(said), 1):
        new = [number]
        for at, other in enumerate(words(heard)):
            new.append(min(row[at] + (word != other), row[at + 1] + 1, new[-1] + 1))
        row = new
    return row[-1]
