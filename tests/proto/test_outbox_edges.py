"""The send side at its edges: what counts as waiting, and sums of audio that come out uneven."""

from __future__ import annotations

import pytest

from estuary_proto.errors import SendBlocked
from estuary_proto.events import AudioDropped, Outcome, Settled
from estuary_proto.outbox import Outbox


def test_audio_counts_among_what_waits_until_it_is_pulled_or_dropped() -> None:
    box = Outbox(limit=100)
    box.audio("x" * 60, 0.5, live=True)
    box.audio("y" * 30, 0.5, live=True)
    assert box.waiting == 90
    with pytest.raises(SendBlocked) as caught:
        box.message(["z" * 20], 1)
    assert caught.value.details == {"waiting": 90, "limit": 100}
    assert box.audio("v", 0.5, live=True) == (0.5, 1)
    assert box.waiting == 31
    box.message(["z" * 20], 1)
    assert [box.pull()[0] for _ in range(2)] == ["y" * 30, "v"]
    assert box.waiting == 20


def test_all_that_is_let_go_of_at_once_is_counted() -> None:
    box = Outbox()
    for name in "abcd":
        assert box.audio(name, 0.25, live=True) == (0.0, 0)
    assert box.audio("long", 0.75, live=True) == (0.75, 3)
    assert [box.pull()[0] for _ in range(3)] == ["d", "long", None]


def test_who_is_refused_learns_how_much_audio_waits() -> None:
    box = Outbox(audio_backlog=0.5)
    box.audio("a", 0.25, 1)
    box.audio("b", 0.25, 2)
    with pytest.raises(SendBlocked, match=r"0\.50 s of audio") as caught:
        box.audio("c", 0.25, 3)
    assert caught.value.details == {"waiting": 0.5, "limit": 0.5}


def test_what_must_always_go_is_never_refused_and_counts() -> None:
    box = Outbox(audio_backlog=0.5)
    box.audio("a", 0.5, 1)
    assert box.audio("tail", 0.25, 2, always=True) == (0.0, 0)
    assert box.pull()[0] == "a"
    assert box.pull()[0] == "tail"
    # The first half has gone, the tail is on its way.
    box.audio("b", 0.25, 3)
    with pytest.raises(SendBlocked):
        box.audio("c", 0.25, 4)


def test_a_rest_of_rounding_is_no_audio_that_waits() -> None:
    box = Outbox(audio_backlog=0.09)
    box.audio("a", 0.1, 1)
    box.audio("tail", 0.02, 2, always=True)  # 0.1 + 0.02 - 0.1 - 0.02 is not 0.
    assert [box.pull()[0] for _ in range(3)] == ["a", "tail", None]
    assert box.audio("alone", 0.1, 3) == (0.0, 0)
    assert box.pull()[0] == "alone"


def test_a_lost_box_forgets_the_audio_too() -> None:
    box = Outbox(audio_backlog=0.5)
    box.audio("a", 0.25, live=True)
    box.audio("b", 0.25, live=True)
    box.audio("settles", 0.125, 7, always=True)
    box.audio("quiet", 0.125, always=True)
    box.pull()
    box.message(["m"], 8)
    assert box.lose() == [
        Settled(7, Outcome.LOST),
        Settled(8, Outcome.LOST),
        # What the transport had taken may have gone; nobody knows.
        AudioDropped(0.625, 3, "connection_lost"),
    ]
    assert box.lose() == []
    assert box.audio("c", 0.5, live=True) == (0.0, 0)
    assert box.audio("d", 0.25, live=True) == (0.5, 1)
    assert [box.pull()[0] for _ in range(2)] == ["d", None]


def test_audio_that_nobody_follows_makes_room_when_it_has_gone() -> None:
    box = Outbox(audio_backlog=0.5)
    box.audio("a", 0.25)
    box.audio("b", 0.25)
    with pytest.raises(SendBlocked):
        box.audio("c", 0.25)
    assert [box.pull(batch=number > 0)[0] for number in range(3)] == ["a", "b", None]
    assert box  # What was given is on its way: to ask again says that it has gone.
    assert box.pull() == (None, [], True)
    assert not box
