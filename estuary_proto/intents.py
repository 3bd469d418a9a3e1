"""What a client says: one class per event from client to server (PROTOCOL 2).

A client submits them, a server role receives them; both read the same table. What is written here
has exactly the types that are declared: `messages.write` checks. What a peer sends is read as
tolerantly as any model.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from estuary_proto.models.base import Model, model, wire
from estuary_proto.models.pcm import decode_or_empty


@model
class Authenticate(Model):
    """The credentials and wishes of a client, in the CONNECT packet or as a message (1.2, 1.3).

    `api_key` is `est_…` or a share session token `sst_…`; `client_token` is `ect_…` and stands in
    for it; `token` is a bearer token. `audio_sample_rate` is what the server shall speak at, in Hz.
    `capabilities` as PROTOCOL 1.4.
    """

    WIRE: ClassVar[str] = "authenticate"

    api_key: str | None = wire(default=None, secret=True)
    character_id: str = ""
    player_id: str = ""
    audio_sample_rate: int = 16000
    realtime_memory: bool = False
    capabilities: dict[str, Any] | None = None
    client_token: str | None = wire(default=None, secret=True)
    token: str | None = wire(default=None, secret=True)
    enable_animation: bool = wire(default=False, omit=True)
    enable_body_animation: bool = wire(default=False, omit=True)


@model
class RenewAuthentication(Model):
    """A fresh end-user token for a running session; the server's ack says `ok` (1.6)."""

    WIRE: ClassVar[str] = "renew_authentication"

    client_token: str = wire(secret=True)


@model
class SendText(Model):
    """The user says something in writing. `text_only`: no voice in answer.

    `textOnly` on the wire, and left out when False (C13).
    """

    WIRE: ClassVar[str] = "text"

    text: str
    text_only: bool = wire("textOnly", default=False, omit=True)


@model
class SayLine(Model):
    """The character says exactly this, whatever it was saying. `text_only`: without its voice."""

    WIRE: ClassVar[str] = "say_line"

    text: str
    text_only: bool = False


@model
class Interrupt(Model):
    """Stop this message, or whatever is running; the server confirms with `interrupt`."""

    WIRE: ClassVar[str] = "client_interrupt"

    message_id: str | None = None


@model
class StartVoice(Model):
    """Listen. `turn_mode` "push_to_talk" is the button down; None is continuous."""

    WIRE: ClassVar[str] = "start_voice"
    BLANK: ClassVar[bool] = True

    turn_mode: str | None = None


@model
class StopVoice(Model):
    """Stop listening; in push-to-talk the button is up and the turn complete."""

    WIRE: ClassVar[str] = "stop_voice"
    BLANK: ClassVar[bool] = True


@model
class StreamAudio(Model):
    """A piece of the microphone: base64 of PCM16, little-endian, mono (its rate: C3)."""

    WIRE: ClassVar[str] = "stream_audio"

    audio: str = wire(hidden=True)

    @property
    def pcm(self) -> bytes:
        """`audio` decoded, at each call; empty if it is not base64."""
        return decode_or_empty(self.audio)


@model
class LiveKitTokenRequest(Model):
    """Ask for a room's token, by which the server also begins to warm up (4.3)."""

    WIRE: ClassVar[str] = "livekit_token"
    BLANK: ClassVar[bool] = True

    turn_mode: str | None = None


@model
class LiveKitJoin(Model):
    """The client is in the room."""

    WIRE: ClassVar[str] = "livekit_join"
    BLANK: ClassVar[bool] = True

    room: str | None = None
    turn_mode: str | None = None


@model
class LiveKitLeave(Model):
    """The client has left; the server deletes the room."""

    WIRE: ClassVar[str] = "livekit_leave"
    BLANK: ClassVar[bool] = True


@model
class LiveKitMute(Model):
    """Whether the microphone in the room is muted; for the server's display only."""

    WIRE: ClassVar[str] = "livekit_mute"

    muted: bool


@model
class SendCameraImage(Model):
    """A picture for the character to look at.

    `image` is base64 without a `data:` prefix. `request_id` answers a `CameraCaptureRequest`,
    `sample_rate` is what the answer is spoken at in Hz: without it the server takes 16000 (C9).
    """

    WIRE: ClassVar[str] = "camera_image"

    image: str = wire(hidden=True)
    mime_type: str = "image/jpeg"
    request_id: str | None = None
    text: str | None = None
    sample_rate: int | None = None


@model
class UpdatePreferences(Model):
    """What the user prefers; the server accepts it and, today, ignores it."""

    WIRE: ClassVar[str] = "update_preferences"

    enable_vision_acknowledgment: bool | None = wire("enableVisionAcknowledgment", default=None)


@model
class AudioPlaybackComplete(Model):
    """The voice of this message has been played to its end."""

    WIRE: ClassVar[str] = "audio_playback_complete"
    BLANK: ClassVar[bool] = True

    message_id: str | None = None


@model
class StartAgentConversation(Model):
    """Let two characters talk to each other, for so many turns or seconds at most."""

    WIRE: ClassVar[str] = "start_agent_conversation"

    agent_a_id: str
    agent_b_id: str
    conversation_context: str = ""
    max_turns: int = 8
    timeout_seconds: float = 90.0


@model
class StopAgentConversation(Model):
    """End the conversation of two characters."""

    WIRE: ClassVar[str] = "stop_agent_conversation"


@model
class SubscribeEncounter(Model):
    """Follow an encounter that a REST call began."""

    WIRE: ClassVar[str] = "subscribe_encounter"
    CAMEL: ClassVar[bool] = True

    encounter_id: str


NEVER_REFUSED: Final = (
    StartVoice, StopVoice, LiveKitTokenRequest, LiveKitJoin, LiveKitLeave, RenewAuthentication
)  # fmt: skip
"""What is never refused for want of room: one without its counterpart would cost the user."""
