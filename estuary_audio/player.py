"""The loudspeaker: what the character says, and when each message is heard."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import anyio

from estuary_audio import pcm
from estuary_audio.devices import Device, Direction
from estuary_audio.events import Damaged, PlaybackComplete, PlaybackInterrupted, SoundEvent
from estuary_audio.extra import require
from estuary_audio.levels import Meter
from estuary_audio.line import WATCH, Line
from estuary_audio.playout import ODD, Playout
from estuary_audio.resample import Resampler, convert
from estuary_audio.ring import Wake
from estuary_proto.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from anyio.abc import TaskGroup, TaskStatus

    from estuary_audio.stream import DeviceStream
    from estuary_proto.models.conversation import BotVoice

USUAL_RATE = 48000
"""What the queue runs at until a device has said better."""

SLOWEST, FASTEST = 4000, 192000
"""Hz that are taken for the rate of a sound."""

logger: logging.Logger = logging.getLogger("estuary_audio")


class AudioPlayer:
    """A loudspeaker: `async with AudioPlayer() as player: client.on("bot_voice", player.play)`.

    `rate` is that of sound which names none of its own (`audio_sample_rate` of the configuration).
    `device` is an index or (part of) a name, None is the system's default; what cannot be used is
    replaced by the next, and told. `latency` is the device's, in seconds, or "low" or "high": more
    of it survives a busier program. `prebuffer` and `rebuffer` are the seconds of a message that
    must wait before it begins, and before it goes on after a gap. Without `prewarm`, the device is
    opened when there is something to play.

    `on_event(event)` is called in the event loop with each `SoundEvent`, playback events when they
    are heard. `far_end(pcm, rate, at)` is called in the sound card's thread, so be quick and thread
    safe, with each block of PCM16 mono just as it goes to the device, and the time at which it will
    be heard: what an echo canceller wants.

    Methods belong to the event loop. Errors are EstuaryError AUDIO_UNAVAILABLE: no extra, no
    PortAudio, no loudspeaker, or none opens.
    """

    def __init__(
        self,
        rate: int = 16000,
        *,
        device: str | int | None = None,
        latency: float | str = 0.04,
        prebuffer: float = 0.1,
        rebuffer: float = 0.2,
        volume: float = 1.0,
        prewarm: bool = True,
        on_event: Callable[[SoundEvent], object] | None = None,
        far_end: Callable[[bytes, int, float], object] | None = None,
    ) -> None:
        require()
        self.rate: int = rate
        self.meter: Meter = Meter()
        self.far_end: Callable[[bytes, int, float], object] | None = far_end
        self.device_underruns: int = 0
        """How often the device went without us, since this program was too busy."""
        self._prewarm = prewarm
        self._on_event = on_event
        self._line = Line(
            Direction.OUTPUT, USUAL_RATE, device, latency, self._fill, self._notice, self._tell
        )
        self._playout = Playout(USUAL_RATE, prebuffer=prebuffer, rebuffer=rebuffer)
        self.volume = volume
        # Held for the time of one block's arithmetic at most.
        self._lock = threading.Lock()
        self._inlets: dict[str, Resampler] = {}
        self._stirred = anyio.Event()
        self._wake: Wake | None = None
        self._tasks: TaskGroup | None = None
        self._drained = anyio.Event()

    # --- life ------------------------------------------------------------------------------

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Open the loudspeaker and serve it until cancelled: `await tasks.start(player.run)`.

        `async with` does this by itself.
        """
        self._wake = Wake(self._stir)
        try:
            if self._prewarm:
                await self._open()
            task_status.started()
            while True:
                if not self._line.is_open and self._playout.current is not None:
                    await self._open()
                if await self._line.mend():
                    self._adopt_rate()
                self._deliver()
                self._stirred = anyio.Event()
                with anyio.move_on_after(self._pause()):
                    await self._stirred.wait()
        finally:
            with anyio.CancelScope(shield=True):
                await self._line.close(gently=self._playout.idle)

    async def __aenter__(self) -> AudioPlayer:
        if self._tasks is not None:
            raise LocalProtocolError("this player is open already; give each use one of its own")
        tasks = anyio.create_task_group()
        await tasks.__aenter__()
        try:
            await tasks.start(self.run)
        except BaseException:
            tasks.cancel_scope.cancel()
            await tasks.__aexit__(None, None, None)
            raise
        self._tasks = tasks
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        tasks, self._tasks = self._tasks, None
        assert tasks is not None
        tasks.cancel_scope.cancel()
        await tasks.__aexit__(None, None, None)

    async def _open(self) -> None:
        await self._line.open()
        self._adopt_rate()

    def _adopt_rate(self) -> None:
        stream = self._line.stream
        if stream is None:
            return
        with self._lock:
            if stream.rate == self._playout.rate:
                return
            for message_id, inlet in self._inlets.items():
                # What the filters hold back belongs to the old rate.
                self._playout.push(message_id, inlet.finish(), now=time.monotonic())
                self._inlets[message_id] = Resampler(inlet.source, stream.rate)
            self._playout.change_rate(stream.rate, convert)

    @property
    def device(self) -> Device | None:
        """The loudspeaker in use; None when closed, or when none works."""
        return self._line.device

    @property
    def device_rate(self) -> int | None:
        """The rate at which the device plays, in Hz."""
        return self._line.stream.rate if self._line.stream is not None else None

    @property
    def latency(self) -> float:
        """Seconds from us to the air, as the device says; 0 without one."""
        return self._line.stream.latency if self._line.stream is not None else 0.0

    # --- playing ---------------------------------------------------------------------------

    def play(self, voice: BotVoice) -> None:
        """Take a piece of the character's voice; a handler of `bot_voice`.

        What is not base64 is told as `Damaged`, and its message goes on.
        """
        if voice.is_livekit:
            return  # The sound comes over the room.
        if voice.damaged:
            self._tell(Damaged(voice.message_id, "the audio is not base64"))
        self.push(voice.message_id, voice.pcm, rate=voice.sample_rate, final=voice.is_final)

    def push(
        self, message_id: str, audio: bytes, *, rate: int | None = None, final: bool = False
    ) -> None:
        """Take a piece of a message: PCM16 mono at `rate` Hz; `final` when it is the last.

        An odd last byte is dropped and told as `Damaged`; so is a rate that no sound has.
        """
        now = time.monotonic()
        if rate is not None and not SLOWEST <= rate <= FASTEST:
            self._tell(Damaged(message_id, f"a rate of {rate} Hz"))
            rate = None
        whole = pcm.whole(audio)
        if whole is not audio:
            self._tell(Damaged(message_id, ODD))
        with self._lock:
            converted = self._through(message_id, whole, rate or self.rate, final)
            self._playout.push(message_id, converted, final=final, now=now)
        self._stir()

    def _through(self, message_id: str, audio: bytes, rate: int, final: bool) -> bytes:
        if self._playout.has_ended(message_id):
            return convert(audio, rate, self._playout.rate)
        inlet = self._inlets.get(message_id)
        before = b""
        if inlet is None or inlet.source != rate:
            before = inlet.finish() if inlet is not None else b""
            inlet = self._inlets[message_id] = Resampler(rate, self._playout.rate)
        converted = before + inlet.push(audio)
        if final:
            converted += inlet.finish()
            del self._inlets[message_id]
        return converted

    def flush(self, message_id: str | None = None) -> None:
        """Interrupt a message, or all: silence within a block and the device's latency.

        What still comes of it is dropped, counted in `late`, and told.
        """
        with self._lock:
            self._playout.flush(message_id, now=time.monotonic())
        self._stir()

    async def drain(self) -> None:
        """Wait until all that was pushed has been heard, or was interrupted."""
        while not self._playout.idle:
            self._drained = anyio.Event()
            await self._drained.wait()
        await anyio.lowlevel.checkpoint()

    @property
    def playing(self) -> str | None:
        """The id of the message that sounds or comes next; None when nothing waits."""
        return self._playout.current

    @property
    def waiting(self) -> float:
        """Seconds of sound that the device has not taken yet."""
        with self._lock:
            return self._playout.waiting

    @property
    def underruns(self) -> int:
        """How often a message was silent in its middle, since its next piece came too late."""
        return self._playout.underruns

    @property
    def late(self) -> float:
        """Seconds of pieces that came after their message had ended, and were dropped."""
        return self._playout.late

    @property
    def volume(self) -> float:
        """From 0 to 1."""
        return self._playout.volume

    @volume.setter
    def volume(self, volume: float) -> None:
        self._playout.volume = min(1.0, max(0.0, volume))

    def level(self) -> float:
        """How loud it is now: the root mean square, 0 to 1 of full scale."""
        return self.meter.level(time.monotonic())

    # --- in the event loop -----------------------------------------------------------------

    def _deliver(self) -> None:
        while True:
            with self._lock:
                event = self._playout.next_event(time.monotonic())
            if event is None:
                break
            if isinstance(event, (PlaybackComplete, PlaybackInterrupted)):
                self._inlets.pop(event.message_id, None)
            self._tell(event)
        if self._playout.idle:
            self._drained.set()

    def _pause(self) -> float:
        """Seconds until there is something to do, unless stirred."""
        with self._lock:
            deadline = self._playout.deadline
        if deadline is None:
            return WATCH
        return min(WATCH, max(0.0, deadline - time.monotonic()))

    def _tell(self, event: SoundEvent) -> None:
        if self._on_event is not None:
            try:
                self._on_event(event)
            except Exception:
                logger.exception("on_event has failed with %r", event)

    def _stir(self) -> None:
        self._stirred.set()

    def _notice(self) -> None:
        if self._wake is not None:
            self._wake()

    # --- in the sound card's thread --------------------------------------------------------

    def _fill(self, stream: DeviceStream, data: Any, frames: int, at: float, faulty: bool) -> None:
        self.device_underruns += faulty
        with self._lock:
            # A new device's first blocks may come before its rate is adopted.
            ready = self._playout.rate == stream.rate
            before = self._playout.deadline
            block = self._playout.pull(frames, at=at) if ready else pcm.silence(frames)
            news = self._playout.deadline != before
        data[:] = pcm.spread(block, stream.channels)
        self.meter.feed(block, at)
        self._tell_far_end(block, stream.rate, at)
        if news:
            self._notice()

    def _tell_far_end(self, block: bytes, rate: int, at: float) -> None:
        if self.far_end is not None:
            try:
                self.far_end(block, rate, at)
            except Exception:
                # It would fail fifty times a second; the sound goes on.
                self.far_end = None
                logger.exception("far_end has failed, and is not called any more")
