"""The sound of one message that waits to be played."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from estuary_audio.pcm import WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable


class Tape:
    """PCM16 mono that is recorded at one end and taken at the other, in samples."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._offset = 0  # Bytes of the first piece that are gone.
        self.frames: int = 0

    def append(self, pcm: bytes) -> None:
        """Record whole samples behind what is there."""
        if pcm:
            self._pieces.append(pcm)
            self.frames += len(pcm) // WIDTH

    def take(self, frames: int) -> bytes:
        """The next samples, at most so many; they are gone then."""
        wanted = min(frames, self.frames) * WIDTH
        self.frames -= wanted // WIDTH
        taken: list[bytes] = []
        while wanted:
            first = self._pieces[0]
            part = first[self._offset : self._offset + wanted]
            taken.append(part)
            wanted -= len(part)
            self._offset += len(part)
            if self._offset == len(first):
                self._pieces.popleft()
                self._offset = 0
        return taken[0] if len(taken) == 1 else b"".join(taken)

    def replace(self, change: Callable[[bytes], bytes]) -> None:
        """Put what `change` makes of all of it in its place."""
        pcm = change(self.take(self.frames))
        self.append(pcm)


class Message:
    """One message of the character on its way to the loudspeaker."""

    __slots__ = ("dry", "end", "final", "message_id", "playing", "seconds", "tape", "waits")

    def __init__(self, message_id: str) -> None:
        self.message_id: str = message_id
        self.tape: Tape = Tape()
        self.final: bool = False
        self.playing: bool = False
        self.seconds: float = 0.0
        """How much of it was given to the loudspeaker."""
        self.end: float | None = None
        """When the last of that is heard; None before the first."""
        self.dry: bool = False
        """It has faded out in its middle, and will fade in."""
        self.waits: float | None = None
        """Since when it is next and waits for sound."""
