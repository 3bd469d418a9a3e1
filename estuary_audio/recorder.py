"""The microphone: what it hears, as blocks of PCM16 mono at the rate that is asked for."""

from __future__ import annotations

import logging
import time
from enum import Enum
from typing import TYPE_CHECKING, Any

import anyio
from anyio.lowlevel import checkpoint

from estuary_audio.chunker import AudioBlock, Chunker
from estuary_audio.devices import Device, Direction
from estuary_audio.events import CaptureDropped, SoundEvent
from estuary_audio.extra import require
from estuary_audio.levels import Meter
from estuary_audio.line import WATCH, Line
from estuary_audio.ring import Ring, Wake
from estuary_audio.stream import BLOCK
from estuary_proto.errors import ErrorCode, EstuaryError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from estuary_audio.stream import DeviceStream

DRAIN = 0.5
"""At most so many seconds after `drain` until all that was said is there."""

logger: logging.Logger = logging.getLogger("estuary_audio")


class _State(Enum):
    PAUSED = "paused"
    RECORDING = "recording"
    DRAINING = "draining"


class AudioRecorder:
    """A microphone: `async with AudioRecorder() as mic: async for block in mic: …`.

    Blocks are 20 ms at `rate` Hz (8000 to 48000), resampled and mixed down from what the device
    gives; only the last before a pause may be shorter. `device` is an index or (part of) a name,
    None is the system's default; what cannot be used is replaced by the next, and told. `latency`
    is the device's, in seconds, or "low" or "high". At most `backlog` seconds wait to be read:
    beyond it the oldest go, counted in `dropped`. `on_event(event)` is called in the event loop
    with `DeviceChanged` and `CaptureDropped`, while somebody iterates. With `paused`, the device is
    opened ahead of time and nothing is kept until `resume`.

    Errors are EstuaryError AUDIO_UNAVAILABLE: no extra, no PortAudio, no microphone, or none opens.
    """

    def __init__(
        self,
        rate: int = 16000,
        *,
        device: str | int | None = None,
        latency: float | str = 0.04,
        backlog: float = 1.0,
        paused: bool = False,
        on_event: Callable[[SoundEvent], object] | None = None,
    ) -> None:
        require()
        if not 8000 <= rate <= 48000:
            raise EstuaryError(
                f"rate is {rate} Hz; give 8000 to 48000",
                ErrorCode.CONFIG_INVALID,
                {"field": "rate"},
            )
        self.rate: int = rate
        self.meter: Meter = Meter()
        self.overruns: int = 0
        """How often the device had to throw sound away, since nobody took it in time."""
        self._on_event = on_event
        self._line = Line(
            Direction.INPUT, rate, device, latency, self._hear, self._notice, self._tell
        )
        self._ring: Ring[tuple[bytes, int, int, float]] = Ring(max(1, round(backlog / BLOCK)))
        self._chunks = Chunker(rate)
        self._state = _State.PAUSED if paused else _State.RECORDING
        self._until = 0.0
        self._tail_due = False
        self._told = 0
        self._wake: Wake | None = None
        self._stirred = anyio.Event()
        self._drained = anyio.Event()

    # --- life ------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open the device (free when it is); it runs from now on, also while paused."""
        if not self._line.is_open:
            self._wake = Wake(self._stir)
            await self._line.open()

    async def close(self) -> None:
        """Let go of the device; who iterates comes to the end. It may be opened again."""
        with anyio.CancelScope(shield=True):
            await self._line.close()
        self._ring.clear()
        self._chunks = Chunker(self.rate)
        self._tail_due = False
        self._stir()

    async def __aenter__(self) -> AudioRecorder:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def device(self) -> Device | None:
        """The microphone in use; None when closed, or when none works."""
        return self._line.device

    @property
    def latency(self) -> float:
        """Seconds from the air to us, as the device says; 0 without one."""
        return self._line.stream.latency if self._line.stream is not None else 0.0

    @property
    def device_rate(self) -> int | None:
        """The rate at which the device records, in Hz."""
        return self._line.stream.rate if self._line.stream is not None else None

    # --- recording -------------------------------------------------------------------------

    @property
    def is_paused(self) -> bool:
        """True while what is heard is not kept."""
        return self._state is _State.PAUSED

    def resume(self) -> None:
        """Keep what is heard from now on."""
        self._state = _State.RECORDING

    def pause(self) -> None:
        """Keep nothing from now on; the device stays open, its level is still measured."""
        self._state = _State.PAUSED
        self._tail_due = True
        self._stir()

    @property
    def muted(self) -> bool:
        """Whether the device is let go of, so that nobody listens; who iterates waits on. May be
        set: whoever iterates closes the device, or opens it again, which takes a tenth of a second.
        """
        return self._line.resting

    @muted.setter
    def muted(self, muted: bool) -> None:
        self._line.resting = muted
        if muted:
            self._ring.clear()
        self._stir()

    async def drain(self) -> None:
        """Pause behind all that has been said by now, and wait until who iterates has had it.

        What is in the device takes its time; at most half a second.
        """
        if self._state is _State.RECORDING:
            self._drained = anyio.Event()
            self._until = time.monotonic()
            self._state = _State.DRAINING
        with anyio.move_on_after(DRAIN):
            await self._drained.wait()
        if self._state is _State.DRAINING:
            self.pause()

    def level(self) -> float:
        """How loud it is now: the root mean square, 0 to 1 of full scale."""
        return self.meter.level(time.monotonic())

    @property
    def dropped(self) -> float:
        """Seconds that nobody read in time."""
        return self._ring.dropped * BLOCK

    def __aiter__(self) -> AudioRecorder:
        return self

    async def __anext__(self) -> AudioBlock:
        while True:
            block = self._next()
            self._report()
            if block is not None or not self._line.is_open:
                await checkpoint()
                if block is None:
                    raise StopAsyncIteration
                return block
            if self._state is _State.PAUSED:
                self._drained.set()  # Who iterates has had all, and is back for more.
            await self._line.mend()
            self._stirred = anyio.Event()
            if not self._ring and not self._tail_due and self._line.is_open:
                with anyio.move_on_after(WATCH):
                    await self._stirred.wait()

    def _next(self) -> AudioBlock | None:
        block = self._chunks.next()
        while block is None and (heard := self._ring.take()) is not None:
            self._chunks.push(*heard)
            block = self._chunks.next()
        if block is None and self._tail_due and not self._ring:
            self._tail_due = False
            block = self._chunks.finish()
        return block

    def _report(self) -> None:
        dropped, self._told = self._ring.dropped - self._told, self._ring.dropped
        if dropped:
            self._tell(CaptureDropped(dropped * BLOCK))

    def _tell(self, event: SoundEvent) -> None:
        if self._on_event is not None:
            try:
                self._on_event(event)
            except Exception:
                logger.exception("on_event has failed with %r", event)

    def _stir(self) -> None:
        self._stirred.set()

    # --- in the sound card's thread --------------------------------------------------------

    def _hear(self, stream: DeviceStream, data: Any, frames: int, at: float, faulty: bool) -> None:
        audio = bytes(data)
        self.overruns += faulty
        self.meter.feed(audio, at)
        state = self._state
        if state is _State.PAUSED:
            return
        self._ring.put((audio, stream.rate, stream.channels, at))
        if state is _State.DRAINING and at + frames / stream.rate >= self._until:
            self._tail_due = True
            self._state = _State.PAUSED
        self._notice()

    def _notice(self) -> None:
        if self._wake is not None:
            self._wake()
