"""What comes often is written the short way, compiled or not, and reads as from the long way."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from enum import Enum
from typing import Any, Union, get_args, get_origin
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estuary_proto import events as core_events
from estuary_proto.capture import Recorder, replay
from estuary_proto.capture import encoding as encodings
from estuary_proto.capture.encoding import COMPILED, LEAST, MOST, PLAIN, Encoding
from estuary_proto.capture.forms import dumps, form
from estuary_proto.capture.mask import Mask
from estuary_proto.config import EstuaryConfig
from estuary_proto.errors import EstuaryError
from estuary_proto.events import (
    Fault,
    Outcome,
    ReplyEnded,
    ReplyPart,
    Settled,
    StateChanged,
    TextPiece,
    Writable,
)
from estuary_proto.messages import class_of
from estuary_proto.models.conversation import BotResponse, BotVoice, SttResponse
from estuary_proto.models.session import ConnectionState, SessionInfo
from estuary_proto.states import Role
from estuary_proto.testing import strategies

assert COMPILED is not None, "msgspec comes with [dev]"
FAST: Encoding = COMPILED
BOTH = [pytest.param(PLAIN, id="plain"), pytest.param(COMPILED, id="compiled")]
CONFIG = EstuaryConfig("ws://h", "est_long_key", "c", "p")
TEXTS = st.one_of(
    st.text(),
    st.text(st.characters(codec="ascii")),
    st.sampled_from(["a" * 65, "\x85", "\u2028x\u2029", "\ud800", '"', "\\", "é", "\x00\x1f\x7f"]),
    st.sampled_from(["QUJD" * 300, 'q"' * 300, "é" * 600, "est_long_key"]),
)
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: st.one_of(st.integers(), st.sampled_from([2**63, 2**64, 10**5000, -(2**70)])),
    float: st.one_of(st.floats(), st.sampled_from([0.0, -0.0, 1e-5, 1e16, math.nan, math.inf])),
    bool: st.booleans(),
    bytes: st.binary(),
    type(None): st.none(),
    Any: st.sampled_from([{"k": [1, "x"]}, [1.5, None], (1, "x"), "text", b"x", 3]),
}
KINDS = sorted(
    (
        kind
        for kind in {
            *(one for one in vars(core_events).values() if hasattr(one, "__dataclass_fields__")),
            *(class_of(Role.SERVER, name) for name in ("bot_response", "bot_voice", "interrupt")),
            *(class_of(Role.SERVER, name) for name in ("stt_response", "character_action")),
        }
        if isinstance(kind, type)
    ),
    key=lambda kind: kind.__name__,
)


def of_type(hint: Any) -> st.SearchStrategy[Any]:
    """Values of this type, as far as it is known."""
    if hint in BY_TYPE:
        return BY_TYPE[hint]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    if isinstance(hint, type) and issubclass(hint, BaseException):
        return st.just(EstuaryError("est_long_key"))
    if hasattr(hint, "__dataclass_fields__"):
        return of_kind(hint)
    if get_origin(hint) in (Union, type(int | str)):
        return st.one_of([of_type(each) for each in get_args(hint)])
    return BY_TYPE[Any]


def of_kind(kind: Any) -> st.SearchStrategy[Any]:
    """Events of this class, each field of the type that is written there."""
    hints = encodings._hints_of(kind)

    def build(values: dict[str, Any]) -> Any:
        event = object.__new__(kind)
        for name, value in values.items():
            object.__setattr__(event, name, value)
        return event

    each = {part.name: st.deferred(lambda h=hints[part.name]: of_type(h)) for part in fields(kind)}  # type: ignore[misc]
    return st.fixed_dictionaries(each).map(build)


def long_way(event: Any) -> bytes:
    return dumps(form(event, Mask())).encode()


@pytest.mark.parametrize("encoding", BOTH)
@settings(max_examples=400, deadline=None)
@given(event=st.sampled_from(KINDS).flatmap(of_kind))
def test_events_of_any_kind(encoding: Encoding, event: Any) -> None:
    made = encoding.events[type(event)](event)
    assert made is None or made == long_way(event)


@pytest.mark.parametrize("encoding", BOTH)
@given(event=strategies.messages(Role.SERVER))
def test_messages_of_any_kind(encoding: Encoding, event: Any) -> None:
    made = encoding.events[type(event)](event)
    assert made is None or made == long_way(event)


@pytest.mark.parametrize("encoding", BOTH)
@given(text=TEXTS)
def test_texts(encoding: Encoding, text: str) -> None:
    assert encoding.text(text) == dumps(text).encode()
    if text.isascii():
        assert encoding.ascii(text) == dumps(text).encode()


@pytest.mark.parametrize("encoding", BOTH)
@given(number=st.floats(LEAST, MOST, exclude_max=True))
def test_numbers(encoding: Encoding, number: float) -> None:
    assert encoding.number(number) == dumps(number).encode()


@pytest.mark.parametrize("encoding", BOTH)
@pytest.mark.parametrize(
    "event",
    [
        BotResponse("Hi", "i", True, "m"),
        BotResponse("é\u2028", "", False, "m"),
        BotVoice("QUJD" * 40, message_id="m", timestamp=1234567.25),
        BotVoice("QUJD", message_id="m"),
        SttResponse("x", True),
        ReplyPart(1, TextPiece("x")),
        Settled(3, Outcome.SENT),
        ReplyEnded(1, core_events.ReplyEnd.FINAL, "t", None),  # type: ignore[arg-type]
    ],
)
def test_what_comes_often_goes_the_short_way(encoding: Encoding, event: Any) -> None:
    assert encoding.events[type(event)](event) == long_way(event)


@pytest.mark.parametrize("encoding", BOTH)
@pytest.mark.parametrize(
    "event",
    [
        SessionInfo("s", "c"),
        StateChanged(ConnectionState.CONNECTED),
        Writable(),
        Fault(EstuaryError("x")),
        ReplyPart(10**5000, TextPiece("x")),
        BotResponse("\ud800", "", False, "m"),
        BotVoice("QUJD", message_id="m", timestamp=math.nan),
        EstuaryError("x"),
    ],
)
def test_the_rest_takes_the_long_way(encoding: Encoding, event: Any) -> None:
    assert encoding.events[type(event)](event) is None


def test_names_that_only_type_checkers_know() -> None:
    def wrong(kind: type) -> dict[str, Any]:
        raise NameError

    with patch.object(encodings, "get_type_hints", wrong):
        way = encodings._of_msgspec().events[BotVoice]
        for event in (BotVoice("QUJD", message_id="m"), BotVoice("QUJD" * 40, timestamp=2.5)):
            assert way(event) == long_way(event)


def test_without_msgspec_python_writes() -> None:
    with patch.object(encodings, "COMPILED", None):
        assert encodings.best() is PLAIN
    assert encodings.best() is COMPILED


# --- whole sessions ----------------------------------------------------------------------------

GREETING = '0{"sid":"e","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":900}'
SECRET = "lk-secret-jwt"
WORDS = st.sampled_from(
    ["Hel", "lo é", SECRET, "est_long_key", "\u2028\x85", 'a"\\\x01', "x" * 700]
)


def voice(audio: str) -> str:
    return json.dumps(["bot_voice", {"audio": audio, "message_id": "m", "timestamp": 12.5}])


FRAMES = st.one_of(
    WORDS.map(lambda text: json.dumps(["bot_response", {"text": text, "message_id": "m"}])),
    WORDS.map(lambda text: json.dumps(["stt_response", {"text": text}], ensure_ascii=False)),
    st.sampled_from([voice("QUJD" * 200), voice("QUJD"), voice("no base64 " * 100)]),
    st.just(json.dumps(["livekit_token", {"token": SECRET, "url": "u", "room": "r"}])),
    st.just(json.dumps(["custom", {"audio": "QUJD" * 200, "token": SECRET, "k": "v" * 300}])),
    st.just(json.dumps(["custom", {"token": "y" * 900, "text": "a"}])),
    st.just(json.dumps(["error", {"message": SECRET}])),
).map(lambda text: f"42/sdk,{text}")
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.04, 1e-5, 1 / 3, -0.5]),
        st.one_of(FRAMES, strategies.frames(Role.SERVER)),
        st.sampled_from([9, 9, 1, 0]),
    ),
    max_size=12,
)


def session(encoding: Encoding, steps: list[tuple[float, Any, int]], *, audio: bool) -> list[str]:
    """The lines of a session: frames that come, and how many events are taken after each."""
    lines: list[str] = []
    with patch("estuary_proto.capture.lines.best", lambda: encoding):
        recorder = Recorder(CONFIG, lines.append, audio=audio)
    now = 81.3
    recorder.connect(now=now)
    recorder.opened(1, now=now)
    life = recorder.life(1)
    for frame in (GREETING, "40/sdk,{}", '42/sdk,["session_info",{"livekitToken":"lk-long-one"}]'):
        life.receive(frame, now=now)
    for seconds, frame, taken in steps:
        now += seconds
        life.receive(frame, now=now)
        for _ in range(taken):
            recorder.next_event()
        while life.next_frame() is not None:
            pass
    return lines


@settings(max_examples=200, deadline=None)
@given(STEPS, st.booleans())
def test_both_ways_write_the_same_session(steps: list[Any], audio: bool) -> None:
    lines = session(FAST, steps, audio=audio)
    assert lines == session(PLAIN, steps, audio=audio)
    for line in lines:
        json.loads(line)
        assert len(line.splitlines()) == 1
        for secret in ("est_long_key", "lk-long-one"):
            assert secret not in line
    told = "".join(lines)
    received = [at for at, line in enumerate(lines) if '"in":"receive"' in line][-len(steps) :]
    for (_, frame, _), at in zip(steps, received, strict=False):
        if isinstance(frame, str) and f'"token": "{SECRET}"' in frame:
            assert SECRET not in "".join(lines[at:])
    if SECRET not in told:  # Said before it was known to be one, it stays, and replays as a word.
        assert (found := replay(lines)).difference is None, str(found.difference)
