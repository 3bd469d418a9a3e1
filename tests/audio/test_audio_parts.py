"""The small parts: arithmetic, rates, levels, times, blocks, the ring and its wake."""

from __future__ import annotations

import random
import threading
from typing import Any

import anyio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estuary_audio import Device, Direction, Meter, Resampler, pcm
from estuary_audio.chunker import Chunker
from estuary_audio.devices import candidates, channel_counts, rates
from estuary_audio.resample import convert
from estuary_audio.ring import Ring, Wake
from estuary_audio.steady import Steady, Translation
from estuary_proto.errors import EstuaryError
from tests.audio.sound import samples, spectrum, tone

# --- arithmetic ---------------------------------------------------------------------------------


def ints(audio: bytes) -> list[int]:
    return [int(sample) for sample in np.frombuffer(audio, "<i2")]


def of(*values: int) -> bytes:
    return np.array(values, "<i2").tobytes()


def test_channels_are_mixed_and_spread() -> None:
    assert ints(pcm.mix_down(of(100, 300, -32768, -32768), 2)) == [200, -32768]
    assert ints(pcm.spread(of(1, -2), 3)) == [1, 1, 1, -2, -2, -2]
    assert pcm.mix_down(of(5), 1) == pcm.spread(of(5), 1) == of(5)


def test_a_ramp_is_straight_and_rounds() -> None:
    assert ints(pcm.ramp(of(1000, 1000, 1000), 1.0, 0.0)) == [1000, 500, 0]
    assert ints(pcm.ramp(of(3, -3), 0.5, 0.5)) == [2, -2]
    assert pcm.ramp(b"", 1.0, 0.0) == b""


def test_loudness() -> None:
    rms, peak = pcm.loudness(of(-16384, 16384))
    assert (rms, peak) == (0.5, 0.5)
    assert pcm.loudness(of(-32768)) == (1.0, 1.0)
    assert pcm.loudness(b"") == (0.0, 0.0)


def differ(one: bytes, other: bytes) -> int:
    """By how much two sounds of one length differ at most: soxr dithers what it rounds."""
    assert len(one) == len(other)
    both = zip(ints(one), ints(other), strict=True)
    return max((abs(a - b) for a, b in both), default=0)


# --- rates --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "target"), [(44100, 24000), (48000, 16000), (16000, 48000)])
def test_blocks_are_resampled_as_if_they_were_one_piece(source: int, target: int) -> None:
    sound = tone(1000, 1.0, source)
    resampler = Resampler(source, target)
    step = source // 50 * 2
    blocks = [resampler.push(sound[at : at + step]) for at in range(0, len(sound), step)]
    out = b"".join(blocks) + resampler.finish()
    assert differ(out, convert(sound, source, target)) <= 2
    assert len(out) / 2 == pytest.approx(target, abs=2)
    hertz, rest = spectrum(out[target // 5 : -(target // 5)], target)
    assert hertz == pytest.approx(1000, abs=0.1)
    assert rest < -80


def test_what_the_lower_rate_cannot_hold_is_gone() -> None:
    out = convert(tone(15000, 1.0, 48000), 48000, 24000)
    assert abs(samples(out[4000:-4000])).max() < 10 ** (-80 / 20)


def test_equal_rates_touch_nothing() -> None:
    resampler = Resampler(16000, 16000)
    assert resampler.push(b"\x01\x02") == b"\x01\x02"
    assert (resampler.finish(), resampler.delay) == (b"", 0.0)


def test_after_the_end_a_resampler_begins_anew() -> None:
    resampler = Resampler(48000, 16000)
    first = resampler.push(tone(500, 0.1, 48000)) + resampler.finish()
    assert resampler.push(tone(500, 0.1, 48000)) + resampler.finish() == first


# --- levels and times ---------------------------------------------------------------------------


def test_a_meter_rises_at_once_holds_and_falls() -> None:
    meter = Meter()
    meter.feed(of(*[16384] * 320), 1.0)
    assert meter.level(0.99) == 0.0  # It is not heard yet.
    assert meter.level(1.0) == meter.peak(1.0) == 0.5
    meter.feed(bytes(640), 1.02)
    assert meter.level(1.09) == 0.5
    assert meter.level(1.4) == pytest.approx(0.05)
    for block in range(500):  # Nobody looks.
        meter.feed(of(*[8192] * 320), 2.0 + block * 0.02)
    assert meter.level(12.0) == 0.25


def test_times_are_steady_and_follow_the_clock() -> None:
    steady, chance = Steady(), random.Random(1)
    drift = 1.0005
    times = [steady.time(n * 0.02 * drift + chance.uniform(-0.01, 0.01), 0.02) for n in range(5000)]
    steps = np.diff(times)[50:]  # At first, the mean of what has been told.
    assert abs(steps - 0.02).max() < 0.0012
    assert abs(times[-1] - 4999 * 0.02 * drift) < 0.005
    assert steady.time(500.0, 0.02) == 500.0


def test_sound_that_was_lost_is_believed_when_it_is_told_twice() -> None:
    steady = Steady()
    for n in range(300):
        steady.time(n * 0.02, 0.02)
    late = steady.time(300 * 0.02 + 0.004, 0.02)
    assert abs(late - 300 * 0.02) < 1e-6
    assert abs(steady.time(301 * 0.02, 0.02) - 301 * 0.02) < 1e-6  # It was only late.
    steady.time(302 * 0.02 + 0.004, 0.02)
    assert abs(steady.time(303 * 0.02 + 0.004, 0.02) - 303 * 0.02 - 0.004) < 1e-6


def test_a_late_call_moves_no_time() -> None:
    translation = Translation()
    for n in range(200):
        late = 0.03 if n % 7 == 3 else 0.0
        ours = translation.ours(1000 + n * 0.02 + late, n * 0.02 + 5)
        assert abs(ours - 1000 - n * 0.02) < 1e-6
    assert translation.ours(2000.0, 4.0) == 2000.0  # It was set back,
    assert translation.ours(2000.02, 4.0) == 2000.02  # stands still,
    assert translation.ours(2005.0, 4.02) == 2005.0  # or has stood still.


# --- blocks -------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 3000), max_size=20), st.sampled_from([16000, 44100, 48000]))
@settings(max_examples=60, deadline=None)
def test_blocks_have_one_length_and_nothing_is_lost(sizes: list[int], rate: int) -> None:
    sound = np.random.default_rng(7).integers(-9000, 9000, sum(sizes)).astype("<i2")
    chunker, blocks, at = Chunker(16000), [], 0
    for size in sizes:
        stereo = pcm.spread(sound[at : at + size].tobytes(), 2)
        chunker.push(stereo, rate, 2, 5.0 + at / rate)
        at += size
        while (block := chunker.next()) is not None:
            blocks.append(block)
    assert all(len(block.pcm) == 640 for block in blocks)
    rest = chunker.finish()
    if rest is not None:
        blocks.append(rest)
    whole = b"".join(block.pcm for block in blocks)
    assert differ(whole, convert(sound.tobytes(), rate, 16000)) <= 2
    seconds = 0.0
    for block in blocks:
        assert block.at == pytest.approx(5.0 + seconds, abs=0.002)
        seconds += block.seconds
    assert chunker.finish() is None


def test_a_new_device_with_another_rate_loses_nothing() -> None:
    chunker = Chunker(16000)
    chunker.push(tone(400, 0.1, 48000), 48000, 1, 0.0)
    chunker.push(tone(400, 0.1, 44100), 44100, 1, 0.1)
    blocks = []
    while (block := chunker.next()) is not None:
        blocks.append(block)
    rest = chunker.finish()
    assert rest is not None
    assert sum(b.seconds for b in [*blocks, rest]) == pytest.approx(0.2, abs=0.001)


# --- devices ------------------------------------------------------------------------------------


def device(index: int, name: str, inputs: int, outputs: int, **fields: Any) -> Device:
    values = {"api": "ALSA", "rate": 44100, **fields}
    return Device(index=index, name=name, inputs=inputs, outputs=outputs, **values)


HEADSET = device(0, "USB Headset", 1, 2)
WEBCAM = device(1, "Webcam (USB Audio)", 2, 0)
BUILT_IN = device(2, "Built-in", 2, 2, is_default_input=True, is_default_output=True)
ALL = [HEADSET, WEBCAM, BUILT_IN]


def test_the_default_comes_first_and_the_others_keep_their_order() -> None:
    assert candidates(ALL, Direction.INPUT) == [BUILT_IN, HEADSET, WEBCAM]
    assert candidates(ALL, Direction.OUTPUT) == [BUILT_IN, HEADSET]


def test_without_a_default_the_first_that_can_is_taken() -> None:
    assert candidates([WEBCAM, HEADSET], Direction.OUTPUT) == [HEADSET]


def test_a_choice_comes_first_and_the_others_stand_behind_it() -> None:
    assert candidates(ALL, Direction.INPUT, "Webcam (USB Audio)") == [WEBCAM, BUILT_IN, HEADSET]
    assert candidates(ALL, Direction.INPUT, "usb") == [HEADSET, WEBCAM, BUILT_IN]
    assert candidates(ALL, Direction.INPUT, 1) == [WEBCAM, BUILT_IN, HEADSET]


def test_a_device_that_cannot_is_no_choice() -> None:
    with pytest.raises(EstuaryError, match="no loudspeaker 'Webcam'.*0: USB Headset") as caught:
        candidates(ALL, Direction.OUTPUT, "Webcam")
    assert caught.value.details["wanted"] == "Webcam"
    with pytest.raises(EstuaryError, match="did you mean 'Built-in'"):
        candidates(ALL, Direction.OUTPUT, "buildin")


def test_rates_and_channels_to_try() -> None:
    assert rates(BUILT_IN, 16000)[:3] == [48000, 44100, 16000]
    mac = device(0, "Mac", 1, 2, api="Core Audio", rate=96000)
    assert rates(mac, 16000)[:3] == [96000, 48000, 16000]
    assert len(set(rates(mac, 16000))) == len(rates(mac, 16000))
    assert channel_counts(HEADSET, Direction.INPUT) == [1]
    assert channel_counts(HEADSET, Direction.OUTPUT) == [2, 1]
    assert channel_counts(device(0, "Interface", 8, 0), Direction.INPUT) == [1, 2, 8]
    assert channel_counts(device(0, "Mixer", 64, 64), Direction.OUTPUT) == [1, 2, 64]


# --- the ring and its wake ----------------------------------------------------------------------


def test_the_ring_drops_the_oldest_and_counts() -> None:
    ring: Ring[int] = Ring(3)
    for number in range(5):
        ring.put(number)
    assert (ring.take(), ring.dropped, len(ring)) == (2, 2, 2)
    ring.clear()
    assert (ring.take(), ring.dropped) == (None, 2)


@pytest.mark.anyio
async def test_what_a_thread_puts_arrives_in_order_with_one_wake_for_many() -> None:
    ring: Ring[int] = Ring(100_000)
    wakes, arrived = 0, anyio.Event()

    def woken() -> None:
        nonlocal wakes
        wakes += 1
        arrived.set()

    wake = Wake(woken)

    def produce() -> None:
        for number in range(50_000):
            ring.put(number)
            wake()

    thread = threading.Thread(target=produce)
    thread.start()
    got: list[int] = []
    with anyio.fail_after(20):
        while len(got) < 50_000:
            await arrived.wait()
            arrived = anyio.Event()
            while (item := ring.take()) is not None:
                got.append(item)
    thread.join()
    assert got == list(range(50_000))
    assert 1 <= wakes < 50_000
    assert ring.dropped == 0


@pytest.mark.anyio
async def test_many_wakes_before_the_loop_looks_are_one() -> None:
    count = 0
    done = anyio.Event()

    def woken() -> None:
        nonlocal count
        count += 1
        done.set()

    wake = Wake(woken)
    for _ in range(10):
        wake()
    await done.wait()
    await anyio.lowlevel.checkpoint()
    assert count == 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_wake_after_the_loop_has_ended_is_free(backend: str) -> None:
    async def make() -> Wake:
        return Wake(lambda: None)

    wake = anyio.run(make, backend=backend)
    wake()
