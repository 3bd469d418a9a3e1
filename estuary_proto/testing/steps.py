"""Single connections, brought to the state that a test wants to begin in.

    conn = at(Role.CLIENT, State.READY)
    conn.receive("2", now=1.0)
    assert frames(conn) == ["3"]

The peer's side of each step is written out as it travels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..answers import Admit
from ..connection import Connection
from ..engineio import Open
from ..events import Closed
from ..models.session import SessionInfo
from ..states import Role, State

HANDSHAKE: Final = Open("e", max_payload=1000)
"""What the server of these steps greets with."""
GREETING: Final = (
    '0{"sid":"e","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}'
)
"""`HANDSHAKE` as it travels."""
ACKED: Final = '40/sdk,{"sid":"e"}'
"""The server's answer to a wish to join."""
INFO: Final = SessionInfo("s")
"""The session of these steps."""
SESSION: Final = (
    '42/sdk,["session_info",'
    '{"session_id":"s","conversation_id":"","character_id":"","player_id":""}]'
)
"""`INFO` as it travels."""

Step = Callable[[Connection], object]

PATHS: Final[dict[Role, dict[State, Step]]] = {
    Role.CLIENT: {
        State.IDLE: lambda c: None,
        State.OPENING: lambda c: c.start(now=0.0),
        State.JOINING: lambda c: c.receive(GREETING, now=0.0),
        State.JOINED: lambda c: c.receive(ACKED, now=0.0),
        State.READY: lambda c: c.receive(SESSION, now=0.0),
        State.CLOSING: lambda c: c.close(now=0.0),
        State.CLOSED: lambda c: c.receive_eof(now=0.0),
    },
    Role.SERVER: {
        State.IDLE: lambda c: None,
        State.OPENED: lambda c: c.start(now=0.0),
        State.JOINING: lambda c: c.receive("40/sdk,{}", now=0.0),
        State.JOINED: lambda c: c.submit(Admit(), now=0.0),
        State.READY: lambda c: c.submit(INFO, now=0.0),
        State.CLOSING: lambda c: c.close(now=0.0),
        State.CLOSED: lambda c: c.receive_eof(now=0.0),
    },
}
"""The step into each state, from the one before it, all at time zero. A client passes OPENED, and a
server OPENING, within one call; a server never tells its session before it has acked, so only a
client can rest in GREETED."""


def make(role: Role) -> Connection:
    """A connection that has not started."""
    if role is Role.CLIENT:
        return Connection(role, auth={"api_key": "k"})
    return Connection(role, handshake=HANDSHAKE)


def at(role: Role, state: State) -> Connection:
    """A connection that has come to rest in `state`, its outputs taken.

    Raises ValueError for a state in which this role never rests.
    """
    path = PATHS[role]
    if state is State.GREETED and role is Role.CLIENT:
        path = {s: path[s] for s in (State.IDLE, State.OPENING, State.JOINING)}
        path[State.GREETED] = PATHS[role][State.READY]
    if state not in path:
        raise ValueError(f"a {role.value} never rests in {state.value}")
    conn = make(role)
    names = list(path)
    for name in names[: names.index(state) + 1]:
        path[name](conn)
    frames(conn)
    events(conn)
    return conn


def events(conn: Connection) -> list[Any]:
    """Take every event."""
    found = []
    while (event := conn.next_event()) is not None:
        found.append(event)
    return found


def frames(conn: Connection) -> list[Any]:
    """Pull every frame, which settles their receipts."""
    found = []
    while (frame := conn.next_frame()) is not None:
        found.append(frame)
    return found


def closed(conn: Connection) -> Closed:
    """Take every event; the last must be the one `Closed`, and nothing may be left behind it."""
    told = events(conn)
    end = told[-1]
    assert isinstance(end, Closed)
    assert [type(event) for event in told].count(Closed) == 1
    assert conn.state is State.CLOSED
    assert (conn.deadline, conn.wants_write, frames(conn), events(conn)) == (None, False, [], [])
    return end
