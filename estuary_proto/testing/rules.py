"""What must add up, beside what a single call promises: sums, silences, endings, open ears.

Each rule is a few lines that know what has happened so far, and judge what comes next. `runs` and
`minds` feed them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from ..events import Closed, Disconnected, StateChanged
from ..jsontext import dumps, loads
from ..models.pcm import decode_pcm
from ..models.session import ConnectionState
from ..outbox import ROUNDING
from ..packing import NAMESPACE, PLAIN_EVENT
from ..policy import ENDINGS, Cause
from ..states import Role, State
from .users import holds

if TYPE_CHECKING:
    from ..config import EstuaryConfig
    from ..connection import Connection
    from ..gateway import ServerSession
    from ..models.base import Model
    from ..outbox import Outbox

_BEATS: Final = ("2", "3")
_EVENT: Final = re.compile(rf'42{NAMESPACE},\d*\["(\w+)"')
_LISTENS: Final[dict[str, bool]] = {
    "voice_started": True,
    "livekit_ready": True,
    "voice_stopped": False,
    "voice_timeout": False,
}
"""Whether a client is listened to after the gateway has said this."""


def adds_up(outbox: Outbox) -> None:
    """Check that what is said to wait is what is still to come out: in bytes, and in seconds."""
    waiting = [unit for unit in outbox._messages if unit.frames]
    size = sum(len(frame) for unit in waiting for frame in unit.frames)
    holds(outbox.waiting == size, f"{outbox.waiting} bytes are said to wait, and {size} do")
    seconds = outbox._on_its_way + sum(unit.seconds for unit in waiting)
    holds(abs(outbox._audio - seconds) < ROUNDING, "audio that is said to wait does")
    live = [unit for unit in waiting if unit.live]
    holds(live == outbox._live, "what may be dropped is what waits")


class Silence:
    """Who is dropped for silence has been silent for as long as it may be."""

    def __init__(self) -> None:
        self._heard_at = float("-inf")

    def receives(self, conn: Connection, frame: str | bytes, now: float) -> None:
        """The peer sends this; a ping or a pong is a sign of life."""
        listens = conn.state not in (State.IDLE, State.CLOSING, State.CLOSED)
        if listens and isinstance(frame, str) and frame.startswith(_BEATS):
            self._heard_at = now

    def judge(self, conn: Connection, event: Any, now: float) -> None:
        """Check an event."""
        greeting = conn.handshake
        if not isinstance(event, Closed) or event.cause is not Cause.HEARTBEAT or greeting is None:
            return
        most = greeting.ping_timeout
        if conn.role is Role.CLIENT:
            most += greeting.ping_interval
        silent = now - self._heard_at
        holds(silent >= most - ROUNDING, f"dropped after {silent:g} s of silence, not {most:g}")


class Goodbyes:
    """A session that ends comes back, unless its ending or its user says otherwise: a goodbye is
    for the session to which it was said."""

    def __init__(self, config: EstuaryConfig) -> None:
        self.said: bool = False
        """Whether the user has said goodbye since it last wanted to connect."""
        self._config = config
        self._state: ConnectionState | None = None

    def judge(self, event: Any) -> None:
        """Check an event."""
        if isinstance(event, StateChanged):
            self._state = event.state
        elif isinstance(event, Disconnected):
            ending = ENDINGS[Cause(event.reason)]
            again = ending.retry and self._config.auto_reconnect and not self.said
            tries = self._state is ConnectionState.RECONNECTING
            holds(tries == again, f"after {event.reason} it {'tries' if again else 'rests'}")


class Listening:
    """Voice runs out only while somebody listens."""

    def __init__(self) -> None:
        self._listens: bool | None = False
        """None where what was sent has not been seen yet."""

    def receives(self, session: ServerSession, frame: str | bytes) -> None:
        """The client sends this. What still waits to be taken was said before."""
        if session.info is not None and _name_of(frame) in ("stop_voice", "livekit_leave"):
            self._listens = None if session.wants_write else False

    def sends(self, frame: str | bytes) -> None:
        """The gateway sends this."""
        name = _name_of(frame)
        if name == "voice_timeout":
            holds(self._listens is not False, "voice that is over does not run out")
        self._listens = _LISTENS.get(name, self._listens)


def _name_of(frame: str | bytes) -> str:
    """The name of the event that a frame is; "" of others."""
    found = _EVENT.match(frame) if isinstance(frame, str) else None
    return "" if found is None else found[1]


def waits_for_listeners(session: ServerSession) -> None:
    """Check that it is only while somebody listens that listening may last too long."""
    floor, limits = session._floor, session._limits
    stays = session._conn.state is State.READY and session._gone_by is None
    if stays and floor is not None and limits is not None:
        listens = floor.mic.on or floor.indoors.ready
        holds(listens or limits._listening is None, "who does not listen is not idle over it")


def unmoved(session: ServerSession, ident: str, now: float) -> None:
    """Check that words about another answer change nothing about the one that is given."""
    talk = session._talk
    if talk is None or session.closed is not None or ident in ("", talk.message_id):
        return
    before = talk.message_id, talk.sounds(now), talk._speech
    for name in ("audio_playback_complete", "client_interrupt"):
        session.receive(f'{PLAIN_EVENT}"{name}",{{"message_id":"{ident}"}}]', now=now)
        if session.closed is not None:  # It was in the middle of something else.
            return
        after = talk.message_id, talk.sounds(now), talk._speech
        holds(after == before, f"{name} of another answer changes nothing")


def sound_in(frames: list[Any]) -> bytes:
    """The microphone's audio in what a client sends."""
    begin = f'{PLAIN_EVENT}"stream_audio",'
    events = [loads(f, len(PLAIN_EVENT) - 1) for f in frames if str(f).startswith(begin)]
    return b"".join(decode_pcm(data["audio"]) for _, data in events)


def lasts(made: Model) -> None:
    """Check that the model does not feel what somebody does to its written form."""
    written = made.to_dict()
    before = dumps(written)
    for value in written.values():
        if isinstance(value, (dict, list)):
            value.clear()
    holds(dumps(made.to_dict()) == before, "the written form is a copy")
