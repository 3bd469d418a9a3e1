"""What kind of picture it is, by its first bytes."""

from __future__ import annotations

import pytest

from estuary_proto.pictures import picture_type


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\xff\xd8\xff\xe0 and so on", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x04\x00\x00\x00WEBP", "image/webp"),
        (b"RIFF\x04\x00\x00\x00WAVE", ""),
        (b"    \x04\x00\x00\x00WEBP", ""),
        (b"BM", "image/bmp"),
        (b"\xff\xd8", ""),
        (b"", ""),
    ],
)
def test_picture_type(data: bytes, kind: str) -> None:
    assert picture_type(data) == kind
