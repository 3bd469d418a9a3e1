"""Two tasks that end one connection, on trio, which minds."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import trio
import trio.testing
from hypercorn.events import Closed, RawData
from hypercorn.utils import wrap_app

from estuary_anyio.gateway.listener import _Trio
from estuary_anyio.gateway.plain import PlainConfig


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Never answers."""
    await trio.sleep_forever()


@pytest.mark.parametrize("again", [1, 2])
@pytest.mark.parametrize("full", [False, True])
def test_sending_while_the_end_is_said(again: int, full: bool) -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        context = _Trio.context()
        app = wrap_app(application, 2**16, "asgi")
        server, cut = await _Trio.server(app, PlainConfig(), context, ours)
        async with trio.open_nursery() as serving:
            serving.start_soon(server.run)
            await trio.testing.wait_all_tasks_blocked()
            async with trio.open_nursery() as talking:
                if full:
                    talking.start_soon(server.protocol_send, RawData(bytes(2**24)))
                    await trio.testing.wait_all_tasks_blocked()
                for _ in range(again):
                    talking.start_soon(server.protocol_send, Closed())
                    talking.start_soon(server.protocol_send, RawData(b"late"))
            serving.cancel_scope.cancel()
        cut()
        theirs.close()

    for _ in range(20):  # Trio lets tasks run in an order of its own.
        trio.run(main)
