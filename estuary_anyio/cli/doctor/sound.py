"""What can be heard and played here."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from estuary_proto.errors import EstuaryError

from ..exits import Exit, is_there
from .findings import Verdict

if TYPE_CHECKING:
    from estuary_audio.devices import Device, Direction

    from .findings import Sheet

PLUG: Final = "plug one in, or start the sound server (in a container: give it one)"


def look(sheet: Sheet, *, needed: bool) -> None:
    """Report PortAudio and the devices; where sound is `needed`, none of it is a failure."""
    sheet.begin("sound")
    bad = Verdict.FAIL if needed else Verdict.WARN
    missing = [name for name in ("sounddevice", "numpy", "soxr") if not is_there(name)]
    if missing:
        sheet.add(
            "portaudio",
            bad if needed else Verdict.SKIP,
            f"not looked for: {' and '.join(missing)} not installed (text works without)",
            mend="pip install 'estuary-anyio[audio]'" if needed else "",
            status=Exit.USAGE,
        )
        return
    _devices(sheet, bad)


def _devices(sheet: Sheet, bad: Verdict) -> None:
    from estuary_audio.devices import Direction, list_devices
    from estuary_audio.extra import sound_card

    began = time.perf_counter()
    try:
        version = str(sound_card().get_portaudio_version()[1])
        found = list_devices()
    except EstuaryError as error:
        text, _, way_out = error.message.partition("): ")
        closing = ")" if way_out else ""
        sheet.add("portaudio", bad, text + closing, mend=way_out, status=Exit.USAGE)
        return
    took = time.perf_counter() - began
    name = version.split(",")[0]
    sheet.add("portaudio", Verdict.OK, f"{name}: {len(found)} devices", seconds=took)
    for way in Direction:
        _side(sheet, way, [one for one in found if one.channels(way)], bad)


def _side(sheet: Sheet, way: Direction, some: list[Device], bad: Verdict) -> None:
    if not some:
        text = f"there is no {way.noun}: speaking works from files only (`talk --input-wav`)"
        if way.value == "output":
            text = f"there is no {way.noun}: nothing can be heard"
        sheet.add(way.noun, bad, text, mend=PLUG, status=Exit.USAGE, devices=[])
        return
    first = next((one for one in some if one.is_default(way)), some[0])
    others = f", and {len(some) - 1} more" if len(some) > 1 else ""
    sheet.add(
        way.noun,
        Verdict.OK,
        f"{first.name} at {first.rate / 1000:g} kHz{others}",
        devices=[{"name": one.name, "rate": one.rate, "api": one.api} for one in some],
    )
