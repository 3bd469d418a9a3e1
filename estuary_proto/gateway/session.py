"""One client of the gateway: let in, listened to, answered.

    session = ServerSession(config, memory=store, entropy=os.urandom)
    session.start(now=t)                          # inputs, as of every frame core
    session.receive(frame, now=t)
    session.next_frame()                          # outputs: frames, commands, a deadline
    session.next_command()                        # AskBrain | StopBrain | None

The rules brain answers by itself; with `external=True` whoever moves the session is asked by
`AskBrain` and tells by `brain_piece`, `brain_done` and `brain_failed`. Nothing that a client sends
raises.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from .. import intents
from ..answers import Ack, Admit, Refuse
from ..connection import Connection
from ..engineio import Open
from ..errors import SendBlocked
from ..events import AckDue, Closed, HangUp, JoinRequested, Writable
from ..models.base import Model
from ..models.session import AuthError, SessionInfo
from ..states import Role, State
from ..timers import Deadline, Timer, earlier
from . import door, unsupported
from .conversation import Conversation

if TYPE_CHECKING:
    from collections.abc import Callable

    from .asking import Command
    from .config import ServerConfig
    from .memory import MemoryStore

MAX_WAITING: Final = 100
"""Messages that may wait for room in the send buffer before reading pauses."""

GOODBYE_WITHIN: Final = 2.0
"""Seconds that a client has to end the WebSocket after we hung up."""


class ServerSession:
    """See the module. `memory` is shared by all sessions of a gateway, `entropy(n)` gives n random
    bytes for ids, times are monotonic seconds."""

    def __init__(
        self,
        config: ServerConfig,
        *,
        memory: MemoryStore,
        entropy: Callable[[int], bytes],
        external: bool = False,
    ) -> None:
        self._config = config
        self._store = memory
        self._entropy = entropy
        self._external = external
        self._conn = Connection(
            Role.SERVER,
            handshake=Open(
                self._new_id(), (), config.ping_interval, config.ping_timeout, config.max_payload
            ),
            connect_within=config.auth_timeout,
        )
        self._talk: Conversation | None = None
        self._waiting: deque[Model] = deque()
        self._hang_up: HangUp | None = None
        self._gone_by: float | None = None
        self._closed: Closed | None = None
        self._left = False
        self._ack_args: tuple[Any, ...] = ()
        self._now = 0.0

    # --- outputs ---------------------------------------------------------------------------

    @property
    def info(self) -> SessionInfo | None:
        """Who this is, once authenticated."""
        return self._conn.session

    @property
    def closed(self) -> Closed | None:
        """How it ended; None while it lives."""
        return self._closed

    @property
    def left(self) -> bool:
        """True when the transport ended by itself, so that nobody needs to cut it."""
        return self._left

    @property
    def wants_read(self) -> bool:
        """False while the client does not take what it asked for."""
        return self._conn.wants_read and len(self._waiting) < MAX_WAITING

    @property
    def wants_write(self) -> bool:
        """True while `next_frame` has something to give."""
        return self._conn.wants_write or self._hang_up is not None

    @property
    def deadline(self) -> Deadline | None:
        """When `handle_timeout` should be called next, and why."""
        if self._closed is not None:
            return None
        if self._gone_by is not None:
            return Deadline(self._gone_by, Timer.CLOSE)
        due = self._talk.due_at if self._talk is not None else None
        return earlier(self._conn.deadline, None if due is None else Deadline(due, Timer.TURN))

    def next_frame(self) -> str | bytes | HangUp | None:
        """The next frame to send, or None; asking again says the former one has been handed on."""
        frame = self._conn.next_frame()
        self._take_events()
        if frame is None:
            frame, self._hang_up = self._hang_up, None
        return frame

    def next_command(self) -> Command | None:
        """What an external brain should do next, or None."""
        return self._talk.commands.popleft() if self._talk and self._talk.commands else None

    # --- inputs ----------------------------------------------------------------------------

    def start(self, *, now: float) -> None:
        """The WebSocket is open."""
        self._now = now
        self._conn.start(now=now)

    def receive(self, frame: str | bytes, *, now: float) -> None:
        """One complete WebSocket message has come."""
        self._now = now
        if self._gone_by is None:
            self._conn.receive(frame, now=now)
        self._take_events()

    def receive_eof(self, *, now: float, code: int | None = None, reason: str = "") -> None:
        """The WebSocket is gone."""
        self._now = now
        self._left = True
        self._conn.receive_eof(now=now, code=code, reason=reason)
        self._take_events()

    def handle_timeout(self, *, now: float) -> None:
        """Do what is due. Spurious calls are free."""
        self._now = now
        if self._gone_by is None:
            self._conn.handle_timeout(now=now)
        elif now >= self._gone_by:
            self._conn.receive_eof(now=now)
        self._take_events()
        if self._talk is not None:
            self._talk.speak(now=now)

    def close(self, *, now: float, code: int = 1001, reason: str = "going away") -> None:
        """Hang up behind what waits. No Socket.IO goodbye goes before it: a client would take that
        for the end of its session, and the WebSocket's code is what says why (API 6)."""
        if self._gone_by is None and self._conn.state not in (State.CLOSING, State.CLOSED):
            self._gone_by = now + GOODBYE_WITHIN
            self._hang_up = HangUp(code, reason)
            self._silence()

    def brain_piece(self, turn: int, text: str, *, now: float) -> None:
        """An external brain's next piece for this turn."""
        self._now = now
        if self._talk is not None:
            self._talk.brain_piece(turn, text, now=now)

    def brain_done(self, turn: int, *, now: float) -> None:
        """An external brain has said it all."""
        self._now = now
        if self._talk is not None:
            self._talk.brain_done(turn, now=now)

    def brain_failed(self, turn: int, message: str, *, now: float) -> None:
        """An external brain gave up: the client gets an `error`, and the turn is over."""
        self._now = now
        if self._talk is not None:
            self._talk.brain_failed(turn, message, now=now)

    # --- an outlet for the conversation ----------------------------------------------------

    @property
    def has_room(self) -> bool:
        """False while messages wait for room in the send buffer."""
        return not self._waiting

    def send(self, message: Model, *, now: float) -> None:
        """Send `message`, or keep it until there is room."""
        self._waiting.append(message)
        self._flush()

    def _flush(self) -> None:
        while self._waiting and self._conn.state is State.READY:
            try:
                self._conn.submit(self._waiting[0], now=self._now)
            except SendBlocked:
                return
            self._waiting.popleft()

    # --- events of the connection ----------------------------------------------------------

    def _take_events(self) -> None:
        while (event := self._conn.next_event()) is not None:
            if isinstance(event, Closed):
                self._closed = event
                self._hang_up = None
                self._silence()
            elif isinstance(event, Writable):
                self._flush()
            elif isinstance(event, JoinRequested):
                self._join(event.auth)
            elif isinstance(event, AckDue):
                self._acknowledge(event.ack_id)
            elif isinstance(event, Model):
                self._ack_args = self._handle(event)

    def _silence(self) -> None:
        if self._talk is not None:
            self._talk.stop()

    def _acknowledge(self, ack_id: int) -> None:
        """The message before has been dealt with; what it asked may have been to be thrown out."""
        if self._conn.state in (State.JOINED, State.READY):
            self._conn.submit(Ack(ack_id, self._ack_args), now=self._now)

    # --- coming in -------------------------------------------------------------------------

    def _join(self, auth: dict[str, Any]) -> None:
        if not door.presents_credentials(auth):
            self._conn.submit(Admit(), now=self._now)
            return
        who = intents.Authenticate.from_dict(auth)
        problem = door.refusal(self._config, who)
        if problem is None:
            self._admit(who)
        else:
            self._conn.submit(Refuse(problem), now=self._now)

    def _authenticate(self, who: intents.Authenticate) -> None:
        problem = door.refusal(self._config, who)
        if problem is None:
            self._admit(who)
        else:
            self._conn.submit(AuthError(problem), now=self._now)
            self._conn.close(now=self._now)

    def _admit(self, who: intents.Authenticate) -> None:
        info = SessionInfo(self._new_id(), self._new_id(), who.character_id, who.player_id)
        joining = self._conn.state is State.JOINING
        self._conn.submit(Admit(info) if joining else info, now=self._now)
        self._talk = Conversation(
            self._config,
            info,
            self._store.of(who.character_id, who.player_id),
            self,
            new_id=self._new_id,
            external=self._external,
            tells_memory=who.realtime_memory,
        )
        self._talk.greet(now=self._now)

    def _new_id(self) -> str:
        return self._entropy(16).hex()

    # --- messages of the client ------------------------------------------------------------

    def _handle(self, message: Model) -> tuple[Any, ...]:
        """Do what the client asks; returns what its acknowledgement says."""
        talk, now = self._talk, self._now
        if talk is None:
            if isinstance(message, intents.Authenticate):
                self._authenticate(message)
        elif isinstance(message, intents.SendText):
            talk.text(message.text, now=now)
        elif isinstance(message, intents.SayLine):
            talk.line(message.text, now=now)
        elif isinstance(message, intents.Interrupt):
            talk.interrupt(message.message_id, now=now)
        elif isinstance(message, intents.RenewAuthentication):
            return ({"ok": door.knows(self._config, message.client_token)},)
        elif (answer := unsupported.answer(message)) is not None:
            self.send(answer, now=now)
        return ()
