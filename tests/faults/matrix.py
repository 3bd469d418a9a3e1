"""Every fault in every state, in memory and in virtual time: what the user is told of it.

A `Stage` is a client and its server, joined by `estuary_proto.testing.Pair`; a state is a function
that brings one about, a fault a function that happens to it. `outcome` runs a cell to its end and
says in a few words what became of the connection, of what was accepted, of the question that was
open, and of voice; whatever breaks a law of the design raises `Broken`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from estuary_proto import Ack, AckDue, Admit, EstuaryError, JoinRequested, Open, Refuse
from estuary_proto.errors import ErrorCode
from estuary_proto.events import (
    AckSettled,
    AudioDropped,
    ConnectFailed,
    CredentialNeeded,
    Disconnected,
    Fault,
    ReplyEnded,
    Settled,
)
from estuary_proto.intents import RenewAuthentication, SendText, StartVoice
from estuary_proto.messages.unknown import UnknownEvent
from estuary_proto.models.conversation import BotVoice, ResponseChunk
from estuary_proto.models.pcm import encode_pcm
from estuary_proto.models.session import SessionInfo, VoiceMode
from estuary_proto.models.voice import VoiceStarted
from estuary_proto.states import Role, State
from estuary_proto.testing.pair import CONFIG, Link, Pair

if TYPE_CHECKING:
    from collections.abc import Callable

TENTH: Final = bytes(3200)
LONG: Final = 400.0
"""Seconds in which every cell has come to rest: heartbeats, attempts, and more."""


class Broken(AssertionError):
    """A cell broke a law."""


async def _unused() -> Any:
    """A token provider for a core, which asks by an event."""


class Stage(Pair):
    """A pair whose server does as `admits`, `answers_acks` say, and whose client has an app."""

    def __init__(self) -> None:
        config = replace(CONFIG, api_key="", token_provider=_unused, connect_timeout=15.0)
        self.admits: bool = True
        self.answers_acks: bool = True
        self.refuses: bool = False
        self.provides: bool = True
        self.late: list[tuple[Link, Any]] = []
        """What the server is slow to say."""
        self.notes: list[str] = []
        """What else is to stand in the cell."""
        self.accepted: list[int] = []
        self.asked: list[int] = []
        super().__init__(config, serve=self._decide, handshake=Open("s"), latency=0.01)

    def _decide(self, link: Link, event: Any) -> None:
        if isinstance(event, JoinRequested):
            answer = Refuse("go away") if self.refuses else Admit(SESSION)
            self._answer(link, answer, at_once=self.admits)
        elif isinstance(event, AckDue):
            ack = Ack(event.ack_id, ({"ok": True},))
            self._answer(link, ack, at_once=self.answers_acks)
        elif isinstance(event, StartVoice) and self.answers_acks:
            link.submit(VoiceStarted())

    def _answer(self, link: Link, answer: Any, *, at_once: bool) -> None:
        if at_once:
            link.submit(answer)
        else:
            self.late.append((link, answer))

    def catch_up(self) -> None:
        """The server says what it was slow to say, where somebody may still hear it."""
        for link, answer in self.late:
            if link.server.state in (State.JOINING, State.READY):
                link.submit(answer)
        self.late.clear()
        self.step()

    def step(self) -> None:
        """As a pair does, and provide the credentials that are asked for."""
        before = len(self.events)
        super().step()
        for event in self.events[before:]:
            if isinstance(event, CredentialNeeded) and self.provides:
                self.client.credential(event.link, "ect_token", "player", 100.0, now=self.now)
                super().step()

    # --- what an app does --------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Accept a text, if there is a session."""
        if self.client.is_connected:
            self.accepted.append(self.submit(SendText(text)))

    def question(self) -> None:
        """Ask, and wait for the answer without end."""
        self.asked.append(self.ask(SendText("well?")))

    @property
    def current(self) -> Link | None:
        """The newest link, if there ever was one."""
        return self.links[max(self.links)] if self.links else None


SESSION: Final = SessionInfo("session", "conversation")

# --- states: each brings one about ----------------------------------------------------------------


def connecting(stage: Stage) -> None:
    stage.latency = 1.0
    stage.connect(within=0.5)


def joining(stage: Stage) -> None:
    stage.admits = False
    stage.connect()


def idle(stage: Stage) -> None:
    stage.connect()


def streaming(stage: Stage) -> None:
    stage.connect()
    stage.question()
    stage.advance(0.1)
    stage.tell(ResponseChunk("Once upon", False, "Once upon", message_id="m"))
    stage.advance(0.1)


def voice_up(stage: Stage) -> None:
    stage.connect()
    stage.client.start_voice(VoiceMode.CONTINUOUS, now=stage.now)
    stage.advance(0.5)
    if not stage.client.voice.is_active:
        raise Broken("voice did not start")
    stage.client.send_audio(TENTH, now=stage.now, live=True)
    stage.step()


def voice_down(stage: Stage) -> None:
    stage.connect()
    stage.question()
    stage.advance(0.1)
    stage.tell(ResponseChunk("Hear me", False, "Hear me", message_id="m"))
    stage.tell(BotVoice(encode_pcm(TENTH), "m", 0))
    stage.advance(0.1)


def renewing(stage: Stage) -> None:
    stage.connect()
    stage.answers_acks = False
    stage.advance(70.5)
    if not any(isinstance(one, RenewAuthentication) for one in stage.link.heard):
        raise Broken("it does not renew")


def disconnecting(stage: Stage) -> None:
    stage.connect()
    stage.say("last words")
    stage.latency = 0.5
    stage.client.disconnect(now=stage.now)
    stage.step()


STATES: Final[dict[str, Callable[[Stage], None]]] = {
    "connecting": connecting,
    "joining": joining,
    "ready, idle": idle,
    "streaming answer": streaming,
    "voice up": voice_up,
    "voice down": voice_down,
    "renewing": renewing,
    "disconnecting": disconnecting,
}

# --- faults: each happens to a stage -----------------------------------------------------------


def _ended(stage: Stage, code: int | None = None) -> None:
    """The stream ends; before there is one, dialling fails."""
    stage.latency = 0.01
    link = stage.current
    if link is None:
        error = EstuaryError("connection refused", ErrorCode.CONNECTION_FAILED)
        stage.client.dial_failed(stage.client.link, error, now=stage.now)
        stage.step()
    else:
        link.cut(code=code)


def reset(stage: Stage) -> None:
    _ended(stage)


def restart(stage: Stage) -> None:
    _ended(stage, 1012)


def restart_slow(stage: Stage) -> None:
    _refused_dials(stage)
    _ended(stage, 1012)
    stage.advance(6.0)
    stage.refusal = None


def gone_for_good(stage: Stage) -> None:
    _refused_dials(stage)
    _ended(stage)


def _refused_dials(stage: Stage) -> None:
    stage.refusal = EstuaryError("connection refused", ErrorCode.CONNECTION_FAILED)


def _hears(stage: Stage, *frames: str) -> None:
    stage.latency = 0.01
    link = stage.current
    if link is None:
        _ended(stage)
        return
    for frame in frames:
        link.inject(frame)
    stage.advance(0.1)


def cut_in_two(stage: Stage) -> None:
    """Half a packet arrives as if it were whole."""
    _hears(stage, '42/sdk,["bot_response",{"te')


def engine_close(stage: Stage) -> None:
    _hears(stage, "1")


def thrown_out(stage: Stage) -> None:
    _hears(stage, "41/sdk,")


def quota(stage: Stage) -> None:
    _hears(stage, '42/sdk,["quota_exceeded",{"message":"no more"}]', "41/sdk,")


def timed_out(stage: Stage) -> None:
    _hears(stage, '42/sdk,["session_timeout",{"reason":"idle"}]', "41/sdk,")


def rejected(stage: Stage) -> None:
    _hears(stage, '42/sdk,["session_rejected",{"reason":"limit"}]', "41/sdk,")


def attachments_missing(stage: Stage) -> None:
    number = stage.client.link
    _hears(stage, '451-/sdk,["x",{"_placeholder":true,"num":0}]')
    stage.advance(40.0)
    if stage.client.link != number or not stage.client.is_connected:
        stage.notes.append("within 40 s")


def black_hole(stage: Stage) -> None:
    stage.latency = 0.01
    if stage.current is None:
        stage.answers = False
        stage._due.clear()
    else:
        stage.current.black_hole()
    stage.advance(30.0)
    stage.answers = True


def stalled_writer(stage: Stage) -> None:
    """The client's socket takes nothing for ever; what the server says still comes."""
    stage.latency = 0.01
    _arrive(stage)
    stage.link.stalled.add(Role.CLIENT)
    stage.say("into the full socket")


def stalled_reader(stage: Stage) -> None:
    """The server's socket takes nothing for ever; what the client says still arrives."""
    stage.latency = 0.01
    _arrive(stage)
    stage.link.stalled.add(Role.SERVER)
    stage.say("anybody there?")


def _arrive(stage: Stage) -> None:
    """What is on its way when nothing has come yet."""
    if stage.current is None:
        stage.advance(1.0)


def short_stall(stage: Stage) -> None:
    """Nothing gets in or out for five seconds."""
    _arrive(stage)
    link = stage.link
    link.stalled |= {Role.CLIENT, Role.SERVER}
    stage.say("later")
    stage.advance(5.0)
    link.stalled.clear()
    stage.step()


def slow_wire(stage: Stage) -> None:
    """A second each way from now on."""
    stage.latency = 1.0
    stage.say("slowly")


def clock_back(stage: Stage) -> None:
    """The clock that is passed in goes back by an hour once."""
    hour_ago = stage.now - 3600.0
    stage.client.handle_timeout(now=hour_ago)
    stage.step()
    if stage.client.is_connected:
        # An hour and 50 s from the time it knows: not within the run.
        stage.asked.append(stage.client.ask(SendText("when?"), now=hour_ago, timeout=3650.0))
        stage.step()


def machine_sleeps(stage: Stage) -> None:
    """A minute of no time on the client's machine: its socket is dead when it wakes."""
    if stage.current is not None:
        stage.current.black_hole()
    stage._due.clear()
    stage.latency = 0.01
    stage.now += 60.0
    stage.client.handle_timeout(now=stage.now)
    stage.step()


def key_revoked(stage: Stage) -> None:
    """The wire breaks, and the server does not know the credential any more."""
    stage.refuses = True
    _ended(stage)


def no_credential(stage: Stage) -> None:
    """Nothing is provided any more, and time goes on."""
    stage.latency = 0.01
    stage.provides = False
    stage.advance(110.0)


def kicks_each(stage: Stage) -> None:
    """The server lets it in and throws it out, again and again."""
    _ended(stage)
    for _ in range(30):
        stage.advance(12.0)
        if stage.client.is_connected:
            stage.link.inject("41/sdk,")


def flood(stage: Stage) -> None:
    """Ten thousand events at once."""
    stage.latency = 0.01
    _arrive(stage)
    for number in range(10_000):
        stage.link.inject("42/sdk," + json.dumps(["tea", {"n": number}]))
    stage.advance(0.1)


def acks_unread(stage: Stage) -> None:
    """It asks for two thousand acknowledgements, and reads none."""
    stage.latency = 0.01
    _arrive(stage)
    stage.link.stalled.add(Role.CLIENT)
    for number in range(2_000):
        stage.link.inject(f'42/sdk,{number}["tea",{{}}]')
    stage.advance(0.1)


FAULTS: Final[dict[str, Callable[[Stage], None]]] = {
    "reset": reset,
    "reset, and the server is gone for good": gone_for_good,
    "server restarts (1012)": restart,
    "server restarts, down for 6 s": restart_slow,
    "Engine.IO close": engine_close,
    "thrown out without a word": thrown_out,
    "thrown out each time": kicks_each,
    "quota used up": quota,
    "session timeout": timed_out,
    "session rejected": rejected,
    "half a packet": cut_in_two,
    "attachments that never come": attachments_missing,
    "black hole": black_hole,
    "stalled writer": stalled_writer,
    "stalled reader": stalled_reader,
    "stalled for 5 s": short_stall,
    "a second of latency": slow_wire,
    "clock jumps back": clock_back,
    "machine sleeps for a minute": machine_sleeps,
    "reset, credential revoked": key_revoked,
    "no new credential": no_credential,
    "flood of 10,000 events": flood,
    "acks asked for and not read": acks_unread,
}

# --- what became of it -------------------------------------------------------------------------


def outcome(state: str, fault: str) -> str:
    """Run one cell to its rest; what it was, in a few words. Raises Broken."""
    stage = Stage()
    STATES[state](stage)
    before = len(stage.events)
    voice = stage.client.voice.mode
    dials = len(stage.dials)
    stage.admits = stage.answers_acks = True
    FAULTS[fault](stage)
    stage.advance(2.0)
    stage.catch_up()
    stage.advance(LONG)
    told = stage.events[before:]
    words = _connection(told) + _state(stage, len(stage.dials) - dials)
    words += _accepted(stage) + _answers(stage)
    words += stage.notes
    if voice is not None:
        words.append("voice on" if stage.client.voice.mode else "voice off")
    heard = sum(isinstance(one, UnknownEvent) for one in told)
    if heard:
        words.append(f"heard {heard}")
    lost = sum(one.frames for one in told if isinstance(one, AudioDropped))
    if lost:
        words.append(f"audio dropped: {lost}")
    _leave(stage)
    return "; ".join(words)


def _connection(told: list[Any]) -> list[str]:
    reasons = [one.reason for one in told if isinstance(one, Disconnected)]
    words = [
        f"{one} x{n}" if (n := reasons.count(one)) > 1 else one for one in dict.fromkeys(reasons)
    ]
    for event in told:
        if isinstance(event, (ConnectFailed, Fault)) and "lost" not in event.error.details:
            word = event.error.code.value
            if word not in words:
                words.append(word)
    return words


def _state(stage: Stage, dials: int) -> list[str]:
    state = stage.client.state.value
    link = stage.client.is_connected
    if link != (state == "connected"):
        raise Broken(f"it is {state}, and connected is {link}")
    return [state + (f" after {dials} dial(s)" if dials else "")]


def _accepted(stage: Stage) -> list[str]:
    settled = {one.receipt: one.outcome.value for one in stage.of(Settled)}
    if len(settled) != len(stage.of(Settled)):
        raise Broken("a receipt settled twice")
    told = sum(f.error.details.get("lost", 0) for f in stage.of(Fault))
    lost = sum(outcome == "lost" for outcome in settled.values())
    if told < lost:
        raise Broken(f"{lost} lost, {told} told")
    open_ones = [one for one in stage.accepted if one not in settled]
    if open_ones and not (stage.link.stalled and stage.client.is_connected):
        raise Broken(f"receipts {open_ones} are open")
    return [f"message {settled.get(one, 'waits')}" for one in stage.accepted]


def _answers(stage: Stage) -> list[str]:
    ends = [one for one in stage.of(ReplyEnded)]
    if len({one.reply for one in ends}) != len(ends):
        raise Broken("a reply ended twice")
    found = {one.reply: one.end.value for one in ends}
    return [f"reply {found.get(one, 'waits')}" for one in stage.asked]


def _leave(stage: Stage) -> None:
    """The user leaves: nothing is left."""
    stage.client.disconnect(now=stage.now)
    stage.advance(10.0)
    settled = [one.receipt for one in stage.of(Settled)]
    for receipt in stage.accepted:
        if settled.count(receipt) != 1:
            raise Broken(f"receipt {receipt} settled {settled.count(receipt)} times")
    for number in stage.asked:
        ended = [one for one in stage.of(ReplyEnded) if one.reply == number]
        if len(ended) != 1:
            raise Broken(f"reply {number} ended {len(ended)} times")
    acks = [one.receipt for one in stage.of(AckSettled)]
    if len(acks) != len(set(acks)):
        raise Broken("an ack settled twice")
    if stage.client.deadline is not None:
        raise Broken(f"{stage.client.deadline} is left")
    for link in stage.links.values():
        if link.server.state is not State.CLOSED and link.alive and not link.stalled:
            raise Broken(f"link {link.number} is left {link.server.state.value}")
