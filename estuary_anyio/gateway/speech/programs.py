"""Voices that are programs: a process for each sentence, so that an interruption ends that alone.

flite and espeak-ng as the system has them; or espeak-ng's library from espeakng-loader (extra
`[speech-gpl]`, GPL-3), which only ever runs in the process that is started for it.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import anyio

from ..senses import VoiceError
from .child import end, start
from .wav import Incoming

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from anyio.abc import Process

    from estuary_proto.gateway import Say

FLITE_VOICES: Final = ("slt", "rms", "awb", "kal16")
ESPEAK_VOICES: Final = ("en-us", "en-gb")
ESPEAK_PACE: Final = 175
"""Words a minute that it speaks as it comes."""
PROCESSES: Final = 8
"""Sentences that may be made at the same time."""
_BLOCK: Final = 8192
"""Bytes that are converted at once."""


class Program:
    """A voice that is `name`, for people. `command` reads a text from its input, or takes it as its
    last argument where that is what it is `told` by, and writes a WAV file to its output; `voices`
    are the arguments that choose one, by its name; `pace` makes those for a speed. It has
    `patience` seconds from one piece of sound to the next."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        voices: Mapping[str, Sequence[str]] = MappingProxyType({"": ()}),
        *,
        pace: Callable[[float], Sequence[str]] = lambda speed: (),
        told: str = "",
        patience: float = 10.0,
    ) -> None:
        self.name: str = name
        self._command = tuple(command)
        self._voices = dict(voices)
        self._pace = pace
        self._told = told
        self._patience = patience
        self._seats = anyio.Semaphore(PROCESSES)

    async def speak(self, say: Say) -> AsyncGenerator[bytes, None]:
        """The sound of a sentence; see `Voice`."""
        text = plain(say.text)
        last = (self._told, text) if self._told else ()
        voice = self._voices.get(say.voice) or [*self._voices.values()][say.who % len(self._voices)]
        pace = self._pace(say.speed) if say.speed != 1 else ()
        command = [*self._command, *voice, *pace, *last]
        async with self._seats:
            try:
                process, output = await _start(command)
            except OSError as error:
                raise VoiceError(f"{self.name} cannot be started: {error.strerror}") from error
            try:
                await self._tell(process, "" if self._told else text)
                incoming = Incoming(say.rate)
                while data := await self._more(process, output):
                    for at in range(0, len(data), _BLOCK):
                        if pcm := incoming.push(data[at : at + _BLOCK]):
                            yield pcm
                        await anyio.lowlevel.checkpoint()
                yield incoming.finish()
            except ValueError as error:
                raise VoiceError(f"{self.name} made {error}") from None
            finally:
                os.close(output)
                await end(process)

    async def _tell(self, process: Process, text: str) -> None:
        assert process.stdin is not None
        try:
            await process.stdin.send(f"{text}\n".encode(errors="replace"))
            await process.stdin.aclose()
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            pass  # It has ended; its status tells more.

    async def _more(self, process: Process, output: int) -> bytes:
        """What it says next, b"" at its end."""
        with anyio.move_on_after(self._patience):
            while True:
                await anyio.wait_readable(output)
                try:
                    data = os.read(output, 65536)
                except BlockingIOError:
                    continue
                if not data and (status := await process.wait()):
                    raise VoiceError(f"{self.name} failed with status {status}")
                return data
        raise VoiceError(f"{self.name} said nothing for {self._patience:g} s")


async def _start(command: Sequence[str]) -> tuple[Process, int]:
    """The process, and what it writes: a pipe of our own, since some loops have sockets for it,
    which a program cannot open by name."""
    output, write = os.pipe()
    try:
        os.set_blocking(output, False)
        process = await start(command, stdout=write)
    except BaseException:
        os.close(output)
        raise
    finally:
        os.close(write)
    return process, output


def plain(text: str) -> str:
    """`text` in one line, without what a program would take for more than text."""
    kept = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(kept.replace("[[", "[").replace("<", " ").replace(">", " ").split())


def flite() -> Program | None:
    """flite, if the system has it."""
    found = shutil.which("flite")
    if found is None:
        return None
    try:
        run = [found, "-lv"]
        listed = subprocess.run(run, capture_output=True, text=True, timeout=5, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    voices: dict[str, Sequence[str]] = {
        voice: ("-voice", voice) for voice in FLITE_VOICES if voice in listed.split()
    }

    def pace(speed: float) -> Sequence[str]:
        return "--setf", f"duration_stretch={1 / speed:.3f}"

    # A text that is longer than a sentence it writes piece by piece, into a file that it must be
    # able to read again: so it is told by an argument, and only ever one sentence.
    return Program("flite", (found, "-o", "/dev/stdout"), voices or {"": ()}, pace=pace, told="-t")


def espeak() -> Program | None:
    """espeak-ng, if the system has it."""
    found = shutil.which("espeak-ng")
    if found is None:
        return None
    voices = {voice: ("-v", voice) for voice in ESPEAK_VOICES}

    def pace(speed: float) -> Sequence[str]:
        return "-s", str(round(ESPEAK_PACE * speed))

    return Program("espeak-ng", (found, "--stdin", "--stdout"), voices, pace=pace)


def espeak_library() -> Program | None:
    """espeak-ng's library, if `[speech-gpl]` is installed. It is looked for, not imported."""
    spec = importlib.util.find_spec("espeakng_loader")
    if spec is None or spec.origin is None:
        return None
    child = str(Path(__file__).with_name("espeak_child.py"))
    place = os.path.dirname(os.path.dirname(spec.origin))
    command = (sys.executable, "-I", child, place)
    voices = {voice: (voice,) for voice in ESPEAK_VOICES}

    def pace(speed: float) -> Sequence[str]:
        return (str(round(ESPEAK_PACE * speed)),)

    return Program("espeakng-loader", command, voices, pace=pace)
