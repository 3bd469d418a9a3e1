"""Claims about voice over LiveKit (items 38 to 46), in real rooms of the tests' own server."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import anyio

from estuary_proto.answers import Admit
from estuary_proto.events import AckDue
from estuary_proto.intents import (
    AudioPlaybackComplete,
    LiveKitJoin,
    LiveKitLeave,
    LiveKitTokenRequest,
    StartVoice,
)
from estuary_proto.models.session import SessionInfo
from tests.anyio.server import GONE, Peer, Server, serving

from .claims import Heard, Subject, claim, done, raising

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

URL = "ws://127.0.0.1:9"
"""Of a server that is not there."""
ROOM = "parlour"


class Host:
    """A server that invites into one room, and says that the character is there."""

    def __init__(self, peer: Peer, url: str) -> None:
        self._peer = peer
        self._url = url

    async def serve(self) -> None:
        at = 0
        with suppress(*GONE):
            while not self._peer.gone.is_set():
                news = self._peer.news
                for heard in self._peer.inbox[at:]:
                    at += 1
                    await self._answer(heard)
                await news.wait()

    async def _answer(self, heard: Any) -> None:
        from tests.livekit.keys import token

        if isinstance(heard, LiveKitTokenRequest) and self._url == URL:
            await self._peer.emit("livekit_error", error="no rooms today")
        elif isinstance(heard, LiveKitTokenRequest):
            ticket = token("user", ROOM)
            await self._peer.emit("livekit_token", token=ticket, url=self._url, room=ROOM)
        elif isinstance(heard, LiveKitJoin):
            await self._peer.emit("livekit_ready", room=ROOM)
        elif isinstance(heard, StartVoice):
            await self._peer.emit("voice_started")
        elif isinstance(heard, AckDue):
            await self._peer.text(f"43/sdk,{heard.ack_id}[]")


@asynccontextmanager
async def inviting(url: str = URL) -> AsyncIterator[Server]:
    """A server whose sessions bring a LiveKit address."""

    async def script(peer: Peer) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(Host(peer, url).serve)
            welcome = SessionInfo("s", "c", "character", "player", None, url, ROOM)
            await peer.converse(Admit(welcome))
            tasks.cancel_scope.cancel()

    async with serving(script) as server:
        yield server


@asynccontextmanager
async def rooms() -> AsyncIterator[str]:
    """The tests' LiveKit server, and its URL."""
    command = [sys.executable, "-m", "tests.livekit.sfu"]
    async with await anyio.open_process(command, stderr=None) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        url = (await process.stdout.receive()).decode().strip()
        try:
            yield url
        finally:
            with anyio.CancelScope(shield=True):
                await process.stdin.aclose()
                await process.wait()


@claim(
    "38",
    "auto takes LiveKit where its package is there and the server offers it",
    fails="AssertionError: it asked for no room",
)
async def auto_prefers_livekit(subject: Subject) -> None:
    async with inviting() as server:
        async with subject.client(server, voice_transport="auto") as client:
            await client.connect()
            peer = await server.peer()
            with suppress(subject.EstuaryError):
                await client.start_voice()
            assert peer.count(LiveKitTokenRequest), "it asked for no room"


@claim(
    "39",
    "who lacks the package is told of the way without it, the WebSocket, and that works",
    fails="AssertionError: it says ",
)
async def a_missing_package(subject: Subject) -> None:
    before = {name: sys.modules.get(name) for name in ("livekit", "livekit.rtc")}
    sys.modules.update(dict.fromkeys(before))  # type: ignore[arg-type]
    try:
        async with inviting() as server:
            async with subject.client(server, voice_transport="livekit") as client:
                await client.connect()
                with raising(subject.EstuaryError) as raised:
                    await client.start_voice()
                assert client.is_connected
                assert not client.is_voice_active
            told = str(raised[0]) if raised else "nothing"
            assert "voice_transport='websocket'" in told, f"it says {told}"
            # And that is a way, as is the one that chooses by itself.
            for way in ("websocket", "auto"):
                async with subject.client(server, voice_transport=way) as client:
                    await client.connect()
                    await client.start_voice()
                    assert client.is_voice_active, f"there is no voice with {way}"
                    assert client.voice_transport == "websocket"
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


@claim(
    "40",
    "muting in a room works, and what it says of itself is so",
    fails="AttributeError: ",
)
async def muting_in_a_room(subject: Subject) -> None:
    async with rooms() as url, inviting(url) as server:
        async with subject.client(server, voice_transport="livekit") as client:
            await client.connect()
            await client.start_voice()
            await done(client.toggle_mute())
            assert client.is_muted
            await done(client.toggle_mute())
            assert not client.is_muted


@claim(
    "42",
    "voice that does not start leaves the room, and tells the server",
    fails="AssertionError: the server was not told",
)
async def an_error_leaves_the_room(subject: Subject) -> None:
    async with inviting() as server:
        async with subject.client(server, voice_transport="livekit") as client:
            await client.connect()
            peer = await server.peer()
            with suppress(subject.EstuaryError):
                await client.start_voice()
            with anyio.move_on_after(1.0):
                await peer.get(LiveKitLeave)
            assert peer.count(LiveKitLeave), "the server was not told"


@claim(
    "43",
    "the server is asked for a token, which warms it up, also where the session brought one",
    fails="AssertionError: it asked for no room",
)
async def a_token_is_asked_for(subject: Subject) -> None:
    async def script(peer: Peer) -> None:
        info = SessionInfo("s", "c", "character", "player", "brought", URL, ROOM)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(Host(peer, URL).serve)
            await peer.converse(Admit(info))
            tasks.cancel_scope.cancel()

    async with serving(script) as server:
        async with subject.client(server, voice_transport="livekit") as client:
            await client.connect()
            peer = await server.peer()
            with suppress(Exception):
                await client.start_voice()
            assert peer.count(LiveKitTokenRequest), "it asked for no room"


@asynccontextmanager
async def in_company(subject: Subject) -> AsyncIterator[tuple[Any, Any, Any, Peer]]:
    """A client in a room, with a character there; what it hears, the character, its server."""
    from estuary_audio.livekit import open_room
    from tests.livekit.keys import token

    async with rooms() as url, inviting(url) as server:
        async with open_room(url, token("character", ROOM), rate=16000) as bot:
            async with subject.client(server, voice_transport="livekit") as client:
                await client.connect()
                heard = Heard(client, "audio_received")
                await client.start_voice()
                await bot.until_heard()
                yield client, heard, bot, await server.peer()


@claim(
    "44",
    "what is heard in a room is heard in its order, also by who takes their time",
    fails=r"AssertionError: it heard \[",
)
async def sound_in_its_order(subject: Subject) -> None:
    async with in_company(subject) as (client, heard, _, _):
        order: list[int] = []
        begun = 0
        enough = anyio.Event()

        async def slowly(pcm: bytes) -> None:
            nonlocal begun
            begun += 1
            number = begun
            await anyio.sleep(0.3 if number == 1 else 0.0)
            order.append(number)
            if len(order) == 5:
                enough.set()

        client.on("audio_received", slowly)
        with anyio.fail_after(10):
            await enough.wait()
        assert order[:5] == [1, 2, 3, 4, 5], f"it heard {order[:5]}"


@claim(
    "46",
    "the server is told when what the character said in the room has been heard",
    fails="AssertionError: the server was not told",
)
async def playback_in_a_room(subject: Subject) -> None:
    async with in_company(subject) as (_, heard, bot, peer):
        for number, state in ((1, "speaking"), (25, "idle")):
            await heard.get("audio_received", number, within=10.0)
            await bot.set_attributes({"estuary.state": state, "estuary.message_id": "m1"})
        with anyio.move_on_after(4.0):
            await peer.get(AudioPlaybackComplete)
        assert peer.count(AudioPlaybackComplete) == 1, "the server was not told"


@claim(
    "41",
    "a room that the server deletes is let go of, and voice is off",
    fails="AssertionError: it held on to ",
)
async def a_deleted_room_is_let_go(subject: Subject) -> None:
    import httpx
    from livekit.protocol.room import DeleteRoomRequest
    from livekit.rtc import _ffi_client as ffi

    from tests.livekit.keys import admin

    def live() -> int:
        return sum(not one.disposed for one in list(ffi._live_handles))

    async with rooms() as url, inviting(url) as server:
        async with subject.client(server, voice_transport="livekit") as client:
            await client.connect()
            before = live()
            await client.start_voice()
            async with httpx.AsyncClient() as http:
                await http.post(
                    url.replace("ws", "http", 1) + "/twirp/livekit.RoomService/DeleteRoom",
                    headers={
                        "Authorization": f"Bearer {admin(ROOM)}",
                        "Content-Type": "application/protobuf",
                    },
                    content=DeleteRoomRequest(room=ROOM).SerializeToString(),
                )
            with anyio.move_on_after(2.0):
                while live() > before:  # noqa: ASYNC110
                    await anyio.sleep(0.05)
            if client.is_voice_active:
                await client.stop_voice()
            assert live() <= before, f"it held on to {live() - before} of its parts"
