"""The soak in small, and what it judges by."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from .census import Census, Held, trend
from .soak import FOLLOWED, HEAD, Soak, row


@pytest.mark.anyio
async def test_a_soak_of_seconds() -> None:
    said: list[str] = []
    soak = Soak(6, 0.06, calm=0.2, tell=said.append)
    await soak.run()
    assert soak.tally.hung == 0
    assert soak.tally.faults
    assert soak.tally.reconnects >= 6
    assert soak.tally.accepted == soak.tally.settled
    assert said[0] == HEAD
    assert said[1:] == [row(line) for line in soak.lines]
    assert set(soak.growth()) == set(FOLLOWED)
    assert not [name for name in soak.left() if name.startswith("estuary_")]


HELD = Held(100, 90, 80, 70)
BEFORE = Census(HELD, 4, 2, 10, Counter({"builtins.list": 100, "estuary_proto.client.Client": 1}))


@pytest.mark.parametrize(
    ("after", "left"),
    [
        (BEFORE, {}),
        (replace(BEFORE, tasks=5, threads=1, fds=12), {"tasks": 1, "fds": 2}),
        (replace(BEFORE, objects=BEFORE.objects + Counter(["builtins.list"] * 99)), {}),
        (
            replace(BEFORE, objects=BEFORE.objects + Counter(["builtins.list"] * 100)),
            {"builtins.list": 100},
        ),
        (
            replace(BEFORE, objects=BEFORE.objects + Counter(["estuary_proto.client.Client"])),
            {"estuary_proto.client.Client": 1},
        ),
        (replace(BEFORE, objects=BEFORE.objects + Counter(["tests.notes.Note"] * 900)), {}),
    ],
)
def test_what_a_census_finds(after: Census, left: dict[str, int]) -> None:
    assert after.beyond(BEFORE, 1000) == left


def test_a_trend_is_in_percent_of_the_median_and_deaf_to_chance() -> None:
    times = [0.0, 10.0, 20.0, 30.0, 40.0]
    assert trend(times, [100, 100, 100, 100, 100]) == 0
    assert trend(times, [96, 98, 100, 102, 104]) == pytest.approx(8.0)
    assert trend(times, [100, 100, 900, 100, 100]) == 0
    assert trend([], []) == 0
