"""What comes often is written the short way, compiled or not, and reads as from the long way."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from base64 import b64decode
from dataclasses import fields
from enum import Enum
from typing import Any, Union, cast, get_args, get_origin
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estuary_proto import events as core_events
from estuary_proto.capture import Recorder, Spool, replay
from estuary_proto.capture import encoding as encodings
from estuary_proto.capture.encoding import COMPILED, LEAST, MOST, PLAIN, Encoding
from estuary_proto.capture.forms import dumps, form
from estuary_proto.capture.lines import Lines, Pulled, RoomSound, nothing_pulled
from estuary_proto.capture.mask import Mask
from estuary_proto.capture.spool import MOST as MOST_LINES
from estuary_proto.capture.spool import ROOM, Told
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
from estuary_proto.intents import SendText
from estuary_proto.messages import UnknownEvent, class_of
from estuary_proto.models.conversation import BotResponse, BotVoice, CharacterAction, SttResponse
from estuary_proto.models.session import ConnectionState, SessionInfo, VoiceMode
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


# --- where lines wait --------------------------------------------------------------------------


class Kept(Spool):
    """Counts how often it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.begins = self.fulls = 0
        self.errors: list[Exception] = []

    def begun(self) -> None:
        self.begins += 1
        self.idle = False

    def full(self) -> None:
        self.fulls += 1
        self.take()

    def broke(self, error: Exception) -> None:
        self.errors.append(error)
        self.over = True


FRAME = '42/sdk,["bot_response",{"text":"Hello","message_id":"m"}]'


def heard(spool: Spool, *, audio: bool = True) -> Recorder:
    """A recorder that is in a session."""
    recorder = Recorder(CONFIG, spool, audio=audio)
    recorder.connect(now=1.0)
    recorder.opened(1, now=1.0)
    for frame in (GREETING, "40/sdk,{}", '42/sdk,["session_info",{}]'):
        recorder.receive(1, frame, now=1.0)
    while recorder.next_event() is not None:
        pass
    return recorder


@settings(max_examples=200, deadline=None)
@given(STEPS, st.booleans(), st.sets(st.integers(0, 12)))
def test_what_waits_becomes_the_lines_of_its_time(
    steps: list[Any], audio: bool, taken_at: set[int]
) -> None:
    spool, data = Kept(), b""
    patched: Any = patch("estuary_proto.capture.recorder.Told", lambda write: spool)
    with patched:
        lines = session(FAST, steps, audio=audio)
    assert lines == []
    data += spool.take()
    assert data.decode() == "".join(session(FAST, steps, audio=audio))
    assert not spool.waits
    assert spool.errors == []


def test_some_may_be_taken_at_any_time() -> None:
    spool = Kept()
    recorder = heard(spool)
    data = spool.take()
    for seconds in (1.5, 2.0):
        recorder.receive(1, FRAME, now=seconds)
        data += spool.take()
        recorder.next_event()
        assert spool.waits
        data += spool.take()
        assert not spool.waits
    recorder.disconnect(now=2.5)
    data += spool.take()
    lines = data.decode().splitlines(keepends=True)
    assert sum('"is":"BotResponse"' in line for line in lines) == 2
    assert replay(lines).difference is None


@given(st.floats(0.1, 1e6), st.lists(st.floats(0.001, 1e6), min_size=1, max_size=5))
def test_the_time_of_each_frame_is_exact(start: float, pauses: list[float]) -> None:
    spool = Kept()
    recorder = Recorder(CONFIG, spool)
    recorder.connect(now=start)
    recorder.opened(1, now=start)
    recorder.receive(1, GREETING, now=start)
    times = [start]
    for pause in pauses:
        times.append(times[-1] + pause)
        recorder.receive(1, FRAME, now=times[-1])
    lines = [json.loads(line) for line in spool.take().decode().splitlines()]
    heard = [line for line in lines if line.get("in") == "receive"]
    assert [line.get("now", start + line["t"]) for line in heard] == times


def test_what_the_caller_may_still_change_does_not_wait() -> None:
    spool = Kept()
    recorder = heard(spool)
    text = json.dumps(["bot_response", {"text": '<action name="wave" k="v"/>', "message_id": "m"}])
    recorder.receive(1, f"42/sdk,{text}", now=1.5)
    while (event := recorder.next_event()) is not None:
        if isinstance(event, CharacterAction):
            event.params["k"] = "another"
    said = UnknownEvent("u", ({"k": "before"},))
    recorder.submit(said, now=2.0)
    said.args[0]["k"] = "after"
    told = spool.take().decode()
    assert '{"k":"v"}' in told
    assert "another" not in told
    assert '"before"' in told
    assert "after" not in told


def test_a_secret_is_hidden_in_all_that_waited_behind_it() -> None:
    spool = Kept()
    recorder = heard(spool)
    first = json.dumps(["custom", {"token": SECRET}])
    for text in (first, json.dumps(["bot_response", {"text": SECRET, "message_id": "m"}])):
        recorder.receive(1, f"42/sdk,{text}", now=1.5)
        while recorder.next_event() is not None:
            pass
    recorder.rest.failed(1, f"no {SECRET}", now=2.0)
    recorder.submit(SendText(SECRET), now=2.0)
    told = spool.take().decode()
    assert SECRET not in told
    assert told.count("«given_token»") >= 5


def test_who_sleeps_is_woken_by_the_next_line_of_any_kind() -> None:
    spool = Kept()
    recorder = heard(spool)
    deeds: list[Any] = [
        lambda: recorder.receive(1, FRAME, now=1.5),
        lambda: recorder.next_event(),
        lambda: recorder.next_frame(1),
        lambda: recorder.rest.failed(1, "why", now=1.6),
        lambda: recorder.connect(now=1.6),
        lambda: recorder.receive(1, b"bytes", now=1.6),
    ]
    for do in deeds:
        before, spool.idle, spool.due = spool.begins, True, -math.inf
        do()
        assert spool.begins == before + 1, do
    # Otherwise it is looked at once in a while.
    spool.idle, spool.due = True, 2.0
    recorder.receive(1, FRAME, now=1.9)
    assert spool.idle
    recorder.receive(1, FRAME, now=2.0)
    assert not spool.idle


SECRET_PCM = CONFIG.api_key.encode() * 2
SECRET_BASE64 = b64decode("est0long0key")  # As base64 it may be the token of somebody.
SOUNDS = st.one_of(
    st.binary(max_size=64), st.sampled_from([bytes(640), SECRET_PCM, b"." + SECRET_BASE64 * 3])
)
SPOKEN = st.tuples(
    SOUNDS, st.booleans(), st.booleans(), st.sampled_from([0.0, 1e-9, 0.02, 1e16, math.inf])
)


@settings(deadline=None)
@given(st.lists(SPOKEN, max_size=5), st.booleans())
def test_speech_that_waits_becomes_the_lines_of_the_long_way(
    spoken: list[tuple[bytes, bool, bool, float]], audio: bool
) -> None:
    told = []
    kind: Any
    # What is not bytes itself is written down at once.
    for kind in (bytes, bytearray):
        spool, now = Kept(), 2.0
        recorder = heard(spool, audio=audio)
        recorder._lines.mask.hide("token", "est0long0key")
        recorder.start_voice(VoiceMode.CONTINUOUS, now=now)
        spool.take()
        for pcm, live, settles, later in spoken:
            now += later
            recorder.send_audio(kind(pcm), now=now, live=live, settles=settles)
            assert spool._entries if kind is bytes else not spool._entries
            while recorder.next_event() is not None:
                pass
            while recorder.next_frame(1) is not None:
                pass
        assert spool.errors == []
        told.append(spool.take())
    assert told[0] == told[1]
    assert b"est0long0key" not in told[0]


@pytest.mark.parametrize("audio", [True, False])
@pytest.mark.parametrize("got", [bytes(640), SECRET_PCM, SECRET_BASE64, b""])
@pytest.mark.parametrize("encoding", BOTH)
def test_sound_for_a_room_becomes_the_line_of_the_long_way(
    got: bytes, encoding: Encoding, audio: bool
) -> None:
    with patch("estuary_proto.capture.lines.best", lambda: encoding):
        lines = Lines(audio=audio)
    lines.mask.hide("api_key", CONFIG.api_key)
    lines.mask.hide("token", "est0long0key")
    shown = {"pull": "room_audio", "room": 2}
    assert lines.render([RoomSound((2, got))]) == lines.pull(shown, got)


@given(TEXTS, st.booleans(), st.sampled_from(BOTH).map(lambda each: each.values[0]))
def test_frames_that_go_become_the_lines_of_the_long_way(
    text: str, audio: bool, encoding: Encoding
) -> None:
    with patch("estuary_proto.capture.lines.best", lambda: encoding):
        lines = Lines(audio=audio)
    lines.mask.hide("api_key", CONFIG.api_key)
    frame = f'42/sdk,["x",{{"audio":"{text}"}}]'
    shown = {"pull": "batch", "link": 3}
    assert lines.render([Pulled(("batch", frame, 3))]) == lines.pull(shown, frame)
    assert lines.render([nothing_pulled("batch", 3)]) == lines.pull(shown, None)


def test_speech_alone_is_told_of_and_finds_room() -> None:
    spool = Kept()
    recorder = heard(spool)
    recorder.start_voice(VoiceMode.CONTINUOUS, now=2.0)
    spool.idle, spool.due, begins = True, float("-inf"), spool.begins
    now = 2.0
    while not spool.fulls:
        recorder.send_audio(bytes(400_000), now=now, live=True)
        assert spool.begins == begins + 1
        now += 0.03
        assert now < 3.0


def test_speech_that_is_refused_is_told_with_the_reason() -> None:
    spool = Kept()
    recorder = heard(spool)
    spool.take()
    for settles in (True, False):
        with pytest.raises(EstuaryError):
            recorder.send_audio(b"odd", now=2.0, settles=settles)
        (line,) = spool.take().decode().splitlines()
        told = json.loads(line)
        assert (told["in"], told.get("settles", True)) == ("send_audio", settles)
        assert told["raised"]["is"]
        assert "gives" not in told


def test_no_more_waits_than_there_is_room_for() -> None:
    spool = Kept()
    recorder = heard(spool)
    long = json.dumps(["custom", {"k": "v" * 500_000}])
    now = 2.0
    while not spool.fulls:
        recorder.receive(1, f"42/sdk,{long}", now=now)
        now += 0.03
    assert ROOM / 500_000 <= (now - 2.0) / 0.03 <= ROOM / 500_000 + 10
    assert not spool.waits
    for _ in range(MOST_LINES + 1):
        assert spool.fulls == 1
        recorder.handle_timeout(now=now)
    assert spool.fulls == 2


@pytest.mark.parametrize("waits", [True, False])
def test_a_line_that_cannot_be_made_ends_the_capture_and_not_the_session(
    waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Kept()
    recorder = heard(spool)
    spool.take()

    def fails(*told: object) -> Any:
        raise RuntimeError("the formatter is broken")

    if waits:
        recorder._lines.frame = fails
        recorder.receive(1, FRAME, now=2.0)
        assert isinstance(recorder.next_event(), BotResponse)
        recorder.connect(now=2.5)
        assert spool.take() == b""
        assert [type(error) for error in spool.errors] == [RuntimeError]
        return
    monkeypatch.setattr(recorder._lines, "line", fails)
    recorder.submit(SendText("x"), now=2.0)
    assert recorder.next_frame(1) is not None
    assert [type(error) for error in spool.errors] == [RuntimeError]
    recorder.receive(1, FRAME, now=2.0)
    assert isinstance(recorder.next_event(), BotResponse)
    recorder.submit(SendText("x"), now=2.0)
    assert spool.take().count(b"\n") <= 4


def test_what_came_before_a_line_that_cannot_be_made_is_kept() -> None:
    spool = Kept()
    recorder = heard(spool)
    spool.take()
    shown = recorder._lines.frame

    def fails(text: str) -> str:
        if "broken" in text:
            raise RuntimeError
        return shown(text)

    recorder._lines.frame = fails
    for text in ("one", "broken", "two"):
        recorder.receive(1, FRAME.replace("Hello", text), now=2.0)
    told = spool.take()
    assert b"one" in told
    assert b"two" not in told
    assert len(spool.errors) == 1


def test_a_frame_that_the_client_refuses_is_told_with_the_reason() -> None:
    spool = Kept()
    recorder = heard(spool)
    spool.take()

    def refuses(*_: Any, **__: Any) -> None:
        raise EstuaryError("no est_long_key")

    recorder._receive = refuses
    with pytest.raises(EstuaryError):
        recorder.receive(1, FRAME, now=2.0)
    (line,) = spool.take().decode().splitlines()
    told = json.loads(line)
    assert (told["t"], told["frame"]) == (1.0, FRAME)
    assert told["raised"]["message"] == "no «api_key»"


def test_what_cannot_be_told_is_done_all_the_same() -> None:
    spool = Kept()
    recorder = heard(spool)
    spool.take()
    recorder._lines.form = cast("Any", None)  # type: ignore[method-assign]
    assert recorder.submit(SendText("x"), now=2.0) == 1
    assert [type(error) for error in spool.errors] == [TypeError]
    recorder.receive(1, FRAME, now=2.0)
    assert spool.waits
    assert spool.take() == b""
    assert not spool.waits


def test_a_function_is_not_called_when_it_is_over() -> None:
    lines: list[str] = []
    told = Told(lines.append)
    recorder = heard(told)
    told.over, count = True, len(lines)
    recorder.receive(1, FRAME, now=2.0)
    recorder.connect(now=2.0)
    assert len(lines) == count


def test_it_is_there_without_msgspec() -> None:
    program = (
        "import sys; sys.modules['msgspec'] = None\n"
        "from estuary_proto.capture import encoding\n"
        "assert encoding.best() is encoding.PLAIN and encoding.COMPILED is None\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


LONG = "QUJD" * 300


@pytest.mark.parametrize(
    "frame",
    [
        f'42/sdk,["x",{{"token":"abcd","audio":"{LONG}"}}]',
        f'42/sdk,["x",{{"audio":"{LONG}","token" : "abcd"}}]',
        f'42/sdk,["x",{{"audio":"{LONG}","k":"{LONG}{LONG}","token":"abcd","m":"{LONG}"}}]',
        '42/sdk,["x",' + '{"k":"v"},' * 90 + '{"token":"abcd"}]',
        f"{LONG}" + '"token":"abcd"',
        '"token":"abcd' + LONG,
    ],
)
def test_secrets_of_long_frames(frame: str) -> None:
    mask = Mask()
    assert "abcd" not in mask.frame(frame)
    assert "«given_token»" in mask.frame(frame)


@pytest.mark.parametrize("secret", ["abcdefghij", "abc_defghij", "ab-cd/efgh"])
def test_a_known_secret_within_a_long_text(secret: str) -> None:
    mask = Mask()
    mask.hide("token", secret)
    for text in (f"{LONG}{secret}{LONG}", f'["{LONG}{secret}{LONG}"]', f'["{secret}","{LONG}"]'):
        assert mask.frame(text) == text.replace(secret, "«given_token»")
    assert mask.frame(f'["{LONG}"]') == f'["{LONG}"]'


@pytest.mark.parametrize("name", ["ineStart", "reconnecting", "already_active", "send_audio"])
def test_a_secret_that_is_part_of_a_name_leaves_the_name_alone(name: str) -> None:
    lines: list[str] = []
    recorder = heard(Told(lines.append))
    recorder.receive(1, f'42/sdk,["livekit_token",{{"token":"{name}"}}]', now=2.0)
    recorder.start_voice(VoiceMode.CONTINUOUS, now=2.0)
    recorder.say_lines(["one"], now=2.0)
    recorder.send_audio(bytes(4), now=2.0)
    while recorder.next_event() is not None:
        pass
    recorder.receive_eof(1, now=3.0)
    while recorder.next_event() is not None:
        pass
    told = "".join(lines)
    assert f'"token":"{name}"' not in told
    assert '"token":"«given_token»"' in told
    assert (found := replay(lines)).difference is None, str(found.difference)


def test_a_function_hears_that_a_line_cannot_be_made() -> None:
    recorder = heard(Told(lambda line: None))
    recorder._lines.frame = cast("Any", None)
    with pytest.raises(TypeError):
        recorder.receive(1, FRAME, now=2.0)


def test_what_cannot_be_made_at_once_is_made_one_by_one() -> None:
    """As when there was no memory for all of it."""
    spool = Kept()

    def render(entries: list[Any]) -> bytes:
        if len(entries) > 1:
            raise MemoryError
        return b"%d\n" % entries[0]

    spool.filled_by(render)
    for number in range(3):
        spool.append(number)
    assert spool.take() == b"0\n1\n2\n"
    assert not spool.over
