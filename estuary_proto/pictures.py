"""What kind of picture it is: told by its first bytes."""

from __future__ import annotations

from typing import Final

TYPES: Final = ("image/jpeg", "image/png", "image/webp", "image/gif")
"""Those that a character may be shown."""

_STARTS: Final = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
}


def picture_type(data: bytes) -> str:
    """The MIME type of a picture, "" if its first bytes do not tell."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _STARTS.items() if data.startswith(start)), "")
