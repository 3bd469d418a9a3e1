"""The voice of a reply: which chunks belong to it, and how it ends (API 3)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from estuary_anyio import BotVoice, EstuaryClient, ReplyInterrupted
from tests.anyio.server import Peer, after, serving

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


async def say(peer: Peer, key: str, pcm: bytes, final: bool = False) -> None:
    audio = base64.b64encode(pcm).decode()
    await peer.emit("bot_voice", audio=audio, message_id=key, is_final=final)


async def write(peer: Peer, key: str, text: str = "hi", final: bool = True) -> None:
    await peer.emit("bot_response", text=text, is_final=final, message_id=key)


async def test_its_chunks_and_no_others() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        peer = await server.peer()
        await after(client, BotVoice, say, peer, "old", b"oo")
        reply = client.ask("hi")
        voice = reply.voice()
        await say(peer, "old", b"OO")
        await say(peer, "m", b"aa")  # Before its first word.
        await write(peer, "m")
        await say(peer, "m", b"bb")
        await say(peer, "m", b"", final=True)
        with anyio.fail_after(5):
            assert [chunk.pcm async for chunk in voice] == [b"aa", b"bb", b""]
            assert (await reply.final()).message_id == reply.message_id == "m"
        assert voice.dropped == 0


async def test_it_may_be_asked_for_late_and_twice() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        peer = await server.peer()
        reply = client.ask("hi")
        first = reply.voice()
        await write(peer, "m")
        await reply.final()
        await after(client, BotVoice, say, peer, "m", b"aa")
        second = reply.voice()
        await say(peer, "m", b"bb", True)
        with anyio.fail_after(5):
            assert [chunk.pcm async for chunk in first] == [b"aa", b"bb"]
            assert [chunk.pcm async for chunk in second] == [b"bb"]


async def cut(peer: Peer) -> None:
    await peer.cut()


async def leave(peer: Peer) -> None:
    await peer.text("41/sdk,")


ENDS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "interrupt": (Peer.emit, {"event": "interrupt"}),
    "interrupt by name": (Peer.emit, {"event": "interrupt", "message_id": "m"}),
    "redaction": (Peer.emit, {"event": "moderation_flag", "message_id": "m", "action": "redacted"}),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("complete", [False, True])
async def test_what_is_cut_off_is_not_played(end: str, complete: bool) -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        peer = await server.peer()
        reply = client.ask("hi")
        voice = reply.voice()
        await write(peer, "m", final=complete)
        await after(client, BotVoice, say, peer, "m", b"aa")
        fields = dict(ENDS[end][1])
        await peer.emit(fields.pop("event"), **fields)
        await say(peer, "m", b"late")
        with anyio.fail_after(5):
            assert [chunk async for chunk in voice] == []
            if complete:
                assert (await reply.final()).text == "hi"
            else:
                with pytest.raises(ReplyInterrupted):
                    await reply.final()


async def test_another_message_that_is_interrupted_is_not_this_one() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        peer = await server.peer()
        reply = client.ask("hi")
        voice = reply.voice()
        await write(peer, "m")
        await say(peer, "m", b"aa")
        await peer.emit("interrupt", message_id="other")
        await peer.emit("moderation_flag", message_id="other", action="redacted")
        await say(peer, "m", b"bb", True)
        with anyio.fail_after(5):
            assert [chunk.pcm async for chunk in voice] == [b"aa", b"bb"]


@pytest.mark.parametrize("end", [cut, leave])
async def test_it_ends_with_the_connection(end: Callable[[Peer], Any]) -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        peer = await server.peer()
        reply = client.ask("hi")
        voice = reply.voice()
        await write(peer, "m")
        await after(client, BotVoice, say, peer, "m", b"aa")
        await end(peer)
        with anyio.fail_after(5):
            assert [chunk.pcm async for chunk in voice] == [b"aa"]


async def test_it_ends_when_another_message_speaks() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        peer = await server.peer()
        voice = client.ask("hi").voice()
        await write(peer, "m")
        await say(peer, "m", b"aa")
        await say(peer, "n", b"bb")
        with anyio.fail_after(5):
            assert [chunk.pcm async for chunk in voice] == [b"aa"]


async def test_a_reply_without_a_voice() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        peer = await server.peer()
        silent = client.ask("hi", text_only=True).voice()
        await write(peer, "m")
        late = client.ask("hi", timeout=0.01)
        with anyio.fail_after(5):
            assert [chunk async for chunk in silent] == []
            assert [chunk async for chunk in late.voice()] == []
