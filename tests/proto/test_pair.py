"""The pair itself: what its wires do to frames, and that it is exact about time."""

from __future__ import annotations

import pytest

from estuary_proto.events import AckDue, AckSettled, Closed, Disconnected, HangUp
from estuary_proto.intents import SendText
from estuary_proto.models.conversation import SttResponse
from estuary_proto.policy import Cause
from estuary_proto.states import Role, State
from estuary_proto.testing import Link, Pair
from estuary_proto.timers import Timer


def joined(latency: float = 1.0) -> Pair:
    pair = Pair(latency=latency)
    pair.connect(within=5 * latency)
    assert pair.client.is_connected
    pair.events.clear()
    return pair


def test_frames_take_their_time_and_keep_their_order() -> None:
    pair = joined(latency=1.0)
    heard = len(pair.link.heard)
    pair.submit(SendText("a"))
    pair.advance(0.5)
    pair.submit(SendText("b"))
    pair.advance(0.49)
    assert pair.link.heard[heard:] == []
    pair.advance(0.01)
    assert pair.link.heard[heard:] == [SendText("a")]
    pair.advance(0.5)
    assert pair.link.heard[heard:] == [SendText("a"), SendText("b")]


def test_time_stands_where_it_was_told_to() -> None:
    pair = Pair(start=50.0)
    pair.advance(0.25)
    assert pair.now == 50.25
    pair.connect(within=1.0)
    assert pair.now == 51.25


def test_a_cut_loses_what_is_under_way_and_tells_both() -> None:
    pair = joined()
    pair.submit(SendText("lost"))
    pair.tell(SttResponse("lost"))
    pair.link.cut()
    link = pair.link
    assert not link.alive
    assert link.heard[-1].cause is Cause.NETWORK
    assert pair.client.deadline is not None
    assert pair.client.deadline.timer is Timer.RETRY
    pair.advance(60)
    assert SendText("lost") not in link.heard
    assert not pair.of(SttResponse)
    assert pair.link is not link
    assert pair.links[1] is link


def test_a_black_hole_is_noticed_by_both_hearts() -> None:
    pair = joined(latency=0.01)
    link = pair.link
    link.black_hole()
    link.inject("41/sdk,")
    pair.advance(44.0)
    assert pair.client.is_connected
    pair.advance(1.1)
    assert pair.of(Disconnected) == [Disconnected("heartbeat")]
    pair.advance(2.0)
    assert [e.cause for e in link.heard if isinstance(e, Closed)] == [Cause.HEARTBEAT]


def test_a_stalled_direction_keeps_the_other_going() -> None:
    pair = joined(latency=0.01)
    pair.link.stalled.add(Role.CLIENT)
    pair.submit(SendText("held"))
    pair.tell(SttResponse("passes"))
    pair.advance(1)
    assert SendText("held") not in pair.link.heard
    assert pair.of(SttResponse) == [SttResponse("passes")]
    pair.link.stalled = {Role.SERVER}
    pair.tell(SttResponse("held"))
    pair.advance(1)
    assert SendText("held") in pair.link.heard
    assert len(pair.of(SttResponse)) == 1
    pair.link.stalled.clear()
    pair.advance(1)
    assert len(pair.of(SttResponse)) == 2


def test_a_dead_links_frames_still_arrive() -> None:
    pair = joined()
    link = pair.link
    pair.tell(SttResponse("late"))
    pair.client.receive_eof(link.number, now=pair.now)
    pair.step()
    got = len(link.got)
    pair.advance(10)
    assert link.got[got:] == ['42/sdk,["stt_response",{"text":"late","is_final":false}]']
    assert not pair.of(SttResponse)
    assert pair.client.is_connected


@pytest.mark.parametrize("who", [Role.CLIENT, Role.SERVER])
def test_goodbyes_end_both_sides(who: Role) -> None:
    pair = joined(latency=0.01)
    if who is Role.CLIENT:
        pair.client.disconnect(now=pair.now)
    else:
        pair.server.close(now=pair.now, code=1001)
    pair.advance(0.1)
    assert pair.server.state is State.CLOSED
    assert not pair.client.is_connected
    if who is Role.CLIENT:
        assert pair.link.sent[-1] == HangUp()


def test_a_hang_up_without_a_word_is_answered() -> None:
    pair = joined(latency=0.01)
    pair.link.inject("1")
    pair.advance(0.1)
    assert pair.server.state is State.CLOSED
    assert pair.client.deadline is not None
    assert pair.client.deadline.timer is Timer.RETRY


def test_a_pair_without_answers() -> None:
    pair = Pair()
    pair.answers = False
    pair.connect()
    assert (len(pair.dials), pair.links) == (1, {})


def test_deadlines_that_do_not_end_are_told() -> None:
    pair = joined(latency=0.0)

    def answer_at_once(link: Link, event: object) -> None:
        if isinstance(event, (AckDue, AckSettled)):
            link.submit(SttResponse("again"), ack_within=1.0)

    pair.serve, pair.max_steps = answer_at_once, 1000
    pair.submit(SendText("hi"), ack_within=1.0)
    with pytest.raises(RuntimeError, match="do not end"):
        pair.advance(1.0)


def test_equal_calls_give_equal_events() -> None:
    def run() -> list[object]:
        pair = Pair(seed=3)
        pair.connect()
        for _ in range(5):
            pair.submit(SendText("hi"), ack_within=1.0)
            pair.link.cut()
            pair.advance(7)
        return pair.events

    assert run() == run()
