"""What waits to be sent, in which order, and what became of it.

Four rules:

1. Pongs, acks and interrupts overtake; everything else keeps its order. A packet and its
   attachments are one unit that nothing comes between.
2. Control is never refused, but bounded: one pending pong (the newest answers for all), and a limit
   on acks, past which the peer is at fault. Messages are refused when the buffer is full.
3. Live audio is a message that may be dropped: at most so many seconds of it wait, counting what
   was given and is still on its way to the transport; the oldest goes first, and is counted. What
   goes between does not move, so no audio crosses a start or a stop.
4. A frame stays ours until it is pulled, and a pull says that the frames before it have been handed
   on, unless it continues their batch. So a receipt settles once: SENT at that pull, or LOST when
   the connection falls first.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from .errors import SendBlocked
from .events import AudioDropped, HangUp, Outcome, Settled

if TYPE_CHECKING:
    from collections.abc import Sequence

BUFFER_BYTES = 8 * 2**20
"""How much may wait before a message is refused; `Writable` follows below a quarter of it."""

ROUNDING = 1e-6
"""Seconds by which sums of audio may be off."""

MAX_CONTROL = 1000
"""How many acks and other control packets may wait before the peer is at fault."""


class _Unit:
    """One packet: its frames, its size, and the receipt to settle when it has gone."""

    __slots__ = ("frames", "live", "next", "receipt", "seconds", "size")

    def __init__(
        self,
        frames: Sequence[str | bytes],
        receipt: int | None,
        seconds: float = 0.0,
        live: bool = False,
    ) -> None:
        self.frames = frames
        self.live = live
        self.next = 0
        self.receipt = receipt
        self.seconds = seconds
        # Characters stand for bytes here: this bounds memory, it is no wire length.
        self.size = sum(map(len, frames))


class Outbox:
    """The send side of one connection."""

    def __init__(self, limit: int = BUFFER_BYTES, audio_backlog: float = 1.0) -> None:
        self._limit = limit
        self._audio_backlog = audio_backlog
        self._control: list[_Unit] = []  # Short: an empty deque has 760 bytes.
        self._messages: deque[_Unit] = deque()
        self._pong: _Unit | None = None
        self._current: _Unit | None = None
        # Receipts of what was given whole, and may still be on its way to the transport.
        self._given: list[int] = []
        self._goodbye: HangUp | None = None
        self._gone = False
        self._bytes = 0
        self._refused = False
        # Audio: seconds that wait or are on their way; the live units among those that wait.
        self._audio = 0.0
        self._on_its_way = 0.0
        self._live: list[_Unit] = []
        self._audio_refused = False

    def __bool__(self) -> bool:
        """True while a pull would give a frame, or settle the one before."""
        return bool(
            self._current
            or self._given
            or self._on_its_way
            or self._messages
            or self._control
            or self._pong
            or (self._goodbye and not self._gone)
        )

    @property
    def waiting(self) -> int:
        """How much of messages waits, in characters and bytes."""
        return self._bytes

    def message(
        self, frames: Sequence[str | bytes], receipt: int | None = None, *, always: bool = False
    ) -> None:
        """Queue a message behind those before it.

        Raises SendBlocked when the buffer is full; nothing has changed then. What has no receipt is
        the handshake's or the goodbye's, and is never refused, nor is what must `always` go.
        """
        unit = _Unit(frames, receipt)
        full = self._bytes and self._bytes + unit.size > self._limit
        # A message larger than the whole buffer may go when it is alone.
        if full and receipt is not None and not always:
            self._refused = True
            raise SendBlocked(
                f"the send buffer is full: {self._bytes} of {self._limit} bytes wait for a peer "
                f"that does not read; wait for Writable (the client: `await client.flush()`)",
                {"waiting": self._bytes, "limit": self._limit},
            )
        self._bytes += unit.size
        self._messages.append(unit)

    def audio(
        self,
        frame: str,
        seconds: float,
        receipt: int | None = None,
        *,
        live: bool = False,
        always: bool = False,
    ) -> tuple[float, int]:
        """Queue audio behind what is there; returns the seconds and frames that were dropped.

        What is `live` makes room for itself; else it raises SendBlocked when there is none, unless
        it must `always` go.
        """
        limit = self._audio_backlog + ROUNDING
        if not live and not always and self._audio + seconds > limit:
            if self._audio > ROUNDING:
                self._audio_refused = True
                raise SendBlocked(
                    f"{self._audio:.2f} s of audio wait for a peer that does not read; "
                    "wait for Writable",
                    {"waiting": self._audio, "limit": self._audio_backlog},
                )
        unit = _Unit((frame,), receipt, seconds, live)
        self._messages.append(unit)
        self._bytes += unit.size
        self._audio += seconds
        if not live:
            return 0.0, 0
        self._live.append(unit)
        return self._make_room()

    def _make_room(self) -> tuple[float, int]:
        dropped, count = 0.0, 0
        while self._audio > self._audio_backlog + ROUNDING and len(self._live) > 1:
            unit = self._live.pop(0)
            unit.frames = ()  # It is passed over when its turn comes.
            self._bytes -= unit.size
            self._audio -= unit.seconds
            dropped, count = dropped + unit.seconds, count + 1
        return dropped, count

    def control(self, frames: Sequence[str | bytes], receipt: int | None = None) -> bool:
        """Queue what overtakes messages; False when too much control waits already.

        Raises SendBlocked instead for what has a receipt: the caller asked for that, not the peer.
        """
        if len(self._control) >= MAX_CONTROL:
            if receipt is None:
                return False
            self._refused = True
            raise SendBlocked("too much control waits for a peer that does not read")
        self._control.append(_Unit(frames, receipt))
        return True

    def pong(self, frame: str) -> None:
        """Answer a ping before anything else; a newer pong stands for an older one."""
        self._pong = _Unit((frame,), None)

    def goodbye(self, goodbye: HangUp) -> None:
        """Hang up behind everything that waits."""
        self._goodbye = goodbye

    def pull(
        self, *, batch: bool = False
    ) -> tuple[str | bytes | HangUp | None, list[Settled], bool]:
        """The next frame, what has settled by asking, and whether a refused sender may go on.

        With `batch` it will be handed on together with the frames before it: nothing settles yet.
        """
        unit = self._current
        if unit is not None and unit.next == len(unit.frames):
            if unit.receipt is not None:
                self._given.append(unit.receipt)
            unit = None
        settled: list[Settled] = []
        if not batch:
            if self._given:
                settled = [Settled(receipt, Outcome.SENT) for receipt in self._given]
                self._given.clear()
            self._audio -= self._on_its_way
            self._on_its_way = 0.0
        if unit is None:
            unit = self._current = self._take()
        writable = self._has_room_again()
        if unit is None:
            goodbye, gone = self._goodbye, self._gone
            self._gone = goodbye is not None
            return (None if gone else goodbye), settled, writable
        frame = unit.frames[unit.next]
        unit.next += 1
        return frame, settled, writable

    def _has_room_again(self) -> bool:
        """Whether somebody was refused and may go on now."""
        bytes_again = self._refused and self._bytes * 4 <= self._limit
        audio_again = self._audio_refused and self._audio * 2 <= self._audio_backlog
        if bytes_again:
            self._refused = False
        if audio_again:
            self._audio_refused = False
        return bytes_again or audio_again

    def _take(self) -> _Unit | None:
        if self._pong is not None:
            unit, self._pong = self._pong, None
            return unit
        if self._control:
            return self._control.pop(0)
        while self._messages:
            unit = self._messages.popleft()
            if not unit.frames:
                continue
            self._bytes -= unit.size
            if unit.seconds:
                self._on_its_way += unit.seconds
                if unit.live:
                    self._live.pop(0)
            return unit
        return None

    def lose(self) -> list[Settled | AudioDropped]:
        """Drop everything; what had a receipt and was not handed on is LOST.

        Audio without one is told in seconds.
        """
        units = [u for u in (self._current, *self._control, *self._messages) if u is not None]
        audio = [u.seconds for u in units if u.seconds and u.frames and u.receipt is None]
        receipts = [*self._given, *(u.receipt for u in units if u.receipt is not None)]
        self._given.clear()
        self._control.clear()
        self._messages.clear()
        self._pong = self._current = self._goodbye = None
        self._live.clear()
        self._bytes = 0
        self._audio = self._on_its_way = 0.0
        self._refused = self._audio_refused = False
        lost: list[Settled | AudioDropped] = [Settled(one, Outcome.LOST) for one in receipts]
        if audio:
            lost.append(AudioDropped(sum(audio), len(audio), "connection_lost"))
        return lost
