"""The sound that both sides of a measurement know, so that every byte can be checked."""

from __future__ import annotations

import random

PERIOD = 65521  # bytes; a prime: a chunk that is lost, doubled or out of turn never fits
_NOISE = random.Random(16).randbytes(PERIOD) * 2


def pcm(session: int, at: int, size: int) -> bytes:
    """``size`` bytes (``PERIOD`` at most) of what a session says, from its byte ``at`` on."""
    begin = (session * 7919 + at) % PERIOD
    return _NOISE[begin : begin + size]


class Heard:
    """What has arrived of ``sessions`` streams of ``length`` bytes each."""

    def __init__(self, sessions: int, length: int) -> None:
        self._length = length
        self.at = [0] * sessions
        self.missing = sessions * length
        self.problem = ""  # what was wrong first

    def take(self, session: int, chunk: bytes) -> None:
        """The next bytes of a session; anything but what it should say is a problem."""
        at = self.at[session]
        if chunk != pcm(session, at, len(chunk)) or at + len(chunk) > self._length:
            self.problem = self.problem or f"session {session} differs in the chunk at byte {at}"
        self.at[session] = at + len(chunk)
        self.missing -= len(chunk)

    @property
    def over(self) -> bool:
        """All has come, or something came wrong."""
        return self.missing <= 0 or bool(self.problem)
