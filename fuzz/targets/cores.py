"""Operation lists on one core: a connection of either role, a client over many lives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from estuary_proto.states import Role, State
from estuary_proto.testing.choosing import FromBytes, flag, pick
from estuary_proto.testing.operations import CLIENT, CONNECTION, ODD_CLOCK, operations
from estuary_proto.testing.runs import CONFIG, ClientRun, ConnectionRun

STATES = {
    Role.CLIENT: (State.READY, State.IDLE, State.OPENING, State.JOINING, State.GREETED),
    Role.SERVER: (State.READY, State.IDLE, State.OPENED, State.JOINING, State.JOINED),
}


def _connection(data: bytes, role: Role) -> None:
    choose = FromBytes(data)
    state = pick(choose, STATES[role])
    wanted = operations(choose, CONNECTION[role])
    logs = []
    for _ in range(2):
        run = ConnectionRun(role, state)
        for operation in wanted:
            run.do(operation)
        run.finish()
        logs.append(run.log)
    assert logs[0] == logs[1]


def client_connection(data: bytes) -> None:
    """One transport life, as the client."""
    _connection(data, Role.CLIENT)


def server_connection(data: bytes) -> None:
    """One transport life, as the server."""
    _connection(data, Role.SERVER)


async def provider() -> Any:
    """Only its being there counts: the core asks by an event."""


def client_run(data: bytes, *, steady: bool = False) -> ClientRun:
    """A client over many lives, after all that these bytes say; see `ClientRun`."""
    choose = FromBytes(data)
    interrupts, suppresses, kind = flag(choose), flag(choose), choose.below(16)
    config = replace(
        CONFIG,
        auto_interrupt=interrupts,
        suppress_mic_during_playback=suppresses,
        token_provider=provider if kind % 4 == 3 else None,
        audio_backlog=pick(choose, (1.0, 0.2)),
        auto_interrupt_grace=0.0,
    )
    run = ClientRun(config, faithful=flag(choose), steady=steady)
    for operation in operations(choose, ODD_CLOCK if kind > 11 else CLIENT):
        run.do(operation)
    return run


def client(data: bytes) -> None:
    """A client over many lives: all that was promised comes once, its capture replays, and a clock
    that goes back is one that stands still."""
    run = client_run(data)
    run.finish()
    if run.went_back:
        other = client_run(data, steady=True)
        other.finish()
        assert repr((run.events, run.sent)) == repr((other.events, other.sent))
