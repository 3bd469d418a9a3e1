"""What a capture amounts to, from its entries alone: no core runs for it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .entries import read

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .entries import Entry


@dataclass(frozen=True, slots=True)
class Summary:
    """A session in figures. Times are seconds, sizes bytes of WebSocket messages.

    A turn is a text that was accepted, or speech that the server understood. `pieces` are those of
    the character's text. `first_piece` holds, for each turn that was answered, how long the first
    of them took; what comes unasked answers nothing. `interruptions` are those that the server
    confirmed, `reconnects` those that led to a session. `connected` is the time with a session,
    `seconds` the whole of the capture. Placeholders count as long as they are.
    """

    library: str
    started: str | None
    turns: int
    pieces: int
    first_piece: tuple[float, ...]
    interruptions: int
    reconnects: int
    connected: float
    seconds: float
    bytes_in: int
    bytes_out: int


def summary(lines: Iterable[str]) -> Summary:
    """Sum up a capture. Raises EstuaryError, naming the line, for what is not one."""
    entries = read(lines)
    header = next(entries).data
    sums = _Sums()
    for entry in entries:
        sums.add(entry)
    return Summary(
        library=str(header.get("library", "")),
        started=header.get("started"),
        turns=sums.turns,
        pieces=sums.pieces,
        first_piece=tuple(sums.first_piece),
        interruptions=sums.interruptions,
        reconnects=sums.reconnects,
        connected=sums.connected + (0.0 if sums.since is None else sums.at - sums.since),
        seconds=sums.at,
        bytes_in=sums.bytes_in,
        bytes_out=sums.bytes_out,
    )


class _Sums:
    def __init__(self) -> None:
        self.turns = self.pieces = self.interruptions = self.reconnects = 0
        self.bytes_in = self.bytes_out = 0
        self.first_piece: list[float] = []
        self.connected = 0.0
        self.at = 0.0
        self.since: float | None = None
        self._retrying = False
        # When each turn that waits for its answer began; None for a line, which is no turn.
        self._waiting: deque[float | None] = deque()
        self._seen: set[str] = set()

    def add(self, entry: Entry) -> None:
        self.at = max(self.at, entry.at)
        data = entry.data
        frame = entry.frame
        if frame is not None:
            size = len(frame.encode("utf-8", "replace")) if isinstance(frame, str) else len(frame)
            if entry.kind == "input":
                self.bytes_in += size
            else:
                self.bytes_out += size
        elif entry.name in ("submit", "ask") and "raised" not in data:
            self._said(entry.at, data.get("message"))
        elif entry.name == "event" and isinstance(data.get("got"), dict):
            self._told(entry.at, data["got"])

    def _said(self, at: float, message: Any) -> None:
        wire = message.get("wire") if isinstance(message, dict) else None
        if wire == "text":
            self.turns += 1
            self._waiting.append(at)
        elif wire == "say_line":
            self._waiting.append(None)

    def _told(self, at: float, event: dict[str, Any]) -> None:
        name = event.get("is")
        if name == "BotResponse":
            self._response(at, event)
        elif name == "SttResponse" and event.get("is_final") and event.get("text"):
            self.turns += 1
            self._waiting.append(at)
        elif name == "InterruptData":
            self.interruptions += 1
        elif name == "Reconnecting":
            self._retrying = True
        elif name == "Connected":
            self.reconnects += self._retrying
            self._retrying = False
            self.since = at
        elif name == "Disconnected":
            self._waiting.clear()
            if self.since is not None:
                self.connected += at - self.since
                self.since = None

    def _response(self, at: float, event: dict[str, Any]) -> None:
        if not event.get("partial"):
            return
        self.pieces += 1
        ident = str(event.get("message_id", ""))
        if ident in self._seen:
            return
        self._seen.add(ident)
        if not event.get("is_interjection") and self._waiting:
            began = self._waiting.popleft()
            if began is not None:
                self.first_piece.append(at - began)
