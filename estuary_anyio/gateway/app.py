"""The gateway as an ASGI application: `/socket.io/` over WebSocket, and `/health`.

A plain ASGI callable: one WebSocket route and one page need no framework, so `[gateway]` stays with
Hypercorn alone, and the application mounts in any ASGI server. Frames go to the mind
(`estuary_proto.gateway`); nothing is decided here.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import anyio

from estuary_proto.gateway import (
    ClientToken,
    MemoryStore,
    Outside,
    Registry,
    ServerConfig,
    ServerSession,
)

from .link import Brain, Link, Receive, Send
from .senses import LiveRecogniser, Recogniser, Voice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from estuary_proto.gateway.activity import Detector

ABORT = "estuary.abort"
"""Where in a scope's state a server may leave the function that cuts the connection at once."""


class GatewayApp:
    """An ASGI 3 application. `brain` answers instead of the rules when it is given, `recogniser`
    understands what players say, `voice` speaks instead of tones, `detector` makes what finds
    speech, at so many Hz, instead of its energy; `memory` is what characters know about players,
    shared by all connections; `report` takes what a script has to say, line by line."""

    def __init__(
        self,
        config: ServerConfig | None = None,
        *,
        brain: Brain | None = None,
        recogniser: Recogniser | None = None,
        voice: Voice | None = None,
        detector: Callable[[int], Detector] | None = None,
        memory: MemoryStore | None = None,
        report: Callable[[str], object] | None = None,
    ) -> None:
        self.config: ServerConfig = config or ServerConfig()
        if memory is None:
            memory = MemoryStore(self.config.max_players, self.config.max_facts)
        self.memory = memory
        self._registry = Registry(self.config, os.urandom)
        self._report = report
        self._brain = brain
        self._recogniser = recogniser
        self._voice = voice
        self._outside = Outside(
            recogniser=recogniser is not None,
            live=isinstance(recogniser, LiveRecogniser),
            voice=voice is not None,
            detector=detector,
        )
        self._links: set[Link] = set()
        self._left = anyio.Event()

    @property
    def sessions(self) -> int:
        """How many clients are connected."""
        return len(self._links)

    def mint(self, player_id: str, lifetime: float) -> ClientToken:
        """An end-user token for this player, good for `lifetime` seconds."""
        credentials = self._registry.credentials
        return credentials.mint(player_id, lifetime, now=anyio.current_time())

    async def empty(self) -> None:
        """Wait until no client is left."""
        while self._links:
            self._left = anyio.Event()
            await self._left.wait()

    def close_all(self, code: int = 1001, reason: str = "going away") -> None:
        """Say goodbye to every client with this WebSocket close code."""
        for link in tuple(self._links):
            link.close(code, reason)

    def cut_all(self) -> None:
        """Cut every client off without a word, as a broken network would."""
        for link in tuple(self._links):
            link.cut()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """ASGI's entry."""
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            status, body = self._page(scope)
            await _answer(send, status, body, "http.response")
        else:
            await _lifespan(receive, send)

    def _page(self, scope: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        path = scope["path"].rstrip("/")
        if path == "/health" and scope["method"] in ("GET", "HEAD"):
            return 200, {"status": "ok", "sessions": self.sessions}
        if path == "/socket.io":
            return 400, _refusal(scope) or {
                "code": 3,
                "message": "Bad request: no WebSocket upgrade",
            }
        return 404, {"detail": "Not found"}

    async def _websocket(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        status, refusal = self._verdict(scope)
        if refusal is not None:
            if "websocket.http.response" in scope.get("extensions", {}):
                await _answer(send, status, refusal, "websocket.http.response")
            else:
                await send({"type": "websocket.close"})
            return
        await send({"type": "websocket.accept"})
        session = ServerSession(
            self.config,
            memory=self.memory,
            entropy=os.urandom,
            external=self._brain is not None,
            outside=self._outside,
            registry=self._registry,
            wall=_wall,
        )
        abort: Callable[[], None] | None = scope.get("state", {}).get(ABORT)
        link = Link(
            session,
            receive,
            send,
            brain=self._brain,
            recogniser=self._recogniser,
            voice=self._voice,
            abort=abort,
            report=self._report,
        )
        self._links.add(link)
        try:
            await link.run()
        finally:
            session.receive_eof(now=anyio.current_time())  # Whatever ended it: its seat is free.
            self._links.discard(link)
            self._left.set()

    def _verdict(self, scope: Mapping[str, Any]) -> tuple[int, dict[str, Any] | None]:
        if scope["path"].rstrip("/") != "/socket.io":
            return 404, {"detail": "Not found"}
        if self.sessions >= self.config.max_sessions:
            return 503, {"code": 4, "message": "Too many sessions"}
        return 400, _refusal(scope)


def _wall() -> str:
    return datetime.now(UTC).isoformat()


def _refusal(scope: Mapping[str, Any]) -> dict[str, Any] | None:
    """What Engine.IO says to a query it does not serve; None for the one that it does."""
    query = parse_qs(scope["query_string"].decode("latin-1"))
    if query.get("transport") != ["websocket"]:
        return {"code": 0, "message": "Transport unknown: use transport=websocket"}
    if query.get("EIO") != ["4"]:
        return {"code": 5, "message": "Unsupported protocol version: use EIO=4"}
    return None


async def _answer(send: Send, status: int, body: dict[str, Any], kind: str) -> None:
    data = json.dumps(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(data))]
    await send({"type": f"{kind}.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.body", "body": data})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
