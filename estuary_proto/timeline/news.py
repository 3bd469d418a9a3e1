"""What the lanes want to know of a capture's entries, with the types that they count on.

A capture may have been edited by hand or come from elsewhere: what is odd becomes empty, and text
is made fit for UTF-8 and XML.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from ..capture.sound import length_of
from ..models.pcm import decode_or_empty

if TYPE_CHECKING:
    from ..capture import Entry

_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_EVENT = re.compile(r'42(?:/[^,\[]*,)?\d*\["([a-z_]{1,64})"')
AUDIBLE: Final = ("bot_voice", "agent_turn_voice", "stream_audio")
"""Messages whose frames are read, since their audio is nowhere else."""

WANTED: Final = (*AUDIBLE, "client_interrupt")


def clean(value: Any) -> str:
    """This text without what no page or picture may hold; "" if it is no text."""
    return _UNFIT.sub("\ufffd", value) if isinstance(value, str) else ""


def number(value: Any) -> float:
    """This number; 0 if it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e15:
        return 0.0
    return float(value) if isfinite(value) else 0.0


def rate_of(value: Any, usual: int = 16000) -> int:
    """This sample rate; the usual one if it is none."""
    return value if type(value) is int and 4000 <= value <= 384_000 else usual


def fields(value: Any) -> dict[str, Any]:
    """This object; empty if it is none."""
    return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True)
class News:
    """Something that happened at `at`.

    `kind` is "event" (the client told it), "input" (the application or the network did it), "sent"
    or "came" (a message in a frame); `name` is the class of the event, the verb of the input, or
    the wire name. Inputs that raised have happened to nobody.
    """

    at: float
    kind: str
    name: str
    data: dict[str, Any]

    @property
    def message_id(self) -> str:
        """The message that it is about, or ""."""
        return clean(self.data.get("message_id"))

    @property
    def audio(self) -> str:
        """The audio as the capture has it: base64, or what stands for it."""
        audio = self.data.get("audio")
        return audio if isinstance(audio, str) else ""

    @property
    def pcm(self) -> bytes:
        """The audio, decoded; empty if the capture has none."""
        return decode_or_empty(self.audio)

    @property
    def withheld(self) -> int:
        """Bytes of audio that the capture has the length of, and nothing else."""
        return length_of(self.audio)


def news_of(entry: Entry, at: float) -> News | None:
    """What this entry tells, if any lane wants it."""
    data = entry.data
    frame = entry.frame
    if frame is not None:
        kind = "came" if entry.kind == "input" else "sent"
        return _message(at, kind, frame) if isinstance(frame, str) else None
    if entry.kind == "input":
        return None if "raised" in data else News(at, "input", entry.name, data)
    got = fields(data.get("got"))
    if entry.name == "event" and got:
        return News(at, "event", clean(got.get("is")), got)
    return None


def _message(at: float, kind: str, frame: str) -> News | None:
    match = _EVENT.match(frame)
    if match is None or match[1] not in WANTED:
        return None
    try:
        packet = json.loads(frame[frame.index("[") :])
    except (ValueError, RecursionError):
        return None
    payload = packet[1] if len(packet) > 1 else {}
    return News(at, kind, match[1], fields(payload))
