"""One connection under anything: lists of operations, split bytes, hostile frames."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estuary_proto.answers import Ack, Admit
from estuary_proto.client import Client
from estuary_proto.errors import EstuaryError, LocalProtocolError
from estuary_proto.events import AckSettled, Settled
from estuary_proto.intents import SendText
from estuary_proto.messages import UnknownEvent
from estuary_proto.models.conversation import ResponseChunk
from estuary_proto.states import Role, State
from estuary_proto.testing import Pair, strategies
from estuary_proto.testing.operations import CONNECTION
from estuary_proto.testing.pair import CONFIG
from estuary_proto.testing.runs import ConnectionRun
from estuary_proto.testing.steps import ACKED, GREETING, INFO, SESSION, at, events, frames, make
from estuary_proto.websocket import WebSocketLink

# Frames that matter somewhere, and noise.
WIRE: list[str | bytes] = [
    GREETING,
    ACKED,
    SESSION,
    '42/sdk,["bot_response",{"text":"a<action","message_id":"m"}]',
    '42/sdk,["bot_response",{"text":"a","message_id":"m","is_final":true}]',
    '42/sdk,5["text",{"text":"hi"}]',
    '42/sdk,["moderation_flag",{"message_id":"m"}]',
    '42/sdk,["quota_exceeded",{}]',
    '42/sdk,["auth_error",{}]',
    '42/sdk,["interrupt"]',
    '452-/sdk,["p",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
    '461-/sdk,1[{"_placeholder":true,"num":0}]',
    b"bytes",
    "43/sdk,1[]",
    "43/sdk,2[1]",
    "40/sdk,{}",
    "40/other,",
    "40/\x01,",
    '44/sdk,{"message":"no"}',
    "41/sdk,",
    "1",
    "2",
    "2probe",
    "3",
    "5",
    "6",
    "",
    "4",
    "42/sdk,[[[",
]
BEGINNINGS = [
    (Role.CLIENT, state) for state in (State.IDLE, State.OPENING, State.JOINING, State.READY)
] + [(Role.SERVER, state) for state in (State.IDLE, State.JOINING, State.JOINED, State.READY)]


@pytest.mark.parametrize(("role", "state"), BEGINNINGS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_operations(role: Role, state: State, data: st.DataObject) -> None:
    """Nothing of the peer's raises, each thing settles once, equal inputs give equal outputs."""
    wanted = data.draw(strategies.operations(CONNECTION[role], max_size=30))
    runs = [ConnectionRun(role, state), ConnectionRun(role, state)]
    for run in runs:
        for operation in wanted:
            run.do(operation)
        run.finish()
    assert runs[0].log == runs[1].log


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("receive"), st.sampled_from([0, 1]), st.sampled_from(WIRE)),
            st.tuples(st.just("eof"), st.sampled_from([0, 1])),
            st.tuples(st.just("opened"), st.sampled_from([0, 1])),
            st.tuples(st.just("failed"), st.sampled_from([0, 1])),
            st.tuples(st.sampled_from(["connect", "disconnect", "ask", "submit"])),
            st.tuples(st.just("wait"), st.floats(0, 60)),
        ),
        max_size=40,
    ),
    st.integers(0, 3),
)
def test_any_operations_on_a_client(operations: list[tuple[Any, ...]], seed: int) -> None:
    """The peer and the driver never make a client raise; every reply ends once."""
    logs = []
    for _ in range(2):
        client, now, log, asked = Client(CONFIG, seed=seed), 0.0, [], set()
        client.connect(now=now)
        for operation in (*operations, ("disconnect",), ("wait", 100.0)):
            name, link = operation[0], client.link
            if name in ("receive", "eof", "opened", "failed"):
                link -= operation[1]
            if name == "receive":
                if client.deadline is not None and not client.wants_write(link):
                    client.fault(link - 1, EstuaryError("late"), now=now)
                try:
                    client.receive(link, operation[2], now=now)
                except LocalProtocolError as error:
                    assert "before start" in error.message  # noqa: PT017
            elif name == "eof":
                client.receive_eof(link, now=now)
            elif name == "failed":
                client.dial_failed(link, EstuaryError("no"), now=now)
            elif name == "wait":
                now += operation[1]
                client.handle_timeout(now=now)
            elif name in ("connect", "disconnect"):
                getattr(client, name)(now=now)
            else:
                try:
                    if name == "opened":
                        client.opened(link, now=now)
                    elif name == "ask":
                        asked.add(client.ask(SendText("hi"), now=now, timeout=10.0))
                    else:
                        client.submit(SendText("hi"), now=now, ack_within=5.0)
                except LocalProtocolError as error:
                    log.append(str(error))
            while client.next_frame(client.link) is not None:
                pass
            while (event := client.next_event()) is not None:
                log.append(repr(event))
        assert client.deadline is None
        assert not client.is_connected
        ended = [int(e.split("reply=")[1].split(",")[0]) for e in log if e.startswith("ReplyEnded")]
        assert sorted(ended) == sorted(asked)
        logs.append(log)
    assert logs[0] == logs[1]


# --- the same, whole or in bytes -------------------------------------------------------------


def conversation(cuts: list[int]) -> tuple[list[str], list[str]]:
    """What both sides tell when their bytes travel in pieces of these sizes (whole without)."""
    client_core, server_core = make(Role.CLIENT), make(Role.SERVER)
    client = WebSocketLink(client_core, host="h")
    server = WebSocketLink(server_core, role=Role.SERVER)
    told: tuple[list[Any], list[Any]] = ([], [])
    turn = 0

    def travel() -> None:
        nonlocal turn
        moved = True
        while moved:
            moved = False
            for link, other in ((client, server), (server, client)):
                data = link.data_to_send()
                while data:
                    moved = True
                    size = cuts[turn % len(cuts)] if cuts else len(data)
                    turn += 1
                    other.receive_data(data[:size], now=1.0)
                    data = data[size:]
            for found, core in zip(told, (client_core, server_core), strict=True):
                for event in events(core):
                    found.append(event)
                    if type(event).__name__ == "JoinRequested":
                        core.submit(Admit(INFO), now=1.0)
                        moved = True

    client.start(now=0.0)
    server.start(now=0.0)
    travel()
    client_core.submit(SendText("é" * 200), now=1.0, ack_within=5.0)
    client_core.submit(UnknownEvent("photo", (b"\x00" * 300, {"x": b"y"})), now=1.0)
    server_core.submit(ResponseChunk("Grüße 🌊", True, None, "m"), now=1.0)
    server_core.handle_timeout(now=25.0)
    travel()
    server_core.submit(Ack(1, (b"ok",)), now=25.0)
    travel()
    client_core.close(now=26.0, reason="bye")
    travel()
    assert client_core.state is server_core.state is State.CLOSED
    return [repr(e) for e in told[0]], [repr(e) for e in told[1]]


WHOLE = conversation([])


def test_a_conversation_in_whole_reads() -> None:
    text = " ".join(WHOLE[0] + WHOLE[1])
    for word in ("Ready", "photo", "Grüße 🌊", "AckSettled", "Cause.CLIENT"):
        assert word in text


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_byte_by_byte_is_the_same(size: int) -> None:
    assert conversation([size]) == WHOLE


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=20))
def test_split_anywhere_is_the_same(cuts: list[int]) -> None:
    assert conversation(cuts) == WHOLE


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["say", "tell", "cut", "hole", "wait", "stall", "flow"])),
        max_size=15,
    ),
    st.integers(0, 5),
)
def test_any_weather(operations: list[tuple[str]], seed: int) -> None:
    """Whatever the wires do, every receipt settles once and the client is back in the end."""
    pair = Pair(CONFIG, seed=seed)
    pair.connect()
    sent = []
    for (name,) in operations:
        if name == "say" and pair.client.is_connected:
            sent.append(pair.submit(SendText("hi"), ack_within=30.0))
        elif name == "tell" and pair.server.state is State.READY:
            pair.tell(ResponseChunk("x", True, None, "m"), ack_within=30.0)
        elif name == "cut":
            pair.link.cut()
        elif name == "hole":
            pair.link.black_hole()
        elif name in ("stall", "flow"):
            pair.link.stalled = {Role.CLIENT} if name == "stall" else set()
        pair.advance(7)
    pair.advance(60)
    pair.link.stalled = set()
    pair.client.connect(now=pair.now)
    pair.advance(120)
    assert pair.client.is_connected
    pair.client.disconnect(now=pair.now)
    pair.advance(5)
    assert sorted(e.receipt for e in pair.of(Settled)) == sent
    assert sorted(e.receipt for e in pair.of(AckSettled)) == sent
    assert pair.client.deadline is None


def test_frames_after_a_goodbye_are_read_by_nobody() -> None:
    for role in Role:
        conn = at(role, State.CLOSING)
        for frame in WIRE:
            conn.receive(frame, now=1.0)
        assert (events(conn), frames(conn), conn.state) == ([], [], State.CLOSING)
