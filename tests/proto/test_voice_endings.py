"""Voice where the connection is ending already, and where several deadlines have passed at once."""

from __future__ import annotations

from typing import Any

import pytest

from estuary_proto.credentials import SPARE
from estuary_proto.errors import ErrorCode, SendBlocked
from estuary_proto.events import Disconnected, Writable
from estuary_proto.intents import RenewAuthentication, SendText
from estuary_proto.states import Role
from tests.proto.talker import BUTTON, CONTINUOUS, TENTH, Talker
from tests.proto.test_credentials import Asking

GOODBYE = "41/sdk,"


def leaving(mode: Any) -> Talker:
    """With voice on, and a server that has just said goodbye: its transport is still there."""
    talk = Talker()
    talk.start(mode)
    talk.client.receive(talk.client.link, GOODBYE, now=talk.now)
    return talk


@pytest.mark.parametrize("mode", [CONTINUOUS, BUTTON])
def test_disconnecting_behind_the_servers_goodbye(mode: Any) -> None:
    talk = leaving(mode)
    talk.client.disconnect(now=talk.now)
    talk.advance(5.0)
    assert talk.of(Disconnected) == [Disconnected("server_disconnect")]
    assert talk.told == ["started", "stopped"]
    assert talk.client.deadline is None


@pytest.mark.parametrize("mode", [CONTINUOUS, BUTTON])
def test_stopping_behind_the_servers_goodbye_settles(mode: Any) -> None:
    talk = leaving(mode)
    request = talk.client.stop_voice(now=talk.now)
    talk.advance(1.0)
    assert talk.settled == [(1, None), (request, None)]
    assert talk.told == ["started", "stopped"]


def test_a_press_behind_the_servers_goodbye_is_lost_and_told() -> None:
    talk = leaving(BUTTON)
    talk.client.press(now=talk.now)
    talk.client.send_audio(TENTH, now=talk.now)
    talk.client.release(now=talk.now)
    talk.advance(5.0)
    assert talk.dropped == [("connection_lost", 0.1)]
    assert talk.heard == ""


@pytest.mark.parametrize("mode", [CONTINUOUS, BUTTON])
def test_a_start_and_a_connection_that_time_out_in_one_call(mode: Any) -> None:
    talk = Talker(acks=False)
    request = talk.start(mode)
    if mode is BUTTON:
        talk.press()
    talk.now += 100.0  # The machine was asleep.
    talk.client.handle_timeout(now=talk.now)
    talk.step()
    assert talk.of(Disconnected) == [Disconnected("heartbeat")]
    failed = ErrorCode.VOICE_START_FAILED.value
    assert talk.settled == [(request, None if mode is BUTTON else failed)]


def test_a_stop_and_a_connection_that_time_out_in_one_call() -> None:
    talk = Talker(acks=False)
    talk.start(BUTTON)
    talk.press()
    talk.ack()
    talk.release()
    talk.press()  # It waits for the end of the first, which never comes.
    talk.now += 100.0
    talk.client.handle_timeout(now=talk.now)
    talk.step()
    assert talk.of(Disconnected) == [Disconnected("heartbeat")]


def test_who_waits_to_speak_learns_of_the_release() -> None:
    talk = Talker(acks=False)
    talk.start(BUTTON)
    talk.press()
    talk.ack()
    talk.release()
    talk.press()
    for _ in range(10):
        talk.say()
    with pytest.raises(SendBlocked):
        talk.say()
    talk.release()
    assert talk.of(Writable)
    assert talk.say() == 0


def test_a_renewal_goes_through_a_full_buffer() -> None:
    pair = Asking()
    pair.connect()
    pair.give()
    pair.advance(1.0)
    pair.link.stalled.add(Role.CLIENT)
    for size in (10000, 1):
        with pytest.raises(SendBlocked):
            while True:
                pair.client.submit(SendText("x" * size), now=pair.now)
    pair.now += 3600.0 - SPARE - 1.0
    pair.client.receive(pair.client.link, "2", now=pair.now)
    pair.advance(1.0)
    pair.give("ect_next")
    pair.link.stalled.clear()
    pair.advance(0.1)
    assert RenewAuthentication("ect_next") in pair.link.heard
