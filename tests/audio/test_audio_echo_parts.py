"""What echo handling is made of: clocks, the far end, the delay, the passage of blocks."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estuary_audio import AudioBlock
from estuary_audio.alignment import Alignment
from estuary_audio.clock import Clock
from estuary_audio.delay import DelayFinder
from estuary_audio.echo import EchoCanceller
from estuary_audio.farend import BLOCKS, KEPT, FarEnd
from estuary_audio.likeness import Likeness
from estuary_audio.passage import Passage
from estuary_audio.speech import SpeechDetector
from estuary_audio.suppressor import Suppressor
from tests.audio.room import EPOCH, to_pcm16

RATES = [8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000]

# --- clocks --------------------------------------------------------------------------------


@pytest.mark.parametrize("drift", [0.0, 2e-4, -2e-4, 1e-3, -1e-3])
def test_a_clock_is_known_in_spite_of_jitter(drift: float) -> None:
    rng = np.random.default_rng(1)
    clock = Clock(16000)
    for block in range(1500):
        at = EPOCH + block * 0.02 * (1 + drift)
        clock.observe(block * 320, at + rng.uniform(-1e-3, 1e-3))
        if block > 500:
            assert clock.time(block * 320) == pytest.approx(at, abs=4e-4)
    assert clock.drift == pytest.approx(drift, abs=3e-5)
    assert clock.position(clock.time(123456.5)) == pytest.approx(123456.5, abs=1e-3)


def test_a_clock_that_jumps_is_believed() -> None:
    clock = Clock(16000)
    assert not clock.known
    assert clock.observe(0, 10.0)
    assert not clock.observe(320, 10.021)
    assert clock.observe(640, 10.2)
    assert clock.time(640) == 10.2


# --- the far end ---------------------------------------------------------------------------


def fed(far: FarEnd, sound: Any, rate: int, *, begin: float = EPOCH, ppm: float = 0.0) -> None:
    """Hand over blocks of 20 ms, as a device does whose clock is off by so much."""
    size = rate // 50
    for block in range(len(sound) // size):
        at = begin + block * 0.02 / (1 + ppm * 1e-6)
        far.put(to_pcm16(sound[block * size : (block + 1) * size]), rate, at)
    far.settle()


def read(far: FarEnd, begin: float, seconds: float, rate: int) -> Any:
    """In frames of 10 ms."""
    frames = [
        far.read(begin + i * 0.01, begin + (i + 1) * 0.01, rate // 100)[0]
        for i in range(round(seconds * 100))
    ]
    return np.concatenate(frames)


@pytest.mark.parametrize("source", [16000, 24000, 44100, 48000])
@pytest.mark.parametrize("hertz", [300.0, 3000.0])
def test_it_is_read_at_another_rate_and_by_time(source: int, hertz: float) -> None:
    far = FarEnd(16000)
    fed(far, 0.5 * np.sin(2 * np.pi * hertz * np.arange(source) / source), source)
    got = read(far, EPOCH + 0.1003, 0.8, 16000)
    wanted = 0.5 * np.sin(2 * np.pi * hertz * (0.1003 + np.arange(12800) / 16000))
    error = 20 * np.log10(np.sqrt(np.mean((got - wanted) ** 2)) / np.sqrt(0.125))
    assert error < -45


def test_what_the_slower_rate_cannot_hold_does_not_come_back() -> None:
    far = FarEnd(16000)
    fed(far, 0.5 * np.sin(2 * np.pi * 11000 * np.arange(48000) / 48000), 48000)
    assert np.abs(read(far, EPOCH + 0.1, 0.8, 16000)).max() < 0.5 * 10 ** (-50 / 20)


def test_another_clock_is_followed_without_a_seam() -> None:
    far = FarEnd(16000)
    time = np.arange(30 * 16000) / (16000 * (1 + 1e-3))
    sound = 0.5 * np.sin(2 * np.pi * 500 * time)
    got = []
    for block in range(1490):
        piece = sound[block * 320 : (block + 1) * 320]
        far.put(to_pcm16(piece), 16000, EPOCH + block * 0.02 / (1 + 1e-3))
        far.settle()
        if block >= 5:
            at = EPOCH + block * 0.02 / (1 + 1e-3) - 0.05
            got.append((at, far.read(at, at + 0.02 / (1 + 1e-3), 320)))
    for (at, (frame, _)), (_, (_, jumped)) in pairwise(got[1000:]):
        assert not jumped
        wanted = 0.5 * np.sin(
            2 * np.pi * 500 * (at - EPOCH + np.arange(320) / (16000 * (1 + 1e-3)))
        )
        assert np.abs(frame - wanted).max() < 0.05


def test_nothing_is_silence() -> None:
    far = FarEnd(16000)
    assert far.end is None
    assert not read(far, EPOCH, 0.1, 16000).any()
    fed(far, np.full(4800, 0.5), 48000)
    assert not read(far, EPOCH - 9, 0.1, 16000).any()
    assert not read(far, EPOCH + 9, 0.1, 16000).any()
    far.clear()
    assert far.end is None


def test_a_gap_is_silent_and_what_is_taken_back_is_not_heard() -> None:
    far = FarEnd(16000)
    fed(far, np.full(1600, 0.5), 16000)
    fed(far, np.full(1600, 0.25), 16000, begin=EPOCH + 0.3)
    assert read(far, EPOCH + 0.05, 0.02, 16000) == pytest.approx(0.5, abs=0.01)
    assert read(far, EPOCH + 0.2, 0.02, 16000) == pytest.approx(0.0, abs=0.01)
    assert read(far, EPOCH + 0.35, 0.02, 16000) == pytest.approx(0.25, abs=0.01)
    fed(far, np.full(1600, -0.5), 16000, begin=EPOCH + 0.34)
    assert read(far, EPOCH + 0.31, 0.02, 16000) == pytest.approx(0.25, abs=0.01)
    assert read(far, EPOCH + 0.36, 0.02, 16000) == pytest.approx(-0.5, abs=0.01)
    fed(far, np.full(1600, 0.125), 16000, begin=EPOCH + 60)
    assert read(far, EPOCH + 60.05, 0.02, 16000) == pytest.approx(0.125, abs=0.01)


def test_another_rate_begins_anew() -> None:
    far = FarEnd(16000)
    fed(far, np.full(1600, 0.5), 16000)
    fed(far, np.full(4410, 0.25), 44100, begin=EPOCH + 0.1)
    assert read(far, EPOCH + 0.15, 0.02, 16000) == pytest.approx(0.25, abs=0.01)


def test_it_is_bounded_when_nobody_reads() -> None:
    far = FarEnd(16000)
    block = bytes(1920)

    def play() -> None:
        for index in range(3 * BLOCKS):
            far.put(block, 48000, EPOCH + 0.02 * index)

    thread = threading.Thread(target=play)
    thread.start()
    thread.join()
    far.settle()
    end = far.end
    assert end == pytest.approx(EPOCH + 0.02 * 3 * BLOCKS, abs=0.01)
    assert len(far._samples) <= KEPT * 48000


# --- the delay -----------------------------------------------------------------------------


def test_a_delay_is_found_where_there_is_one() -> None:
    rng = np.random.default_rng(2)
    played = 0.1 * rng.normal(size=32000)
    for delay in (-0.1, 0.0, 0.0725, 0.4):
        heard = np.roll(played, round(delay * 16000)) + 0.05 * rng.normal(size=32000)
        finder = DelayFinder(16000)
        for begin in range(0, 32000, 160):
            finder.feed(heard[begin : begin + 160], played[begin : begin + 160], 0.0)
        assert finder.delay == pytest.approx(delay, abs=0.0005)
        assert finder.glance() == pytest.approx(delay, abs=0.0005)


def test_no_delay_is_found_where_there_is_none() -> None:
    rng = np.random.default_rng(2)
    finder = DelayFinder(16000)
    for _ in range(300):
        finder.feed(0.1 * rng.normal(size=160), 0.1 * rng.normal(size=160), 0.0)
    assert finder.delay is None
    assert finder.glance() is None
    likeness = Likeness(16000)
    assert likeness.lag() is None
    assert likeness.share(0.1, 0.2) == 0.0
    for _ in range(100):
        likeness.feed(0.1 * rng.normal(size=160), np.zeros(160), 0.0)
    assert likeness.lag() is None
    assert likeness.share(-0.5, 0.2) == 0.0


def test_a_player_that_hands_over_late_is_read_less_far_ahead() -> None:
    alignment = Alignment(16000)
    block = to_pcm16(np.full(320, 0.5))
    leads = []
    for index in range(200):
        ahead = 0.1 if index < 100 else 0.04
        for _ in range(1 if index != 100 else 0):
            alignment.far.put(block, 16000, EPOCH + index * 0.02)
        alignment.far.settle()
        at = EPOCH + index * 0.02 - ahead
        alignment.read(at, at + 0.01, 160)
        leads.append(alignment.lead)
    assert leads[50] == 0.045
    last = leads[-1]
    assert last is not None
    assert last <= 0.05


# --- the passage ---------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(RATES),
    st.lists(st.integers(0, 3000), max_size=12),
    st.integers(0, 300),
    st.integers(0, 12),
)
def test_as_much_comes_out_as_went_in(
    rate: int, sizes: list[int], delay: int, finished: int
) -> None:
    held = bytearray(2 * delay)

    def work(frame: bytes, begin: float, end: float) -> bytes:
        assert end - begin == pytest.approx(0.01, rel=0.01)
        held.extend(frame)
        out = bytes(held[: len(frame)])
        del held[: len(frame)]
        return out

    passage = Passage(rate, delay, work)
    at, came = EPOCH, 0
    for index, size in enumerate(sizes):
        came += len(passage.push(bytes(2 * size), at))
        at += size / rate
        assert came <= 2 * sum(sizes[: index + 1])
        if index == finished:
            came += len(passage.finish())
            assert came == 2 * sum(sizes[: index + 1])
    assert came + len(passage.finish()) == 2 * sum(sizes)


@settings(deadline=None, max_examples=15)
@given(st.sampled_from(RATES), st.lists(st.integers(0, 2500), max_size=8), st.booleans())
def test_as_much_comes_out_of_each_handler(rate: int, sizes: list[int], playing: bool) -> None:
    rng = np.random.default_rng(len(sizes))
    for kind in (EchoCanceller, Suppressor):
        if kind is EchoCanceller:
            pytest.importorskip("livekit.rtc.apm", reason="not installed: livekit")
        handler = kind(rate)
        at, came = EPOCH, 0
        for size in sizes:
            if playing:
                far = to_pcm16(0.2 * rng.normal(size=2205))
                handler.far_end(far, 44100, at + 0.05)
            near = to_pcm16(0.05 * rng.normal(size=size))
            came += len(handler.near_end(AudioBlock(near + b"\0" * (size % 2), at, rate)))
            at += size / rate
            if size % 3 == 0:
                handler.reset()
        assert came + len(handler.finish()) == 2 * sum(sizes)
        assert handler.finish() == b""


@pytest.mark.parametrize("rate", RATES)
def test_what_passes_is_at_its_place(rate: int) -> None:
    passage = Passage(rate, 0, lambda frame, begin, end: frame)
    sound = to_pcm16(0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate))
    out = b"".join(
        passage.push(sound[i : i + 640], EPOCH + i / 2 / rate) for i in range(0, len(sound), 640)
    )
    out += passage.finish()
    error = np.frombuffer(out, "<i2").astype(float) - np.frombuffer(sound, "<i2")
    assert np.abs(error[rate // 10 : -rate // 10]).max() < 100


# --- who speaks ----------------------------------------------------------------------------


def test_speech_begins_goes_on_and_ends() -> None:
    rng = np.random.default_rng(4)
    detector = SpeechDetector(16000, 0.0)
    assert detector.coupling == 0.0
    silence = np.zeros(160, np.float32)
    for index in range(400):
        level = 0.1 if 100 <= index < 200 else 0.0005
        near = (level * rng.normal(size=160)).astype(np.float32)
        detector.feed(near, silence, index * 0.01, None)
        if index == 150:
            assert detector.onset == pytest.approx(1.0, abs=0.02)
            assert detector.talking(5.0)
    assert detector.onset is None
    assert detector.talking(1.5)
    assert not detector.talking(0.5)
    assert not detector.talking(3.0)


@pytest.mark.parametrize(("ends", "over"), [(200, False), (240, True)])
def test_who_has_just_ended_does_not_speak_over_the_answer(ends: int, over: bool) -> None:
    """A quick answer begins 0.1 s after the last word, or while they go on."""
    rng = np.random.default_rng(4)
    detector = SpeechDetector(16000, 0.0)
    for index in range(245):
        level = 0.1 if 100 <= index < ends else 0.0005
        near = (level * rng.normal(size=160)).astype(np.float32)
        detector.feed(near, np.zeros(160, np.float32), index * 0.01, None)
        if index == 215:
            assert not detector.over(2.1)
    assert detector.onset is not None
    assert detector.over(2.1) is over
    assert detector.over(0.9)
    detector.clear()
    assert not detector.over(0.0)


@pytest.mark.parametrize("whole", [False, True])
def test_who_is_louder_in_all_counts(whole: bool) -> None:
    """Somebody over a loudspeaker, by too little for each band."""
    rng = np.random.default_rng(4)
    detector = SpeechDetector(16000, 0.0, whole=whole)
    for index in range(400):
        far = (0.1 * rng.normal(size=160)).astype(np.float32)
        user = 0.36 * rng.normal(size=160).astype(np.float32) * (300 <= index)
        detector.feed(far + user, far, index * 0.01, 0.0)
        if index == 299:
            assert detector.onset is None
    assert (detector.onset is not None) is whole


def test_what_turns_out_to_be_echo_was_no_speech() -> None:
    rng = np.random.default_rng(4)
    answers = iter([False] + [True] * 1000)
    detector = SpeechDetector(16000, 0.0, lambda: next(answers))
    for index in range(300):
        level = 0.1 if index >= 100 else 0.0005
        near = (level * rng.normal(size=160)).astype(np.float32)
        detector.feed(near, np.zeros(160, np.float32), index * 0.01, None)
    assert detector.onset is None
    assert not detector.talking(1.5)
