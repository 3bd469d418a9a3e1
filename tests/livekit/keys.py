"""Tickets for rooms, as whoever holds the server's key makes them."""

from __future__ import annotations

import time
from typing import Any

import jwt

KEY, SECRET = "devkey", "devsecret-of-at-least-thirty-two-bytes"


def token(identity: str, room: str, secret: str = SECRET) -> str:
    """To join a room, speak there and set attributes."""
    return _signed(identity, secret, roomJoin=True, room=room, canUpdateOwnMetadata=True)


def admin(room: str) -> str:
    """To look after a room."""
    return _signed("", SECRET, roomCreate=True, roomList=True, roomAdmin=True, room=room)


def _signed(identity: str, secret: str, **grants: Any) -> str:
    now = int(time.time())
    claims = {"iss": KEY, "sub": identity, "nbf": now - 60, "exp": now + 600, "video": grants}
    return jwt.encode(claims, secret, algorithm="HS256")
