"""The voices of others: each track is read, and all together become one sound."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from estuary_audio.livekit.events import BotAudio, TrackEnded, TrackStarted
from estuary_audio.livekit.mixing import Mixer
from estuary_audio.livekit.outgoing import native_rate
from estuary_audio.resample import Resampler

if TYPE_CHECKING:
    from collections.abc import Callable

    from estuary_audio.livekit.events import RoomEvent
    from estuary_audio.livekit.options import RoomOptions

BLOCK = 20
"""Milliseconds of what is told at once."""


class Hearing:
    """The tracks that are heard. All belongs to one asyncio loop."""

    def __init__(self, rtc: Any, options: RoomOptions, tell: Callable[[RoomEvent], None]) -> None:
        self._rtc = rtc
        self._rate = options.hear_rate
        self._native = native_rate(options.hear_rate)
        self._resampler = Resampler(self._native, options.hear_rate)
        self._tell = tell
        self._mixer = Mixer()
        self._heard: dict[str, str] = {}
        """Whose voice each track is."""
        self._readers: dict[str, asyncio.Task[None]] = {}

    def begin(self, track: Any, sid: str, identity: str) -> None:
        """A track has come; nothing if it is no sound."""
        if track.kind != self._rtc.TrackKind.KIND_AUDIO or sid in self._heard:
            return
        self._heard[sid] = identity
        self._mixer.begin(sid)
        self._tell(TrackStarted(identity, sid))
        self._readers[sid] = asyncio.create_task(self._read(track, sid))

    def end(self, sid: str) -> None:
        """A track has gone."""
        identity = self._heard.pop(sid, None)
        if identity is None:
            return
        self._readers[sid].cancel()
        self._give(self._mixer.end(sid))
        if not self._heard and self._resampler.delay:
            self._give([self._resampler.finish()], resampled=True)
        self._tell(TrackEnded(identity, sid))

    def end_all(self) -> None:
        """The room is over."""
        for sid in list(self._heard):
            self.end(sid)

    async def close(self) -> None:
        """Nothing is read any more."""
        self.end_all()
        await asyncio.gather(*self._readers.values(), return_exceptions=True)

    async def _read(self, track: Any, sid: str) -> None:
        stream = self._rtc.AudioStream(
            track, sample_rate=self._native, num_channels=1, frame_size_ms=BLOCK
        )
        try:
            async for event in stream:
                if sid not in self._heard:
                    break
                frame = bytes(event.frame.data.cast("B"))
                self._give(self._mixer.push(sid, frame, time.monotonic()))
        finally:
            await stream.aclose()
            self.end(sid)
            self._readers.pop(sid, None)

    def _give(self, blocks: list[bytes], *, resampled: bool = False) -> None:
        for block in blocks:
            audio = block if resampled else self._resampler.push(block)
            if audio:
                self._tell(BotAudio(audio, self._rate))
