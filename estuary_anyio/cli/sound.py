"""What the user says aloud: a WAV file, or a sound that is made here."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from estuary_proto.gateway import tone_voice
from estuary_proto.gateway.abilities import HIGHEST, LOWEST

from .exits import Exit, Stop, one_line

if TYPE_CHECKING:
    from pathlib import Path

QUESTION: Final = "What is my name?"
"""What the sound that is made here stands for."""

RATE: Final = 16000
LONGEST: Final = 60.0
"""Seconds of a file that a gateway listens to (`ServerConfig.max_utterance`)."""


@dataclass(frozen=True, slots=True)
class Sound:
    """PCM16 mono at `rate` Hz. `words` are what a gateway that hears it shall understand; "" where
    nobody knows."""

    pcm: bytes
    rate: int
    name: str
    words: str = ""

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.pcm) / 2 / self.rate


def made() -> Sound:
    """A tone for each word of the question."""
    pcm = b"".join(tone_voice.sound(word, RATE) for word in QUESTION.split())
    return Sound(pcm, RATE, "a generated sound", QUESTION)


def read_wav(path: Path, option: str = "--wav", longest: float = LONGEST) -> Sound:
    """The sound in a WAV file of up to `longest` seconds, that `option` names. Raises Stop for what
    cannot be read or is not PCM16 mono."""
    try:
        with path.open("rb") as file, wave.open(file) as wav:
            kind = (wav.getsampwidth(), wav.getnchannels())
            rate = wav.getframerate()
            pcm = wav.readframes(wav.getnframes())
    except OSError as error:
        raise _unfit(option, path, error.strerror or str(error)) from None
    except (wave.Error, EOFError) as error:
        problem = f"not a WAV file of PCM ({str(error) or 'it ends too early'})"
        raise _unfit(option, path, problem) from None
    if kind != (2, 1):
        bits, channels = 8 * kind[0], kind[1]
        raise _unfit(option, path, f"{bits} bits and {channels} channel(s); PCM16 mono is needed")
    if not LOWEST <= rate <= HIGHEST:
        raise _unfit(option, path, f"{rate} Hz; {LOWEST} to {HIGHEST} are possible")
    sound = Sound(pcm[: len(pcm) & ~1], rate, one_line(path.name)[:30])
    if not 0 < sound.seconds <= longest:
        problem = f"{sound.seconds:.0f} s of sound; up to {longest:.0f} are possible"
        raise _unfit(option, path, problem)
    return sound


def _unfit(option: str, path: Path, problem: str) -> Stop:
    return Stop(f"{option} {path}: {problem}", Exit.USAGE)
