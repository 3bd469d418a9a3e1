"""How a connection may end, and what follows: pure tables and functions (API 6).

The names on the left are causes; `ENDINGS` says for each what the user is told, whether the client
tries again, whether a session of ten seconds may reset the counter of attempts, whether voice comes
back, and which error code stands for it.
"""

from __future__ import annotations

from enum import Enum
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from .errors import ErrorCode


class Cause(Enum):
    """Why a connection ended. The value is the reason that `disconnected` carries (API 6)."""

    NETWORK = "network"
    HEARTBEAT = "heartbeat"
    SERVER_RESTART = "server_restart"
    SERVER_DISCONNECT = "server_disconnect"
    SESSION_TIMEOUT = "session_timeout"
    SESSION_REJECTED = "session_rejected"
    MODERATION = "moderation"
    QUOTA = "quota"
    AUTH = "auth"
    CREDENTIAL = "credential"
    PROTOCOL = "protocol"
    CLIENT = "client"
    TIMEOUT = "timeout"
    """The attempt took longer than `connect_timeout`."""


class Ending(NamedTuple):
    """What follows from a cause."""

    retry: bool
    resets_counter: bool
    voice_resumes: bool
    code: ErrorCode


ENDINGS: Final = MappingProxyType(
    {
        #                                retry  resets voice  code
        Cause.NETWORK: Ending(True, True, True, ErrorCode.CONNECTION_FAILED),
        Cause.HEARTBEAT: Ending(True, True, True, ErrorCode.CONNECTION_FAILED),
        Cause.SERVER_RESTART: Ending(True, True, True, ErrorCode.CONNECTION_FAILED),
        Cause.TIMEOUT: Ending(True, True, True, ErrorCode.CONNECTION_TIMEOUT),
        Cause.SERVER_DISCONNECT: Ending(True, False, False, ErrorCode.CONNECTION_FAILED),
        Cause.PROTOCOL: Ending(True, False, False, ErrorCode.CONNECTION_FAILED),
        Cause.SESSION_TIMEOUT: Ending(False, False, False, ErrorCode.CONNECTION_FAILED),
        Cause.SESSION_REJECTED: Ending(False, False, False, ErrorCode.CONNECTION_FAILED),
        Cause.MODERATION: Ending(False, False, False, ErrorCode.CONNECTION_FAILED),
        Cause.QUOTA: Ending(False, False, False, ErrorCode.QUOTA_EXCEEDED),
        Cause.AUTH: Ending(False, False, False, ErrorCode.AUTH_FAILED),
        Cause.CREDENTIAL: Ending(False, False, False, ErrorCode.AUTH_FAILED),
        Cause.CLIENT: Ending(False, False, False, ErrorCode.CONNECTION_FAILED),
    }
)

GOING_AWAY: Final = frozenset({1001, 1012, 1013})
"""WebSocket close codes of a server that restarts or is overloaded (RFC 6455 7.4.1)."""

VERDICT_HOLDS: Final = 10.0
"""Seconds in which a disconnect belongs to the verdict that was announced before it."""

SETTLED_AFTER: Final = 10.0
"""A session that has lived this many seconds sets the counter of attempts back to zero (API 6)."""


class Verdict(NamedTuple):
    """What the server announced before it hangs up."""

    cause: Cause
    text: str
    details: dict[str, Any]


_VERDICTS: Final = MappingProxyType(
    {
        "auth_error": (Cause.AUTH, "authentication failed"),
        "session_timeout": (Cause.SESSION_TIMEOUT, "the session was idle for too long"),
        "session_rejected": (Cause.SESSION_REJECTED, "the session was rejected"),
        "quota_exceeded": (Cause.QUOTA, "the quota is used up"),
        "moderation_warning": (Cause.MODERATION, "moderation ended the session"),
    }
)


def verdict_of(message: Any) -> Verdict | None:
    """What `message` says about the coming end, or None (PROTOCOL 3)."""
    found = _VERDICTS.get(getattr(message, "NAME", ""))
    if found is None or (found[0] is Cause.MODERATION and message.level != "terminated"):
        return None
    details: dict[str, Any] = message.to_dict()
    said = details.get("message") or details.get("error") or details.get("reason")
    return Verdict(found[0], f"{found[1]}: {said}" if said else found[1], details)


def cause_of_close(code: int | None) -> Cause:
    """The cause for a WebSocket that closed with `code`, or without a close frame (None)."""
    if code in GOING_AWAY:
        return Cause.SERVER_RESTART
    if code in (1000, 1008):  # Its purpose is fulfilled, or we broke its policy: it means it.
        return Cause.SERVER_DISCONNECT
    return Cause.NETWORK


def retry_delay(attempt: int, base: float, ceiling: float, chance: float) -> float:
    """Seconds before attempt `attempt` (1, 2, …); `chance` is uniform in [0, 1) (API 6)."""
    # An exponent over 1000 overflows a float; the ceiling is reached long before.
    doubled = base * 2.0 ** min(attempt - 1, 500)
    return min(ceiling, doubled) * (0.5 + 0.5 * chance)
