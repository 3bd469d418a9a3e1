"""The part of the client that shows the character pictures (seed 000, PROTOCOL 2)."""

from __future__ import annotations

import inspect
import os
from binascii import Error as NotBase64
from binascii import a2b_base64
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import anyio

from estuary_proto.errors import LocalProtocolError
from estuary_proto.intents import SendCameraImage
from estuary_proto.models.pcm import encode_pcm
from estuary_proto.pictures import TYPES, picture_type

from .driving import Driving

if TYPE_CHECKING:
    from estuary_proto.models.conversation import CameraCaptureRequest

    from ..listeners import Listeners
    from ..receipt import Receipt

Picture: TypeAlias = bytes | os.PathLike[str] | tuple[str | bytes, str] | None
"""What a camera gives: bytes (JPEG, PNG, WebP or GIF), a file, an image with its MIME type, or
None for no picture."""

Camera: TypeAlias = Callable[["CameraCaptureRequest"], Picture | Awaitable[Picture]]
C = TypeVar("C", bound=Camera)


class Seeing(Driving):
    """Vision: pictures of one's own accord, and those that the character asks for."""

    _camera: Camera | None = None
    _listeners: Listeners

    def send_camera_image(
        self,
        image_base64: str | bytes,
        mime_type: str,
        request_id: str | None = None,
        text: str | None = None,
    ) -> Receipt:
        """Show a picture: base64 text without a `data:` prefix, or its bytes.

        `request_id` is that of the CameraCaptureRequest that it answers, `text` what is said to it.
        Raises LocalProtocolError for what is no picture or too large for the server, NOT_CONNECTED,
        SEND_BUFFER_FULL.
        """
        image = _as_base64(image_base64)
        if not isinstance(mime_type, str) or not mime_type.startswith("image/"):
            raise LocalProtocolError(
                f"mime_type is {mime_type!r}: give one such as 'image/jpeg'",
            )
        rate = self.config.audio_sample_rate  # Else the answer is spoken at 16 kHz (C9).
        return self._send(SendCameraImage(image, mime_type, request_id, text, rate))

    async def send_camera_file(
        self,
        path: str | os.PathLike[str],
        mime_type: str | None = None,
        request_id: str | None = None,
        text: str | None = None,
    ) -> Receipt:
        """Show a picture from a file, of the type that its first bytes tell unless it is given.

        Raises OSError where it cannot be read, and what `send_camera_image` raises.
        """
        self._now()  # Not connected? Then the file does not matter.
        data = await anyio.Path(path).read_bytes()
        return self.send_camera_image(data, mime_type or _type_of(data), request_id, text)

    def camera(self, handler: C) -> C:
        """Decorate what takes the picture when the character asks for one; the last one counts.

            @client.camera
            async def look(request):
                return jpeg_bytes

        It may be a coroutine function, and returns bytes, a path, `(image, mime_type)`, or None to
        decline. `client.off("camera_capture_request", client.answer_camera)` takes it away.
        """
        if not callable(handler):
            raise TypeError(f"the camera is {type(handler).__name__}, not callable")
        self._check_thread()
        self._camera = handler
        self._listeners.remove("camera_capture_request", self.answer_camera)
        self._listeners.add("camera_capture_request", self.answer_camera)
        return handler

    async def answer_camera(self, request: CameraCaptureRequest) -> None:
        """Answer a request with what the camera gives."""
        assert self._camera is not None  # There is one when this is registered.
        picture: Any = self._camera(request)
        if inspect.isawaitable(picture):
            picture = await picture
        if picture is None:
            return
        if isinstance(picture, os.PathLike):
            await self.send_camera_file(picture, request_id=request.request_id)
            return
        if isinstance(picture, tuple) and len(picture) == 2:
            image, mime_type = picture
        elif isinstance(picture, (bytes, bytearray, memoryview)):
            image, mime_type = bytes(picture), _type_of(bytes(picture))
        else:
            raise TypeError(
                f"the camera gave {type(picture).__name__}: give bytes, a path, "
                "(image, mime_type), or None"
            )
        self.send_camera_image(image, mime_type, request.request_id)


def _as_base64(image: object) -> str:
    if isinstance(image, (bytes, bytearray, memoryview)):
        if not len(image):
            raise LocalProtocolError("the image is empty: give base64 text, or its bytes")
        return encode_pcm(image)
    if isinstance(image, os.PathLike):
        raise LocalProtocolError("the image is a path: `await client.send_camera_file(path)`")
    if not isinstance(image, str):
        raise LocalProtocolError(
            f"the image is {type(image).__name__}: give base64 text, or its bytes"
        )
    if image.startswith("data:"):
        raise LocalProtocolError("image_base64 begins with 'data:': give what follows the comma")
    try:
        if a2b_base64(image, strict_mode=True):
            return image
    except (NotBase64, ValueError):
        raise LocalProtocolError(
            "image_base64 is not base64: give base64 text without line breaks, or the bytes"
        ) from None
    raise LocalProtocolError("the image is empty: give base64 text, or its bytes")


def _type_of(data: bytes) -> str:
    found = picture_type(data)
    if found not in TYPES:
        raise LocalProtocolError(
            "the image is neither JPEG, PNG, WebP nor GIF by its first bytes: say its mime_type"
        )
    return found
