"""The client that applications use (API 3, 4; seed 000)."""

from __future__ import annotations

import secrets
import warnings
from typing import TYPE_CHECKING, Any

import anyio
from anyio.lowlevel import checkpoint

from estuary_proto.client import Client
from estuary_proto.config import EstuaryConfig
from estuary_proto.errors import (
    ConnectionLost,
    ErrorCode,
    EstuaryError,
    LocalProtocolError,
)
from estuary_proto.events import (
    AckSettled,
    Connected,
    ConnectFailed,
    CredentialNeeded,
    LinesEnded,
    LineStarted,
    ReplyEnded,
    ReplyPart,
    ReplyStarted,
    Settled,
    VoiceSettled,
    Writable,
)

from .backends import current_backend
from .listeners import Listener, Listeners
from .loopback import is_loopback
from .parts.directing import Directing
from .parts.listening import Listening
from .parts.rest import Rest
from .parts.seeing import Seeing
from .parts.speaking import Speaking
from .parts.talking import Talking
from .parts.watching import Watching
from .proxy import parse_proxy
from .pump import Pump
from .receipt import Receipt
from .rooms import COMMANDS, Rooms, can_join
from .threads import check_thread, get_ident

if TYPE_CHECKING:
    import os
    import ssl
    from collections.abc import Callable, Coroutine, Mapping
    from types import TracebackType
    from typing import Self

    import httpx
    from anyio.abc import TaskGroup

    from estuary_proto.models.session import ConnectionState, SessionInfo

    from .capture import CaptureFile

HANDLERS_FINISH = 2.0
"""Seconds that running handlers get when the client disconnects (API 4)."""


class _Attempt:
    """One attempt to connect, which any number of callers may wait for."""

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.error: EstuaryError | None = None
        self.waiting = 0
        self.claimed = False
        """True when somebody has been given its session."""


class EstuaryClient(Talking, Listening, Speaking, Seeing, Directing, Rest, Watching):
    """A conversation with a character.

        async with EstuaryClient(config) as client:
            await client.connect()
            async for piece in client.ask("Who are you?"):
                print(piece, end="")

    Works on asyncio and on trio. On asyncio it may also be used bare: `await client.connect()` and,
    at the end, `await client.disconnect()`. All methods belong to the event loop's own thread.

    `ssl_context` is whom to trust (None: whom this machine trusts), `proxy` the URL of an HTTP
    proxy (None: the environment's, "": none), `headers` go with the handshake and each REST call,
    `path` is the Socket.IO endpoint, `http_client` makes the REST calls and stays the caller's.
    `capture` is a file, or a function for its lines, that everything of the core and every REST
    call is written to, without secrets (`estuary_proto.capture`), and without `capture_audio` with
    length and hash in place of every sound. Opening the file raises OSError, also where another
    capture is being written to it; trouble later on is logged once and leaves the conversation
    alone.
    """

    def __init__(
        self,
        config: EstuaryConfig,
        *,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
        headers: Mapping[str, str] | None = None,
        path: str = "/socket.io/",
        http_client: httpx.AsyncClient | None = None,
        capture: str | os.PathLike[str] | Callable[[str], None] | None = None,
        capture_audio: bool = True,
    ) -> None:
        if not isinstance(config, EstuaryConfig):
            raise TypeError(f"config is {type(config).__name__}, not EstuaryConfig")
        _warn_of_plain_http(config)
        super().__init__()
        self.config = config
        self._ssl_context = ssl_context
        self._proxy = proxy
        if proxy:
            parse_proxy(proxy)
        self._headers = tuple((headers or {}).items())
        self._capture: CaptureFile | None = None
        seed = secrets.randbits(32)
        joins = can_join(config)
        if capture is None:
            self._core = Client(config, seed=seed, path=path, joins_rooms=joins)
        else:
            from .capture import CaptureFile

            self._capture = CaptureFile(
                config, capture, seed=seed, path=path, joins_rooms=joins, audio=capture_audio
            )
            self._core = self._capture.core
        self._prepare_rest(
            http_client=http_client,
            headers=self._headers,
            tls=ssl_context,
            proxy=proxy,
            tape=self._capture,
        )
        self._listeners = Listeners(self._start_listener, self._tell_own)
        self._rooms = Rooms(config, self._tell_own)
        self._receipts: dict[int, Receipt] = {}
        self._attempt: _Attempt | None = None
        self._latest: _Attempt | None = None
        self._pump: Pump | None = None
        self._ended: anyio.Event | None = None
        self._tasks: TaskGroup | None = None
        self._crash: BaseException | None = None
        self._bare_task: Any = None
        self._thread: int | None = None
        if config.debug:
            from .observing.journal import Journal
            from .observing.observation import observe

            observe(self, Journal(lambda: self._core.secrets))

    # --- the life of a client --------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._pump is not None:
            raise LocalProtocolError(
                "this client is in use already; make one for each `async with`"
            )
        self._prepare()
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._run)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        tasks, self._tasks = self._tasks, None
        assert tasks is not None
        assert self._pump is not None
        assert self._ended is not None
        cut_short: BaseException | None = None
        with anyio.CancelScope(shield=True):
            cut_short = await self._see_out()
        self._forget()
        try:
            await tasks.__aexit__(None, None, None)
        except BaseException:
            if self._crash is not None:
                raise self._crash from None
            if error is None:
                raise
            # What the caller raised leaves as itself, never in a group of ours.
        if cut_short is not None:
            raise cut_short

    async def _see_out(self) -> BaseException | None:
        """Say goodbye and wait until nothing runs; returns what would have cut that short."""
        assert self._pump is not None
        assert self._ended is not None
        cut_short: BaseException | None = None
        try:
            if self._crash is None:
                await self._leave()
        except BaseException as error:  # asyncio's own cancellation knows no shields.
            cut_short = error
        self._pump.stop()
        while not self._ended.is_set():
            try:
                await self._ended.wait()
            except BaseException as error:  # It comes: what runs is bounded in time.
                cut_short = error
        await self._close_rest()
        return cut_short

    def _prepare(self) -> None:
        backend = current_backend()
        self._thread = get_ident()
        self._crash = None
        self._ended = anyio.Event()
        self._pump = Pump(
            self._core,
            backend,
            self._tell if self._watch is None else self._tell_watched,
            self._at_rest,
            watch=self._watch,
            tls=self._ssl_context,
            proxy=self._proxy,
            headers=self._headers,
            max_message_size=self.config.max_message_size,
        )
        self._listeners.resume()
        self._reopen_rest()

    def _forget(self) -> None:
        self._pump = None
        self._close_capture()

    def _close_capture(self) -> None:
        if self._capture is not None:
            self._capture.close()

    async def _run(self) -> None:
        assert self._pump is not None
        assert self._ended is not None
        try:
            # Only `stop` ends it: whoever is cancelled still says goodbye first.
            with anyio.CancelScope(shield=True):
                await self._pump.run(self._farewell)
        except BaseException as error:
            self._crash = error
            while isinstance(self._crash, BaseExceptionGroup):
                self._crash = self._crash.exceptions[0]
            raise
        finally:
            self._at_rest()
            self._listeners.halt()
            self._ended.set()

    def _at_rest(self) -> None:
        """There is no connection, and none is wanted."""
        self._conclude(ConnectionLost("the connection ended"))
        self._listeners.end_watching()

    async def _farewell(self) -> None:
        await self._listeners.rest(HANDLERS_FINISH)

    async def _run_bare(self) -> None:
        """The one task that a client owns when it is used without `async with`."""
        try:
            await self._run()
        except BaseException:
            if self._pump is not None:
                warnings.warn(
                    "an EstuaryClient was never disconnected: use `async with`, "
                    "or `await client.disconnect()`",
                    ResourceWarning,
                    stacklevel=1,
                )
            raise
        finally:
            self._bare_task = None
            self._forget()

    async def _begin_bare(self) -> None:
        if current_backend().name != "asyncio":
            raise LocalProtocolError(
                "on trio a client needs a place for its tasks: "
                "`async with EstuaryClient(config) as client: await client.connect()`"
            )
        while self._bare_task is not None and not self._bare_task.done():
            # The life before this one is still ending.
            assert self._ended is not None
            if self._listeners.is_served_by(anyio.get_current_task().id):
                raise LocalProtocolError(
                    "this handler has disconnected and ends with that; connect from elsewhere"
                )
            await self._ended.wait()
            await checkpoint()
        if self._pump is None:
            import asyncio

            self._prepare()
            self._bare_task = asyncio.get_running_loop().create_task(self._run_bare())

    # --- connecting ------------------------------------------------------------------------

    @property
    def state(self) -> ConnectionState:
        """Where the connection stands (seed 001)."""
        return self._core.state

    @property
    def is_connected(self) -> bool:
        """True while sending works."""
        return self._core.is_connected

    @property
    def session(self) -> SessionInfo | None:
        """The session, or None when there is none."""
        return self._core.session

    async def connect(self) -> SessionInfo:
        """Connect and authenticate; calls that overlap share one attempt.

        Raises EstuaryError with AUTH_FAILED, CONNECTION_FAILED, CONNECTION_TIMEOUT or
        QUOTA_EXCEEDED. The first connection is not retried.
        """
        if self._pump is None:
            await self._begin_bare()
        now = self._now()
        if self._core.is_connected:
            await checkpoint()
            return self._session()
        attempt = self._attempt
        if attempt is None:
            attempt = self._attempt = self._latest = _Attempt()
        self._core.connect(now=now)
        self._settle()
        attempt.waiting += 1
        try:
            await attempt.done.wait()
        except BaseException:
            # The last one who waited has left: nobody wants this connection any more.
            if attempt is self._latest and attempt.waiting == 1 and not attempt.claimed:
                self._abandon()
            raise
        finally:
            attempt.waiting -= 1
        if attempt.error is not None:
            if attempt.waiting == 0:
                await self._end_bare()
            raise attempt.error
        return self._session()

    def _session(self) -> SessionInfo:
        session = self._core.session
        if session is None:  # It fell while we were waking up.
            raise ConnectionLost("the connection fell at once")
        if self._latest is not None:
            self._latest.claimed = True
        return session

    async def disconnect(self) -> None:
        """Send what was accepted, say goodbye, let handlers finish; each for 2 s at most.

        Ends a pending `connect()` or a wait for the next attempt too. Legal from a handler, which
        is then not waited for.
        """
        if self._pump is None:
            await self._close_rest()
            self._close_capture()
            return
        try:
            await self._leave()
        except BaseException:
            self._end_bare_later()
            raise
        finally:
            await self._close_rest(for_good=self._tasks is None)
        await self._end_bare()

    async def _leave(self) -> None:
        """Until there is no connection, no transport, and no handler at work but the caller's."""
        pump = self._pump
        assert pump is not None
        self._core.disconnect(now=self._now())
        self._settle()
        await pump.quiet()
        await self._listeners.rest(HANDLERS_FINISH)

    def _abandon(self) -> None:
        """Nobody wants what there is of a connection."""
        if self._pump is not None:
            self._core.disconnect(now=self._now())
            self._settle()
            self._end_bare_later()

    def _end_bare_later(self) -> None:
        """Who would have waited for the goodbye has left: behind it the bare task ends alone."""
        if self._pump is not None and self._bare_task is not None:
            self._pump.spawn(self._end_when_quiet)

    async def _end_when_quiet(self) -> None:
        if self._pump is not None:
            await self._pump.quiet()
        self._stop_bare()

    def _stop_bare(self) -> anyio.Event | None:
        """Let the bare task come to its end; the event tells when it has."""
        pump, ended = self._pump, self._ended
        if pump is None or self._bare_task is None:
            return None
        if self._attempt is not None or self._core.is_connected:
            return None  # Somebody has connected anew meanwhile.
        self._pump = None
        pump.stop()
        return ended

    async def _end_bare(self) -> None:
        ended = self._stop_bare()
        # A handler that disconnects is part of what is ending: it cannot wait for that.
        if ended is not None and not self._listeners.is_served_by(anyio.get_current_task().id):
            await ended.wait()

    async def flush(self) -> None:
        """Wait until everything that was accepted has been handed to the socket, or is lost."""
        self._check_thread()
        await checkpoint()
        for receipt in list(self._receipts.values()):
            await receipt

    # --- between the core and the user -----------------------------------------------------

    def _now(self) -> float:
        """The time, for an input of the core; the place where misuse is noticed."""
        if self._pump is None:
            raise LocalProtocolError(
                "this client is not running: connect() it first",
                ErrorCode.NOT_CONNECTED,
            )
        self._check_thread()
        return self._pump.clock()

    def _check_thread(self) -> None:
        """Raise where the client runs in another thread than this."""
        if self._pump is not None:
            check_thread(self._thread)

    def _settle(self) -> None:
        assert self._pump is not None
        self._pump.settle()

    def _send(self, message: Any) -> Receipt:
        number = self._core.submit(message, now=self._now())
        if self._watch is not None:
            self._watch.said(message)
        receipt = self._receipts[number] = Receipt()
        self._settle()
        return receipt

    def _run_in_client(self, job: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a job in a task of the client's; what it raises would end the client."""
        self._now()
        assert self._pump is not None
        self._pump.spawn(job)

    def _start_listener(self, listener: Listener) -> None:
        if self._pump is not None:
            self._pump.spawn(lambda: self._listeners.serve(listener))

    def _tell(self, event: Any) -> None:
        """An event of the core."""
        kind = type(event)
        if kind not in _NOT_FOR_ALL:
            self._listeners.tell(event)
        elif kind is Settled:
            receipt = self._receipts.pop(event.receipt, None)
            if receipt is not None:
                receipt.settle(event.outcome)
        elif kind in _OF_REPLIES:
            self._tell_reply(event)
        elif kind is VoiceSettled:
            self._voice_settled(event)
        elif kind in COMMANDS:
            assert self._pump is not None  # It is the pump that tells.
            self._rooms.obey(event, self._pump)
        elif kind in _OF_SCRIPTS:
            self._tell_script(event)
        elif kind is Writable:
            self._voice_moved()
        elif kind is CredentialNeeded:
            self._fetch_credential(event.link)
        elif kind is ConnectFailed:
            self._conclude(event.error)
        elif kind is Connected:
            self._conclude(None)
            self._listeners.tell(event)

    def _fetch_credential(self, link: int) -> None:
        tokens = self._tokens
        assert tokens is not None  # There is a provider: it was asked for.
        pump = self._pump
        if pump is None:
            return

        async def fetch() -> None:
            # By the pump that runs this: the client may have let go of it meanwhile.
            try:
                token, player_id, lifetime = await tokens.for_socket()
            except EstuaryError as error:
                self._core.credential_failed(link, error, now=pump.clock())
            else:
                self._core.credential(link, token, player_id, lifetime, now=pump.clock())
            pump.settle()

        pump.spawn(fetch)

    def _conclude(self, error: EstuaryError | None) -> None:
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.error = error
            attempt.done.set()


_OF_REPLIES = frozenset({ReplyStarted, ReplyPart, ReplyEnded})
_OF_SCRIPTS = frozenset({LineStarted, LinesEnded})
_NOT_FOR_ALL = _OF_REPLIES | _OF_SCRIPTS | COMMANDS | {
    Settled, ConnectFailed, Connected, Writable, AckSettled, VoiceSettled, CredentialNeeded
}  # fmt: skip
"""What somebody in particular waits for; everything else goes to the listeners as it is."""


def _warn_of_plain_http(config: EstuaryConfig) -> None:
    if not config.secure and not is_loopback(config.host):
        warnings.warn(
            f"the key travels to {config.host} in clear: use https, or trust your own network",
            stacklevel=3,
        )
