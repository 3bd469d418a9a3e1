"""Our gateway under its example scripts, on each loop, as python-socketio's client sees it."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import socketio

from estuary_anyio.gateway import read_script, serve_gateway
from estuary_proto.gateway import Script, ServerConfig

from .test_our_gateway_python import credentials, judge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anyio.from_thread import BlockingPortal

    from estuary_anyio.gateway import Gateway

SCRIPTS = Path(__file__).parents[1] / "gateway" / "scripts"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@contextmanager
def serving(portal: BlockingPortal, script: Script, **more: Any) -> Iterator[Gateway]:
    mind = ServerConfig(script=script, **more)
    with portal.wrap_async_context_manager(serve_gateway(server=mind)) as gw:
        yield gw


def example(name: str) -> Script:
    return read_script(SCRIPTS / name)


ENDINGS: dict[str, tuple[str, list[str], str]] = {
    "network": ("network.yaml", [], "transport error"),
    "heartbeat": ("heartbeat.yaml", [], "transport error"),
    "restart": ("server_restart.yaml", [], "transport error"),
    "engine close": ("engine_close.yaml", [], "server disconnect"),
    "leave": ("server_disconnect.yaml", [], "server disconnect"),
    "session_timeout": ("session_timeout.yaml", ["session_timeout"], "server disconnect"),
    "session_rejected": ("session_rejected.yaml", ["session_rejected"], "server disconnect"),
    "moderation": (
        "moderation.yaml",
        ["moderation_warning", "moderation_warning"],
        "server disconnect",
    ),
    "quota": ("quota.yaml", ["quota_exceeded"], "server disconnect"),
    "auth": ("auth.yaml", ["auth_error"], "server disconnect"),
}


@pytest.mark.parametrize("name", ENDINGS)
async def test_an_ending(portal: BlockingPortal, name: str) -> None:
    file, announced, reason = ENDINGS[name]
    quick = {"ping_interval": 0.2, "ping_timeout": 0.2} if name == "heartbeat" else {}
    over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    with serving(portal, example(file), **quick) as gw:
        async with judge(gw, credentials(gw, "p")) as one:
            one.sio.on("disconnect", over.set_result, namespace="/sdk")
            await one.until("session_info")
            await one.say("text", {"text": "go"})
            async with asyncio.timeout(5):
                assert await over == reason
            told = [event for event, _ in one.told if event not in ("session_info", "bot_response")]
            assert told == announced


@pytest.mark.parametrize("file", ["refused.yaml", "dropped_at_the_door.yaml"])
async def test_a_refused_connect(portal: BlockingPortal, file: str) -> None:
    with serving(portal, example(file)) as gw:
        with pytest.raises(socketio.exceptions.ConnectionError):
            async with judge(gw, credentials(gw, "p")):
                pass


async def test_rejected_at_the_door(portal: BlockingPortal) -> None:
    with serving(portal, example("rejected_at_the_door.yaml")) as gw:
        async with judge(gw, credentials(gw, "p")) as one:
            assert (await one.until("session_rejected"))["reason"] == "concurrent_limit"
        assert [name for name, _ in one.told] == ["session_rejected"]


async def test_events_and_attachments(portal: BlockingPortal) -> None:
    with serving(portal, example("events.json"), word_interval=0.02) as gw:
        async with judge(gw, credentials(gw, "p")) as one:
            await one.until("session_info")
            await one.say("text", {"text": "something rude"})
            flag = await one.until("moderation_flag", action="redacted")
            first = await one.until("bot_response")
            assert flag["message_id"] == first["message_id"]
            await one.say("text", {"text": "anything"})
            assert await one.until("blob") == {"audio": bytes(3)}
            assert await one.until("from_the_future") == {"session": 1}


async def test_limits_and_renewal(portal: BlockingPortal) -> None:
    settings: dict[str, Any] = {"quota": 1, "banned_words": ("darn",), "session_idle": 0.5}
    with serving(portal, Script(), **settings) as gw:
        token = portal.call(lambda: gw.mint("ada", lifetime=60).token)
        fresh = portal.call(lambda: gw.mint("ada", lifetime=60).token)
        auth = {"client_token": token, "character_id": gw.character_id, "player_id": "ada"}
        async with judge(gw, auth) as one:
            assert (await one.until("session_info"))["player_id"] == "ada"
            await one.say("text", {"text": "darn"})
            await one.until("moderation_warning", level="warning")
            await one.say("text", {"text": "hello"})
            await one.say("text", {"text": "hello again"})
            await one.until("quota_exceeded", limit=1, current=1, remaining=0)
            for offered, good in ((fresh, True), ("ect_wrong", False)):
                ack = await one.sio.call(
                    "renew_authentication", {"client_token": offered}, namespace="/sdk", timeout=5
                )
                assert ack == {"ok": good}
            idle = await one.until("session_timeout", reason="inactivity")
            assert idle["timeout_seconds"] == 0.5
            assert idle["idle_seconds"] >= 0.5


async def test_two_characters_talk(portal: BlockingPortal) -> None:
    with serving(portal, Script(), word_interval=0.001) as gw:
        # Without a loudspeaker: what is said aloud takes as long as it takes to say it.
        silent = {**credentials(gw, "p"), "capabilities": {"version": "1", "speaker": False}}
        async with judge(gw, silent) as one:
            await one.until("session_info")
            wanted = {"agent_a_id": "demo", "agent_b_id": "friend", "max_turns": 2}
            await one.say("start_agent_conversation", wanted)
            complete = await one.until("agent_conversation_complete")
            assert (complete["reason"], complete["total_turns"]) == ("max_turns", 2)
            for number, agent in ((1, "demo"), (2, "friend")):
                whole = await one.until("agent_turn_complete", turn_number=number, agent_id=agent)
                chunks = [
                    payload["text"]
                    for name, payload in one.told
                    if name == "agent_turn_text" and payload["turn_number"] == number
                ]
                assert "".join(chunks) == whole["text"]
