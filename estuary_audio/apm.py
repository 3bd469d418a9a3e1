"""livekit's audio processing module (WebRTC's), loaded late: the extra `[livekit]`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from estuary_audio import pcm
from estuary_audio.chatter import hush
from estuary_audio.parting import prepare
from estuary_audio.passage import FRAME
from estuary_proto.errors import ErrorCode, EstuaryError

DELAY = {16000: 128, 32000: 260, 48000: 436}
"""Samples by which the module's output lags when it removes echo, measured, at each rate."""

DELAY_WITHOUT_ECHO = {16000: 0, 32000: 4, 48000: 52}

LATEST = 500
"""Milliseconds: the longest delay that the module takes."""


def livekit(name: str, purpose: str = "removing echo") -> Any:
    """A module of the package `livekit`, which `purpose` needs.

    Raises EstuaryError LIVEKIT_UNAVAILABLE when the package, or its native part, is not there.
    """
    try:
        module = import_module(name)
    except ImportError:
        problem = "the package livekit is not installed"
    except Exception as error:
        # Its native library is looked for on import, and missing that is no ImportError.
        problem = f"the package livekit cannot be used ({error})"
    else:
        prepare()
        hush()
        return module
    raise EstuaryError(
        f"{purpose} needs the extra [livekit], and {problem}: pip install 'estuary-anyio[livekit]'",
        ErrorCode.LIVEKIT_UNAVAILABLE,
        {"missing": "livekit", "extra": "livekit"},
    )


class Processor:
    """The module at one rate: 16000, 32000 or 48000 Hz, mono, frames of 10 ms of PCM16.

    Raises EstuaryError LIVEKIT_UNAVAILABLE without the package.
    """

    def __init__(self, rate: int, *, echo: bool, noise: bool, gain: bool, high_pass: bool) -> None:
        self.delay: int = (DELAY if echo else DELAY_WITHOUT_ECHO)[rate]
        """Samples by which what `clean` gives lags behind what it takes."""
        self._rate = rate
        self._size = round(FRAME * rate)
        self._echo = echo
        self._frame = livekit("livekit.rtc").AudioFrame
        self._module = livekit("livekit.rtc.apm").AudioProcessingModule(
            echo_cancellation=echo,
            noise_suppression=noise,
            auto_gain_control=gain,
            high_pass_filter=high_pass,
        )

    def clean(self, near: bytes, far: bytes, delay: float) -> bytes:
        """The microphone's frame without what comes of the loudspeaker's, `delay` seconds later."""
        if self._echo:
            self._module.process_reverse_stream(self._framed(far))
            self._module.set_stream_delay_ms(min(LATEST, max(0, round(delay * 1000))))
        frame = self._framed(near)
        self._module.process_stream(frame)
        return bytes(frame.data.cast("B"))[: self._size * pcm.WIDTH]

    def _framed(self, audio: bytes) -> Any:
        return self._frame(bytearray(audio), self._rate, 1, self._size)
