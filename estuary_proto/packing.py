"""From messages to the frames that carry them in our namespace, and what is too large for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from . import engineio, messages, socketio
from .engineio import PacketType as Engine
from .errors import LocalProtocolError
from .models.pcm import encode_pcm
from .socketio import Packet
from .socketio import PacketType as Socket

if TYPE_CHECKING:
    from .engineio import Open

NAMESPACE: Final = "/sdk"
"""The one namespace that an Estuary server speaks (PROTOCOL 1.1)."""

PLAIN_EVENT: Final = f"42{NAMESPACE},["
"""How an event begins that asks for no acknowledgement and has no attachments."""

MAX_AUDIO: Final = 2**16
"""Bytes of PCM in one frame, where the server does not ask for less."""

_AROUND_AUDIO: Final = 64
"""Characters of a `stream_audio` frame around its base64, and to spare."""


def pack(packet: Packet) -> list[str | bytes]:
    """The frames of a packet."""
    head, *attachments = socketio.encode(packet)
    return [engineio.encode(Engine.MESSAGE, str(head)), *attachments]


def pack_message(message: Any, ident: int | None) -> tuple[str, list[str | bytes]]:
    """The wire name of a message, and its frames; `ident` asks for an acknowledgement."""
    name, args = messages.write(message)
    return name, pack(Packet(Socket.EVENT, NAMESPACE, ident, [name, *args]))


def pack_audio(pcm: bytes) -> str:
    """The frame of `stream_audio` (PROTOCOL 2): the one shape that is worth a way of its own."""
    return f'{PLAIN_EVENT}"stream_audio",{{"audio":"{encode_pcm(pcm)}"}}]'


def max_audio(handshake: Open | None) -> int:
    """The most bytes of PCM that one frame may carry to this server."""
    if handshake is None:
        return MAX_AUDIO
    return min(MAX_AUDIO, (handshake.max_payload - _AROUND_AUDIO) * 3 // 4)


def check_size(name: str, frames: list[str | bytes], handshake: Open | None) -> None:
    """Refuse what the server said it would not take: sending it would kill the connection."""
    if handshake is None:
        return
    limit = handshake.max_payload
    for frame in frames:
        # Four bytes a character is the most that UTF-8 takes.
        if len(frame) * 4 > limit:
            size = len(frame.encode()) if isinstance(frame, str) else len(frame)
            if size > limit:
                raise LocalProtocolError(
                    f"{name!r} takes {size} bytes on the wire and the server accepts {limit} "
                    "(its maxPayload); send less at a time",
                    details={"size": size, "limit": limit},
                )
