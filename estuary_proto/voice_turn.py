"""A turn of the user's, and the ear that listens to it."""

from __future__ import annotations

from collections import deque
from enum import Enum, auto


class Ear(Enum):
    """Whether the server listens."""

    CLOSED = auto()
    OPENING = auto()
    OPEN = auto()
    CLOSING = auto()


class Turn:
    """What lies between a start of voice and its stop."""

    __slots__ = ("ended", "kept", "request", "seconds")

    def __init__(self, request: int = 0) -> None:
        self.request: int = request
        """Who waits for it to begin; 0 for nobody."""
        self.kept: deque[tuple[bytes, float]] = deque()
        """Audio that waits for the ear to open."""
        self.seconds: float = 0.0
        self.ended: bool = False
