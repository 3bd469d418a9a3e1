"""Voices that are programs: what is real speaks, what hangs or fails is told, what is not wanted
any more is ended, and nothing else."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING

import anyio
import pytest

from estuary_anyio.gateway import VoiceError
from estuary_anyio.gateway.speech import Program, programs
from estuary_anyio.gateway.speech.wav import wav
from estuary_proto.gateway import Say
from tests.judges.outside import lacking

from .flite import need

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

TEXT = "Hello there, how are you today?"


async def sound_of(
    voice: Program,
    text: str = TEXT,
    rate: int = 16000,
    who: int = 0,
    name: str = "",
    speed: float = 1.0,
) -> bytes:
    async with aclosing(voice.speak(Say(0, text, rate, who, name, speed))) as pieces:
        return b"".join([piece async for piece in pieces])


def same(one: bytes, other: bytes) -> bool:
    """But for the last bit: who converts rates dithers."""
    samples = zip(memoryview(one).cast("h"), memoryview(other).cast("h"), strict=False)
    return len(one) == len(other) and all(abs(a - b) <= 2 for a, b in samples)


def python(code: str, **options: float) -> Program:
    return Program("it", [sys.executable, "-I", "-c", code], **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
@pytest.mark.parametrize("name", ["flite", "espeak-ng"])
async def test_a_program_of_the_system_speaks(name: str, rate: int) -> None:
    need(name)
    voice = programs.flite() if name == "flite" else programs.espeak()
    assert voice is not None
    pcm = await sound_of(voice, rate=rate)
    assert 1.2 < len(pcm) / 2 / rate < 3
    loud = max(abs(sample) for sample in memoryview(pcm).cast("h"))
    assert 3000 < loud <= 32767
    # The other character has another voice; and what looks like an option is a text.
    other = await sound_of(voice, rate=rate, who=1)
    assert not same(other, pcm)
    assert same(await sound_of(voice, rate=rate, name=[*voice._voices][1]), other)
    assert same(await sound_of(voice, rate=rate, name="nobody"), pcm)
    assert 0.5 < len(await sound_of(voice, rate=rate, speed=1.5)) / len(pcm) < 0.8
    assert await sound_of(voice, "--version", rate=rate)


async def test_the_library_speaks_in_a_process_of_its_own() -> None:
    voice = programs.espeak_library()
    if voice is None:
        lacking("the package espeakng-loader, of [speech-gpl], is missing")
    assert voice is not None
    pcm = await sound_of(voice)
    assert 1.2 < len(pcm) / 2 / 16000 < 3
    assert "espeakng_loader" not in sys.modules
    assert 0.5 < len(await sound_of(voice, speed=1.5)) / len(pcm) < 0.8
    with pytest.raises(VoiceError, match="failed with status 1"):
        await sound_of(Program("it", voice._command, {"": ("no-such-voice",)}))


def test_what_is_not_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert programs.flite() is None
    assert programs.espeak() is None
    broken = tmp_path / "flite"
    broken.write_text("no program")
    broken.chmod(0o755)
    assert programs.flite() is None


def test_only_text_reaches_a_program() -> None:
    assert programs.plain(" a\tb\n[[x]] <break/>\0\x1b[1m") == "a b [x]] break/ [1m"


SPEAKS = f"import sys; sys.stdout.buffer.write({wav(bytes(range(200)) * 10, 16000)!r})"


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("0", "made no sound"),
        ("print('hello')", "made something that is no WAV file"),
        ("import sys; sys.exit(3)", "failed with status 3"),
        (SPEAKS + "; sys.stdout.flush(); import os; os._exit(4)", "failed with status 4"),
        ("import time; time.sleep(60)", "said nothing for 0.3 s"),
        ("print('ID3 compressed')", "a compressed sound"),
    ],
)
async def test_what_goes_wrong_is_told(code: str, problem: str) -> None:
    with pytest.raises(VoiceError, match=problem):
        await sound_of(python(code, patience=0.3 if "sleep" in code else 10))


async def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(VoiceError, match="cannot be started"):
        await sound_of(Program("it", [str(tmp_path / "none")]))


async def test_a_program_that_does_not_read_its_text() -> None:
    assert await sound_of(python(SPEAKS), "long " * 100_000) == bytes(range(200)) * 10


async def test_an_interruption_ends_its_process_and_no_other(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; open(sys.argv[1] + '/' + sys.stdin.readline().strip(), 'w')"
        f".write(str(os.getpid())); {SPEAKS}; sys.stdout.flush(); time.sleep(60)"
    )
    voice = Program("it", [sys.executable, "-I", "-c", code, str(tmp_path)])
    first, second = anyio.CancelScope(), anyio.CancelScope()
    speaking = {"one": anyio.Event(), "two": anyio.Event()}

    async def speak(text: str, scope: anyio.CancelScope) -> None:
        with scope:
            async with aclosing(voice.speak(Say(0, text, 16000))) as pieces:
                async for _ in pieces:
                    speaking[text].set()

    def alive(text: str) -> bool:
        try:
            os.kill(int((tmp_path / text).read_text()), 0)
        except ProcessLookupError:
            return False
        return True

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(speak, "one", first)
            tasks.start_soon(speak, "two", second)
            for event in speaking.values():
                await event.wait()
            first.cancel()
            while alive("one"):
                await anyio.wait_all_tasks_blocked()
            assert alive("two")
            second.cancel()
    assert not alive("two")


async def test_a_signal_to_the_gateway_is_none_to_the_voice() -> None:
    code = f"import os, sys; {SPEAKS} if os.getpgid(0) == os.getpid() else sys.exit(1)"
    assert await sound_of(python(code))
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
