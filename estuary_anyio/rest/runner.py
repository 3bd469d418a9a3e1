"""Performs REST calls: credentials, repeats, timeouts, and the end of it all."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final, TypeVar

import anyio

from estuary_proto.errors import ErrorCode, EstuaryError
from estuary_proto.rest.call import Access, Identity, prefix_of
from estuary_proto.rest.errors import RestError, RestTimeout
from estuary_proto.rest.exchange import Exchange
from estuary_proto.version import __version__

from ..threads import check_thread, get_ident
from .pool import CLOSING, NoAnswer, Pool, Tape

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from types import TracebackType

    import httpx

    from estuary_proto.config import EstuaryConfig
    from estuary_proto.rest.call import Call
    from estuary_proto.rest.http import HttpRequest, HttpResponse

    from ..capture import CaptureFile
    from ..observing.watch import Watch
    from ..tokens import Tokens
    from .pool import Incoming

T = TypeVar("T")

TIMEOUT: Final = 60.0
"""Seconds that a call may take, repeats included, unless it says otherwise."""
CLIENT: Final = f"estuary-anyio/{__version__}"
"""Who we are in X-Estuary-Client."""


def _gone(text: str) -> EstuaryError:
    return RestError(text, code=ErrorCode.NOT_CONNECTED)


class _Room:
    """What happens in it ends in time, and when the client does."""

    def __init__(self, under_way: set[_Room], name: str, timeout: float | None) -> None:
        self._under_way = under_way
        self._name = name
        self._timeout = timeout
        self._scope = anyio.move_on_after(timeout)
        self._ended = False
        self.left: anyio.Event = anyio.Event()

    def end(self) -> None:
        """The client is being closed."""
        self._ended = True
        self._scope.cancel()

    def __enter__(self) -> None:
        self._scope.__enter__()
        self._under_way.add(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._under_way.discard(self)
        self.left.set()
        # It swallows nothing but its own cancellation, in whose place an error leaves.
        self._scope.__exit__(kind, error, trace)
        if self._scope.cancelled_caught:
            if self._ended:
                raise _gone(f"the client was disconnected during {self._name}") from None
            raise RestTimeout(f"{self._name} was not answered within {self._timeout:g} s") from None


class Runner:
    """One for each client. `build` makes the call for a player: with a token, its own player."""

    def __init__(
        self,
        config: EstuaryConfig,
        tokens: Tokens | None,
        *,
        http_client: httpx.AsyncClient | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        tls: ssl.SSLContext | None = None,
        proxy: str | None = None,
        tape: CaptureFile | None = None,
    ) -> None:
        self.config = config
        self._tokens = tokens
        self._tape = tape
        self._pool = Pool(config, http_client=http_client, headers=headers, tls=tls, proxy=proxy)
        self._closed = False
        self._under_way: set[_Room] = set()
        self._thread: int | None = None
        self.watch: Watch | None = None
        """Who observes the client, if anybody does."""

    # --- calling -----------------------------------------------------------------------------

    async def run(self, build: Callable[[str], Call[T]], timeout: float | None = TIMEOUT) -> T:
        """Perform a call and return its answer.

        `timeout` is in seconds, for everything; None is no limit. Raises RestError and its
        subclasses, LocalProtocolError for wrong arguments, AUTH_FAILED from a token provider.
        """
        call = build(self.config.player_id)  # What is wrong with it is told before anything else.
        if self.watch is None:
            return await self._run(call, build, timeout)
        with self.watch.calling(call.method, call.route):
            return await self._run(call, build, timeout)

    async def _run(
        self, call: Call[T], build: Callable[[str], Call[T]], timeout: float | None
    ) -> T:
        with self.within(call, timeout):
            return await self._performed(call, build)

    async def _performed(self, call: Call[T], build: Callable[[str], Call[T]]) -> T:
        call, identity = await self.identified(call, build)
        exchange = Exchange(call, identity, self.config.retry, chance=random.random)
        while True:
            try:
                incoming = await self.sent(call, exchange.request)
                response = await incoming.whole()
            except NoAnswer as error:
                delay: float | None = exchange.failed(str(error))
            else:
                self.refused(identity, response)
                delay = exchange.answered(response)
                if delay is None:
                    return exchange.value
            assert delay is not None
            await anyio.sleep(delay)

    async def identified(
        self, call: Call[T], build: Callable[[str], Call[T]]
    ) -> tuple[Call[T], Identity]:
        """The call as it is made by who we are now."""
        config = self.config
        prefix = prefix_of(config.server_url)
        if call.access is Access.ANONYMOUS:
            return call, Identity(CLIENT, prefix)
        if self._tokens is None:
            return call, Identity(CLIENT, prefix, key=config.api_key, player_id=config.player_id)
        token = await self._tokens.for_call()
        if token.player_id != config.player_id:
            call = build(token.player_id)
        return call, Identity(CLIENT, prefix, token=token.token, player_id=token.player_id)

    def refused(self, identity: Identity, response: HttpResponse) -> None:
        """A token that an answer does not accept is not used again."""
        if response.status == 401 and self._tokens is not None:
            self._tokens.refuse(identity.token)

    async def sent(self, call: Call[Any], request: HttpRequest) -> Incoming:
        """Send a request; the answer's body is still to be read. Raises NoAnswer."""
        anonymous = call.access is Access.ANONYMOUS
        if self._tape is None:
            return await self._pool.open(request, anonymous=anonymous)
        number = self._tape.sent(request, call.secrets)
        try:
            incoming = await self._pool.open(request, anonymous=anonymous)
        except NoAnswer as error:
            self._tape.failed(number, str(error))
            raise
        except BaseException:
            self._tape.failed(number, "nobody waited for the answer")
            raise
        incoming.tape = Tape(self._tape, number)
        return incoming

    def within(self, call: Call[Any], timeout: float | None) -> _Room:
        """The room in which a call happens: ended by its timeout, and by the client's end."""
        self.check_open()
        return _Room(self._under_way, f"{call.method} {call.route}", timeout)

    # --- the end -----------------------------------------------------------------------------

    def check_open(self) -> None:
        """Raise where or when no call may be made."""
        if self._thread is None:
            self._thread = get_ident()
        check_thread(self._thread)
        if self._closed:
            raise _gone("this client was disconnected; connect() makes it usable again")

    def reopen(self) -> None:
        """Calls may be made (again)."""
        self._closed = False
        self._thread = None

    async def close(self, *, for_good: bool = True) -> None:
        """End what is under way and close the connections. Later calls are refused if `for_good`.

        It takes 2 s at most for each of both.
        """
        self._closed = self._closed or for_good
        with anyio.move_on_after(CLOSING, shield=True):
            for room in list(self._under_way):
                room.end()
            for room in list(self._under_way):
                await room.left.wait()
        await self._pool.close()
