"""One connection: heartbeats, acknowledgements, a stalled writer, and how it ends."""

from __future__ import annotations

from typing import Any

import pytest

from estuary_proto.answers import Ack
from estuary_proto.connection import ATTACHMENTS_WITHIN, MAX_EVENTS, Connection
from estuary_proto.errors import ErrorCode, EstuaryError, LocalProtocolError, SendBlocked
from estuary_proto.events import AckSettled, Closed, HangUp, Outcome, Settled, Writable
from estuary_proto.intents import Interrupt, RenewAuthentication, SayLine, SendText, StreamAudio
from estuary_proto.models.session import ModerationWarning, SessionTimeout
from estuary_proto.outbox import MAX_CONTROL
from estuary_proto.policy import VERDICT_HOLDS, Cause
from estuary_proto.states import Role, State
from estuary_proto.testing.steps import at, closed, events, frames, make
from estuary_proto.timers import Deadline, Timer

CLIENT, SERVER = Role.CLIENT, Role.SERVER
NEWS = '42/sdk,["stt_response",{"text":"hm"}]'


def ready(role: Role = CLIENT) -> Connection:
    return at(role, State.READY)


# --- heartbeats ------------------------------------------------------------------------------


def test_a_ping_is_answered_with_its_like_and_winds_the_clock() -> None:
    conn = ready()
    conn.receive("2probe", now=30.0)
    assert frames(conn) == ["3probe"]
    assert conn.deadline == Deadline(75.0, Timer.HEARTBEAT)


def test_only_the_newest_ping_is_answered_to_a_peer_that_does_not_read() -> None:
    conn = ready()
    for number in range(10_000):
        conn.receive(f"2{number}", now=1.0)
    assert frames(conn) == ["39999"]


def test_a_silent_server_is_given_up_on_at_the_moment() -> None:
    conn = ready()
    conn.receive(NEWS, now=44.0)  # Talk is no heartbeat.
    events(conn)
    conn.handle_timeout(now=44.999)
    assert conn.state is State.READY
    conn.handle_timeout(now=45.0)
    end = closed(conn)
    assert (end.cause, end.was_ready) == (Cause.HEARTBEAT, True)
    assert end.error.message == "the server has gone silent"


def test_a_ping_before_the_greeting_is_answered() -> None:
    conn = at(CLIENT, State.OPENING)
    conn.receive("2", now=1.0)
    assert frames(conn) == ["3"]
    assert conn.deadline == Deadline(15.0, Timer.CONNECT)


def test_a_server_pings_and_hangs_up_on_the_silent() -> None:
    conn = ready(SERVER)
    conn.handle_timeout(now=25.0)
    assert frames(conn) == ["2"]
    assert conn.deadline == Deadline(45.0, Timer.HEARTBEAT)
    conn.receive("3", now=44.0)
    assert conn.deadline == Deadline(69.0, Timer.PING)
    conn.receive("3", now=50.0)  # An answer that nobody asked for changes nothing.
    assert conn.deadline == Deadline(69.0, Timer.PING)
    conn.handle_timeout(now=69.0)
    conn.handle_timeout(now=89.0)
    end = closed(conn)
    assert (end.cause, end.error.message) == (Cause.HEARTBEAT, "the client has gone silent")


@pytest.mark.parametrize("role", [CLIENT, SERVER])
def test_who_was_not_read_earns_one_more_window(role: Role) -> None:
    conn = ready(role)
    if role is SERVER:
        conn.handle_timeout(now=25.0)
    for _ in range(MAX_EVENTS - 1):
        conn.receive(NEWS if role is CLIENT else '42/sdk,["text",{"text":"hi"}]', now=40.0)
    assert conn.wants_read
    conn.receive('42/sdk,["x"]', now=40.0)
    assert not conn.wants_read
    conn.handle_timeout(now=45.0)
    assert conn.state is State.READY
    assert conn.deadline is not None
    again = conn.deadline.at
    assert again == (90.0 if role is CLIENT else 65.0)
    events(conn)
    assert conn.wants_read
    conn.handle_timeout(now=again)
    assert closed(conn).cause is Cause.HEARTBEAT


def test_a_ping_that_is_read_at_last_takes_the_grace_back() -> None:
    conn = ready()
    conn.reading_paused()
    conn.receive("2", now=50.0)
    conn.handle_timeout(now=95.0)
    assert closed(conn).cause is Cause.HEARTBEAT


# --- acknowledgements ------------------------------------------------------------------------


def test_an_ack_settles_once() -> None:
    conn = ready()
    receipt = conn.submit(RenewAuthentication("t"), now=1.0, ack_within=5.0)
    assert frames(conn) == [
        f'42/sdk,{receipt}["renew_authentication",{{"client_token":"t"}}]',
    ]
    assert conn.deadline == Deadline(6.0, Timer.ACK)
    conn.receive(f'43/sdk,{receipt}[{{"ok":true}},2]', now=2.0)
    conn.receive(f"43/sdk,{receipt}[]", now=2.0)
    conn.receive("43/sdk,99[]", now=2.0)
    assert events(conn) == [
        Settled(receipt, Outcome.SENT),
        AckSettled(receipt, Outcome.OK, ({"ok": True}, 2)),
    ]
    assert conn.deadline == Deadline(45.0, Timer.HEARTBEAT)


def test_acks_time_out_in_their_order() -> None:
    conn = ready()
    late = conn.submit(SendText("a"), now=1.0, ack_within=9.0)
    soon = conn.submit(SendText("b"), now=1.0, ack_within=5.0)
    also = conn.submit(SendText("c"), now=1.0, ack_within=5.0)
    frames(conn)
    events(conn)
    assert conn.deadline == Deadline(6.0, Timer.ACK)
    conn.handle_timeout(now=6.0)
    assert events(conn) == [AckSettled(r, Outcome.TIMEOUT) for r in (soon, also)]
    assert conn.deadline == Deadline(10.0, Timer.ACK)
    conn.receive(f"43/sdk,{soon}[]", now=7.0)  # Too late to count.
    assert events(conn) == []
    conn.handle_timeout(now=10.0)
    assert events(conn) == [AckSettled(late, Outcome.TIMEOUT)]
    assert conn.deadline == Deadline(45.0, Timer.HEARTBEAT)


def test_a_binary_ack() -> None:
    conn = ready()
    receipt = conn.submit(SendText("a"), now=1.0, ack_within=9.0)
    conn.receive(f'461-/sdk,{receipt}[{{"_placeholder":true,"num":0}}]', now=2.0)
    conn.receive(b"x", now=2.0)
    assert events(conn) == [AckSettled(receipt, Outcome.OK, (b"x",))]


def test_what_is_open_at_the_end_is_lost_once() -> None:
    conn = ready()
    first = conn.submit(SendText("a"), now=1.0, ack_within=9.0)
    second = conn.submit(SendText("b"), now=1.0)
    third = conn.submit(SendText("c"), now=1.0, ack_within=9.0)
    assert conn.next_frame() is not None
    assert conn.next_frame() is not None  # So the first one was handed on.
    conn.receive_eof(now=2.0)
    assert events(conn)[:-1] == [
        Settled(first, Outcome.SENT),
        Settled(second, Outcome.LOST),
        Settled(third, Outcome.LOST),
        AckSettled(first, Outcome.LOST),
        AckSettled(third, Outcome.LOST),
    ]


def test_receipts_go_on_from_another_life() -> None:
    conn = Connection(CLIENT, receipts_after=41)
    conn.start(now=0.0)
    conn.receive('0{"sid":"e"}', now=0.0)
    conn.receive('40/sdk,{"sid":"e"}', now=0.0)
    conn.receive('42/sdk,["session_info"]', now=0.0)
    assert conn.submit(SendText("hi"), now=1.0) == 42


# --- a stalled writer ------------------------------------------------------------------------


def test_a_full_buffer_refuses_changes_nothing_and_has_room_again() -> None:
    conn = ready(SERVER)
    big = ModerationWarning("warning", "x" * 2**20)
    sent = [conn.submit(big, now=1.0) for _ in range(7)]
    with pytest.raises(SendBlocked) as caught:
        conn.submit(big, now=1.0, ack_within=1.0)
    assert caught.value.code is ErrorCode.SEND_BUFFER_FULL
    assert conn.deadline == Deadline(25.0, Timer.PING)
    conn.receive("2", now=2.0)
    assert conn.next_frame() == "3"  # The pong goes first all the same.
    told: list[Any] = []
    while conn.next_frame() is not None:
        told += events(conn)
    told += events(conn)
    assert told.count(Writable()) == 1
    assert [e for e in told if e != Writable()] == [Settled(r, Outcome.SENT) for r in sent]
    # Room is told when a quarter is left, not when all has gone.
    assert told.index(Writable()) == 5
    assert conn.submit(big, now=1.0) == sent[-1] + 1


def test_goodbye_can_be_said_through_a_full_buffer() -> None:
    conn = ready(SERVER)
    small = ModerationWarning("warning", "")
    conn.submit(small, now=1.0)
    (frame,) = frames(conn)
    while True:
        room = 8 * 2**20 - conn._outbox.waiting
        if room == 0:
            break
        size = min(room, 2**20) - len(str(frame))
        conn.submit(ModerationWarning("warning", "x" * size), now=1.0)
    with pytest.raises(SendBlocked):
        conn.submit(small, now=1.0)
    conn.close(now=1.0)
    assert frames(conn)[-2:] == ["41/sdk,", HangUp()]


def test_no_room_is_told_of_after_the_end() -> None:
    conn = ready(SERVER)
    big = ModerationWarning("warning", "x" * 2**22)
    conn.submit(big, now=1.0)
    with pytest.raises(SendBlocked):
        conn.submit(big, now=1.0)
    conn.receive_eof(now=2.0)
    assert isinstance(events(conn)[-1], Closed)
    assert conn.next_frame() is None
    assert events(conn) == []


def test_an_interrupt_overtakes_and_the_rest_keeps_its_order() -> None:
    conn = ready()
    conn.submit(SendText("a"), now=1.0)
    conn.submit(StreamAudio("AAAA"), now=1.0)
    conn.submit(SayLine("b"), now=1.0)
    conn.submit(Ack(3), now=1.0)
    conn.submit(Interrupt("m"), now=1.0)
    assert [str(f)[:22] for f in frames(conn)] == [
        "43/sdk,3[]",
        '42/sdk,["client_interr',
        '42/sdk,["text",{"text"',
        '42/sdk,["stream_audio"',
        '42/sdk,["say_line",{"t',
    ]


def test_too_many_interrupts_are_the_callers_and_not_the_servers_fault() -> None:
    conn = ready()
    for _ in range(MAX_CONTROL):
        conn.submit(Interrupt(), now=1.0)
    with pytest.raises(SendBlocked):
        conn.submit(Interrupt(), now=1.0, ack_within=1.0)
    assert conn.state is State.READY
    assert conn.deadline == Deadline(45.0, Timer.HEARTBEAT)
    conn.next_frame()
    assert events(conn) == [Writable()]
    assert conn.submit(Interrupt(), now=1.0) == MAX_CONTROL + 1


def test_a_peer_that_wants_acks_and_does_not_read_them_is_at_fault() -> None:
    conn = ready()
    for number in range(MAX_CONTROL):
        conn.submit(Ack(number), now=1.0)
    conn.submit(Ack(0), now=1.0)
    end = closed(conn)
    assert end.cause is Cause.PROTOCOL
    assert end.error.message.endswith("it does not read what it asked us to answer")


def test_a_ping_that_finds_no_room_ends_it_once() -> None:
    conn = ready(SERVER)
    for number in range(MAX_CONTROL):
        conn.submit(Ack(number), now=1.0)
    conn.handle_timeout(now=25.0)
    assert closed(conn).cause is Cause.PROTOCOL
    conn.handle_timeout(now=1000.0)
    assert events(conn) == []


def test_foreign_joins_that_are_not_read_end_it() -> None:
    conn = at(SERVER, State.OPENED)
    for _ in range(MAX_CONTROL + 1):
        conn.receive("40/x,", now=1.0)
    assert closed(conn).cause is Cause.PROTOCOL


# --- endings ---------------------------------------------------------------------------------


def test_goodbye_goes_behind_what_was_accepted() -> None:
    conn = ready()
    receipt = conn.submit(SendText("last words"), now=1.0)
    conn.close(now=1.0, code=1001, reason="away")
    with pytest.raises(LocalProtocolError) as caught:
        conn.submit(SendText("too late"), now=1.0)
    assert caught.value.code is ErrorCode.NOT_CONNECTED
    text, *rest = frames(conn)
    assert "last words" in str(text)
    assert rest == ["41/sdk,", HangUp(1001, "away")]
    assert events(conn) == [Settled(receipt, Outcome.SENT)]
    conn.receive(NEWS, now=1.5)  # What passes after a goodbye is ignored.
    conn.handle_timeout(now=2.9)
    assert (conn.state, events(conn)) == (State.CLOSING, [])
    conn.handle_timeout(now=3.0)
    assert closed(conn).cause is Cause.CLIENT


def test_after_a_goodbye_only_its_own_deadline_counts() -> None:
    conn = ready()
    conn.submit(SendText("x"), now=44.0, ack_within=0.5)
    conn.close(now=44.0)
    assert conn.deadline == Deadline(46.0, Timer.CLOSE)
    conn.handle_timeout(now=45.0)
    assert (conn.state, events(conn)) == (State.CLOSING, [])


def test_an_unread_goodbye_loses_what_waits() -> None:
    conn = ready()
    receipt = conn.submit(SendText("never read"), now=1.0, ack_within=60.0)
    conn.close(now=1.0)
    conn.handle_timeout(now=3.0)
    assert events(conn)[:2] == [
        Settled(receipt, Outcome.LOST),
        AckSettled(receipt, Outcome.LOST),
    ]


@pytest.mark.parametrize(
    ("role", "frame", "cause", "text"),
    [
        (CLIENT, "41/sdk,", Cause.SERVER_DISCONNECT, "the server ended the session"),
        (SERVER, "41/sdk,", Cause.CLIENT, "the client ended the session"),
        (CLIENT, "1", Cause.SERVER_RESTART, "the server is going away"),
        (SERVER, "1", Cause.CLIENT, "the client is going away"),
    ],
)
def test_the_peer_says_goodbye(role: Role, frame: str, cause: Cause, text: str) -> None:
    conn = ready(role)
    message = SendText("x") if role is CLIENT else ModerationWarning()
    receipt = conn.submit(message, now=1.0)
    conn.receive(frame, now=2.0)
    assert conn.state is State.CLOSING
    assert events(conn) == [Settled(receipt, Outcome.LOST)]
    assert frames(conn) == [HangUp()]
    assert conn.deadline == Deadline(4.0, Timer.CLOSE)
    conn.receive("1", now=2.0)
    conn.receive_eof(now=2.5, code=1006)
    end = closed(conn)
    assert (end.cause, end.error.message, end.was_ready) == (cause, text, True)


@pytest.mark.parametrize(
    ("role", "code", "cause"),
    [
        (CLIENT, None, Cause.NETWORK),
        (CLIENT, 1000, Cause.SERVER_DISCONNECT),
        (CLIENT, 1001, Cause.SERVER_RESTART),
        (CLIENT, 1008, Cause.SERVER_DISCONNECT),
        (CLIENT, 1012, Cause.SERVER_RESTART),
        (SERVER, None, Cause.NETWORK),
        (SERVER, 1000, Cause.CLIENT),
        (SERVER, 1001, Cause.CLIENT),
        (SERVER, 1006, Cause.NETWORK),
    ],
)
def test_the_websocket_ends(role: Role, code: int | None, cause: Cause) -> None:
    conn = ready(role)
    conn.receive_eof(now=1.0, code=code, reason="why")
    end = closed(conn)
    assert end.cause is cause
    if code is None:
        assert (end.error.message, end.error.details) == ("the connection was lost", {})
    else:
        who = role.other.value
        assert end.error.message == f"the {who} closed the connection ({code} why)"
        assert end.error.details == {"close_code": code}


def test_a_close_code_without_a_reason() -> None:
    conn = ready()
    conn.receive_eof(now=1.0, code=1011)
    assert closed(conn).error.message == "the server closed the connection (1011)"


@pytest.mark.parametrize(
    ("code", "cause"),
    [(ErrorCode.AUTH_FAILED, Cause.AUTH), (ErrorCode.CONNECTION_TIMEOUT, Cause.NETWORK)],
)
def test_there_was_no_websocket(code: ErrorCode, cause: Cause) -> None:
    conn, error = make(CLIENT), EstuaryError("no", code)
    conn.refused(error, now=1.0)
    end = closed(conn)
    assert end == Closed(cause, error, was_ready=False)


VERDICTS = [
    ('["session_timeout",{"idle_seconds":600}]', Cause.SESSION_TIMEOUT),
    ('["session_rejected",{"reason":"cap"}]', Cause.SESSION_REJECTED),
    ('["moderation_warning",{"level":"terminated"}]', Cause.MODERATION),
    ('["quota_exceeded",{"message":"gone"}]', Cause.QUOTA),
    ('["auth_error",{"error":"expired"}]', Cause.AUTH),
]
ENDS = ["41/sdk,", "1", "eof", "1006", "silence"]


@pytest.mark.parametrize(("said", "cause"), VERDICTS)
@pytest.mark.parametrize("end", ENDS)
def test_an_ending_belongs_to_the_verdict_before_it(said: str, cause: Cause, end: str) -> None:
    conn = ready()
    spoken = 40.0
    conn.receive(f"42/sdk,{said}", now=spoken)
    assert conn.state is State.READY
    if end == "eof":
        conn.receive_eof(now=spoken + VERDICT_HOLDS)
    elif end == "1006":
        conn.receive_eof(now=spoken + VERDICT_HOLDS, code=1006)
    elif end == "silence":
        conn.handle_timeout(now=45.0)
    else:
        conn.receive(end, now=41.0)
        conn.receive_eof(now=99.0)
    _, over = events(conn)
    assert over.cause is cause
    if end == "1006":
        assert over.error.details["close_code"] == 1006


@pytest.mark.parametrize("role", list(Role))
def test_attachments_that_never_come_are_the_peers_fault(role: Role) -> None:
    conn = ready(role)
    head = '452-/sdk,["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'
    conn.receive(head, now=1.0)
    conn.receive(b"one", now=20.0)
    conn.handle_timeout(now=25.0)  # The server's ping is due, and answered.
    conn.receive("2" if role is CLIENT else "3", now=25.0)
    assert conn.deadline == Deadline(1.0 + ATTACHMENTS_WITHIN, Timer.ATTACHMENTS)
    conn.handle_timeout(now=1.0 + ATTACHMENTS_WITHIN)
    end = closed(conn)
    assert end.cause is Cause.PROTOCOL
    assert "attachments" in end.error.message


def test_attachments_in_time_leave_no_deadline() -> None:
    conn = ready()
    conn.receive('451-/sdk,["x",{"_placeholder":true,"num":0}]', now=1.0)
    conn.receive(b"one", now=2.0)
    (told,) = events(conn)
    assert told.args == (b"one",)
    conn.receive("2", now=25.0)
    assert conn.deadline == Deadline(70.0, Timer.HEARTBEAT)


def test_a_verdict_does_not_hold_for_ever() -> None:
    conn = ready()
    conn.receive('42/sdk,["quota_exceeded",{}]', now=1.0)
    events(conn)
    conn.receive_eof(now=1.1 + VERDICT_HOLDS)
    assert closed(conn).cause is Cause.NETWORK


def test_a_warning_is_no_verdict() -> None:
    conn = ready()
    conn.receive('42/sdk,["moderation_warning",{"level":"warning"}]', now=1.0)
    events(conn)
    conn.receive("41/sdk,", now=1.0)
    conn.receive_eof(now=1.0)
    assert closed(conn).cause is Cause.SERVER_DISCONNECT


def test_a_verdict_before_the_session() -> None:
    conn = at(CLIENT, State.JOINED)
    conn.receive('42/sdk,["session_rejected",{"reason":"concurrent_limit","cap":1}]', now=1.0)
    events(conn)
    conn.receive_eof(now=2.0)
    end = closed(conn)
    assert (end.cause, end.was_ready) == (Cause.SESSION_REJECTED, False)
    assert end.error.details == {"reason": "concurrent_limit", "cap": 1, "share_token_id": ""}


@pytest.mark.parametrize("state", [State.JOINING, State.JOINED, State.GREETED])
def test_an_auth_error_ends_the_attempt_even_if_the_server_lingers(state: State) -> None:
    conn = at(CLIENT, state)
    conn.receive('42/sdk,3["auth_error",{"error":"bad key"}]', now=1.0)
    assert conn.state is State.CLOSING
    assert frames(conn) == [HangUp()]
    events(conn)
    conn.handle_timeout(now=3.0)
    end = closed(conn)
    assert (end.cause, end.was_ready) == (Cause.AUTH, False)


def test_a_timeout_after_a_verdict_is_the_verdicts() -> None:
    conn = at(CLIENT, State.JOINED)
    conn.receive('42/sdk,["quota_exceeded",{}]', now=10.0)
    events(conn)
    conn.handle_timeout(now=15.0)
    end = closed(conn)
    assert (end.cause, end.error.code) == (Cause.QUOTA, ErrorCode.QUOTA_EXCEEDED)


def test_nonsense_after_a_verdict_is_the_verdicts() -> None:
    conn = ready()
    conn.receive('42/sdk,["session_timeout",{"reason":"inactivity"}]', now=1.0)
    conn.receive("?", now=2.0)
    end = closed(conn)
    assert end.cause is Cause.SESSION_TIMEOUT
    late = ready()
    late.receive('42/sdk,["session_timeout",{"reason":"inactivity"}]', now=1.0)
    late.receive("?", now=1.001 + VERDICT_HOLDS)
    assert closed(late).cause is Cause.PROTOCOL


def test_a_servers_verdict_is_none_of_its_own() -> None:
    conn = ready(SERVER)
    conn.submit(SessionTimeout(), now=1.0)
    frames(conn)
    events(conn)
    conn.receive_eof(now=1.0)
    assert closed(conn).cause is Cause.NETWORK
