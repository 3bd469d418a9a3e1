"""What is submitted to a connection beside messages: how a server answers a join, and acks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .models.session import SessionInfo


@dataclass(frozen=True, slots=True)
class Admit:
    """Server role: let the client in.

    With a session its `session_info` follows the namespace ack; without one the client is let into
    the namespace only, and must authenticate by message first (PROTOCOL 1.3).
    """

    session: SessionInfo | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """Server role: turn the client away with a Socket.IO connect error (PROTOCOL 1.5)."""

    message: str


@dataclass(frozen=True, slots=True)
class Ack:
    """Acknowledge the event that came as `AckDue(ack_id, …)`."""

    ack_id: int
    args: tuple[Any, ...] = ()
