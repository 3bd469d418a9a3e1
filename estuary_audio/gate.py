"""A gate between a microphone and a server, shut while the loudspeaker may be heard.

What comes then is held back, in case that it turns out to be a user's; else it goes on as silence.
"""

from __future__ import annotations

from collections import deque

from estuary_audio import pcm
from estuary_audio.passage import FRAME
from estuary_audio.tape import Tape

PREROLL = 0.3
"""Seconds before the user's onset that are let through of what may be echo."""

HELD = 0.7
"""Seconds that are kept back while shut: that, and what it takes to notice."""

CLOSE = 0.1
"""Seconds before the user's onset from which on nothing of it may be taken away: the beginning of
a word is soft."""

TAIL = 0.2
"""Seconds for which it stays shut after the last echo."""


class Gate:
    """Sound at `rate` Hz goes in, frames of it are judged in order, and as much comes out."""

    def __init__(self, rate: int, preroll: float = PREROLL) -> None:
        self._rate = rate
        self._preroll = preroll
        self._shut_until = float("-inf")
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._sound = Tape()  # What has not been given yet.
        self._cleaned = Tape()  # The same, with less of the echo and maybe of the user.
        self._verdicts: deque[tuple[float, bool, float | None]] = deque()
        self._held: deque[tuple[float, int, bool]] = deque()  # Time, samples, echo of it.
        self._judged = 0
        self._unjudged = 0  # Samples.
        self._out: list[bytes] = []

    def judge(self, at: float, echo: bool, onset: float | None) -> None:
        """The next frame of 10 ms, said `at`: whether echo may be in it, and since when the user
        speaks who speaks then; None while nobody does."""
        self._verdicts.append((at, echo, onset))

    def push(self, sound: bytes, cleaned: bytes | None = None) -> None:
        """Take PCM16; what is `cleaned` is given instead until shortly before a user's onset."""
        self._sound.append(sound)
        self._cleaned.append(sound if cleaned is None else cleaned)
        self._unjudged += len(sound) // pcm.WIDTH

    def take(self) -> bytes:
        """What may go on of what was pushed and judged."""
        while self._verdicts and self._size <= self._unjudged:
            self._judge(*self._verdicts.popleft(), self._size)
        out, self._out = self._out, []
        return b"".join(out)

    def finish(self) -> bytes:
        """All that is held back: what may be echo as silence. What follows begins anew."""
        given = self.take()
        if self._verdicts:
            self._judge(*self._verdicts.popleft(), self._unjudged)
        self._release(float("inf"), float("inf"))
        given += b"".join(self._out) + self._sound.take(self._sound.frames)
        self._begin_anew()
        return given

    @property
    def _size(self) -> int:
        """Of the next frame, in samples; at odd rates they differ."""
        end = round((self._judged + 1) * FRAME * self._rate)
        return end - round(self._judged * FRAME * self._rate)

    def _judge(self, at: float, echo: bool, onset: float | None, size: int) -> None:
        self._judged += 1
        self._unjudged -= size
        if echo:
            self._shut_until = at + TAIL
        self._held.append((at, size, at < self._shut_until))
        if onset is not None:
            self._release(onset - self._preroll, onset - CLOSE)
        # Who begins to speak as the echo ends is noticed a little later.
        while self._held and (not self._held[0][2] or len(self._held) > round(HELD / FRAME)):
            self._give(silent=self._held[0][2])

    def _release(self, since: float, whole: float) -> None:
        """Give what is held: all `since` that time, and else what is no echo; echo is cleaned
        before it is to be `whole`."""
        while self._held:
            at, _, echo = self._held[0]
            self._give(silent=echo and at < since, cleaned=echo and at < whole)

    def _give(self, *, silent: bool, cleaned: bool = False) -> None:
        _, size, _ = self._held.popleft()
        sound, other = self._sound.take(size), self._cleaned.take(size)
        self._out.append(pcm.silence(size) if silent else other if cleaned else sound)
