"""A client over many connections: every row of API 6, and what the user may do at any moment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from estuary_proto.answers import Admit, Refuse
from estuary_proto.errors import (
    ErrorCode,
    EstuaryError,
    LocalProtocolError,
    RemoteProtocolError,
)
from estuary_proto.events import (
    Connected,
    ConnectFailed,
    Dial,
    Disconnected,
    Fault,
    HangUp,
    JoinRequested,
    Outcome,
    Reconnecting,
    Settled,
    StateChanged,
)
from estuary_proto.intents import SendText
from estuary_proto.models.session import (
    AuthError,
    ConnectionState,
    ErrorEvent,
    ModerationWarning,
    QuotaExceededData,
    SessionInfo,
    SessionRejected,
    SessionTimeout,
)
from estuary_proto.policy import ENDINGS, Cause
from estuary_proto.states import Role
from estuary_proto.testing import Link, Pair
from estuary_proto.testing.pair import CONFIG
from estuary_proto.timers import Timer

from .lives import connected, reasons, states

States = ConnectionState


# --- connecting ------------------------------------------------------------------------------


def test_connecting() -> None:
    pair = Pair(replace(CONFIG, server_url="https://h:8443/x"))
    assert (pair.client.state, pair.client.deadline) == (States.DISCONNECTED, None)
    pair.client.connect(now=pair.now)
    assert pair.client.deadline == (pair.now + 15.0, Timer.CONNECT)
    pair.advance(1)
    target = "/x/socket.io/?EIO=4&transport=websocket"
    assert pair.dials == [Dial(1, "h", 8443, True, target)]
    info = SessionInfo("session-1", "conversation")
    assert pair.events == [
        StateChanged(States.CONNECTING),
        StateChanged(States.CONNECTED),
        Connected(info),
    ]
    assert (pair.client.session, pair.client.is_connected) == (info, True)
    (wish,) = [e for e in pair.link.heard if isinstance(e, JoinRequested)]
    assert wish.auth == pair.client.config.auth()


def test_connecting_twice_is_one_attempt() -> None:
    pair = Pair()
    for _ in range(3):
        pair.client.connect(now=pair.now)
        pair.advance(0.005)
    pair.connect()
    pair.client.connect(now=pair.now)
    pair.advance(1)
    assert len(pair.dials) == 1
    assert states(pair) == ["connecting", "connected"]


def refuse(link: Link, event: Any) -> None:
    if isinstance(event, JoinRequested):
        link.submit(Refuse("unknown key"))


def style_b_refuse(link: Link, event: Any) -> None:
    if isinstance(event, JoinRequested):
        link.submit(Admit())
        link.submit(AuthError("unknown key"))


def reject(link: Link, event: Any) -> None:
    if isinstance(event, JoinRequested):
        link.submit(Admit())
        link.submit(SessionRejected("concurrent_limit", 1))
        link.server.close(now=0.0)


def ignore(link: Link, event: Any) -> None:
    pass


def hang_up(link: Link, event: Any) -> None:
    if isinstance(event, JoinRequested):
        link.server.close(now=0.0, code=1011)


@pytest.mark.parametrize(
    ("serve", "code", "text"),
    [
        (refuse, ErrorCode.AUTH_FAILED, "the server refused the connection: unknown key"),
        (style_b_refuse, ErrorCode.AUTH_FAILED, "authentication failed: unknown key"),
        (reject, ErrorCode.CONNECTION_FAILED, "the session was rejected: concurrent_limit"),
        (ignore, ErrorCode.CONNECTION_TIMEOUT, "timed out waiting for the answer to the request"),
        (hang_up, ErrorCode.CONNECTION_FAILED, "the server ended the session"),
    ],
)
def test_the_first_connect_fails_and_is_never_retried(
    serve: Any, code: ErrorCode, text: str
) -> None:
    pair = Pair(serve=serve)
    pair.connect(within=20.0)
    (failed,) = pair.of(ConnectFailed)
    assert failed.error.code is code
    assert text in failed.error.message
    assert states(pair) == ["connecting", "error"]
    assert not pair.of(Disconnected, Fault, Reconnecting)
    pair.advance(100)
    assert (len(pair.dials), pair.client.deadline) == (1, None)


def test_the_dial_fails() -> None:
    pair = Pair()
    pair.refusal = EstuaryError("no route", ErrorCode.CONNECTION_FAILED)
    pair.connect()
    assert pair.of(ConnectFailed) == [ConnectFailed(pair.refusal)]
    assert pair.client.state is States.ERROR
    # And one may try again.
    pair.refusal = None
    pair.connect()
    assert states(pair) == ["connecting", "error", "connecting", "connected"]
    assert pair.dials[-1].link == 2


def test_a_dial_without_an_answer() -> None:
    pair = Pair(replace(CONFIG, connect_timeout=3.5))
    pair.answers = False
    pair.connect(within=3.4)
    assert not pair.of(ConnectFailed)
    pair.advance(0.2)
    (failed,) = pair.of(ConnectFailed)
    assert failed.error.code is ErrorCode.CONNECTION_TIMEOUT
    assert failed.error.message == "no WebSocket to server.test:80 in 3.5 s"


def test_one_timeout_spans_the_dial_and_the_handshake() -> None:
    pair = Pair(serve=ignore, latency=10.0)
    pair.connect(within=14.9)
    assert pair.link.number == 1
    assert not pair.of(ConnectFailed)
    pair.advance(0.1)
    assert pair.of(ConnectFailed)[0].error.code is ErrorCode.CONNECTION_TIMEOUT


def test_a_link_opens_once() -> None:
    pair = connected()
    with pytest.raises(LocalProtocolError):
        pair.client.opened(1, now=pair.now)
    assert pair.client.is_connected


def test_broken_bytes_during_the_handshake() -> None:
    pair = Pair(serve=ignore)
    pair.connect()
    pair.client.fault(1, RemoteProtocolError("bad opcode"), now=pair.now)
    pair.step()
    (failed,) = pair.of(ConnectFailed)
    assert failed.error.message == "the server broke the protocol: bad opcode"


# --- the table of endings (API 6) ------------------------------------------------------------


def close_with(code: int | None) -> Any:
    return lambda pair: pair.link.cut(code=code)


def told(message: Any) -> Any:
    def end(pair: Pair) -> None:
        pair.tell(message)
        pair.server.close(now=pair.now)

    return end


def silence(pair: Pair) -> None:
    pair.link.black_hole()
    pair.advance(46)


def nonsense(pair: Pair) -> None:
    pair.link.inject("nonsense")


def broken_bytes(pair: Pair) -> None:
    pair.client.fault(pair.client.link, RemoteProtocolError("bad opcode"), now=pair.now)


def engine_close(pair: Pair) -> None:
    pair.link.inject("1")


def leave(pair: Pair) -> None:
    pair.server.close(now=pair.now)


def by_us(pair: Pair) -> None:
    pair.client.disconnect(now=pair.now)


ROWS = [
    ("network", close_with(None)),
    ("network", close_with(1006)),
    ("server_disconnect", close_with(1000)),
    ("heartbeat", silence),
    ("server_restart", close_with(1001)),
    ("server_restart", close_with(1012)),
    ("server_restart", close_with(1013)),
    ("server_restart", engine_close),
    ("server_disconnect", leave),
    ("session_timeout", told(SessionTimeout())),
    ("session_rejected", told(SessionRejected())),
    ("moderation", told(ModerationWarning("terminated"))),
    ("quota", told(QuotaExceededData("gone"))),
    ("auth", told(AuthError("revoked"))),
    ("protocol", nonsense),
    ("protocol", broken_bytes),
    ("client", by_us),
]


@pytest.mark.parametrize(("reason", "end"), ROWS)
def test_every_row_of_the_table(reason: str, end: Any) -> None:
    pair = connected()
    pair.answers = False
    pair.advance(5)
    end(pair)
    pair.advance(2.5)
    ending = ENDINGS[Cause(reason)]
    assert reasons(pair) == [reason]
    assert states(pair)[0] == ("reconnecting" if ending.retry else "disconnected")
    assert len(pair.of(Reconnecting)) == int(ending.retry)
    assert bool(pair.of(Fault)) is (reason == "protocol")
    assert (pair.client.session, pair.client.is_connected) == (None, False)
    assert pair.client.next_command() is None
    if not ending.retry:
        assert pair.client.deadline is None
        pair.advance(3600)
        assert len(pair.dials) == 1


@pytest.mark.parametrize(("reason", "end"), [r for r in ROWS if ENDINGS[Cause(r[0])].retry])
@pytest.mark.parametrize("lived", [5.0, 11.0])
def test_who_resets_the_counter(reason: str, end: Any, lived: float) -> None:
    pair = connected()
    if end is silence:  # It takes its 45 seconds to be noticed, by when any session has settled.
        lived = 50.0
    for _ in range(2):
        pair.advance(lived)
        end(pair)
        pair.advance(4)
        assert pair.client.is_connected
    settled = lived > 10 and ENDINGS[Cause(reason)].resets_counter
    assert [e.attempt for e in pair.of(Reconnecting)] == ([1, 1] if settled else [1, 2])


@pytest.mark.parametrize(("lived", "attempt"), [(9.98, 2), (10.001, 1)])
def test_ten_seconds_reset_the_counter(lived: float, attempt: int) -> None:
    pair = connected()
    pair.link.cut()
    while not pair.client.is_connected:
        pair.advance(0.01)
    pair.advance(lived)
    pair.link.cut()
    assert [e.attempt for e in pair.of(Reconnecting)] == [1, attempt]


def test_without_auto_reconnect_a_drop_is_the_end() -> None:
    pair = connected(auto_reconnect=False)
    pair.link.cut()
    assert pair.events == [StateChanged(States.DISCONNECTED), Disconnected("network")]
    assert pair.client.deadline is None


# --- retrying --------------------------------------------------------------------------------


def test_delays_double_with_a_seeded_jitter_and_then_it_gives_up() -> None:
    def run(seed: int) -> tuple[list[Any], Pair]:
        pair = Pair(replace(CONFIG, max_reconnect_attempts=6, reconnect_delay_max=9.0), seed=seed)
        pair.connect()
        pair.events.clear()
        pair.refusal = EstuaryError("no route", ErrorCode.CONNECTION_FAILED)
        pair.link.cut()
        pair.advance(600)
        return [e.delay for e in pair.of(Reconnecting)], pair

    delays, pair = run(7)
    for delay, full in zip(delays, (1, 2, 4, 8, 9, 9), strict=True):
        assert full / 2 <= delay < full
    assert run(7)[0] == delays != run(8)[0]
    assert states(pair) == ["reconnecting", "error"]
    assert reasons(pair) == ["network"]
    (fault,), (failed,) = pair.of(Fault), pair.of(ConnectFailed)
    assert fault.error is failed.error
    assert fault.error.code is ErrorCode.CONNECTION_FAILED
    assert fault.error.message == "gave up after 6 attempt(s) to reconnect: no route"
    assert pair.client.deadline is None
    # Connecting again begins anew.
    pair.refusal = None
    pair.connect()
    pair.link.cut()
    assert pair.of(Reconnecting)[-1].attempt == 1


def test_no_attempts_at_all() -> None:
    pair = connected(max_reconnect_attempts=0)
    pair.link.cut()
    assert states(pair) == ["reconnecting", "error"]
    assert "gave up after 0 attempt(s)" in pair.of(Fault)[0].error.message


@pytest.mark.parametrize(
    ("serve", "code"), [(refuse, "AUTH_FAILED"), (reject, "CONNECTION_FAILED")]
)
def test_a_refusal_while_reconnecting_is_the_end(serve: Any, code: str) -> None:
    pair = connected()
    pair.serve = serve
    pair.link.cut()
    pair.advance(100)
    assert states(pair) == ["reconnecting", "error"]
    assert [e.error.code.value for e in pair.of(Fault, ConnectFailed)] == [code, code]
    assert len(pair.dials) == 2


def test_timeouts_while_reconnecting_are_retried() -> None:
    pair = connected()
    pair.answers = False
    pair.link.cut()
    pair.advance(16.4)  # The first attempt has died of age, the second has not begun.
    pair.answers = True
    pair.advance(20)
    assert states(pair) == ["reconnecting", "connected"]
    assert [e.attempt for e in pair.of(Reconnecting)] == [1, 2]


def test_connect_while_waiting_tries_at_once() -> None:
    pair = connected(reconnect_delay=1000.0, reconnect_delay_max=1000.0)
    pair.link.cut()
    pair.advance(1)
    pair.connect()
    assert states(pair) == ["reconnecting", "connected"]
    pair.advance(2000)
    assert len(pair.dials) == 2


def test_sends_are_refused_while_reconnecting() -> None:
    pair = connected()
    pair.link.cut()
    with pytest.raises(LocalProtocolError, match=r"not connected \(state reconnecting\)") as caught:
        pair.submit(SendText("hi"))
    assert caught.value.code is ErrorCode.NOT_CONNECTED


def test_a_hundred_reconnects() -> None:
    pair = connected(max_reconnect_attempts=1)
    receipts = []
    for number in range(100):
        receipts.append(pair.submit(SendText(f"before {number}")))
        pair.advance(11)
        pair.link.cut()
        pair.advance(2)
    assert pair.client.is_connected
    assert (len(pair.dials), len(pair.of(Connected))) == (101, 100)
    assert reasons(pair) == ["network"] * 100
    assert states(pair) == ["reconnecting", "connected"] * 100
    assert receipts == list(range(1, 101))
    assert [s.receipt for s in pair.of(Settled)] == receipts
    assert not pair.of(Fault)


def test_an_hour_of_heartbeats() -> None:
    pair = connected()
    pair.advance(3600)
    assert pair.events == []
    assert pair.client.is_connected
    assert (pair.link.got.count("2"), pair.link.sent.count("3")) == (143, 143)


# --- the user says goodbye -------------------------------------------------------------------


def test_disconnect_sends_what_was_accepted() -> None:
    pair = connected()
    receipt = pair.client.submit(SendText("last words"), now=pair.now)
    pair.client.disconnect(now=pair.now)
    assert not pair.client.is_connected
    pair.advance(1)
    assert pair.events == [
        Settled(receipt, Outcome.SENT),
        StateChanged(States.DISCONNECTED),
        Disconnected("client"),
    ]
    assert SendText("last words") in pair.link.heard
    assert pair.link.sent[-2:] == ["41/sdk,", HangUp()]
    pair.client.disconnect(now=pair.now)
    pair.advance(100)
    assert len(pair.events) == 3


def test_disconnect_is_bounded_when_nobody_listens() -> None:
    pair = connected()
    pair.link.stalled.add(Role.CLIENT)
    pair.client.submit(SendText("never read"), now=pair.now)
    pair.client.disconnect(now=pair.now)
    pair.advance(1.9)
    assert reasons(pair) == []
    pair.advance(0.1)
    assert reasons(pair) == ["client"]
    (fault,) = pair.of(Fault)
    assert fault.error.details == {"lost": 1}


@pytest.mark.parametrize("moment", ["dialling", "joining", "waiting", "redialling", "rejoining"])
def test_disconnect_ends_a_pending_attempt(moment: str) -> None:
    pair = Pair()
    if moment in ("waiting", "redialling", "rejoining"):
        pair.connect()
        pair.link.cut()
    pair.answers = moment in ("joining", "rejoining")
    pair.serve = ignore
    if moment in ("dialling", "joining"):
        pair.client.connect(now=pair.now)
    pair.advance(0 if moment == "waiting" else 2)
    pair.events.clear()
    dials = len(pair.dials)
    pair.client.disconnect(now=pair.now)
    pair.step()
    assert [type(e) for e in pair.events] == [StateChanged, ConnectFailed]
    assert pair.client.state is States.DISCONNECTED
    assert pair.client.deadline is None
    pair.answers = True
    pair.advance(100)
    assert len(pair.dials) == dials
    assert len(pair.events) == 2


def test_disconnect_without_a_connection_is_nothing() -> None:
    pair = Pair()
    pair.client.disconnect(now=pair.now)
    pair.step()
    assert pair.events == []


@pytest.mark.parametrize(
    ("frame", "reason"), [("41/sdk,", "server_disconnect"), ("1", "server_restart")]
)
def test_disconnect_while_the_server_says_goodbye_keeps_us_away(frame: str, reason: str) -> None:
    pair = connected()
    pair.link.inject(frame)
    pair.link.stalled.add(Role.CLIENT)  # The goodbye has come, the end of the stream has not.
    pair.advance(0.015)
    assert not pair.client.is_connected
    assert pair.client.state is States.CONNECTED
    pair.client.disconnect(now=pair.now)
    pair.advance(100)
    assert reasons(pair) == [reason]
    assert states(pair) == ["disconnected"]
    assert len(pair.dials) == 1


def test_disconnect_while_a_refusal_lingers() -> None:
    pair = Pair(serve=style_b_refuse)
    pair.client.connect(now=pair.now)
    pair.advance(0.045)
    assert not pair.of(ConnectFailed)
    pair.client.disconnect(now=pair.now)
    pair.step()
    assert states(pair) == ["connecting", "disconnected"]
    assert len(pair.of(ConnectFailed)) == 1
    pair.advance(100)
    assert pair.client.deadline is None


def test_connecting_again_does_not_wait_for_the_goodbye() -> None:
    pair = connected()
    pair.link.black_hole()
    pair.client.disconnect(now=pair.now)
    pair.client.connect(now=pair.now)
    pair.advance(1)
    assert states(pair) == ["disconnected", "connecting", "connected"]
    assert reasons(pair) == ["client"]
    # And from here on a drop is a drop again.
    pair.link.cut()
    pair.advance(3)
    assert pair.client.is_connected


# --- secrets ---------------------------------------------------------------------------------


@pytest.mark.parametrize("session", [False, True])
def test_a_key_that_the_server_repeats_is_concealed(session: bool) -> None:
    key = "est_0123456789"

    def repeat(link: Link, event: Any) -> None:
        if isinstance(event, JoinRequested):
            answer = Admit(SessionInfo("s")) if session else Refuse(f"no such key: {key}")
            link.submit(answer)

    pair = Pair(replace(CONFIG, api_key=key), serve=repeat)
    pair.connect()
    if session:
        pair.tell(ErrorEvent(f"{key} has no credit", key))
        pair.tell(AuthError(f"{key} was revoked"))
        leave(pair)
        pair.advance(1.0)
    errors = [e.error for e in pair.of(Fault, ConnectFailed)]
    assert errors
    shown = " ".join(f"{e} {e!r} {e.args} {e.details}" for e in errors)
    assert "***" in shown
    assert "0123456789" not in shown


def test_a_key_too_short_to_be_one_is_not_looked_for() -> None:
    error = EstuaryError("an error", details={"a": 1})
    error.conceal("a")
    assert (error.message, error.details) == ("an error", {"a": 1})
