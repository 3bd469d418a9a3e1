"""Our own voice in a room: a track, and the sound that waits to be sent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from estuary_audio.chunker import AudioBlock
from estuary_audio.livekit import native
from estuary_audio.livekit.outgoing import FRAME, Outgoing
from estuary_audio.pcm import WIDTH

if TYPE_CHECKING:
    from estuary_audio.echo import EchoCanceller
    from estuary_audio.livekit.options import Processing, RoomOptions

QUEUE = 0
"""What LiveKit itself holds. With a queue it has a thread for it, which outlives a room that the
server ends while somebody is heard there (livekit 1.2.0)."""

BEHIND = 0.1
"""Seconds by which a loop that was busy may be late and still catch up."""

SLICE = 0.1
"""Seconds of a long sound that are taken at once."""


class Speaking:
    """A track of a microphone. All belongs to one asyncio loop, but `far_end`."""

    def __init__(self, options: RoomOptions) -> None:
        self.muted: bool = options.muted
        self.unsent: float = 0.0
        self._rate = options.rate
        self._backlog = options.backlog
        self._outgoing = Outgoing(options.rate)
        self._canceller = _canceller(options.rate, options.processing)
        self._rtc = native.load()
        self._source = self._rtc.AudioSource(self._outgoing.native, 1, QUEUE)
        self._track = self._rtc.LocalAudioTrack.create_audio_track("microphone", self._source)
        self._publication: Any = None
        self._one_at_a_time = asyncio.Lock()
        self._more = asyncio.Event()
        self._less = asyncio.Event()
        self._idle = True
        self._writer: asyncio.Task[None] | None = None

    async def publish(self, participant: Any) -> None:
        """Show the track to the others, muted already if it is to be."""
        if self.muted:
            self._track.mute()
        options = self._rtc.TrackPublishOptions(source=self._rtc.TrackSource.SOURCE_MICROPHONE)
        try:
            self._publication = await participant.publish_track(self._track, options)
        except self._rtc.participant.PublishTrackError as error:
            raise native.not_published(error) from None
        self._writer = asyncio.create_task(self._write())

    async def stop(self) -> None:
        """Nothing more is sent."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)

    async def release(self) -> None:
        """Let go of the track, once the room is left."""
        await self.stop()
        await self._source.aclose()
        native.release(self._publication, self._track)

    def far_end(self, audio: bytes, rate: int, at: float) -> None:
        """What the loudspeaker plays; from any thread."""
        if self._canceller is not None:
            self._canceller.far_end(audio, rate, at)

    def push(self, audio: bytes, at: float) -> None:
        """Sound that does not wait: the oldest goes when too much does."""
        self._take(audio, at)
        self.unsent += self._outgoing.shorten(self._backlog)

    async def send(self, audio: bytes, at: float) -> None:
        """Sound that waits for room, in the order of the calls."""
        size = round(SLICE * self._rate) * WIDTH
        async with self._one_at_a_time:
            for begin in range(0, len(audio), size):
                while self._outgoing.waiting >= self._backlog:
                    await self._until_less()
                self._take(audio[begin : begin + size], at + begin / WIDTH / self._rate)

    async def until_heard(self) -> None:
        """Until somebody has subscribed to the track."""
        await self._publication.wait_for_subscription()

    async def flush(self) -> None:
        """Until the last of it has gone."""
        async with self._one_at_a_time:
            if self._canceller is not None:
                self._outgoing.push(self._canceller.finish())
            self._outgoing.finish()
            self._more.set()
            while self._outgoing.waiting or not self._idle:
                await self._until_less()

    def clear(self) -> None:
        """Forget what waits."""
        if self._canceller is not None:
            self._canceller.finish()
        self._outgoing.clear()
        self._less.set()

    def set_muted(self, muted: bool) -> None:
        """The track falls silent, or is heard again."""
        if muted == self.muted:
            return
        self.muted = muted
        if muted:
            self._track.mute()
            self.clear()
        else:
            self._track.unmute()

    def _take(self, audio: bytes, at: float) -> None:
        if self._canceller is not None:
            # Also while muted: it goes on learning the echo.
            audio = self._canceller.near_end(AudioBlock(audio, at, self._rate))
        if self.muted:
            return
        self._outgoing.push(audio)
        self._more.set()

    async def _until_less(self) -> None:
        self._less.clear()
        await self._less.wait()

    async def _write(self) -> None:
        rate = self._outgoing.native
        samples = round(FRAME * rate)
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            self._more.clear()
            while (frame := self._outgoing.take()) is not None:
                self._idle = False
                due = max(due, clock() - BEHIND)
                if (early := due - clock()) > 0:
                    await asyncio.sleep(early)
                if not self.muted:
                    await self._source.capture_frame(self._rtc.AudioFrame(frame, rate, 1, samples))
                due += FRAME
                self._less.set()
            if (early := due - clock()) > 0:
                await asyncio.sleep(early)
            if self._outgoing.waiting:
                continue
            self._idle = True
            self._less.set()
            await self._more.wait()


def _canceller(rate: int, processing: Processing | None) -> EchoCanceller | None:
    if processing is None:
        return None
    from estuary_audio.echo import EchoCanceller

    return EchoCanceller(
        rate,
        echo_cancellation=processing.echo,
        noise_suppression=processing.noise,
        auto_gain_control=processing.gain,
        high_pass_filter=processing.high_pass,
    )
