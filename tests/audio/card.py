"""A sound card of our own: PipeWire with null sinks, private to this process."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = (
    "pipewire pipewire-pulse pipewire-alsa wireplumber dbus pulseaudio-utils libportaudio2".split()
)
PROGRAMS = (
    "pipewire",
    "pipewire-pulse",
    "wireplumber",
    "dbus-run-session",
    "pactl",
    "pacat",
    "parec",
)

# Devices with names of their own, which PortAudio lists beside "pipewire" and "default".
ALSA = """
</usr/share/alsa/alsa.conf>
pcm.speaker { type pipewire playback_node "speaker" hint { show on description "speaker" } }
pcm.headset { type pipewire playback_node "headset" hint { show on description "headset" } }
pcm.stereo { type pipewire rate 44100 channels 2 playback_node "headset" capture_node "desk" }
pcm.desk { type pipewire capture_node "desk" hint { show on description "desk" } }
"""

SERVERS = """
rm -f "$XDG_RUNTIME_DIR"/pipewire-0*
pipewire & one=$!
until [ -S "$XDG_RUNTIME_DIR"/pipewire-0 ]; do sleep 0.02; done
pipewire-pulse & two=$!
wireplumber & three=$!
trap 'kill $one $two $three; wait' EXIT
cat
"""

PINNED = "{ node.dont-reconnect = true }"
"""Makes a stream end with its device, as one on bare hardware does."""


def missing() -> list[str]:
    """The programs and libraries that are not installed; their packages are `PACKAGES`."""
    plugin = list(Path("/usr/lib").glob("**/alsa-lib/libasound_module_pcm_pipewire.so"))
    portaudio = list(Path("/usr/lib").glob("**/libportaudio.so.2"))
    found = [name for name in PROGRAMS if shutil.which(name) is None]
    return found + ["pipewire-alsa"] * (not plugin) + ["libportaudio2"] * (not portaudio)


class Card:
    """Sinks that are loudspeakers, and their monitors that are what is heard of them."""

    def __init__(self) -> None:
        self._modules: dict[str, str] = {}

    def plug(self, sink: str) -> None:
        """Add a loudspeaker."""
        answer = pactl("load-module", "module-null-sink", f"sink_name={sink}", *SHAPE)
        self._modules[sink] = answer.strip()

    def plug_microphone(self, source: str) -> None:
        """Add a microphone that hears what is played to the sink `mic`."""
        names = ("master=mic.monitor", f"source_name={source}")
        self._modules[source] = pactl("load-module", "module-remap-source", *names).strip()

    def unplug(self, name: str) -> None:
        """Take it away."""
        pactl("unload-module", self._modules.pop(name))

    def reset(self) -> None:
        """As new: a loudspeaker, a headset, and a microphone that hears the sink `mic`."""
        for sink in ("speaker", "headset", "mic"):
            if sink not in self._modules:
                self.plug(sink)
        if "desk" in self._modules:
            self.unplug("desk")
        _patiently("set-default-sink", "speaker")
        _patiently("set-default-source", "mic.monitor")


SHAPE = ("rate=48000", "channels=1")


def pactl(*arguments: str) -> str:
    """Ask the sound server."""
    command = ["pactl", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout


@contextmanager
def playing(sink: str, pcm: bytes) -> Iterator[None]:
    """Somebody else plays this at 48 kHz, until they are stopped."""
    arguments = ["--playback", f"--device={sink}", "--latency-msec=50", *RAW]
    with subprocess.Popen(["pacat", *arguments], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        os.set_blocking(process.stdin.fileno(), True)

        def feed() -> None:
            assert process.stdin is not None
            try:
                process.stdin.write(pcm)
                process.stdin.close()
            except BrokenPipeError:
                pass

        feeder = threading.Thread(target=feed)
        feeder.start()
        try:
            yield
        finally:
            process.terminate()
            feeder.join()


RAW = ["--raw", "--rate=48000", "--channels=1", "--format=s16le"]


class Tap:
    """What somebody else hears of a sink at 48 kHz."""

    def __init__(self, sink: str, path: Path) -> None:
        self._path = path
        with path.open("wb") as file:
            arguments = [f"--device={sink}.monitor", "--latency-msec=20", *RAW]
            self._process = subprocess.Popen(["parec", *arguments], stdout=file)
        deadline = time.monotonic() + 20
        while not path.stat().st_size:  # It listens from its first bytes on.
            assert time.monotonic() < deadline
            time.sleep(0.01)

    @property
    def seconds(self) -> float:
        """How long it has listened."""
        return self._path.stat().st_size / 2 / 48000

    def stop(self) -> bytes:
        """All that was heard."""
        self._process.terminate()
        self._process.wait()
        return self.heard()

    def heard(self) -> bytes:
        """What was heard so far."""
        heard = self._path.read_bytes()
        return heard[: len(heard) // 2 * 2]


@contextmanager
def settings(home: Path) -> Iterator[None]:
    """What tells a program, this one included, where its sound server is."""
    runtime = home / "runtime"
    runtime.mkdir(mode=0o700)
    (home / "alsa.conf").write_text(ALSA)
    ours = {
        "XDG_RUNTIME_DIR": str(runtime),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "ALSA_CONFIG_PATH": str(home / "alsa.conf"),
    }
    gone = ("PULSE_SERVER", "PIPEWIRE_REMOTE", "PIPEWIRE_ALSA", "DBUS_SESSION_BUS_ADDRESS")
    before = {name: os.environ.get(name) for name in (*ours, *gone)}
    os.environ.update(ours)
    for name in gone:
        os.environ.pop(name, None)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def running(home: Path) -> Iterator[Card]:
    """The servers under a bus of their own, as whoever this is, without a display or a seat."""
    command = ["dbus-run-session", "--", "sh", "-c", SERVERS]
    with (
        (home / "servers.log").open("ab") as log,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log) as servers,
    ):
        _patiently("info")
        try:
            yield Card()
        finally:
            assert servers.stdin is not None
            servers.stdin.close()  # What `cat` waits for.


def _patiently(*arguments: str) -> None:
    """Ask the sound server until it can: its parts find each other in their own time."""
    deadline = time.monotonic() + 20
    while True:
        try:
            pactl(*arguments)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            assert time.monotonic() < deadline, f"the sound server does not {arguments}"
            time.sleep(0.02)
        else:
            return
