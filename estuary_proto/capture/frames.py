"""What two frames have in common: their kind, and their content however it is spelt."""

from __future__ import annotations

import json
import re
from typing import Any, Final

_ACK_ID: Final = re.compile(r"\A(4[2356](?:\d+-)?/sdk,)(\d{1,18})(?=\[)")
"""The number by which an event asks for its ack, or an ack answers."""

_EVENT: Final = re.compile(r"4[25](?:\d+-)?/sdk,(?:\d{1,18})?(?=\[)")
_NAMESPACE: Final = "/sdk,"


def kind_of(frame: str | bytes) -> str:
    """What kind of frame it is: `42text` for an event, else its type (`40`, `2`, `bytes`)."""
    if isinstance(frame, bytes):
        return "bytes"
    match = _EVENT.match(frame)
    if match is None:
        return frame[:2] if frame[:1] == "4" else frame[:1]
    name = frame[match.end() + 1 :].split(",", 1)[0].rstrip("]").strip()
    return "42" + name.strip('"')


def ack_id_of(frame: str | bytes) -> str:
    """The number of the ack that it asks for or is; empty without one."""
    match = _ACK_ID.match(frame) if isinstance(frame, str) else None
    return "" if match is None else match[2]


def with_ack_id(frame: str, number: str) -> str:
    """The same frame with another number."""
    return _ACK_ID.sub(lambda match: match[1] + number, frame)


def content_of(frame: str | bytes) -> Any:
    """What it says: without the number of its ack, and without the spelling of its JSON."""
    if isinstance(frame, bytes):
        return frame
    match = _EVENT.match(frame)
    head = frame.find(_NAMESPACE)
    begin = match.end() if match is not None else head + len(_NAMESPACE)
    if head < 0 or begin >= len(frame):
        return frame.removesuffix(",")
    try:
        return frame[:2], json.dumps(json.loads(frame[begin:]), sort_keys=True)
    except (ValueError, RecursionError):
        return frame


def payload_of(frame: str | bytes) -> Any:
    """The JSON of an event or of a connect, None if there is none."""
    if isinstance(frame, bytes):
        return None
    match = _EVENT.match(frame)
    begin = match.end() if match is not None else frame.find(_NAMESPACE) + len(_NAMESPACE)
    try:
        return json.loads(frame[begin:])
    except (ValueError, RecursionError):
        return None
