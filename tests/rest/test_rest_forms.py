"""Files on their way up, read back by another reader of multipart (RFC 7578)."""

from __future__ import annotations

import base64
from email import message_from_bytes
from email.policy import HTTP
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estuary_proto.errors import LocalProtocolError
from estuary_proto.rest.forms import File, image_file, model_file, multipart

PNG = b"\x89PNG\r\n\x1a\n rest"
BASE64 = base64.b64encode(PNG).decode()


def parts(kind: str, body: bytes) -> list[tuple[str, str | None, str, bytes]]:
    whole: Any = message_from_bytes(
        b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body, policy=HTTP
    )
    return [
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in whole.iter_parts()
    ]


def test_fields_and_a_file() -> None:
    file = File("image.png", "image/png", PNG)
    kind, body = multipart("image", file, {"voicePrompt": "warm ☕"}, "b" * 20)
    assert parts(kind, body) == [
        ("voicePrompt", None, "text/plain", "warm ☕".encode()),
        ("image", "image.png", "image/png", PNG),
    ]


@given(st.binary(max_size=30))
def test_the_boundary_never_stands_in_the_content(data: bytes) -> None:
    for content in (data, b"\r\n--bb" + data, b"--bbx\r\n" + data):
        kind, body = multipart("f", File("a", "a/b", content), {}, "bb")
        boundary = kind.partition("boundary=")[2].encode()
        assert body.count(boundary) == 2
        assert content in body


@pytest.mark.parametrize(
    ("given", "mime", "wanted"),
    [
        (PNG, None, ("image.png", "image/png")),
        (bytearray(PNG), None, ("image.png", "image/png")),
        (memoryview(PNG), "image/jpeg", ("image.jpg", "image/jpeg")),
        (BASE64, None, ("image.png", "image/png")),
        (BASE64[:8] + "\n" + BASE64[8:], None, ("image.png", "image/png")),
        (f"data:image/x-own;charset=x;base64,{BASE64}", None, ("image.x-own", "image/x-own")),
        (f"data:;base64,{BASE64}", "image/svg+xml", ("image.svg", "image/svg+xml")),
        (b"\xff\xd8\xff rest", None, ("image.jpg", "image/jpeg")),
        (b"GIF89a", None, ("image.gif", "image/gif")),
        (b"RIFF....WEBPVP8", None, ("image.webp", "image/webp")),
        (b"BM", None, ("image.bmp", "image/bmp")),
        (b"who knows", None, ("image.jpg", "image/jpeg")),
    ],
)
def test_pictures(given: Any, mime: str | None, wanted: tuple[str, str]) -> None:
    file = image_file(given, mime)
    assert (file.name, file.mime_type) == wanted
    if given != b"who knows" and isinstance(given, str):
        assert file.data == PNG


@pytest.mark.parametrize(
    ("given", "mime", "says"),
    [
        (b"", None, "image: it is empty"),
        ("", None, "image: it is empty"),
        ("no base64!", None, "image: the text is not base64"),
        ("☕", None, "image: the text is not base64"),
        ("QQ", None, "image: the text is not base64"),
        (7, None, "image: it is int; give bytes, base64 text or a path"),
        (PNG, "text/html", "mime_type: it is no type of an image"),
        (PNG, "image/png\r\nX: y", "mime_type: it is no type of an image"),
        (PNG, 7, "mime_type: it is no type of an image"),
    ],
)
def test_no_pictures(given: Any, mime: Any, says: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        image_file(given, mime)
    assert caught.value.message.startswith(says)


def test_models() -> None:
    assert model_file(b"glTF", None) == File("model.glb", "model/gltf-binary", b"glTF")
    assert model_file(b"{}", "model/gltf+json").name == "model.gltf"
    for bad in ("glb", 7):
        with pytest.raises(LocalProtocolError, match="mime_type"):
            model_file(b"x", bad)  # type: ignore[arg-type]
