"""What the server says about the voice line, over the WebSocket and over LiveKit (PROTOCOL 3)."""

from __future__ import annotations

from typing import ClassVar

from estuary_proto.models.base import Model, model, wire


@model
class VoiceStarted(Model):
    """The server listens. `already_active`: it did so before it was asked."""

    NAME: ClassVar[str] = "voice_started"
    WIRE: ClassVar[str] = "voice_started"

    already_active: bool = wire(default=False, omit=True)


@model
class VoiceStopped(Model):
    """The server no longer listens."""

    NAME: ClassVar[str] = "voice_stopped"
    WIRE: ClassVar[str] = "voice_stopped"


@model
class VoiceError(Model):
    """Voice failed; `error` is the server's text."""

    NAME: ClassVar[str] = "voice_error"
    WIRE: ClassVar[str] = "voice_error"
    BARE: ClassVar[str] = "error"

    error: str = wire(default="", aliases=("message",))


@model
class VoiceTimeout(Model):
    """The user was silent for too long and voice is off; the session goes on.

    Silent for `idle_seconds`, of `timeout_seconds` that are allowed. No `voice_stopped` and no
    disconnect follows.
    """

    NAME: ClassVar[str] = "voice_timeout"
    WIRE: ClassVar[str] = "voice_timeout"

    reason: str = "voice_inactivity"
    idle_seconds: float = 0.0
    timeout_seconds: float = 0.0


@model
class LiveKitToken(Model):
    """What is needed to join the LiveKit room. The token is a secret."""

    NAME: ClassVar[str] = "livekit_token"
    WIRE: ClassVar[str] = "livekit_token"

    token: str = wire(default="", secret=True)
    url: str = ""
    room: str = ""


@model
class LiveKitReady(Model):
    """The character has joined the room, audio flows."""

    NAME: ClassVar[str] = "livekit_ready"
    WIRE: ClassVar[str] = "livekit_ready"

    room: str = ""


@model
class LiveKitError(Model):
    """LiveKit failed; `error` is the server's text."""

    NAME: ClassVar[str] = "livekit_error"
    WIRE: ClassVar[str] = "livekit_error"
    BARE: ClassVar[str] = "error"

    error: str = wire(default="", aliases=("message",))
