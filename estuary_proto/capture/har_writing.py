"""A capture as HAR 1.2, for whatever reads that: browsers, proxies, and `from_har`.

A capture holds no secrets, and so this holds none.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from ..models.pcm import encode_pcm
from ..version import __version__
from .entries import read

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .entries import Entry

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT, _BINARY = 1, 2
_LONGEST: Final = 1e9
"""Seconds that a session may last, as far as anybody believes."""


def to_har(lines: Iterable[str]) -> dict[str, Any]:
    """The WebSockets and REST calls of a capture, as the JSON of a HAR.

    Raises EstuaryError, naming the line, for what is not a capture.
    """
    entries = read(lines)
    writing = _Writing(next(entries).data)
    for entry in entries:
        # JSON of others knows no infinity.
        writing.add(entry, min(max(0.0, entry.at), _LONGEST))
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "estuary-anyio", "version": __version__},
            "entries": writing.entries,
        }
    }


class _Writing:
    def __init__(self, header: dict[str, Any]) -> None:
        self.entries: list[dict[str, Any]] = []
        self._sockets: dict[Any, tuple[float, dict[str, Any]]] = {}
        self._calls: dict[str, tuple[float, dict[str, Any]]] = {}
        self._started = _moment(header.get("started"))
        config = header.get("config")
        url = str(config.get("server_url", "")) if isinstance(config, dict) else ""
        self._origin = url.rstrip("/")
        try:
            parts = urlsplit(url)
            self._origin = f"{parts.scheme}://{parts.netloc}"
        except ValueError:
            pass

    def add(self, entry: Entry, at: float) -> None:
        """One line, and its time."""
        got = entry.data.get("got")
        if entry.kind == "rest":
            self._rest(entry, at)
        elif entry.name == "command" and isinstance(got, dict) and got.get("is") == "Dial":
            self._dial(at, got)
        elif entry.link in self._sockets:
            began, socket = self._sockets[entry.link]
            frame = entry.frame
            if frame is not None:
                kind = "receive" if entry.kind == "input" else "send"
                self._frame(socket, kind, at, frame)
                socket["time"] = max(0.0, (at - began) * 1000)

    def _dial(self, at: float, dial: dict[str, Any]) -> None:
        scheme = "wss" if dial.get("secure") else "ws"
        host = str(dial.get("host", ""))
        host = f"[{host}]" if ":" in host else host
        url = f"{scheme}://{host}:{dial.get('port', 80)}{dial.get('target', '/')}"
        made = self._entry(at, "GET", url)
        made["response"] |= {"status": 101, "statusText": "Switching Protocols"}
        made |= {"_resourceType": "websocket", "_webSocketMessages": []}
        link = dial.get("link")
        self._sockets[link if type(link) is int else None] = (at, made)

    def _frame(self, socket: dict[str, Any], kind: str, at: float, frame: str | bytes) -> None:
        binary = isinstance(frame, bytes)
        moment = (self._started - _EPOCH).total_seconds() + at
        socket["_webSocketMessages"].append(
            {
                "type": kind,
                "time": moment,
                "opcode": _BINARY if binary else _TEXT,
                "data": encode_pcm(frame) if isinstance(frame, bytes) else frame,
            }
        )

    def _rest(self, entry: Entry, at: float) -> None:
        data, call = entry.data, str(entry.data.get("call"))
        if entry.name == "sent":
            url = self._origin + str(data.get("target", "/"))
            made = self._entry(at, str(data.get("method", "GET")), url)
            made["request"]["headers"] = _headers(data)
            if isinstance(body := data.get("body"), str):
                kind = _header(data, "content-type")
                made["request"]["postData"] = {"mimeType": kind, "params": [], "text": body}
            self._calls[call] = (at, made)
        elif call in self._calls:
            began, made = self._calls[call]
            made["time"] = made["timings"]["wait"] = max(0.0, (at - began) * 1000)
            response = made["response"]
            if entry.name == "failed":
                response["_error"] = str(data.get("reason", ""))
                return
            body = data.get("body")
            text = body if isinstance(body, str) else ""
            response["status"] = data.get("status", 0)
            response["headers"] = _headers(data)
            kind = _header(data, "content-type")
            size = len(text.encode("utf-8", "replace"))
            response["content"] = {"size": size, "mimeType": kind, "text": text}

    def _entry(self, at: float, method: str, url: str) -> dict[str, Any]:
        moment = self._started + timedelta(seconds=at)
        try:
            query = parse_qsl(urlsplit(url).query, keep_blank_values=True)
        except ValueError:
            query = []
        shared = {"httpVersion": "HTTP/1.1", "cookies": [], "headersSize": -1, "bodySize": -1}
        made: dict[str, Any] = {
            "startedDateTime": moment.isoformat(timespec="milliseconds"),
            "time": 0.0,
            "request": {
                "method": method,
                "url": url,
                "headers": [],
                "queryString": [{"name": name, "value": value} for name, value in query],
                **shared,
            },
            "response": {
                "status": 0,
                "statusText": "",
                "headers": [],
                "content": {"size": 0, "mimeType": ""},
                "redirectURL": "",
                **shared,
            },
            "cache": {},
            "timings": {"send": 0.0, "wait": 0.0, "receive": 0.0},
        }
        self.entries.append(made)
        return made


def _moment(started: Any) -> datetime:
    try:
        found = datetime.fromisoformat(started)
    except (TypeError, ValueError):
        return _EPOCH
    found = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return found if 1970 < found.year < 9000 else _EPOCH


def _headers(data: dict[str, Any]) -> list[dict[str, str]]:
    told = data.get("headers")
    pairs = told if isinstance(told, list) else []
    return [
        {"name": str(pair[0]), "value": str(pair[1])}
        for pair in pairs
        if isinstance(pair, list) and len(pair) == 2
    ]


def _header(data: dict[str, Any], name: str) -> str:
    return next((one["value"] for one in _headers(data) if one["name"].lower() == name), "")
