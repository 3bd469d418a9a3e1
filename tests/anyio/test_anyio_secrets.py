"""A session full of secrets, and all that is ever written or said about it (law 8)."""

from __future__ import annotations

import base64
import json
import logging
import time
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from estuary_anyio import (
    BotResponse,
    ClientCredential,
    Disconnected,
    EstuaryClient,
    EstuaryError,
    SessionInfo,
)
from estuary_anyio.timeline import page, picture
from estuary_proto import Ack, AckDue, replay, to_har
from estuary_proto.capture import read, summary
from estuary_proto.intents import RenewAuthentication
from estuary_proto.timeline import as_json, timeline
from tests.anyio.proxying import proxying
from tests.anyio.server import Peer, after, serving

if TYPE_CHECKING:
    from pathlib import Path

    from estuary_anyio import EventStream

pytestmark = pytest.mark.anyio

FIRST, SECOND = "ect_first-81f0c2", "ect_second-55aa01"
THIRD, FOURTH = "ect_third/77bb+02", "ect_fourth-90cd13"
ROOM, SHARE, DOOR = "lk_room-token-90ee", "shr_share-token-31dd", "door-password-42cc"
USER, PASSWORD = "proxy-user", "p@ss:word-17"
SECRETS = (
    FIRST,
    SECOND,
    THIRD,
    FOURTH,
    ROOM,
    SHARE,
    DOOR,
    PASSWORD,
    "p%40ss%3Aword-17",
    base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(),
    "once-and-no-more-63ff",
)


async def script(peer: Peer) -> None:
    """Acknowledges the renewal, and says every secret that it has heard."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(peer.converse)
        due = await peer.get(AckDue)
        peer.conn.submit(Ack(due.ack_id, ({"ok": True},)), now=anyio.current_time())
        await peer.flush()


async def session(client: EstuaryClient, peer: Peer, places: list[str]) -> None:
    """Everything that a server may do with a secret; `places` takes what is told of it."""
    renewed = (await peer.get(RenewAuthentication)).client_token
    assert renewed in (SECOND, THIRD, FOURTH)
    said: EventStream[Any] = client.events()
    await peer.emit("livekit_token", token=ROOM, url="wss://rooms.test", room="r")
    await peer.emit("session_info", session_id="s", livekit_token=ROOM, share_url=SHARE)
    for secret in (FIRST, renewed, ROOM):  # Also what was renewed: who knows how long it lasts?
        await peer.emit("error", message=f"{secret} is wrong", error=f"E {secret}")
        await peer.emit("bot_response", text=f"<action name='{secret}'/>{secret}!", is_final=True)
    await peer.emit("no_such_event", token=SHARE, deep=[{"clientToken": renewed}])
    await peer.emit("bot_response", text="end", is_final=True, message_id="end")
    async for event in said:
        # (What a character says, and what nobody knows, is told as it came.)
        if type(event).__name__ not in ("BotResponse", "CharacterAction", "UnknownEvent"):
            places.append(repr(event))
        if isinstance(event, BotResponse) and event.message_id == "end":
            break
    assert isinstance(client.session, SessionInfo)
    places += [repr(client), repr(client.config), repr(client.session), repr(client.shares)]


async def test_nothing_shows_them(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "estuary_anyio")
    tokens, places = iter([FIRST, SECOND, THIRD, FOURTH]), list[str]()

    async def provider() -> ClientCredential:
        given = ClientCredential(next(tokens), "ada", time.time() + 0.6)
        places.append(repr(given))
        return given

    path = tmp_path / "session.jsonl"
    async with (
        proxying(credentials=f"{USER}:{PASSWORD}") as proxy,
        serving(script, script) as server,
    ):
        client = EstuaryClient(
            server.config(api_key="", token_provider=provider, debug=True),
            capture=path,
            proxy=f"http://{USER}:p%40ss%3Aword-17@127.0.0.1:{proxy.port}",
            headers={"X-Door": DOOR, "Authorization": f"Bearer {DOOR}"},
        )
        async with client:
            await client.connect()
            await session(client, await server.peer(), places)
            # And again, after a fall, with a token that was renewed anew.
            await after(client, Disconnected, (await server.peer()).cut)
            await client.connect()
            await session(client, await server.peer(2), places)
        # Nobody is let through with another password.
        other = f"http://{USER}:wrong-{DOOR}@127.0.0.1:{proxy.port}"
        stranger = EstuaryClient(server.config(), proxy=other, headers={"X-Door": DOOR})
        with pytest.raises(EstuaryError) as refused:
            await stranger.connect()
        await stranger.disconnect()
        places += [repr(refused.value), str(refused.value), str(refused.value.details)]
        assert any(DOOR.encode() in head for head in proxy.heads) or proxy.heads
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    found, drawn = replay(lines), timeline(lines)
    assert found.difference is None, str(found.difference)
    assert text.count("«client_token") >= 8
    places += [text, json.dumps(to_har(lines), ensure_ascii=False), repr(summary(lines))]
    places += [page(drawn), picture(drawn), json.dumps(as_json(drawn)), repr(drawn)]
    places += [str([*read(lines)]), caplog.text, str(caplog.records)]
    for number, place in enumerate(places):
        for secret in SECRETS:
            assert secret not in place, (number, secret)
