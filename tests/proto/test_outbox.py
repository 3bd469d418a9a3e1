"""The send side: what overtakes, what keeps its order, what becomes of each receipt."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estuary_proto.errors import SendBlocked
from estuary_proto.events import AudioDropped, HangUp, Outcome, Settled
from estuary_proto.outbox import MAX_CONTROL, Outbox

SENT, LOST = Outcome.SENT, Outcome.LOST


def pull_all(box: Outbox) -> tuple[list[object], list[Settled]]:
    """Every frame until None, and every receipt that settled on the way."""
    frames: list[object] = []
    settled: list[Settled] = []
    while True:
        frame, more, _ = box.pull()
        settled += more
        if frame is None:
            return frames, settled
        frames.append(frame)


def test_empty() -> None:
    box = Outbox()
    assert not box
    assert box.pull() == (None, [], False)
    assert box.lose() == []


def test_a_receipt_settles_when_the_next_frame_is_asked_for() -> None:
    box = Outbox()
    box.message(["a"], 1)
    box.message(["b"], 2)
    assert box.pull() == ("a", [], False)
    assert box.pull() == ("b", [Settled(1, SENT)], False)
    assert box  # There is nothing more to send, but something to settle.
    assert box.pull() == (None, [Settled(2, SENT)], False)
    assert not box
    assert box.pull() == (None, [], False)


def test_a_pong_goes_first_then_control_then_messages() -> None:
    box = Outbox()
    box.message(["m1"])
    box.message(["m2"])
    box.control(["c1"])
    box.control(["c2"], 5)
    box.pong("p1")
    box.pong("p2")
    assert pull_all(box) == (["p2", "c1", "c2", "m1", "m2"], [Settled(5, SENT)])


def test_nothing_comes_between_a_packet_and_its_attachments() -> None:
    box = Outbox()
    box.message(["head", b"one", b"two"], 1)
    assert box.pull()[0] == "head"
    box.pong("p")
    box.control(["c"])
    assert box
    assert pull_all(box) == ([b"one", b"two", "p", "c"], [Settled(1, SENT)])


@pytest.mark.parametrize(
    "fill",
    [
        lambda box: box.message(["m"]),
        lambda box: box.control(["c"]),
        lambda box: box.pong("p"),
        lambda box: box.goodbye(HangUp()),
    ],
)
def test_it_knows_when_it_has_something(fill: object) -> None:
    box = Outbox()
    fill(box)  # type: ignore[operator]
    assert box
    assert box.pull()[0] is not None
    assert box.pull()[0] is None
    assert not box


def test_goodbye_comes_last_and_once() -> None:
    box = Outbox()
    box.goodbye(HangUp(1001, "away"))
    box.message(["m"], 1)
    assert pull_all(box) == (["m", HangUp(1001, "away")], [Settled(1, SENT)])
    assert box.pull() == (None, [], False)
    assert not box


def test_a_full_buffer_refuses_and_then_has_room_again() -> None:
    box = Outbox(limit=100)
    for number in range(5):
        box.message(["x" * 20], number)
    assert box.waiting == 100
    with pytest.raises(SendBlocked) as caught:
        box.message(["y"], 9)
    assert caught.value.details == {"waiting": 100, "limit": 100}
    assert box.waiting == 100
    # A quarter of the limit is 25: at 20 there is room again, told once.
    assert [box.pull()[2] for _ in range(5)] == [False, False, False, True, False]
    box.message(["y"], 9)
    assert box.waiting == 1


def test_a_quarter_is_room_enough() -> None:
    box = Outbox(limit=40)
    for number in range(4):
        box.message(["x" * 10], number)
    with pytest.raises(SendBlocked):
        box.message(["y"], 9)
    assert [box.pull()[2] for _ in range(3)] == [False, False, True]


def test_who_was_not_refused_is_not_told_of_room() -> None:
    box = Outbox(limit=100)
    box.message(["x" * 100], 1)
    assert [box.pull()[2] for _ in range(3)] == [False, False, False]


def test_a_message_larger_than_the_buffer_goes_alone() -> None:
    box = Outbox(limit=10)
    box.message(["x" * 50], 1)
    with pytest.raises(SendBlocked):
        box.message(["y"], 2)
    assert pull_all(box)[0] == ["x" * 50]


def test_the_goodbye_is_never_refused() -> None:
    box = Outbox(limit=10)
    box.message(["x" * 10], 1)
    box.message(["leave"])
    assert pull_all(box)[0] == ["x" * 10, "leave"]


def test_control_is_bounded() -> None:
    box = Outbox()
    assert all(box.control(["c"]) for _ in range(MAX_CONTROL))
    assert box.control(["c"]) is False
    box.pong("p")  # A pong always has its place.
    with pytest.raises(SendBlocked):
        box.control(["interrupt"], 7)
    assert box.pull() == ("p", [], True)
    box.pull()
    assert box.control(["interrupt"], 7)
    assert pull_all(box) == (["c"] * (MAX_CONTROL - 1) + ["interrupt"], [Settled(7, SENT)])


def test_what_is_lost_is_told_once_and_then_there_is_silence() -> None:
    box = Outbox(limit=24)
    box.message(["a", b"attachment"], 1)
    box.message(["handshake"])
    box.control(["c"], 2)
    box.message(["b"], 3)
    with pytest.raises(SendBlocked):
        box.message(["y" * 10], 4)
    box.pong("p")
    box.goodbye(HangUp())
    assert [box.pull()[0] for _ in range(3)] == ["p", "c", "a"]
    assert box.lose() == [Settled(1, LOST), Settled(3, LOST)]
    assert not box
    assert box.waiting == 0
    # No Writable either: there is nothing left to write to.
    assert box.pull() == (None, [], False)
    assert box.lose() == []


@settings(deadline=None)
@given(st.lists(st.sampled_from(["message", "pair", "control", "pong", "pull", "lose"])))
def test_every_receipt_settles_exactly_once(operations: list[str]) -> None:
    box, given_out = Outbox(), 0
    settled: list[Settled | AudioDropped] = []
    for operation in operations:
        if operation in ("message", "pair"):
            given_out += 1
            box.message(["m"] if operation == "message" else ["m", b"x"], given_out)
        elif operation == "control":
            given_out += 1
            assert box.control(["c"], given_out)
        elif operation == "pong":
            box.pong("p")
        elif operation == "pull":
            settled += box.pull()[1]
        else:
            settled += box.lose()
    settled += box.lose()
    receipts = [one.receipt for one in settled if isinstance(one, Settled)]
    assert len(receipts) == len(settled)
    assert sorted(receipts) == list(range(1, given_out + 1))


def test_a_batch_settles_when_it_has_been_handed_on_as_a_whole() -> None:
    outbox = Outbox()
    outbox.message(["one"], 1)
    outbox.message(["two"], 2)
    assert outbox.pull() == ("one", [], False)
    assert outbox.pull(batch=True) == ("two", [], False)
    assert outbox.pull(batch=True) == (None, [], False)
    assert outbox  # There is something to settle.
    sent = [Settled(1, Outcome.SENT), Settled(2, Outcome.SENT)]
    assert outbox.pull() == (None, sent, False)
    assert not outbox


def test_a_batch_that_was_not_handed_on_is_lost() -> None:
    outbox = Outbox()
    for receipt in (1, 2, 3):
        outbox.message([str(receipt)], receipt)
    outbox.pull()
    outbox.pull(batch=True)
    assert outbox.lose() == [Settled(receipt, Outcome.LOST) for receipt in (1, 2, 3)]
    assert outbox.pull() == (None, [], False)


def test_a_frame_longer_than_the_backlog_goes_alone() -> None:
    box = Outbox(audio_backlog=0.5)
    assert box.audio("long", 5.0, 1) == (0.0, 0)
    with pytest.raises(SendBlocked):
        box.audio("more", 0.1, 2)
    assert box.audio("live", 0.1, live=True) == (0.0, 0)  # The newest stays, whatever waits.
    assert box.audio("newer", 0.1, live=True) == (0.1, 1)
    assert pull_all(box) == (["long", "newer"], [Settled(1, SENT)])
    box.audio("again", 0.1, 3)
    box.audio("live", 0.1, live=True)
    assert box.lose() == [Settled(3, LOST), AudioDropped(0.1, 1, "connection_lost")]
    assert not box
    assert box.waiting == 0


def test_who_was_refused_may_go_on_at_half_of_the_backlog() -> None:
    box = Outbox()
    for receipt in range(10):
        box.audio("a", 0.1, receipt + 1)
    with pytest.raises(SendBlocked, match=r"1\.00 s"):
        box.audio("more", 0.1, 99)
    told = [box.pull()[2] for _ in range(8)]
    # Five are on their way or gone when the sixth is asked for.
    assert told == [False] * 5 + [True, False, False]


def test_audio_on_its_way_counts_until_it_has_gone() -> None:
    box = Outbox(audio_backlog=0.3)
    for name in "abc":
        box.audio(name, 0.1, live=True)
    assert [box.pull(batch=n > 0)[0] for n in range(2)] == ["a", "b"]
    assert box.audio("d", 0.1, live=True) == (0.1, 1)  # a and b cannot be taken back: c goes.
    assert box.audio("e", 0.1, live=True) == (0.1, 1)
    assert box.pull()[0] == "e"
    assert box.audio("f", 0.1, live=True) == (0.0, 0)
    assert box.audio("g", 0.1, live=True) == (0.0, 0)
    assert box.audio("h", 0.1, live=True) == (0.1, 1)
    box.lose()
    assert box.audio("i", 0.3, 1) == (0.0, 0)
    with pytest.raises(SendBlocked):
        box.audio("j", 0.1, 2)
