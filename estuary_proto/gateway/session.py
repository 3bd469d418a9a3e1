"""One client of the gateway: let in, listened to, answered.

    session = ServerSession(config, memory=store, entropy=os.urandom)
    session.start(now=t)                          # inputs, as of every frame core
    session.receive(frame, now=t)
    session.next_frame()                          # outputs: frames, commands, a deadline
    session.next_command()                        # AskBrain | StopBrain | Transcribe | Cut | …

The rules brain answers by itself; with `external=True` whoever moves the session is asked by
`AskBrain` and tells by `brain_piece`, `brain_done` and `brain_failed`. A recogniser `outside` is
asked by `Follow` and `Transcribe` and tells by `heard` and `hearing_failed`, a voice by `Say`, and
tells by `voice_sound`, `voice_done` and `voice_failed`. Without a `memory` whoever moves it is
asked by `Recall` and tells by `recalled`; `keep` is told what should be kept. A script in the
configuration decides over all of it (`rehearsal`). Nothing that a client sends raises.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from .. import intents
from ..answers import Ack, Admit, Refuse
from ..connection import Connection
from ..engineio import Open
from ..errors import SendBlocked
from ..events import AckDue, AckSettled, Closed, HangUp, JoinRequested, Writable
from ..models.base import Model
from ..models.session import (
    AuthError,
    ModerationWarning,
    SessionInfo,
    SessionRejected,
    SessionTimeout,
)
from ..models.voice import VoiceTimeout
from ..states import Role, State
from ..timers import Deadline, Timer, earlier
from . import agents, door, unsupported
from .abilities import abilities_of
from .agents import AgentTalk, Encounter
from .commands import Outside, Recall
from .conversation import Conversation
from .floor import Floor
from .limits import Limits, Moderation
from .records import Recalled
from .registry import Registry
from .rehearsal import ACK_WITHIN, Rehearsal
from .reports import Told
from .script import JOINING
from .voices import Voices

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .acts import Cut, Report
    from .commands import Command
    from .config import ServerConfig
    from .memory import MemoryStore
    from .records import Kept

MAX_WAITING: Final = 100
"""Messages that may wait for room in the send buffer before reading pauses."""

GOODBYE_WITHIN: Final = 2.0
"""Seconds that a client has to end the WebSocket after we hung up."""


class ServerSession(Told):
    """One client of the gateway; the module shows how it is driven.

    `memory` and `registry` are shared by all sessions of a gateway, `entropy(n)` gives n random
    bytes for ids, times are monotonic seconds. `wall` gives the time of day in ISO 8601, for the
    messages that carry one.
    """

    def __init__(
        self,
        config: ServerConfig,
        *,
        memory: MemoryStore | None,
        entropy: Callable[[int], bytes],
        external: bool = False,
        outside: Outside | None = None,
        registry: Registry | None = None,
        wall: Callable[[], str] = str,
        keep: Callable[[Kept], object] | None = None,
    ) -> None:
        self._config = config
        self._registry = registry if registry is not None else Registry(config, entropy)
        self._wall = wall
        self._store = memory
        self._keep = keep
        self._entering: intents.Authenticate | None = None
        self._entropy = entropy
        self._external = external
        self._outside = outside or Outside()
        self._voices = Voices(self._registry.cast, external=self._outside.voice)
        self._conn = Connection(
            Role.SERVER,
            handshake=Open(
                self._new_id(), (), config.ping_interval, config.ping_timeout, config.max_payload
            ),
            connect_within=config.auth_timeout,
        )
        self._talk: Conversation | None = None
        self._floor: Floor | None = None
        self._agents: AgentTalk | None = None
        self._rehearsal = Rehearsal(config.script, self)
        self._moderation = Moderation(config.banned_words)
        self._limits: Limits | None = None
        self._knocking: intents.Authenticate | None = None
        self._pass: door.Pass | None = None
        self._asked: dict[int, int] = {}
        self._taken_back = False
        # What waits for room, and the number of the rule that asked for it (0: none).
        self._waiting: deque[tuple[Model, int]] = deque()
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
    def audio_ignored(self) -> int:
        """How many pieces of audio came while nobody listened."""
        return self._floor.mic.ignored if self._floor is not None else 0

    @property
    def wants_read(self) -> bool:
        """False while the client does not take what it asked for."""
        held_up = self._rehearsal.stalled or len(self._waiting) >= MAX_WAITING
        return self._conn.wants_read and not held_up

    @property
    def wants_write(self) -> bool:
        """True while `next_frame` has something to give."""
        if self._rehearsal.silent:
            return False
        return self._conn.wants_write or self._rehearsal.wants_write or self._hang_up is not None

    @property
    def deadline(self) -> Deadline | None:
        """When `handle_timeout` should be called next, and why."""
        if self._closed is not None:
            return None
        if self._gone_by is not None:
            return Deadline(self._gone_by, Timer.CLOSE)
        found = self._rehearsal.deadline
        if not self._rehearsal.silent:
            found = earlier(self._conn.deadline, found)
        mic, indoors = (
            (None, None) if self._floor is None else (self._floor.mic, self._floor.indoors)
        )
        for speaker in (self._talk, self._agents, mic, indoors):
            due = speaker.due_at if speaker is not None else None
            found = earlier(found, None if due is None else Deadline(due, Timer.TURN))
        if self._conn.state is not State.READY or self._limits is None:
            return found
        return earlier(earlier(found, self._limits.deadline), self._lapses)

    @property
    def _lapses(self) -> Deadline | None:
        """When the credential does."""
        at = self._pass.expires_at if self._pass is not None else None
        return None if at is None else Deadline(at, Timer.RENEW)

    def next_frame(self) -> str | bytes | HangUp | None:
        """The next frame to send, or None; asking again says the former one has been handed on."""
        if self._rehearsal.silent:
            return None
        frame = self._conn.next_frame()
        self._take_events()
        if frame is None and self._rehearsal.wants_write:
            frame = self._rehearsal.next_frame()
            self._settle()  # What the script wants next has waited for that.
        if frame is None and not self._rehearsal.silent:
            frame, self._hang_up = self._hang_up, None
        return frame

    def next_command(self) -> Command | Cut | Report | None:
        """What an external brain, or whoever moves the session, should do next; or None."""
        for one in (self._rehearsal, self._voices, self._talk):
            if one is not None and one.commands:
                return one.commands.popleft()
        return None

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
        if self._rehearsal.stalled:
            self._conn.reading_paused()
        if self._gone_by is not None:
            if now >= self._gone_by:
                self._conn.receive_eof(now=now)
        elif not self._rehearsal.silent:
            self._conn.handle_timeout(now=now)
        self._take_events()
        self._speak(now)
        if self._floor is not None:
            self._floor.mic.tick(now=now)
            self._floor.indoors.tick(now=now)
        self._enforce()
        self._settle()

    def close(self, *, now: float, code: int = 1001, reason: str = "going away") -> None:
        """Hang up behind what waits. No Socket.IO goodbye goes before it: a client would take that
        for the end of its session, and the WebSocket's code is what says why (API 6)."""
        self._now = now
        self._rehearsal.speak_up()
        self.hang_up(code, reason)

    def recalled(self, found: Recalled, *, now: float) -> None:
        """What a `Recall` asked for: with it the session begins."""
        self._now = now
        who, self._entering = self._entering, None
        if who is not None and self._gone_by is None and self._waits_to_enter:
            self._enter(who, found)
            self._settle()

    def revoke(self, share_id: str, *, now: float) -> bool:
        """This share is over, and with it the session if it came from there; whether it did."""
        self._now = now
        over = self._gone_by is not None or self._conn.state in (State.CLOSING, State.CLOSED)
        if over or self._pass is None or self._pass.guest != share_id:
            return False
        self.tell(AuthError("The share was revoked"))
        self.leave()
        return True

    def _speak(self, now: float) -> None:
        self._now = now
        if self._talk is not None:
            self._talk.speak(now=now)
        if self._agents is not None:
            self._agents.speak(now=now)
        self._settle()

    # --- an outlet for the conversation ----------------------------------------------------

    @property
    def has_room(self) -> bool:
        """False while messages wait for room in the send buffer."""
        return not self._waiting

    def send(self, message: Model, *, now: float) -> None:
        """Send `message`, or keep it until there is room."""
        self._queue(message)

    def _queue(self, message: Model, asked_by: int = 0) -> None:
        passed = message if self._limits is None else self._limits.passes(message, now=self._now)
        if passed is None:
            return
        if passed is not message:
            self._taken_back = True
        if self._floor is not None:
            if isinstance(passed, VoiceTimeout):
                self._floor.mic.close()
            passed = self._floor.indoors.passes(passed)
        self._waiting.append((passed, asked_by))
        self._flush()

    def _flush(self) -> None:
        while self._waiting and self._conn.state in (State.JOINED, State.READY):
            message, asked_by = self._waiting[0]
            within = ACK_WITHIN if asked_by else None
            try:
                receipt = self._conn.submit(message, now=self._now, ack_within=within)
            except SendBlocked:
                return
            if asked_by:
                self._asked[receipt] = asked_by
            self._waiting.popleft()

    # --- a host for the script -------------------------------------------------------------

    @property
    def session_id(self) -> str:
        """Of this session; "" before it stands."""
        return self.info.session_id if self.info is not None else ""

    @property
    def message_id(self) -> str:
        """Of the answer that is spoken, or was spoken last; "" before the first."""
        return self._talk.message_id if self._talk is not None else ""

    @property
    def joining(self) -> bool:
        """True while the client waits for the answer to its request to join."""
        return self._conn.state is State.JOINING

    def tell(self, message: Model, *, asked_by: int = 0) -> None:
        """Send; who is still joining is let into the namespace before."""
        if self.joining and self._gone_by is None:
            self._conn.submit(Admit(), now=self._now)
        if self._gone_by is None and self._conn.state in (State.JOINED, State.READY):
            self._queue(message, asked_by)

    def say(self, pieces: Sequence[str], interval: float | None) -> None:
        """The character says this."""
        assert self._floor is not None  # A script says nothing before there is a session.
        self._floor.recite(pieces, interval, now=self._now)

    def slow(self, seconds: float) -> None:
        """Begin answers so much later from here on."""
        assert self._talk is not None  # As above.
        self._talk.delay = seconds

    def leave(self) -> None:
        """End the session with a namespace disconnect."""
        self._silence()
        self._conn.close(now=self._now)

    def hang_up(self, code: int, reason: str) -> None:
        """Close the WebSocket behind what waits."""
        if self._gone_by is None and self._conn.state not in (State.CLOSING, State.CLOSED):
            self._gone_by = self._now + GOODBYE_WITHIN
            self._hang_up = HangUp(code, reason)
            self._silence()

    def refuse(self, message: str) -> None:
        """Answer the request to join with a connect error."""
        self._conn.submit(Refuse(message), now=self._now)

    # --- events of the connection ----------------------------------------------------------

    def _take_events(self) -> None:
        while (event := self._conn.next_event()) is not None:
            if isinstance(event, Closed):
                self._closed = event
                self._hang_up = None
                self._silence()
                self._clear()
            elif isinstance(event, Writable):
                self._flush()
            elif isinstance(event, JoinRequested):
                self._join(event.auth)
            elif isinstance(event, AckDue):
                self._acknowledge(event.ack_id)
            elif isinstance(event, AckSettled):
                self._rehearsal.acked(self._asked.pop(event.receipt), event)
            elif isinstance(event, Model):
                self._ack_args = self._handle(event)

        self._settle()

    def _settle(self) -> None:
        """What follows from the last input, beside its answer."""
        if self._taken_back and self._talk is not None:
            # Not at once: the talk was about to send what was taken back.
            self._taken_back = False
            self._talk.stop()
        self._rehearsal.run(now=self._now)
        if self._knocking is not None and not self._rehearsal.holds_the_door:
            who, self._knocking = self._knocking, None
            if self._gone_by is None and self._waits_to_enter:
                self._decide(who)

    @property
    def _waits_to_enter(self) -> bool:
        return self._conn.state in (State.JOINING, State.JOINED)

    def _silence(self) -> None:
        if self._floor is not None:
            self._floor.close()
        self._agents = None

    def _clear(self) -> None:
        """It is over: leave nothing behind."""
        self._rehearsal.stop()
        self._asked.clear()
        if self._pass is not None and self._pass.share:
            self._registry.leave_seat(self._pass.share)
            self._pass = None

    def _acknowledge(self, ack_id: int) -> None:
        """The message before has been dealt with; what it asked may have been to be thrown out."""
        if self._conn.state in (State.JOINED, State.READY):
            self._conn.submit(Ack(ack_id, self._ack_args), now=self._now)

    # --- coming in -------------------------------------------------------------------------

    def _join(self, auth: dict[str, Any]) -> None:
        if not door.presents_credentials(auth):
            self._conn.submit(Admit(), now=self._now)
            return
        self._knock(intents.Authenticate.from_dict(auth))

    def _knock(self, who: intents.Authenticate) -> None:
        """Somebody presents credentials; the script may have a say in it first."""
        if self._knocking is None:
            self._registry.joins += 1
            number = self._registry.joins
            self._rehearsal.saw(JOINING, now=self._now, number=number)
            self._knocking = who

    def _decide(self, who: intents.Authenticate) -> None:
        known, cast = self._registry.credentials, self._registry.cast
        found = door.admission(self._config, known, who, now=self._now, cast=cast)
        if isinstance(found, door.Pass):
            self._admit(who, found)
        elif self.joining:
            self.refuse(found)
        else:
            self.tell(AuthError(found))
            self.leave()

    def _admit(self, who: intents.Authenticate, found: door.Pass) -> None:
        cap = self._config.max_sessions_per_token
        if found.share and not self._registry.take_seat(found.share, cap):
            self.tell(SessionRejected("concurrent_limit", cap or 0, found.share))
            self.leave()
            return
        self._pass = found
        if self._store is None:
            self._entering = who
            self._rehearsal.commands.append(Recall(who.character_id, found.player_id))
        else:
            self._enter(who, Recalled(self._store.of(who.character_id, found.player_id)))

    def _enter(self, who: intents.Authenticate, known: Recalled) -> None:
        assert self._pass is not None  # It was admitted.
        character = self._registry.cast.get(who.character_id)
        if character is None:  # Deleted in the meantime.
            return self._decide(who)
        player_id, talk_id = self._pass.player_id, known.conversation_id or self._new_id()
        session_id, url = self._new_id(), self._outside.rooms or None
        info = SessionInfo(session_id, talk_id, who.character_id, player_id, livekit_url=url)
        self._conn.submit(Admit(info) if self.joining else info, now=self._now)
        self._registry.connections += 1
        self._limits = Limits(
            self._config, self._registry, self._moderation, player_id,
            now=self._now, quota=self._pass.quota,
        )  # fmt: skip
        abilities = abilities_of(who)
        self._talk = Conversation(
            self._config, info, character, known, self,
            new_id=self._new_id, external=self._external, tells_memory=who.realtime_memory,
            wall=self._wall, abilities=abilities, keep=self._keep, voices=self._voices,
        )  # fmt: skip
        self._floor = Floor(self._config, abilities, self._talk, self, self._outside, info)
        self._floor.greet(now=self._now)
        self._rehearsal.began(now=self._now, number=self._registry.connections)
        self._rehearsal.run(now=self._now)

    def _new_id(self) -> str:
        return self._entropy(16).hex()

    # --- messages of the client ------------------------------------------------------------

    def _handle(self, message: Model) -> tuple[Any, ...]:
        """Do what the client asks; returns what its acknowledgement says."""
        if self._floor is None or self._limits is None:
            if isinstance(message, intents.Authenticate) and not self.joining and not self._pass:
                self._knock(message)
            return ()
        self._limits.heard(message, now=self._now)
        text = message.text if isinstance(message, intents.SendText) else ""
        if self._rehearsal.saw(message.WIRE, now=self._now, text=text):
            return ()
        if isinstance(message, (intents.SendText, intents.SendCameraImage)):
            if not self.allows(message.text or ""):
                return ()
        return () if self._floor.takes(message, now=self._now) else self._obey(message)

    def _obey(self, message: Model) -> tuple[Any, ...]:
        now = self._now
        if isinstance(message, intents.RenewAuthentication):
            return (self._renew(message.client_token),)
        elif isinstance(message, intents.StartAgentConversation):
            self._start_agents(message)
        elif isinstance(message, intents.StopAgentConversation):
            if self._agents is not None:
                self._agents.stop(now=now)
        elif (answer := unsupported.answer(message)) is not None:
            self.send(answer, now=now)
        return ()

    def encounter(
        self, encounter_id: str, wanted: intents.StartAgentConversation, *, now: float
    ) -> None:
        """Two characters meet, and the client hears of it, if its session stands."""
        self._now = now
        if self._floor is not None and self._gone_by is None and self._closed is None:
            self._start_agents(wanted, Encounter(encounter_id, wanted, self))
            self._settle()

    def _start_agents(
        self, wanted: intents.StartAgentConversation, outlet: Encounter | None = None
    ) -> None:
        """Two characters talk; those who talked before have stopped."""
        cast = self._registry.cast
        problem = agents.problem_of(cast, wanted)
        if problem is not None:
            self.send(problem, now=self._now)
            return
        if self._agents is not None:
            self._agents.stop(now=self._now)
        assert self._floor is not None  # There is a session.
        aloud = None if outlet else self._floor.aloud(heard=True)
        self._agents = AgentTalk(
            self._config, cast, wanted, outlet or self, self._voices, now=self._now, aloud=aloud
        )
        self._agents.speak(now=self._now)

    # --- limits ----------------------------------------------------------------------------

    def allows(self, text: str) -> bool:
        """Whether the player may say this; one who may not has been told, and may be out."""
        refusal = self._limits.refusal(text) if self._limits is not None else None
        if refusal is not None:
            self._turn_away(refusal)
        return refusal is None

    def unheard(self) -> None:
        """Nobody listens any more, and nothing was said about it."""
        assert self._limits is not None  # They come with the session, and before its ears.
        self._limits.unheard()

    def scripted(self, text: str) -> bool:
        """What the player says aloud fires the script's rules about texts too; True when one of
        them stands for the answer."""
        return self._rehearsal.saw("text", now=self._now, text=text)

    def _turn_away(self, refusal: Model) -> None:
        self.send(refusal, now=self._now)
        if isinstance(refusal, ModerationWarning) and refusal.level == "terminated":
            self.leave()

    def _enforce(self) -> None:
        """End what has been idle, or let in, for too long."""
        if self._limits is None or self._conn.state is not State.READY or self._gone_by is not None:
            return
        while (overdue := self._limits.overdue(now=self._now)) is not None:
            self.send(overdue, now=self._now)
            if isinstance(overdue, SessionTimeout):
                return self.leave()
        lapses = self._lapses
        if lapses is not None and lapses.at <= self._now:
            self.send(AuthError("credential_expired"), now=self._now)
            self.leave()

    def _renew(self, token: str) -> dict[str, Any]:
        """What the acknowledgement of a renewal says (PROTOCOL 1.6)."""
        assert self._pass is not None
        known = self._registry.credentials
        renewed = door.renewed(self._config, known, self._pass, token, now=self._now)
        self._pass = renewed or self._pass
        return {"ok": renewed is not None}
