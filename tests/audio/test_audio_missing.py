"""What is not there is named, with what to do: the extra, PortAudio, a device, one that opens."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

USES = """
import anyio
import estuary_audio
from estuary_audio import AudioPlayer, AudioRecorder, list_devices
from estuary_proto.errors import EstuaryError

async def record():
    async with AudioRecorder():
        pass

async def play():
    async with AudioPlayer():
        pass

for use in (list_devices, lambda: anyio.run(record), lambda: anyio.run(play)):
    try:
        print("USED", use())
    except EstuaryError as error:
        print("ERROR", error, sorted(error.details))
"""

NO_PORTAUDIO = """
import ctypes.util
ctypes.util.find_library = lambda name: None
"""

BROKEN_PORTAUDIO = """
import sounddevice
sounddevice._terminate()
def broken():
    raise sounddevice.PortAudioError("host error")
del sys.modules["sounddevice"]
sys.meta_path.insert(0, type("Broken", (), {
    "find_spec": staticmethod(lambda name, *_: broken() if name == "sounddevice" else None)
}))
"""


def outcome(before: str, *, env: dict[str, str] | None = None) -> list[str]:
    """What listing, recording and playing print in a program of their own."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import sys\n{before}\n{USES}"],
        capture_output=True,
        text=True,
        timeout=60,
        env=env,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("package", ["sounddevice", "numpy", "soxr"])
def test_without_the_extra(package: str) -> None:
    listed, recorded, played = outcome(f"sys.modules[{package!r}] = None")
    for line in (recorded, played, *([listed] if package == "sounddevice" else [])):
        assert line.startswith("ERROR [AUDIO_UNAVAILABLE]")
        assert f"{package} is not installed: pip install 'estuary-anyio[audio]'" in line


def test_without_portaudio() -> None:
    for line in outcome(NO_PORTAUDIO):
        assert line.startswith("ERROR [AUDIO_UNAVAILABLE]")
        assert "apt-get install libportaudio2" in line
        assert "[audio]" not in line


def test_with_a_portaudio_that_does_not_start(servers: object) -> None:
    for line in outcome(BROKEN_PORTAUDIO):
        assert "PortAudio cannot be used (host error)" in line


def test_with_a_portaudio_that_was_ended(servers: object) -> None:
    for line in outcome("import sounddevice; sounddevice._terminate()"):
        assert "PortAudio cannot be used" in line


def test_without_a_device(servers: object, tmp_path: Path) -> None:
    (tmp_path / "alsa.conf").write_text("pcm.default { type pipewire }")
    env = {"ALSA_CONFIG_PATH": str(tmp_path / "alsa.conf"), "XDG_RUNTIME_DIR": str(tmp_path)}
    listed, recorded, played = outcome("", env=env)
    if listed != "USED []":
        pytest.skip("this machine has sound hardware")
    assert recorded.startswith("ERROR [AUDIO_UNAVAILABLE] there is no microphone: plug one in")
    assert played.startswith("ERROR [AUDIO_UNAVAILABLE] there is no loudspeaker: plug one in")


def test_importing_loads_nothing_heavy() -> None:
    program = "import sys, estuary_audio; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert not {"numpy", "soxr", "sounddevice", "anyio", "asyncio"} & loaded


def test_the_door_has_what_it_names() -> None:
    import estuary_audio

    for name in estuary_audio.__all__:
        assert getattr(estuary_audio, name).__module__.startswith("estuary_audio.")
    assert set(estuary_audio.__all__) <= set(dir(estuary_audio))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        estuary_audio.nothing  # noqa: B018
