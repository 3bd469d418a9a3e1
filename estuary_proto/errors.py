"""Everything that can go wrong, under one root, and whose fault it was.

People who use the client meet `EstuaryError` and look at its `code`; people who embed the core also
meet `LocalProtocolError` (they misused it, nothing changed) and the codecs' `RemoteProtocolError`
(the peer broke the rules; the connection turns it into an ending and never lets it out).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class ErrorCode(StrEnum):
    """What kind of failure it was; each value equals its name (seed 001, API 7)."""

    CONNECTION_FAILED = "CONNECTION_FAILED"
    AUTH_FAILED = "AUTH_FAILED"
    CONNECTION_TIMEOUT = "CONNECTION_TIMEOUT"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    VOICE_NOT_SUPPORTED = "VOICE_NOT_SUPPORTED"
    VOICE_ALREADY_ACTIVE = "VOICE_ALREADY_ACTIVE"
    VOICE_NOT_ACTIVE = "VOICE_NOT_ACTIVE"
    VOICE_START_FAILED = "VOICE_START_FAILED"
    LIVEKIT_UNAVAILABLE = "LIVEKIT_UNAVAILABLE"
    NOT_CONNECTED = "NOT_CONNECTED"
    REST_ERROR = "REST_ERROR"
    UNKNOWN = "UNKNOWN"
    UPLOAD_FAILED = "UPLOAD_FAILED"
    CONFIG_INVALID = "CONFIG_INVALID"
    SEND_BUFFER_FULL = "SEND_BUFFER_FULL"
    INTERRUPTED = "INTERRUPTED"
    TIMEOUT = "TIMEOUT"
    PROTOCOL_ERROR = "PROTOCOL_ERROR"
    VOICE_MODE_MISMATCH = "VOICE_MODE_MISMATCH"
    AUDIO_UNAVAILABLE = "AUDIO_UNAVAILABLE"


SHORTEST_SECRET = 8
"""Characters from which on a key is looked for: a shorter one is found in any text."""


def concealed(text: str, *secrets: str) -> str:
    """`text` without secrets that it may hold."""
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return text


class EstuaryError(Exception):
    """The root of every error of this library.

    `message` is for people, `code` for programs, `details` carries what else is known (for a
    server's own error its code stands under `details["code"]`). No secret is ever in any of them.
    """

    def __init__(
        self,
        message: str,
        code: ErrorCode = ErrorCode.UNKNOWN,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message: str = message
        self.code: ErrorCode = code
        self.details: dict[str, Any] = dict(details or {})

    def conceal(self, secret: str) -> None:
        """Take a secret out of the texts, should the server have repeated it there."""
        self.message = concealed(self.message, secret)
        BaseException.__init__(self, self.message)  # Sets `args`.
        for key, value in self.details.items():
            if isinstance(value, str):
                self.details[key] = concealed(value, secret)

    def __str__(self) -> str:
        return f"[{self.code.value}] {self.message}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r}, {self.code.value})"


class _ReplyError(EstuaryError):
    """A reply that ended without its final text; `partial` holds the text that had come."""

    _code = ErrorCode.UNKNOWN

    def __init__(
        self, message: str, *, partial: str = "", details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message, self._code, details)
        self.partial = partial


class ReplyTimeout(_ReplyError, TimeoutError):
    """No final answer came in time (API 3). Also a `TimeoutError`, as the seeds promise."""

    _code = ErrorCode.TIMEOUT


class ReplyInterrupted(_ReplyError):
    """The answer was interrupted or redacted before it was complete (API 3)."""

    _code = ErrorCode.INTERRUPTED


class ConnectionLost(_ReplyError):
    """The connection fell while an answer was due (API 3)."""

    _code = ErrorCode.CONNECTION_FAILED


class QuotaExceeded(_ReplyError):
    """The account's quota ended a waiting reply (API 3); the counts are in `details`."""

    _code = ErrorCode.QUOTA_EXCEEDED


class WaitTimeout(EstuaryError, TimeoutError):
    """What was waited for did not come in time."""

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, ErrorCode.TIMEOUT, details)


class LocalProtocolError(EstuaryError):
    """The caller asked for something that is wrong here and now; nothing has changed."""

    def __init__(
        self,
        message: str,
        code: ErrorCode = ErrorCode.PROTOCOL_ERROR,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, code, details)


class SendBlocked(LocalProtocolError):
    """The send buffer is full; a `Writable` event tells when there is room again."""

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, ErrorCode.SEND_BUFFER_FULL, details)


class RemoteProtocolError(EstuaryError):
    """The peer broke the protocol. Raised by the codecs, handled inside the connection."""

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, ErrorCode.PROTOCOL_ERROR, details)
