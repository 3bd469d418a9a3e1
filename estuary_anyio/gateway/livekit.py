"""The gateway in LiveKit rooms: tokens, the character's part in a room, the end of a room.

The character joins a room before its player does, hears the player alone, and shows what it does
by the attributes `estuary.state` and `estuary.message_id` (PROTOCOL 3). A room ends with its
client.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import anyio

from estuary_proto.config import invalid
from estuary_proto.errors import ErrorCode, EstuaryError
from estuary_proto.gateway import CloseRoom, HushRoom, Mint, OpenRoom, Utter

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import TaskGroup
    from livekit.api import VideoGrants

    from estuary_audio.livekit import Room
    from estuary_proto.gateway import InRoom, ServerSession

logger: logging.Logger = logging.getLogger("estuary_anyio.gateway")

CHARACTER: Final = "character"
"""What the character is called in a room."""

LIFETIME: Final = timedelta(hours=1)
"""Of a player's token: for joining, not for staying."""

DELETED_WITHIN: Final = 3.0
"""Seconds that a server may take to delete a room."""


@dataclass(frozen=True)
class LiveKitSettings:
    """A LiveKit server: its URL (ws, wss, http or https), and the API key and secret with which
    tokens are made. Raises CONFIG_INVALID for what cannot be one."""

    url: str
    key: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("ws", "wss", "http", "https") or not parts.hostname:
            raise invalid("livekit.url", f"{self.url!r} is no address", "give ws://… or wss://…")
        if not self.key or not self.secret:
            raise invalid("livekit", "key and secret are needed", "take them from the server's")

    @property
    def api(self) -> str:
        """Where its API is."""
        return "http" + self.url.removeprefix("http").removeprefix("ws").rstrip("/")


def check_installed() -> None:
    """Raise LIVEKIT_UNAVAILABLE unless rooms can be joined and tokens made here."""
    try:
        found = all(find_spec(name) for name in ("livekit.rtc", "livekit.api", "numpy", "soxr"))
    except ImportError:
        found = False
    if not found:
        raise EstuaryError(
            "LiveKit rooms need the extra [livekit]: pip install 'estuary-anyio[gateway,livekit]'",
            ErrorCode.LIVEKIT_UNAVAILABLE,
        )


def player(player_id: str) -> str:
    """What a player is called in a room."""
    return f"player-{player_id}"


class Rooms:
    """The rooms of one session. `settle` is called after each input to it."""

    def __init__(
        self, settings: LiveKitSettings, session: ServerSession, settle: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._session = session
        self._settle = settle
        self._stays: dict[str, _Stay] = {}

    def obey(self, command: InRoom, tasks: TaskGroup) -> None:
        """Do what the session asks, in tasks of this group."""
        if isinstance(command, Mint):
            token = _token(self._settings, command.room, player(command.player_id))
            self._session.room_token(command.room, token, now=anyio.current_time())
        elif isinstance(command, OpenRoom):
            stay = self._stays[command.room] = _Stay(
                self._settings, self._session, self._settle, command
            )
            tasks.start_soon(self._stay, stay)
        elif (known := self._stays.get(command.room)) is not None:
            known.obey(command)

    async def _stay(self, stay: _Stay) -> None:
        try:
            await stay.run()
        finally:
            del self._stays[stay.room]


class _Stay:
    """The character's stay in one room."""

    def __init__(
        self,
        settings: LiveKitSettings,
        session: ServerSession,
        settle: Callable[[], None],
        command: OpenRoom,
    ) -> None:
        self.room = command.room
        self._settings = settings
        self._session = session
        self._settle = settle
        self._command = command
        self._scope = anyio.CancelScope()
        self._utters: deque[Utter] = deque()
        self._saying: anyio.CancelScope | None = None
        self._hushed = False
        self._says: str | None = None
        self._news = anyio.Event()

    def obey(self, command: Utter | HushRoom | CloseRoom) -> None:
        """Note what is wanted; who does it is woken."""
        if isinstance(command, CloseRoom):
            self._scope.cancel()
        elif isinstance(command, Utter):
            self._utters.append(command)
        else:
            self._utters.clear()
            self._hushed = True
            if self._saying is not None:
                self._saying.cancel()
        self._news.set()

    async def run(self) -> None:
        """Join, hear and speak, until the room is closed or lost; then delete it."""
        problem: str | None = None
        try:
            with self._scope:
                await self._visit()
        except EstuaryError as error:
            problem = f"The LiveKit room cannot be used: {error.message}"
            logger.warning("room %s: %s", self.room, error.message)
        finally:
            with anyio.CancelScope(shield=True):
                await self._delete()
            self._session.room_over(self.room, problem, now=anyio.current_time())
            self._settle()

    async def _visit(self) -> None:
        from estuary_audio.livekit import open_room  # Late: heavy, and of an extra.

        wanted = self._command
        them = player(wanted.player_id)
        async with open_room(
            self._settings.url,
            _token(self._settings, self.room, CHARACTER, shows=True),
            rate=wanted.rate,
            hear_rate=wanted.hear_rate,
            hears=lambda identity: identity == them,
        ) as room:
            await room.set_attributes(_state("idle", ""))
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._speak, room)
                await self._hear(room)
                tasks.cancel_scope.cancel()

    async def _hear(self, room: Room) -> None:
        from estuary_audio.livekit import BotAudio, ParticipantLeft, TrackStarted

        async for event in room:
            now = anyio.current_time()
            if isinstance(event, BotAudio):
                self._session.room_heard(self.room, event.pcm, now=now)
            elif isinstance(event, TrackStarted):
                self._session.room_entered(self.room, now=now)
            elif isinstance(event, ParticipantLeft):
                return
            else:
                continue
            self._settle()

    # --- the character's voice -------------------------------------------------------------

    async def _speak(self, room: Room) -> None:
        try:
            await room.until_heard()
            while True:
                self._news = anyio.Event()
                if self._hushed:
                    self._hushed = False
                    await room.clear_audio()
                    await self._show(room, None)
                elif self._utters:
                    with anyio.CancelScope() as self._saying:
                        await self._say(room, self._utters.popleft())
                    self._saying = None
                else:
                    await self._news.wait()
        except EstuaryError as error:
            logger.debug("room %s: %s", self.room, error.message)  # It is lost: `_hear` ends too.

    async def _say(self, room: Room, utter: Utter) -> None:
        if utter.pcm:
            await self._show(room, utter.message_id)
            await room.send_audio(utter.pcm)
        if utter.final:
            await room.flush()
            await self._show(room, None)

    async def _show(self, room: Room, message_id: str | None) -> None:
        """Let the others see what is being said."""
        if message_id != self._says:
            self._says = message_id
            state = "idle" if message_id is None else "speaking"
            await room.set_attributes(_state(state, message_id or ""))

    # --- the end ---------------------------------------------------------------------------

    async def _delete(self) -> None:
        """The room ends with its client; whoever is still there is put out."""
        import httpx  # Late: heavy, and of an extra.
        from livekit import api
        from livekit.protocol.room import DeleteRoomRequest

        grants = api.VideoGrants(room_create=True, room_admin=True, room=self.room)
        token = _signed(self._settings, grants, CHARACTER)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/protobuf"}
        try:
            async with httpx.AsyncClient(timeout=DELETED_WITHIN) as client:
                answer = await client.post(
                    f"{self._settings.api}/twirp/livekit.RoomService/DeleteRoom",
                    headers=headers,
                    content=DeleteRoomRequest(room=self.room).SerializeToString(),
                )
        except httpx.HTTPError as error:
            logger.warning("room %s was not deleted: %s", self.room, type(error).__name__)
            return
        if answer.is_error and answer.status_code != 404:
            logger.warning("room %s was not deleted: HTTP %d", self.room, answer.status_code)


def _state(state: str, message_id: str) -> dict[str, str]:
    return {"estuary.state": state, "estuary.message_id": message_id}


def _token(settings: LiveKitSettings, room: str, identity: str, *, shows: bool = False) -> str:
    """A token for joining; `shows`: with attributes of one's own."""
    from livekit import api

    grants = api.VideoGrants(room_join=True, room=room, can_update_own_metadata=shows)
    return _signed(settings, grants, identity)


def _signed(settings: LiveKitSettings, grants: VideoGrants, identity: str) -> str:
    from livekit import api

    made = api.AccessToken(settings.key, settings.secret).with_identity(identity)
    signed: str = made.with_ttl(LIFETIME).with_grants(grants).to_jwt()
    return signed
