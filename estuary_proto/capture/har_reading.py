"""WebSockets in HAR 1.2, as browsers and proxies export it.

WebSocket frames stand under `_webSocketMessages` of an entry, a convention of Chromium's that
Playwright and mitmproxy follow: `{"type": "send" | "receive", "time", "opcode", "data"}`, binary
data in base64. Times are seconds since 1970, with Playwright milliseconds. What went wrong with a
socket is an "error" among its messages, with opcode -1; close frames, pings and pongs may be told
too, by their opcodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from ..config import SCHEMES
from ..errors import ErrorCode, EstuaryError
from ..models.pcm import decode_pcm

if TYPE_CHECKING:
    from collections.abc import Callable

_GREETING: Final = "0{"
_BINARY: Final = 2
_CONTROL: Final = 8
"""Opcodes from here on are no messages (RFC 6455, 5.5)."""
_MILLISECONDS: Final = 1e11
"""Seconds since 1970 are less than this for three thousand years."""
_MOST: Final = 1e14


def bad_har(problem: str) -> EstuaryError:
    """The error for a file that is no HAR, or holds no session."""
    return EstuaryError(f"the HAR: {problem}", ErrorCode.PROTOCOL_ERROR)


@dataclass(frozen=True, slots=True)
class Message:
    """One WebSocket message; `at` is seconds since 1970."""

    kind: Literal["send", "receive"]
    at: float
    data: str | bytes


@dataclass(frozen=True, slots=True)
class Socket:
    """One WebSocket of a HAR that spoke Engine.IO 4; `url` has a scheme of HTTP."""

    url: str
    messages: tuple[Message, ...]

    @property
    def at(self) -> float:
        """When its first message came, in seconds since 1970."""
        return self.messages[0].at


def sockets_in(har: Any) -> list[Socket]:
    """The WebSockets of a HAR on which Engine.IO was spoken, in the order of their times."""
    log = har.get("log") if isinstance(har, dict) else None
    entries = log.get("entries") if isinstance(log, dict) else None
    if not isinstance(entries, list):
        raise bad_har("there are no log.entries")
    found = [socket for entry in entries if (socket := _socket(entry)) is not None]
    return sorted(found, key=lambda socket: socket.at)


def _socket(entry: Any) -> Socket | None:
    request = entry.get("request") if isinstance(entry, dict) else None
    told = entry.get("_webSocketMessages") if isinstance(entry, dict) else None
    url = request.get("url") if isinstance(request, dict) else None
    if not isinstance(url, str) or not isinstance(told, list):
        return None
    if not any(_greets(one) for one in told):
        # It is somebody else's, whatever is in it.
        return None
    messages = [_message(one, number) for number, one in enumerate(told, 1) if _is_data(one)]
    # The sort is stable, so that messages of one moment stay in their order.
    messages.sort(key=lambda message: message.at)
    heard = next((one.data for one in messages if one.kind == "receive"), None)
    if not isinstance(heard, str) or not heard.startswith(_GREETING):
        return None
    scheme = url.partition(":")[0].lower()
    if scheme not in SCHEMES:
        raise bad_har(f"a WebSocket has the scheme {scheme[:20]!r}")
    try:
        urlsplit(url).port  # noqa: B018 - It raises for nonsense.
    except ValueError as error:
        raise bad_har(f"a WebSocket's URL: {error}") from None
    secure = "https" if SCHEMES[scheme] else "http"
    return Socket(secure + url[len(scheme) :], tuple(messages))


def _greets(told: Any) -> bool:
    if not isinstance(told, dict) or told.get("type") != "receive":
        return False
    return isinstance(data := told.get("data"), str) and data.startswith(_GREETING)


def _is_data(told: Any) -> bool:
    """Whether it is to be a message, odd as it may be."""
    if not isinstance(told, dict):
        return True
    opcode = told.get("opcode")
    control = isinstance(opcode, int) and opcode >= _CONTROL
    return not control and told.get("type") != "error"


def _message(told: Any, number: int) -> Message:
    if not isinstance(told, dict):
        raise bad_har(f"message {number} is no object")
    kind, at, data = told.get("type"), told.get("time"), told.get("data")
    if kind not in ("send", "receive") or not isinstance(data, str):
        raise bad_har(f"message {number} has no type or no data")
    if isinstance(at, bool) or not isinstance(at, (int, float)) or not 0 <= at < _MOST:
        raise bad_har(f"message {number} has no time")
    if at > _MILLISECONDS:
        at /= 1000
    if told.get("opcode") == _BINARY:
        return Message(kind, float(at), _decoded(data, number))
    return Message(kind, float(at), data)


def _decoded(data: str, number: int) -> bytes:
    decode: Callable[[str], bytes] = decode_pcm
    try:
        return decode(data)
    except ValueError:
        raise bad_har(f"message {number} is binary, and no base64") from None
