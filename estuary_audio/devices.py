"""Which microphones and loudspeakers there are, and which of them to try, in which order."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import TYPE_CHECKING, Any

from estuary_audio.extra import no_portaudio, sound_card
from estuary_proto.errors import ErrorCode, EstuaryError

if TYPE_CHECKING:
    from collections.abc import Sequence

MIXER = 32
"""As many channels as only a sound server's mixer offers."""

COMMON_RATES = (48000, 44100, 32000, 24000, 16000, 96000, 22050, 8000)


class Direction(Enum):
    """Which way the sound goes."""

    INPUT = "input"
    OUTPUT = "output"

    @property
    def noun(self) -> str:
        """What a person calls such a device."""
        return "microphone" if self is Direction.INPUT else "loudspeaker"


@dataclass(frozen=True, slots=True)
class Device:
    """A sound device as PortAudio lists it. `index` holds until the list is read anew."""

    index: int
    name: str
    api: str
    """The host API behind it: ALSA, Core Audio, Windows WASAPI, …"""
    inputs: int
    """How many channels it can record; 0: it is no microphone."""
    outputs: int
    """How many channels it can play; 0: it is no loudspeaker."""
    rate: int
    """The rate that it says is its own, in Hz."""
    is_default_input: bool = False
    is_default_output: bool = False

    def channels(self, direction: Direction) -> int:
        """How many channels it has that way."""
        return self.inputs if direction is Direction.INPUT else self.outputs

    def is_default(self, direction: Direction) -> bool:
        """Whether the system would take it."""
        return self.is_default_input if direction is Direction.INPUT else self.is_default_output


def list_devices(direction: Direction | None = None) -> list[Device]:
    """All devices, or those of one direction, in PortAudio's order; there may be none.

    Raises EstuaryError AUDIO_UNAVAILABLE without the extra `[audio]` or without PortAudio.
    """
    card = sound_card()
    try:
        found, apis = list(card.query_devices()), list(card.query_hostapis())
    except card.PortAudioError as error:
        raise no_portaudio(error) from None
    default_input, default_output = card.default.device
    devices = [_device(entry, apis, default_input, default_output) for entry in found]
    return [d for d in devices if direction is None or d.channels(direction)]


def _device(entry: Any, apis: list[Any], default_input: int, default_output: int) -> Device:
    index = int(entry["index"])
    return Device(
        index=index,
        name=str(entry["name"]),
        api=str(apis[entry["hostapi"]]["name"]),
        inputs=int(entry["max_input_channels"]),
        outputs=int(entry["max_output_channels"]),
        rate=int(entry["default_samplerate"]),
        is_default_input=index == default_input,
        is_default_output=index == default_output,
    )


def candidates(
    devices: Sequence[Device], direction: Direction, wanted: str | int | None = None
) -> list[Device]:
    """Which devices to try, the best first: the wanted, the default, the rest.

    `wanted` is an index, or a name: the whole of it, or, in any case of letters, a part of it.
    Raises EstuaryError AUDIO_UNAVAILABLE when there is no such device, or none at all.
    """
    able = [d for d in devices if d.channels(direction)]
    if not able:
        raise EstuaryError(
            f"there is no {direction.noun}: plug one in, or start the sound server "
            "(in a container: give it one); `estuary devices` lists what can be used",
            ErrorCode.AUDIO_UNAVAILABLE,
            {"direction": direction.value, "devices": [d.name for d in devices]},
        )
    able.sort(key=lambda d: not d.is_default(direction))  # Stable: the others keep their order.
    if wanted is None:
        return able
    chosen = _matching(able, wanted)
    if not chosen:
        raise _unknown(able, direction, wanted)
    return chosen + [d for d in able if d not in chosen]


def _matching(able: Sequence[Device], wanted: str | int) -> list[Device]:
    if isinstance(wanted, int):
        return [d for d in able if d.index == wanted]
    exact = [d for d in able if d.name == wanted]
    return exact or [d for d in able if wanted.casefold() in d.name.casefold()]


def _unknown(able: Sequence[Device], direction: Direction, wanted: str | int) -> EstuaryError:
    names = [d.name for d in able]
    near = get_close_matches(str(wanted), names, 1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    listed = ", ".join(f"{d.index}: {d.name}" for d in able)
    return EstuaryError(
        f"there is no {direction.noun} {wanted!r}{hint}; there are {listed}",
        ErrorCode.AUDIO_UNAVAILABLE,
        {"direction": direction.value, "wanted": wanted, "devices": names},
    )


def rates(device: Device, wished: int) -> list[int]:
    """In which order to try sample rates, so that our resampler does the work and not a worse one.

    ALSA names 44100 wherever it is possible, while mixers and hardware run at 48000.
    """
    own = (48000, device.rate) if device.api == "ALSA" else (device.rate, 48000)
    return list(dict.fromkeys((*own, wished, *COMMON_RATES)))


def usable_rates(device: Device, direction: Direction) -> list[int]:
    """At which sample rates it runs that way now, in Hz, ascending; none while others keep it.

    It blocks, some drivers for a tenth of a second. Raises EstuaryError AUDIO_UNAVAILABLE without
    the extra or PortAudio.
    """
    card = sound_card()
    inward = direction is Direction.INPUT
    check = card.check_input_settings if inward else card.check_output_settings
    channels = channel_counts(device, direction)[0]
    found = []
    for rate in sorted({*COMMON_RATES, device.rate}):
        try:
            check(device=device.index, channels=channels, dtype="int16", samplerate=rate)
        except card.PortAudioError:
            continue
        found.append(rate)
    return found


def channel_counts(device: Device, direction: Direction) -> list[int]:
    """How many channels to ask for, in which order.

    Two to play on, since one may come out on the left only; but one where a mixer stands before it,
    which knows better. One to record from, since a microphone is often one of two inputs, and the
    mean with nothing is half of it.
    """
    most = device.channels(direction)
    wished = (2, 1) if direction is Direction.OUTPUT and most < MIXER else (1, 2)
    return list(dict.fromkeys(min(count, most) for count in (*wished, most)))


def read_anew() -> None:
    """Let PortAudio look at what is plugged in now, unless this program has a stream open.

    Raises EstuaryError AUDIO_UNAVAILABLE when it does not start again.
    """
    card = sound_card()
    # Starting again would pull the ground from under streams, also those that are not ours.
    streams = (card.RawStream, card.RawInputStream, card.RawOutputStream)
    found = (o for o in gc.get_objects() if issubclass(type(o), streams))
    if any(not stream.closed for stream in found):
        return
    try:
        # PortAudio reads its list once, when it starts; sounddevice has no other way to ask.
        card._terminate()
        card._initialize()
    except card.PortAudioError as error:
        raise no_portaudio(error) from None
