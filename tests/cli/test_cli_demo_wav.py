"""`estuary demo --wav`: what is taken, and what is refused before anything begins."""

from __future__ import annotations

import re
import wave
from typing import TYPE_CHECKING

import pytest

from tests.gateway.sounds import silence, tone

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Ended = Callable[..., tuple[int, str, str]]


def wav(path: Path, pcm: bytes, rate: int = 16000, *, width: int = 2, channels: int = 1) -> str:
    """A WAV file; its name."""
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(pcm)
    return str(path)


@pytest.mark.parametrize(("backend", "rate"), [("asyncio", 8000), ("trio", 44100)])
def test_what_is_in_the_file_is_said(ended: Ended, backend: str, tmp_path: Path, rate: int) -> None:
    pcm = silence(0.2, rate) + tone(0.8, rate=rate) + silence(0.3, rate)
    pcm += tone(0.5, rate=rate) + silence(1.0, rate)
    file = wav(tmp_path / "said.wav", pcm, rate)
    status, out, err = ended("demo", "--backend", backend, "--wav", file)
    assert (status, err) == (0, "")
    assert f"push-to-talk: said.wav, 2.8 s at {rate / 1000:g} kHz\n" in out
    # A pause is none of a button that is held: all of it is one turn, both times.
    assert out.count("  you (aloud) > (1.6 s of speech)\n  demo > ") == 2
    assert re.search(r"^  audio up +5\.6 s$", out, re.M)


def test_silence_is_not_understood(ended: Ended, tmp_path: Path) -> None:
    status, out, err = ended("demo", "--wav", wav(tmp_path / "quiet.wav", silence(1.0)))
    assert status == 1
    assert err == (
        "estuary: step 8 (speech, both ways) failed: "
        "what was understood of it (is it speech?) never came\n"
    )


def test_a_file_that_cannot_be_said(ended: Ended, tmp_path: Path) -> None:
    text = tmp_path / "text.wav"
    text.write_text("no sound at all")
    short = tmp_path / "short.wav"
    short.write_bytes(b"RIFF")
    for file, problem in (
        (str(tmp_path / "none.wav"), "No such file or directory"),
        (str(tmp_path), "Is a directory"),
        (str(text), "not a WAV file of PCM (file does not start with RIFF id)"),
        (str(short), "not a WAV file of PCM (it ends too early)"),
        (
            wav(tmp_path / "stereo.wav", silence(1.0), channels=2),
            "16 bits and 2 channel(s); PCM16 mono is needed",
        ),
        (
            wav(tmp_path / "fine.wav", bytes(3000), width=3),
            "24 bits and 1 channel(s); PCM16 mono is needed",
        ),
        (
            wav(tmp_path / "fast.wav", silence(1.0), 96000),
            "96000 Hz; 8000 to 48000 are possible",
        ),
        (wav(tmp_path / "empty.wav", b""), "0 s of sound; up to 60 are possible"),
        (wav(tmp_path / "long.wav", silence(61)), "61 s of sound; up to 60 are possible"),
    ):
        status, out, err = ended("demo", "--wav", file)
        assert (status, out, err) == (2, "", f"estuary: --wav {file}: {problem}\n")
