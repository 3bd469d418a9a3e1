"""About thirty cells of the matrix on real sockets, through the fault proxy, on every loop.

In each: what is told, in its order; whether it comes back; what became of what was accepted; and
nothing is left, no task and no descriptor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from estuary_anyio import (
    Connected,
    ConnectionLost,
    EstuaryClient,
    EstuaryConfig,
    Outcome,
    VoiceMode,
)
from estuary_anyio.gateway import serve_gateway
from estuary_proto import SendBlocked
from estuary_proto.errors import ErrorCode
from estuary_proto.gateway import ServerConfig
from estuary_proto.intents import SendText, StartVoice, StreamAudio
from tests.anyio.byhand import Story
from tests.anyio.test_anyio_connect import client_context, server_context

from .proxy import Cut, Weather, Wire, faulty
from .scenes import TENTH, Scene, back, staged

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    LeavesNothing = Callable[[], AbstractAsyncContextManager[None]]

pytestmark = pytest.mark.anyio

IN = ["is connecting", "is connected", "connected"]
NEVER_IN = ["is connecting", "is error"]
SESSIONS = ("ready", "streaming answer", "voice up", "voice down", "renewing")


def again(reason: str) -> list[str]:
    """It fell for this reason, and came back at once."""
    return [*IN, "is reconnecting", f"lost: {reason}", "attempt 1", "is connected", "connected"]


async def came_back(scene: Scene, reason: str, *, voice: bool = False) -> None:
    """It is in again, all of it was told, and what was open has ended as it should."""
    await back(scene)
    assert scene.story.told == again(reason)
    assert len(scene.server.peers) == 2
    if scene.reply is not None:
        with pytest.raises(ConnectionLost) as raised:
            await scene.reply.final()
        assert raised.value.partial == "Once"
    if voice:
        await scene.server.peers[1].get(StartVoice)


async def never_in(scene: Scene, code: ErrorCode) -> None:
    """connect() raised, and nobody tries again."""
    await scene.ended()
    assert scene.failed is not None
    assert scene.failed.code is code
    assert scene.story.told == NEVER_IN
    assert len(scene.server.peers) == 1


async def left(scene: Scene) -> None:
    """disconnect() has come to its end; the server has heard the last words."""
    await scene.ended()
    assert scene.story.told == [*IN, "is disconnected", "lost: client"]
    assert (await scene.peer.get(SendText)).text == "last words"
    assert len(scene.server.peers) == 1


ENDINGS: dict[str, Any] = {"reset": Wire.cut, "end of stream": Wire.end}


@pytest.mark.parametrize("fault", list(ENDINGS))
@pytest.mark.parametrize("state", SESSIONS)
async def test_it_falls_and_comes_back(
    state: str, fault: str, leaves_nothing: LeavesNothing
) -> None:
    async with leaves_nothing(), staged(state) as scene:
        ENDINGS[fault](scene.wire)
        await came_back(scene, "network", voice=state == "voice up")


@pytest.mark.parametrize("fault", list(ENDINGS))
@pytest.mark.parametrize("state", ["connecting", "joining"])
async def test_it_falls_before_it_is_in(
    state: str, fault: str, leaves_nothing: LeavesNothing
) -> None:
    async with leaves_nothing(), staged(state) as scene:
        ENDINGS[fault](scene.wire)
        await never_in(scene, ErrorCode.CONNECTION_FAILED)


@pytest.mark.parametrize("fault", [*ENDINGS, "black hole"])
async def test_it_falls_while_leaving(fault: str, leaves_nothing: LeavesNothing) -> None:
    async with leaves_nothing(), staged("disconnecting") as scene:
        {**ENDINGS, "black hole": Wire.black_hole}[fault](scene.wire)
        await left(scene)


@pytest.mark.parametrize("state", ["connecting", "joining"])
async def test_a_black_hole_before_it_is_in(state: str, leaves_nothing: LeavesNothing) -> None:
    async with leaves_nothing(), staged(state, connect_timeout=0.5) as scene:
        scene.wire.black_hole()
        await never_in(scene, ErrorCode.CONNECTION_TIMEOUT)


@pytest.mark.parametrize("state", ["ready", "streaming answer", "voice up", "renewing"])
async def test_a_black_hole_in_a_session(state: str, leaves_nothing: LeavesNothing) -> None:
    async with leaves_nothing(), staged(state, quick=True) as scene:
        scene.wire.black_hole()
        await came_back(scene, "heartbeat", voice=state == "voice up")


async def test_a_server_whose_words_do_not_come(leaves_nothing: LeavesNothing) -> None:
    async with leaves_nothing(), staged("streaming answer", quick=True) as scene:
        scene.wire.down.stall()
        await came_back(scene, "heartbeat")


async def test_texts_into_a_stalled_wire_are_sent_or_told(leaves_nothing: LeavesNothing) -> None:
    async with leaves_nothing(), staged("ready", small_buffers=True) as scene:
        scene.wire.up.stall()
        receipts = []
        with pytest.raises(SendBlocked):
            while True:
                receipts.append(scene.client.send_text("x" * 900_000))
        scene.wire.cut()
        await back(scene)
        outcomes = [await receipt for receipt in receipts]
        lost = outcomes.count(Outcome.LOST)
        assert lost >= 8
        assert [error.details for error in scene.story.errors] == [{"lost": lost}]
        # In their order: nothing that was lost went before something that was sent.
        assert outcomes == [Outcome.SENT] * (len(outcomes) - lost) + [Outcome.LOST] * lost


async def test_audio_waits_while_the_wire_stalls_and_goes_on(
    leaves_nothing: LeavesNothing,
) -> None:
    async with leaves_nothing(), staged("voice up", small_buffers=True) as scene:
        scene.wire.up.stall()
        sent = 0
        with anyio.move_on_after(0.5):  # Back-pressure: at last it waits for the wire.
            while True:
                await scene.client.send_audio(TENTH)
                sent += 1
        scene.wire.up.flow()
        await scene.peer.get(StreamAudio, sent + 1)
        assert scene.story.told == IN


@pytest.mark.parametrize(("frames", "what"), [(1, "greeting"), (2, "ack"), (3, "session")])
@pytest.mark.parametrize("byte", [-1, 0])
async def test_an_attempt_is_cut_at_or_before_the_edge_of_a_frame(
    frames: int, what: str, byte: int, leaves_nothing: LeavesNothing
) -> None:
    """The attempt to come back is cut within its beginning, and the one after that gets in."""
    if (frames, byte) == (3, 0):
        pytest.skip("the whole beginning has come: that is a session, and is cut above")
    async with leaves_nothing(), staged("ready") as scene:
        scene.proxy.prepare.append(Cut(frames, byte))
        scene.wire.cut()
        await back(scene)
        told = again("network")
        assert scene.story.told == [*told[:6], "attempt 2", *told[6:]]
        assert len(scene.proxy.wires) == 3


async def test_reset_in_the_middle_of_an_answer(leaves_nothing: LeavesNothing) -> None:
    async with leaves_nothing(), staged("streaming answer") as scene:
        scene.wire.down.cut_after = scene.wire.down.passed + 20
        await scene.peer.emit("bot_response", text="Once upon a time", message_id="m")
        await came_back(scene, "network")


SLOW = {
    "one byte at a time": Weather(segment=1),
    "latency and jitter": Weather(latency=0.01, jitter=0.02),
    "a modem": Weather(rate=30_000, segment=500),
}


@pytest.mark.parametrize("name", list(SLOW))
async def test_bad_weather_changes_nothing(name: str, leaves_nothing: LeavesNothing) -> None:
    """A conversation with the real gateway, voice and goodbye included."""
    async with leaves_nothing(), serve_gateway(stt="none", tts="tone") as gateway:
        async with faulty(gateway.port, SLOW[name]) as proxy:
            url = f"http://127.0.0.1:{proxy.port}"
            async with EstuaryClient(EstuaryConfig(url, "est_dev", "demo", "p")) as client:
                story = Story(client)
                await client.connect()
                assert "Ada" in (await client.send_text_and_wait("my name is Ada")).text
                await client.start_voice(VoiceMode.CONTINUOUS)
                await client.send_audio(TENTH)
                await client.stop_voice()
                assert await client.send_text("bye") is Outcome.SENT
                await client.disconnect()
                assert story.told == [*IN, "is disconnected", "lost: client"]
                assert len(proxy.wires) == 1


async def test_the_gateway_is_cut_off_from_a_client(leaves_nothing: LeavesNothing) -> None:
    """Half open: neither knows of the other; both notice, and the seat is free again."""
    server = ServerConfig(ping_interval=0.5, ping_timeout=0.5)
    async with leaves_nothing(), serve_gateway(server=server, stt="none", tts="tone") as gateway:
        async with faulty(gateway.port) as proxy:
            url = f"http://127.0.0.1:{proxy.port}"
            config = EstuaryConfig(url, "est_dev", "demo", "p", reconnect_delay=0.01)
            async with EstuaryClient(config) as client:
                story = Story(client)
                await client.connect()
                proxy.wires[0].black_hole()
                await client.wait_for(Connected, timeout=10)
                assert story.told == again("heartbeat")
                with anyio.fail_after(10):
                    await proxy.wires[0].over.wait()
                assert gateway.sessions == 1


@pytest.mark.parametrize("fault", ["handshake", "session", "no close_notify"])
async def test_tls_is_cut(fault: str, leaves_nothing: LeavesNothing) -> None:
    async with leaves_nothing(), staged("ready", tls=(server_context(), client_context())) as scene:
        if fault == "handshake":
            scene.proxy.prepare.append(200)
            scene.wire.cut()
            await back(scene)
            told = again("network")
            assert scene.story.told == [*told[:6], "attempt 2", *told[6:]]
        else:
            ENDINGS["reset" if fault == "session" else "end of stream"](scene.wire)
            await came_back(scene, "network")
