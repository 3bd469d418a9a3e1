"""WebSocket frames: the heads of those that come, and whole texts to be sent (RFC 6455, 5.2).

Only arithmetic: a frame's length is learnt before a byte of it is kept. What is wrong with an odd
head, and all else, is for wsproto to say.
"""

from __future__ import annotations

from typing import Final, NamedTuple

PLAIN_TEXT: Final = 0x81
"""The first byte of a whole text message: final, no reserved bits, opcode 1."""

_FINAL: Final = 0x80
_OPCODE: Final = 0x0F
_MASKED: Final = 0x80
_LENGTH: Final = 0x7F
_CONTROL: Final = 0x08
_RESERVED: Final = 0x70
_OPCODES: Final = frozenset({0, 1, 2, 8, 9, 10})
# Length codes with bytes of their own, how many, and the least length that may use them.
_WIDE: Final = {126: 2, 127: 8}
_LEAST: Final = {2: 126, 8: 65536}


def text_frame(data: bytes, key: bytes = b"") -> bytes:
    """A whole text message, masked with `key` of 4 bytes where there is one (RFC 6455, 5.3)."""
    size = len(data)
    masked = _MASKED if key else 0
    if size < 126:
        head = bytes((PLAIN_TEXT, masked | size))
    elif size < 65536:
        head = bytes((PLAIN_TEXT, masked | 126, size >> 8, size & 255))
    else:
        head = bytes((PLAIN_TEXT, masked | 127)) + size.to_bytes(8, "big")
    if not key:
        return head + data
    # As two long numbers: one operation instead of one a byte.
    keys = int.from_bytes((key * (size // 4 + 1))[:size], "little")
    hidden = int.from_bytes(data, "little") ^ keys
    return head + key + hidden.to_bytes(size, "little")


class FrameHead(NamedTuple):
    """What the head of one frame says. Sizes in bytes."""

    size: int
    """Of the head itself, the masking key included."""
    length: int
    """Of the payload that follows."""
    final: bool
    """Whether the message ends with this frame."""
    control: bool
    """Whether it is a ping, pong or close, which may stand between the frames of a message."""
    odd: bool
    """Whether the head alone breaks a rule, so that no payload need be awaited."""


def read_head(data: bytes | bytearray, at: int, *, masked: bool = False) -> FrameHead | None:
    """The head that begins at index `at` of `data`; None while it is not complete.

    `masked` says what the role demands: a client's frames are, a server's are not.
    """
    room = len(data) - at
    if room < 2:
        return None
    first, second = data[at], data[at + 1]
    has_mask = bool(second & _MASKED)
    length = second & _LENGTH
    wide = _WIDE.get(length, 0)
    size = 2 + wide + (4 if has_mask else 0)
    if room < size:
        return None
    least = 0
    if wide:
        length = int.from_bytes(data[at + 2 : at + 2 + wide], "big")
        least = _LEAST[wide]
    final, control = bool(first & _FINAL), bool(first & _CONTROL)
    odd = (
        bool(first & _RESERVED)
        or first & _OPCODE not in _OPCODES
        or has_mask is not masked
        or length < least
        or (control and (length > 125 or not final))
    )
    return FrameHead(size, length, final, control, odd)
