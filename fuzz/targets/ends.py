"""Both ends at once: a client with the server role, and with the gateway's mind."""

from __future__ import annotations

from dataclasses import replace

from estuary_proto.testing.choosing import FromBytes, flag, pick
from estuary_proto.testing.ends import GUEST, PairRun, TalkRun
from estuary_proto.testing.operations import PAIR, TALK, operations
from estuary_proto.testing.runs import CONFIG

from .minds import outside, server_config


def pair(data: bytes) -> None:
    """A client and the server role: each accepts what the other sends."""
    choose = FromBytes(data)
    run = PairRun(replace(CONFIG, auto_interrupt=flag(choose)))
    for operation in operations(choose, PAIR, 40):
        run.do(operation)
    run.finish()


def talk_run(data: bytes) -> TalkRun:
    """A client that talks to the gateway, after all that these bytes say; see `TalkRun`."""
    choose = FromBytes(data)
    config = replace(
        GUEST,
        auto_interrupt_grace=0.0,
        auto_interrupt=flag(choose),
        suppress_mic_during_playback=flag(choose),
        text_mode=pick(choose, ("auto", "cumulative")),
    )
    run = TalkRun(config, server_config(choose), external=flag(choose), outside=outside(choose))
    for operation in operations(choose, TALK, 40):
        run.do(operation)
    return run


def talk(data: bytes) -> None:
    """A client and the gateway: each accepts what the other sends, all ends, it replays."""
    talk_run(data).finish()
