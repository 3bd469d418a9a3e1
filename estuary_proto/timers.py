"""Deadlines with names, and the only arithmetic on time.

Time is monotonic seconds, always an argument (`now=`), never read. A deadline says what it is for,
which pays in every stuck loop. An owner stops a timer before it runs the timer's branch, so a
spurious call is free.
"""

from enum import Enum
from typing import NamedTuple


class Timer(Enum):
    """What a deadline is for. The order breaks ties: the earlier name goes first."""

    CONNECT = "connect"
    """From the first byte of an attempt to its session (both roles)."""
    HEARTBEAT = "heartbeat"
    """Client: pingInterval + pingTimeout after a ping. Server: pingTimeout after our ping."""
    PING = "ping"
    """Server: pingInterval after the last pong, the next ping is due."""
    CLOSE = "close"
    """A goodbye was said; the transport should be gone by then."""
    ATTACHMENTS = "attachments"
    """The attachments of a packet that has begun should all be there."""
    ACK = "ack"
    """The earliest acknowledgement that is still awaited."""
    REPLY = "reply"
    """The earliest answer that somebody still waits for."""
    LINE = "line"
    """The next scripted line is due, or the one that is being said is overdue."""
    VOICE = "voice"
    """Client: the room should have been entered, emptied or left."""
    RENEW = "renew"
    """Client: the credential should be renewed, or the answer to that is overdue. Gateway: it has
    lapsed."""
    RETRY = "retry"
    """Client: the next attempt to connect."""
    TURN = "turn"
    """Gateway: the next piece of a turn is due."""
    IDLE = "idle"
    """Gateway: nothing has been said for too long."""
    SCRIPT = "script"
    """Gateway: the script wants something done."""


class Deadline(NamedTuple):
    """When (monotonic seconds) and what for."""

    at: float
    timer: Timer


class Timers:
    """A small table of running timers."""

    __slots__ = ("_at", "next")

    def __init__(self) -> None:
        self._at: dict[Timer, float] = {}
        self.next: Deadline | None = None
        """The earliest deadline, or None. Kept: it is asked for far more often than changed."""

    def start(self, timer: Timer, at: float) -> None:
        """Set `timer` to go off at `at`, whether or not it was running."""
        self._at[timer] = at
        self._find_next()

    def stop(self, timer: Timer) -> None:
        """Forget `timer`; free when it was not running."""
        if self._at.pop(timer, None) is not None:
            self._find_next()

    def clear(self) -> None:
        """Forget them all."""
        self._at.clear()
        self.next = None

    def at(self, timer: Timer) -> float | None:
        """When `timer` goes off, or None when it is not running."""
        return self._at.get(timer)

    def _find_next(self) -> None:
        # min() keeps the first of equals, and _ORDER is the order of the enum.
        running = (Deadline(self._at[t], t) for t in _ORDER if t in self._at)
        self.next = min(running, key=_when, default=None)

    def pop_due(self, now: float) -> Timer | None:
        """Stop and return the most overdue timer, or None when nothing is due."""
        deadline = self.next
        if deadline is None or deadline.at > now:
            return None
        self.stop(deadline.timer)
        return deadline.timer


_ORDER = tuple(Timer)


def _when(deadline: Deadline) -> float:
    return deadline.at


def earlier(one: Deadline | None, other: Deadline | None) -> Deadline | None:
    """The earlier of two deadlines, either of which may be missing; the first of equals."""
    if one is None or (other is not None and other.at < one.at):
        return other
    return one
