"""The queue between what the character says and the loudspeaker: no I/O, no clock, no thread.

Pieces of messages are pushed as they come, blocks are pulled as the device asks for them, each with
the time at which its first sample will be heard. Rules:

1. Messages are played in the order of their first pieces, each to its end, and the next follows
   without a gap. A message begins when `prebuffer` seconds of it wait, or all of it.
2. A message that has run dry before its last piece is not complete. It fades out, and goes on,
   faded in, when `rebuffer` seconds wait; the gap is then told as an underrun. So that there is
   something to fade, it counts as dry when less than a block and a fade is left.
3. Each message that was pushed ends once: complete (after its last piece, which may be empty), or
   interrupted. What is pushed for it after that is dropped, and told. A message whose last piece
   does not come is given up after `patience` seconds of silence when another waits, else
   `lost_after`.
4. Started and ended are told when they are heard, not when the device takes the samples.
5. An interrupted message fades out within `fade` seconds, from the next block on.

A message without an id (sound that belongs to none) follows the same rules, but never ends for
good.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from estuary_audio import events, pcm
from estuary_audio.tape import Message

if TYPE_CHECKING:
    from collections.abc import Callable

ODD = "an odd number of bytes: the last is dropped"

ROUNDING = 1e-9
"""Seconds by which sums of times may be off."""

REMEMBERED = 1000
"""How many ended messages are known by their id."""


class Playout:
    """What is to be heard, at `rate` samples a second. All times are monotonic seconds."""

    def __init__(
        self,
        rate: int,
        *,
        prebuffer: float = 0.1,
        rebuffer: float = 0.2,
        fade: float = 0.005,
        patience: float = 2.0,
        lost_after: float = 10.0,
        limit: float = 600.0,
        volume: float = 1.0,
    ) -> None:
        self.rate: int = rate
        self.prebuffer: float = prebuffer
        self.rebuffer: float = rebuffer
        self.fade: float = fade
        self.patience: float = patience
        self.lost_after: float = lost_after
        self.limit: float = limit
        self.volume: float = volume
        """From 0 to 1; what changes is a ramp over the next block."""
        self.underruns: int = 0
        """How often a message was silent in its middle."""
        self.late: float = 0.0
        """Seconds of pieces that came after their message had ended."""
        self._volume = volume
        self._queue: list[Message] = []
        self._ended: dict[str, None] = {}
        self._tail = b""
        self._heard_until = float("-inf")
        self._news: list[tuple[float, int, events.SoundEvent]] = []
        self._number = 0

    # --- what comes in ---------------------------------------------------------------------

    def push(self, message_id: str, audio: bytes, *, final: bool = False, now: float) -> None:
        """Take a piece of a message: PCM16 mono, at `rate`; `final` when it is the last."""
        whole = pcm.whole(audio)
        if whole is not audio:
            self._tell(now, events.Damaged(message_id, ODD))
        if self.has_ended(message_id):
            self._drop(message_id, whole, "late", now)
            return
        message = self._find(message_id)
        if message is None:
            message = Message(message_id)
            self._queue.append(message)
        if whole and self.waiting + len(whole) / pcm.WIDTH / self.rate > self.limit:
            self._drop(message_id, whole, "full", now)
        else:
            message.tape.append(whole)
        message.final = final
        if final and not message.tape.frames and message is self._queue[0]:
            self._complete(message, max(now, message.end or now))

    def flush(self, message_id: str | None = None, *, now: float) -> None:
        """Interrupt a message, or all that wait; the one that sounds fades out.

        What still comes of them will be dropped, also of one that is not known yet.
        """
        if message_id is not None and self._find(message_id) is None:
            self._end_for_good(message_id)
        for message in [m for m in self._queue if message_id in (None, m.message_id)]:
            if message.playing:
                self._fade_out(message)
            self._queue.remove(message)
            self._end_for_good(message.message_id)
            # What the device has taken is still heard; the fade follows it.
            at = now if message.end is None else max(now, message.end)
            self._tell(at, events.PlaybackInterrupted(message.message_id, at, message.seconds))

    def change_rate(self, rate: int, convert: Callable[[bytes, int, int], bytes]) -> None:
        """Go on at another rate: `convert(pcm, old, new)` is given what waits."""
        old, self.rate = self.rate, rate
        self._tail = b""
        for message in self._queue:
            message.tape.replace(lambda audio: convert(audio, old, rate))

    # --- what goes out ---------------------------------------------------------------------

    def pull(self, frames: int, *, at: float) -> bytes:
        """The next block for the device: so many samples, the first of them heard at `at`."""
        tail = self._tail[: frames * pcm.WIDTH]
        self._tail = self._tail[len(tail) :]
        pieces = [tail]
        left = frames - len(tail) // pcm.WIDTH
        while left:
            here = at + (frames - left) / self.rate
            message = self._next(here)
            if message is None:
                pieces.append(pcm.silence(left))
                break
            piece = self._play(message, left, here)
            pieces.append(piece)
            left -= len(piece) // pcm.WIDTH
        self._heard_until = at + frames / self.rate
        before, self._volume = self._volume, self.volume
        return pcm.ramp(b"".join(pieces), before, self._volume)

    def _next(self, here: float) -> Message | None:
        """The message to be heard from `here` on; None when none is ready."""
        while self._queue:
            message = self._queue[0]
            if message.playing or self._ready(message, here):
                return message
            if message.final and not message.tape.frames:
                self._complete(message, here if message.end is None else message.end)
            elif self._given_up(message, here):
                self._end_for_good(message.message_id)
                self._complete(message, here, whole=False)
            else:
                return None
        return None

    def _ready(self, message: Message, here: float) -> bool:
        waits = message.tape.frames / self.rate
        enough = self.prebuffer if message.end is None else self.rebuffer
        if not message.tape.frames:
            return False
        if message.waits is None:
            message.waits = here
        if not message.final and waits + ROUNDING < enough:
            if here - message.waits + ROUNDING < self.patience:
                return False
        message.playing = True
        message.waits = None
        if message.end is None:
            self._tell(here, events.PlaybackStarted(message.message_id, here))
        else:
            self.underruns += 1
            gap = here - message.end
            self._tell(here, events.Underrun(message.message_id, here, gap))
        return True

    def _given_up(self, message: Message, here: float) -> bool:
        if message.tape.frames:
            return False
        if message.waits is None:
            message.waits = here
        limit = self.patience if len(self._queue) > 1 else self.lost_after
        return here - message.waits + ROUNDING >= limit

    def _play(self, message: Message, frames: int, here: float) -> bytes:
        """Up to `frames` samples of a message, and what that makes of it."""
        kept = 0 if message.final else self._fade_frames
        dry = not message.final and message.tape.frames < frames + kept
        piece = message.tape.take(message.tape.frames if dry else frames)
        if message.dry:
            piece = self._faded(piece, 0.0, 1.0)
            message.dry = False
        seconds = len(piece) / pcm.WIDTH / self.rate
        message.end = here + seconds
        message.seconds += seconds
        if dry:
            piece = self._faded(piece, 1.0, 0.0)
            # The fade may reach into the next block.
            self._tail = piece[frames * pcm.WIDTH :]
            message.dry = True
            message.playing = False
        elif message.final and not message.tape.frames:
            self._complete(message, message.end)
        return piece[: frames * pcm.WIDTH]

    # --- fades -----------------------------------------------------------------------------

    @property
    def _fade_frames(self) -> int:
        return int(self.fade * self.rate)

    def _faded(self, piece: bytes, begin: float, end: float) -> bytes:
        """Faded in at its beginning, or out at its end."""
        size = min(self._fade_frames * pcm.WIDTH, len(piece))
        if begin < end:
            return pcm.ramp(piece[:size], begin, end) + piece[size:]
        return piece[: len(piece) - size] + pcm.ramp(piece[len(piece) - size :], begin, end)

    def _fade_out(self, message: Message) -> None:
        rest = message.tape.take(self._fade_frames)
        self._tail = pcm.ramp(rest, 1.0, 0.0)
        seconds = len(rest) / pcm.WIDTH / self.rate
        message.seconds += seconds
        message.end = self._heard_until + seconds

    # --- what is told ----------------------------------------------------------------------

    @property
    def deadline(self) -> float | None:
        """When `next_event` will have something to tell; None when nothing is known."""
        return self._news[0][0] if self._news else None

    def next_event(self, now: float) -> events.SoundEvent | None:
        """What is to be told by `now`; None when there is no more."""
        if self._news and self._news[0][0] <= now:
            return heappop(self._news)[2]
        return None

    @property
    def waiting(self) -> float:
        """Seconds of sound that the device has not taken yet."""
        return sum(message.tape.frames for message in self._queue) / self.rate

    @property
    def current(self) -> str | None:
        """The id of the message whose turn it is; None when there is none."""
        return self._queue[0].message_id if self._queue else None

    @property
    def idle(self) -> bool:
        """Nothing waits to be played, to be heard or to be told."""
        return not self._queue and not self._tail and not self._news

    def has_ended(self, message_id: str) -> bool:
        """Whether what comes of this message is dropped."""
        message = self._find(message_id)
        return message_id in self._ended or (message is not None and message.final)

    # --- endings ---------------------------------------------------------------------------

    def _find(self, message_id: str) -> Message | None:
        return next((m for m in self._queue if m.message_id == message_id), None)

    def _complete(self, message: Message, at: float, *, whole: bool = True) -> None:
        self._queue.remove(message)
        self._end_for_good(message.message_id)
        seconds = message.seconds
        self._tell(at, events.PlaybackComplete(message.message_id, at, seconds, whole))

    def _end_for_good(self, message_id: str) -> None:
        if not message_id:
            return
        self._ended[message_id] = None
        while len(self._ended) > REMEMBERED:
            del self._ended[next(iter(self._ended))]

    def _drop(self, message_id: str, audio: bytes, reason: str, now: float) -> None:
        seconds = len(audio) / pcm.WIDTH / self.rate
        if reason == "late":
            self.late += seconds
        if seconds:
            self._tell(now, events.PlaybackDropped(message_id, seconds, reason))

    def _tell(self, at: float, news: events.SoundEvent) -> None:
        self._number += 1
        heappush(self._news, (at, self._number, news))
