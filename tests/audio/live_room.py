"""A room between the loudspeaker and the microphone of the virtual sound card.

What the sink `speaker` plays is heard by the sink `mic`: distorted, later, reverberated, weaker,
with noise. It is a part of the sound server's graph, in its real-time thread, so that the way from
the one to the other is the same to the sample at all times, as air is. The user speaks into a sink
`user`, of which the microphone hears all; what both played is kept on one line of samples. Clocks
that run apart are in `tests.audio.room`, where they are exact.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import wave
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.audio.card import RAW, SHAPE, pactl, playing

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

RATE = 48000
LONGEST = 900
"""Seconds for which there is noise."""
ONSET = 0.02
"""What the user's first sound is louder than."""


@dataclass(frozen=True)
class Air:
    """How the loudspeaker is heard. `coupling` and `noise` are in dB, `delay` and `reverberation`
    in seconds, beside what the devices need. Of a sound x, `distortion` times its cube is added,
    where there is a C compiler."""

    coupling: float = -6.0
    delay: float = 0.03
    reverberation: float = 0.04
    noise: float = -60.0
    distortion: float = 0.0
    seed: int = 1


CONFIGURATION = """
context.properties = { log.level = 1 }
context.spa-libs = {
    audio.convert.* = audioconvert/libspa-audioconvert
    support.* = support/libspa-support
}
context.modules = [
    { name = libpipewire-module-rt args = { nice.level = -11 rt.prio = 88 }
      flags = [ ifexists nofail ] }
    { name = libpipewire-module-protocol-native }
    { name = libpipewire-module-client-node }
    { name = libpipewire-module-adapter }
    { name = libpipewire-module-filter-chain args = {
        node.description = air
        audio.rate = 48000
        audio.channels = 1
        audio.position = [ MONO ]
        filter.graph = { nodes = [ %(nodes)s ] %(links)s }
        capture.props = { node.name = air.in target.object = speaker stream.capture.sink = true
            node.dont-reconnect = true }
        playback.props = { node.name = air.out target.object = mic node.dont-reconnect = true } } }
%(ways)s
]
"""
WAY = """
    { name = libpipewire-module-loopback args = {
        node.description = %(source)s-%(target)s
        audio.rate = 48000
        capture.props = { node.name = %(source)s.%(target)s.in target.object = %(source)s
            stream.capture.sink = true audio.position = [ MONO ] }
        playback.props = { node.name = %(source)s.%(target)s.out target.object = %(target)s
            audio.position = [ %(channel)s ] stream.dont-remix = true } } }
"""
CUBE = r"""
#include <stdlib.h>
typedef struct { int descriptor; float low, high; } Hint;
typedef struct Descriptor {
    unsigned long id; const char *label; int properties; const char *name, *maker, *copyright;
    unsigned long ports; const int *kinds; const char *const *names; const Hint *hints; void *own;
    void *(*instantiate)(const struct Descriptor *, unsigned long);
    void (*connect)(void *, unsigned long, float *);
    void (*activate)(void *); void (*run)(void *, unsigned long);
    void (*run_adding)(void *, unsigned long); void (*gain)(void *, float);
    void (*deactivate)(void *); void (*cleanup)(void *);
} Descriptor;
static void *make(const Descriptor *d, unsigned long rate) { return calloc(3, sizeof(float *)); }
static void plug(void *self, unsigned long port, float *at) { ((float **)self)[port] = at; }
static void run(void *self, unsigned long count) {
    float **at = self;
    for (unsigned long i = 0; i < count; i++) {
        float x = at[0][i];
        at[1][i] = x + *at[2] * x * x * x;
    }
}
static const int kinds[] = { 1 | 8, 2 | 8, 1 | 4 };
static const char *const names[] = { "In", "Out", "Amount" };
static const Hint hints[] = { { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 0 } };
static const Descriptor cube = { 1, "cube", 0, "cube", "", "", 3, kinds, names, hints, 0,
    make, plug, 0, run, 0, 0, 0, free };
const Descriptor *ladspa_descriptor(unsigned long i) { return i ? 0 : &cube; }
"""


def answer(air: Air) -> Any:
    """What is heard of a click: nothing, then it, then ever less, at `coupling` in all."""
    chance = np.random.default_rng(air.seed)
    size = max(1, round(air.reverberation * RATE))
    tail = chance.normal(size=size) * np.exp(-6.9 * np.arange(size) / size)
    tail[: min(size, 48)] = 0
    energy = np.sum(tail**2)
    if energy > 0:
        tail *= 0.5 / np.sqrt(energy)
    tail[0] = 1.0
    tail *= 10 ** (air.coupling / 20) / np.sqrt(np.sum(tail**2))
    return np.concatenate([np.zeros(round(air.delay * RATE)), tail])


def _configuration(air: Air, folder: Path) -> str:
    with wave.open(str(folder / "answer.wav"), "wb") as file:
        file.setparams((1, 4, RATE, 0, "NONE", ""))
        file.writeframes(np.rint(answer(air) * (2**31 - 1)).astype("<i4").tobytes())
    filename = json.dumps(str(folder / "answer.wav"))
    convolver = (
        f"{{ type = builtin name = way label = convolver config = {{ filename = {filename} }} }}"
    )
    nodes, links = convolver, ""
    compiler = shutil.which("cc")
    if air.distortion and compiler:
        (folder / "cube.c").write_text(CUBE)
        made = str(folder / "cube.so")
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O2", "-o", made, str(folder / "cube.c")], check=True
        )
        nodes = (
            f"{{ type = ladspa name = cone plugin = {json.dumps(made)} label = cube "
            f"control = {{ Amount = {air.distortion} }} }} {convolver}"
        )
        links = 'links = [ { output = "cone:Out" input = "way:In" } ]'
    heard = [("user", "mic", "MONO"), ("speaker", "witness", "FL"), ("user", "witness", "FR")]
    ways = "".join(WAY % {"source": s, "target": t, "channel": c} for s, t, c in heard)
    return CONFIGURATION % {"nodes": nodes, "links": links, "ways": ways}


class LiveRoom:
    """The room, with a sink `user` and one that keeps what is played, as long as it is entered."""

    def __init__(self, air: Air, folder: Path) -> None:
        self.air: Air = air
        self._folder = folder
        self._kept = folder / "played.raw"
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            self._sink("user", opening, SHAPE)
            self._sink("witness", opening, ("rate=48000", "channels=2"))
            room = self._folder / "room.conf"
            room.write_text(_configuration(self.air, self._folder))
            log = opening.enter_context((self._folder / "room.log").open("wb"))
            self._start(opening, ["pipewire", "-c", str(room)], log)
            kept = opening.enter_context(self._kept.open("wb"))
            self._start(opening, ["parec", "--device=witness.monitor", *LINE], kept)
            chance = np.random.default_rng(self.air.seed)
            hiss = 10 ** (self.air.noise / 20) * chance.normal(size=10 * RATE)
            opening.enter_context(playing("mic", _pcm(hiss) * (LONGEST // 10)))
            self._settle()
            self._open = opening.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def _sink(self, name: str, opening: ExitStack, shape: tuple[str, ...]) -> None:
        module = pactl("load-module", "module-null-sink", f"sink_name={name}", *shape).strip()
        opening.callback(pactl, "unload-module", module)

    def _start(self, opening: ExitStack, command: list[str], out: Any) -> None:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        opening.callback(process.wait)
        opening.callback(process.kill)

    def _settle(self) -> None:
        """Until what is played is heard: its parts find each other in their own time."""
        deadline = time.monotonic() + 20
        names = {"speaker": 0, "user": 1}
        for sink, channel in names.items():
            click = np.zeros(RATE // 5)
            click[:4800] = 0.5 * np.sin(np.arange(4800) * 0.1)
            begin = self._length
            while not np.any(self._line()[begin:, channel] > ONSET):
                assert time.monotonic() < deadline, (self._folder / "room.log").read_text()
                with playing(sink, _pcm(click)):
                    time.sleep(0.4)
        time.sleep(0.3)

    @property
    def _length(self) -> int:
        return self._kept.stat().st_size // 4

    def _line(self) -> Any:
        data = self._kept.read_bytes()
        return np.frombuffer(data[: len(data) // 4 * 4], "<i2").reshape(-1, 2) / 32768

    def say(self, sound: Any) -> tuple[float, int]:
        """The user says this (floats at 48 kHz); when that began, and at which sample."""
        path = self._folder / "said.raw"
        path.write_bytes(_pcm(sound))
        begin = self._length
        command = ["pacat", "--playback", "--device=user", "--latency-msec=200", *RAW, str(path)]
        self._start(self._open, command, subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            line = self._line_since(begin)
            loud = np.flatnonzero(np.abs(line[:, 1]) > ONSET)
            if len(loud):
                break
            assert time.monotonic() < deadline
            time.sleep(0.005)
        place = begin + int(loud[0])
        return time.monotonic() - (len(line) - int(loud[0])) / RATE, place

    def _line_since(self, begin: int) -> Any:
        with self._kept.open("rb") as file:
            file.seek(4 * begin)
            data = file.read()
        return np.frombuffer(data[: len(data) // 4 * 4], "<i2").reshape(-1, 2) / 32768

    def played(self) -> Any:
        """What the loudspeaker has played since the start, floats."""
        return self._line()[:, 0]


LINE = ["--raw", "--rate=48000", "--channels=2", "--format=s16le", "--latency-msec=20"]


def _pcm(sound: Any) -> bytes:
    data: bytes = np.rint(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()
    return data


def silent_after(played: Any, place: int, seconds: float = 0.6, above: float = 0.003) -> float:
    """Seconds from a place until the loudspeaker is silent, for so many `seconds` at least."""
    loud = np.flatnonzero(np.abs(played[place:]) > above)
    if not len(loud):
        return 0.0
    edges = np.concatenate([[0], loud, [len(played) - place + seconds * RATE + 1]])
    return float(edges[np.flatnonzero(np.diff(edges) > seconds * RATE)[0]] / RATE)
