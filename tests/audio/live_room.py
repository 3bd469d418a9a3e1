"""A room between the loudspeaker and the microphone of the virtual sound card, as a process.

What the sink `speaker` plays is heard by the sink `mic`: distorted, later, reverberated, weaker,
with noise, and through a delay that wanders as between two clocks. A user's sentences are mixed
in.

In: a line of JSON for each sentence, `{"say": path}` (PCM16 at 48 kHz). Out: one for each that
begins, `{"at": monotonic seconds, "place": samples since the start}`. What the loudspeaker gave is
kept in a file, so that both are on one line of samples.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.audio.card import RAW

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

RATE = 48000
FRAME = 480
LONGEST = RATE
"""Samples that the delay line holds."""


@dataclass(frozen=True)
class Air:
    """How the loudspeaker is heard. `coupling` and `noise` are in dB, `delay` and `reverberation`
    in seconds, beside what the sound server needs. The clocks are `ppm` apart, now this way, now
    that, for `turns` seconds each."""

    coupling: float = -6.0
    delay: float = 0.03
    reverberation: float = 0.04
    noise: float = -60.0
    distortion: float = 0.0
    ppm: float = 0.0
    turns: float = 30.0
    seed: int = 1


class Way:
    """From the loudspeaker's samples to the microphone's."""

    def __init__(self, air: Air) -> None:
        self._air = air
        self._chance = np.random.default_rng(air.seed)
        size = max(1, round(air.reverberation * RATE))
        tail = self._chance.normal(size=size) * np.exp(-6.9 * np.arange(size) / size)
        tail[: min(size, 48)] = 0
        energy = np.sum(tail**2)
        if energy > 0:
            tail *= 0.5 / np.sqrt(energy)
        tail[0] = 1.0
        response = 10 ** (air.coupling / 20) * tail / np.sqrt(np.sum(tail**2))
        self._size = 1 << (size + FRAME).bit_length()
        self._response = np.fft.rfft(response, self._size)
        self._rest = np.zeros(self._size)
        self._line = np.zeros(LONGEST)
        self._taken = 0

    def heard(self, frame: Any) -> Any:
        """A frame of 10 ms, floats of -1 to 1."""
        air = self._air
        self._line = np.roll(self._line, -FRAME)
        self._line[-FRAME:] = frame + air.distortion * frame**3
        self._rest[: self._size - FRAME] = self._rest[FRAME:]
        self._rest[self._size - FRAME :] = 0
        spectrum = np.fft.rfft(self._late(), self._size) * self._response
        self._rest += np.fft.irfft(spectrum, self._size)
        self._taken += FRAME
        hum = 10 ** (air.noise / 20) * self._chance.normal(size=FRAME)
        return self._rest[:FRAME] + hum

    def _late(self) -> Any:
        """What was played a delay before, between two samples by a cubic."""
        air = self._air
        places = self._taken + np.arange(FRAME)
        since = places / RATE % (2 * air.turns)
        wander = np.minimum(since, 2 * air.turns - since) * air.ppm * 1e-6
        spots = LONGEST - FRAME + np.arange(FRAME) - (air.delay + wander) * RATE - 2
        whole = np.floor(spots).astype(int)
        x = spots - whole
        a, b, c, d = (self._line[whole + k] for k in (-1, 0, 1, 2))
        return b + 0.5 * x * (c - a + x * (2 * a - 5 * b + 4 * c - d + x * (3 * (b - c) + d - a)))


def _listen(sayings: queue.Queue[str]) -> None:
    for line in sys.stdin:
        sayings.put(line)


def _hurry() -> None:
    """A room is never late, however busy the machine is: where we may, it goes first."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(5))
    except OSError:
        pass


def serve(air: Air, kept: Path) -> None:
    """Until its programs end."""
    _hurry()
    sayings: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(sayings,), daemon=True).start()
    path, pending = Way(air), np.zeros(0)
    hear = ["parec", "--device=speaker.monitor", "--latency-msec=10", *RAW]
    say = ["pacat", "--playback", "--device=mic", "--latency-msec=40", *RAW]
    with (
        kept.open("wb", buffering=0) as file,
        subprocess.Popen(hear, stdout=subprocess.PIPE) as ear,
        subprocess.Popen(say, stdin=subprocess.PIPE) as mouth,
    ):
        assert ear.stdout is not None
        assert mouth.stdin is not None
        taken = 0
        while len(data := ear.stdout.read(2 * FRAME)) == 2 * FRAME:
            file.write(data)
            heard = path.heard(np.frombuffer(data, "<i2") / 32768)
            if not sayings.empty():
                pending = np.fromfile(json.loads(sayings.get())["say"], "<i2") / 32768
                print(json.dumps({"at": time.monotonic(), "place": taken}), flush=True)
            size = min(FRAME, len(pending))
            heard[:size] += pending[:size]
            pending = pending[size:]
            mouth.stdin.write(np.rint(np.clip(heard, -1, 1) * 32767).astype("<i2").tobytes())
            mouth.stdin.flush()
            taken += FRAME


class LiveRoom:
    """The process, from the outside."""

    def __init__(self, air: Air, folder: Path) -> None:
        self.air: Air = air
        self._folder = folder
        self._kept = folder / "played.raw"
        self._count = 0

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.audio.live_room", json.dumps(asdict(self.air))]
        self._process = subprocess.Popen(
            [*command, str(self._kept)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + 20
        while not (self._kept.exists() and self._kept.stat().st_size > 2 * RATE // 2):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Its programs end with it: their pipes do.
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()

    def say(self, sound: Any) -> tuple[float, int]:
        """The user says this (floats at 48 kHz); when that began, and at which sample."""
        self._count += 1
        path = self._folder / f"said-{self._count}.raw"
        path.write_bytes(np.rint(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"say": str(path)}) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        return told["at"], told["place"]

    def played(self) -> Any:
        """What the loudspeaker has played since the start, floats."""
        data = self._kept.read_bytes()
        return np.frombuffer(data[: len(data) // 2 * 2], "<i2") / 32768


def silent_after(played: Any, place: int, seconds: float = 0.6, above: float = 0.003) -> float:
    """Seconds from a place until the loudspeaker is silent, for so many `seconds` at least."""
    loud = np.flatnonzero(np.abs(played[place:]) > above)
    if not len(loud):
        return 0.0
    edges = np.concatenate([[0], loud, [len(played) - place + seconds * RATE + 1]])
    return float(edges[np.flatnonzero(np.diff(edges) > seconds * RATE)[0]] / RATE)


if __name__ == "__main__":
    serve(Air(**json.loads(sys.argv[1])), Path(sys.argv[2]))
