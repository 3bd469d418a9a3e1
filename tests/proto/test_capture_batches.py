"""Frames that leave in one write settle together, in a capture as in life."""

from __future__ import annotations

from estuary_proto.capture import Recorder, replay
from estuary_proto.config import EstuaryConfig
from estuary_proto.events import Outcome, Settled
from estuary_proto.intents import SendText


def record() -> tuple[list[str], list[Settled]]:
    """Two texts in one batch: the lines, and what had settled at the end."""
    lines: list[str] = []
    core = Recorder(EstuaryConfig("http://h", "est_secret", "character", "player"), lines.append)
    core.connect(now=0)
    core.opened(1, now=0)
    for frame in ('0{"sid":"s"}', "40/sdk,{}", '42/sdk,["session_info",{"session_id":"s"}]'):
        core.receive(1, frame, now=1)
    while core.next_frame(1) is not None:
        pass
    for text in ("one", "two"):
        core.submit(SendText(text), now=2)
    list(iter(core.next_event, None))
    assert core.next_frame(1) == '42/sdk,["text",{"text":"one"}]'
    assert core.next_frame(1, batch=True) == '42/sdk,["text",{"text":"two"}]'
    assert core.next_frame(1, batch=True) is None
    assert core.next_event() is None
    assert core.next_frame(1) is None
    return lines, list(iter(core.next_event, None))


def test_a_batch_settles_as_a_whole_and_replays_equal() -> None:
    lines, settled = record()
    assert [event.outcome for event in settled] == [Outcome.SENT, Outcome.SENT]
    assert sum('"pull":"batch"' in line for line in lines) == 2
    assert replay(lines).difference is None


def test_another_division_into_batches_is_a_difference() -> None:
    lines, _ = record()
    edited = [line.replace('"pull":"batch"', '"pull":"frame"') for line in lines]
    assert replay(edited).difference is not None
