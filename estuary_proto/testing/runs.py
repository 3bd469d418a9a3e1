"""What always holds of a core, watched while operations happen to it.

    run = ClientRun()
    for operation in operations:
        run.do(operation)
    run.finish()

`do` raises AssertionError at the first thing that does not hold: something of the peer's doing
raised, what the caller did wrong changed something, a receipt settled twice, there was life after
the end, more was kept than may be. `finish` ends what is open, and checks that nothing is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..answers import Ack
from ..capture import Recorder
from ..config import EstuaryConfig
from ..connection import MAX_EVENTS
from ..errors import EstuaryError, LocalProtocolError, SendBlocked
from ..events import AckDue, AckSettled, Closed, CredentialNeeded, Fault, Outcome, Ready, Settled
from ..models.session import ConnectionState, SessionInfo, VoiceMode
from ..outbox import BUFFER_BYTES, MAX_CONTROL
from ..states import Role, State
from ..transcript import MAX_OPEN
from .making import GREETING
from .rules import Goodbyes, Silence, adds_up, sound_in
from .steps import at, events, make
from .users import REFUSABLE, User, holds, replays

if TYPE_CHECKING:
    from ..connection import Connection
    from .operations import Operation

CONFIG: Final = EstuaryConfig("ws://h", "est_long_key", "c", "p", max_reconnect_attempts=3)
"""The configuration of a `ClientRun` that is given none."""

JOIN: Final = (GREETING, "40/sdk,{}", '42/sdk,["session_info",{"session_id":"s"}]')
"""What a server says while it lets a client in."""

PCM: Final = bytes(range(256))
"""Sound of which no sample is like another, nor like halves of two."""

_ACKS: Final = (State.JOINING, State.JOINED, State.GREETED, State.READY)


def bounded(conn: Connection) -> None:
    """Check that a connection keeps no more than it may, whatever came, and knows how much."""
    outbox, transcript = conn._outbox, conn._transcript
    holds(len(outbox._control) <= MAX_CONTROL, "control is bounded")
    holds(outbox.waiting <= BUFFER_BYTES + 2**20, "messages are bounded")
    adds_up(outbox)
    holds(len(transcript._open) <= MAX_OPEN, "open messages are bounded")
    holds(len(transcript._redacted) <= MAX_OPEN, "redacted messages are bounded")


class ConnectionRun:
    """Operations of kind CONNECTION on one connection, brought to `state` before.

    `log` is what it said and sent: equal for equal operations.
    """

    def __init__(self, role: Role, state: State) -> None:
        self.conn: Connection = make(role) if state is State.IDLE else at(role, state)
        self.now: float = 0.0
        self.log: list[Any] = []
        self._receipts: set[int] = set()
        # Until when each is waited for.
        self._acks: dict[int, float] = {}
        self._silence = Silence()
        self._session = self.conn.session

    def do(self, operation: Operation) -> None:
        """Let it happen, and check."""
        self.now += operation.after
        conn = self.conn
        before = conn.state, conn.deadline, conn.wants_write
        try:
            self._perform(operation.verb, operation.args)
        except LocalProtocolError as error:
            # Only the caller's own doing raises, and it changes nothing.
            ours = operation.verb in ("submit", "start", "talk") or before[0] is State.IDLE
            holds(ours, f"{operation.verb} raises nothing: {error}")
            after = conn.state, conn.deadline, conn.wants_write
            holds(after == before, f"a refused {operation.verb} changes nothing")
            self.log.append(str(error))
        self._hear(before[0])
        bounded(conn)

    def finish(self) -> None:
        """The transport ends."""
        before = self.conn.state
        self.conn.receive_eof(now=self.now)
        self._hear(before)
        holds(self.conn.state is State.CLOSED, "the end of the transport is the end")

    def _perform(self, verb: str, args: tuple[Any, ...]) -> None:
        own = getattr(self, f"do_{verb}", None)
        if own is not None:
            own(*args)
        else:
            getattr(self.conn, verb)(now=self.now)

    def do_receive(self, frame: str | bytes) -> None:
        """A frame comes."""
        self._silence.receives(self.conn, frame, self.now)
        self.conn.receive(frame, now=self.now)

    def do_talk(self, count: int, live: bool, settles: bool) -> None:
        """So many frames of 100 ms, as far as there is room for them."""
        for _ in range(count):
            try:
                receipt, *_ = self.conn.send_audio(bytes(320), 0.1, live=live, settles=settles)
            except SendBlocked:
                break
            if receipt:
                self._receipts.add(receipt)

    def do_submit(self, message: Any, ack_within: float | None) -> None:
        """Something is to be sent."""
        receipt = self.conn.submit(message, now=self.now, ack_within=ack_within)
        if receipt:
            self._receipts.add(receipt)
            if ack_within is not None and type(message).__name__ != "Admit":
                self._acks[receipt] = self.now + ack_within

    def do_pull(self, count: int, batch: bool) -> None:
        """So many frames are taken."""
        for number in range(count):
            self.log.append(self.conn.next_frame(batch=batch and number > 0))

    def do_flood(self, frame: str | bytes, count: int) -> None:
        """The same frame again and again, as long as it is read."""
        for _ in range(count):
            if not self.conn.wants_read:
                break
            self.do_receive(frame)
        holds(len(self.conn.events) <= MAX_EVENTS + 8, "events are bounded")

    def do_due(self) -> None:
        """Time passes to the next deadline."""
        deadline = self.conn.deadline
        if deadline is not None:
            self.now = max(self.now, deadline.at)
            self.conn.handle_timeout(now=self.now)
            after = self.conn.deadline
            holds(after is None or after.at > self.now, "what was due has been done")

    def do_timeout(self) -> None:
        """Somebody asks too early, or too late."""
        self.conn.handle_timeout(now=self.now)

    def do_eof(self, code: int | None) -> None:
        """The WebSocket is gone."""
        self.conn.receive_eof(now=self.now, code=code)

    def do_fault(self) -> None:
        """The byte layer finds the peer breaking its rules."""
        self.conn.fault(EstuaryError("x"), now=self.now)

    def do_refused(self) -> None:
        """The handshake fails."""
        self.conn.refused(EstuaryError("x"), now=self.now)

    def _hear(self, before: State) -> None:
        conn = self.conn
        told = events(conn)
        for event in told:
            # As whoever serves a peer does; a peer that never reads them is at fault then.
            if isinstance(event, AckDue) and conn.state in _ACKS:
                conn.submit(Ack(event.ack_id), now=self.now)
        told += events(conn)
        self.log += [repr(event) for event in told]
        for event in told:
            if isinstance(event, Settled):
                holds(event.receipt in self._receipts, "a receipt settles once")
                self._receipts.remove(event.receipt)
            elif isinstance(event, AckSettled):
                holds(event.receipt in self._acks, "an acknowledgement settles once")
                del self._acks[event.receipt]
            elif isinstance(event, (Ready, SessionInfo)):
                self._session = event.session if isinstance(event, Ready) else event
            self._silence.judge(conn, event, self.now)
        if conn.role is Role.CLIENT and conn.state is State.READY:
            holds(conn.session is self._session, "the session that stands is the one that was told")
        ends = [isinstance(event, Closed) for event in told]
        if conn.state is not State.CLOSED:
            holds(not any(ends), "who is not closed does not say so")
            if conn.state is State.READY and self._acks:
                until = None if conn.deadline is None else conn.deadline.at
                first = min(self._acks.values())
                holds(until is not None and until <= first, f"waits until {until}, not {first}")
            return
        holds(sum(ends) == (before is not State.CLOSED), "there is one Closed")
        holds(not told or ends[-1], "Closed is the last that is told")
        left = conn.deadline, conn.wants_write, conn.next_frame(), conn.next_event()
        holds(left == (None, False, None, None), "nothing is left after Closed")
        holds(not self._receipts and not self._acks, "all has settled before Closed")


class ClientRun(User):
    """Operations of kind CLIENT on one client, which a capture is made of.

    A `faithful` one has a driver that does what it should: it dials when it is asked to, and takes
    every frame. `lines` are the capture: `finish` replays it, and all must come out the same.
    Operations may go back in time; for a `steady` one time stands still then, and `events` and
    `sent` must be the same: the client's time never goes back.
    """

    def __init__(
        self,
        config: EstuaryConfig = CONFIG,
        *,
        seed: int = 1,
        faithful: bool = False,
        steady: bool = False,
    ) -> None:
        self.lines: list[str] = []
        super().__init__(Recorder(config, self.lines.append, seed=seed), 5.0)
        self.events: list[Any] = []
        self.sent: list[Any] = []
        self.went_back: bool = False
        """Whether the clock has."""
        self._clock = self.now
        self._steady = steady
        self._faithful = faithful
        self._goodbyes = Goodbyes(config)
        self._opened = 0
        self._acks: list[int] = []
        # Messages that were lost, and those of which the user was told in words.
        self._lost = self._told_lost = 0
        self.do_join()
        self._drain()

    def do(self, operation: Operation) -> None:
        """Let it happen, and check."""
        self._pass(self._clock + operation.after)
        if self._faithful and not self.core.is_connected:
            self.do_join()
        try:
            self._perform(operation.verb, operation.args)
        except EstuaryError as error:
            holds(operation.verb in REFUSABLE, f"{operation.verb} raises nothing: {error}")
        if self._faithful:
            self.do_frame(20, False)
        self._drain()
        conn = self.core.client._connection
        if conn is not None:
            bounded(conn)
            stands = conn.session if conn.state is State.READY else self.core.session
            holds(self.core.session is stands, "the session is that of the connection")

    def _pass(self, clock: float) -> None:
        """The clock says this."""
        self.went_back = self.went_back or clock < self._clock
        self._clock = clock
        self.now: float = max(self.now, clock) if self._steady else clock

    def finish(self) -> None:
        """Leave; everything that was promised has come by then, and the capture replays."""
        core = self.core
        self.do_disconnect()
        core.receive_eof(core.link, now=self.now)
        self._drain()
        holds(core.deadline is None, "no deadline is left")
        holds(not core.voice.is_active, "voice is over")
        holds(not core.wants_write(core.link), "nothing is left to write")
        self.kept(self.events)
        replays(self.lines)

    def _drain(self) -> None:
        while (event := self.core.next_event()) is not None:
            self.events.append(event)
            self._goodbyes.judge(event)
            if isinstance(event, Settled):
                self._lost += event.outcome is Outcome.LOST
            elif isinstance(event, Fault):
                self._told_lost += event.error.details.get("lost", 0)
                holds(self._told_lost <= self._lost, "what was lost is told once")
        while self.core.next_command() is not None:
            pass

    def _perform(self, verb: str, args: tuple[Any, ...]) -> None:
        if verb in ("dial_failed", "fault"):
            getattr(self.core, verb)(self.core.link, *args, now=self.now)
        else:
            self.use(verb, args)

    def do_connect(self) -> None:
        """The user wants a session; what was said to the one before is over with it."""
        self.core.connect(now=self.now)
        self._drain()
        self._goodbyes.said = False

    def do_disconnect(self) -> None:
        """The user says goodbye, to a session if there is one."""
        if self.core.state is ConnectionState.CONNECTED:
            self._goodbyes.said = True
        self.core.disconnect(now=self.now)

    def do_speak(self, cut: int, live: bool) -> None:
        """Sound in two pieces, cut at any byte, to a server that listens if it may: as many samples
        go out as come in, each of them whole; or none, of who is muted or has to wait. Now and then
        the sound comes before the server has said that it listens."""
        begins = self.core.voice.mode is None
        if begins:
            self.use("start_voice", (VoiceMode.CONTINUOUS,))
        early = begins and cut % 4 == 3
        self._take_all()
        if not early:
            self._answer_all()
        for piece in (PCM[:cut], PCM[cut:]):
            self.use("send_audio", (piece, live))
        said = sound_in([*self._take_all(), *self._answer_all()])
        # Half a sample may have been left over by what was said before.
        holds(said in (b"", PCM) or said[1:] == PCM[:-1], "sound goes out as it came in")

    def _answer_all(self) -> list[Any]:
        """Acknowledge what waits for it; every frame that comes then."""
        taken: list[Any] = []
        while self._acks:
            self.do_ack()
            taken += self._take_all()
        return taken

    # --- the driver and the server -----------------------------------------------------------

    def do_join(self) -> None:
        """A server that lets the client in."""
        core, now = self.core, self.now
        self.do_connect()
        if self.events and isinstance(self.events[-1], CredentialNeeded):
            core.credential(core.link, "ect_x", "player", 60.0, now=now)
        if self._opened == core.link or core.deadline is None:
            return  # It is open already, or there is no credential for it.
        self._opened = core.link
        core.opened(core.link, now=now)
        for frame in JOIN:
            core.receive(core.link, frame, now=now)

    def do_receive(self, frame: str | bytes) -> None:
        """A frame comes, if there is a WebSocket that it can come from."""
        if self._opened == self.core.link:
            self.core.receive(self.core.link, frame, now=self.now)

    def do_flood(self, frame: str | bytes, count: int) -> None:
        """The same frame again and again, as long as it is read."""
        for _ in range(count):
            if not self.core.wants_read:
                break
            self.do_receive(frame)

    def do_late(self) -> None:
        """Words of a dead socket: they change nothing."""
        core, link = self.core, self.core.link - 1
        before = core.state, core.deadline
        core.receive(link, "1", now=self.now)
        core.receive_eof(link, now=self.now)
        core.dial_failed(link, EstuaryError("late"), now=self.now)
        core.fault(link, EstuaryError("late"), now=self.now)
        holds((core.state, core.deadline) == before, "late words change nothing")
        holds(core.next_frame(link) is None, "a dead link has nothing to send")

    def do_ack(self) -> None:
        """The server acknowledges what waits longest."""
        if self._acks:
            self.do_receive(f'43/sdk,{self._acks.pop(0)}[{{"ok":true}}]')

    def do_frame(self, count: int, batch: bool) -> None:
        """So many frames are taken."""
        for number in range(count):
            self._take(batch=batch and number > 0)

    def _take(self, *, batch: bool = False) -> Any:
        frame = self.core.next_frame(self.core.link, batch=batch)
        self.sent.append(frame)
        if isinstance(frame, str) and frame.startswith("42/sdk,"):
            digits = frame[7:].partition("[")[0]
            if digits:
                self._acks.append(int(digits))
        return frame

    def _take_all(self) -> list[Any]:
        """Every frame, until there is none."""
        taken = []
        while (frame := self._take()) is not None:
            taken.append(frame)
        return taken

    def do_receive_eof(self, code: int | None) -> None:
        """The WebSocket is gone."""
        self.core.receive_eof(self.core.link, now=self.now, code=code)

    def do_due(self) -> None:
        """Time passes to the next deadline."""
        deadline = self.core.deadline
        if deadline is not None:
            self._pass(max(self._clock, deadline.at))
            self.core.handle_timeout(now=self.now)
            after = self.core.deadline
            holds(after is None or after.at > self.now, "what was due has been done")

    def do_timeout(self) -> None:
        """Somebody asks too early, or too late."""
        self.core.handle_timeout(now=self.now)

    def do_credential(self, lifetime: float) -> None:
        """The token provider answers."""
        self.core.credential(self.core.link, "ect_y", "player", lifetime, now=self.now)

    def do_credential_failed(self) -> None:
        """The token provider fails."""
        self.core.credential_failed(self.core.link, EstuaryError("no"), now=self.now)
