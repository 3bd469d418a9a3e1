"""Pictures that a client sends: whether they can be looked at, and what is said about them."""

from __future__ import annotations

from binascii import a2b_base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..models.session import ErrorEvent
from ..pictures import TYPES

if TYPE_CHECKING:
    from ..intents import SendCameraImage


@dataclass(frozen=True, slots=True)
class Picture:
    """`size` is bytes, `text` what the player says to it."""

    size: int
    mime_type: str
    text: str = ""

    @property
    def note(self) -> str:
        """It in words, for a brain that cannot see."""
        return f"[a picture: {self.mime_type}, {self.size} bytes] {self.text}".rstrip()

    @property
    def seen(self) -> str:
        """What somebody says who sees that much of it."""
        return f"I see a picture of {self.size} bytes, {self.mime_type}."


def look_at(image: SendCameraImage) -> Picture | ErrorEvent:
    """The picture, or why it is none."""
    # Types are compared without case, and may carry parameters (RFC 2045 5.1).
    mime_type = image.mime_type.partition(";")[0].strip().lower()
    if mime_type not in TYPES:
        return _bad(f"mime_type {image.mime_type[:80]!r} is none of {', '.join(TYPES)}")
    if image.image.startswith("data:"):
        return _bad("give the base64 alone, without a data: prefix")
    try:
        data = a2b_base64(image.image, strict_mode=True)
    except ValueError:
        return _bad("it is not base64")
    if not data:
        return _bad("it is empty")
    return Picture(len(data), mime_type, (image.text or "").strip())


def _bad(problem: str) -> ErrorEvent:
    return ErrorEvent(f"The image cannot be looked at: {problem}", "bad_image")
