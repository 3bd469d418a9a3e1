"""The queue between what the character says and the loudspeaker, under virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from estuary_audio.events import (
    Damaged,
    PlaybackComplete,
    PlaybackDropped,
    PlaybackInterrupted,
    PlaybackStarted,
    Underrun,
)
from estuary_audio.playout import REMEMBERED, Playout
from estuary_audio.resample import convert

if TYPE_CHECKING:
    from estuary_audio.events import SoundEvent

RATE = 16000
BLOCK = 320
LATENCY = 0.05


def near(value: float, abs: float | None = None) -> Any:
    """A time, but for rounding."""
    return pytest.approx(value, abs=abs)


def level(value: int, seconds: float, rate: int = RATE) -> bytes:
    """A constant sample value, so that what is played can be told apart."""
    return bytes(np.full(round(seconds * rate), value, "<i2"))


class Device:
    """A loudspeaker in virtual time: asks for 20 ms each 20 ms, and sounds 50 ms later."""

    def __init__(self, playout: Playout) -> None:
        self.playout = playout
        self.now = 0.0
        self.heard = b""
        self.events: list[SoundEvent] = []

    def run(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds / 0.02)):
            frames = round(0.02 * self.playout.rate)
            self.heard += self.playout.pull(frames, at=self.now + LATENCY)
            self.now += 0.02
            self.listen()

    def listen(self) -> None:
        """Take what is told by now; nothing comes before its time, nor waits after it."""
        while (event := self.playout.next_event(self.now)) is not None:
            assert getattr(event, "at", self.now) <= self.now + 1e-9
            self.events.append(event)
        assert self.playout.deadline is None or self.playout.deadline > self.now

    def push(self, message_id: str, audio: bytes, *, final: bool = False) -> None:
        """A piece comes now."""
        self.playout.push(message_id, audio, final=final, now=self.now)
        self.listen()

    def flush(self, message_id: str | None = None) -> None:
        """An interruption comes now."""
        self.playout.flush(message_id, now=self.now)
        self.listen()

    @property
    def samples(self) -> Any:
        """All that the loudspeaker was given."""
        return np.frombuffer(self.heard, "<i2")

    def at(self, seconds: float) -> int:
        """The sample that is heard at that time."""
        return int(self.samples[round((seconds - LATENCY) * RATE)])


@pytest.fixture
def device() -> Device:
    return Device(Playout(RATE))


def of(device: Device, *kinds: type[SoundEvent]) -> list[SoundEvent]:
    return [event for event in device.events if isinstance(event, kinds)]


def test_a_message_is_told_when_it_is_heard(device: Device) -> None:
    device.push("a", level(1000, 0.1))
    device.push("a", level(2000, 0.1), final=True)
    device.run(0.04)
    assert device.events == []  # It is in the device, but not in the air.
    device.run(0.02)
    assert device.events == [PlaybackStarted("a", LATENCY)]
    device.run(0.18)
    assert device.events[1:] == []
    device.run(0.02)
    assert device.events[1:] == [PlaybackComplete("a", near(LATENCY + 0.2), near(0.2))]
    assert device.heard[: BLOCK * 20] == level(1000, 0.1) + level(2000, 0.1)


def test_a_message_waits_for_its_prebuffer_and_no_longer(device: Device) -> None:
    device.push("a", level(1000, 0.08))
    device.run(0.1)
    assert not device.samples.any()
    device.push("a", level(1000, 0.02))
    device.run(0.08)
    assert of(device, PlaybackStarted) == [PlaybackStarted("a", near(0.15))]


def test_a_short_message_need_not_fill_the_prebuffer(device: Device) -> None:
    device.push("a", level(1000, 0.03), final=True)
    device.run(0.2)
    assert [type(e) for e in device.events] == [PlaybackStarted, PlaybackComplete]
    assert device.heard.startswith(level(1000, 0.03) + level(0, 0.05))


def test_what_is_less_than_a_prebuffer_is_heard_when_nothing_more_comes(device: Device) -> None:
    device.push("a", level(1000, 0.05))
    device.run(1.9)
    assert not device.samples.any()
    device.run(0.3)
    assert (device.samples == 1000).sum() > 0.04 * RATE


def test_an_empty_final_piece_completes(device: Device) -> None:
    device.push("a", level(1000, 0.2))
    device.push("a", b"", final=True)
    device.run(0.4)
    assert [type(e) for e in device.events] == [PlaybackStarted, PlaybackComplete]


def test_an_empty_final_piece_that_comes_after_the_sound_completes_at_once(device: Device) -> None:
    device.push("a", level(1000, 0.2))
    device.run(0.5)
    assert [type(e) for e in device.events] == [PlaybackStarted]
    device.push("a", b"", final=True)
    assert device.events[1:] == [PlaybackComplete("a", near(0.5), near(0.2))]
    assert device.playout.underruns == 0
    assert device.playout.idle


def test_a_final_piece_that_comes_while_the_last_sound_is_on_its_way(device: Device) -> None:
    device.push("a", level(1000, 0.2))
    device.run(0.2)
    device.push("a", b"", final=True)
    assert of(device, PlaybackComplete) == []
    device.run(0.1)
    assert of(device, PlaybackComplete) == [PlaybackComplete("a", near(0.25), near(0.2))]


def test_a_message_without_any_sound_is_complete_and_never_started(device: Device) -> None:
    device.push("a", b"", final=True)
    assert device.events == [PlaybackComplete("a", 0.0, 0.0)]


def test_a_message_without_any_sound_ends_behind_the_one_before_it(device: Device) -> None:
    device.push("a", level(1000, 0.2), final=True)
    device.push("b", b"", final=True)
    device.run(0.4)
    ends = of(device, PlaybackComplete)
    assert [e.message_id for e in ends if isinstance(e, PlaybackComplete)] == ["a", "b"]


def test_messages_follow_without_a_gap(device: Device) -> None:
    device.push("a", level(1000, 0.105), final=True)
    device.push("b", level(2000, 0.2), final=True)
    device.run(0.5)
    assert device.heard.startswith(level(1000, 0.105) + level(2000, 0.2) + level(0, 0.1))
    ends = [e.at for e in device.events if isinstance(e, PlaybackComplete)]
    starts = [e.at for e in device.events if isinstance(e, PlaybackStarted)]
    assert starts[1] == near(ends[0]) == near(LATENCY + 0.105)


def test_interleaved_messages_are_played_one_after_the_other(device: Device) -> None:
    for piece in range(3):
        device.push("a", level(1000, 0.1), final=piece == 2)
        device.push("b", level(2000, 0.1), final=piece == 2)
    device.run(0.8)
    assert device.heard.startswith(level(1000, 0.3) + level(2000, 0.3))


def test_running_dry_is_no_completion(device: Device) -> None:
    device.push("a", level(1000, 0.2))
    device.run(0.6)
    assert of(device, PlaybackComplete) == []
    device.push("a", level(2000, 0.1))
    device.run(0.1)
    assert not (device.samples == 2000).any()  # It waits for its rebuffer.
    device.push("a", level(2000, 0.1), final=True)
    device.run(0.4)
    gap = of(device, Underrun)
    assert gap == [Underrun("a", near(0.75), near(0.5))]
    assert device.playout.underruns == 1
    assert [type(e) for e in device.events][-1] is PlaybackComplete
    assert of(device, PlaybackComplete)[0].seconds == near(0.4)  # type: ignore[attr-defined]


def test_a_gap_has_no_hard_edges(device: Device) -> None:
    device.push("a", level(20000, 0.2))
    device.run(0.6)
    device.push("a", level(20000, 0.2), final=True)
    device.run(0.2)
    inside = device.samples[: -BLOCK * 2]
    assert abs(np.diff(inside[BLOCK:].astype(int))).max() <= 20000 // 75


def test_a_fade_may_reach_into_the_next_block(device: Device) -> None:
    device.push("a", level(20000, 0.2025))
    device.run(0.5)
    sound = device.samples.astype(int)
    assert (sound[: round(0.1975 * RATE)] == 20000).all()
    assert sound[round(0.2025 * RATE) - 1] == 0
    assert abs(np.diff(sound)).max() <= 20000 // 75


def test_an_interrupted_message_is_silent_after_five_milliseconds(device: Device) -> None:
    device.push("a", level(20000, 2.0))
    device.run(0.4)
    device.flush("a")
    before = len(device.samples)
    device.run(0.2)
    after = device.samples[before:].astype(int)
    assert after[0] == near(20000, abs=300)
    assert not after[80:].any()
    assert (np.diff(after[:80]) <= 0).all()
    assert of(device, PlaybackInterrupted) == [PlaybackInterrupted("a", near(0.455), near(0.405))]
    assert of(device, PlaybackComplete) == []


def test_late_pieces_of_an_interrupted_message_are_dropped_and_told(device: Device) -> None:
    device.push("a", level(1000, 0.4))
    device.run(0.1)
    device.flush()
    device.run(0.1)
    silent = len(device.samples)
    device.push("a", level(1000, 0.3))
    device.push("a", level(1000, 0.1), final=True)
    device.run(0.5)
    assert not device.samples[silent:].any()
    assert device.playout.late == near(0.4)
    assert of(device, PlaybackDropped) == [
        PlaybackDropped("a", near(0.3), "late"),
        PlaybackDropped("a", near(0.1), "late"),
    ]
    assert len(of(device, PlaybackInterrupted, PlaybackComplete)) == 1


def test_a_message_can_be_interrupted_before_its_first_piece(device: Device) -> None:
    device.flush("a")
    device.push("a", level(1000, 0.4), final=True)
    device.run(0.5)
    assert not device.samples.any()
    assert of(device, PlaybackInterrupted, PlaybackComplete) == []


def test_what_comes_after_the_last_piece_is_dropped(device: Device) -> None:
    device.push("a", level(1000, 0.1), final=True)
    device.push("a", level(2000, 0.1))
    device.run(0.3)
    device.push("a", level(2000, 0.1))
    device.run(0.3)
    assert not (device.samples == 2000).any()
    assert device.playout.late == near(0.2)


def test_the_next_message_follows_an_interrupted_one_in_the_same_block(device: Device) -> None:
    device.push("a", level(1000, 1.0))
    device.push("b", level(2000, 0.2), final=True)
    device.run(0.2)
    device.flush("a")
    before = len(device.samples)
    device.run(0.02)
    assert list(device.samples[before + 80 :]) == [2000] * 240


def test_interrupting_one_leaves_the_other(device: Device) -> None:
    device.push("a", level(1000, 0.2), final=True)
    device.push("b", level(2000, 0.2), final=True)
    device.run(0.04)
    device.flush("b")
    device.run(0.5)
    assert device.heard.startswith(level(1000, 0.2) + level(0, 0.2))
    assert of(device, PlaybackInterrupted) == [PlaybackInterrupted("b", 0.04, 0.0)]


def test_interrupting_what_is_heard_already_changes_nothing(device: Device) -> None:
    device.push("a", level(1000, 0.1), final=True)
    device.run(0.1)  # The device has all of it.
    device.flush()
    device.run(0.2)
    assert [type(e) for e in device.events] == [PlaybackStarted, PlaybackComplete]


def test_interrupted_while_a_fade_is_under_way(device: Device) -> None:
    device.push("a", level(20000, 0.4))
    device.push("b", level(20000, 0.4))
    device.run(0.1)
    device.flush("a")
    device.flush("b")
    device.run(0.1)
    assert [e.message_id for e in of(device, PlaybackInterrupted)] == ["b", "a"]  # type: ignore[attr-defined]
    assert abs(np.diff(device.samples[100:].astype(int))).max() <= 20000 // 75


def test_a_lost_last_piece_does_not_hold_up_the_next_message(device: Device) -> None:
    device.push("a", level(1000, 0.2))
    device.push("b", level(2000, 0.2), final=True)
    device.run(2.0)
    assert not (device.samples == 2000).any()
    device.run(1.0)
    assert (device.samples == 2000).sum() == 0.2 * RATE
    lost, whole = of(device, PlaybackComplete)
    assert isinstance(lost, PlaybackComplete)
    assert isinstance(whole, PlaybackComplete)
    assert (lost.message_id, lost.whole, whole.message_id, whole.whole) == ("a", False, "b", True)
    device.push("a", level(1000, 0.2))
    assert device.playout.late == near(0.2)


def test_a_lost_last_piece_ends_some_time_also_when_nothing_follows(device: Device) -> None:
    device.push("a", level(1000, 0.2))
    device.run(10.0)
    assert of(device, PlaybackComplete) == []
    device.run(1.0)
    (end,) = of(device, PlaybackComplete)
    assert isinstance(end, PlaybackComplete)
    assert not end.whole
    assert device.playout.idle


def test_sound_without_an_id_may_go_on_after_anything(device: Device) -> None:
    device.push("", level(1000, 0.2), final=True)
    device.run(0.4)
    device.push("", level(2000, 0.2))
    device.flush()
    device.push("", level(3000, 0.2), final=True)
    device.run(0.4)
    assert (device.samples == 3000).sum() == 0.2 * RATE
    assert device.playout.late == 0


def test_odd_bytes_are_told_and_shift_nothing(device: Device) -> None:
    device.push("a", level(1000, 0.1) + b"\x7f")
    device.push("a", level(1000, 0.1), final=True)
    device.run(0.4)
    assert device.heard.startswith(level(1000, 0.2) + level(0, 0.05))
    (damaged,) = of(device, Damaged)
    assert isinstance(damaged, Damaged)
    assert "odd" in damaged.problem


def test_the_queue_is_bounded_and_says_so() -> None:
    device = Device(Playout(RATE, limit=1.0))
    for _ in range(12):
        device.push("a", level(1000, 0.1))
    assert device.playout.waiting == near(1.0)
    dropped = of(device, PlaybackDropped)
    assert [e.reason for e in dropped if isinstance(e, PlaybackDropped)] == ["full", "full"]
    device.push("a", b"", final=True)
    device.run(1.2)
    assert len(of(device, PlaybackComplete)) == 1


def test_ended_messages_are_not_remembered_without_end(device: Device) -> None:
    for number in range(REMEMBERED + 5):
        device.push(str(number), b"", final=True)
    assert not device.playout.has_ended("4")
    assert device.playout.has_ended("5")


def test_volume_changes_in_a_ramp(device: Device) -> None:
    device.push("a", level(20000, 1.0), final=True)
    device.run(0.1)
    device.playout.volume = 0.25
    device.run(0.1)
    sound = device.samples.astype(int)
    assert sound[-1] == 5000
    assert sound[1600] == 20000
    assert abs(np.diff(sound)).max() <= 15000 // 300


def test_silent_volume_still_completes() -> None:
    device = Device(Playout(RATE, volume=0.0))
    device.push("a", level(20000, 0.1), final=True)
    device.run(0.3)
    assert not device.samples.any()
    assert len(of(device, PlaybackComplete)) == 1


def test_going_on_at_another_rate(device: Device) -> None:
    device.push("a", level(1000, 0.4), final=True)
    device.run(0.2)
    device.playout.change_rate(48000, convert)
    assert device.playout.waiting == near(0.2, abs=0.001)
    device.heard = b""
    device.run(0.4)
    assert (abs(device.samples.astype(int) - 1000) < 20).sum() == near(9600, abs=200)
    (end,) = of(device, PlaybackComplete)
    assert isinstance(end, PlaybackComplete)
    assert end.at == near(LATENCY + 0.4, abs=0.001)


def test_what_is_told_when_the_device_stands_still(device: Device) -> None:
    """No block is asked for any more: what is known has its time all the same."""
    device.push("a", level(1000, 1.0))
    device.run(0.1)
    device.flush()
    assert device.playout.deadline is not None
    device.now = device.playout.deadline
    device.listen()
    assert [type(e) for e in device.events] == [PlaybackStarted, PlaybackInterrupted]
    assert device.playout.current is None
