"""Two servers to hold a session with: our gateway, and python-socketio's, which knows only what
PROTOCOL says. Both send what a text `fire …` asks for."""

from __future__ import annotations

import json
import sys
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from estuary_anyio import BotResponse, EstuaryClient, EstuaryConfig
from estuary_anyio.gateway import serve_gateway
from estuary_proto.gateway import Script, ServerConfig
from tests.judges.outside import HERE, read_line, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

players = count()
KEY = "est_dev"

Wire = tuple[Any, ...]
"""An event as it travels: its name and its arguments."""


@dataclass
class House:
    """Where a server is, and whom to meet there."""

    url: str
    character: str

    def config(self, **settings: Any) -> EstuaryConfig:
        player = f"player-{next(players)}"
        return EstuaryConfig(self.url, KEY, self.character, player, **settings)

    @asynccontextmanager
    async def guest(self, **settings: Any) -> AsyncIterator[EstuaryClient]:
        """A client that is connected."""
        async with EstuaryClient(self.config(**settings)) as client:
            await client.connect()
            yield client


def fire(*events: Wire) -> str:
    """What to say to be told these."""
    return f"fire {json.dumps(events)}"


def rehearsal(scenes: Sequence[Sequence[Wire]]) -> Script:
    """A gateway's script that answers each `fire` with its events."""
    rules = []
    for scene in scenes:
        acts = [
            {"unknown": {"event": name, "args": list(args)}}
            if name == "from_the_future" or not args or not isinstance(args[0], dict)
            else {"emit": {"event": name, **args[0]}}
            for name, *args in scene
        ]
        rule = {"when": {"text": {"equals": fire(*scene)}}, "do": acts, "instead": True}
        rules.append(rule)
    return Script.read({"rules": rules})


@asynccontextmanager
async def our_gateway(
    scenes: Sequence[Sequence[Wire]] = (), **settings: Any
) -> AsyncIterator[House]:
    mind = ServerConfig(script=rehearsal(scenes), word_interval=0.001, **settings)
    # What the scenes send as speech is made of tones.
    async with serve_gateway(server=mind, stt="none", tts="tone") as gateway:
        yield House(gateway.url, gateway.character_id)


@contextmanager
def socketio_server() -> Iterator[House]:
    with running([sys.executable, str(HERE / "socketio_server.py")]) as process:
        yield House(f"http://127.0.0.1:{int(read_line(process))}", "wren")


async def heard_by(client: EstuaryClient) -> list[Any]:
    """What python-socketio's server has heard of this client so far."""
    answers = client.events(BotResponse)
    client.send_text("mine")
    async for answer in answers:
        if answer.text.startswith("["):  # Not an answer to something before.
            return [tuple(one) for one in json.loads(answer.text)]
    raise AssertionError("the client has disconnected")
