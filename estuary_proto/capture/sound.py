"""Sound is left out of a capture that is not to hold it: its length and hash stand for it.

`«pcm 640 9f86d081884c7d65»` are 640 bytes, with the first digits of their SHA-256. A replay puts
silence of the same length in their place, which is all that the core asks of a sound. Base64 that
is damaged becomes `«damaged …»`, which is no base64 either, so that it replays as damaged.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import Any, Final

from ..models.pcm import decode_pcm, encode_pcm

BYTES: Final = "«bytes»"
PCM: Final = "«pcm»"

_AUDIO: Final = re.compile(r'"audio"(\s*:\s*)"((?:[^"\\]|\\.)*)("?)', re.DOTALL)
_STAND_IN: Final = re.compile(r"«pcm (\d{1,8}) [0-9a-f]{16}»")
_DAMAGED: Final = re.compile(r"«damaged (\d+) [0-9a-f]+»")
_HASH: Final = re.compile(r"(«pcm \d+|«damaged \d+|characters, crc32) [0-9a-f]+»")


def hushed_bytes(data: bytes) -> str:
    """What stands for these bytes."""
    return f"«pcm {len(data)} {sha256(data).hexdigest()[:16]}»"


def hushed_text(audio: str) -> str:
    """What stands for this base64."""
    if not audio or audio[0] == "«":
        return audio
    try:
        return hushed_bytes(decode_pcm(audio))
    except ValueError:
        digest = sha256(audio.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return f"«damaged {len(audio)} {digest}»"


def hushed_frame(frame: str) -> str:
    """A frame of the wire without its sound, which stands under `audio`."""
    return _AUDIO.sub(_hushed, frame) if '"audio"' in frame else frame


def _hushed(match: re.Match[str]) -> str:
    colon, raw, end = match.groups()
    try:
        audio = json.loads(f'"{raw}"', strict=False)
    except ValueError:  # An escape that JSON has not: the frame stays as wrong as it is.
        return f'"audio"{colon}"\\x{end}'
    return f'"audio"{colon}"{hushed_text(audio)}{end}'


def hushed(value: Any) -> Any:
    """A form without its sounds: bytes of any kind, what stands under `audio`, and frames."""
    if isinstance(value, list):
        return [hushed(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and isinstance(data := value.get(BYTES), str):
        return {PCM: hushed_text(data)}
    return {key: _HUSHED.get(key, hushed)(item) for key, item in value.items()}


def _audio(value: Any) -> Any:
    return hushed_text(value) if isinstance(value, str) else hushed(value)


def _frame(value: Any) -> Any:
    return hushed_frame(value) if isinstance(value, str) else hushed(value)


_HUSHED: Final = {"audio": _audio, "frame": _frame, "got": _frame}


def length_of(text: str) -> int:
    """The bytes of the sound that this stands for; 0 if it stands for none."""
    found = _STAND_IN.fullmatch(text)
    return int(found[1]) if found else 0


def silence(text: str) -> str:
    """A text in which silence, as base64, has taken the place of what stands for sounds."""
    return _STAND_IN.sub(lambda match: encode_pcm(bytes(int(match[1]))), text)


def silent(value: Any) -> Any:
    """A form in which silence has taken the place of what stands for sounds."""
    if isinstance(value, str):
        return silence(value)
    if isinstance(value, list):
        return [silent(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and isinstance(text := value.get(PCM), str):
        return {BYTES: silence(text)}
    return {key: silent(item) for key, item in value.items()}


def unhashed(text: str) -> str:
    """The same without hashes of sounds, which silence does not share. What stands for a damaged
    one is shorter than what it stands for, and so told in full where that is told by its length."""
    return _HASH.sub(r"\1»", _DAMAGED.sub(r"«\1 characters, crc32 0»", text))
