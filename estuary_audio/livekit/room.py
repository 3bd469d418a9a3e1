"""A room's face: the same on asyncio and on trio."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from estuary_audio.livekit.engine import Engine
from estuary_audio.livekit.home import at_home
from estuary_audio.livekit.mailbox import Mailbox
from estuary_audio.livekit.options import Processing, RoomOptions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping
    from typing import Self

    from estuary_audio.livekit.events import RoomEvent
    from estuary_audio.livekit.home import Home


class Room:
    """A room that has been joined. `open_room` makes it, and leaves it at the end of its block.

    It belongs to the event loop in which it was opened; `far_end` alone may be called from any
    thread. All that waits can be cancelled.
    """

    def __init__(self, engine: Engine, home: Home, mailbox: Mailbox) -> None:
        self._engine = engine
        self._home = home
        self._mailbox = mailbox

    @property
    def identity(self) -> str:
        """Who we are in the room, as the token says."""
        return self._engine.identity

    @property
    def muted(self) -> bool:
        """Whether our track is muted."""
        return self._engine.muted

    @property
    def lost(self) -> str | None:
        """Why the room is over, as in RoomLost; None while it is not."""
        return self._engine.lost

    @property
    def dropped(self) -> float:
        """Seconds of sound that were heard and not read in time."""
        return self._mailbox.dropped

    @property
    def unsent(self) -> float:
        """Seconds of sound given to `push_audio` that were not sent, since too much waited."""
        return self._engine.unsent

    async def send_audio(self, pcm: bytes, at: float | None = None) -> None:
        """Send PCM16 mono at `rate`, of any length; waits while `backlog` seconds wait already.

        `at` is when its first sample was said (monotonic seconds), which the removal of echo needs;
        by default, its last one was said just now. What makes no whole 10 ms yet waits for the
        next, or for `flush`. While muted it goes nowhere. Cancelled, a part may have been sent.

        Raises EstuaryError CONNECTION_FAILED when the room is lost.
        """
        await self._home.call(self._engine.send, pcm, self._said(pcm, at))

    def push_audio(self, pcm: bytes, at: float | None = None) -> None:
        """Send like `send_audio`, without waiting: for a microphone, which does not wait either.

        What is more than `backlog` seconds behind is dropped, the oldest first, and counted in
        `unsent`; in a lost room all of it.
        """
        self._home.soon(self._engine.push, pcm, self._said(pcm, at))

    def _said(self, pcm: bytes, at: float | None) -> float:
        return at if at is not None else time.monotonic() - len(pcm) / 2 / self._engine.rate

    async def until_heard(self) -> None:
        """Wait until somebody hears our track; what is sent before that is lost on the way.

        Raises EstuaryError CONNECTION_FAILED when the room is lost.
        """
        await self._home.call(self._engine.until_heard)

    async def flush(self) -> None:
        """Wait until all that was given has been sent; the last frame is filled with silence.

        Raises EstuaryError CONNECTION_FAILED when the room is lost before that.
        """
        await self._home.call(self._engine.flush)

    async def clear_audio(self) -> None:
        """Forget what was given and has not been sent yet."""
        await self._home.call(self._engine.clear)

    async def set_muted(self, muted: bool) -> None:
        """Mute or unmute our track; when it returns, the track has changed.

        Sound that waits to be sent is forgotten by muting: `flush` first to keep it.
        """
        await self._home.call(self._engine.set_muted, muted)

    def far_end(self, audio: bytes, rate: int, at: float) -> None:
        """Take what the loudspeaker plays: PCM16 mono that will be heard `at` that time.

        It is an AudioPlayer's `far_end`. Does nothing without `processing`.
        """
        self._engine.far_end(audio, rate, at)

    async def set_attributes(self, attributes: Mapping[str, str]) -> None:
        """Set attributes of ours that all others see; those not named stay (PROTOCOL 3).

        The token must allow it (`canUpdateOwnMetadata`). Raises EstuaryError CONNECTION_FAILED when
        the room is lost.
        """
        await self._home.call(self._engine.set_attributes, dict(attributes))

    async def next_event(self) -> RoomEvent | None:
        """The next event, waiting for it; None when the room is over and all has been told.

        Sound that is not read is kept for `backlog` seconds; then the oldest goes, and is counted
        in `dropped`. Cancelled, it has taken nothing.
        """
        return await self._mailbox.next()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RoomEvent:
        event = await self.next_event()
        if event is None:
            raise StopAsyncIteration
        return event


@asynccontextmanager
async def open_room(
    url: str,
    token: str,
    *,
    rate: int = 16000,
    hear_rate: int = 24000,
    publish: bool = True,
    muted: bool = False,
    processing: Processing | None = None,
    hears: Callable[[str], bool] | None = None,
    connect_within: float = 10.0,
    backlog: float = 2.0,
    single_connection: bool | None = None,
) -> AsyncGenerator[Room]:
    """Join the room of that `token` at `url` (ws, wss, http, https), publish a voice, hear others.

    `rate` is that of the sound we send, `hear_rate` of what is heard, in Hz. With `publish` a track
    is there, of a microphone, from the start, `muted` or not. `processing` says what is done to
    our sound before it is sent: None, nothing. `hears(identity)` chooses who is heard and told
    about: None, all others. `backlog` is how many seconds of sound may wait, each way.
    `single_connection` asks for LiveKit's signalling v1, with one peer connection (True), or v0
    with two (False); None leaves it to the package, and a server without v1 gets v0.

    In the block the room is joined and the track published; at its end, however it ends, the room
    is left and everything released: tasks, tracks, sockets, and on trio the thread that LiveKit
    needs there. A join that is cancelled or out of time returns at once; what it may still achieve
    is undone. With a server that took the connection and says nothing, LiveKit's native part holds
    the socket until that server hangs up.

    Raises EstuaryError LIVEKIT_UNAVAILABLE without the extra `[livekit]`, AUTH_FAILED when the
    server refuses the token, CONNECTION_TIMEOUT after `connect_within` seconds, CONNECTION_FAILED
    when there is no server or the room cannot be joined.
    """
    options = RoomOptions(
        url,
        token,
        rate=rate,
        hear_rate=hear_rate,
        publish=publish,
        muted=muted,
        processing=processing,
        hears=hears,
        connect_within=connect_within,
        backlog=backlog,
        single_connection=single_connection,
    )
    mailbox = Mailbox(backlog)
    engine = Engine(options, mailbox)
    async with at_home() as home:
        try:
            await home.call(engine.open)
            yield Room(engine, home, mailbox)
        finally:
            await home.finish(engine.close)
