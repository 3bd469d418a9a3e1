"""The session: how it begins, and what the server says about its limits and its end."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import ClassVar

from estuary_proto.models.base import Model, model, wire


class ConnectionState(StrEnum):
    """Where a client stands (seed 001)."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    ERROR = "error"


class VoiceMode(StrEnum):
    """Who decides when a spoken turn is over (seed 001): the server, or the user's button."""

    CONTINUOUS = "continuous"
    PUSH_TO_TALK = "push_to_talk"


@model
class SessionInfo(Model):
    """What the server answers to an accepted client (seed 003, PROTOCOL 1.5).

    The LiveKit fields come only if the server offers LiveKit; the token is a secret.
    """

    NAME: ClassVar[str] = "connected"
    WIRE: ClassVar[str] = "session_info"

    session_id: str = ""
    conversation_id: str = ""
    character_id: str = ""
    player_id: str = ""
    livekit_token: str | None = wire("livekitToken", default=None, secret=True)
    livekit_url: str | None = wire("livekitUrl", default=None)
    livekit_room: str | None = wire("livekitRoom", default=None)


@model
class SessionTimeout(Model):
    """The session was idle for too long; the server disconnects at once (PROTOCOL 3).

    It was idle for `idle_seconds`, and might have been for `timeout_seconds`.
    """

    NAME: ClassVar[str] = "session_timeout"
    WIRE: ClassVar[str] = "session_timeout"

    reason: str = "inactivity"
    idle_seconds: float = 0.0
    timeout_seconds: float = 0.0


@model
class SessionRejected(Model):
    """A share token has as many sessions as it may, `cap`; a disconnect follows (PROTOCOL 1.5)."""

    NAME: ClassVar[str] = "session_rejected"
    WIRE: ClassVar[str] = "session_rejected"

    reason: str = ""
    cap: int = 0
    share_token_id: str = ""


@model
class QuotaExceededData(Model):
    """The account has used what it may (seed 003); this does not always end the session.

    `current` of `limit` is used and `remaining` is left, as the account's `tier` has it.
    """

    NAME: ClassVar[str] = "quota_exceeded"
    WIRE: ClassVar[str] = "quota_exceeded"
    BARE: ClassVar[str] = "message"

    message: str = ""
    current: int = 0
    limit: int = 0
    remaining: int = 0
    tier: str = ""


@model
class AuthError(Model):
    """The credentials were refused (PROTOCOL 1.5); `error` is the server's text."""

    NAME: ClassVar[str] = "auth_error"
    WIRE: ClassVar[str] = "auth_error"
    BARE: ClassVar[str] = "error"

    error: str = wire(default="", aliases=("message",))


@model
class ErrorEvent(Model):
    """Something failed at the server (PROTOCOL C6): a text, or a code, or both."""

    NAME: ClassVar[str] = "error"
    WIRE: ClassVar[str] = "error"
    BARE: ClassVar[str] = "message"

    message: str = ""
    error: str | None = wire(default=None, aliases=("code",))
    """The server's code, such as `rate_limited`."""
    message_id: str | None = None
    """The answer that failed, where the server says so."""


@model
class ModerationWarning(Model):
    """The user has said what is not allowed (PROTOCOL 3).

    `level` is "warning", or "terminated", upon which a disconnect follows.
    """

    NAME: ClassVar[str] = "moderation_warning"
    WIRE: ClassVar[str] = "moderation_warning"
    BARE: ClassVar[str] = "message"

    level: str = "warning"
    message: str = ""


@model
class ModerationFlag(Model):
    """Everything of this message is to be taken back: text, voice and actions (PROTOCOL 3)."""

    NAME: ClassVar[str] = "moderation_flag"
    WIRE: ClassVar[str] = "moderation_flag"

    message_id: str = ""
    action: str = "redacted"
    categories: list[str] = field(default_factory=list)
    message: str = ""
