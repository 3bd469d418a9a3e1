"""Deadlines: the earliest first, ties in the order of the names, each runs once."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from estuary_proto.timers import Deadline, Timer, Timers, earlier


def test_nothing_runs_at_first() -> None:
    timers = Timers()
    assert timers.next is None
    assert timers.at(Timer.PING) is None
    assert timers.pop_due(1e9) is None
    timers.stop(Timer.PING)  # Free.


def test_the_earliest_is_next_and_ties_go_by_name() -> None:
    timers = Timers()
    timers.start(Timer.RETRY, 5.0)
    timers.start(Timer.ACK, 5.0)
    timers.start(Timer.REPLY, 7.0)
    assert timers.next == Deadline(5.0, Timer.ACK)
    assert timers.at(Timer.REPLY) == 7.0
    assert timers.pop_due(4.999) is None
    assert [timers.pop_due(6.0) for _ in range(3)] == [Timer.ACK, Timer.RETRY, None]
    assert timers.next == Deadline(7.0, Timer.REPLY)


def test_a_timer_that_was_popped_does_not_run_again() -> None:
    timers = Timers()
    timers.start(Timer.PING, 1.0)
    assert timers.pop_due(1.0) is Timer.PING
    assert timers.pop_due(1.0) is None


def test_starting_again_moves_it_and_clear_forgets_all() -> None:
    timers = Timers()
    timers.start(Timer.PING, 1.0)
    timers.start(Timer.PING, 3.0)
    assert timers.next == Deadline(3.0, Timer.PING)
    timers.start(Timer.ACK, 2.0)
    timers.clear()
    assert timers.next is None
    assert timers.at(Timer.ACK) is None
    timers.start(Timer.PING, 9.0)
    assert timers.next == Deadline(9.0, Timer.PING)


def test_the_earlier_of_two() -> None:
    first, equal, late = (Deadline(at, Timer.ACK) for at in (1.0, 1.0, 2.0))
    assert earlier(None, None) is None
    assert earlier(first, None) is first
    assert earlier(None, first) is first
    assert earlier(first, late) is first
    assert earlier(late, first) is first
    assert earlier(first, equal) is first


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(Timer), st.floats(0, 100), min_size=1))
def test_they_pop_in_order_of_time_and_name(wanted: dict[Timer, float]) -> None:
    timers = Timers()
    for timer, at in wanted.items():
        timers.start(timer, at)
    popped = []
    while (due := timers.pop_due(100.0)) is not None:
        popped.append(due)
    order = list(Timer)
    assert popped == sorted(wanted, key=lambda t: (wanted[t], order.index(t)))
