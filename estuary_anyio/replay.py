"""One half of a captured session on a real socket: a bug report becomes a test.

`ReplayServer` plays the server's half to a live client, `ReplayClient` the client's half to a live
server. What they say and when, and what they make of what they hear, is decided by
`estuary_proto.capture.halves`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
from anyio.abc import SocketAttribute
from anyio.lowlevel import checkpoint

from estuary_proto.authority import authority
from estuary_proto.capture import read
from estuary_proto.capture.calls import config_of
from estuary_proto.capture.halves import Player, halves
from estuary_proto.capture.mask import Mask
from estuary_proto.errors import ErrorCode, EstuaryError, LocalProtocolError
from estuary_proto.states import Role
from estuary_proto.websocket import WebSocketLink

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Mapping
    from types import TracebackType
    from typing import Self

    from anyio.abc import ByteStream, Listener, SocketStream, TaskGroup

    from estuary_proto.capture.halves import Half, Unlike
    from estuary_proto.config import EstuaryConfig

__all__ = ["ReplayClient", "ReplayServer"]

_GONE = (anyio.BrokenResourceError, anyio.EndOfStream, anyio.ClosedResourceError)


def _lines(capture: str | os.PathLike[str] | Iterable[str]) -> list[str]:
    """The lines of a capture, by its path or as they are."""
    if isinstance(capture, (str, os.PathLike)):
        try:
            with Path(capture).open(encoding="utf-8") as file:
                # Not splitlines(): a capture that was edited may hold U+2028.
                return list(file)
        except UnicodeDecodeError:
            problem = f"{capture}: not a capture (not UTF-8)"
            raise EstuaryError(problem, ErrorCode.PROTOCOL_ERROR) from None
    return list(capture)


async def _play(stream: ByteStream, link: WebSocketLink, player: Player) -> None:
    """Move the bytes of one connection until it is over."""
    news = anyio.Event()

    async def listen() -> None:
        nonlocal news
        try:
            while True:
                link.receive_data(await stream.receive(), anyio.current_time())
                news.set()
        except _GONE:
            link.receive_eof(anyio.current_time())
            news.set()

    link.start(anyio.current_time())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        while not link.closed and not player.wants_cut:
            news = anyio.Event()
            link.handle_timeout(anyio.current_time())
            try:
                while data := link.data_to_send():
                    await stream.send(data)
            except _GONE:
                link.receive_eof(anyio.current_time())
            if link.closed or player.wants_cut or news.is_set():
                await checkpoint()
                continue
            deadline = player.deadline
            pause = None if deadline is None else max(0.0, deadline.at - anyio.current_time())
            with anyio.move_on_after(pause):
                await news.wait()
        tasks.cancel_scope.cancel()
    player.receive_eof(now=anyio.current_time())


class ReplayServer:
    """Plays the server's half of a capture to live clients, a connection of it to each in turn.

        async with ReplayServer("bug.jsonl") as server:
            async with EstuaryClient(server.config()) as client:
                …                                   # do what was done
            await server.finished()
        assert not server.unlike

    It says what the server had said, when it had said it, but nothing before the client has said
    what had led to it; 10 s it waits for that. Connections that were cut are cut again, those that
    were refused are closed at once, and so are more than there were. `speed` is a factor, 0 as fast
    as it goes. Raises EstuaryError for what is no capture, OSError for a file that cannot be read.
    """

    def __init__(
        self,
        capture: str | os.PathLike[str] | Iterable[str],
        *,
        speed: float = 1.0,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        lines = _lines(capture)
        self._header = next(read(lines))
        self._halves = halves(lines)
        self._speed = speed
        self._host = host
        self._port = port
        self._next = 0
        self._players: list[Player] = []
        self._mask = Mask()
        self._playing = 0
        self._moved = anyio.Event()
        self._tasks: TaskGroup | None = None
        self._listener: Listener[SocketStream]

    async def __aenter__(self) -> Self:
        if self._tasks is not None:
            raise LocalProtocolError(
                "this server is in use already; make one for each `async with`"
            )
        self._listener = listener = await anyio.create_tcp_listener(
            local_host=self._host, local_port=self._port
        )
        self._port = listener.extra(SocketAttribute.local_port)
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(listener.serve, self._serve)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        tasks, self._tasks = self._tasks, None
        assert tasks is not None
        tasks.cancel_scope.cancel()
        try:
            # What the caller raised leaves as itself, never in a group of ours.
            await tasks.__aexit__(None, None, None)
        finally:
            with anyio.CancelScope(shield=True):
                await self._listener.aclose()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{authority(self._host, self._port)}"

    @property
    def unlike(self) -> list[Unlike]:
        """What clients have said otherwise than in the capture, or not at all; without secrets."""
        return [one for player in self._players for one in player.unlike]

    def config(self, **changes: Any) -> EstuaryConfig:
        """The configuration that the capture was made with, for a client of this server.

        Of the key there is only a placeholder, which does here. `changes` win.
        """
        return config_of(
            self._header, **{"server_url": self.url, "token_provider": None, **changes}
        )

    async def finished(self) -> None:
        """Wait until every connection of the capture has been played to its end."""
        while self._next < len(self._halves) or self._playing:
            await self._moved.wait()

    async def _serve(self, stream: ByteStream) -> None:
        self._playing += 1
        try:
            async with stream:
                half = self._take()
                if half is not None and half.opened:
                    player = Player(half, Role.SERVER, speed=self._speed, mask=self._mask)
                    self._players.append(player)
                    path = self._header.data.get("path")
                    target = path if isinstance(path, str) else "/socket.io/"
                    await _play(
                        stream, WebSocketLink(player, role=Role.SERVER, target=target), player
                    )
        finally:
            self._playing -= 1
            moved, self._moved = self._moved, anyio.Event()
            moved.set()

    def _take(self) -> Half | None:
        if self._next >= len(self._halves):
            return None
        self._next += 1
        return self._halves[self._next - 1]


class ReplayClient:
    """Plays the client's half of a capture to a live server.

        client = ReplayClient("bug.jsonl", "http://127.0.0.1:4001", api_key="est_dev")
        await client.play()
        assert not client.unlike                    # the server has taken part to the end
        client.heard                                # every frame that it has sent

    It says what the client had said, when it had said it, but nothing before the server has said
    what had led to it. The ids of the live server take the places of those in the capture. What a
    character says may differ: `unlike` holds what never came. `secrets` are further ones by the
    names of their placeholders, such as `{"token": …}`.
    """

    def __init__(
        self,
        capture: str | os.PathLike[str] | Iterable[str],
        url: str,
        *,
        api_key: str,
        secrets: Mapping[str, str] | None = None,
        speed: float = 1.0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        lines = _lines(capture)
        header = next(read(lines))
        self._config = config_of(header, server_url=url, api_key=api_key, token_provider=None)
        path = header.data.get("path")
        self._path = path if isinstance(path, str) else "/socket.io/"
        self._halves = [half for half in halves(lines) if half.opened]
        self._secrets = {"api_key": api_key, "client_token": api_key, **(secrets or {})}
        self._speed = speed
        self._ssl_context = ssl_context
        self.unlike: list[Unlike] = []
        self.heard: list[str | bytes] = []

    async def play(self) -> None:
        """Play every connection, one after the other. Raises OSError when there is no server."""
        for half in self._halves:
            player = Player(half, Role.CLIENT, speed=self._speed, secrets=self._secrets)
            config = self._config
            host = urlsplit(config.server_url).netloc
            link = WebSocketLink(player, host=host, target=config.target(self._path))
            async with await self._connect() as stream:
                await _play(stream, link, player)
            self.unlike += player.unlike
            self.heard += player.heard

    async def _connect(self) -> ByteStream:
        config = self._config
        if not config.secure:
            return await anyio.connect_tcp(config.host, config.port)
        return await anyio.connect_tcp(
            config.host,
            config.port,
            tls=True,
            ssl_context=self._ssl_context,
            tls_standard_compatible=False,
        )
