"""A real client, a scripted server, and the fault proxy between them, brought into a state.

async with staged("streaming answer") as scene:    # the client is there, the answer has begun
    scene.wire.cut()
    …
"""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import anyio
import anyio.lowlevel

from estuary_anyio import (
    ClientCredential,
    Connected,
    EstuaryClient,
    EstuaryError,
    Reply,
    VoiceMode,
)
from estuary_proto import Ack, AckDue, Closed, Connection, Open, Role, WebSocketLink
from estuary_proto.intents import RenewAuthentication, SendText, StreamAudio
from estuary_proto.models.pcm import encode_pcm
from estuary_proto.states import State
from tests.anyio.byhand import Story
from tests.anyio.server import GONE, Peer, Server, serving

from .proxy import FAIR, FaultProxy, Weather, Wire, faulty

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable

    from anyio.abc import TaskGroup

TENTH: Final = b"\x01\x00" * 1600
QUICK: Final = Open("sid", (), 0.5, 0.5, 2**20)
"""A greeting of which a client notices within a second that nobody is there."""
PATIENT: Final = Open("sid", (), 25.0, 20.0, 2**20)


# --- what the server does ---------------------------------------------------------------------


async def hold(peer: Peer) -> None:
    """Take the connection, and leave its handshake without an answer."""
    while True:
        await peer.stream.receive()


async def unanswered(peer: Peer) -> None:
    """Greet, and leave the request to join without an answer."""
    await peer.converse(None)


async def hearing(peer: Peer) -> None:
    """Let it in, and acknowledge all but renewals."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_acknowledge, peer)
        await peer.converse()
        tasks.cancel_scope.cancel()


async def _acknowledge(peer: Peer) -> None:
    done = 0
    while not peer.gone.is_set():
        news = peer.news
        while done < len(peer.inbox):
            event, before = peer.inbox[done], peer.inbox[done - 1]
            done += 1
            renews = isinstance(before, RenewAuthentication)
            if isinstance(event, AckDue) and not renews and peer.conn.state is State.READY:
                peer.conn.submit(Ack(event.ack_id), now=anyio.current_time())
                try:
                    await peer.flush()
                except GONE:
                    return
        await news.wait()


async def patient(peer: Peer) -> None:
    """The same, whatever the first connection was greeted with."""
    peer.conn = Connection(Role.SERVER, handshake=PATIENT, connect_within=60.0)
    peer.link = WebSocketLink(peer.conn, role=Role.SERVER)
    await hearing(peer)


# --- states ---------------------------------------------------------------------------------------


class Scene:
    """What a cell looks at. `failed` is what a pending `connect()` raised, `left` is set when a
    pending `disconnect()` has come to its end."""

    def __init__(
        self, server: Server, proxy: FaultProxy, client: EstuaryClient, tasks: TaskGroup
    ) -> None:
        self.server, self.proxy, self.client, self.tasks = server, proxy, client, tasks
        self.story = Story(client)
        self.peer: Peer
        self.wire: Wire
        self.reply: Reply | None = None
        self.failed: EstuaryError | None = None
        self.over = anyio.Event()

    async def begin(self) -> None:
        """Connect, in the background."""
        self.tasks.start_soon(self._connect)
        self.wire, self.peer = await self.proxy.wire(), await self.server.peer()

    async def _connect(self) -> None:
        try:
            await self.client.connect()
        except EstuaryError as error:
            self.failed = error
        self.over.set()

    async def enter(self) -> None:
        """Connect, and be in."""
        await self.client.connect()
        self.wire, self.peer = await self.proxy.wire(), await self.server.peer()

    async def leave(self) -> None:
        """Disconnect, in the background."""
        self.over = anyio.Event()

        async def going() -> None:
            await self.client.disconnect()
            self.over.set()

        self.tasks.start_soon(going)

    async def ended(self) -> None:
        """Wait until what was pending has come to its end."""
        with anyio.fail_after(10):
            await self.over.wait()


async def connecting(scene: Scene) -> None:
    await scene.begin()
    while not scene.wire.up.passed:  # The request has gone through.
        await anyio.lowlevel.checkpoint()


async def joining(scene: Scene) -> None:
    await scene.begin()
    with anyio.fail_after(5):
        while scene.peer.conn.state is not State.JOINING:
            await scene.peer.news.wait()


async def idle(scene: Scene) -> None:
    await scene.enter()


async def streaming(scene: Scene) -> None:
    await scene.enter()
    scene.reply = scene.client.ask("well?")
    await scene.peer.get(SendText)
    pieces = aiter(scene.reply)
    await scene.peer.emit(
        "bot_response", text="Once", partial="Once", is_final=False, message_id="m"
    )
    assert (await anext(pieces)).text == "Once"


async def voice_up(scene: Scene) -> None:
    await scene.enter()
    await scene.client.start_voice(VoiceMode.CONTINUOUS)
    await scene.client.send_audio(TENTH)
    await scene.peer.get(StreamAudio)


async def voice_down(scene: Scene) -> None:
    await streaming(scene)
    heard = anyio.Event()
    scene.client.on("bot_voice", lambda voice: heard.set())
    await scene.peer.emit("bot_voice", audio=encode_pcm(TENTH), message_id="m", chunk_index=0)
    with anyio.fail_after(5):
        await heard.wait()


async def renewing(scene: Scene) -> None:
    await scene.enter()
    await scene.peer.get(RenewAuthentication)


async def disconnecting(scene: Scene) -> None:
    await scene.enter()
    scene.wire.down.stall()  # The echo of its goodbye does not come.
    assert scene.client.send_text("last words")
    await scene.leave()
    await scene.peer.get(Closed)


STATES: Final[dict[str, tuple[Callable[[Scene], Awaitable[None]], Any]]] = {
    "connecting": (connecting, hold),
    "joining": (joining, unanswered),
    "ready": (idle, hearing),
    "streaming answer": (streaming, hearing),
    "voice up": (voice_up, hearing),
    "voice down": (voice_down, hearing),
    "renewing": (renewing, hearing),
    "disconnecting": (disconnecting, hearing),
}


@asynccontextmanager
async def staged(
    state: str,
    *,
    quick: bool = False,
    weather: Weather = FAIR,
    tls: tuple[ssl.SSLContext, ssl.SSLContext] | None = None,
    small_buffers: bool = False,
    **settings: Any,
) -> AsyncIterator[Scene]:
    """A client in this state; `quick` for greetings that are `QUICK`, `tls` is (server, client)."""
    bring, script = STATES[state]

    async def provide() -> ClientCredential:
        return ClientCredential("ect_token", "player", time.time() + provide_for.pop())

    provide_for = [3600.0, 0.1]
    if state == "renewing":
        settings |= {"api_key": "", "token_provider": provide}
    async with serving(
        script, patient, handshake=QUICK if quick else PATIENT, small_buffers=small_buffers,
        tls=None if tls is None else tls[0],
    ) as server:  # fmt: skip
        async with faulty(server.port, weather) as proxy, anyio.create_task_group() as tasks:
            scheme = "http" if tls is None else "https"
            settings["server_url"] = f"{scheme}://127.0.0.1:{proxy.port}"
            config = server.config(**settings)
            context = None if tls is None else tls[1]
            async with EstuaryClient(config, ssl_context=context) as client:
                scene = Scene(server, proxy, client, tasks)
                await bring(scene)
                yield scene


async def back(scene: Scene) -> None:
    """Wait until it is in again, and talk."""
    if len(scene.server.peers) < 2 or not scene.client.is_connected:
        await scene.client.wait_for(Connected, timeout=10)
    assert await scene.client.send_text("again")
    peer = scene.server.peers[-1]
    assert (await peer.get(SendText)).text == "again"
