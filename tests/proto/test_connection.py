"""One connection: the whole table of states walked on the real thing, and its handshake."""

from __future__ import annotations

import pytest

from estuary_proto.answers import Ack, Admit, Refuse
from estuary_proto.connection import MAX_NAMESPACE, Connection
from estuary_proto.engineio import Open
from estuary_proto.errors import ErrorCode, LocalProtocolError
from estuary_proto.events import AckDue, HangUp, JoinRequested, Outcome, Ready, Settled
from estuary_proto.intents import Authenticate, SendText
from estuary_proto.messages import UnknownEvent
from estuary_proto.models.conversation import BotResponse, BotVoice, CharacterAction, ResponseChunk
from estuary_proto.models.session import AuthError, ErrorEvent, SessionInfo
from estuary_proto.packing import MAX_AUDIO
from estuary_proto.policy import Cause
from estuary_proto.states import SENDER, Role, Signal, State, next_state
from estuary_proto.testing.steps import (
    ACKED,
    GREETING,
    HANDSHAKE,
    INFO,
    PATHS,
    SESSION,
    Step,
    at,
    closed,
    events,
    frames,
    make,
)
from estuary_proto.timers import Deadline, Timer

CLIENT, SERVER = Role.CLIENT, Role.SERVER

RESTING = [
    *((CLIENT, s) for s in (*PATHS[CLIENT], State.GREETED)),
    *((SERVER, s) for s in PATHS[SERVER]),
]

# What the peer's packets look like; the signals that are not packets are not here.
THEIRS: dict[Role, dict[Signal, str]] = {
    CLIENT: {
        Signal.OPEN: GREETING,
        Signal.JOIN_ACK: ACKED,
        Signal.JOIN_ERROR: '44/sdk,{"message":"no"}',
        Signal.SESSION: SESSION,
        Signal.MESSAGE: '42/sdk,["stt_response",{"text":"hm"}]',
        Signal.LEAVE: "41/sdk,",
        Signal.STOP: "1",
    },
    SERVER: {
        Signal.OPEN: GREETING,
        Signal.JOIN: "40/sdk,{}",
        Signal.JOIN_ERROR: '44/sdk,{"message":"no"}',
        Signal.MESSAGE: '42/sdk,["text",{"text":"hi"}]',
        Signal.LEAVE: "41/sdk,",
        Signal.STOP: "1",
    },
}

# What the caller can do on purpose, and the states in which it may.
OURS: dict[Role, dict[Signal, tuple[Step, set[State]]]] = {
    CLIENT: {
        Signal.START: (lambda c: c.start(now=0.0), {State.IDLE}),
        Signal.MESSAGE: (lambda c: c.submit(SendText("hi"), now=0.0), {State.READY}),
    },
    SERVER: {
        Signal.START: (lambda c: c.start(now=0.0), {State.IDLE}),
        Signal.JOIN_ACK: (lambda c: c.submit(Admit(), now=0.0), {State.JOINING}),
        Signal.JOIN_ERROR: (lambda c: c.submit(Refuse("no"), now=0.0), {State.JOINING}),
        Signal.SESSION: (lambda c: c.submit(INFO, now=0.0), {State.JOINED, State.READY}),
        Signal.MESSAGE: (
            lambda c: c.submit(ErrorEvent("no"), now=0.0),
            {State.JOINED, State.READY},
        ),
    },
}


def test_where_a_role_can_rest() -> None:
    assert set(State) - {state for role, state in RESTING if role is CLIENT} == {State.OPENED}
    never = set(State) - {state for role, state in RESTING if role is SERVER}
    assert never == {State.OPENING, State.GREETED}
    for state in never:
        with pytest.raises(ValueError, match="a server never rests in"):
            at(SERVER, state)


@pytest.mark.parametrize(("role", "state"), RESTING)
@pytest.mark.parametrize("signal", list(Signal))
def test_what_the_peer_sends(role: Role, state: State, signal: Signal) -> None:
    if signal not in THEIRS[role]:
        return
    conn, frame = at(role, state), THEIRS[role][signal]
    after = next_state(state, signal)
    if state is State.IDLE:
        with pytest.raises(LocalProtocolError, match="before start"):
            conn.receive(frame, now=1.0)
        assert conn.state is State.IDLE
    elif state in (State.CLOSING, State.CLOSED):
        conn.receive(frame, now=1.0)
        assert (conn.state, events(conn), frames(conn)) == (state, [], [])
    elif after is None or SENDER.get(signal, role.other) is role:
        conn.receive(frame, now=1.0)
        end = closed(conn)
        assert (end.cause, end.was_ready) == (Cause.PROTOCOL, state is State.READY)
        assert end.error.message.startswith(f"the {role.other.value} broke the protocol: ")
    else:
        conn.receive(frame, now=1.0)
        # A client answers the greeting with its wish to join in the same breath.
        assert conn.state is (State.JOINING if signal is Signal.OPEN else after)


@pytest.mark.parametrize(("role", "state"), RESTING)
@pytest.mark.parametrize("signal", list(Signal))
def test_what_the_caller_does(role: Role, state: State, signal: Signal) -> None:
    if signal not in OURS[role]:
        return
    conn, (action, allowed) = at(role, state), OURS[role][signal]
    if state in allowed:
        action(conn)
        started = State.OPENED if role is SERVER else State.OPENING
        assert conn.state is (started if signal is Signal.START else next_state(state, signal))
        assert bool(frames(conn)) is (role is SERVER or signal is not Signal.START)
    else:
        before = conn.deadline
        with pytest.raises(LocalProtocolError) as caught:
            action(conn)
        if signal is Signal.MESSAGE:
            assert caught.value.code is ErrorCode.NOT_CONNECTED
        assert (conn.state, conn.deadline) == (state, before)
        assert (events(conn), frames(conn)) == ([], [])


@pytest.mark.parametrize(("role", "state"), RESTING)
def test_hanging_up(role: Role, state: State) -> None:
    conn = at(role, state)
    conn.close(now=1.0, code=1001, reason="bye")
    if state is State.IDLE:
        assert closed(conn).cause is Cause.CLIENT
    elif state in (State.CLOSING, State.CLOSED):
        assert (conn.state, frames(conn)) == (state, [])
    else:
        leaves = ["41/sdk,"] if next_state(state, Signal.LEAVE) else []
        assert conn.state is State.CLOSING
        assert conn.deadline == Deadline(3.0, Timer.CLOSE)
        assert conn.wants_write
        assert frames(conn) == [*leaves, HangUp(1001, "bye")]
        conn.receive_eof(now=2.0, code=1000)
        end = closed(conn)
        assert (end.cause, end.was_ready) == (Cause.CLIENT, state is State.READY)


@pytest.mark.parametrize(("role", "state"), RESTING)
@pytest.mark.parametrize("signal", [Signal.GONE, Signal.FAULT, Signal.EXPIRED])
def test_ending_from_anywhere(role: Role, state: State, signal: Signal) -> None:
    conn = at(role, state)
    if signal is Signal.GONE:
        conn.receive_eof(now=1.0)
        cause = Cause.NETWORK
    elif signal is Signal.FAULT:
        conn.fault(LocalProtocolError("bad bytes"), now=1.0)
        cause = Cause.PROTOCOL
    else:
        cause = Cause.HEARTBEAT if state is State.READY else Cause.TIMEOUT
        while (deadline := conn.deadline) is not None:
            conn.handle_timeout(now=deadline.at)
        if state is State.IDLE:  # Not started: nothing can expire.
            assert conn.state is State.IDLE
            return
    if state is State.CLOSED:
        assert events(conn) == []
        return
    end = closed(conn)
    assert end.cause is (Cause.CLIENT if state is State.CLOSING else cause)
    conn.receive("2", now=9.0)
    conn.receive_eof(now=9.0)
    conn.refused(LocalProtocolError("late"), now=9.0)
    conn.fault(LocalProtocolError("late"), now=9.0)
    conn.handle_timeout(now=9e9)
    conn.close(now=9.0)
    assert (events(conn), frames(conn), conn.deadline) == ([], [], None)


# --- the handshake ---------------------------------------------------------------------------


def test_whose_the_greeting_is() -> None:
    with pytest.raises(LocalProtocolError, match="handshake= is the server's"):
        Connection(CLIENT, handshake=HANDSHAKE)
    with pytest.raises(LocalProtocolError, match="handshake= is the server's"):
        Connection(SERVER)


def test_credentials_that_no_packet_holds_raise_at_once() -> None:
    with pytest.raises(LocalProtocolError):
        Connection(CLIENT, auth={"player_id": "\ud800"})


def test_a_client_comes_in() -> None:
    conn = make(CLIENT)
    conn.start(now=10.0)
    assert conn.deadline == Deadline(25.0, Timer.CONNECT)
    conn.receive(GREETING, now=11.0)
    assert conn.handshake == Open("e", max_payload=1000)
    assert frames(conn) == ['40/sdk,{"api_key":"k"}']
    conn.receive(ACKED, now=12.0)
    assert events(conn) == []
    conn.receive(SESSION, now=13.0)
    assert events(conn) == [Ready(INFO)]
    assert conn.session == INFO
    assert conn.deadline == Deadline(11.0 + 45.0, Timer.HEARTBEAT)


def test_the_session_may_come_before_the_ack() -> None:
    conn = at(CLIENT, State.GREETED)
    conn.receive(ACKED, now=1.0)
    assert events(conn) == [Ready(INFO)]


def test_a_session_may_be_told_twice_before_the_ack() -> None:
    conn = at(CLIENT, State.GREETED)
    conn.receive(SESSION.replace('"s"', '"t"'), now=1.0)
    conn.receive(ACKED, now=1.0)
    assert events(conn) == [Ready(SessionInfo("t"))]


def test_a_session_told_again_is_no_second_ready() -> None:
    conn = at(CLIENT, State.READY)
    conn.receive(SESSION.replace('"s"', '"t"'), now=1.0)
    assert events(conn) == [SessionInfo("t")]
    assert conn.session == SessionInfo("t")


def test_the_time_to_be_ready_may_be_given() -> None:
    conn = make(CLIENT)
    conn.start(now=10.0, by=12.0)
    assert conn.deadline == Deadline(12.0, Timer.CONNECT)


@pytest.mark.parametrize(
    ("role", "state", "phase"),
    [
        (CLIENT, State.OPENING, "the server's Engine.IO greeting"),
        (CLIENT, State.JOINING, "the answer to the request to join"),
        (CLIENT, State.JOINED, "session_info"),
        (CLIENT, State.GREETED, "the namespace acknowledgement"),
        (SERVER, State.OPENED, "the client's request to join"),
        (SERVER, State.JOINED, "session_info"),
    ],
)
def test_a_timeout_names_the_phase_it_died_in(role: Role, state: State, phase: str) -> None:
    conn = at(role, state)
    conn.handle_timeout(now=14.9)
    assert conn.state is state
    conn.handle_timeout(now=15.0)
    end = closed(conn)
    assert (end.cause, end.error.code) == (Cause.TIMEOUT, ErrorCode.CONNECTION_TIMEOUT)
    assert end.error.message == f"timed out waiting for {phase}"


@pytest.mark.parametrize(
    "frame", ["0", "0{}", "0[]", '0{"sid":"e","pingInterval":-1}', "9", "", "0{"]
)
def test_a_greeting_that_makes_no_sense(frame: str) -> None:
    conn = at(CLIENT, State.OPENING)
    conn.receive(frame, now=1.0)
    assert closed(conn).cause is Cause.PROTOCOL


def test_style_a_on_the_server() -> None:
    conn = make(SERVER)
    conn.start(now=0.0)
    assert conn.deadline == Deadline(15.0, Timer.CONNECT)
    conn.receive('40/sdk,{"api_key":"k"}', now=1.0)
    (wish,) = events(conn)
    assert wish == JoinRequested({"api_key": "k"})
    assert "k'" not in repr(wish).replace("api_key'", "")
    assert conn.submit(Admit(INFO), now=1.0) == 1
    assert events(conn) == [Ready(INFO)]
    assert frames(conn) == [GREETING, ACKED, SESSION]
    assert events(conn) == [Settled(1, Outcome.SENT)]
    assert conn.deadline == Deadline(25.0, Timer.PING)


def test_style_b_from_both_sides() -> None:
    client, server = Connection(CLIENT), make(SERVER)
    client.start(now=0.0)
    server.start(now=0.0)
    for frame in frames(server):
        client.receive(frame, now=0.0)
    assert frames(client) == ["40/sdk,"]
    server.receive("40/sdk,", now=0.0)
    assert events(server) == [JoinRequested({})]
    with pytest.raises(LocalProtocolError):
        client.submit(Authenticate(api_key="k"), now=0.0)  # Not before the namespace stands.
    assert server.submit(Admit(), now=0.0) == 0
    for frame in frames(server):
        client.receive(frame, now=0.0)
    assert client.state is State.JOINED
    with pytest.raises(LocalProtocolError):
        client.submit(SendText("too early"), now=0.0)
    client.submit(Authenticate(api_key="k"), now=0.0)
    for frame in frames(client):
        server.receive(frame, now=0.0)
    (who,) = events(server)
    assert who == Authenticate(api_key="k")
    server.submit(INFO, now=0.0)
    for frame in frames(server):
        client.receive(frame, now=0.0)
    assert (client.state, server.state) == (State.READY, State.READY)
    assert events(client)[-1] == Ready(INFO)


def test_style_b_refused() -> None:
    client, server = at(CLIENT, State.JOINED), at(SERVER, State.JOINED)
    server.submit(AuthError("bad key"), now=1.0)
    server.close(now=1.0)
    said = frames(server)
    assert said == ['42/sdk,["auth_error",{"error":"bad key"}]', "41/sdk,", HangUp(1000, "")]
    client.receive(said[0], now=1.0)
    assert events(client) == [AuthError("bad key")]
    assert client.state is State.CLOSING
    client.receive(said[1], now=1.0)
    client.receive_eof(now=1.0, code=1000)
    end = closed(client)
    assert (end.cause, end.error.code) == (Cause.AUTH, ErrorCode.AUTH_FAILED)
    assert end.error.message == "authentication failed: bad key"


def test_refusing_to_join() -> None:
    client, server = at(CLIENT, State.JOINING), at(SERVER, State.JOINING)
    assert server.submit(Refuse("no such character"), now=1.0) == 0
    refusal, bye = frames(server)
    assert (refusal, bye) == ('44/sdk,{"message":"no such character"}', HangUp())
    assert server.deadline == Deadline(3.0, Timer.CLOSE)
    client.receive(refusal, now=1.0)
    assert frames(client) == [HangUp()]
    client.handle_timeout(now=3.0)
    end = closed(client)
    assert (end.cause, end.was_ready) == (Cause.AUTH, False)
    assert end.error.message == "the server refused the connection: no such character"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ('"bare"', "bare"),
        ("{}", "no reason given"),
        ("", "no reason given"),
        ('""', "no reason given"),
    ],
)
def test_refusals_in_other_shapes(data: str, said: str) -> None:
    conn = at(CLIENT, State.JOINING)
    conn.receive(f"44/sdk,{data}", now=1.0)
    conn.receive_eof(now=1.0)
    assert closed(conn).error.message == f"the server refused the connection: {said}"


@pytest.mark.parametrize("wrong", [SessionInfo(7), SessionInfo("\ud800")])  # type: ignore[arg-type]
def test_a_session_that_cannot_be_written_changes_nothing(wrong: SessionInfo) -> None:
    conn = at(SERVER, State.JOINING)
    with pytest.raises(LocalProtocolError):
        conn.submit(Admit(wrong), now=1.0)
    assert (conn.state, frames(conn)) == (State.JOINING, [])
    conn.submit(Admit(INFO), now=1.0)
    assert frames(conn) == [ACKED, SESSION]


@pytest.mark.parametrize("answer", [Admit(), Refuse("no")])
def test_a_client_answers_no_join(answer: Admit | Refuse) -> None:
    with pytest.raises(LocalProtocolError, match="nobody asks to join"):
        at(CLIENT, State.JOINING).submit(answer, now=1.0)


# --- other namespaces ------------------------------------------------------------------------


def test_a_foreign_namespace_is_refused_and_ours_goes_on() -> None:
    conn = at(SERVER, State.OPENED)
    conn.receive("40/sim-v1,{}", now=1.0)
    conn.receive("40", now=1.0)
    conn.receive('42/other,["text"]', now=1.0)
    assert frames(conn) == [
        '44/sim-v1,{"message":"no namespace /sim-v1; join /sdk"}',
        '44{"message":"no namespace /; join /sdk"}',
    ]
    assert (conn.state, events(conn)) == (State.OPENED, [])


def test_the_longest_name_of_a_namespace() -> None:
    conn, name = at(SERVER, State.OPENED), "/" + "x" * (MAX_NAMESPACE - 1)
    conn.receive(f"40{name},", now=1.0)
    assert len(frames(conn)) == 1


def test_a_client_ignores_foreign_namespaces() -> None:
    conn = at(CLIENT, State.JOINING)
    conn.receive('40{"sid":"x"}', now=1.0)
    conn.receive('44/other,{"message":"no"}', now=1.0)
    assert (conn.state, events(conn), frames(conn)) == (State.JOINING, [], [])


@pytest.mark.parametrize("name", ["/a\x01", "/\n", "/" + "x" * MAX_NAMESPACE, "/\u2028"])
@pytest.mark.parametrize("role", [CLIENT, SERVER])
def test_a_namespace_that_cannot_be_named(role: Role, name: str) -> None:
    conn = at(role, State.READY)
    conn.receive(f"40{name},", now=1.0)
    assert closed(conn).cause is Cause.PROTOCOL


# --- messages --------------------------------------------------------------------------------


def test_messages_pass_both_ways() -> None:
    client, server = at(CLIENT, State.READY), at(SERVER, State.READY)
    assert client.submit(SendText("hi"), now=1.0) == 1
    (frame,) = frames(client)
    assert frame == '42/sdk,["text",{"text":"hi"}]'
    server.receive(frame, now=1.0)
    assert events(server) == [SendText("hi")]
    assert server.submit(ResponseChunk("Hi", True, None, "m"), now=1.0) == 2
    (frame,) = frames(server)
    client.receive(frame, now=1.0)
    assert events(client)[-1] == BotResponse("Hi", "Hi", True, "m")


def test_actions_in_text_come_behind_it_but_before_the_last() -> None:
    conn = at(CLIENT, State.READY)
    tag = "<action name='a'/>"
    conn.receive(f'42/sdk,["bot_response",{{"text":"x{tag}","message_id":"m"}}]', now=1.0)
    first = events(conn)
    assert [type(e) for e in first] == [BotResponse, CharacterAction]
    final = f'{{"text":"x{tag}{tag}","message_id":"m","is_final":true}}'
    conn.receive(f'42/sdk,["bot_response",{final}]', now=1.0)
    last = events(conn)
    assert [type(e) for e in last] == [CharacterAction, BotResponse]
    assert last[1].text == "x"


def test_what_belongs_to_a_redacted_message_is_dropped() -> None:
    conn = at(CLIENT, State.READY)
    conn.receive('42/sdk,["moderation_flag",{"message_id":"m"}]', now=1.0)
    events(conn)
    conn.receive('42/sdk,["bot_response",{"text":"x","message_id":"m"}]', now=1.0)
    conn.receive('42/sdk,["bot_voice",{"audio":"","message_id":"m"}]', now=1.0)
    assert events(conn) == []


def test_an_unknown_event_is_kept_whole() -> None:
    conn = at(CLIENT, State.READY)
    conn.receive('42/sdk,["brand_new",1,{"a":2}]', now=1.0)
    assert events(conn) == [UnknownEvent("brand_new", (1, {"a": 2}))]


@pytest.mark.parametrize(
    ("role", "wrong"),
    [
        (CLIENT, ErrorEvent()),
        (CLIENT, INFO),
        (CLIENT, "text"),
        (SERVER, SendText("hi")),
        (SERVER, 7),
    ],
)
def test_who_may_send_what(role: Role, wrong: object) -> None:
    conn = at(role, State.READY)
    with pytest.raises(LocalProtocolError, match=f"a {role.value} does not send"):
        conn.submit(wrong, now=1.0)
    assert frames(conn) == []


def test_a_message_that_cannot_be_written_changes_nothing() -> None:
    conn = at(CLIENT, State.READY)
    for wrong in (SendText(7), SendText("\ud800"), UnknownEvent("x", (float("nan"),))):  # type: ignore[arg-type]
        with pytest.raises(LocalProtocolError):
            conn.submit(wrong, now=1.0, ack_within=1.0)
    assert (frames(conn), events(conn)) == ([], [])
    assert conn.submit(SendText("hi"), now=1.0) == 1


def test_attachments_both_ways_with_a_pong_behind_them() -> None:
    client, server = at(CLIENT, State.READY), at(SERVER, State.READY)
    client.submit(UnknownEvent("photo", ({"a": b"one", "b": b"two"},)), now=1.0)
    head = client.next_frame()
    client.receive("2", now=1.0)
    rest = frames(client)
    assert rest == [b"one", b"two", "3"]
    for frame in (head, *rest):
        assert isinstance(frame, (str, bytes))
        server.receive(frame, now=1.0)
    assert events(server) == [UnknownEvent("photo", ({"a": b"one", "b": b"two"},))]


def test_a_ping_may_come_between_a_packet_and_its_attachments() -> None:
    conn = at(CLIENT, State.READY)
    conn.receive('451-/sdk,["photo",{"_placeholder":true,"num":0}]', now=1.0)
    conn.receive("2x", now=1.0)
    conn.receive(b"one", now=1.0)
    assert frames(conn) == ["3x"]
    assert events(conn) == [UnknownEvent("photo", (b"one",))]


@pytest.mark.parametrize(
    "frame",
    [b"bytes", "4", "49", "42/sdk,", "42/sdk,[]", "42/sdk,[1]", "43/sdk,[]", "5", "42/sdk,["],
)
@pytest.mark.parametrize("role", [CLIENT, SERVER])
def test_what_makes_no_sense_ends_it_or_is_ignored(role: Role, frame: str | bytes) -> None:
    conn = at(role, State.READY)
    conn.receive(frame, now=1.0)
    if frame == "5":  # UPGRADE belongs to another transport.
        assert (conn.state, events(conn)) == (State.READY, [])
    else:
        assert closed(conn).cause is Cause.PROTOCOL


def test_the_most_that_the_server_takes() -> None:
    conn = at(CLIENT, State.READY)
    overhead = len('42/sdk,["text",{"text":""}]')
    fits = "é" * ((1000 - overhead) // 2)
    conn.submit(SendText(fits), now=1.0)
    with pytest.raises(LocalProtocolError, match=r"takes 100\d bytes .* accepts 1000") as caught:
        conn.submit(SendText(fits + "éé"), now=1.0)
    assert caught.value.details["limit"] == 1000
    with pytest.raises(LocalProtocolError, match="takes 1001 bytes"):
        conn.submit(UnknownEvent("photo", (b"x" * 1001,)), now=1.0)
    assert len(frames(conn)) == 1


def test_the_limit_is_the_clients_and_not_the_servers() -> None:
    conn = at(SERVER, State.READY)
    conn.submit(BotVoice("A" * 5000), now=1.0)
    (frame,) = frames(conn)
    assert len(frame) > 5000


def test_an_event_that_wants_an_ack() -> None:
    client, server = at(CLIENT, State.READY), at(SERVER, State.READY)
    client.receive('42/sdk,7["session_info",{}]', now=1.0)
    assert events(client) == [SessionInfo(), AckDue(7)]
    server.receive('42/sdk,0["start_voice"]', now=1.0)
    assert events(server)[-1] == AckDue(0)
    assert client.submit(Ack(7), now=1.0) == 0
    server.submit(Ack(0, ({"ok": True},)), now=1.0)
    assert frames(client) == ["43/sdk,7[]"]
    assert frames(server) == ['43/sdk,0[{"ok":true}]']


@pytest.mark.parametrize("state", [State.OPENED, State.CLOSING, State.CLOSED])
def test_acking_too_early_or_too_late(state: State) -> None:
    conn = at(SERVER, state)
    with pytest.raises(LocalProtocolError, match="cannot acknowledge now"):
        conn.submit(Ack(1), now=1.0)
    assert frames(conn) == []


@pytest.mark.parametrize("role", list(Role))
def test_audio_is_the_clients_and_needs_a_session(role: Role) -> None:
    conn = at(role, State.READY if role is SERVER else State.JOINED)
    with pytest.raises(LocalProtocolError, match="cannot send audio now"):
        conn.send_audio(b"ab", 0.1, live=False)
    assert make(CLIENT).max_audio == MAX_AUDIO
