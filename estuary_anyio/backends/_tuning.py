"""What every socket of ours is set to."""

from __future__ import annotations

import socket

UNSENT = 16 * 2**10
"""Bytes that the kernel keeps unsent at most, where it can be told: what waits there is past
dropping, and a live microphone would rather drop it (API 5)."""


def tune(sock: socket.socket) -> None:
    """Small messages leave at once, and few of them wait where nobody can take them back."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    lowat = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if lowat is not None:
        sock.setsockopt(socket.IPPROTO_TCP, lowat, UNSENT)
