"""What is heard in a LiveKit room, for a loudspeaker: parted into messages that begin and end.

A room sounds all the time, mostly of silence. What belongs to a message, as far as the server
tells, is played under its name; other sound under a name of ours, until it has been quiet.
"""

from __future__ import annotations

from array import array
from typing import Final, Protocol

from estuary_proto.events import AudioReceived, LiveKitDisconnected

LOUD: Final = 100
"""The least peak of sound that is more than noise, of 32767."""

QUIET: Final = 1.0
"""Seconds of silence after which sound without a name is over."""


class Loudspeaker(Protocol):
    """Who plays it."""

    def push(self, message_id: str, audio: bytes, /, *, final: bool) -> object:
        """Take the next piece of this message."""
        ...


class RoomSound:
    """Hands what is heard, at `rate` Hz, to a loudspeaker."""

    def __init__(self, loudspeaker: Loudspeaker, rate: int) -> None:
        self._loudspeaker = loudspeaker
        self._rate = rate
        self._named = ""
        self._key: str | None = None
        self._quiet = 0.0
        self._stretches = 0
        self._keys: set[str] = set()

    def hear(self, event: object) -> None:
        """Whatever a client tells: sound is played, and the end of the room is its end."""
        if isinstance(event, AudioReceived):
            self.play(event)
        elif isinstance(event, LiveKitDisconnected):
            self.end()

    def play(self, heard: AudioReceived) -> None:
        """The next piece."""
        if self._key is not None and heard.message_id != self._named:
            self.end()
        loud = _is_loud(heard.pcm)
        if self._key is None:
            if not (loud or heard.message_id):
                return
            self._begin(heard.message_id)
        assert self._key is not None
        self._loudspeaker.push(self._key, heard.pcm, final=False)
        self._quiet = 0.0 if loud else self._quiet + len(heard.pcm) / 2 / self._rate
        if not self._named and self._quiet > QUIET:
            self.end()

    def end(self) -> None:
        """Nothing more comes of what sounds."""
        key, self._key = self._key, None
        if key is not None:
            self._loudspeaker.push(key, b"", final=True)

    def plays(self, message_id: str) -> bool:
        """Whether this is a name that was played for a room: the server knows by itself when that
        has been heard."""
        return message_id in self._keys

    def _begin(self, name: str) -> None:
        self._stretches += 1
        taken = not name or name in self._keys
        self._key = f"{name or 'room'} {self._stretches}" if taken else name
        self._named = name
        self._quiet = 0.0
        self._keys.add(self._key)


def _is_loud(pcm: bytes) -> bool:
    samples = array("h", pcm)
    return bool(samples) and (max(samples) > LOUD or min(samples) < -LOUD)
