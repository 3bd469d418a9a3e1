"""The table of states by itself; `test_connection.py` walks it on the real connection."""

from __future__ import annotations

import pytest

from estuary_proto.states import SENDER, TRANSITIONS, Role, Signal, State, next_state

ENDS = (Signal.GONE, Signal.FAULT, Signal.EXPIRED)


def test_every_state_has_its_row() -> None:
    assert set(TRANSITIONS) == set(State)


def test_roles_face_each_other() -> None:
    assert Role.CLIENT.other is Role.SERVER
    assert Role.SERVER.other is Role.CLIENT


@pytest.mark.parametrize("state", [s for s in State if s is not State.CLOSED])
@pytest.mark.parametrize("signal", ENDS)
def test_it_can_end_from_anywhere(state: State, signal: Signal) -> None:
    assert next_state(state, signal) is State.CLOSED


def test_every_goodbye_and_a_refusal_wait_for_the_end_of_the_transport() -> None:
    goodbyes = (Signal.LEAVE, Signal.STOP, Signal.HANGUP, Signal.JOIN_ERROR)
    after = {row[signal] for row in TRANSITIONS.values() for signal in goodbyes if signal in row}
    assert after == {State.CLOSING}


@pytest.mark.parametrize("signal", list(Signal))
def test_there_is_no_way_out_of_closed(signal: Signal) -> None:
    assert next_state(State.CLOSED, signal) is None


@pytest.mark.parametrize("signal", [s for s in Signal if s not in (Signal.START, *ENDS)])
def test_whatever_passes_after_a_goodbye_changes_nothing(signal: Signal) -> None:
    assert next_state(State.CLOSING, signal) is State.CLOSING


def test_a_connection_starts_once() -> None:
    starts = {state: next_state(state, Signal.START) for state in State}
    assert starts == {s: State.OPENING if s is State.IDLE else None for s in State}


@pytest.mark.parametrize("state", [State.JOINING, State.JOINED, State.GREETED, State.READY])
def test_messages_pass_once_the_client_has_asked_to_join(state: State) -> None:
    assert next_state(state, Signal.MESSAGE) is state


@pytest.mark.parametrize("state", [State.IDLE, State.OPENING, State.OPENED])
def test_no_message_passes_before(state: State) -> None:
    assert next_state(state, Signal.MESSAGE) is None
    assert next_state(state, Signal.LEAVE) is None


def reachable(start: State) -> set[State]:
    found, todo = {start}, [start]
    while todo:
        fresh = set(TRANSITIONS[todo.pop()].values()) - found
        found |= fresh
        todo += fresh
    return found


def test_every_state_is_reached_and_ready_only_through_a_session_and_an_ack() -> None:
    assert reachable(State.IDLE) == set(State)
    into_ready = {
        (state, signal)
        for state, row in TRANSITIONS.items()
        for signal, after in row.items()
        if after is State.READY and state is not State.READY
    }
    assert into_ready == {(State.JOINED, Signal.SESSION), (State.GREETED, Signal.JOIN_ACK)}


def test_who_sends_the_handshake() -> None:
    assert {s for s, role in SENDER.items() if role is Role.CLIENT} == {Signal.JOIN}
    assert {s for s, role in SENDER.items() if role is Role.SERVER} == {
        Signal.OPEN,
        Signal.JOIN_ACK,
        Signal.JOIN_ERROR,
        Signal.SESSION,
    }
