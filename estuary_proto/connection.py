"""One transport life, in either role: frames and intents in, events and frames out.

    conn = Connection(Role.CLIENT, auth=config.auth())
    conn.start(now=t)                    # inputs: start, receive, receive_eof, refused,
    conn.receive('0{"sid":…}', now=t)    #         handle_timeout, submit, close
    conn.next_frame()                    # outputs, pulled until None: str | bytes | HangUp
    conn.next_event()                    # messages, Ready, Settled, AckSettled, AckDue, Closed …
    conn.deadline                        # Deadline(at, timer) | None
    conn.wants_read                      # False: take events before reading on

What the peer does never raises; what the caller does wrong raises and changes nothing. There is one
`Closed`; after it no deadline, no frame is left, and late input is ignored. This room composes the
codecs, the table of states, the outbox and the transcript; it parses nothing itself.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from . import engineio, messages, socketio
from .answers import Ack, Admit, Refuse
from .engineio import PacketType as Engine
from .errors import ErrorCode, EstuaryError, LocalProtocolError, RemoteProtocolError
from .events import AckDue, AckSettled, Closed, HangUp, JoinRequested, Outcome, Ready, Writable
from .intents import NEVER_REFUSED, Interrupt
from .models.conversation import ResponseChunk
from .models.session import SessionInfo
from .outbox import Outbox
from .packing import (
    NAMESPACE,
    PLAIN_EVENT,
    check_size,
    max_audio,
    pack,
    pack_audio,
    pack_message,
)
from .policy import ENDINGS, VERDICT_HOLDS, Cause, Verdict, cause_of_close, verdict_of
from .socketio import Packet
from .socketio import PacketType as Socket
from .states import AWAITED, SENDER, Role, Signal, State, next_state
from .timers import Deadline, Timer, Timers
from .transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .config import TextMode
    from .engineio import Open

MAX_NAMESPACE = 256
"""Characters in the name of a namespace that is not ours, which we repeat to the peer."""

MAX_EVENTS = 1024
"""Events that may wait to be taken before `wants_read` turns False."""

ATTACHMENTS_WITHIN = 30.0
"""Seconds that the attachments of a packet may take to follow it."""


class Connection:
    """One transport life, in either role; the module shows how it is driven.

    `auth` is the client's join payload (PROTOCOL 1.2), `handshake` the server's greeting (1.1).
    Times are seconds. `connect_within` bounds the way from start to Ready, `close_within` the way
    from a goodbye to the end of the transport, `audio_backlog` the audio that may wait. Receipts
    are numbered on from `receipts_after`.
    """

    def __init__(
        self,
        role: Role,
        *,
        auth: Mapping[str, Any] | None = None,
        handshake: Open | None = None,
        connect_within: float = 15.0,
        close_within: float = 2.0,
        text_mode: TextMode = "auto",
        receipts_after: int = 0,
        audio_backlog: float = 1.0,
    ) -> None:
        if (handshake is None) is (role is Role.SERVER):
            raise LocalProtocolError("handshake= is the server's to give, and only the server's")
        self.role = role
        self._peer = role.other
        self.state: State = State.IDLE
        self.session: SessionInfo | None = None
        self.handshake = handshake
        # Encoded now, so that credentials which no packet can hold raise at the caller.
        self._join = pack(Packet(Socket.CONNECT, NAMESPACE, None, auth))
        self._connect_within = connect_within
        self._close_within = close_within
        self._timers = Timers()
        self._outbox = Outbox(audio_backlog=audio_backlog)
        self.events: deque[Any] = deque()
        """What `next_event` takes from; for a parent that empties it in its own step."""
        self._assembler = socketio.Assembler()
        self._transcript = Transcript(text_mode)
        self._receipts = receipts_after
        self._acks: dict[int, float] = {}
        self._verdict: tuple[Verdict, float] | None = None
        self._ending: Closed | None = None
        self._was_ready = False
        self._reading_paused = False

    # --- outputs ---------------------------------------------------------------------------

    @property
    def deadline(self) -> Deadline | None:
        """When `handle_timeout` should be called next, and why. Read it again after any call."""
        return self._timers.next

    @property
    def wants_read(self) -> bool:
        """False while so many events wait that reading should pause."""
        return len(self.events) < MAX_EVENTS

    @property
    def wants_write(self) -> bool:
        """True while `next_frame` has something to give, or something to settle."""
        return bool(self._outbox)

    @property
    def under_way(self) -> tuple[str, ...]:
        """The messages whose text has not ended, and the last one whose text has."""
        return self._transcript.under_way

    @property
    def max_audio(self) -> int:
        """The most bytes of PCM that one frame may carry."""
        return max_audio(self.handshake)

    def next_event(self) -> Any:
        """The next event, or None. Take them all after each call."""
        return self.events.popleft() if self.events else None

    def next_frame(self, *, batch: bool = False) -> str | bytes | HangUp | None:
        """The next frame to send, or None.

        Asking again says that the frames before have been handed to the transport; only then are
        their receipts SENT. With `batch` the frame asked for goes with them in one write, and says
        nothing yet.
        """
        frame, settled, writable = self._outbox.pull(batch=batch)
        self.events.extend(settled)
        if writable:
            self.events.append(Writable())
        return frame

    # --- inputs ----------------------------------------------------------------------------

    def start(self, *, now: float, by: float | None = None) -> None:
        """The WebSocket is open. `by` is when the session must stand, else connect_within."""
        self._advance(Signal.START)
        self._timers.start(Timer.CONNECT, now + self._connect_within if by is None else by)
        if self.handshake is not None:
            self._queue([engineio.encode(Engine.OPEN, engineio.write_open(self.handshake))])
            self._advance(Signal.OPEN)
            self._timers.start(Timer.PING, now + self.handshake.ping_interval)

    def receive(self, frame: str | bytes, *, now: float) -> None:
        """One complete WebSocket message has come."""
        if self.state is State.IDLE:
            raise LocalProtocolError("receive() before start()")
        if self.state is State.CLOSING or self.state is State.CLOSED:
            return
        try:
            if type(frame) is str and not self._assembler.pending:
                event = socketio.plain_event(frame, PLAIN_EVENT)
                if event is not None:
                    return self._receive_event(event, None, now)
            kind, data = engineio.decode(frame)
            if kind is Engine.MESSAGE:
                self._receive_message(data, now)
            else:
                self._receive_engine(kind, str(data), now)
        except RemoteProtocolError as error:
            self._fault(error, now)

    def receive_eof(self, *, now: float, code: int | None = None, reason: str = "") -> None:
        """The transport is gone: `code` of the WebSocket's close frame, None when none came."""
        if self.state is State.CLOSED:
            return
        cause = cause_of_close(code)
        if self.role is Role.SERVER and code in (1000, 1001):
            cause = Cause.CLIENT  # It left in good order: a page that closes says 1001.
        text = "the connection was lost"
        if code is not None:
            who = self._peer.value
            text = f"the {who} closed the connection ({code}{' ' + reason if reason else ''})"
        details = {} if code is None else {"close_code": code}
        self._finish(self._judged(cause, text, now, details))

    def refused(self, error: EstuaryError, *, now: float) -> None:
        """There is no WebSocket: the handshake was refused, or its bytes made no sense."""
        if self.state is not State.CLOSED:
            cause = Cause.AUTH if error.code is ErrorCode.AUTH_FAILED else Cause.NETWORK
            self._finish(Closed(cause, error, self._was_ready))

    def fault(self, error: EstuaryError, *, now: float) -> None:
        """The byte layer below found the peer breaking its rules."""
        if self.state is not State.CLOSED:
            self._fault(error, now)

    def reading_paused(self) -> None:
        """Reading was refused for a while; the peer earns one fresh heartbeat window for it."""
        self._reading_paused = True

    def handle_timeout(self, *, now: float) -> None:
        """Run every timer that is due. Spurious calls are free."""
        while (timer := self._timers.pop_due(now)) is not None:
            self._expire(timer, now)

    def submit(self, message: Any, *, now: float, ack_within: float | None = None) -> int:
        """Take a message for sending; returns its receipt number (0 for Admit, Refuse and Ack).

        Raises LocalProtocolError (NOT_CONNECTED outside a session), SendBlocked when the buffer is
        full; nothing has changed then. With `ack_within` the peer is asked for an acknowledgement,
        which settles once as `AckSettled(receipt, …)`.
        """
        if isinstance(message, (Admit, Refuse)):
            return self._answer(message, now)
        if isinstance(message, Ack):
            return self._acknowledge(message, now)
        return self._send(message, now, ack_within)

    def send_audio(
        self,
        pcm: bytes,
        seconds: float,
        *,
        live: bool,
        always: bool = False,
        settles: bool = True,
    ) -> tuple[int, float, int]:
        """Take audio for sending (PROTOCOL 2, `stream_audio`): at most 100 ms of PCM16.

        What is `live` has no receipt (0) and lets go of older live audio where there is no room;
        returns the receipt, and the seconds and frames that were let go. Else raises SendBlocked
        where there is none, unless it must `always` go. What has no receipt, or none that
        `settles`, is told as AudioDropped when the connection falls first.
        """
        if self.role is not Role.CLIENT or self.state is not State.READY:
            raise LocalProtocolError(
                f"cannot send audio now: not connected (state {self.state.value})",
                ErrorCode.NOT_CONNECTED,
            )
        frame = pack_audio(pcm)
        check_size("stream_audio", [frame], self.handshake)
        receipt = None if live or not settles else self._receipts + 1
        seconds_gone, frames_gone = self._outbox.audio(
            frame, seconds, receipt, live=live, always=always
        )
        if receipt is not None:
            self._receipts = receipt
        return receipt or 0, seconds_gone, frames_gone

    def authorize(self, auth: Mapping[str, Any]) -> None:
        """Client role, before `start`: join with these credentials."""
        self._join = pack(Packet(Socket.CONNECT, NAMESPACE, None, auth))

    def close(
        self,
        *,
        now: float,
        code: int = 1000,
        reason: str = "",
        cause: Cause = Cause.CLIENT,
        text: str = "closed by us",
    ) -> None:
        """Say goodbye behind what was accepted: LEAVE, then a WebSocket close with `code`. It ends
        for `cause`, which `text` explains."""
        ending = self._closed(cause, text)
        if self.state is State.IDLE:
            self._finish(ending)
        elif self.state is not State.CLOSING and self.state is not State.CLOSED:
            if next_state(self.state, Signal.LEAVE) is not None:
                self._queue(pack(Packet(Socket.DISCONNECT, NAMESPACE)))
            self._advance(Signal.HANGUP)
            self._goodbye(ending, now, HangUp(code, reason))

    # --- what the peer sends ---------------------------------------------------------------

    def _receive_engine(self, kind: Engine, data: str, now: float) -> None:
        if kind is Engine.PING:
            self._outbox.pong(engineio.encode(Engine.PONG, data))
            self._heard(now)
        elif kind is Engine.PONG:
            self._heard(now)
        elif kind is Engine.OPEN:
            self._passed(Signal.OPEN)
            self.handshake = engineio.read_open(data)
            self._heard(now)
            self._queue(self._join)
            self._advance(Signal.JOIN)
        elif kind is Engine.CLOSE:
            self._passed(Signal.STOP)
            cause = Cause.SERVER_RESTART if self.role is Role.CLIENT else Cause.CLIENT
            text = f"the {self._peer.value} is going away"
            self._dismissed(self._judged(cause, text, now), now)
        # UPGRADE and NOOP belong to HTTP polling and mean nothing here.

    def _heard(self, now: float) -> None:
        """The peer is alive: wind the heartbeat."""
        self._reading_paused = False
        if self.role is Role.CLIENT:
            self._timers.start(Timer.HEARTBEAT, now + self._window())
        elif self._timers.at(Timer.HEARTBEAT) is not None:
            assert self.handshake is not None  # A server has one from the start.
            self._timers.stop(Timer.HEARTBEAT)
            self._timers.start(Timer.PING, now + self.handshake.ping_interval)

    def _window(self) -> float:
        """How long the peer may be silent: until its next ping, or until the answer to ours."""
        handshake = self.handshake
        if handshake is None:  # A client that is pinged before it was greeted.
            return self._connect_within
        client = self.role is Role.CLIENT
        return handshake.ping_timeout + (handshake.ping_interval if client else 0.0)

    def _receive_message(self, data: str | bytes, now: float) -> None:
        if isinstance(data, str):
            packet = self._assembler.feed(socketio.decode(data))
        else:
            packet = self._assembler.feed_binary(data)
        if packet is None:  # Its attachments are still on the way.
            if isinstance(data, str):
                self._timers.start(Timer.ATTACHMENTS, now + ATTACHMENTS_WITHIN)
            return
        if isinstance(data, bytes):
            self._timers.stop(Timer.ATTACHMENTS)
        if packet.namespace != NAMESPACE:
            self._receive_foreign(packet, now)
        elif packet.type is Socket.EVENT:
            self._receive_event(packet.data, packet.id, now)
        elif packet.type is Socket.ACK:
            self._receive_ack(packet)
        elif packet.type is Socket.CONNECT:
            self._receive_connect(packet)
        elif packet.type is Socket.DISCONNECT:
            self._passed(Signal.LEAVE)
            cause = Cause.SERVER_DISCONNECT if self.role is Role.CLIENT else Cause.CLIENT
            text = f"the {self._peer.value} ended the session"
            self._dismissed(self._judged(cause, text, now), now)
        else:
            self._receive_refusal(packet, now)

    def _receive_foreign(self, packet: Packet, now: float) -> None:
        """A namespace that is not ours: a server says so, a client has nothing to lose."""
        if len(packet.namespace) > MAX_NAMESPACE or not packet.namespace.isprintable():
            raise RemoteProtocolError("no namespace has such a name")
        if self.role is Role.SERVER and packet.type is Socket.CONNECT:
            error = {"message": f"no namespace {packet.namespace}; join {NAMESPACE}"}
            refusal = Packet(Socket.CONNECT_ERROR, packet.namespace, None, error)
            self._control(pack(refusal), now)

    def _receive_connect(self, packet: Packet) -> None:
        if self.role is Role.CLIENT:
            self._passed(Signal.JOIN_ACK)
            self._maybe_ready()
        else:
            self._passed(Signal.JOIN)
            self.events.append(JoinRequested(packet.data if isinstance(packet.data, dict) else {}))

    def _receive_refusal(self, packet: Packet, now: float) -> None:
        self._passed(Signal.JOIN_ERROR)
        data = packet.data
        said = data.get("message") if isinstance(data, dict) else data
        text = f"the server refused the connection: {said or 'no reason given'}"
        self._dismissed(self._judged(Cause.AUTH, text, now), now)

    def _receive_ack(self, packet: Packet) -> None:
        self._passed(Signal.MESSAGE)
        if packet.id is not None and self._acks.pop(packet.id, None) is not None:
            self._rearm_acks()
            self.events.append(AckSettled(packet.id, Outcome.OK, tuple(packet.data)))

    def _receive_event(self, data: list[Any], ident: int | None, now: float) -> None:
        message = messages.read(self._peer, data[0], data[1:])
        if type(message) is SessionInfo:
            self._passed(Signal.SESSION)
            again, self.session = self._was_ready, message
            self._maybe_ready()
            if again:
                self.events.append(message)
        else:
            if self.state is not State.READY:  # Where a message changes nothing, by the table.
                self._passed(Signal.MESSAGE)
            if self.role is Role.CLIENT:
                self._tell(message, now)
            else:
                self.events.append(message)
        if ident is not None:
            self.events.append(AckDue(ident))
        if len(self.events) >= MAX_EVENTS:
            self.reading_paused()

    def _tell(self, message: Any, now: float) -> None:
        """Client role: pass a message on, as the user should see it."""
        if type(message) is ResponseChunk:
            assembled = self._transcript.feed(message)
            if assembled is not None:
                if message.is_final:  # Whoever waits for the last text has the actions by then.
                    self.events.extend(assembled.actions)
                self.events.append(assembled.response)
                if not message.is_final:
                    self.events.extend(assembled.actions)
            return
        if self._transcript.drops(message):
            return
        self.events.append(message)
        verdict = verdict_of(message)
        if verdict is not None:
            self._verdict = (verdict, now)
            if verdict.cause is Cause.AUTH and not self._was_ready:
                self._passed(Signal.STOP)
                self._dismissed(self._judged(verdict.cause, verdict.text, now), now)

    # --- what we send ----------------------------------------------------------------------

    def check(self, message: Any) -> None:
        """Raise LocalProtocolError for what is wrong with a message at any time: parts, size."""
        self._packed(message, None)

    def _packed(self, message: Any, ident: int | None) -> tuple[str, list[str | bytes]]:
        """The name of a message and its frames."""
        if not messages.may_send(self.role, message):
            raise LocalProtocolError(f"a {self.role.value} does not send {type(message).__name__}")
        name, frames = pack_message(message, ident)
        if self.role is Role.CLIENT:
            check_size(name, frames, self.handshake)
        return name, frames

    def _send(self, message: Any, now: float, ack_within: float | None) -> int:
        receipt = self._receipts + 1
        name, frames = self._packed(message, None if ack_within is None else receipt)
        signal = Signal.SESSION if type(message) is SessionInfo else Signal.MESSAGE
        if not self._may_send(signal, name):
            raise LocalProtocolError(
                f"cannot send {name!r} now: not connected (state {self.state.value})",
                ErrorCode.NOT_CONNECTED,
            )
        if type(message) is Interrupt:
            self._outbox.control(frames, receipt)
        else:
            # Who is heard, and who speaks, is never refused: there is one of it at a time.
            always = type(message) in NEVER_REFUSED
            self._outbox.message(frames, receipt, always=always)
        self._receipts = receipt
        if ack_within is not None:
            self._acks[receipt] = now + ack_within
            self._rearm_acks()
        if isinstance(message, SessionInfo):
            self.session = message
        self._advance(signal)
        self._maybe_ready()
        return receipt

    def _may_send(self, signal: Signal, name: str) -> bool:
        """A client speaks once it is READY, but for its credentials; a server once it has acked."""
        if self.role is Role.CLIENT and name != "authenticate":
            return self.state is State.READY
        return self.state in (State.JOINED, State.READY)

    def _answer(self, answer: Admit | Refuse, now: float) -> int:
        if self.role is not Role.SERVER or self.state is not State.JOINING:
            raise LocalProtocolError(f"nobody asks to join (state {self.state.value})")
        if isinstance(answer, Refuse):
            error = {"message": answer.message}
            self._queue(pack(Packet(Socket.CONNECT_ERROR, NAMESPACE, None, error)))
            self._advance(Signal.JOIN_ERROR)
            self._goodbye(self._closed(Cause.CLIENT, answer.message), now, HangUp())
            return 0
        if answer.session is not None:  # What is wrong with it raises before anything is sent.
            pack_message(answer.session, None)
        assert self.handshake is not None  # A server has one from the start.
        sid = {"sid": self.handshake.sid}
        self._queue(pack(Packet(Socket.CONNECT, NAMESPACE, None, sid)))
        self._advance(Signal.JOIN_ACK)
        return 0 if answer.session is None else self._send(answer.session, now, None)

    def _acknowledge(self, ack: Ack, now: float) -> int:
        if self.state not in (State.JOINING, State.JOINED, State.GREETED, State.READY):
            raise LocalProtocolError(
                f"cannot acknowledge now (state {self.state.value})", ErrorCode.NOT_CONNECTED
            )
        frames = pack(Packet(Socket.ACK, NAMESPACE, ack.ack_id, list(ack.args)))
        self._control(frames, now)
        return 0

    def _queue(self, frames: list[str | bytes]) -> None:
        """Queue a packet of the handshake behind what is there; nobody waits for its receipt."""
        self._outbox.message(frames)

    def _control(self, frames: list[str | bytes], now: float) -> None:
        if not self._outbox.control(frames):
            self._fault(RemoteProtocolError("it does not read what it asked us to answer"), now)

    # --- states and endings ----------------------------------------------------------------

    def _advance(self, signal: Signal) -> None:
        """Something of ours has passed; raises LocalProtocolError when it may not."""
        after = next_state(self.state, signal)
        if after is None:
            raise LocalProtocolError(f"{signal.name} in state {self.state.value}")
        self.state = after

    def _passed(self, signal: Signal) -> None:
        """A packet of the peer's has passed; raises RemoteProtocolError when it may not."""
        after = next_state(self.state, signal)
        if after is None or SENDER.get(signal, self._peer) is self.role:
            raise RemoteProtocolError(f"{signal.name} is out of place (state {self.state.value})")
        self.state = after

    def _maybe_ready(self) -> None:
        """The first arrival at READY is told."""
        if self.state is State.READY and not self._was_ready:
            assert self.session is not None  # The table leads here through SESSION only.
            self._was_ready = True
            self._timers.stop(Timer.CONNECT)
            self.events.append(Ready(self.session))

    def _expire(self, timer: Timer, now: float) -> None:
        if timer is Timer.ACK:
            self._expire_acks(now)
        elif timer is Timer.PING:
            self._timers.start(Timer.HEARTBEAT, now + self._window())
            self._control([engineio.encode(Engine.PING)], now)
        elif timer is Timer.HEARTBEAT and self._reading_paused:
            # A pong may wait unread behind what we refused to read.
            self._reading_paused = False
            self._timers.start(Timer.HEARTBEAT, now + self._window())
        elif timer is Timer.HEARTBEAT:
            text = f"the {self._peer.value} has gone silent"
            self._finish(self._judged(Cause.HEARTBEAT, text, now))
        elif timer is Timer.CONNECT:
            text = f"timed out waiting for {AWAITED[self.state]}"
            self._finish(self._judged(Cause.TIMEOUT, text, now))
        elif timer is Timer.ATTACHMENTS:
            self._fault(RemoteProtocolError("the attachments of a packet never came"), now)
        else:  # CLOSE: the goodbye was said, the transport lingers.
            self._finish(self._closed(Cause.NETWORK, "the transport did not end in time"))

    def _expire_acks(self, now: float) -> None:
        for receipt in [r for r, at in self._acks.items() if at <= now]:
            del self._acks[receipt]
            self.events.append(AckSettled(receipt, Outcome.TIMEOUT))
        self._rearm_acks()

    def _rearm_acks(self) -> None:
        if self._acks:
            self._timers.start(Timer.ACK, min(self._acks.values()))
        else:
            self._timers.stop(Timer.ACK)

    def _fault(self, error: EstuaryError, now: float) -> None:
        text = f"the {self._peer.value} broke the protocol: {error.message}"
        self._finish(self._judged(Cause.PROTOCOL, text, now, error.details))

    def _goodbye(self, ending: Closed, now: float, hang_up: HangUp) -> None:
        """The ending has begun: hang up behind what waits, give the transport time to end."""
        self._ending = ending
        self._timers.clear()
        self._timers.start(Timer.CLOSE, now + self._close_within)
        self._outbox.goodbye(hang_up)

    def _dismissed(self, ending: Closed, now: float) -> None:
        """The peer has left: what still waits would reach nobody."""
        self.events.extend(self._outbox.lose())
        self._goodbye(ending, now, HangUp())

    def _finish(self, ending: Closed) -> None:
        """The end, once: settle what is open, tell, and be silent."""
        self.state = State.CLOSED
        self._timers.clear()
        self.events.extend(self._outbox.lose())
        self.events.extend(AckSettled(receipt, Outcome.LOST) for receipt in self._acks)
        self._acks.clear()
        self.events.append(self._ending or ending)

    def _judged(
        self, cause: Cause, text: str, now: float, details: Mapping[str, Any] | None = None
    ) -> Closed:
        """The ending for `cause`, unless the server announced another one just before."""
        if self._verdict is not None:
            verdict, at = self._verdict
            if now - at <= VERDICT_HOLDS:
                return self._closed(
                    verdict.cause, verdict.text, {**verdict.details, **(details or {})}
                )
        return self._closed(cause, text, details)

    def _closed(self, cause: Cause, text: str, details: Mapping[str, Any] | None = None) -> Closed:
        return Closed(cause, EstuaryError(text, ENDINGS[cause].code, details), self._was_ready)
