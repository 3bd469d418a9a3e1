"""A client over many connections: dialling, retrying, replies; still without I/O.

    client = Client(config, seed=7)
    client.connect(now=t)
    client.next_command()                     # Dial(link=1, host, port, …) | Drop(link)
    client.opened(1, now=t)                   # the WebSocket of link 1 is open
    client.receive(1, '0{"sid":…}', now=t)    # inputs carry the link's number …
    client.next_frame(1)                      # … and so do pulls
    client.next_event()                       # messages, Connected, Disconnected, ReplyPart …
    client.deadline                           # Deadline(at, timer) | None

Results of a link that is no longer the current one are ignored, so a late word of a dead socket is
harmless. `life(link)` gives one link the verbs of a `Connection`, for `WebSocketLink` to wrap.
"""

from __future__ import annotations

from collections import deque
from random import Random
from typing import TYPE_CHECKING, Any

from .answers import Ack
from .connection import MAX_EVENTS, Connection
from .credentials import Credentials
from .errors import ErrorCode, EstuaryError, LocalProtocolError, SendBlocked
from .events import (
    AckDue,
    AckSettled,
    AudioDropped,
    Closed,
    Connected,
    ConnectFailed,
    Dial,
    Disconnected,
    Drop,
    Fault,
    HangUp,
    Outcome,
    Ready,
    Reconnecting,
    Settled,
    StateChanged,
)
from .intents import SendText
from .life import Life
from .lines import Lines
from .models.agents import AgentTurnVoice
from .models.conversation import BotVoice, InterruptData, SttResponse
from .models.session import ConnectionState, ErrorEvent, ModerationFlag, SessionInfo
from .models.voice import (
    LiveKitError,
    LiveKitReady,
    LiveKitToken,
    VoiceError,
    VoiceStarted,
    VoiceStopped,
    VoiceTimeout,
)
from .packing import MAX_AUDIO
from .parts.indoors import Indoors
from .parts.playing import Playing
from .parts.renewing import Renewing
from .parts.speaking import Speaking
from .playback import Playback
from .policy import ENDINGS, SETTLED_AFTER, Cause, retry_delay
from .replies import Replies
from .states import Role, State
from .timers import Deadline, Timer, Timers, earlier
from .voice import Voice
from .voice_outlet import Outlet

if TYPE_CHECKING:
    from .config import EstuaryConfig


class Client(Speaking, Playing, Indoors, Renewing):
    """A client over many connections, without I/O; the module shows how it is driven.

    `seed` decides the jitter of retries, `path` is the Socket.IO endpoint.
    `joins_rooms`: the driver can join LiveKit rooms, and obeys `JoinRoom`.
    """

    def __init__(
        self,
        config: EstuaryConfig,
        *,
        seed: int = 0,
        path: str = "/socket.io/",
        joins_rooms: bool = False,
    ) -> None:
        self.config = config
        self.state: ConnectionState = ConnectionState.DISCONNECTED
        self.session: SessionInfo | None = None
        self.link: int = 0
        self._path = path
        self._seed = seed
        self._random: Random | None = None  # 2.5 KiB, for who has to come back
        self._timers = Timers()
        self._connection: Connection | None = None
        self._commands: list[Dial | Drop] = []
        self._events: deque[Any] = deque()
        self._replies = Replies(self._events)
        outlet = Outlet(
            self._say_of_voice,
            self._say_aloud,
            lambda: self._connection.max_audio if self._connection else MAX_AUDIO,
            self._tell_of_voice,
            self._is_hushed,
            self._arm_voice,
            self._offered_room,
            lambda: self._now,
        )
        self.voice: Voice = Voice(config, outlet, joins_rooms=joins_rooms)
        self.playback: Playback = Playback(config, self._events.append)
        self._lines = Lines(self._send_line, self._events.append, self.playback)
        self._credentials = Credentials()
        self._credential_due = False
        self._renewal = 0
        self._asked = 0
        self._receipts = 0
        self._lost = 0
        self._attempts = 0
        self._leaving = False
        self._ready_at = 0.0
        self._now = float("-inf")

    # --- outputs ---------------------------------------------------------------------------

    @property
    def deadline(self) -> Deadline | None:
        """When `handle_timeout` should be called next, and why."""
        child = None if self._connection is None else self._connection.deadline
        return earlier(self._timers.next, child)

    @property
    def is_connected(self) -> bool:
        """True while a session stands and nobody has said goodbye."""
        return self._connection is not None and self._connection.state is State.READY

    @property
    def wants_read(self) -> bool:
        """False while so many events wait that reading should pause."""
        return len(self._events) < MAX_EVENTS

    def wants_write(self, link: int) -> bool:
        """True while `next_frame(link)` has something to give, or something to settle."""
        return link == self.link and self._connection is not None and self._connection.wants_write

    def next_command(self) -> Dial | Drop | None:
        """What the driver shall do next about transports, or None."""
        return self._commands.pop(0) if self._commands else None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no text may show: the key, the tokens that were given, those of rooms."""
        return (self.config.api_key, *self._credentials.given)

    def next_event(self) -> Any:
        """The next event, or None. Take them all after each call."""
        return self._events.popleft() if self._events else None

    def next_frame(self, link: int, *, batch: bool = False) -> str | bytes | HangUp | None:
        """The next frame for this link, or None; see `Connection.next_frame`."""
        if self._connection is None or link != self.link:
            return None
        frame = self._connection.next_frame(batch=batch)
        self._collect()
        return frame

    # --- inputs: the transport -------------------------------------------------------------

    def opened(self, link: int, *, now: float) -> None:
        """The WebSocket of this link is open."""
        if link == self.link and self._connection is not None:
            now = self._tick(now)
            by = self._timers.at(Timer.CONNECT)
            self._timers.stop(Timer.CONNECT)
            self._connection.start(now=now, by=by)
            self._collect()

    def receive(self, link: int, frame: str | bytes, *, now: float) -> None:
        """One complete WebSocket message has come."""
        connection = self._connection
        if connection is None or link != self.link:
            return
        connection.receive(frame, now=self._tick(now))
        self._collect()
        if len(self._events) >= MAX_EVENTS:
            connection.reading_paused()

    def receive_eof(
        self, link: int, *, now: float, code: int | None = None, reason: str = ""
    ) -> None:
        """The WebSocket is gone: `code` of its close frame, None when none came."""
        if link == self.link and self._connection is not None:
            now = self._tick(now)
            self._connection.receive_eof(now=now, code=code, reason=reason)
            self._collect()

    def dial_failed(self, link: int, error: EstuaryError, *, now: float) -> None:
        """There is no WebSocket for this link: no route, refused, bad certificate, HTTP 401 …"""
        if link == self.link and self._connection is not None:
            now = self._tick(now)
            self._connection.refused(error, now=now)
            self._collect()

    def fault(self, link: int, error: EstuaryError, *, now: float) -> None:
        """The byte layer of this link found the server breaking its rules."""
        if link == self.link and self._connection is not None:
            now = self._tick(now)
            self._connection.fault(error, now=now)
            self._collect()

    def handle_timeout(self, *, now: float) -> None:
        """Run every timer that is due. Spurious calls are free."""
        now = self._tick(now)
        if self._connection is not None:
            self._connection.handle_timeout(now=now)
            self._collect()
        while (timer := self._timers.pop_due(now)) is not None:
            self._expire(timer)

    # --- inputs: the user ------------------------------------------------------------------

    def connect(self, *, now: float) -> None:
        """Begin to connect. While waiting to retry it tries at once; else it changes nothing."""
        now = self._tick(now)
        if self._leaving and self._connection is not None:
            # A goodbye is under way; a new session does not wait for its echo.
            self._connection.receive_eof(now=now)
            self._collect()
        self._leaving = False
        if self._timers.at(Timer.RETRY) is not None:
            self._timers.stop(Timer.RETRY)
            self._dial()
        elif self._connection is None:
            self._attempts = 0
            self._set_state(ConnectionState.CONNECTING)
            self._dial()

    def disconnect(self, *, now: float) -> None:
        """Say goodbye behind what was accepted, or end a pending attempt; never retried."""
        now = self._tick(now)
        if self._timers.at(Timer.RETRY) is not None:
            self._give_up(EstuaryError("disconnected by the user", ErrorCode.CONNECTION_FAILED))
        elif self._connection is not None:
            if self.state is ConnectionState.CONNECTED:
                # When the server has said goodbye first, this keeps us from coming back.
                self._leaving = True
                if self.voice.mode is not None:
                    self.voice.stop()
                self.voice.hurry()
                self._connection.close(now=now)
                self._collect()
            else:
                self._let_go()
                self._give_up(EstuaryError("disconnected by the user", ErrorCode.CONNECTION_FAILED))

    def submit(self, message: Any, *, now: float, ack_within: float | None = None) -> int:
        """Take a message for sending; returns its receipt number, which settles once.

        Raises LocalProtocolError (NOT_CONNECTED) outside a session, SendBlocked when the buffer is
        full; nothing has changed then.
        """
        now = self._tick(now)
        if self._connection is None or self._connection.state is not State.READY:
            raise self._not_connected(f"send {type(message).__name__}")
        receipt = self._say(message, ack_within)
        self._collect()
        return receipt

    def _not_connected(self, what: str) -> LocalProtocolError:
        return LocalProtocolError(
            f"cannot {what}: not connected (state {self.state.value}); await connect() first",
            ErrorCode.NOT_CONNECTED,
        )

    def ask(
        self,
        message: SendText,
        *,
        now: float,
        timeout: float | None = None,
        concurrent: bool = False,
    ) -> int:
        """Send a text and follow its answer; returns the reply's number.

        One reply is outstanding at a time: a later question leaves when it is its turn, unless
        `concurrent`. ReplyStarted, ReplyPart and one ReplyEnded follow. Raises like `submit`.
        """
        if not isinstance(message, SendText):
            raise LocalProtocolError(f"ask() takes a SendText, not {type(message).__name__}")
        number = self._asked + 1
        now = self._tick(now)
        deadline = None if timeout is None else now + timeout
        if concurrent or self._replies.may_send:
            self.submit(message, now=now)
            self._replies.sent(number, message, deadline)
        elif not self.is_connected:
            self.submit(message, now=now)  # Raises what it always raises.
        else:
            assert self._connection is not None
            self._connection.check(message)  # A wrong message raises now, not at its turn.
            self._replies.wait(number, message, deadline)
        self._asked = number
        self._rearm_replies()
        return number

    # --- for voice -------------------------------------------------------------------------

    def _say(self, message: Any, ack_within: float | None) -> int:
        assert self._connection is not None
        receipt = self._connection.submit(message, now=self._now, ack_within=ack_within)
        self._receipts = max(self._receipts, receipt)
        self._replies.submitted(message, self._now)
        self._heed(message)
        return receipt

    def _say_of_voice(self, message: Any, ack_within: float | None) -> int:
        # Where a goodbye is under way nobody listens; its end takes voice with it.
        return self._say(message, ack_within) if self.is_connected else 0

    def _say_aloud(
        self, pcm: bytes, seconds: float, *, live: bool, always: bool, settles: bool
    ) -> int:
        assert self._connection is not None
        receipt, gone, frames = self._connection.send_audio(
            pcm, seconds, live=live, always=always, settles=settles
        )
        self._receipts = max(self._receipts, receipt)
        self.voice.dropped(gone, frames)
        return receipt

    # --- what a connection tells -----------------------------------------------------------

    def _tick(self, now: float) -> float:
        """Time never goes back, whatever the clock says."""
        self._now = max(self._now, now)
        return self._now

    def _collect(self) -> None:
        """Pass on what the connection has told."""
        connection, asking = self._connection, bool(self._replies)
        told = _NOTHING if connection is None else connection.events
        while told:
            event = told.popleft()
            handler = _HANDLERS.get(type(event))
            if handler is None:
                self._pass_on(event)
            else:
                handler(self, event)
        if asking:
            self._send_waiting()

    def _pass_on(self, event: Any) -> None:
        self._events.append(event)
        self._replies.observe(event, self._now)
        if self._lines:
            self._lines.observe(event, self._now)
            self._rearm_lines()

    def _tell(self, event: Any) -> None:
        self._events.append(event)

    def _on_server_error(self, message: ErrorEvent) -> None:
        found = {"code": message.error, "message_id": message.message_id}
        error = EstuaryError(
            message.message or message.error or "the server reported an error",
            details={key: value for key, value in found.items() if value is not None},
        )
        self._conceal(error)
        self._events.append(Fault(error))
        self._replies.error(error, self._now)

    def _conceal(self, error: EstuaryError) -> None:
        for secret in self.secrets:
            error.conceal(secret)

    def _on_session(self, session: SessionInfo) -> None:
        self._credentials.note(session.livekit_token)
        self.session = session

    def _on_ack_due(self, due: AckDue) -> None:
        ending = (State.CLOSING, State.CLOSED)
        if self._connection is not None and self._connection.state not in ending:
            self._connection.submit(Ack(due.ack_id), now=self._now)

    def _on_settled(self, settled: Settled) -> None:
        if settled.outcome is Outcome.LOST:
            self._lost += 1
        self._events.append(settled)

    def _on_voice(self, message: Any) -> None:
        if type(message) is LiveKitToken:
            self._credentials.note(message.token)
        self.voice.told(message)

    def _on_audio_lost(self, lost: AudioDropped) -> None:
        self.voice.lost(lost)  # It tells it with what else is lost.

    def _on_ack_settled(self, settled: AckSettled) -> None:
        if not self._is_renewal(settled) and not self.voice.acked(settled.receipt, settled.outcome):
            self._events.append(settled)

    def _on_ready(self, ready: Ready) -> None:
        self._on_session(ready.session)
        self._ready_at = self._now
        self._set_state(ConnectionState.CONNECTED)
        self._events.append(Connected(ready.session))
        if self.config.token_provider is not None:
            self._timers.start(Timer.RENEW, self._credentials.renew_at)
        self.voice.ready()

    def _on_closed(self, closed: Closed) -> None:
        self._let_go()
        self._conceal(closed.error)
        if closed.cause in (Cause.AUTH, Cause.CREDENTIAL):
            self._credentials.forget()
        ending = ENDINGS[closed.cause]
        if closed.was_ready:
            if ending.resets_counter and self._now - self._ready_at >= SETTLED_AFTER:
                self._attempts = 0
            self._after_session(closed)
        elif self.state is ConnectionState.CONNECTING:
            self._set_state(ConnectionState.ERROR)
            self._events.append(ConnectFailed(closed.error))
        elif ending.retry:
            self._retry(closed.error)
        else:
            self._abandon(closed.error)

    def _after_session(self, closed: Closed) -> None:
        """A session that stood is over: say so, then try again or rest."""
        again = ENDINGS[closed.cause].retry and self.config.auto_reconnect and not self._leaving
        state = ConnectionState.RECONNECTING if again else ConnectionState.DISCONNECTED
        self._set_state(state)
        self._events.append(Disconnected(closed.cause.value))
        if self._lost:
            text = f"{self._lost} accepted message(s) were not sent before the connection fell"
            error = EstuaryError(text, ErrorCode.CONNECTION_FAILED, {"lost": self._lost})
            self._events.append(Fault(error))
            self._lost = 0
        if closed.cause is Cause.PROTOCOL:
            self._events.append(Fault(closed.error))
        self._replies.lost(closed.error.message)
        self._rearm_replies()
        self._lines.lost()
        self.playback.fell()
        self._rearm_lines()
        self.voice.fell(again and ENDINGS[closed.cause].voice_resumes)
        if again:
            self._retry(closed.error)

    # --- dialling and retrying -------------------------------------------------------------

    def _dial(self) -> None:
        config = self.config
        self.link += 1
        auth = config.auth()
        asks = config.token_provider is not None
        if asks and self._credentials.holds(self._now):
            asks, auth = False, self._credentials.auth(auth)
        self._connection = Connection(
            Role.CLIENT,
            auth=auth,
            connect_within=config.connect_timeout,
            text_mode=config.text_mode,
            receipts_after=self._receipts,
            audio_backlog=config.audio_backlog,
        )
        self._timers.start(Timer.CONNECT, self._now + config.connect_timeout)
        if asks:
            self._ask_for_credential()
        else:
            self._commands.append(self._way())

    def _way(self) -> Dial:
        to = self.config
        return Dial(self.link, to.host, to.port, to.secure, to.target(self._path))

    def _retry(self, error: EstuaryError) -> None:
        config = self.config
        if self._attempts >= config.max_reconnect_attempts:
            text = f"gave up after {self._attempts} attempt(s) to reconnect: {error.message}"
            self._abandon(EstuaryError(text, ErrorCode.CONNECTION_FAILED, error.details))
            return
        self._attempts += 1
        if self._random is None:
            self._random = Random(self._seed)
        delay = retry_delay(
            self._attempts,
            config.reconnect_delay,
            config.reconnect_delay_max,
            self._random.random(),
        )
        self._timers.start(Timer.RETRY, self._now + delay)
        self._events.append(Reconnecting(self._attempts, delay))

    def _abandon(self, error: EstuaryError) -> None:
        """No further attempt: this is the end until somebody connects again."""
        self.voice.end()
        self._set_state(ConnectionState.ERROR)
        self._events.append(Fault(error))
        self._events.append(ConnectFailed(error))

    def _give_up(self, error: EstuaryError) -> None:
        """The user ended a pending attempt."""
        self.voice.end()
        self._timers.clear()
        self._set_state(ConnectionState.DISCONNECTED)
        self._events.append(ConnectFailed(error))

    def _let_go(self) -> None:
        """The current link is over."""
        self._connection = None
        self.session = None
        self._credential_due = False
        self._timers.stop(Timer.CONNECT)
        self._timers.stop(Timer.RENEW)
        self._commands.append(Drop(self.link))

    def _expire(self, timer: Timer) -> None:
        if timer is Timer.RETRY:
            self._dial()
        elif timer is Timer.REPLY:
            self._replies.expire(self._now)
            self._send_waiting()
        elif timer is Timer.LINE:
            self._lines.expire(self._now)
            self._collect()
            self._rearm_lines()
        elif timer is Timer.VOICE:
            self.voice.expire()
            self._collect()
        elif timer is Timer.RENEW:
            self._renew()
        elif self._credential_due:
            text = f"the token provider did not answer in {self.config.connect_timeout:g} s"
            error = EstuaryError(text, ErrorCode.AUTH_FAILED)
            self.credential_failed(self.link, error, now=self._now)
        else:  # CONNECT, before there was a WebSocket.
            assert self._connection is not None  # It goes with the timer.
            config = self.config
            text = f"no WebSocket to {config.host}:{config.port} in {config.connect_timeout:g} s"
            error = EstuaryError(text, ErrorCode.CONNECTION_TIMEOUT)
            self._connection.refused(error, now=self._now)
            self._collect()

    def _set_state(self, state: ConnectionState) -> None:
        self.state = state
        self._events.append(StateChanged(state))

    # --- replies ---------------------------------------------------------------------------

    def _send_waiting(self) -> None:
        """Let the next question leave when the one before it has been answered."""
        while (intent := self._replies.next_waiting()) is not None and self.is_connected:
            assert self._connection is not None
            try:
                self._receipts = self._connection.submit(intent, now=self._now)
            except SendBlocked:
                break  # Writable brings us here again.
            self._replies.leave()
        self._rearm_replies()

    def _rearm_replies(self) -> None:
        deadline = self._replies.deadline
        if deadline is None:
            self._timers.stop(Timer.REPLY)
        else:
            self._timers.start(Timer.REPLY, deadline)

    def life(self, link: int) -> Life:
        """One link, with the verbs of a `Connection`."""
        return Life(self, link)


_NOTHING: deque[Any] = deque()


_HANDLERS: dict[type, Any] = {
    ErrorEvent: Client._on_server_error,
    SessionInfo: Client._on_session,
    AckDue: Client._on_ack_due,
    Settled: Client._on_settled,
    Ready: Client._on_ready,
    Closed: Client._on_closed,
    AckSettled: Client._on_ack_settled,
    BotVoice: Client._on_bot_voice,
    AgentTurnVoice: Client._on_agent_voice,
    SttResponse: Client._on_heard,
    InterruptData: Client._on_interrupt,
    ModerationFlag: Client._on_flag,
    AudioDropped: Client._on_audio_lost,
    **dict.fromkeys((VoiceStarted, VoiceStopped, VoiceError, VoiceTimeout), Client._on_voice),
    **dict.fromkeys((LiveKitToken, LiveKitReady, LiveKitError), Client._on_voice),
}
