"""One link of a client, with the verbs of a `Connection`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import EstuaryError
    from .events import HangUp
    from .timers import Deadline


class Life:
    """One link of a client (or of a recorder around it), for a byte layer to wrap."""

    __slots__ = ("_core", "_link")

    def __init__(self, core: Any, link: int) -> None:
        self._core = core
        self._link = link

    def start(self, *, now: float) -> None:
        """The WebSocket is open."""
        self._core.opened(self._link, now=now)

    def receive(self, frame: str | bytes, *, now: float) -> None:
        """One complete WebSocket message has come."""
        self._core.receive(self._link, frame, now=now)

    def receive_eof(self, *, now: float, code: int | None = None, reason: str = "") -> None:
        """The WebSocket is gone."""
        self._core.receive_eof(self._link, now=now, code=code, reason=reason)

    def refused(self, error: EstuaryError, *, now: float) -> None:
        """The handshake failed."""
        self._core.dial_failed(self._link, error, now=now)

    def fault(self, error: EstuaryError, *, now: float) -> None:
        """The peer broke the rules of WebSocket."""
        self._core.fault(self._link, error, now=now)

    def handle_timeout(self, *, now: float) -> None:
        """The deadline may be due."""
        self._core.handle_timeout(now=now)

    @property
    def deadline(self) -> Deadline | None:
        """The client's deadline."""
        deadline: Deadline | None = self._core.deadline
        return deadline

    @property
    def wants_read(self) -> bool:
        """False while reading should pause."""
        return bool(self._core.wants_read)

    @property
    def wants_write(self) -> bool:
        """True while `next_frame` has something to give, or something to settle."""
        return bool(self._core.wants_write(self._link))

    def next_event(self) -> Any:
        """The client's next event, or None."""
        return self._core.next_event()

    def next_frame(self, *, batch: bool = False) -> str | bytes | HangUp | None:
        """The next frame to send, or None."""
        frame: str | bytes | HangUp | None = self._core.next_frame(self._link, batch=batch)
        return frame
