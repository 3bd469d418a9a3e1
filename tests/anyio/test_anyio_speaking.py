"""Speaking over a real socket: starts and their failures, and a peer that stops reading (API 5)."""

from __future__ import annotations

import json
import sys
from typing import Any

import anyio
import pytest

from estuary_anyio import (
    AudioDropped,
    Disconnected,
    ErrorCode,
    EstuaryClient,
    EstuaryError,
    Outcome,
    VoiceMode,
)
from estuary_proto import Ack, Open
from estuary_proto.events import AckDue
from estuary_proto.intents import Interrupt, SendText, StartVoice, StopVoice, StreamAudio
from estuary_proto.states import State
from tests.anyio.server import GONE, Peer, Server, after, serving

pytestmark = pytest.mark.anyio

TENTH = b"\x01\x00" * 1600
"""A tenth of a second at 16 kHz."""


def numbered(number: int) -> bytes:
    """A tenth of a second that can be told from the others."""
    return number.to_bytes(2, "little") * 1600


async def hearing(peer: Peer) -> None:
    """A script: acknowledge whatever is to be, as a recogniser that is always ready."""

    async def acknowledge() -> None:
        done = 0
        while not peer.gone.is_set():
            news = peer.news
            due = [one for one in peer.inbox if isinstance(one, AckDue)]
            for one in due[done:]:
                if peer.conn.state is not State.READY:  # The client has said goodbye.
                    return
                peer.conn.submit(Ack(one.ack_id), now=anyio.current_time())
                try:
                    await peer.flush()
                except GONE:
                    return
            done = len(due)
            await news.wait()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(acknowledge)
        await peer.converse()
        tasks.cancel_scope.cancel()


def voice_of(peer: Peer) -> list[Any]:
    """What the server heard of voice: "(", ")", and the number of each tenth of a second."""
    found: list[Any] = []
    for one in peer.inbox:
        if isinstance(one, (StartVoice, StopVoice)):
            found.append("(" if isinstance(one, StartVoice) else ")")
        elif isinstance(one, StreamAudio):
            found.append(int.from_bytes(one.pcm[:2], "little"))
    return found


# --- starts, and what becomes of them ------------------------------------------------------------


async def failure_of(call: Any) -> EstuaryError:
    with pytest.raises(EstuaryError) as raised:
        await call
    return raised.value


async def test_a_start_that_the_server_refuses_is_closed_again() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        peer = await server.peer()
        told: list[str] = []
        client.on("voice_error", told.append)
        async with anyio.create_task_group() as tasks:

            async def refuse() -> None:
                await peer.get(StartVoice)
                await peer.emit("voice_error", error="no recogniser is free")

            tasks.start_soon(refuse)
            error = await failure_of(client.start_voice())
        assert error.code is ErrorCode.VOICE_START_FAILED
        assert "no recogniser is free" in error.message
        assert told == ["no recogniser is free"]
        await peer.get(StopVoice)  # It may have opened all the same.
        assert not client.is_voice_active


async def test_a_start_that_nobody_answers_times_out() -> None:
    async with serving() as server:
        async with EstuaryClient(server.config(voice_start_timeout=0.05)) as client:
            await client.connect()
            error = await failure_of(client.start_voice())
            assert error.code is ErrorCode.VOICE_START_FAILED
            assert "did not start voice in 0.05 s" in error.message
            await (await server.peer()).get(StopVoice)


async def test_a_cancelled_start_is_closed() -> None:
    async with serving() as server, EstuaryClient(server.config()) as client:
        await client.connect()
        peer = await server.peer()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.start_voice)
            await peer.get(StartVoice)
            tasks.cancel_scope.cancel()
        await peer.get(StopVoice)
        assert not client.is_voice_active


async def test_who_waits_for_a_start_learns_that_the_connection_fell() -> None:
    async with serving() as server:
        async with EstuaryClient(server.config(auto_reconnect=False)) as client:
            await client.connect()
            peer = await server.peer()
            async with anyio.create_task_group() as tasks:

                async def fall() -> None:
                    await peer.get(StartVoice)
                    await peer.cut()

                tasks.start_soon(fall)
                error = await failure_of(client.start_voice())
            assert error.code is ErrorCode.VOICE_START_FAILED


async def test_two_starts_at_once_are_one() -> None:
    async with serving(hearing) as server, EstuaryClient(server.config()) as client:
        await client.connect()
        codes: list[Any] = []

        async def start() -> None:
            try:
                await client.start_voice()
            except EstuaryError as error:
                codes.append(error.code)
            else:
                codes.append(None)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(start)
            tasks.start_soon(start)
        assert (len(codes), set(codes)) == (2, {ErrorCode.VOICE_ALREADY_ACTIVE, None})
        await client.stop_voice()
        assert voice_of(await server.peer()) == ["(", ")"]


async def test_voice_comes_back_with_the_connection() -> None:
    async with serving(hearing) as server, EstuaryClient(server.config()) as client:
        await client.connect()
        await client.start_voice()
        client.mute()
        states: list[str] = []
        client.on("voice_stopped", lambda: states.append("stopped"))
        again = anyio.Event()
        client.on("voice_started", again.set)
        await after(client, Disconnected, (await server.peer()).cut)
        with anyio.fail_after(5):
            await again.wait()
        assert (states, client.is_voice_active, client.is_muted) == (["stopped"], True, True)
        assert voice_of(await server.peer(2)) == ["("]


async def test_voice_over_livekit_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "livekit.rtc", None)
    async with serving() as server:
        async with EstuaryClient(server.config(voice_transport="livekit")) as client:
            await client.connect()
            error = await failure_of(client.start_voice())
            assert error.code is ErrorCode.LIVEKIT_UNAVAILABLE
            assert "pip install 'estuary-anyio[livekit]'" in error.message
            assert client.voice_transport is None


@pytest.mark.parametrize("audio", ["text", None, 5, [1, 2]])
async def test_what_is_no_bytes_is_refused(audio: Any) -> None:
    async with serving(hearing) as server, EstuaryClient(server.config()) as client:
        await client.connect()
        await client.start_voice()
        error = await failure_of(client.send_audio(audio))
        assert f"audio is {type(audio).__name__}, not bytes" in error.message
        await client.send_audio(TENTH)
        await client.send_audio(b"")
        await client.stop_voice()
        assert voice_of(await server.peer()) == ["(", 1, ")"]


async def test_odd_bytes_wait_for_the_next_call() -> None:
    async with serving(hearing) as server, EstuaryClient(server.config()) as client:
        await client.connect()
        await client.start_voice()
        whole = bytes(range(250)) * 40
        for at in range(0, len(whole), 333):
            await client.send_audio(whole[at : at + 333])
        await client.stop_voice()
        audio = [one.pcm for one in (await server.peer()).inbox if isinstance(one, StreamAudio)]
        assert b"".join(audio) == whole
        assert all(len(piece) % 2 == 0 for piece in audio)


# --- a peer that stops reading -------------------------------------------------------------------

SLOW = Open("sid", (), 0.2, 20.0, 2**20)
"""Pings every 0.2 s, so that there are pongs to send."""


async def stalled(client: EstuaryClient, server: Server) -> Peer:
    await client.connect()
    await client.start_voice()
    peer = await server.peer()
    peer.stop_reading()
    return peer


async def test_a_live_microphone_drops_the_oldest_and_says_so() -> None:
    """A minute is spoken into a connection that takes nothing."""
    frames = 600
    lines: list[str] = []
    pinged = anyio.Event()

    def record(line: str) -> None:
        lines.append(line)
        if '"frame":"2"' in line:
            pinged.set()

    async with serving(hearing, handshake=SLOW, small_buffers=True) as server:
        async with EstuaryClient(server.config(), capture=record) as client:
            dropped: list[AudioDropped] = []
            client.on("audio_dropped", dropped.append)
            peer = await stalled(client, server)
            pinged = anyio.Event()
            for number in range(frames):
                await client.send_audio(numbered(number), live=True)  # It never waits.
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.stop_voice)
                # Our heartbeat is answered in front of what waits.
                with anyio.fail_after(5):
                    await pinged.wait()
                peer.read_on()
                await peer.get(StopVoice)
            heard = voice_of(peer)
            assert heard[0] == "("
            assert heard[-1] == ")"  # Never before the tail.
            audio = heard[1:-1]
            assert audio == sorted(audio)
            assert audio[-1] == frames - 1
            assert client.is_connected
            await client.send_text("still here")
            await peer.get(SendText)
    lost = sum(event.seconds for event in dropped)
    assert lost == pytest.approx((frames - len(audio)) / 10)
    assert sum(event.frames for event in dropped) == frames - len(audio)
    assert {event.reason for event in dropped} == {"backlog"}
    # What the socket had taken is whole, then there is one gap, then the newest second.
    gaps = [
        at for at, (one, next_) in enumerate(zip(audio, audio[1:], strict=False)) if next_ > one + 1
    ]
    assert len(gaps) == 1
    newest = len(audio) - gaps[0] - 1
    assert newest in (9, 10)  # One may be half in the socket.
    taken = gaps[0] + 1
    print(f"\n60 s spoken: {taken / 10} s in the socket, {lost:.1f} s dropped in {len(dropped)} "
          f"events, {newest / 10} s kept")  # fmt: skip
    assert lost > 50
    assert_pong_is_first(lines)


def assert_pong_is_first(lines: list[str]) -> None:
    """Behind a ping the next frame that leaves is its pong, whatever waited."""
    pinged = False
    pongs = 0
    for line in map(json.loads, lines):
        if line.get("in") == "receive" and line["frame"] == "2":
            pinged = True
        elif line.get("pull") in ("frame", "batch") and isinstance(line["got"], str) and pinged:
            assert line["got"] == "3"
            pinged = False
            pongs += 1
    assert pongs


async def test_what_is_awaited_waits_and_loses_nothing() -> None:
    frames = 300
    async with serving(hearing, small_buffers=True) as server:
        async with EstuaryClient(server.config()) as client:
            peer = await stalled(client, server)
            whole = b"".join(map(numbered, range(frames)))  # Half a minute in one call.
            done = anyio.Event()

            async def speak() -> None:
                await client.send_audio(whole)
                done.set()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(speak)
                await anyio.wait_all_tasks_blocked()
                assert not done.is_set()
                client.interrupt()  # It overtakes all of that.
                peer.read_on()
                await done.wait()
            await client.stop_voice()
            heard = voice_of(peer)
            at = next(i for i, one in enumerate(peer.inbox) if isinstance(one, Interrupt))
            before = sum(isinstance(one, StreamAudio) for one in peer.inbox[:at])
    assert heard == ["(", *range(frames), ")"]
    assert before < frames - 10


async def test_a_stop_ends_who_waits_to_speak() -> None:
    async with serving(hearing, small_buffers=True) as server:
        async with EstuaryClient(server.config()) as client:
            peer = await stalled(client, server)
            errors: list[EstuaryError] = []

            async def speak() -> None:
                errors.append(await failure_of(client.send_audio(TENTH * 1000)))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(speak)
                await anyio.wait_all_tasks_blocked()
                tasks.start_soon(client.stop_voice)
                await anyio.wait_all_tasks_blocked()
                peer.read_on()
            assert [error.code for error in errors] == [ErrorCode.VOICE_NOT_ACTIVE]


@pytest.mark.parametrize("mode", VoiceMode)
async def test_a_fall_ends_who_waits_to_speak(mode: VoiceMode) -> None:
    async with serving(hearing, small_buffers=True) as server:
        config = server.config(auto_reconnect=False)
        async with EstuaryClient(config) as client:
            await client.connect()
            await client.start_voice(mode)
            if mode is VoiceMode.PUSH_TO_TALK:
                await client.start_recording()
            peer = await server.peer()
            await peer.get(StartVoice)
            peer.stop_reading()
            errors: list[EstuaryError] = []

            async def speak() -> None:
                errors.append(await failure_of(client.send_audio(TENTH * 1000)))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(speak)
                await anyio.wait_all_tasks_blocked()
                await peer.cut()
            assert [error.code for error in errors] == [ErrorCode.VOICE_NOT_ACTIVE]


async def test_a_cancelled_send_keeps_what_was_taken_in_order() -> None:
    async with serving(hearing, small_buffers=True) as server:
        async with EstuaryClient(server.config()) as client:
            peer = await stalled(client, server)
            whole = b"".join(map(numbered, range(300)))
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.send_audio, whole)
                await anyio.wait_all_tasks_blocked()
                tasks.cancel_scope.cancel()
            peer.read_on()
            await client.stop_voice()
            heard = voice_of(peer)
            assert heard == ["(", *range(len(heard) - 2), ")"]
            assert 10 <= len(heard) < 300
            assert await client.send_text("hello") is Outcome.SENT
