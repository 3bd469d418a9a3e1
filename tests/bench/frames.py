"""The frames of the bench server: WebSocket around Socket.IO, as small as it can be.

Written apart from the packages under test, so that a mistake of theirs cannot hide in here.
"""

from __future__ import annotations

import base64
import json

from .audio import pcm

TOKENS = 40  # token events in one answer; one final event follows them
CHUNKS = 25  # bot_voice events in one answer: 5 s of speech
WORDS = (" the", " river", " runs", " on,", " deep", " and", " wide", " again")
TEXT, CLOSE = 1, 8  # opcodes, RFC 6455, section 5.2


def write_json(value: object) -> bytes:
    """JSON without spaces, as a python-socketio server writes it."""
    return json.dumps(value, separators=(",", ":")).encode()


def ws_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """One unmasked WebSocket frame (RFC 6455, section 5.2), payloads below 64 KiB."""
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
    return bytes([0x80 | opcode]) + length + payload


def event_frame(name: str, payload: dict[str, object]) -> bytes:
    """A Socket.IO event of the namespace ``/sdk`` as a WebSocket frame."""
    return ws_frame(b"42/sdk," + write_json([name, payload]))


def token_frames(count: int) -> list[bytes]:
    """``count`` bot_response events: answers of 40 cumulative tokens (about 200 characters) and
    a final event, each answer under a message id of its own (PROTOCOL 3, C1)."""
    frames: list[bytes] = []
    text, index = "", 0
    for number in range(count):
        answer, index = divmod(number, TOKENS + 1)
        final = index == TOKENS
        partial = "" if final else WORDS[index % len(WORDS)]
        text = partial if index == 0 else text + partial
        payload: dict[str, object] = {
            "text": text,
            "is_final": final,
            "partial": partial,
            "message_id": f"6f1c2d9e-0000-4000-8000-{answer:012d}",
            "chunk_index": index,
            "is_interjection": False,
        }
        frames.append(event_frame("bot_response", payload))
    return frames


def voice_frames(count: int, size: int) -> list[bytes]:
    """``count`` bot_voice events of ``size`` bytes of PCM at 16 kHz, 25 to an answer."""
    frames: list[bytes] = []
    for number in range(count):
        answer, index = divmod(number, CHUNKS)
        payload: dict[str, object] = {
            "audio": base64.b64encode(pcm(0, number * size, size)).decode(),
            "message_id": f"6f1c2d9e-0000-4000-8000-{answer:012d}",
            "chunk_index": index,
            "is_final": index == CHUNKS - 1,
            "sample_rate": 16000,
            "is_interjection": False,
        }
        frames.append(event_frame("bot_voice", payload))
    return frames


def interrupted_frames(count: int, size: int) -> list[bytes]:
    """``count`` events, in turns: a bot_voice of a message of its own, and its interrupt."""
    frames: list[bytes] = []
    for number, voice in enumerate(voice_frames(count // 2 * CHUNKS, size)[::CHUNKS]):
        told: dict[str, object] = {
            "message_id": f"6f1c2d9e-0000-4000-8000-{number:012d}",
            "reason": "barge_in",
            "interrupted_at": "2026-01-01T00:00:00Z",
        }
        frames += [voice, event_frame("interrupt", told)]
    return frames


def take_frame(unread: bytearray) -> tuple[int, bytes] | None:
    """The first whole masked frame of a client, taken out of ``unread``."""
    if len(unread) < 2:
        return None
    extra = {126: 2, 127: 8}.get(unread[1] & 0x7F, 0)
    size = int.from_bytes(unread[2 : 2 + extra], "big") if extra else unread[1] & 0x7F
    begin = 2 + extra + 4
    if len(unread) < begin + size:
        return None
    mask, masked = unread[begin - 4 : begin], unread[begin : begin + size]
    opcode = unread[0] & 0x0F
    del unread[: begin + size]
    key = (mask * (size // 4 + 1))[:size]  # as one long number: a loop over bytes is too slow
    plain = int.from_bytes(masked, "big") ^ int.from_bytes(key, "big")
    return opcode, plain.to_bytes(size, "big")
