"""The way to a server from its name to an answer: each stage a line, as far as it goes."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from statistics import median
from typing import TYPE_CHECKING, Final

import anyio

from estuary_anyio.loopback import is_loopback
from estuary_anyio.proxy import proxy_for
from estuary_proto.errors import EstuaryError
from estuary_proto.policy import Cause
from estuary_proto.states import State

from ..exits import Exit
from . import way
from .findings import Verdict
from .line import Line
from .way import Failed, Found, found

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from anyio.abc import ByteStream

    from estuary_anyio.proxy import Proxy
    from estuary_proto.config import EstuaryConfig

    from .findings import Sheet

PINGS: Final = 3
"""How many round trips are measured."""


async def open_line(
    config: EstuaryConfig, within: float, auth: Mapping[str, Any] | None = None
) -> Line:
    """A session, where the way is known to be good. Raises Failed, EstuaryError."""
    walk = Walk(config, within)
    try:
        for stage in walk.stages[: walk.stages.index("round trip")]:
            await walk.step(stage, auth)
    except BaseException:
        await walk.aclose()
        raise
    assert walk.line is not None
    return walk.line


class Walk:
    """The stages to one server."""

    def __init__(self, config: EstuaryConfig, within: float) -> None:
        self.line: Line | None = None
        self._config = config
        self._within = within
        self._proxy: Proxy | None = proxy_for(None, config.host, config.port, secure=config.secure)
        self._addresses: list[str] = []
        self._stream: ByteStream | None = None
        self.stages: list[str] = ["name", "connection"]
        if self._proxy is not None:
            self.stages.append("proxy")
        if config.secure:
            self.stages.append("tls")
        self.stages += ["websocket", "engine.io", "socket.io", "key", "round trip"]

    @property
    def _first(self) -> tuple[str, int]:
        """Who is called: the server, or the proxy on the way."""
        to = self._proxy or self._config
        return to.host, to.port

    async def report(self, sheet: Sheet) -> bool:
        """Go as far as it goes; whether that was to the end."""
        self._tell_plain(sheet)
        for number, stage in enumerate(self.stages):
            began = time.perf_counter()
            try:
                told = await self.step(stage)
            except (Failed, EstuaryError) as error:
                took = time.perf_counter() - began
                self._tell_failure(sheet, stage, error, took)
                sheet.not_tried(self.stages[number + 1 :])
                return False
            took = time.perf_counter() - began if told.seconds is None else told.seconds
            sheet.add(stage, told.verdict, told.text, mend=told.mend, seconds=took, **told.facts)
        return True

    def _tell_plain(self, sheet: Sheet) -> None:
        config = self._config
        if not config.secure and not is_loopback(config.host):
            text = f"plain http: the key travels to {config.host} in clear"
            sheet.add("url", Verdict.WARN, text, mend="write https:// in --url, if it serves that")

    def _tell_failure(self, sheet: Sheet, stage: str, error: Exception, took: float) -> None:
        if isinstance(error, Failed):
            sheet.add(stage, Verdict.FAIL, error.text, mend=error.mend, seconds=took, **error.facts)
            return
        assert isinstance(error, EstuaryError)
        mend = _MENDS.get(stage, "")
        if stage == "proxy":
            mend = _mend_of_proxy(error, self._config)
        elif stage == "websocket":
            mend = _mend_of_http(error)
        sheet.add(stage, Verdict.FAIL, error.message, mend=mend, seconds=took)

    async def step(self, stage: str, auth: Mapping[str, Any] | None = None) -> Found:
        """One stage, the ones before it done. Raises Failed, EstuaryError."""
        host, port = self._first
        to, within = self._config, self._within
        if stage == "name":
            told, self._addresses = await way.look_up(host, port, within)
        elif stage == "connection":
            what = "the server" if self._proxy is None else "the proxy"
            told, self._stream = await way.connect(self._addresses, port, within, what)
        elif stage == "proxy":
            assert self._stream is not None
            assert self._proxy is not None
            told, self._stream = await way.tunnel(
                self._stream, self._proxy, to.host, to.port, within
            )
        elif stage == "tls":
            assert self._stream is not None
            told, self._stream = await way.secure(self._stream, to.host, to.port, within)
        elif stage == "websocket":
            assert self._stream is not None
            self.line = Line(self._stream, to, auth)
            told = await self._upgraded(self.line)
        else:
            assert self.line is not None
            told = await _SESSION[stage](self.line, within)
        return told

    async def _upgraded(self, line: Line) -> Found:
        await _come(line, "opened", self._within, "the answer to the WebSocket handshake")
        return found("the server takes the upgrade (HTTP 101)")

    async def aclose(self) -> None:
        """Leave, however far it went."""
        if self.line is not None:
            await self.line.aclose()
        elif self._stream is not None:
            with anyio.move_on_after(1, shield=True):
                await anyio.aclose_forcefully(self._stream)


async def _come(line: Line, what: str, within: float, awaited: str) -> None:
    """Wait until something has come. Raises Failed, or what ended the connection."""
    if await line.until(lambda: bool(getattr(line.conn, what)), within):
        return
    if line.closed is not None:
        raise line.closed.error
    raise Failed(f"{awaited} did not come within {within:g} s", "is that an Estuary server?")


async def _engine(line: Line, within: float) -> Found:
    await _come(line, "handshake", within, "the Engine.IO greeting")
    hello = line.conn.handshake
    assert hello is not None
    return found(
        f"a ping each {hello.ping_interval:g} s, {hello.ping_timeout:g} s to answer, "
        f"up to {hello.max_payload:,} bytes a message",
        ping_interval=hello.ping_interval,
        ping_timeout=hello.ping_timeout,
        max_payload=hello.max_payload,
    )


async def _socket(line: Line, within: float) -> Found:
    def answered() -> bool:
        return line.conn.joined or line.closed is not None or line.conn.state is State.CLOSING

    if not await line.until(answered, within):
        raise Failed(
            f"the namespace /sdk was not answered within {within:g} s",
            "it speaks Socket.IO: is it an Estuary server?",
        )
    if not line.conn.joined:
        await _ended(line)
        assert line.closed is not None
        if line.closed.cause is not Cause.AUTH or "namespace" in line.closed.error.message.lower():
            raise line.closed.error
        return found("the namespace /sdk answers")
    return found("the namespace /sdk is joined")


async def _ended(line: Line) -> None:
    """What ends it is told when the transport has gone, which a server may take its time for."""
    await line.until(lambda: line.closed is not None, 2)
    if line.closed is None:
        line.link.receive_eof(now=anyio.current_time())
        await line.until(lambda: line.closed is not None, 1)


async def _key(line: Line, within: float) -> Found:
    if line.closed is not None:
        raise line.closed.error

    def settled() -> bool:
        return line.conn.state in (State.READY, State.CLOSING, State.CLOSED)

    if not await line.until(settled, within):
        raise Failed(
            f"the namespace is joined, but no session_info came within {within:g} s",
            "the server may wait for what it takes the key from: ask who runs it",
        )
    if line.conn.state is not State.READY:
        await _ended(line)
        assert line.closed is not None
        raise line.closed.error
    session = line.conn.session
    assert session is not None
    return found(
        f"accepted; {session.character_id} talks to {session.player_id}",
        character=session.character_id,
        player=session.player_id,
    )


async def _round_trip(line: Line, within: float) -> Found:
    """WebSocket pings: they cost nothing, and the far end of the connection answers."""
    took = [await _ping(line, within) for _ in range(PINGS)]
    told = found(f"{PINGS} pings, the median is shown", round_trips=took)
    told.seconds = median(took)
    return told


async def _ping(line: Line, within: float) -> float:
    """Seconds until it is answered."""
    before, began = line.link.pongs, time.perf_counter()
    line.link.ping()
    if not await line.until(lambda: line.link.pongs > before, within):
        if line.closed is not None:
            raise line.closed.error
        raise Failed(
            f"a WebSocket ping was not answered within {within:g} s",
            "something between here and the server swallows pings; calls may fall when idle",
        )
    return time.perf_counter() - began


_SESSION: Final = {
    "engine.io": _engine, "socket.io": _socket, "key": _key, "round trip": _round_trip,
}  # fmt: skip

_MENDS: Final = {
    "engine.io": "that WebSocket speaks something else: is it an Estuary server?",
    "socket.io": "it speaks Socket.IO: is it an Estuary server?",
    "key": "check ESTUARY_API_KEY (or --api-key-file) and --character",
    "round trip": "it hung up at once: try again, and ask who runs the server",
}


def _mend_of_proxy(error: EstuaryError, config: EstuaryConfig) -> str:
    kind = "HTTPS_PROXY" if config.secure else "HTTP_PROXY"
    if error.details.get("status") == 407:
        return f"put its name and password into {kind} (http://name:password@host:port)"
    return f"it must allow CONNECT to that host and port; NO_PROXY={config.host} goes without it"


def _mend_of_http(error: EstuaryError) -> str:
    status = error.details.get("status")
    if error.details.get("location"):
        return "write that address in --url"
    if status in (401, 403):
        return "the server, or what stands before it, wants other credentials"
    if status == 404:
        return "no Socket.IO is served at /socket.io/ there: is the address right?"
    if status in (429, 502, 503, 504):
        return "the server is busy, full or restarting: try again later"
    if status is not None:
        return "what answers does not let WebSockets pass: is there a proxy between?"
    if "https" in error.message:
        return "write https:// in --url"
    return "is that an Estuary server?"


async def look(sheet: Sheet, config: EstuaryConfig, within: float) -> bool:
    """Report the way to a server; whether it goes to the end."""
    try:
        walk = Walk(config, within)
    except EstuaryError as error:  # The environment names a proxy that is none.
        sheet.add("proxy", Verdict.FAIL, error.message, status=Exit.USAGE)
        return False
    async with AsyncExitStack() as end:
        end.push_async_callback(walk.aclose)
        return await walk.report(sheet)
