"""A server whose frames are made by hand, and everything that a client tells, as words."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tests.anyio.server import GONE

if TYPE_CHECKING:
    from estuary_anyio import EstuaryClient, EstuaryError
    from tests.anyio.server import Peer

OPEN = '0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
ACK = '40/sdk,{"sid":"x"}'
SESSION = '42/sdk,["session_info",{"session_id":"session"}]'
TAKEN = '451-/sdk,["x",{"_placeholder":true,"num":0}]'
"""An event whose attachment is still to come."""


def event(name: str, *args: Any) -> str:
    """An event packet with any arguments at all."""
    return "42/sdk," + json.dumps([name, *args])


async def upgrade(peer: Peer) -> None:
    """Accept the WebSocket, and nothing after it."""
    peer.link.start(0)
    peer.link.receive_data(await peer.request(), 0)
    answer = peer.link.data_to_send()
    await peer.raw(answer[: answer.index(b"\r\n\r\n") + 4])


async def welcome(peer: Peer, opening: str = OPEN, *answer: str) -> None:
    """Let a client in; nobody pings it, and nobody answers what it says."""
    await upgrade(peer)
    await peer.text(opening)
    await peer.stream.receive()  # Its request to join.
    await peer.text(*(answer or (ACK, SESSION)))


async def drain(peer: Peer) -> None:
    """Read until the client has gone, and make nothing of it."""
    with suppress(*GONE):
        while True:
            await peer.stream.receive()


class Story:
    """What a client tells about its connection, as words in their order."""

    def __init__(self, client: EstuaryClient) -> None:
        self.told: list[str] = []
        self.errors: list[EstuaryError] = []
        client.on("connection_state_changed", lambda state: self.told.append(f"is {state.value}"))
        client.on("connected", lambda session: self.told.append("connected"))
        client.on("disconnected", lambda reason: self.told.append(f"lost: {reason}"))
        client.on("reconnecting", lambda attempt: self.told.append(f"attempt {attempt}"))
        client.on("error", self._error)

    def _error(self, error: EstuaryError) -> None:
        self.errors.append(error)
        self.told.append(f"error {error.code.value}")
