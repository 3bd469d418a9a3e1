"""The microphone, on a sound card without hardware."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio
import pytest

from estuary_audio import AudioRecorder, CaptureDropped, DeviceChanged, SoundEvent
from estuary_proto.errors import ErrorCode, EstuaryError
from tests.audio.card import PINNED, Card, pactl, playing
from tests.audio.sound import samples, spectrum, to_pcm, tone
from tests.audio.waiting import Told, until

if TYPE_CHECKING:
    from estuary_audio import AudioBlock

pytestmark = pytest.mark.anyio


async def take(mic: AudioRecorder, seconds: float) -> list[AudioBlock]:
    """The next so many seconds."""
    blocks: list[AudioBlock] = []
    async for block in mic:
        blocks.append(block)
        if len(blocks) * 0.02 >= seconds:
            break
    return blocks


def joined(blocks: list[AudioBlock]) -> bytes:
    return b"".join(block.pcm for block in blocks)


async def until_heard(mic: AudioRecorder, level: float = 0.1) -> None:
    """Wait for the first loud block."""
    with anyio.fail_after(20):
        async for block in mic:
            if abs(samples(block.pcm)).max() > level:
                return


async def test_a_tone_arrives_as_it_is_and_nothing_else(sound_card: Card) -> None:
    # 13 kHz is more than 16 kHz can hold: left to itself it would come back as 3 kHz.
    both = 0.5 * samples(tone(1000, 8, 48000)) + 0.5 * samples(tone(13000, 8, 48000))
    with playing("mic", to_pcm(both)):
        for attempt in (1, 2):  # The first stream after a cold start may have a glitch.
            async with AudioRecorder(16000) as mic:
                assert mic.device_rate == 48000
                await until_heard(mic)
                await take(mic, 0.3)
                blocks = await take(mic, 1.0)
                level = mic.level()
            hertz, rest = spectrum(joined(blocks), 16000)
            if rest < -60 or attempt == 2:
                break
    assert hertz == pytest.approx(1000, abs=1)
    assert rest < -60
    assert {len(block.pcm) for block in blocks} == {640}
    assert level == pytest.approx(0.25, abs=0.03)  # Both tones, as the device hears them.
    gaps = [b.at - a.at for a, b in zip(blocks, blocks[1:], strict=False)]
    assert all(gap == pytest.approx(0.02, abs=0.005) for gap in gaps)
    assert mic.dropped == 0


async def test_the_time_of_a_block_is_when_it_was_said(sound_card: Card) -> None:
    async with AudioRecorder(16000) as mic:
        await take(mic, 0.2)
        (block,) = await take(mic, 0.02)
        now = time.monotonic()
    assert now - 0.2 < block.at + block.seconds < now


async def test_who_does_not_listen_loses_the_oldest_and_is_told(sound_card: Card) -> None:
    told = Told()
    async with AudioRecorder(16000, backlog=0.2, on_event=told) as mic:
        await take(mic, 0.1)
        await until(lambda: mic.dropped >= 0.1)
        blocks = await take(mic, 0.1)
        dropped = mic.dropped
    assert sum(event.seconds for event in told.of(CaptureDropped)) == pytest.approx(dropped)
    assert time.monotonic() - blocks[0].at < 1.0


async def test_paused_it_keeps_nothing_and_drained_it_gives_all_that_was_said(
    sound_card: Card,
) -> None:
    blocks: list[AudioBlock] = []
    with playing("mic", tone(1000, 8, 48000)):
        async with AudioRecorder(16000, paused=True) as mic, anyio.create_task_group() as tasks:

            async def listen() -> None:
                async for block in mic:
                    blocks.append(block)

            tasks.start_soon(listen)
            await until(lambda: mic.level() > 0.1)  # The meter works ahead of time.
            assert mic.is_paused
            assert blocks == []
            pressed = time.monotonic()
            mic.resume()
            await until(lambda: len(blocks) > 15)
            released = time.monotonic()
            await mic.drain()
            assert mic.is_paused
            count, last = len(blocks), blocks[-1]
            assert last.at + last.seconds >= released - 0.001
            assert last.at + last.seconds < released + 0.1
            assert blocks[0].at < pressed + 0.1
            await until(lambda: time.monotonic() > released + 0.3)
            assert len(blocks) == count
            mic.resume()
            await until(lambda: len(blocks) > count)
            assert blocks[count].at > released + 0.2
            await mic.close()
    total = sum(block.seconds for block in blocks[:count])
    assert total == pytest.approx(last.at + last.seconds - blocks[0].at, abs=0.01)


async def test_nobody_listens_while_it_drains(sound_card: Card) -> None:
    async with AudioRecorder(16000) as mic:
        await take(mic, 0.1)
        with anyio.fail_after(10):
            await mic.drain()
        assert mic.is_paused


async def test_closed_it_ends_and_can_be_opened_again(sound_card: Card) -> None:
    mic = AudioRecorder(16000)
    async with mic:
        await take(mic, 0.1)
    assert mic.device is None
    assert [block async for block in mic] == []
    async with mic:
        await mic.open()
        assert len(await take(mic, 0.1)) == 5


async def test_a_device_is_chosen_by_its_name(sound_card: Card) -> None:
    async with AudioRecorder(16000, device="DESK") as mic:
        assert mic.device is not None
        assert mic.device.name == "desk"
        number = mic.device.index
    async with AudioRecorder(16000, device=number) as mic:
        assert mic.device is not None
        assert mic.device.name == "desk"


@pytest.mark.parametrize("device", ["no such thing", "speakre", 99])
async def test_an_unknown_device_is_refused_with_what_there_is(
    sound_card: Card, device: str | int
) -> None:
    with pytest.raises(EstuaryError, match=r"no microphone .*; there are .*\d: default") as caught:
        await AudioRecorder(16000, device=device).open()
    assert caught.value.code is ErrorCode.AUDIO_UNAVAILABLE


async def test_a_microphone_that_vanishes_is_replaced(
    sound_card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPEWIRE_ALSA", PINNED)
    told = Told()
    sound_card.plug_microphone("desk")
    pactl("set-default-source", "speaker.monitor")  # Where nothing is heard.
    with playing("mic", tone(1000, 20, 48000)):
        async with AudioRecorder(16000, device="desk", on_event=told) as mic:
            await until_heard(mic)
            pactl("set-default-source", "mic.monitor")
            await anyio.to_thread.run_sync(sound_card.unplug, "desk")
            with anyio.fail_after(30):
                async for _ in mic:
                    if told.events:
                        break
                await until_heard(mic)
            assert mic.device is not None
            assert mic.device.name != "desk"
    assert told.kinds == [DeviceChanged]
    (change,) = told.of(DeviceChanged)
    assert (change.direction, change.lost) == ("input", "desk")
    assert change.device is not None


async def test_muted_it_lets_go_of_the_device_and_comes_back(sound_card: Card) -> None:
    told = Told()
    with playing("mic", tone(1000, 20, 48000)):
        async with AudioRecorder(16000, on_event=told) as mic, anyio.create_task_group() as tasks:
            blocks: list[AudioBlock] = []

            async def listen() -> None:
                async for block in mic:
                    blocks.append(block)

            tasks.start_soon(listen)
            await until(lambda: len(blocks) > 5)
            for _ in range(2):
                mic.muted = True
                await until(lambda: mic.device is None)
                silent = len(blocks)
                with anyio.fail_after(5):
                    await mic.drain()  # There is nothing to wait for.
                assert len(blocks) <= silent + 1
                mic.resume()
                mic.muted = False
                await until(lambda: len(blocks) > silent + 5)  # noqa: B023
            assert mic.device is not None
            await mic.close()
    assert told.events == []  # It was meant so.


async def test_a_rate_that_makes_no_sense_is_refused(sound_card: Card) -> None:
    with pytest.raises(EstuaryError, match="8000 to 48000"):
        AudioRecorder(7999)


async def test_a_device_at_another_rate_gives_the_same(sound_card: Card) -> None:
    sound_card.plug_microphone("desk")
    pactl("set-default-source", "speaker.monitor")  # Where nothing is heard.
    with playing("mic", tone(1000, 8, 48000)):
        async with AudioRecorder(16000, device="stereo") as mic:
            assert mic.device_rate == 44100
            await until_heard(mic)
            await take(mic, 0.3)
            blocks = await take(mic, 0.5)
    assert {len(block.pcm) for block in blocks} == {640}
    hertz, _ = spectrum(joined(blocks), 16000)
    assert hertz == pytest.approx(1000, abs=1)


async def test_paused_it_gives_what_came_before_and_then_nothing(sound_card: Card) -> None:
    blocks: list[AudioBlock] = []
    async with AudioRecorder(16000) as mic, anyio.create_task_group() as tasks:

        async def listen() -> None:
            async for block in mic:
                blocks.append(block)

        tasks.start_soon(listen)
        await until(lambda: len(blocks) > 5)
        paused = time.monotonic()
        mic.pause()
        await until(lambda: time.monotonic() > paused + 0.3)
        assert all(block.at < paused for block in blocks)
        assert mic.latency > 0
        await mic.close()
    assert (mic.latency, mic.device_rate) == (0.0, None)


async def test_a_listener_that_fails_is_logged(
    sound_card: Card, caplog: pytest.LogCaptureFixture
) -> None:
    def tell(event: SoundEvent) -> None:
        raise ZeroDivisionError

    async with AudioRecorder(16000, backlog=0.1, on_event=tell) as mic:
        await until(lambda: mic.dropped > 0)
        await anext(mic)
    assert "on_event has failed" in caplog.text
