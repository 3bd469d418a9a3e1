"""Files on their way up: multipart/form-data (RFC 7578)."""

from __future__ import annotations

import binascii
import re
from typing import Final, NamedTuple

from estuary_proto.pictures import picture_type
from estuary_proto.rest.checks import wrong

_MIME: Final = re.compile(r"[a-z0-9][\w.+-]*/[a-z0-9][\w.+-]*", re.ASCII | re.IGNORECASE)
_NAME: Final = re.compile(r'["\\\r\n\x00]')
_ENDINGS: Final = {"image/jpeg": "jpg", "model/gltf-binary": "glb", "model/gltf+json": "gltf"}


class File(NamedTuple):
    """A file as it is sent."""

    name: str
    mime_type: str
    data: bytes


def image_file(data: object, mime_type: str | None) -> File:
    """A picture of raw bytes, or of base64 text with or without `data:…;base64,` before it.

    Without a MIME type it is told by the first bytes, and image/jpeg when they do not tell.
    """
    raw, said = _bytes_of("image", data)
    kind = mime_type or said or picture_type(raw) or "image/jpeg"
    if not isinstance(kind, str) or not _MIME.fullmatch(kind) or not kind.startswith("image/"):
        raise wrong("mime_type", "it is no type of an image; give one like image/png")
    return File(f"image.{_ending(kind)}", kind, raw)


def model_file(data: object, mime_type: str | None) -> File:
    """A 3D model of raw bytes; GLB unless another type is given."""
    raw, _ = _bytes_of("model", data)
    kind = mime_type or "model/gltf-binary"
    if not isinstance(kind, str) or not _MIME.fullmatch(kind):
        raise wrong("mime_type", "it is no MIME type; give one like model/gltf-binary")
    return File(f"model.{_ending(kind)}", kind, raw)


def _ending(kind: str) -> str:
    return _ENDINGS.get(kind, kind.partition("/")[2].partition("+")[0])


def _bytes_of(name: str, data: object) -> tuple[bytes, str]:
    """The bytes, and the MIME type if a data URL says it."""
    kind = ""
    if isinstance(data, str):
        head, comma, rest = data.partition(",")
        if comma and head.startswith("data:") and head.endswith(";base64"):
            kind, data = head[5:-7].partition(";")[0], rest
        try:
            raw = binascii.a2b_base64("".join(data.split()), strict_mode=True)
        except (ValueError, UnicodeError):
            raise wrong(name, "the text is not base64; give bytes, base64 or a path") from None
    elif isinstance(data, (bytes, bytearray, memoryview)):
        raw = bytes(data)
    else:
        raise wrong(name, f"it is {type(data).__name__}; give bytes, base64 text or a path")
    if not raw:
        raise wrong(name, "it is empty")
    return raw, kind


def multipart(field: str, file: File, fields: dict[str, str], boundary: str) -> tuple[str, bytes]:
    """The content type and the body: plain fields, then the file."""
    parts = [(f'form-data; name="{_NAME.sub("", name)}"', "", text.encode())
             for name, text in fields.items()]  # fmt: skip
    parts.append((f'form-data; name="{field}"; filename="{file.name}"', file.mime_type, file.data))
    while any(boundary.encode() in data for _, _, data in parts):
        boundary += "x"
    body = bytearray()
    for disposition, kind, data in parts:
        body += f"--{boundary}\r\nContent-Disposition: {disposition}\r\n".encode()
        body += f"Content-Type: {kind}\r\n".encode() if kind else b""
        body += b"\r\n" + data + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", bytes(body)
