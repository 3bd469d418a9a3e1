"""One answer while it is being spoken: its pieces, their pace, and what has been said so far."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ..models.conversation import ResponseChunk

if TYPE_CHECKING:
    from collections.abc import Iterable


class Speech:
    """The pieces of message `message_id`, one every `interval` seconds (0: as they come).

    `turn` is the number a brain knows it by. Each chunk carries the text so far and the new piece
    (API 5); the final one comes with nothing new.
    """

    __slots__ = (
        "_at", "_chunks", "_complete", "_interval", "_pieces", "interjection", "message_id",
        "spoken", "turn",
    )  # fmt: skip

    def __init__(
        self,
        turn: int,
        message_id: str,
        *,
        now: float,
        interval: float = 0.0,
        interjection: bool = False,
    ) -> None:
        self.turn: int = turn
        self.message_id: str = message_id
        self.interjection: bool = interjection
        self.spoken: str = ""
        self._interval = interval
        self._at = now
        self._pieces: deque[str] = deque()
        self._complete = False
        self._chunks = 0

    @property
    def complete(self) -> bool:
        """True when the brain has nothing to add."""
        return self._complete

    @property
    def size(self) -> int:
        """How many characters the answer has so far, spoken or not."""
        return len(self.spoken) + sum(map(len, self._pieces))

    def add(self, pieces: Iterable[str]) -> None:
        """More to say."""
        self._pieces.extend(piece for piece in pieces if piece)

    def finish(self) -> None:
        """All there is to say has been added."""
        self._complete = True

    @property
    def due_at(self) -> float | None:
        """When the next chunk is due; None while there is nothing to say."""
        return self._at if self._pieces or self._complete else None

    def next_chunk(self, now: float) -> ResponseChunk:
        """The chunk that is due; the last one `is_final`."""
        piece = self._pieces.popleft() if self._pieces else ""
        self.spoken += piece
        if piece:
            # A clock that jumped, or a transport that stood still, brings no burst of old pieces.
            self._at = max(self._at + self._interval, now - self._interval)
        chunk = ResponseChunk(
            text=self.spoken,
            is_final=not piece,
            partial=piece,
            message_id=self.message_id,
            chunk_index=self._chunks,
            is_interjection=self.interjection,
        )
        self._chunks += 1
        return chunk

    def merge(self) -> None:
        """Make one piece of all that waits: the transport could not keep up with many."""
        if len(self._pieces) > 1:
            self._pieces = deque(["".join(self._pieces)])
