"""The HTTP connections of a client: opened on first use, closed with it."""

from __future__ import annotations

import warnings
import zlib
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import anyio
from anyio.lowlevel import checkpoint

from estuary_proto.authority import authority
from estuary_proto.errors import ErrorCode, EstuaryError, LocalProtocolError
from estuary_proto.rest.http import HttpResponse
from estuary_proto.version import __version__

from ..dial import default_context, explain
from ..proxy import proxy_for

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

    import httpx

    from estuary_proto.config import EstuaryConfig
    from estuary_proto.rest.http import HttpRequest

    from ..capture import CaptureFile

CLOSING: Final = 2.0
"""Seconds that closing may take."""


class NoAnswer(Exception):
    """A request that got no answer, or only a part of one; the text says why."""


@cache
def _whole() -> Callable[[bytes], Any]:
    """A body in one piece, iterated without a generator: httpx's own is one, and a connection that
    breaks leaves it to the garbage collector, which trio reports."""

    class Whole(need_httpx().AsyncByteStream):  # type: ignore[misc]  # httpx loads late.
        def __init__(self, body: bytes) -> None:
            self._rest = [body]

        def __aiter__(self) -> Whole:
            return Whole(b"".join(self._rest))

        async def __anext__(self) -> bytes:
            if not self._rest:
                raise StopAsyncIteration
            return self._rest.pop()

    return Whole


def need_httpx() -> Any:
    """The module httpx. Raises EstuaryError that says what to install."""
    try:
        import httpx
    except ModuleNotFoundError as error:
        raise EstuaryError(
            f"REST calls need {error.name}; install with: pip install 'httpx>=0.27' "
            "(it comes with 'estuary-anyio[gateway]' too)",
            ErrorCode.REST_ERROR,
        ) from None
    return httpx


class Pool:
    """One httpx.AsyncClient, ours or the caller's, and what may be asked of it.

    It follows no redirects, keeps no cookies, and goes through the same proxy as the socket. A
    client of the caller's stays the caller's: it is never closed here.
    """

    _own: httpx.AsyncClient | None = None

    def __init__(
        self,
        config: EstuaryConfig,
        *,
        http_client: httpx.AsyncClient | None,
        headers: tuple[tuple[str, str], ...],
        tls: ssl.SSLContext | None,
        proxy: str | None,
    ) -> None:
        self._config = config
        self._given = http_client
        self._headers = headers
        self._tls = tls
        self._proxy = proxy
        scheme = "https" if config.secure else "http"
        self._origin = f"{scheme}://{authority(config.host, config.port)}"

    def _client(self) -> httpx.AsyncClient:
        if self._given is not None:
            if self._given.is_closed:
                raise LocalProtocolError(
                    "the http_client that was given is closed: keep it open as long as the client"
                )
            return self._given
        if self._own is None:
            self._own = self._opened()
        return self._own

    def _opened(self) -> httpx.AsyncClient:
        library = need_httpx()
        from http.cookiejar import CookieJar, DefaultCookiePolicy

        from .transport import Aiming

        config = self._config
        through = proxy_for(self._proxy, config.host, config.port, secure=config.secure)
        tls = self._tls or default_context()
        proxy = None
        if through is not None:
            said = through.authorization
            proxy = library.Proxy(
                f"{'https' if through.secure else 'http'}://{through}",
                headers={"Proxy-Authorization": said} if said else None,
                ssl_context=tls if through.secure else None,
            )
        opened: httpx.AsyncClient = library.AsyncClient(
            headers={"User-Agent": f"estuary-anyio/{__version__}"},
            transport=Aiming(
                library.AsyncHTTPTransport(
                    verify=tls if config.secure else False, proxy=proxy, trust_env=False
                )
            ),
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )
        return opened

    async def open(self, request: HttpRequest, *, anonymous: bool) -> Incoming:
        """Send a request and read the head of its answer. Raises NoAnswer."""
        httpx = need_httpx()
        client = self._client()
        own = client is self._own
        # httpx logs the URL, and a share's token may stand in it: ours logs the route.
        path = request.route.replace("{", "").replace("}", "") if own else request.target
        headers = [(b"Accept-Encoding", b"gzip, deflate")]
        headers += [(name.encode(), value.encode()) for name, value in request.headers]
        sent = {name.lower() for name, _ in headers}
        if not anonymous:
            extra = [(name.encode(), value.encode()) for name, value in self._headers]
            headers += [(name, value) for name, value in extra if name.lower() not in sent]
        built = client.build_request(
            request.method,
            self._origin + path,
            headers=headers,
            content=request.body,
            timeout=None,
            extensions={"estuary_target": request.target.encode("ascii")} if own else None,
        )
        built.stream = _whole()(request.body)
        try:
            response = await client.send(built, stream=True, follow_redirects=False)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise NoAnswer(self._explained(error)) from error
        return Incoming(response, self._config.max_message_size, self._explained)

    def _explained(self, error: BaseException) -> str:
        """What went wrong on the way, in words."""
        httpx = need_httpx()
        where = f"{self._config.host}:{self._config.port}"
        said = str(error)
        if isinstance(error, httpx.ConnectError) and (cause := _cause(error)) is not None:
            return explain(cause, self._config.host, self._config.port).message
        if isinstance(error, (httpx.ConnectError, httpx.ProxyError)):
            what = f"cannot connect to {where}"
        elif isinstance(error, (httpx.InvalidURL, httpx.LocalProtocolError)):
            what = "the request cannot be sent"
        else:
            what = f"the connection to {where} broke"
        return f"{what}: {said}" if said else what

    async def close(self) -> None:
        """Close the connections that are ours."""
        own, self._own = self._own, None
        if own is not None:
            with anyio.move_on_after(CLOSING, shield=True):
                await own.aclose()

    def __del__(self) -> None:
        if self._own is not None:
            warnings.warn(
                "an EstuaryClient that made REST calls was never disconnected: use `async with`, "
                "or `await client.disconnect()`",
                ResourceWarning,
                stacklevel=1,
                source=self,
            )


def _cause(error: BaseException) -> OSError | None:
    """What the system or TLS said, under what libraries made of it; the innermost counts."""
    found: OSError | None = None
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, BaseExceptionGroup):
            inner = inner.exceptions[0]
        found = inner if isinstance(inner, OSError) else found
        inner = inner.__cause__ or inner.__context__
    return found


_LEFT: Final = 1000
"""Pieces that may still be read of a connection that is closed."""


class _Plain:
    """A body as it is."""

    def decoded(self, data: bytes, most: int) -> bytes:
        return data

    def end(self) -> None: ...


class _Packed:
    """A body that is compressed by gzip or deflate; never more than asked for is unpacked."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 32)

    def decoded(self, data: bytes, most: int) -> bytes:
        try:
            unpacked = self._zlib.decompress(data, most + 1)
        except zlib.error as error:
            raise NoAnswer(f"the answer cannot be unpacked: {error}") from None
        if len(unpacked) > most:
            raise _too_long(most)
        return unpacked

    def end(self) -> None:
        if not self._zlib.eof:
            raise NoAnswer("the answer ended in the middle of what is packed")


def _too_long(most: int) -> NoAnswer:
    return NoAnswer(f"the answer is longer than {most} bytes")


class Tape:
    """Writes one answer down in a capture, as far as it was read."""

    def __init__(self, capture: CaptureFile, call: int) -> None:
        self._capture = capture
        self._call = call
        self._body = bytearray()
        self._over = False

    def add(self, data: bytes) -> None:
        """A piece of the body has come."""
        self._body += data

    def end(self, answer: Incoming, *, whole: bool) -> None:
        """Nothing more of it will come, or nobody reads it; only the first end counts."""
        if not self._over:
            self._over = True
            body = bytes(self._body)
            self._capture.answered(self._call, answer.status, answer.headers, body, whole=whole)


class Incoming:
    """An answer whose head has come, and whose body is still to be read."""

    def __init__(
        self, response: httpx.Response, most: int, explained: Callable[[BaseException], str]
    ) -> None:
        self._response = response
        self._most = most
        self._explained = explained
        self.status: int = response.status_code
        self._chunks: AsyncIterator[bytes] = response.aiter_raw()
        self._coding = response.headers.get("content-encoding", "identity").strip().lower()
        if response.is_stream_consumed:  # A transport of the caller's may have it all at once.
            self._chunks, self._coding = _once(response.content), "identity"
        self._body: _Plain | _Packed = _Plain() if self._coding == "identity" else _Packed()
        self._read = False
        self.tape: Tape | None = None
        """Where it is written down, if anywhere."""

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Its headers."""
        return tuple(self._response.headers.multi_items())

    async def next_chunk(self) -> bytes | None:
        """The next bytes, None at the end. Raises NoAnswer."""
        if self._coding not in _CODINGS:
            raise NoAnswer(f"the answer is packed by {self._coding!r}, which nobody asked for")
        # A flood that never lets a read wait would put off cancellation and timeouts on asyncio.
        await checkpoint()
        chunk = await self._next_raw()
        if chunk is not None:
            data = self._body.decoded(chunk, self._most)
            if self.tape is not None:
                self.tape.add(data)
            return data
        self._body.end()
        if self.tape is not None:
            self.tape.end(self, whole=True)
        return None

    async def _next_raw(self) -> bytes | None:
        httpx = need_httpx()
        try:
            async for chunk in self._chunks:
                return chunk
        except (httpx.HTTPError, OSError) as error:
            raise NoAnswer(self._explained(error)) from error
        self._read = True
        return None

    async def whole(self) -> HttpResponse:
        """The whole answer, and the connection is free again. Raises NoAnswer."""
        body = bytearray()
        try:
            while (chunk := await self.next_chunk()) is not None:
                body += chunk
                if len(body) > self._most:
                    raise _too_long(self._most)
        finally:
            await self.close()
        return HttpResponse(self.status, self.headers, bytes(body))

    async def close(self) -> None:
        """Leave it, wherever it stands."""
        if self.tape is not None:
            self.tape.end(self, whole=False)
        with anyio.move_on_after(CLOSING, shield=True):
            await self._response.aclose()
            # httpx's nested generators would be left to the garbage collector, which trio reports:
            # they end by reading on, which fails now that the connection is closed.
            with suppress(NoAnswer, need_httpx().StreamError):
                for _ in range(_LEFT):
                    if self._read:
                        break
                    await self._next_raw()


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


_CODINGS: Final = frozenset({"identity", "gzip", "x-gzip", "deflate"})
