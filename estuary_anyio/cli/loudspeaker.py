"""A loudspeaker for a file: what would be heard, and when, without a sound card or `[audio]`."""

from __future__ import annotations

from typing import Final

WIDTH: Final = 2
"""Bytes of a sample of PCM16."""


class _Message:
    def __init__(self) -> None:
        self.pcm = bytearray()
        self.final = False
        self.started = False


class Loudspeaker:
    """PCM16 mono, pulled as a sound card would. Messages are heard in the order of their first
    pieces, each to its end; what comes too late leaves a gap, as it would in the air."""

    def __init__(self) -> None:
        self._queue: dict[str, _Message] = {}

    @property
    def is_playing(self) -> bool:
        """Whether there is something to be heard, now or when the rest of it has come."""
        return bool(self._queue)

    def push(self, message_id: str, pcm: bytes, *, final: bool) -> None:
        """Take a piece of a message; `final` when it is the last."""
        message = self._queue.setdefault(message_id, _Message())
        message.pcm += pcm[: len(pcm) // WIDTH * WIDTH]
        message.final = message.final or final

    def flush(self, message_id: str) -> None:
        """A message is cut short; nothing is left of it."""
        self._queue.pop(message_id, None)

    def clear(self) -> None:
        """Nothing more of what waits is heard."""
        self._queue.clear()

    def pull(self, frames: int) -> tuple[bytes, list[str], list[str]]:
        """The next so many samples, and which messages began and ended in them."""
        sound, size = bytearray(), WIDTH * frames
        began: list[str] = []
        ended: list[str] = []
        while self._queue:
            message_id, message = next(iter(self._queue.items()))
            room = size - len(sound)
            if message.pcm and room and not message.started:
                message.started = True
                began.append(message_id)
            sound += message.pcm[:room]
            del message.pcm[:room]
            if message.pcm or not message.final:
                break
            del self._queue[message_id]
            ended.append(message_id)
        return bytes(sound.ljust(size, b"\0")), began, ended
