"""Microphone and loudspeaker, on asyncio and trio.

`AudioRecorder` gives what the microphone hears, `AudioPlayer` plays what the character says and
tells when each message is heard. Underneath, `Playout` is the queue between the two clocks, without
I/O. Sound needs the extra `[audio]`; this package can be imported without it, and who then uses it
is told what is missing (AUDIO_UNAVAILABLE). Names load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from estuary_audio.chunker import AudioBlock
    from estuary_audio.devices import Device, Direction, list_devices
    from estuary_audio.events import (
        CaptureDropped,
        Damaged,
        DeviceChanged,
        PlaybackComplete,
        PlaybackDropped,
        PlaybackInterrupted,
        PlaybackStarted,
        SoundEvent,
        Underrun,
    )
    from estuary_audio.levels import Meter
    from estuary_audio.player import AudioPlayer
    from estuary_audio.playout import Playout
    from estuary_audio.recorder import AudioRecorder
    from estuary_audio.resample import Resampler

_HOMES = {
    "estuary_audio.chunker": ("AudioBlock",),
    "estuary_audio.devices": ("Device", "Direction", "list_devices"),
    "estuary_audio.events": (
        "CaptureDropped",
        "Damaged",
        "DeviceChanged",
        "PlaybackComplete",
        "PlaybackDropped",
        "PlaybackInterrupted",
        "PlaybackStarted",
        "SoundEvent",
        "Underrun",
    ),
    "estuary_audio.levels": ("Meter",),
    "estuary_audio.player": ("AudioPlayer",),
    "estuary_audio.playout": ("Playout",),
    "estuary_audio.recorder": ("AudioRecorder",),
    "estuary_audio.resample": ("Resampler",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AudioBlock",
    "AudioPlayer",
    "AudioRecorder",
    "CaptureDropped",
    "Damaged",
    "Device",
    "DeviceChanged",
    "Direction",
    "Meter",
    "PlaybackComplete",
    "PlaybackDropped",
    "PlaybackInterrupted",
    "PlaybackStarted",
    "Playout",
    "Resampler",
    "SoundEvent",
    "Underrun",
    "list_devices",
]


def __getattr__(name: str) -> Any:
    """Load what is asked for, when it is asked for."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(home), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
