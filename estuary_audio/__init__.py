"""Microphone and loudspeaker, on asyncio and trio.

`AudioRecorder` gives what the microphone hears, `AudioPlayer` plays what the character says and
tells when each message is heard; `open_air` keeps the one out of the other. Underneath, `Playout`
is the queue between the two clocks, without I/O. Sound needs the extra `[audio]`; this package can
be imported without it, and who then uses it is told what is missing (AUDIO_UNAVAILABLE). Names load
on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from estuary_audio.chunker import AudioBlock
    from estuary_audio.devices import Device, Direction, list_devices
    from estuary_audio.echo import EchoCanceller
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
    from estuary_audio.openair import OpenAir, open_air
    from estuary_audio.player import AudioPlayer
    from estuary_audio.playout import Playout
    from estuary_audio.recorder import AudioRecorder
    from estuary_audio.resample import Resampler
    from estuary_audio.suppressor import Suppressor

_HOMES = {
    "estuary_audio.chunker": ("AudioBlock",),
    "estuary_audio.devices": ("Device", "Direction", "list_devices"),
    "estuary_audio.echo": ("EchoCanceller",),
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
    "estuary_audio.openair": ("OpenAir", "open_air"),
    "estuary_audio.player": ("AudioPlayer",),
    "estuary_audio.playout": ("Playout",),
    "estuary_audio.recorder": ("AudioRecorder",),
    "estuary_audio.resample": ("Resampler",),
    "estuary_audio.suppressor": ("Suppressor",),
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
    "EchoCanceller",
    "Meter",
    "OpenAir",
    "PlaybackComplete",
    "PlaybackDropped",
    "PlaybackInterrupted",
    "PlaybackStarted",
    "Playout",
    "Resampler",
    "SoundEvent",
    "Suppressor",
    "Underrun",
    "list_devices",
    "open_air",
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
