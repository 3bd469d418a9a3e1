"""What waits for its line becomes the line of its time; who is told of it, and what breaks."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from base64 import b64decode
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estuary_proto.capture import Recorder, Spool, replay
from estuary_proto.capture.lines import Lines, Pulled, RoomSound, nothing_pulled
from estuary_proto.capture.mask import Mask
from estuary_proto.capture.spool import MOST as MOST_LINES
from estuary_proto.capture.spool import ROOM, Told
from estuary_proto.errors import EstuaryError
from estuary_proto.intents import SendText
from estuary_proto.messages import UnknownEvent
from estuary_proto.models.conversation import BotResponse, CharacterAction
from estuary_proto.models.session import VoiceMode
from tests.proto.test_capture_written import (
    BOTH,
    CONFIG,
    FAST,
    GREETING,
    SECRET,
    STEPS,
    TEXTS,
    session,
)  # fmt: skip

if TYPE_CHECKING:
    from estuary_proto.capture.encoding import Encoding


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


def lines_of(encoding: Encoding, audio: bool) -> Lines:
    with patch("estuary_proto.capture.lines.best", lambda: encoding):
        lines = Lines(audio=audio)
    lines.mask.hide("api_key", CONFIG.api_key)
    lines.mask.hide("token", "est0long0key")
    return lines


@pytest.mark.parametrize("audio", [True, False])
@pytest.mark.parametrize("got", [bytes(640), SECRET_PCM, SECRET_BASE64, b""])
@pytest.mark.parametrize("encoding", BOTH)
def test_sound_for_a_room_becomes_the_line_of_the_long_way(
    got: bytes, encoding: Encoding, audio: bool
) -> None:
    lines = lines_of(encoding, audio)
    shown = {"pull": "room_audio", "room": 2}
    assert lines.render([RoomSound((2, got))]) == lines.pull(shown, got)


@given(TEXTS, st.booleans(), st.sampled_from(BOTH).map(lambda each: each.values[0]))
def test_frames_that_go_become_the_lines_of_the_long_way(
    text: str, audio: bool, encoding: Encoding
) -> None:
    lines = lines_of(encoding, audio)
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
