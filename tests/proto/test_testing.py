"""What fuzzers and strategies stand on: equal choices make equal things, all of it is reached, and
what does not hold is noticed."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estuary_proto import engineio, messages, socketio
from estuary_proto.connection import Connection
from estuary_proto.errors import LocalProtocolError
from estuary_proto.events import Settled
from estuary_proto.gateway import Outside
from estuary_proto.gateway.conversation import Conversation
from estuary_proto.gateway.session import ServerSession
from estuary_proto.intents import SendText
from estuary_proto.states import Role, State
from estuary_proto.testing import making, strategies
from estuary_proto.testing.choosing import FromBytes
from estuary_proto.testing.ends import GUEST, PairRun, TalkRun
from estuary_proto.testing.minds import SERVER, MindRun
from estuary_proto.testing.operations import (
    CLIENT,
    CONNECTION,
    GATEWAY,
    ODD_CLOCK,
    PAIR,
    TALK,
    Kind,
    Operation,
    operations,
)
from estuary_proto.testing.rules import sound_in, unmoved
from estuary_proto.testing.runs import CONFIG, PCM, ClientRun, ConnectionRun
from estuary_proto.testing.users import holds
from estuary_proto.voice import Voice

# --- choices ----------------------------------------------------------------------------------


def test_bytes_are_taken_front_to_back() -> None:
    choose = FromBytes(
        bytes([7, 1, 5]) + b"h\xc3\xa9!?" + bytes([2, 1, 2]) + b"\x00" * 6 + b"\xf0?"
    )
    assert choose.below(4) == 3
    assert choose.whole() == 5 | ord("h") << 8
    assert FromBytes(b"\x03h\xc3\xa9").text() == "hé"
    assert FromBytes(b"\x02\xc3").text(2) == "\ufffd"
    assert FromBytes(b"\x02abc").binary() == b"ab"
    assert FromBytes(b"\x00\x00\x00\x00\x00\x00\xf0?").number() == 1.0
    assert FromBytes(b"\x01\x02").below(1000) == 0x201
    assert choose.more
    assert choose.rest.startswith(b"\xc3\xa9")


def test_past_the_end_all_is_plain() -> None:
    choose = FromBytes(b"")
    assert not choose.more
    assert (choose.below(9), choose.whole(), choose.number()) == (0, 0, 0.0)
    assert (choose.text(), choose.binary(), choose.rest) == ("", b"", b"")


def drawn(make: Any, seed: int) -> Any:
    return make(FromBytes(Random(seed).randbytes(400)))


MAKES = [
    making.json,
    making.engine_packet,
    making.handshake,
    making.socket_packet,
    lambda choose: making.frame(choose, Role.CLIENT),
    lambda choose: making.frame(choose, Role.SERVER),
    lambda choose: making.message(choose, Role.SERVER),
    lambda choose: making.model(choose, making.all_models()[choose.below(90)]),
    *(
        lambda choose, kind=kind: operations(choose, kind)
        for kind in (CLIENT, PAIR, GATEWAY, TALK, *CONNECTION.values())
    ),
]


@pytest.mark.parametrize("make", MAKES)
def test_equal_bytes_make_equal_things(make: Any) -> None:
    things = [repr(drawn(make, seed)) for seed in range(60)]
    assert things == [repr(drawn(make, seed)) for seed in range(60)]
    assert len(set(things)) > 10


def test_packets_travel_and_come_back() -> None:
    for seed in range(200):
        packet = drawn(making.socket_packet, seed)
        assembler = socketio.Assembler()
        found = None
        for frame in socketio.encode(packet):
            text = isinstance(frame, str)
            found = assembler.feed(socketio.decode(str(frame))) if text else None
            found = found if text else assembler.feed_binary(bytes(frame))  # type: ignore[arg-type]
        assert found == packet
        opened = drawn(making.handshake, seed)
        assert engineio.read_open(engineio.write_open(opened)) == opened
        message = drawn(lambda choose: making.message(choose, Role.CLIENT), seed)
        assert messages.may_send(Role.CLIENT, message)


@given(
    strategies.json_values(),
    strategies.engine_packets() | strategies.handshakes(),
    strategies.socket_packets(),
    strategies.messages(Role.SERVER),
    strategies.frames(Role.CLIENT) | strategies.frames(Role.SERVER),
)
def test_hypothesis_draws_the_same_things(
    value: Any, packet: Any, other: Any, message: Any, frame: str | bytes
) -> None:
    assert socketio.encode(other)
    assert messages.may_send(Role.SERVER, message)
    assert isinstance(frame, (str, bytes))
    assert packet is not None


# --- runs -------------------------------------------------------------------------------------


def seeds(count: int) -> list[bytes]:
    return [Random(seed).randbytes(140) for seed in range(count)]


def run(made: Any, data: bytes, kind: Kind) -> Any:
    for operation in operations(FromBytes(data), kind):
        made.do(operation)
    made.finish()
    return made


@pytest.mark.parametrize("role", Role)
def test_connections(role: Role) -> None:
    for data in seeds(60):
        for state in (State.IDLE, State.READY):
            logs = [run(ConnectionRun(role, state), data, CONNECTION[role]).log for _ in range(2)]
            assert logs[0] == logs[1]


@pytest.mark.parametrize("faithful", [True, False])
def test_clients(faithful: bool) -> None:
    kinds: set[type] = set()
    for data in seeds(30):
        made = run(ClientRun(faithful=faithful), data, CLIENT)
        kinds |= {type(event) for event in made.events}
    assert Settled in kinds


def test_minds() -> None:
    for number, data in enumerate(seeds(60)):
        outside = Outside(recogniser=True, voice=True) if number % 2 else None
        logs = []
        for _ in range(2):
            made = MindRun(
                external=number % 3 == 0, outside=outside,
                recalls=number % 4 == 0, faithful=number % 5 == 0,
            )  # fmt: skip
            logs.append(run(made, data, GATEWAY).log)
        assert logs[0] == logs[1]


def test_pairs_and_talks() -> None:
    for data in seeds(40):
        run(PairRun(), data, PAIR)
        run(TalkRun(), data, TALK)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_runs_by_hypothesis(data: st.DataObject) -> None:
    for made, kind in ((PairRun(), PAIR), (MindRun(), GATEWAY), (TalkRun(), TALK)):
        for operation in data.draw(strategies.operations(kind, max_size=15)):
            made.do(operation)
        made.finish()


def test_outsiders_answer_what_they_were_asked() -> None:
    outside = Outside(recogniser=True, voice=True)
    config = replace(SERVER, word_interval=0.0, voice="always")
    mind = MindRun(config, external=True, outside=outside, recalls=True)
    join, *_, says = making.FRAMES[Role.CLIENT][:5]
    steps: list[tuple[Any, ...]] = [
        ("receive", join),
        ("recalled",),
        ("receive", says),
        ("brain_piece", 0, "One sentence. And"),
        ("brain_done", 0),
        ("voice_sound", 1, bytes(3200)),
        ("voice_done", 1),
        ("voice_sound", 0, bytes(3200)),
        ("voice_done", 0),
        ("pull", 30),
        ("receive", '42/sdk,["start_voice",{"turn_mode":"push_to_talk"}]'),
        *[("voice", b"\x00\x40\x00\xc0" * 800)] * 10,
        ("receive", '42/sdk,["stop_voice"]'),
        ("heard", 0, "Hello there", True),
        ("pull", 30),
    ]
    for verb, *args in steps:
        mind.do(Operation(0.1, verb, tuple(args)))
    assert all(mind.outsiders.asked.values())
    sent = "".join(frame for frame in mind.log if isinstance(frame, str))
    assert "One sentence." in sent
    with pytest.raises(AssertionError, match="none was due"):
        mind._read(b"")
    mind.finish()


def test_floods_stop_where_reading_stops() -> None:
    asks = '42/sdk,5["custom"]'
    connection, client, mind = ConnectionRun(Role.SERVER, State.READY), ClientRun(), MindRun()
    for _ in range(3):
        connection.do(Operation(0.0, "flood", (asks, 2000)))
    assert "PROTOCOL" in connection.log[-1]  # It reads none of its acknowledgements.
    client.do(Operation(0.0, "flood", ('42/sdk,["custom"]', 2000)))
    client.do(Operation(0.0, "join"))
    mind.do(Operation(0.0, "flood", (asks, 2000)))
    mind.session = type("Full", (), {"wants_read": False})()
    mind.do_receive("2")
    mind = MindRun()
    for made in (connection, client, mind):
        made.finish()


def test_a_client_without_a_credential_is_not_let_in() -> None:
    async def provider() -> None: ...

    client = ClientRun(replace(CONFIG, token_provider=provider))
    assert client.core.is_connected
    client.do(Operation(0.0, "credential_failed"))
    client.finish()


# --- what does not hold is noticed ------------------------------------------------------------


def test_words() -> None:
    holds(1, "never said")
    with pytest.raises(AssertionError, match="the words"):
        holds("", "the words")


def test_a_core_that_raises_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(*args: Any, **options: Any) -> None:
        raise LocalProtocolError("oops")

    runs: list[Any] = [ConnectionRun(Role.CLIENT, State.READY), ClientRun(), PairRun(), TalkRun()]
    monkeypatch.setattr(Connection, "_receive_engine", raises)
    monkeypatch.setattr(Connection, "receive_eof", raises)
    for run in runs[:2]:
        with pytest.raises(AssertionError, match="receive raises nothing: .*oops"):
            run.do(Operation(0.0, "receive", ("2",)))
    for run in runs[2:]:
        with pytest.raises(AssertionError, match="cut raises nothing: .*oops"):
            run.do(Operation(0.0, "cut", (None,)))


def test_a_receipt_that_settles_twice_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    finish = Connection._finish

    def twice(self: Connection, ending: Any) -> None:
        if self._receipts:
            self.events.append(Settled(self._receipts, None))  # type: ignore[arg-type]
        finish(self, ending)

    monkeypatch.setattr(Connection, "_finish", twice)
    text = messages.read(Role.CLIENT, "text", [{"text": "hi"}])
    connection = ConnectionRun(Role.CLIENT, State.READY)
    connection.do(Operation(0.0, "submit", (text, None)))
    with pytest.raises(AssertionError, match="settles once"):
        connection.finish()
    client = ClientRun()
    client.do(Operation(0.0, "submit", (text, None)))
    with pytest.raises(AssertionError, match="Settled comes once for each"):
        client.finish()


def test_an_answer_that_cannot_be_read_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    mind = MindRun()
    monkeypatch.setattr(ServerSession, "next_frame", lambda self: "9 is no packet")
    with pytest.raises(AssertionError, match="what can be read"):
        mind.do(Operation(0.0, "pull", (1,)))


def test_deadlines_without_end_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    mind, talk = MindRun(), TalkRun()
    monkeypatch.setattr(ServerSession, "handle_timeout", lambda self, now: None)
    with pytest.raises(AssertionError, match="deadlines end"):
        mind.do(Operation(0.0, "due"))
    with pytest.raises(AssertionError, match="deadlines end"):
        talk.do(Operation(60.0, "wait"))


def test_who_breaks_the_protocol_is_noticed() -> None:
    talk = TalkRun()
    assert talk.session is not None
    talk.session.receive("nonsense", now=talk.now)
    with pytest.raises(AssertionError, match="our server accepts it"):
        talk.finish()
    pair = PairRun()
    pair.pair.link.inject("nonsense")
    pair.do(Operation(1.0, "wait"))
    with pytest.raises(AssertionError, match="our client accepts it"):
        pair.finish()


def test_a_token_is_given_to_who_asks() -> None:
    async def provider() -> None: ...

    talk = TalkRun(replace(GUEST, token_provider=provider))
    assert talk.core.is_connected
    talk.do(Operation(120.0, "wait"))
    talk.finish()


def test_a_sum_that_is_wrong_is_noticed() -> None:
    connection = ConnectionRun(Role.CLIENT, State.READY)
    connection.do(Operation(0.0, "talk", (15, True, False)))
    connection.do(Operation(0.0, "talk", (15, False, True)))
    connection.conn._outbox._bytes += 1
    with pytest.raises(AssertionError, match="bytes are said to wait"):
        connection.do(Operation(0.0, "timeout"))


def test_who_is_dropped_too_early_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def done() -> ConnectionRun:
        made = ConnectionRun(Role.SERVER, State.READY)
        made.do(Operation(0.0, "due"))
        made.do(Operation(15.0, "receive", ("3",)))
        made.do(Operation(0.0, "due"))
        return made

    assert done().now == 65.0  # The next ping.
    monkeypatch.setattr(Connection, "_heard", lambda self, now: None)
    with pytest.raises(AssertionError, match="dropped after 5 s of silence, not 20"):
        done()


def test_a_session_that_is_not_told_is_noticed() -> None:
    again = '42/sdk,["session_info",{"session_id":"t"}]'
    ConnectionRun(Role.CLIENT, State.READY).do(Operation(0.0, "receive", (again,)))
    silent = ConnectionRun(Role.CLIENT, State.READY)
    silent._session = None
    with pytest.raises(AssertionError, match="the one that was told"):
        silent.do(Operation(0.0, "timeout"))


def test_a_goodbye_to_another_session_is_noticed() -> None:
    client = ClientRun()
    for verb in ("disconnect", "join", "receive_eof"):
        client.do(Operation(0.0, verb, (None,) if verb == "receive_eof" else ()))
    client.do(Operation(0.0, "join"))
    client.core.client._leaving = True
    with pytest.raises(AssertionError, match="after network it tries"):
        client.do(Operation(0.0, "receive_eof", (None,)))


def test_sound_that_is_torn_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    client = ClientRun()
    client.do(Operation(0.0, "speak", (7, False)))
    client.do(Operation(0.0, "send_audio", (b"\x01", False)))
    client.do(Operation(0.0, "speak", (100, True)))
    assert sound_in(client.sent)[:256] == PCM
    monkeypatch.setattr(Voice, "_pieces", lambda self, pcm: [pcm[:2]])
    with pytest.raises(AssertionError, match="as it came in"):
        client.do(Operation(0.0, "speak", (7, False)))


def test_sound_before_the_server_listens_goes_out_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    early = Operation(0.0, "speak", (103, False))
    client = ClientRun()
    client.do(early)
    assert sound_in(client.sent) == PCM
    monkeypatch.setattr(Voice, "_opened", lambda self: None)
    deaf = ClientRun()
    deaf.do(early)
    assert sound_in(deaf.sent) == b""
    kept = Voice._send
    monkeypatch.undo()
    monkeypatch.setattr(Voice, "_send", lambda self, pcm, *a, **k: kept(self, pcm[::-1], *a, **k))
    with pytest.raises(AssertionError, match="as it came in"):
        ClientRun().do(early)


def test_an_acknowledgement_that_is_waited_for_too_long_is_noticed() -> None:
    message = SendText("x")
    connection = ConnectionRun(Role.CLIENT, State.READY)
    for within in (9.0, 1.0):
        connection.do(Operation(0.0, "submit", (message, within)))
    connection._acks[2] = 0.5
    with pytest.raises(AssertionError, match="waits until 1.0, not 0.5"):
        connection.do(Operation(0.0, "timeout"))


def test_a_loss_that_is_told_twice_is_noticed() -> None:
    client = ClientRun()
    for loses in (True, False):
        if loses:
            client.do(Operation(0.0, "submit", (SendText("x"), None)))
        else:
            client.core.client._lost = 1  # As if it had not been told.
        with nullcontext() if loses else pytest.raises(AssertionError, match="told once"):
            client.do(Operation(0.0, "receive_eof", (None,)))
        client.do(Operation(0.0, "join"))


def test_a_clock_that_goes_back_is_one_that_stands_still() -> None:
    for data in seeds(20):
        runs = [run(ClientRun(steady=steady), data, ODD_CLOCK) for steady in (False, True)]
        assert repr(runs[0].events) == repr(runs[1].events)
        assert repr(runs[0].sent) == repr(runs[1].sent)
    assert runs[0].went_back


def test_voice_that_runs_out_too_late_is_noticed() -> None:
    mind = MindRun(replace(SERVER, voice_idle=5.0))
    join, says = making.FRAMES[Role.CLIENT][0], making.FRAMES[Role.CLIENT][4]
    lapsed = '42/sdk,["voice_timeout",{}]'
    for frame in (join, says, '42/sdk,["start_voice"]'):
        mind.do(Operation(0.0, "receive", (frame,)))
    for _ in range(3):
        mind.do(Operation(9.0, "due"))
        mind.do(Operation(0.0, "pull", (60,)))
    mind.do(Operation(0.0, "receive", ('42/sdk,["stop_voice"]',)))
    with pytest.raises(AssertionError, match="does not run out"):
        mind._listening.sends(lapsed)


def test_late_words_that_are_heeded_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Conversation, "played", lambda self, message_id, now: self.stop())
    mind, talk = MindRun(), TalkRun()
    join, says = making.FRAMES[Role.CLIENT][0], making.FRAMES[Role.CLIENT][4]
    for made in (mind, talk):
        steps: list[tuple[Any, ...]] = [("receive", join), ("receive", says), ("receive", says)]
        if made is talk:
            steps = [("ask", None, False), ("wait",), ("ask", None, True)]
        for verb, *args in steps:
            made.do(Operation(0.05, verb, tuple(args)))
        with pytest.raises(AssertionError, match="of another answer changes nothing"):
            made.do(Operation(0.0, "former"))


def test_rooms_of_a_gateway() -> None:
    mind = MindRun(outside=Outside(recogniser=True, rooms="wss://r"), faithful=True)
    token, join, leave = (f'42/sdk,["livekit_{said}"]' for said in ("token", "join", "leave"))
    steps: list[tuple[Any, ...]] = [
        ("room_entered", 0), ("receive", token), ("room_token", 0, "a token"), ("room_entered", 0),
        ("receive", join), ("room_heard", 0, bytes(99)), ("receive", leave), ("room_over", 0, None),
    ]  # fmt: skip
    for verb, *args in steps:
        mind.do(Operation(0.1, verb, tuple(args)))
    assert any('"livekit_ready"' in str(said) for said in mind.log)
    unmoved(MindRun().session, "another", 1.0)  # Nobody has said anything there.
    attached = '451-/sdk,["b",{"_placeholder":true,"num":0}]'
    for frame in (making.FRAMES[Role.CLIENT][4],) * 2 + (attached,):
        mind.do(Operation(0.0, "receive", (frame,)))
    mind.do(Operation(0.0, "former"))
    assert mind.session.closed is not None
    mind.finish()
