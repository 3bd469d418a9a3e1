"""Lines that the character is given to say, as they are said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from estuary_proto.events import LinesEnd, LinesEnded, LineStarted, Steer

from .threads import check_thread, get_ident

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class Script:
    """What `client.say_lines` returns: `await script` gives how it ended.

    It goes on whether or not somebody waits, and ends once.
    """

    def __init__(self, steer: Callable[[Script, Steer], None]) -> None:
        self._steer = steer
        self._done: anyio.Event | None = None
        self._thread = get_ident()
        self.position: int = 0
        """The line that is being said, or was last, counted from 0."""
        self.said: int = 0
        """How many lines were said to their ends; known at the end."""
        self.end: LinesEnd | None = None
        """How it ended; None while it goes on."""

    def pause(self) -> None:
        """Say no further line after this one, until `resume`."""
        self._steer(self, Steer.PAUSE)

    def resume(self) -> None:
        """Go on after a `pause`."""
        self._steer(self, Steer.RESUME)

    def skip(self) -> None:
        """Cut this line short and go on with the next."""
        self._steer(self, Steer.SKIP)

    def stop(self) -> None:
        """Cut this line short and end; nothing when it is over."""
        self._steer(self, Steer.STOP)

    def update(self, event: LineStarted | LinesEnded) -> None:
        """Called by the client for every event of this script."""
        if isinstance(event, LineStarted):
            self.position = event.index
        else:
            self.end, self.said = event.end, event.said
            if self._done is not None:
                self._done.set()

    async def finished(self) -> LinesEnd:
        """How it ended, when it has."""
        check_thread(self._thread)
        if self._done is None:
            self._done = anyio.Event()
            if self.end is not None:
                self._done.set()
        await self._done.wait()
        assert self.end is not None  # That was the signal.
        return self.end

    def __await__(self) -> Generator[None, None, LinesEnd]:
        return self.finished().__await__()

    def __repr__(self) -> str:
        return f"<Script at line {self.position}, {self.end.value if self.end else 'going on'}>"
