"""One open sound device: the first candidate that works, at a rate that it takes.

What is here blocks, some of it for a tenth of a second: callers do it in a thread.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from estuary_audio import stuck
from estuary_audio.devices import Device, Direction, channel_counts, rates
from estuary_audio.extra import sound_card
from estuary_audio.steady import Steady, Translation
from estuary_proto.errors import ErrorCode, EstuaryError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

if TYPE_CHECKING:
    Call = Callable[["DeviceStream", Any, int, float, bool], None]

BLOCK = 0.02
"""Seconds of sound per call of the device."""

SILENT = 1.0
"""A device that has not called for so many seconds is lost."""

GRACE = 0.3
"""How long a device may take to close before it is looked at whether it can."""

_open: set[DeviceStream] = set()


def any_open() -> bool:
    """Whether this process has a sound device open through us."""
    return bool(_open)


class DeviceStream:
    """A running stream of a device.

    `call(stream, data, frames, at, faulty)` is called in the sound card's thread with a buffer of
    interleaved PCM16 to read or to fill, the time at which its first sample is heard or was said,
    and whether the device had to go without us before. `ended()` is called there when the device
    gives up.
    """

    def __init__(
        self,
        device: Device,
        direction: Direction,
        rate: int,
        channels: int,
        latency: float | str,
        call: Call,
        ended: Callable[[], None],
    ) -> None:
        self.device = device
        self.direction = direction
        self.rate = rate
        self.channels = channels
        self._call = call
        self._tell_end = ended
        self._steady = Steady()
        self._translation = Translation()
        self._ended = False
        self._closing = False
        self._inside = False
        self._thread: tuple[int, int] | None = None  # Its ident and its native id.
        self._computed = 0.0
        self.error: str | None = None
        """What the code around the device raised, if it did."""
        card = sound_card()
        kind = card.RawInputStream if direction is Direction.INPUT else card.RawOutputStream
        self._stream = kind(
            samplerate=rate,
            blocksize=round(BLOCK * rate),
            device=device.index,
            channels=channels,
            dtype="int16",
            latency=latency,
            callback=self._input if direction is Direction.INPUT else self._output,
            finished_callback=self._finished,
        )
        self._last = time.monotonic()
        _open.add(self)
        try:
            self._stream.start()
        except BaseException:
            self.close()
            raise

    @property
    def latency(self) -> float:
        """Seconds between us and the air, as the device says."""
        return float(self._stream.latency)

    # --- in the sound card's thread --------------------------------------------------------

    def _input(self, data: Any, frames: int, when: Any, status: Any) -> None:
        ahead = when.inputBufferAdcTime - when.currentTime
        self._serve(data, frames, when.currentTime, ahead, status.input_overflow)

    def _output(self, data: Any, frames: int, when: Any, status: Any) -> None:
        ahead = when.outputBufferDacTime - when.currentTime
        self._serve(data, frames, when.currentTime, ahead, status.output_underflow)

    def _serve(self, data: Any, frames: int, told: float, ahead: float, faulty: bool) -> None:
        self._inside = True
        try:
            if self._closing:
                if self.direction is Direction.OUTPUT:
                    data[:] = bytes(len(data))
                raise sound_card().CallbackStop
            now = self._last = time.monotonic()
            if self._thread is None:
                self._thread = threading.get_ident(), threading.get_native_id()
            self._computed = time.thread_time()
            if not 0.0 < abs(ahead) < 5.0:
                # Some drivers tell no times.
                ahead = self.latency if self.direction is Direction.OUTPUT else -self.latency
            called = self._translation.ours(now, told)
            at = self._steady.time(called + ahead, frames / self.rate)
            self._call(self, data, frames, at, bool(faulty))
        except sound_card().CallbackStop:
            raise
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"
            raise sound_card().CallbackAbort from error
        finally:
            self._inside = False

    def _finished(self) -> None:
        self._ended = True
        if not self._closing:
            self._tell_end()

    # --- everywhere ------------------------------------------------------------------------

    def trouble(self) -> str | None:
        """Why the device is lost; None while it works."""
        if self._ended:
            return self.error or "the device has ended the stream"
        since = time.monotonic() - self._last
        if since > SILENT:
            return f"the device has not moved for {since:.1f} s"
        if since > 4 * BLOCK and self._goes_round():
            return "the device has failed"
        return None

    def _goes_round(self) -> bool:
        if self._thread is None or self._inside or self._ended:
            return False
        return stuck.processor_time(self._thread[1]) - self._computed > stuck.BUSY

    def close(self, gently: bool = False) -> bool:
        """Let go of the device, at once, or `gently` when its buffer has been heard.

        Never raises. Waits at most a second or so; False when the device does not answer then.
        """
        self._closing = True
        finish = self._stream.stop if gently and self.trouble() is None else self._stream.abort
        closer = threading.Thread(target=self._close, args=(finish,), daemon=True)
        closer.start()
        closer.join(GRACE if not self._goes_round() else BLOCK)
        if closer.is_alive() and self._goes_round() and self._thread is not None:
            stuck.end_thread(self._thread[0])
        closer.join(SILENT)
        if closer.is_alive():
            return False
        _open.discard(self)
        return True

    def _close(self, finish: Callable[[], None]) -> None:
        error = sound_card().PortAudioError
        with suppress(error):
            finish()
        with suppress(error):
            self._stream.close()


def open_first(
    devices: Sequence[Device],
    direction: Direction,
    wished: int,
    latency: float | str,
    call: Call,
    ended: Callable[[], None],
) -> tuple[DeviceStream, list[tuple[Device, str]]]:
    """Open the first device that works, and tell which did not and why.

    Raises EstuaryError AUDIO_UNAVAILABLE when none does; its `details["tried"]` has the reasons.
    """
    failed: list[tuple[Device, str]] = []
    for device in devices:
        try:
            return _open_device(device, direction, wished, latency, call, ended), failed
        except sound_card().PortAudioError as error:
            failed.append((device, _reason(error)))
    reasons = "; ".join(f"{device.name}: {reason}" for device, reason in failed)
    raise EstuaryError(
        f"no {direction.noun} could be opened ({reasons}): close what else uses it, allow this "
        "program to use it in the system's privacy settings, or choose another one",
        ErrorCode.AUDIO_UNAVAILABLE,
        {"direction": direction.value, "tried": {d.name: reason for d, reason in failed}},
    )


def _open_device(
    device: Device,
    direction: Direction,
    wished: int,
    latency: float | str,
    call: Call,
    ended: Callable[[], None],
) -> DeviceStream:
    error = sound_card().PortAudioError
    first: Exception | None = None
    for channels in channel_counts(device, direction):
        for rate in rates(device, wished):
            try:
                return DeviceStream(device, direction, rate, channels, latency, call, ended)
            except error as problem:
                first = first or problem
    assert first is not None
    raise first


def _reason(error: Exception) -> str:
    return str(error.args[0] if error.args else error)
