"""What a room is made of, without a room."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from estuary_audio.livekit import BotAudio, RoomReconnecting, open_room
from estuary_audio.livekit.home import at_home
from estuary_audio.livekit.mailbox import Mailbox
from estuary_audio.livekit.mixing import LATE, Mixer
from estuary_audio.livekit.native import join_failed
from estuary_audio.livekit.outgoing import Outgoing
from estuary_proto.errors import ErrorCode, EstuaryError

if TYPE_CHECKING:
    from estuary_audio.livekit import RoomEvent

pytestmark = pytest.mark.anyio


def _frame(value: int, samples: int = 4) -> bytes:
    return value.to_bytes(2, "little", signed=True) * samples


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100, 48000])
async def test_frames_hold_all_that_was_given(rate: int) -> None:
    outgoing = Outgoing(rate)
    for size in (1, 7, 1234, 5000):
        outgoing.push(_frame(1000, size))
    outgoing.finish()
    frames = []
    while (frame := outgoing.take()) is not None:
        frames.append(frame)
    size = outgoing.native // 100
    assert {len(frame) for frame in frames} == {2 * size}
    whole = 6242 * outgoing.native / rate
    assert whole - 1 <= len(frames) * size < whole + size + 1
    if rate == outgoing.native:
        assert b"".join(frames)[: 2 * 6242] == _frame(1000, 6242)


async def test_the_oldest_frames_go() -> None:
    outgoing = Outgoing(8000)
    for value in range(5):
        outgoing.push(_frame(value, 80))
    assert outgoing.shorten(0.03) == pytest.approx(0.02)
    assert outgoing.take() == _frame(2, 80)
    outgoing.clear()
    assert outgoing.take() is None


def _two_voices() -> Mixer:
    mixer = Mixer()
    for track in "ab":
        mixer.begin(track)
    for track in "aba":
        mixer.push(track, _frame(0), 0.0)
    return mixer


async def test_voices_are_added() -> None:
    mixer = Mixer()
    mixer.begin("a")
    assert mixer.push("a", _frame(1), 0.0) == [_frame(1)]
    mixer.begin("b")
    # Nobody waits for what has not begun.
    assert mixer.push("a", _frame(2), 0.02) == [_frame(2)]
    assert mixer.push("b", _frame(10), 0.02) == []
    assert mixer.push("a", _frame(3), 0.04) == [_frame(13)]
    assert mixer.push("b", _frame(30000), 0.04) == []
    assert mixer.push("a", _frame(30000), 0.06) == [_frame(32767)]
    # Nobody waits for what has ended.
    assert mixer.push("b", _frame(20), 0.06) == []
    assert mixer.end("a") == [_frame(20)]
    assert mixer.push("b", _frame(21), 0.08) == [_frame(21)]
    assert mixer.end("b") == []


@pytest.mark.parametrize("order", ["ab", "ba"])
async def test_a_busy_loop_loses_nothing_of_any_voice(order: str) -> None:
    mixer = _two_voices()
    # What came in half a second is taken at once, of one track after the other.
    heard = []
    for track in order:
        for value in range(1, 26):
            sign = 1 if track == "a" else 100
            heard += mixer.push(track, _frame(sign * value), 0.5)
    assert heard == [_frame(101 * value) for value in range(1, 26)]
    assert mixer.push("a", _frame(7), 0.52) == []  # And none of them is ahead from here on.
    assert mixer.push("b", _frame(7), 0.52) == [_frame(14)]


async def test_a_voice_that_gives_nothing_is_waited_for_in_vain_once() -> None:
    mixer = _two_voices()
    heard = [mixer.push("a", _frame(n), n / 50) for n in range(1, 9)]
    late = round(LATE * 50) + 1
    assert heard[:late] == [[]] * late
    assert heard[late:] == [[_frame(n) for n in range(1, late + 2)], [_frame(8)]]
    # It comes back, and what it has too much is heard with what comes next.
    for _ in range(2):
        assert mixer.push("b", _frame(100), 0.18) == []
    assert mixer.push("a", _frame(9), 0.18) == [_frame(109)]
    assert mixer.push("a", _frame(10), 0.2) == [_frame(110)]
    assert mixer.push("a", _frame(11), 0.22) == []
    assert mixer.end("b") == [_frame(11)]


async def test_what_waits_of_a_voice_that_ended_is_heard() -> None:
    mixer = _two_voices()
    assert mixer.push("b", _frame(1), 0.02) == []
    assert mixer.push("b", _frame(2), 0.02) == []
    assert mixer.end("b") == []
    mixer.begin("b")  # Another of the same name.
    assert mixer.push("a", _frame(100), 0.02) == [_frame(101)]
    assert mixer.end("a") == [_frame(2)]
    assert mixer.end("b") == []


async def test_unread_sound_is_bounded_and_counted() -> None:
    mailbox = Mailbox(0.05)
    mailbox.put(RoomReconnecting())
    for value in range(8):
        mailbox.put(BotAudio(_frame(value, 80), 8000))
    mailbox.end()
    mailbox.put(RoomReconnecting())
    got: list[RoomEvent] = []
    while (event := await mailbox.next()) is not None:
        got.append(event)
    assert mailbox.dropped == pytest.approx(0.03)
    assert got == [RoomReconnecting(), *(BotAudio(_frame(v, 80), 8000) for v in range(3, 8))]


async def test_events_cross_from_another_thread_in_order() -> None:
    mailbox = Mailbox(100)
    events = [BotAudio(_frame(value, 80), 8000) for value in range(500)]

    def put() -> None:
        for event in events:
            mailbox.put(event)
        mailbox.end()

    thread = threading.Thread(target=put)
    thread.start()
    with anyio.fail_after(10):
        got = [await mailbox.next() for _ in events]
        assert await mailbox.next() is None
    thread.join()
    assert got == events


async def test_a_cancelled_read_takes_nothing() -> None:
    mailbox = Mailbox(1)
    mailbox.put(RoomReconnecting())
    with anyio.CancelScope() as scope:
        scope.cancel()
        await mailbox.next()
    assert scope.cancelled_caught
    assert await mailbox.next() == RoomReconnecting()


def _threads() -> set[threading.Thread]:
    """Those that a library may have made: not those that Python learnt of by accident, and not what
    trio waits in while anyio's test runner is its host."""
    return {
        one
        for one in threading.enumerate()
        if not isinstance(one, threading._DummyThread) and not one.name.startswith("Trio thread")
    }


async def test_what_is_done_at_home() -> None:
    done: list[Any] = []

    async def fails() -> None:
        raise ValueError("no")

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            done.append("cleaned up")

    async def late() -> None:
        await asyncio.sleep(0)
        done.append("finished")

    before = _threads()
    async with at_home() as home, at_home() as again:
        with pytest.raises(ValueError, match="no"):
            await home.call(fails)
        with anyio.move_on_after(0.05) as scope:
            await home.call(waits)
        assert scope.cancelled_caught
        with anyio.CancelScope() as scope:
            scope.cancel()
            await again.finish(late)
        again.soon(done.append, "soon")
        await again.call(late)
    assert done == ["cleaned up", "finished", "soon", "finished"]
    assert _threads() == before


async def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "livekit.rtc", None)
    before = _threads()
    with pytest.raises(EstuaryError) as caught:
        async with open_room("ws://127.0.0.1:1", "token"):
            pass
    assert caught.value.code is ErrorCode.LIVEKIT_UNAVAILABLE
    assert "pip install 'estuary-anyio[livekit]'" in str(caught.value)
    assert _threads() == before


async def test_a_failed_join_tells_no_secret() -> None:
    error = join_failed(Exception("GET /rtc?access_token=secret-token: 401"), "secret-token")
    assert error.code is ErrorCode.AUTH_FAILED
    assert "secret-token" not in str(error)
    assert join_failed(Exception("no route"), "secret-token").code is ErrorCode.CONNECTION_FAILED
