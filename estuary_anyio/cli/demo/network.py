"""Steps of the demonstration: the connection comes, goes, and comes again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from estuary_proto.errors import ConnectionLost
from estuary_proto.events import Connected, Disconnected, Reconnecting
from estuary_proto.models.voice import VoiceStarted

from .aloud import say
from .figures import Wrong, check
from .written import recall

if TYPE_CHECKING:
    from .stage import Stage


async def connect(stage: Stage) -> str:
    """Come in."""
    config = stage.client.config
    began = anyio.current_time()
    session = await stage.client.connect()
    took = (anyio.current_time() - began) * 1000
    check(session.character_id == config.character_id, f"met {session.character_id!r}")
    return f"connected to {config.server_url} in {took:.0f} ms"


async def drop(stage: Stage) -> str:
    """The connection falls in the middle of an answer, and all comes back: voice and memory."""
    client = stage.client
    before = client.session
    fell = 0.0

    async def cut() -> None:
        nonlocal fell
        fell = anyio.current_time()
        await stage.gateway.drop_connections()

    kinds: tuple[type[Any], ...] = (Disconnected, Reconnecting, Connected, VoiceStarted)
    async with client.events(*kinds) as events:
        try:
            await stage.ask("Tell me one more story.", cut)
        except ConnectionLost:
            pass
        else:
            raise Wrong("the answer went on to its end")
        while True:
            event = await stage.next(events, "a new connection, with voice")
            if isinstance(event, Disconnected):
                stage.happens(f"the connection is lost ({event.reason})")
            elif isinstance(event, Reconnecting):
                stage.happens(f"reconnecting: attempt {event.attempt} in {event.delay:.1f} s")
            elif isinstance(event, VoiceStarted):
                break
    away = anyio.current_time() - fell
    stage.counted.reconnects += 1
    check(client.is_connected and client.session != before, "there is no new session")
    check(client.is_voice_active, "voice is off")
    stage.passed(f"connected again after {away:.1f} s, and voice is on again")
    _, _, answer = await say(stage, live=False)
    stage.passed(f"heard and answered aloud: {stage.seconds(answer.heard):.1f} s of voice")
    return await recall(stage) + ", after all that"
