"""Whatever is cancelled, at whichever of its checkpoints: nothing hangs, leaks or is left open."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

import anyio
import pytest
from anyio.lowlevel import checkpoint

from estuary_anyio import (
    BotResponse,
    Connected,
    Disconnected,
    EstuaryClient,
    EstuaryError,
    EventStream,
    Receipt,
    Reconnecting,
    Reply,
    VoiceMode,
)
from estuary_anyio.backends import current_backend
from estuary_proto import Ack, AckDue, Admit, JoinRequested, LocalProtocolError, Refuse
from tests.anyio.cancelling import NATIVE, How, at_every_checkpoint
from tests.anyio.server import GONE, WELCOME, Peer, Server, answering, serving

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

HOW = pytest.mark.parametrize("how", get_args(How))


@pytest.fixture(autouse=True)
def possible(how: How, anyio_backend_name: str) -> None:
    if how in NATIVE and anyio_backend_name != "asyncio":
        pytest.skip("tasks of trio have no cancel()")


async def hearing(peer: Peer) -> None:
    """A script: answer each text, and acknowledge what voice asks."""

    async def acknowledge() -> None:
        done = 0
        while not peer.gone.is_set():
            news = peer.news
            due = [one for one in peer.inbox if isinstance(one, AckDue)]
            for one in due[done:]:
                done += 1
                with suppress(*GONE, LocalProtocolError):  # It may have left.
                    peer.conn.submit(Ack(one.ack_id), now=anyio.current_time())
                    await peer.flush()
            await news.wait()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(acknowledge)
        await answering(peer)
        tasks.cancel_scope.cancel()


class Story:
    """What a scenario has begun, and what must have become of it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.replies: list[Reply] = []
        self.receipts: list[Receipt] = []
        self.clients: list[EstuaryClient] = []

    def client(self) -> EstuaryClient:
        config = self.server.config(reconnect_delay=60.0, reconnect_delay_max=60.0)
        client = EstuaryClient(config)
        self.clients.append(client)
        return client

    async def check(self) -> None:
        """Everything has ended: here, and at the server."""
        for client in self.clients:
            # Used bare it is its owner's to end, whatever was cancelled.
            await client.disconnect()
            assert not client.is_connected
        assert all(reply.end is not None for reply in self.replies)
        assert all(receipt.outcome is not None for receipt in self.receipts)
        for peer in self.server.peers:
            await peer.left()
        for things in (self.replies, self.receipts, self.clients, self.server.peers):
            things.clear()


async def whole(story: Story) -> None:
    async with story.client() as client:
        await client.connect()
        reply = client.ask("hello")
        story.replies.append(reply)
        story.receipts.append(client.send_text("and more"))
        await reply.final()
        await client.disconnect()


async def bare(story: Story) -> None:
    client = story.client()
    await client.connect()
    story.replies.append(client.ask("hello"))
    await story.replies[-1].final()
    await client.disconnect()


async def iterating(story: Story) -> None:
    async with story.client() as client:
        await client.connect()
        reply = client.ask("tell me a joke")
        story.replies.append(reply)
        async for _ in reply:
            pass


async def watching(story: Story) -> None:
    async with story.client() as client:
        events = client.events(Connected, BotResponse)
        await client.connect()
        story.replies.append(client.ask("hello"))
        async for event in events:
            if isinstance(event, BotResponse) and event.is_final:
                break


async def waiting(story: Story) -> None:
    async with story.client() as client:
        await client.connect()
        story.receipts.append(client.send_text("hello"))
        await client.wait_for(BotResponse, lambda response: response.is_final)


async def flushing(story: Story) -> None:
    async with story.client() as client:
        await client.connect()
        story.receipts += [client.send_text("x" * 5000) for _ in range(20)]
        await client.flush()
        await story.receipts[0]


async def handling(story: Story) -> None:
    """It ends while handlers are at work."""
    async with story.client() as client:

        async def slow(_: Any) -> None:
            for _ in range(3):
                await checkpoint()

        for name in ("connected", "bot_response", "disconnected", "*"):
            client.on(name, slow)
        await client.connect()
        story.replies.append(client.ask("hello"))
        await story.replies[-1].final()


async def speaking(story: Story) -> None:
    async with story.client() as client:
        await client.connect()
        await client.start_voice()
        await client.send_audio(b"\x01\x00" * 16000)
        await client.stop_voice()


async def falling(story: Story) -> None:
    """Connect again in the pause before an attempt."""
    async with story.client() as client:
        await client.connect()
        events = client.events(Reconnecting, Disconnected)
        await (await story.server.peer()).cut()
        assert isinstance(await anext(events), Disconnected)
        await anext(events)
        await client.connect()


SCENARIOS = [whole, bare, iterating, watching, waiting, flushing, handling, speaking, falling]


@HOW
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_a_conversation(scenario: Callable[[Story], Any], how: How) -> None:
    if scenario is bare and current_backend().name == "trio":
        pytest.skip("on trio a client is not used bare")
    async with serving(hearing) as server:
        story = Story(server)
        found = await at_every_checkpoint(lambda: scenario(story), how=how, after=story.check)
        assert found > 3


# --- a call is cancelled, the client goes on -------------------------------------------------


async def final(client: EstuaryClient) -> None:
    await client.ask("hello").final()


async def pieces(client: EstuaryClient) -> None:
    async for _ in client.ask("hello"):
        pass


async def any_event(client: EstuaryClient) -> None:
    async for event in after_saying_hello(client):
        if isinstance(event, BotResponse):
            break


def after_saying_hello(client: EstuaryClient) -> EventStream[Any]:
    events: EventStream[Any] = client.events()
    client.send_text("hello")
    return events


async def one_event(client: EstuaryClient) -> None:
    client.send_text("hello")
    await client.wait_for(BotResponse)


async def receipt(client: EstuaryClient) -> None:
    for _ in range(3):
        await client.send_text("hello")
        await client.flush()


async def voice(client: EstuaryClient) -> None:
    await client.start_voice()
    await client.send_audio(b"\x01\x00" * 16000)
    await client.stop_voice()


async def button(client: EstuaryClient) -> None:
    """A session that has used it stays with it."""
    await client.start_voice(VoiceMode.PUSH_TO_TALK)
    await client.start_recording()
    await client.send_audio(b"\x01\x00" * 16000)
    await client.stop_recording()
    await client.stop_voice()


async def connect_again(client: EstuaryClient) -> None:
    await client.disconnect()
    await client.connect()


async def connect_together(client: EstuaryClient) -> None:
    await client.disconnect()
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(client.connect)


CALLS = [
    final, pieces, any_event, one_event, receipt, voice, button, connect_again, connect_together
]  # fmt: skip


MODES: dict[Any, VoiceMode] = {button: VoiceMode.PUSH_TO_TALK}


@HOW
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
async def test_a_call(call: Callable[[EstuaryClient], Any], how: How) -> None:
    async with serving(hearing) as server, EstuaryClient(server.config()) as client:

        async def still_works() -> None:
            await client.connect()
            await client.stop_voice()
            await client.start_voice(MODES.get(call, VoiceMode.CONTINUOUS))
            await client.stop_voice()
            assert not client.is_voice_active
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.wait_for, BotResponse, is_the_answer)
                await checkpoint()
                client.send_text("still there?")
            for peer in server.peers[:-1]:
                await peer.left()
            assert not server.peers[-1].gone.is_set()

        def is_the_answer(response: BotResponse) -> bool:
            return response.text == "to still there?"

        await still_works()
        assert await at_every_checkpoint(lambda: call(client), how=how, after=still_works) > 0


# --- no connection comes about ---------------------------------------------------------------


@HOW
async def test_a_connection_that_is_refused(how: How) -> None:
    async def refuse(peer: Peer) -> None:
        await peer.request()
        await peer.raw(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")

    async with serving(refuse) as server:

        async def scenario() -> None:
            async with EstuaryClient(server.config()) as client:
                with pytest.raises(EstuaryError):
                    await client.connect()

        await at_every_checkpoint(scenario, how=how, after=lambda: everybody_left(server))


@HOW
@pytest.mark.parametrize("answer", [WELCOME, Refuse("no")], ids=["admitted", "refused"])
async def test_a_bare_connect_that_is_cancelled_leaves_nothing(
    answer: Admit | Refuse, how: How, anyio_backend_name: str
) -> None:
    if anyio_backend_name == "trio":
        pytest.skip("on trio a client is not used bare")

    async with serving(partial(Peer.converse, answer=answer)) as server:

        async def scenario() -> None:
            client = EstuaryClient(server.config())
            with suppress(EstuaryError):
                await client.connect()
                await client.disconnect()

        await at_every_checkpoint(scenario, how=how, after=lambda: everybody_left(server))


@HOW
async def test_leaving_while_connecting(how: How) -> None:
    async def silent(peer: Peer) -> None:
        await peer.converse(None)

    async with serving(silent) as server:

        async def scenario() -> None:
            async with EstuaryClient(server.config()) as client:

                async def connect() -> None:
                    with pytest.raises(EstuaryError):
                        await client.connect()

                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(connect)
                    while not server.peers or server.peers[-1].gone.is_set():
                        await checkpoint()
                    await server.peers[-1].get(JoinRequested)
                    await client.disconnect()

        await at_every_checkpoint(scenario, how=how, after=lambda: everybody_left(server))


async def everybody_left(server: Server) -> None:
    for peer in server.peers:
        await peer.left()
