"""A client over many connections: dead links, messages, receipts and floods."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from estuary_proto.answers import Ack
from estuary_proto.connection import MAX_EVENTS
from estuary_proto.errors import (
    ErrorCode,
    EstuaryError,
    SendBlocked,
)
from estuary_proto.events import (
    AckSettled,
    ConnectFailed,
    Drop,
    Fault,
    Outcome,
    Settled,
    StateChanged,
    Writable,
)
from estuary_proto.intents import SendText
from estuary_proto.models.conversation import BotResponse, ResponseChunk
from estuary_proto.models.session import (
    ConnectionState,
    ErrorEvent,
    SessionInfo,
)
from estuary_proto.policy import Cause
from estuary_proto.states import Role
from estuary_proto.testing import Link, Pair, welcome
from estuary_proto.testing.pair import CONFIG
from estuary_proto.timers import Timer

from .lives import connected, reasons, states

States = ConnectionState


def ignore(link: Link, event: Any) -> None:
    """Let the client in nowhere, and say nothing."""


# --- late words of dead links ----------------------------------------------------------------


def test_whatever_a_dead_link_says_is_harmless() -> None:
    pair = connected()
    pair.link.cut()
    pair.advance(3)
    assert pair.client.link == 2
    pair.events.clear()
    error = EstuaryError("late")
    for dead in (0, 1, 3):
        pair.client.opened(dead, now=pair.now)
        pair.client.receive(dead, '42/sdk,["auth_error",{}]', now=pair.now)
        pair.client.dial_failed(dead, error, now=pair.now)
        pair.client.fault(dead, error, now=pair.now)
        pair.client.receive_eof(dead, now=pair.now)
        assert pair.client.next_frame(dead) is None
        assert not pair.client.wants_write(dead)
    pair.step()
    assert (pair.events, pair.client.is_connected) == ([], True)


def test_nothing_passes_between_two_links() -> None:
    pair = connected()
    pair.link.cut()
    pair.events.clear()
    error = EstuaryError("late")
    pair.client.opened(1, now=pair.now)
    pair.client.receive(1, "41/sdk,", now=pair.now)
    pair.client.receive_eof(1, now=pair.now)
    pair.client.dial_failed(1, error, now=pair.now)
    pair.client.fault(1, error, now=pair.now)
    assert pair.client.next_frame(1) is None
    assert not pair.client.wants_write(1)
    pair.step()
    assert pair.events == []


def test_a_dial_that_succeeds_too_late() -> None:
    pair = Pair(replace(CONFIG, connect_timeout=1.0), latency=3.0)
    pair.connect(within=20.0)
    assert states(pair) == ["connecting", "error"]
    assert pair.link.heard[-1].cause is Cause.NETWORK  # It was let go of.


def test_every_dial_is_dropped_in_the_end() -> None:
    pair = Pair()
    commands = []
    pair.client.connect(now=0.0)
    pair.client.disconnect(now=1.0)
    pair.client.connect(now=2.0)
    pair.client.dial_failed(2, EstuaryError("no"), now=3.0)
    while (command := pair.client.next_command()) is not None:
        commands.append(command if isinstance(command, Drop) else command.link)
    assert commands == [1, Drop(1), 2, Drop(2)]


# --- messages --------------------------------------------------------------------------------


def test_messages_acks_and_errors() -> None:
    pair = connected()
    receipt = pair.submit(SendText("hi"), ack_within=5.0)
    pair.advance(0.1)
    assert pair.events == [
        Settled(receipt, Outcome.SENT),
        AckSettled(receipt, Outcome.OK, ({"ok": True},)),
    ]
    pair.events.clear()
    pair.tell(ResponseChunk("Hello", True, None, "m"), ack_within=5.0)
    pair.tell(ErrorEvent("slow down", "rate_limited", "m"))
    pair.advance(0.1)
    response, fault = pair.events
    assert response == BotResponse("Hello", "Hello", True, "m")
    assert isinstance(fault, Fault)
    assert fault.error.message == "slow down"
    assert fault.error.details == {"code": "rate_limited", "message_id": "m"}
    assert [e.outcome for e in pair.link.heard if isinstance(e, AckSettled)] == [Outcome.OK]


@pytest.mark.parametrize(
    ("event", "text"),
    [(ErrorEvent(error="rate_limited"), "rate_limited"), (ErrorEvent(), "the server reported")],
)
def test_errors_of_few_words(event: ErrorEvent, text: str) -> None:
    pair = connected()
    pair.tell(event)
    pair.advance(0.1)
    assert text in pair.of(Fault)[0].error.message


def test_a_session_told_again_is_known_and_not_told() -> None:
    pair = connected()
    pair.tell(SessionInfo("again"))
    pair.advance(0.1)
    assert pair.events == []
    assert pair.client.session == SessionInfo("again")


def test_an_ack_wanted_with_the_last_word_is_not_owed() -> None:
    pair = Pair(serve=ignore)
    pair.connect()
    for frame in ('40/sdk,{"sid":"e"}', '42/sdk,7["auth_error",{}]'):
        pair.client.receive(1, frame, now=pair.now)
    pair.step()
    assert "43/sdk,7[]" not in pair.link.sent
    pair.advance(3)
    assert pair.of(ConnectFailed)[0].error.code is ErrorCode.AUTH_FAILED


def test_what_was_accepted_and_not_sent_is_told_once() -> None:
    pair = connected()
    pair.link.stalled.add(Role.CLIENT)
    receipts = [pair.submit(SendText(str(n))) for n in range(3)]
    pair.link.cut()
    assert pair.of(Settled) == [Settled(r, Outcome.LOST) for r in receipts]
    (fault,) = pair.of(Fault)
    assert fault.error.details == {"lost": 3}
    assert fault.error.code is ErrorCode.CONNECTION_FAILED
    pair.advance(20)
    assert pair.submit(SendText("again")) == 4
    pair.advance(20)
    pair.link.cut()
    assert len(pair.of(Fault)) == 1


def test_acks_by_hand_do_not_disturb_the_receipts() -> None:
    pair = connected()
    assert pair.submit(SendText("a")) == 1
    assert pair.submit(Ack(99)) == 0
    pair.link.cut()
    pair.advance(3)
    assert pair.submit(SendText("b")) == 2


def test_a_stalled_writer_keeps_the_session_and_its_pongs() -> None:
    pair = connected()
    pair.link.stalled.add(Role.CLIENT)
    text = SendText("x" * 900_000)
    for _ in range(9):
        pair.submit(text)
    with pytest.raises(SendBlocked):
        pair.submit(text)
    pair.advance(26)  # A ping comes meanwhile.
    pair.link.stalled.clear()
    pulled = len(pair.link.sent)
    pair.advance(1)
    assert pair.link.sent[pulled] == "3"
    assert len(pair.of(Writable)) == 1
    assert [s.outcome for s in pair.of(Settled)] == [Outcome.SENT] * 9
    assert pair.client.is_connected


def test_flooding_pauses_reading() -> None:
    pair = connected()
    for _ in range(MAX_EVENTS):
        assert pair.client.wants_read
        pair.client.receive(1, '42/sdk,["x"]', now=pair.now)
    assert not pair.client.wants_read
    pair.link.black_hole()
    pair.advance(46)  # The peer earns a second window for it.
    assert pair.client.wants_read
    assert (pair.client.is_connected, reasons(pair)) == (True, [])
    pair.advance(45)
    assert reasons(pair) == ["heartbeat"]


def test_time_never_goes_back() -> None:
    pair = connected()
    pair.client.receive(1, "2", now=pair.now + 100)
    pair.client.handle_timeout(now=0.0)
    pair.client.receive(1, "2", now=0.0)
    assert pair.client.deadline == (pair.now + 145, Timer.HEARTBEAT)


def test_a_life_has_the_verbs_of_a_connection() -> None:
    pair = Pair(serve=ignore)
    pair.client.connect(now=0.0)
    assert pair.client.next_command() is not None
    life = pair.client.life(1)
    life.start(now=1.0)
    assert life.deadline == (15.0, Timer.CONNECT)
    assert (life.wants_read, life.wants_write) == (True, False)
    life.handle_timeout(now=1.0)
    life.receive('0{"sid":"e"}', now=1.0)
    assert life.wants_write
    assert str(life.next_frame()).startswith("40/sdk,")
    assert life.next_event() == StateChanged(States.CONNECTING)
    life.receive_eof(now=2.0, code=1001, reason="away")
    pair.step()
    assert "(1001 away)" in pair.of(ConnectFailed)[0].error.message
    pair.client.connect(now=2.0)
    pair.client.life(2).start(now=2.0)
    pair.client.life(2).handle_timeout(now=17.0)
    pair.client.connect(now=18.0)
    pair.client.life(3).refused(EstuaryError("404"), now=18.0)
    pair.client.connect(now=19.0)
    pair.client.life(4).start(now=19.0)
    pair.client.life(4).fault(EstuaryError("bad bytes"), now=19.0)
    pair.step()
    assert [e.error.message for e in pair.of(ConnectFailed)[1:]] == [
        "timed out waiting for the server's Engine.IO greeting",
        "404",
        "the server broke the protocol: bad bytes",
    ]


def test_welcome_is_for_whoever_wants_nothing_else() -> None:
    pair = Pair(serve=lambda link, event: welcome(link, event))
    pair.connect()
    assert pair.client.is_connected
