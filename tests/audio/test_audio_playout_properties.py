"""Whatever comes in whatever order: each message ends once, no sample is lost or turned round."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estuary_audio.events import (
    PlaybackComplete,
    PlaybackDropped,
    PlaybackInterrupted,
    PlaybackStarted,
    SoundEvent,
    Underrun,
)
from estuary_audio.playout import Playout

RATE = 8000
NAMES = "abc"

PIECES = st.tuples(
    st.just("push"), st.sampled_from(NAMES), st.integers(0, 1200), st.integers(0, 3).map(bool)
).map(lambda t: (t[0], t[1], t[2], not t[3]))
TIMES = st.tuples(st.just("pull"), st.integers(1, 400), st.integers(1, 30))
FLUSHES = st.tuples(st.just("flush"), st.sampled_from([*NAMES, None]))
STEPS = st.lists(st.one_of(PIECES, PIECES, TIMES, TIMES, FLUSHES), max_size=40)


class Model:
    """A queue, its loudspeaker, and what was put in."""

    def __init__(self, fade: float) -> None:
        self.playout = Playout(RATE, fade=fade)
        self.now = 0.0
        self.heard: list[Any] = []
        self.events: list[SoundEvent] = []
        self.pushed: dict[str, list[int]] = defaultdict(list)
        self.seen: set[str] = set()

    def step(self, step: tuple[Any, ...]) -> None:
        match step:
            case ("push", name, frames, final):
                # The samples of a message count up, each message in a range of its own.
                begin = 1 + NAMES.index(name) * 10000 + len(self.pushed[name]) % 8000
                values = np.arange(begin, begin + frames)
                if not self.playout.has_ended(name):
                    self.pushed[name] += values.tolist()
                    self.seen.add(name)
                pcm = values.astype("<i2").tobytes()
                self.playout.push(name, pcm, final=final, now=self.now)
            case ("flush", name):
                self.playout.flush(name, now=self.now)
            case ("pull", frames, times):
                for _ in range(times):
                    self.pull(frames)
        self.listen()

    def pull(self, frames: int) -> None:
        block = np.frombuffer(self.playout.pull(frames, at=self.now + 0.05), "<i2")
        assert len(block) == frames
        self.heard.append(block)
        self.now += frames / RATE
        self.listen()

    def listen(self) -> None:
        while (event := self.playout.next_event(self.now)) is not None:
            assert getattr(event, "at", self.now) <= self.now
            self.events.append(event)

    def settle(self) -> None:
        """Let everything end: last pieces for who lacks one, and time."""
        for name in sorted(self.seen):
            if not self.playout.has_ended(name):
                self.playout.push(name, b"", final=True, now=self.now)
        for _ in range(1200):
            self.pull(160)
            if self.playout.idle:
                return
        raise AssertionError("something never ends")


def run(steps: list[tuple[Any, ...]], fade: float) -> Model:
    model = Model(fade)
    for step in steps:
        model.step(step)
    model.settle()
    return model


@given(STEPS)
@settings(max_examples=300, deadline=None)
def test_every_message_ends_once_and_starts_before_it_ends(steps: list[tuple[Any, ...]]) -> None:
    model = run(steps, fade=0.005)
    for name in NAMES:
        mine = [e for e in model.events if getattr(e, "message_id", None) == name]
        ends = [e for e in mine if isinstance(e, (PlaybackComplete, PlaybackInterrupted))]
        starts = [e for e in mine if isinstance(e, PlaybackStarted)]
        assert len(ends) == (name in model.seen)
        assert len(starts) <= len(ends)
        if starts:
            assert starts[0].at <= ends[0].at + 1e-9
            assert mine.index(starts[0]) < mine.index(ends[0])
            inner = [e for e in mine if isinstance(e, Underrun)]
            assert all(starts[0].at <= e.at <= ends[0].at + 1e-9 for e in inner)
        elif ends:
            assert ends[0].seconds == 0
    assert model.playout.underruns == sum(isinstance(e, Underrun) for e in model.events)


@given(STEPS)
@settings(max_examples=300, deadline=None)
def test_no_sample_is_lost_doubled_or_turned_round(steps: list[tuple[Any, ...]]) -> None:
    model = run(steps, fade=0.0)
    heard = np.concatenate(model.heard).astype(int) if model.heard else np.array([], int)
    sound = heard[heard != 0]
    whose = (sound - 1) // 10000
    # Each message is heard in one go, silence aside, and from its beginning.
    order = [int(w) for i, w in enumerate(whose) if i == 0 or whose[i - 1] != w]
    assert len(order) == len(set(order))
    for index, name in enumerate(NAMES):
        mine = sound[whose == index]
        ends = [
            e
            for e in model.events
            if isinstance(e, (PlaybackComplete, PlaybackInterrupted)) and e.message_id == name
        ]
        if not ends:
            assert len(mine) == 0
            continue
        (end,) = ends
        assert end.seconds == pytest.approx(len(mine) / RATE)
        full = [e for e in model.events if isinstance(e, PlaybackDropped) and e.reason == "full"]
        assert not full
        if isinstance(end, PlaybackComplete):
            assert len(mine) == len(model.pushed[name])
        assert mine.tolist() == model.pushed[name][: len(mine)]


@given(st.lists(st.integers(1, 1500), min_size=1, max_size=8), st.integers(1, 700))
@settings(max_examples=100, deadline=None)
def test_what_is_there_is_played_bit_for_bit(pieces: list[int], frames: int) -> None:
    model = Model(fade=0.005)
    sound = np.random.default_rng(sum(pieces)).integers(1, 32767, sum(pieces)).astype("<i2")
    at = 0
    for number, piece in enumerate(pieces):
        final = number == len(pieces) - 1
        pcm = sound[at : at + piece].tobytes()
        model.playout.push("a", pcm, final=final, now=0.0)
        at += piece
    while not model.playout.idle:
        model.pull(frames)
    heard = np.concatenate(model.heard)
    assert (heard[: len(sound)] == sound).all()
    assert not heard[len(sound) :].any()
