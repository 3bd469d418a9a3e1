"""The gateway as an ASGI application: `/socket.io/` over WebSocket, the REST API, `/health`.

A plain ASGI callable: one WebSocket route and a table of others need no framework, so `[gateway]`
stays with Hypercorn alone, and the application mounts in any ASGI server. Frames go to the mind
(`estuary_proto.gateway`), requests to the desk (`api`); nothing is decided here.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import anyio

from estuary_proto.errors import EstuaryError
from estuary_proto.gateway import (
    ClientToken,
    Guest,
    Outside,
    Registry,
    ServerConfig,
    ServerSession,
)
from estuary_proto.gateway.api.personas import described, performer
from estuary_proto.models.extras import MotiveUpdated

from .api.desk import Desk
from .api.house import House
from .link import Brain, Link, Receive, Send
from .senses import LiveRecogniser, Recogniser, Voice
from .store import characters, shares
from .store.archive import Archive
from .store.database import Database, version_of
from .store.moments import iso, seconds_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from estuary_proto.gateway.activity import Detector
    from estuary_proto.intents import StartAgentConversation
    from estuary_proto.models import Character

    from .livekit import LiveKitSettings

_log = logging.getLogger("estuary.gateway")

ABORT = "estuary.abort"
"""Where in a scope's state a server may leave the function that cuts the connection at once."""


class GatewayApp:
    """An ASGI 3 application. `brain` answers instead of the rules when it is given, `recogniser`
    understands what players say, `voice` speaks instead of tones, `detector` makes what finds
    speech, at so many Hz, instead of its energy; `livekit` is where rooms are. What is known is
    kept in the directory `data` (None: in memory), at times that `clock` gives in seconds since
    1970. `report` takes what a script has to say, line by line."""

    def __init__(
        self,
        config: ServerConfig | None = None,
        *,
        brain: Brain | None = None,
        recogniser: Recogniser | None = None,
        voice: Voice | None = None,
        detector: Callable[[int], Detector] | None = None,
        livekit: LiveKitSettings | None = None,
        data: Path | None = None,
        clock: Callable[[], float] = time.time,
        report: Callable[[str], object] | None = None,
    ) -> None:
        self.config: ServerConfig = config or ServerConfig()
        self._registry = Registry(self.config, os.urandom)
        self._clock = clock
        self._database = Database(data)
        self._archive = Archive(
            self._database, self.config, clock=clock, new_id=lambda: os.urandom(16).hex()
        )
        house = House(
            self.config, self._database, self._archive, self._registry, self, brain, clock,
            anyio.current_time, os.urandom,
        )  # fmt: skip
        self._desk = Desk(house)
        self._opening = anyio.Lock()
        self._open = False
        self._version = 0
        self._report = report
        self._brain = brain
        self._recogniser = recogniser
        self._voice = voice
        self._outside = Outside(
            recogniser=recogniser is not None,
            live=isinstance(recogniser, LiveRecogniser),
            voice=voice is not None,
            rooms=livekit.url if livekit is not None else "",
            detector=detector,
        )
        self._livekit = livekit
        self._links: set[Link] = set()
        self._entering = 0
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

    async def open(self) -> None:
        """Open the database, and know the characters in it. Spurious calls are free.

        Raises EstuaryError CONFIG_INVALID for a database that cannot be used.
        """
        async with self._opening:
            if not self._open:
                self._cast(await self._database.write(self._load))
                now = self._clock()
                at = iso(now)
                for kept in await self._database.read(lambda db: shares.guests(db, at)):
                    self._registry.credentials.let_in(_guest(kept, now))
                self._open = True

    def _load(self, db: sqlite3.Connection) -> list[Character]:
        at = iso(self._clock())
        for character_id, character in self.config.characters.items():
            characters.add_missing(db, described(character_id, character), at)
        return characters.every(db)

    def _cast(self, models: list[Character]) -> None:
        cast = self._registry.cast
        cast.clear()
        for model in models:
            known = self.config.characters.get(model.id)
            cast[model.id] = performer(model, known.greeting if known is not None else "")

    async def _meet(self) -> None:
        """Know the characters as another process may have made or changed them meanwhile."""
        version = await self._database.read(version_of)
        if version != self._version:
            self._version = version
            self._cast(await self._database.read(characters.every))

    async def close(self) -> None:
        """Close the database; what was told has been kept, or EstuaryError is raised."""
        try:
            await self._archive.settle()
        except sqlite3.Error as error:
            # Nobody was answered by it, but somebody said it.
            raise EstuaryError(f"what was said last could not be kept: {error}") from error
        finally:
            await self._database.close()
            self._open = False

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
            await self.open()
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            page = self._page(scope)
            if page is not None:
                await _answer(send, *page, "http.response")
            else:
                await self.open()
                await self._desk.serve(scope, receive, send, scope.get("state", {}).get(ABORT))
        else:
            await self._lifespan(receive, send)

    def _page(self, scope: Mapping[str, Any]) -> tuple[int, dict[str, Any]] | None:
        path = scope["path"].rstrip("/")
        if path == "/health" and scope["method"] in ("GET", "HEAD"):
            return 200, {"status": "ok", "sessions": self.sessions}
        if path == "/socket.io":
            return 400, _refusal(scope) or {
                "code": 3,
                "message": "Bad request: no WebSocket upgrade",
            }
        return None

    async def _websocket(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        status, refusal = self._verdict(scope)
        if refusal is not None:
            if "websocket.http.response" in scope.get("extensions", {}):
                await _answer(send, status, refusal, "websocket.http.response")
            else:
                await send({"type": "websocket.close"})
            return
        self._entering += 1  # Its seat is taken from here on, whatever is waited for.
        try:
            await self._meet()
            await send({"type": "websocket.accept"})
        finally:
            self._entering -= 1
        session = ServerSession(
            self.config,
            memory=None,
            entropy=os.urandom,
            external=self._brain is not None,
            outside=self._outside,
            registry=self._registry,
            wall=lambda: iso(self._clock()),
            keep=self._archive.keep,
        )
        abort: Callable[[], None] | None = scope.get("state", {}).get(ABORT)
        link = Link(
            session,
            receive,
            send,
            self._archive,
            brain=self._brain,
            recogniser=self._recogniser,
            voice=self._voice,
            livekit=self._livekit,
            abort=abort,
            report=self._report,
        )
        self._links.add(link)
        try:
            await link.run()
        except* sqlite3.Error as failed:
            _log.error("the database failed: %s", failed.exceptions[0])
            with suppress(Exception):
                await send({"type": "websocket.close", "code": 1011})
        finally:
            session.receive_eof(now=anyio.current_time())  # Whatever ended it: its seat is free.
            with anyio.CancelScope(shield=True), suppress(sqlite3.Error):
                await self._archive.settle()  # If it cannot, it does with the next, or at the end.
            self._links.discard(link)
            self._left.set()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            kind = (await receive())["type"]
            if kind == "lifespan.startup":
                await self.open()
            else:
                await self.close()
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return

    # --- sessions that requests concern ----------------------------------------------------

    def revoke(self, share_id: str) -> int:
        """End the sessions of this share; how many there were."""
        return sum(link.revoke(share_id) for link in tuple(self._links))

    def motive(self, character_id: str, player_id: str, motive: str) -> None:
        """Tell the sessions of this pair what drives the character now."""
        at = iso(self._clock())
        told = MotiveUpdated(character_id, player_id, motive, timestamp=at)
        for link in tuple(self._links):
            link.tell(told, character_id, player_id)

    def encounter(self, encounter_id: str, wanted: StartAgentConversation) -> None:
        """Let those who talk to either of them hear how two characters meet."""
        for link in tuple(self._links):
            link.encounter(encounter_id, wanted)

    def _verdict(self, scope: Mapping[str, Any]) -> tuple[int, dict[str, Any] | None]:
        if scope["path"].rstrip("/") != "/socket.io":
            return 404, {"detail": "Not found"}
        if self.sessions + self._entering >= self.config.max_sessions:
            return 503, {"code": 4, "message": "Too many sessions"}
        return 400, _refusal(scope)


def _guest(kept: shares.Kept, now: float) -> Guest:
    """A guest from before, on this process's clock."""
    ends = kept.expires_at
    left = None if ends is None else anyio.current_time() + seconds_of(ends) - now
    who = (kept.digest, kept.share_id, kept.character_id, kept.player_id)
    return Guest(*who, left, kept.max_interactions)


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
