"""The conversation itself: text, voice, transcripts, interruptions, actions, pictures."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar

from estuary_proto.models.base import Model, model, wire
from estuary_proto.models.pcm import Audible


@model
class ResponseChunk(Model):
    """A `bot_response` as it travels, before the texts of a message are put together.

    Whether `text` is the whole so far or only the new piece depends on the server (PROTOCOL C1).
    `partial` is the new piece where the server sends text there, and None where it sends a bool or
    nothing (C2).
    """

    NAME: ClassVar[str] = "bot_response"
    WIRE: ClassVar[str] = "bot_response"

    text: str = ""
    is_final: bool = False
    partial: str | None = None
    message_id: str = ""
    chunk_index: int = 0
    is_interjection: bool = False
    token_stream: bool | None = None


@model
class BotResponse(Model):
    """A piece of the character's answer as the user sees it (seed 003, API 5).

    `text` is everything so far, `partial` only what is new in this piece. An interjection was not
    asked for. The final text may come before the voice has ended. `replaces` is True when `partial`
    stands for everything that came before it; it is found here and never travels.
    """

    NAME: ClassVar[str] = "bot_response"
    WIRE: ClassVar[str] = "bot_response"

    text: str = ""
    partial: str = ""
    is_final: bool = False
    message_id: str = ""
    chunk_index: int = 0
    is_interjection: bool = False
    replaces: bool = field(default=False, init=False, compare=False)


@model
class BotVoice(Audible):
    """A piece of the character's voice (seed 003, PROTOCOL 3).

    `audio` is base64, `pcm` the same decoded: PCM16 mono at `sample_rate` Hz, or at the configured
    output rate where that is None. Over LiveKit there is no audio in it, and the last piece may be
    empty as well. `timestamp` is the server's. `late` is True when its message was interrupted
    before it came: it shall not be played. That is found here and never travels.
    """

    NAME: ClassVar[str] = "bot_voice"
    WIRE: ClassVar[str] = "bot_voice"

    audio: str = wire(default="", hidden=True)
    message_id: str = ""
    chunk_index: int = 0
    is_final: bool = False
    is_livekit: bool = False
    sample_rate: int | None = None
    timestamp: float | None = None
    is_interjection: bool = False
    pcm: bytes = field(default=b"", init=False, compare=False, repr=False)
    late: bool = field(default=False, init=False, compare=False)


@model
class SttResponse(Model):
    """What the server understood of the user's speech; interim until `is_final` (seed 003)."""

    NAME: ClassVar[str] = "stt_response"
    WIRE: ClassVar[str] = "stt_response"

    text: str = ""
    is_final: bool = False


@model
class InterruptData(Model):
    """A message was cut short (seed 003). `interrupted_at` is ISO, or a number's text (C5)."""

    NAME: ClassVar[str] = "interrupt"
    WIRE: ClassVar[str] = "interrupt"

    message_id: str | None = None
    reason: str | None = None
    interrupted_at: str | None = None


@model
class CharacterAction(Model):
    """The character does something (PROTOCOL 3 `client_action`, API 3).

    `params` keep their JSON types. It comes once a call, possibly before the text that goes with
    it. `timestamp` is ISO.
    """

    NAME: ClassVar[str] = "client_action"
    WIRE: ClassVar[str] = "client_action"

    name: str = ""
    params: dict[str, Any] = wire("arguments", default_factory=dict)
    message_id: str = ""
    chunk_index: int = 0
    timestamp: str = ""

    @property
    def arguments(self) -> dict[str, Any]:
        """`params` under the wire's name."""
        return self.params


@model
class CameraCaptureRequest(Model):
    """The server asks for a picture, to be answered with the same `request_id` (seed 003)."""

    NAME: ClassVar[str] = "camera_capture_request"
    WIRE: ClassVar[str] = "camera_capture"

    request_id: str = ""
    text: str | None = None
