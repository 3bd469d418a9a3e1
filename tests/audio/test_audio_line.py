"""A sound server that goes and comes back, and devices that are listed but do not open."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from estuary_audio import (
    AudioPlayer,
    AudioRecorder,
    DeviceChanged,
    PlaybackComplete,
    PlaybackStarted,
)
from estuary_audio.devices import Direction, candidates, list_devices, read_anew
from estuary_audio.ring import Wake
from estuary_audio.stream import any_open, open_first
from estuary_proto.errors import ErrorCode, EstuaryError
from tests.audio import card
from tests.audio.sound import tone
from tests.audio.waiting import Told, until

if TYPE_CHECKING:
    from pathlib import Path

    from estuary_audio import AudioBlock

pytestmark = pytest.mark.anyio


async def test_a_sound_server_that_restarts(servers: card.Card, tmp_path: Path) -> None:
    told = Told()
    with card.settings(tmp_path), ExitStack() as server:
        server.enter_context(card.running(tmp_path)).reset()
        async with AudioPlayer(on_event=told) as player:
            player.push("a", tone(440, 2.0, 16000), final=True)
            await told.until(PlaybackStarted)
            await anyio.to_thread.run_sync(server.close)
            lost = await told.until(DeviceChanged)
            assert (lost.lost, lost.device) == ("default", None)
            assert player.device is None
            assert player.waiting > 0.5
            restarted = await anyio.to_thread.run_sync(server.enter_context, card.running(tmp_path))
            await anyio.to_thread.run_sync(restarted.reset)
            complete = await told.until(PlaybackComplete)
        assert complete.whole
        assert told.kinds == [PlaybackStarted, DeviceChanged, DeviceChanged, PlaybackComplete]
        again = told.of(DeviceChanged)[1]
        assert (again.lost, again.device) == (None, "default")
        assert not any_open()


async def test_a_recorder_whose_server_restarts(servers: card.Card, tmp_path: Path) -> None:
    told = Told()
    with card.settings(tmp_path), ExitStack() as server:
        server.enter_context(card.running(tmp_path)).reset()
        blocks: list[AudioBlock] = []
        async with AudioRecorder(on_event=told) as mic, anyio.create_task_group() as tasks:

            async def listen() -> None:
                async for block in mic:
                    blocks.append(block)

            tasks.start_soon(listen)
            await until(lambda: len(blocks) > 5)
            await anyio.to_thread.run_sync(server.close)
            lost = await told.until(DeviceChanged)
            assert (lost.direction, lost.lost, lost.device) == ("input", "default", None)
            count = len(blocks)
            restarted = await anyio.to_thread.run_sync(server.enter_context, card.running(tmp_path))
            await anyio.to_thread.run_sync(restarted.reset)
            await until(lambda: len(blocks) > count + 5)
            await mic.close()
        assert told.kinds[:2] == [DeviceChanged, DeviceChanged]
        assert not any_open()


async def test_devices_that_do_not_open(servers: card.Card, tmp_path: Path) -> None:
    with card.settings(tmp_path):
        with card.running(tmp_path) as server:
            server.reset()
            read_anew()
            devices = candidates(list_devices(), Direction.OUTPUT, "speaker")
        with pytest.raises(EstuaryError, match="no loudspeaker could be opened") as caught:
            open_first(devices, Direction.OUTPUT, 48000, 0.04, lambda *_: None, lambda: None)
    assert caught.value.code is ErrorCode.AUDIO_UNAVAILABLE
    assert set(caught.value.details["tried"]) == {device.name for device in devices}
    assert not any_open()


async def test_streams_of_the_program_that_are_not_ours_live_on(sound_card: card.Card) -> None:
    import sounddevice  # Which needs PortAudio to be imported.

    called = anyio.Event()
    wake = Wake(lambda: called.set())

    def play(data: Any, frames: int, when: Any, status: Any) -> None:
        data[:] = bytes(len(data))
        wake()

    with sounddevice.RawOutputStream(samplerate=48000, channels=1, dtype="int16", callback=play):
        async with AudioPlayer() as player:
            player.push("a", tone(440, 0.1, 16000), final=True)
            await player.drain()
        with anyio.fail_after(20):
            called = anyio.Event()
            await called.wait()


async def test_the_first_device_that_opens_is_taken(sound_card: card.Card) -> None:
    (default,) = [d for d in list_devices() if d.is_default(Direction.OUTPUT)]
    gone = replace(default, index=999, name="gone")
    stream, failed = open_first(
        [gone, default], Direction.OUTPUT, 48000, 0.04, lambda *_: None, lambda: None
    )
    try:
        assert stream.device == default
        assert [device.name for device, reason in failed if reason] == ["gone"]
    finally:
        assert stream.close()
