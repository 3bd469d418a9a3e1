"""Every state of one connection and every way out of it, as data.

A connection is one WebSocket's life. Both ends walk the same table, since both see the same packets
pass; they differ only in who sends what (`SENDER`). The rules:

1. A signal is a fact: a packet that passed in either direction, or something that happened to the
   transport or the clock. `TRANSITIONS[state][signal]` is the next state.
2. A packet signal that the table does not list is a breach of the protocol by whoever sent it: the
   peer's breach ends the connection (`FAULT`), the caller's raises and changes nothing.
3. The server speaks first (OPEN), the client joins the namespace (JOIN), the server answers with
   JOIN_ACK and SESSION in either order (PROTOCOL 1.1: a session may come before the ack), or with
   JOIN_ERROR. A client may also join without credentials and send them as a message afterwards
   (PROTOCOL 1.3), so messages pass while the session is still due. A session may be told again;
   the newer facts stand.
4. LEAVE (Socket.IO DISCONNECT), STOP (Engine.IO close) and HANGUP (WebSocket close) begin the
   ending; whatever passes after that is ignored, from both sides.
5. GONE (end of stream), FAULT (the peer broke the rules) and EXPIRED (a deadline that nobody
   may miss) end it from anywhere. CLOSED is final and has no way out.
"""

from __future__ import annotations

from enum import Enum, auto
from types import MappingProxyType
from typing import Final


class Role(Enum):
    """Which end of the connection we are."""

    CLIENT = "client"
    SERVER = "server"

    @property
    def other(self) -> Role:
        """The peer's role."""
        return Role.SERVER if self is Role.CLIENT else Role.CLIENT


class State(Enum):
    """Where one connection stands. The names say what is awaited next."""

    IDLE = "idle"
    """Not started: no transport yet."""
    OPENING = "opening"
    """The WebSocket is open; the server's Engine.IO OPEN packet is due."""
    OPENED = "opened"
    """OPEN has passed; the client's namespace CONNECT is due."""
    JOINING = "joining"
    """CONNECT has passed; the server's ack, session or refusal is due."""
    JOINED = "joined"
    """The namespace is acknowledged; `session_info` is due."""
    GREETED = "greeted"
    """`session_info` came first; the namespace ack is due."""
    READY = "ready"
    """The conversation."""
    CLOSING = "closing"
    """One side has said goodbye; the end of the transport is due."""
    CLOSED = "closed"
    """Over. Nothing comes in, nothing goes out, no deadline is left."""


class Signal(Enum):
    """What can happen to a connection."""

    START = auto()
    OPEN = auto()
    JOIN = auto()
    JOIN_ACK = auto()
    JOIN_ERROR = auto()
    SESSION = auto()
    MESSAGE = auto()
    LEAVE = auto()
    STOP = auto()
    HANGUP = auto()
    GONE = auto()
    FAULT = auto()
    EXPIRED = auto()


SENDER: Final = MappingProxyType(
    {
        Signal.OPEN: Role.SERVER,
        Signal.JOIN: Role.CLIENT,
        Signal.JOIN_ACK: Role.SERVER,
        Signal.JOIN_ERROR: Role.SERVER,
        Signal.SESSION: Role.SERVER,
    }
)
"""Who may send a packet; a signal that is not listed may come from both."""

_END: Final = {Signal.GONE: State.CLOSED, Signal.FAULT: State.CLOSED, Signal.EXPIRED: State.CLOSED}
_GOODBYE: Final = {
    Signal.STOP: State.CLOSING,
    Signal.HANGUP: State.CLOSING,
    **_END,
}
_LEAVE: Final = {Signal.LEAVE: State.CLOSING, **_GOODBYE}

TRANSITIONS: Final = MappingProxyType(
    {
        State.IDLE: {Signal.START: State.OPENING, **_END},
        State.OPENING: {Signal.OPEN: State.OPENED, **_GOODBYE},
        State.OPENED: {Signal.JOIN: State.JOINING, **_GOODBYE},
        State.JOINING: {
            Signal.JOIN_ACK: State.JOINED,
            Signal.SESSION: State.GREETED,
            Signal.JOIN_ERROR: State.CLOSING,
            Signal.MESSAGE: State.JOINING,
            **_LEAVE,
        },
        State.JOINED: {
            Signal.SESSION: State.READY,
            Signal.MESSAGE: State.JOINED,
            **_LEAVE,
        },
        State.GREETED: {
            Signal.JOIN_ACK: State.READY,
            Signal.SESSION: State.GREETED,
            Signal.MESSAGE: State.GREETED,
            **_LEAVE,
        },
        State.READY: {
            Signal.MESSAGE: State.READY,
            Signal.SESSION: State.READY,
            **_LEAVE,
        },
        State.CLOSING: {
            **{signal: State.CLOSING for signal in Signal if signal is not Signal.START},
            **_END,
        },
        State.CLOSED: {},
    }
)
"""`TRANSITIONS[state][signal]` is the next state; what is not listed is a breach (rule 2)."""


def next_state(state: State, signal: Signal) -> State | None:
    """The state after `signal`, or None when the table does not allow it."""
    return TRANSITIONS[state].get(signal)


AWAITED = {
    State.OPENING: "the server's Engine.IO greeting",
    State.OPENED: "the client's request to join",
    State.JOINING: "the answer to the request to join",
    State.JOINED: "session_info",
    State.GREETED: "the namespace acknowledgement",
}
"""What has not come when a connection gives up in one of these states."""
