"""Pictures and models that come in: what they are by their own bytes, and how large.

Sizes are read from the headers of PNG (ISO/IEC 15948 11.2.2), JPEG (ITU-T T.81 B.2.2), WebP (RFC
9649) and GIF; nothing is decoded.
"""

from __future__ import annotations

from struct import unpack
from typing import TYPE_CHECKING, Final, NamedTuple

from .refusal import Refusal

if TYPE_CHECKING:
    from .forms import Upload

MAX_IMAGE: Final = 10 * 2**20
MAX_SIDE: Final = 16_384
"""Pixels."""


class Image(NamedTuple):
    """A picture: its type by its bytes, and its size in pixels."""

    mime_type: str
    width: int
    height: int
    data: bytes


def image_of(upload: Upload) -> Image:
    """The picture in an upload. Raises Refusal 422 for what is none, or none that is taken."""
    data = upload.data
    if not data:
        raise _bad("it is empty")
    if len(data) > MAX_IMAGE:
        raise _bad(f"it has {len(data)} bytes, {MAX_IMAGE} are the most")
    found = _size_of(data)
    if found is None:
        raise _bad("it is no PNG, JPEG, WebP or GIF")
    kind, width, height = found
    said = "image/jpeg" if upload.mime_type == "image/jpg" else upload.mime_type
    if said not in ("", "application/octet-stream", kind):
        raise _bad(f"it is {kind}, and was said to be {said[:80]}")
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise _bad(f"it has {width} x {height} pixels; 1 to {MAX_SIDE} are taken")
    return Image(kind, width, height, data)


def model_of(upload: Upload) -> bytes:
    """The 3D model in an upload: glTF, binary or as JSON. Raises Refusal 422."""
    data = upload.data
    if data[:4] == b"glTF" and len(data) >= 12:
        _, version, length = unpack("<4sII", data[:12])
        if version == 2 and length <= len(data):
            return data
    raise _bad("it is no binary glTF 2.0", "file")


def _bad(problem: str, field: str = "image") -> Refusal:
    return Refusal(422, [{"loc": ["body", field], "msg": problem, "type": "value_error"}])


def _size_of(data: bytes) -> tuple[str, int, int] | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR" and len(data) >= 24:
        return ("image/png", *unpack(">II", data[16:24]))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    if data[:6] in (b"GIF87a", b"GIF89a") and len(data) >= 10:
        return ("image/gif", *unpack("<HH", data[6:10]))
    if data[:2] == b"\xff\xd8":
        return _jpeg(data)
    return None


def _webp(data: bytes) -> tuple[str, int, int] | None:
    kind = data[12:16]
    if len(data) < 30:
        return None
    if kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        return "image/webp", width, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = unpack("<HH", data[26:30])
        return "image/webp", width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return "image/webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None


_NOT_FRAMES: Final = (0xC4, 0xC8, 0xCC)


def _jpeg(data: bytes) -> tuple[str, int, int] | None:
    """The size is in the frame header: SOF0 to SOF15, among them three that are none."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES:
            height, width = unpack(">HH", data[at + 5 : at + 9])
            return "image/jpeg", width, height
        if marker == 0xFF:  # Fill bytes may stand before a marker.
            at += 1
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
