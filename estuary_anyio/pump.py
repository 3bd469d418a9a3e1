"""The one pump: moves a client core over real sockets, on any event loop.

It decides nothing. Bytes that come run the core at once and what the core tells is dispatched there
and then; bytes to send are written in the same step; one task keeps time and starts the dialling
that the core asks for. All else (retrying, timeouts, order, what is lost) the core knows.
"""

from __future__ import annotations

import logging
from os import urandom
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio
from anyio.lowlevel import checkpoint

from estuary_proto.client import Client
from estuary_proto.errors import EstuaryError
from estuary_proto.events import Dial
from estuary_proto.models.session import ConnectionState
from estuary_proto.websocket import WebSocketLink

from .dial import open_transport

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Coroutine, Sequence

    from anyio.abc import TaskGroup

    from estuary_proto.capture import Recorder

    from .backends import Backend, Transport
    from .observing.watch import Watch

logger: logging.Logger = logging.getLogger("estuary_anyio")

Job: TypeAlias = "Callable[[], Coroutine[Any, Any, None]]"

_AT_REST = (ConnectionState.DISCONNECTED, ConnectionState.ERROR)


class Pump:
    """Runs `core`. `tell` is given every event, in order; `rested` is called when it is all over
    until somebody connects again. Neither may wait."""

    def __init__(
        self,
        core: Client | Recorder,
        backend: Backend,
        tell: Callable[[Any], None],
        rested: Callable[[], None],
        *,
        watch: Watch | None,
        tls: ssl.SSLContext | None,
        proxy: str | None,
        headers: Sequence[tuple[str, str]],
        max_message_size: int,
    ) -> None:
        self.core = core
        # A recorder is told what happens; the state of things costs less to see behind it.
        self._client: Client = core if isinstance(core, Client) else core.client
        self.clock: Callable[[], float] = backend.clock
        self._backend = backend
        self._tell = tell
        self._rested = rested
        self._watch = watch
        self._tls = tls
        self._proxy = proxy
        self._headers = headers
        self._max_message_size = max_message_size
        self._lives: dict[int, _Life] = {}
        self._todo: list[Job] = []
        self._moved: anyio.Event | None = None
        self._sleeps_until: float | None = None
        self._settling = False
        self._again = False
        self._stopping = False
        self._busy = False
        self._held = 0
        self._quiet: anyio.Event | None = None
        self._last: TaskGroup | None = None

    async def run(self, farewell: Job) -> None:
        """Keep time, start what is to be started, until `stop`; then `farewell`, then the end."""
        try:
            await self._run(farewell)
        finally:
            self._abandon()

    async def _run(self, farewell: Job) -> None:
        async with anyio.create_task_group() as tasks:
            while not self._stopping:
                self._launch(tasks)
                deadline = self._client.deadline
                self._sleeps_until = None if deadline is None else deadline.at
                self._moved = anyio.Event()
                if self._todo:
                    continue
                pause = None if deadline is None else max(0.0, deadline.at - self.clock())
                with anyio.move_on_after(pause):
                    await self._moved.wait()
                    continue
                # Late evidence beats an overdue timer: let the reader run before judging. The first
                # round polls the sockets, the second runs what they had.
                await checkpoint()
                await checkpoint()
                self.core.handle_timeout(now=self.clock())
                self.settle()
            self._launch(tasks)
            self._last = tasks
            await farewell()
            self._last = None
            tasks.cancel_scope.cancel()

    def _abandon(self) -> None:
        """Nothing is served any more: what is still open ends now, so that nobody waits for it."""
        self._lives.clear()
        self._held = 0
        self.core.disconnect(now=self.clock())
        self.core.receive_eof(self.core.link, now=self.clock())
        self.settle()

    def stop(self) -> None:
        """Let `run` come to its end."""
        self._stopping = True
        if self._moved is not None:
            self._moved.set()

    def spawn(self, job: Job) -> None:
        """Run `job` in a task of the pump's; may be called from anywhere on the loop's thread."""
        if self._last is not None:
            self._last.start_soon(job)
            return
        self._todo.append(job)
        if self._moved is not None:
            self._moved.set()

    def hold(self, job: Job) -> None:
        """Run `job` likewise, and let `quiet` wait for its end."""
        self._held += 1

        async def held() -> None:
            try:
                await job()
            finally:
                self._held = max(0, self._held - 1)
                self.settle()

        self.spawn(held)

    def _launch(self, tasks: TaskGroup) -> None:
        todo, self._todo = self._todo, []
        for job in todo:
            tasks.start_soon(job)

    def settle(self) -> None:
        """After any call of the core: bring its events, commands and bytes where they belong."""
        if self._settling:  # A handler called the core: the walk below goes round once more.
            self._again = True
            return
        self._settling = True
        try:
            self._again = True
            while self._again:
                self._again = False
                while (event := self.core.next_event()) is not None:
                    self._tell(event)
                while (command := self.core.next_command()) is not None:
                    self._obey(command)
                life = self._lives.get(self._client.link)
                if life is not None:
                    life.flush()
        finally:
            self._settling = False
        if self._busy and self._client.state in _AT_REST:
            self._busy = False
            self._rested()
        if self._quiet is not None and not (self._busy or self._lives or self._held):
            self._quiet.set()
        deadline = self._client.deadline
        if deadline is not None and self._moved is not None:
            if self._sleeps_until is None or deadline.at < self._sleeps_until:
                self._moved.set()

    def _obey(self, command: Any) -> None:
        if isinstance(command, Dial):
            self._busy = True
            if self._watch is not None:
                self._watch.dialled(command)
            life = self._lives[command.link] = _Life(self, command)
            self.spawn(life.run)
        elif command.link in self._lives:
            self._lives[command.link].drop()

    def watch_by(self, watch: Watch | None, tell: Callable[[Any], None]) -> None:
        """Somebody begins to observe, or ends it: `tell` is given every event from now on."""
        self._watch, self._tell = watch, tell

    def pulled(self) -> None:
        """Frames were pulled, upon which the core may have something to tell."""
        self._again = True

    async def quiet(self) -> None:
        """Wait until there is no connection, none is wanted, and no transport nor room is left."""
        while self._busy or self._lives or self._held:
            if self._quiet is None or self._quiet.is_set():
                self._quiet = anyio.Event()
            await self._quiet.wait()

    # --- what a life needs -----------------------------------------------------------------

    async def open(self, dial: Dial) -> Transport:
        """The transport that `dial` asks for."""
        try:
            return await open_transport(self._backend, dial, self._tls, self._proxy)
        except EstuaryError as error:
            if self._watch is not None:
                self._watch.failed(error)
            raise

    def link(self, dial: Dial) -> WebSocketLink:
        """The WebSocket of one link, around the core."""
        settings: dict[str, Any] = {
            "host": dial.authority,
            "target": dial.target,
            "headers": self._headers,
            "max_message_size": self._max_message_size,
            "entropy": urandom,
        }
        if self._watch is None:
            return WebSocketLink(self.core.life(dial.link), **settings)
        from .observing.wire import watched_link

        return watched_link(self._watch, self.core, dial.link, **settings)

    def forget(self, link: int) -> None:
        """A life is over."""
        del self._lives[link]


class _Life:
    """One transport, from dialling to its end; the sink of what it hears."""

    def __init__(self, pump: Pump, dial: Dial) -> None:
        self._pump = pump
        self._dial = dial
        self._scope: anyio.CancelScope | None = None
        self._dropped = False
        self._transport: Transport | None = None
        self._link: WebSocketLink | None = None

    async def run(self) -> None:
        """Dial, serve, and let go, whatever happens on the way."""
        pump, number = self._pump, self._dial.link
        try:
            with anyio.CancelScope() as self._scope:
                if self._dropped:
                    return
                try:
                    transport = await pump.open(self._dial)
                except EstuaryError as error:
                    pump.core.dial_failed(number, error, now=pump.clock())
                    return
                try:
                    await self._serve(transport)
                finally:
                    self._transport = None
                    with anyio.CancelScope(shield=True):
                        await transport.aclose()
        finally:
            pump.forget(number)
            pump.settle()

    async def _serve(self, transport: Transport) -> None:
        pump = self._pump
        self._transport = transport
        self._link = link = pump.link(self._dial)
        link.start(now=pump.clock())
        pump.settle()
        try:
            await transport.run(self)
        except OSError as error:
            logger.debug("! link %d broke: %s", self._dial.link, error)
        link.receive_eof(now=pump.clock())
        pump.settle()

    def received(self, data: bytes | memoryview) -> None:
        """Bytes have come."""
        assert self._link is not None
        pump = self._pump
        self._link.receive_data(data, now=pump.clock())
        pump.settle()
        if self._link.closed:
            self.drop()

    def writable(self) -> None:
        """The transport has taken what it was given."""
        self._pump.settle()

    def flush(self) -> None:
        """Write what the core has to send, as far as the transport takes it."""
        transport, link = self._transport, self._link
        if transport is None or link is None or not (transport.ready and link.wants_write):
            return
        while transport.ready and (data := link.data_to_send()):
            transport.write(data)
        self._pump.pulled()

    def drop(self) -> None:
        """Nothing more is wanted of this transport."""
        self._dropped = True
        if self._scope is not None:
            self._scope.cancel()
