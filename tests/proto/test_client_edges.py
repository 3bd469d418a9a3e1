"""The client at its edges: clocks that go back, results of other links, what is told at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from estuary_proto.answers import Ack
from estuary_proto.client import Client
from estuary_proto.connection import MAX_EVENTS
from estuary_proto.credentials import SPARE
from estuary_proto.errors import ErrorCode, EstuaryError, LocalProtocolError
from estuary_proto.events import (
    AckDue,
    AckSettled,
    ConnectFailed,
    CredentialNeeded,
    Disconnected,
    Fault,
    Outcome,
    Reconnecting,
    ReplyEnded,
)
from estuary_proto.intents import SendText
from estuary_proto.models.conversation import InterruptData
from estuary_proto.models.session import AuthError, ErrorEvent
from estuary_proto.outbox import MAX_CONTROL
from estuary_proto.states import Role
from estuary_proto.testing import Pair
from estuary_proto.testing.pair import CONFIG
from estuary_proto.timers import Timer
from tests.proto.talker import CONTINUOUS, TENTH, Talker
from tests.proto.test_credentials import TOKEN, Asking

ERROR = EstuaryError("no", ErrorCode.CONNECTION_FAILED)


def connected(**settings: Any) -> Pair:
    pair = Pair(replace(CONFIG, **settings), latency=0.0)
    pair.connect(within=0.0)
    assert pair.client.is_connected
    pair.events.clear()
    return pair


# --- time never goes back ----------------------------------------------------------------------

LATER, EARLIER = 10.0, -50.0

Input = Callable[[Client, float], object]

QUIET: dict[str, Input] = {
    "submit": lambda c, now: c.submit(SendText("hi"), now=now),
    "ask": lambda c, now: c.ask(SendText("hi"), now=now),
    "connect": lambda c, now: c.connect(now=now),
    "handle_timeout": lambda c, now: c.handle_timeout(now=now),
    "start_voice": lambda c, now: c.start_voice(CONTINUOUS, now=now),
    "stop_voice": lambda c, now: c.stop_voice(now=now),
    "mute": lambda c, now: c.mute(True, now=now),
    "credential": lambda c, now: c.credential(9, "t", "p", 60.0, now=now),
    "credential_failed": lambda c, now: c.credential_failed(9, ERROR, now=now),
    "receive": lambda c, now: c.receive(1, '42/sdk,["x"]', now=now),
}


@pytest.mark.parametrize("name", QUIET)
def test_every_input_moves_the_clock_on(name: str) -> None:
    pair = connected()
    QUIET[name](pair.client, pair.now + LATER)
    pair.client.receive(1, "2", now=pair.now + EARLIER)
    pair.client.mute(False, now=pair.now)
    heard = Timer.HEARTBEAT, pair.now + LATER + 45.0
    assert (Timer.HEARTBEAT, beat(pair)) == heard


def beat(pair: Pair) -> float | None:
    """When the server's silence is the end, whatever else is due before."""
    assert pair.client._connection is not None
    return pair.client._connection._timers.at(Timer.HEARTBEAT)


def test_a_transport_that_opens_moves_the_clock_on() -> None:
    pair = Pair(latency=0.0)
    pair.client.connect(now=100.0)
    pair.client.opened(1, now=110.0)
    pair.client.receive(1, '0{"sid":"e"}', now=90.0)
    assert beat(pair) == 110.0 + 45.0


ENDS: dict[str, Input] = {
    "receive_eof": lambda c, now: c.receive_eof(1, now=now),
    "fault": lambda c, now: c.fault(1, ERROR, now=now),
}


@pytest.mark.parametrize(("first", "then"), [(LATER, LATER), (LATER, EARLIER), (0.0, LATER)])
@pytest.mark.parametrize("name", ENDS)
def test_a_retry_counts_from_the_latest_time(name: str, first: float, then: float) -> None:
    pair = connected()
    pair.client.handle_timeout(now=pair.now + first)
    ENDS[name](pair.client, pair.now + then)
    after = pair.now + max(first, then)
    deadline = pair.client.deadline
    assert deadline is not None
    assert deadline.timer is Timer.RETRY
    assert after + 0.5 <= deadline.at <= after + 1.0


def test_a_dial_that_fails_moves_the_clock_on() -> None:
    pair = connected()
    pair.answers = False
    pair.link.cut()
    pair.advance(1.0)
    assert pair.dials[-1].link == 2
    pair.client.dial_failed(2, ERROR, now=pair.now + LATER)
    deadline = pair.client.deadline
    assert deadline is not None
    assert pair.now + LATER + 1.0 <= deadline.at <= pair.now + LATER + 2.0


def test_a_goodbye_is_bounded_from_the_latest_time() -> None:
    pair = connected()
    pair.client.handle_timeout(now=pair.now + LATER)
    pair.client.disconnect(now=pair.now + EARLIER)
    assert pair.client.deadline == (pair.now + LATER + 2.0, Timer.CLOSE)


def test_an_ack_is_awaited_from_the_latest_time() -> None:
    pair = connected()
    pair.client.handle_timeout(now=pair.now + LATER)
    pair.client.submit(SendText("hi"), now=pair.now + EARLIER, ack_within=5.0)
    assert pair.client.deadline == (pair.now + LATER + 5.0, Timer.ACK)


def test_a_reply_is_awaited_from_the_latest_time() -> None:
    pair = connected()
    pair.client.handle_timeout(now=pair.now + LATER)
    pair.client.ask(SendText("hi"), now=pair.now + EARLIER, timeout=5.0)
    assert pair.client.deadline == (pair.now + LATER + 5.0, Timer.REPLY)


# --- other links -------------------------------------------------------------------------------


@pytest.mark.parametrize("other", [0, 1, 3])
def test_another_link_has_nothing_to_send_though_ours_has(other: int) -> None:
    pair = connected()
    pair.link.cut()
    pair.advance(3.0)
    assert pair.client.link == 2
    pair.client.submit(SendText("hi"), now=pair.now)
    assert not pair.client.wants_write(other)
    assert pair.client.next_frame(other) is None
    assert pair.client.wants_write(2)
    assert pair.client.next_frame(2) is not None


@pytest.mark.parametrize("other", [0, 2])
def test_a_credential_for_another_link_is_not_used(other: int) -> None:
    pair = Asking()
    pair.client.connect(now=pair.now)
    pair.client.credential(other, TOKEN, "ada", 60.0, now=pair.now)
    pair.client.credential_failed(other, ERROR, now=pair.now)
    pair.advance(1.0)
    assert (pair.dials, pair.of(ConnectFailed)) == ([], [])
    pair.give()
    assert len(pair.dials) == 1


# --- told at once, and once --------------------------------------------------------------------


def test_more_events_than_the_limit_pause_reading_too() -> None:
    """One frame may bring several: the limit is passed, not met."""
    pair = connected()
    for _ in range(MAX_EVENTS - 1):
        pair.client.receive(1, '42/sdk,["x"]', now=pair.now)
    assert pair.client.wants_read
    tagged = '42/sdk,["bot_response",{"text":"Hi <action name=\\"wave\\"/>","message_id":"m"}]'
    pair.client.receive(1, tagged, now=pair.now)
    assert not pair.client.wants_read
    pair.link.black_hole()
    pair.advance(46.0)  # The peer earns a second window for it.
    assert pair.client.is_connected


def test_acks_by_hand_that_nobody_reads_end_it_in_the_call() -> None:
    pair = connected()
    pair.link.stalled.add(Role.CLIENT)
    for _ in range(MAX_CONTROL):
        pair.client.submit(Ack(1), now=pair.now)
    assert pair.client.next_event() is None
    pair.client.submit(Ack(1), now=pair.now)
    pair.step()
    assert [e.reason for e in pair.of(Disconnected)] == ["protocol"]


def test_an_attempt_that_the_user_ends_is_nobodys_refusal() -> None:
    for waiting in (False, True):
        pair = connected() if waiting else Pair()
        if waiting:
            pair.link.cut()
        else:
            pair.client.connect(now=pair.now)
        pair.client.disconnect(now=pair.now)
        pair.step()
        (failed,) = pair.of(ConnectFailed)
        assert failed.error.code is ErrorCode.CONNECTION_FAILED
        assert failed.error.message == "disconnected by the user"


@pytest.mark.parametrize("what", ["reply", "renewal"])
def test_the_end_leaves_no_deadline(what: str) -> None:
    if what == "reply":
        pair = connected(auto_reconnect=False)
        pair.ask(SendText("hi"), timeout=60.0)
    else:
        pair = Asking(auto_reconnect=False)
        pair.begin(lifetime=100.0)
    pair.link.cut()
    assert pair.client.deadline is None


# --- receipts and attempts ---------------------------------------------------------------------


def test_receipts_of_audio_count_for_the_next_connection_too() -> None:
    talk = Talker()
    talk.start()
    first = talk.say(TENTH)
    talk.link.cut()
    talk.advance(3.0)
    assert talk.client.is_connected
    assert talk.submit(SendText("hi")) > first


@pytest.mark.parametrize(("lived", "attempt"), [(9.75, 2), (10.0, 1), (30.0, 1)])
def test_ten_seconds_to_the_moment_reset_the_counter(lived: float, attempt: int) -> None:
    """From the moment of Ready, at whatever hour."""
    pair = Pair(latency=0.0, start=1.0)
    pair.connect(within=0.0)
    pair.link.cut()
    pair.connect(within=0.0)
    assert pair.client.is_connected
    pair.advance(lived)
    pair.link.cut()
    assert [e.attempt for e in pair.of(Reconnecting)] == [1, attempt]


# --- credentials -------------------------------------------------------------------------------


def renewing() -> Asking:
    """Connected, and asked for the next token; nobody has answered."""
    pair = Asking()
    pair.begin(lifetime=100.0)
    pair.advance(100.0 - SPARE - 1.0)
    assert pair.needed == 2
    pair.events.clear()
    return pair


def test_a_renewed_token_is_renewed_at_its_own_time() -> None:
    pair = renewing()
    pair.give(lifetime=100.0)
    pair.advance(100.0 - SPARE - 0.1)
    assert pair.needed == 0
    pair.advance(0.2)
    assert pair.needed == 1
    assert pair.of(CredentialNeeded) == [CredentialNeeded(1)]


def test_a_renewal_fails_once() -> None:
    pair = renewing()
    pair.link.black_hole()
    for _ in range(2):
        pair.client.credential_failed(1, ERROR, now=pair.now)
    pair.step()
    assert pair.of(AuthError) == [AuthError("credential_renewal_failed")]


def test_a_provider_that_fails_after_its_time_changes_nothing() -> None:
    pair = renewing()
    pair.advance(SPARE - 1.0)
    pair.link.black_hole()  # So that the goodbye takes its time.
    pair.advance(1.1)
    pair.client.credential_failed(1, ERROR, now=pair.now)
    pair.step()
    assert pair.of(AuthError) == [AuthError("credential_renewal_failed")]


def test_the_ack_of_a_message_is_no_answer_to_the_renewal() -> None:
    pair = renewing()
    pair.answer = None
    receipt = pair.submit(SendText("hi"), ack_within=60.0)
    pair.give(lifetime=100.0)
    pair.advance(1.0)
    assert [e.ack_id for e in pair.link.heard if isinstance(e, AckDue)] == [receipt, receipt + 1]
    pair.link.submit(Ack(receipt, ("later",)))
    pair.advance(1.0)
    assert pair.of(AckSettled) == [AckSettled(receipt, Outcome.OK, ("later",))]
    assert pair.client.is_connected
    assert pair.of(AuthError) == []


def test_a_token_in_a_failure_does_not_show_in_what_ends_by_it() -> None:
    pair = renewing()
    pair.ask(SendText("hi"))
    error = EstuaryError(f"the backend knows nothing of {TOKEN}", ErrorCode.AUTH_FAILED)
    pair.client.credential_failed(1, error, now=pair.now)
    pair.advance(3.0)
    (ended,) = pair.of(ReplyEnded)
    shown = f"{ended.error} {ended.error!r} {ended.error.args} {ended.error.details}"
    assert "the backend knows nothing of ***" in shown
    assert TOKEN not in shown


def test_a_token_that_the_server_repeats_is_concealed() -> None:
    pair = renewing()
    pair.tell(ErrorEvent(f"{TOKEN} has no credit", TOKEN))
    pair.advance(1.0)
    (fault,) = pair.of(Fault)
    shown = f"{fault.error} {fault.error!r} {fault.error.args} {fault.error.details}"
    assert "*** has no credit" in shown
    assert TOKEN not in shown


def test_a_provider_that_fails_while_we_leave_expels_nobody() -> None:
    pair = renewing()
    pair.link.black_hole()
    pair.client.disconnect(now=pair.now)
    pair.client.credential_failed(1, ERROR, now=pair.now)
    pair.advance(SPARE + 1.0)
    assert pair.of(AuthError) == []
    assert pair.reasons == ["client"]


# --- voice -------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["waiting", "exhausted"])
def test_voice_does_not_come_back_after_the_end(moment: str) -> None:
    talk = Talker(max_reconnect_attempts=0 if moment == "exhausted" else 5)
    talk.start()
    talk.link.cut()
    talk.client.disconnect(now=talk.now)
    talk.advance(1.0)
    talk.connect(within=0.0)
    assert talk.client.is_connected
    assert (talk.voice.mode, talk.heard) == (None, "")


def test_a_word_after_the_end_is_refused() -> None:
    pair = connected()
    pair.client.disconnect(now=pair.now)
    with pytest.raises(LocalProtocolError) as caught:
        pair.client.submit(InterruptData(), now=pair.now)
    assert caught.value.code is ErrorCode.NOT_CONNECTED
