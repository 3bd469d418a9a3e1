"""What a microphone gives: which bytes are sound, and the account of what was not sent (API 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .errors import LocalProtocolError
from .events import AudioDropped
from .outbox import ROUNDING

if TYPE_CHECKING:
    from collections.abc import Callable

REPORTED_AFTER: Final = 1.0
"""Seconds of audio that may be dropped before it is told; told earlier when it flows again."""

_EXPECTED: Final = frozenset({"muted", "suppressed", "connection_lost"})
"""Reasons that have an end: told then."""

_PCM16: Final = frozenset({"B", "b", "c", "h", "<h"})
"""What a buffer may hold: bytes, or samples as they are."""


class Losses:
    """Audio that went nowhere, told as one event a reason for many pieces."""

    def __init__(self, tell: Callable[[Any], None]) -> None:
        self._tell = tell
        self._dropped: dict[str, tuple[float, int]] = {}

    def __contains__(self, reason: str) -> bool:
        return reason in self._dropped

    def add(self, reason: str, seconds: float, frames: int = 1) -> None:
        """So much was dropped for this reason."""
        before, count = self._dropped.get(reason, (0.0, 0))
        self._dropped[reason] = (before + seconds, count + frames)
        if reason not in _EXPECTED and before + seconds >= REPORTED_AFTER - ROUNDING:
            self.report()

    def report(self) -> None:
        """Tell what was dropped since the last report."""
        dropped, self._dropped = self._dropped, {}
        for reason, (seconds, frames) in dropped.items():
            self._tell(AudioDropped(seconds, frames, reason))


def check_pcm(audio: Any) -> bytes:
    """The bytes of anything bytes-like; LocalProtocolError for the rest."""
    if type(audio) is bytes:
        return audio
    kind = type(audio).__name__
    try:
        view = memoryview(audio)
    except TypeError:
        raise LocalProtocolError(
            f"audio is {kind}, not bytes: PCM16, mono, at mic_sample_rate"
        ) from None
    if view.format not in _PCM16:
        raise LocalProtocolError(
            f"audio is {kind} of {view.format!r}, not of 16 bit integers: give PCM16"
        )
    return view.tobytes()
