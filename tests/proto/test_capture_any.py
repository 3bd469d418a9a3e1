"""Whatever happens to a client, in whatever order, replays to the same."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from estuary_proto.answers import Ack
from estuary_proto.capture import Recorder, replay, summary
from estuary_proto.config import EstuaryConfig
from estuary_proto.errors import (
    ErrorCode,
    EstuaryError,
)
from estuary_proto.intents import (
    Interrupt,
    RenewAuthentication,
    SayLine,
    SendText,
    StreamAudio,
)
from estuary_proto.messages import UnknownEvent
from estuary_proto.models.conversation import (
    BotResponse,
)

KEY = 'est_3f9c-öde/"key"'
CONFIG = EstuaryConfig("http://server.test", KEY, "character", "player")

# --- any order at all --------------------------------------------------------------------------

GREETING = '0{"sid":"e","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":900}'
WIRE = st.sampled_from(
    [
        GREETING,
        '40/sdk,{"sid":"n"}',
        '42/sdk,["session_info",{"session_id":"s","livekitToken":"lk-secret-jwt"}]',
        '42/sdk,["bot_response",{"text":"Hel","partial":"Hel","message_id":"m1"}]',
        '42/sdk,["bot_response",{"text":"Hello","is_final":true,"message_id":"m1"}]',
        '42/sdk,["bot_response",{"text":"<action name=\\"wave\\"/>","message_id":"m2"}]',
        '42/sdk,["interrupt",{}]',
        '42/sdk,["stt_response",{"text":"x","is_final":true}]',
        '42/sdk,["error",{"message":"no","code":"rate_limited"}]',
        '42/sdk,["quota_exceeded",{"message":"lk-secret-jwt"}]',
        '42/sdk,7["camera_capture",{"request_id":"r"}]',
        '42/sdk,["custom",1e999,{"token":"ab"},"ab"]',
        '43/sdk,1["ok"]',
        "41/sdk,",
        "44/sdk,{}",
        '451-/sdk,["b",{"_placeholder":true,"num":0}]',
        b"\x01lk-secret-jwt",
        "2",
        "1",
        "4nonsense",
    ]
)
QUESTIONS = [
    SendText("hi"),
    SendText("é" * 500),
    SayLine("Hello"),
    Interrupt(),
    StreamAudio("AAAA"),
    RenewAuthentication("lk-secret-jwt"),
    Ack(1),
    UnknownEvent("u", (b"\x00", float("nan"))),
    UnknownEvent("u", (b"\x00lk-secret-jwt",)),
    UnknownEvent("u", ({5: 1}, 10**5000)),
    SendText(cast("str", None)),
    3,
]
SAID = st.sampled_from([*QUESTIONS, BotResponse("x")])
FAULTS = st.sampled_from(
    [EstuaryError("x"), EstuaryError("est_long_key", ErrorCode.AUTH_FAILED, {"status": 401})]
)
SECONDS = st.one_of(st.just(0.0), st.floats(-1, 40), st.floats(allow_nan=False))
STEP = st.one_of(
    st.tuples(st.just("connect")),
    st.tuples(st.just("join")),
    st.tuples(st.just("disconnect")),
    st.tuples(st.just("handle_timeout")),
    st.tuples(st.just("due")),
    st.tuples(st.just("opened")),
    st.tuples(st.just("receive"), WIRE),
    st.tuples(st.just("receive"), st.one_of(st.text(), st.binary())),
    st.tuples(st.just("receive_eof"), st.sampled_from([None, 1000, 1001, 1008])),
    st.tuples(st.just("dial_failed"), FAULTS),
    st.tuples(st.just("fault"), FAULTS),
    st.tuples(st.just("submit"), SAID, st.sampled_from([None, 2.0])),
    st.tuples(
        st.just("ask"), st.sampled_from(QUESTIONS), st.sampled_from([None, 1.5]), st.booleans()
    ),
    st.tuples(st.just("event"), st.integers(1, 9)),
    st.tuples(st.just("command"), st.integers(1, 3)),
    st.tuples(st.just("frame"), st.integers(1, 9)),
)


def perform(recorder: Recorder, step: tuple[Any, ...], now: float, link: int) -> None:
    verb, *args = step
    if verb == "join":
        recorder.connect(now=now)
        recorder.opened(recorder.link, now=now)
        for frame in (GREETING, "40/sdk,{}", '42/sdk,["session_info",{}]'):
            recorder.receive(recorder.link, frame, now=now)
    elif verb == "due":
        deadline = recorder.deadline
        if deadline is not None:
            recorder.handle_timeout(now=deadline.at)
    elif verb in ("event", "command", "frame"):
        for _ in range(args[0]):
            getattr(recorder, f"next_{verb}")(*((link,) if verb == "frame" else ()))
    elif verb == "receive_eof":
        recorder.receive_eof(link, now=now, code=args[0], reason="r")
    elif verb == "submit":
        recorder.submit(args[0], now=now, ack_within=args[1])
    elif verb == "ask":
        recorder.ask(args[0], now=now, timeout=args[1], concurrent=args[2])
    elif verb in ("opened", "receive", "dial_failed", "fault"):
        getattr(recorder, verb)(link, *args, now=now)
    else:
        getattr(recorder, verb)(now=now)


@settings(max_examples=300, deadline=None)
@given(
    st.floats(0, 1e6),
    st.lists(st.tuples(SECONDS, STEP, st.sampled_from([0, 0, 0, -1])), max_size=40),
    st.integers(0, 2**64),
)
def test_whatever_happens_replays(
    start: float, steps: list[tuple[float, tuple[Any, ...], int]], seed: int
) -> None:
    config = EstuaryConfig("ws://h", "est_long_key", "c", "p", max_reconnect_attempts=2)
    lines: list[str] = []
    recorder = Recorder(config, lines.append, seed=seed)
    now = start
    for seconds, step, off in steps:
        now += seconds
        try:
            perform(recorder, step, now, recorder.link + off)
        except (EstuaryError, TypeError, AttributeError):
            assert '"raised":' in lines[-1]
    replayed = replay(lines)
    assert replayed.difference is None, str(replayed.difference)
    text = "".join(lines)
    assert "est_long_key" not in text
    assert summary(lines).turns >= 0
    assert all(len(line.splitlines()) == 1 for line in lines)
