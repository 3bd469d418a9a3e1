"""From inside a handler of every event everything works, or says clearly why not (API 4)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from estuary_anyio import (
    BotResponse,
    ConnectionState,
    ErrorCode,
    EstuaryClient,
    EstuaryError,
    Outcome,
)
from estuary_anyio.names import EVERYTHING, NAMES
from estuary_proto import Role
from estuary_proto.messages import TO_CLIENT, class_of
from tests.anyio.server import Server, answering, serving

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Action = Callable[[EstuaryClient], Awaitable[Any]]

pytestmark = pytest.mark.anyio

WIRE = {
    getattr(class_of(Role.SERVER, name), "NAME", ""): name
    for name in TO_CLIENT
    if name not in ("session_info", "voice_started", "voice_stopped", "bot_response")
}
"""Events that a server's message brings about as it stands: name -> wire name."""


# --- what is done in there -------------------------------------------------------------------


async def connect(client: EstuaryClient) -> None:
    assert (await client.connect()).session_id == "session"


async def disconnect(client: EstuaryClient) -> None:
    await client.disconnect()
    assert client.state is ConnectionState.DISCONNECTED


async def send(client: EstuaryClient) -> None:
    assert await client.send_text("from inside") is Outcome.SENT


async def ask(client: EstuaryClient) -> None:
    reply = client.ask("who?")
    assert [piece.text async for piece in reply] == ["to who?"]
    assert (await reply.final()).text == "to who?"


async def ask_and_wait(client: EstuaryClient) -> None:
    assert (await client.send_text_and_wait("who?")).text == "to who?"


async def wait_for(client: EstuaryClient) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(client.wait_for, BotResponse, timeout=5))
        await anyio.lowlevel.checkpoint()
        client.send_text("hello")


async def watch(client: EstuaryClient) -> None:
    events = client.events(BotResponse)
    client.send_text("hello")
    async for event in events:
        assert event.is_final
        break


async def flush(client: EstuaryClient) -> None:
    client.send_text("hello")
    await client.flush()


async def interrupt(client: EstuaryClient) -> None:
    assert await client.interrupt() is Outcome.SENT


async def register(client: EstuaryClient) -> None:
    called: list[Any] = []
    client.on("stt_response", called.append)
    client.once("stt_response", called.append)
    client.emit("stt_response", 1)
    client.off("stt_response", called.append)
    client.emit("stt_response", 2)
    assert called == [1, 1]


ACTIONS = [
    connect, disconnect, send, ask, ask_and_wait, wait_for, watch, flush, interrupt, register
]  # fmt: skip
"""Adding a call is one line."""

EACH = pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.__name__)


class Inside:
    """A handler that acts, once, and what became of that."""

    def __init__(self, client: EstuaryClient, action: Action) -> None:
        self.done = anyio.Event()
        self.error: BaseException | None = None
        self._client = client
        self._action = action
        self._begun = False

    async def __call__(self, *args: Any) -> None:
        if self._begun:
            return
        self._begun = True
        try:
            await self._action(self._client)
        except Exception as error:
            self.error = error
        finally:
            self.done.set()


async def outcome(client: EstuaryClient, name: str, action: Action, fire: Any) -> Any:
    """What the action raised in a handler of this name; the other handlers must have gone on."""
    inside = Inside(client, action)
    others: list[Any] = []
    client.on(name, inside)
    client.on(name, lambda *args: others.append(args))
    await fire()
    with anyio.fail_after(5):
        await inside.done.wait()
    assert others
    return inside.error


@EACH
async def test_in_a_handler_of_every_event(action: Action) -> None:
    async with serving(answering) as server:
        client = EstuaryClient(server.config())
        async with client:
            for name in sorted(NAMES | {EVERYTHING}):
                await client.connect()

                async def fire(name: str = name) -> None:
                    if name in WIRE:
                        await server.peers[-1].emit(WIRE[name])
                    else:
                        client.emit(name, "anything")

                assert await outcome(client, name, action, fire) is None, name
                client.remove_all_listeners()
        for peer in server.peers:
            await peer.left()


@EACH
@pytest.mark.parametrize("name", ["disconnected", "reconnecting"])
async def test_in_a_handler_of_a_fall(action: Action, name: str) -> None:
    async with serving(answering) as server:
        config = server.config(reconnect_delay=60.0, reconnect_delay_max=60.0)
        async with EstuaryClient(config) as client:
            await client.connect()
            error = await outcome(client, name, action, (await server.peer()).cut)
            if action in (connect, disconnect, register):
                assert error is None
                return
            while isinstance(error, ExceptionGroup):  # Of the action's own tasks.
                error = error.exceptions[0]
            assert isinstance(error, EstuaryError)
            assert error.code is ErrorCode.NOT_CONNECTED
            assert "await connect() first" in error.message


@pytest.mark.parametrize("name", ["connected", "connection_state_changed"])
@EACH
async def test_in_a_handler_of_the_connection(action: Action, name: str) -> None:
    async with serving(answering) as server, EstuaryClient(server.config()) as client:
        if name == "connection_state_changed" and action is not register:
            action = when_connected(client, action)
        assert await outcome(client, name, action, partial(settle, client, server)) is None


def when_connected(client: EstuaryClient, action: Action) -> Action:
    """The first change is to CONNECTING: there is nothing to send on yet."""

    async def later(client: EstuaryClient) -> None:
        with anyio.fail_after(5):
            while not client.is_connected:
                await anyio.lowlevel.checkpoint()
        await action(client)

    return later


async def settle(client: EstuaryClient, server: Server) -> None:
    try:
        await client.connect()
    except EstuaryError:  # It was disconnected at once, from within.
        await server.peers[-1].left()


@pytest.mark.parametrize("name", sorted(NAMES))
async def test_plain_functions_send_from_every_event(name: str) -> None:
    async with serving(answering) as server, EstuaryClient(server.config()) as client:
        await client.connect()
        receipts: list[Any] = []

        def send(*args: Any) -> None:
            receipts.append(client.send_text("from inside"))
            receipts.append(client.interrupt())

        client.on(name, send)
        client.emit(name, "anything")
        assert [await receipt for receipt in receipts] == [Outcome.SENT, Outcome.SENT]
