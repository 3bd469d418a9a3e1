"""The byte layer of a client that is observed: it counts, and sees heartbeats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from estuary_proto.life import Life
from estuary_proto.websocket import WebSocketLink

if TYPE_CHECKING:
    from estuary_proto.errors import EstuaryError

    from .watch import Watch

_PING = "2"
"""How a server's ping begins (Engine.IO 4)."""


class WatchedLife(Life):
    """One link of a client that is observed."""

    __slots__ = ("_watch",)

    def __init__(self, core: Any, link: int, watch: Watch) -> None:
        super().__init__(core, link)
        self._watch = watch

    def receive(self, frame: str | bytes, *, now: float) -> None:
        """See `Life`."""
        if isinstance(frame, str) and frame.startswith(_PING):
            self._watch.beat()
        super().receive(frame, now=now)

    def refused(self, error: EstuaryError, *, now: float) -> None:
        """See `Life`."""
        self._watch.failed(error)
        super().refused(error, now=now)


class WatchedLink(WebSocketLink):
    """A WebSocket whose bytes are counted."""

    def __init__(self, watch: Watch, life: WatchedLife, **more: Any) -> None:
        super().__init__(life, **more)
        self._watch = watch

    def receive_data(self, data: bytes | bytearray | memoryview, now: float) -> None:
        """See `WebSocketLink`."""
        self._watch.moved(len(data), 0)
        super().receive_data(data, now)

    def data_to_send(self, limit: int = 65536) -> bytes:
        """See `WebSocketLink`."""
        data = super().data_to_send(limit)
        if data:
            self._watch.moved(0, len(data))
        return data


def watched_link(watch: Watch, core: Any, number: int, **more: Any) -> WatchedLink:
    """The WebSocket of one link of a client that is observed."""
    return WatchedLink(watch, WatchedLife(core, number, watch), **more)
