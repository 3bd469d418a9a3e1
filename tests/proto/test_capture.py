"""Captures: what is written down, that it replays to the same, what is found when it does not."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields
from typing import TYPE_CHECKING, Any, cast

import pytest

from estuary_proto.answers import Ack
from estuary_proto.capture import FORMAT, Recorder, replay
from estuary_proto.client import Client
from estuary_proto.config import EstuaryConfig, RetryConfig, SessionCapabilities
from estuary_proto.errors import (
    ConnectionLost,
    ErrorCode,
    EstuaryError,
    LocalProtocolError,
    SendBlocked,
)
from estuary_proto.events import (
    Connected,
    Disconnected,
    ReplyEnded,
    Settled,
    Writable,
)
from estuary_proto.intents import (
    Authenticate,
    SendText,
    StartAgentConversation,
    StartVoice,
    StreamAudio,
)
from estuary_proto.messages import UnknownEvent
from estuary_proto.models.conversation import (
    BotResponse,
    BotVoice,
)
from estuary_proto.models.session import SessionInfo, VoiceMode
from estuary_proto.states import Role
from estuary_proto.testing.pair import Pair
from estuary_proto.version import __version__
from tests.proto.taped import CONFIG, KEY, Taped, chat

if TYPE_CHECKING:
    from collections.abc import Callable

# --- recording and replaying -------------------------------------------------------------------


def test_the_header_tells_how_the_client_was_made() -> None:
    lines: list[str] = []
    Recorder(CONFIG, lines.append, seed=7, path="/s/", started="2026-01-02T03:04:05Z")
    assert len(lines) == 1
    assert lines[0].endswith("}\n")
    header = json.loads(lines[0])
    config = header.pop("config")
    assert header == {
        "estuary_capture": FORMAT,
        "library": __version__,
        "asks_credential": False,
        "seed": 7,
        "path": "/s/",
        "joins_rooms": False,
        "started": "2026-01-02T03:04:05Z",
        "audio": True,
        "source": None,
    }
    assert config["api_key"] == "«api_key»"
    assert set(config) == {part.name for part in fields(EstuaryConfig)} - {"token_provider"}


def test_a_session_replays_to_the_same() -> None:
    pair = Taped()
    pair.connect()
    chat(pair)
    pair.client.disconnect(now=pair.now)
    pair.advance(1)
    assert len(pair.of(ReplyEnded)) == 2
    pair.check()


def test_settings_of_every_kind_come_back() -> None:
    async def provider() -> None: ...

    config = EstuaryConfig(
        "http://server.test",
        "",
        "character",
        "player",
        capabilities=SessionCapabilities(camera=False),
        token_provider=provider,
        retry=RetryConfig(1, 0.5, (503,)),
        connect_timeout=3.0,
        enable_animation=True,
    )
    pair = Taped(config)
    pair.client.connect(now=pair.now)
    pair.advance(0.0)
    pair.client.credential(1, "ect_0123456789", "ada", 60.0, now=pair.now)
    pair.advance(1.0)
    pair.client.credential(1, "ect_late", "ada", 60.0, now=pair.now)
    pair.client.credential_failed(1, EstuaryError("late"), now=pair.now)
    pair.check()
    assert "0123456789" not in "".join(pair.lines)
    assert "provider" not in "".join(pair.lines)
    (joined,) = [e for e in pair.entries if str(e.get("got", "")).startswith("40/sdk,")]
    assert '"camera":false' in joined["got"]
    assert '"enable_animation":true' in joined["got"]
    pair = Taped(config)
    pair.answers = False
    pair.client.connect(now=100.0)
    pair.advance(1)
    pair.client.credential(1, None, "ada", 60.0, now=pair.now)  # type: ignore[arg-type]
    pair.advance(3)
    pair.check()


def test_it_offers_what_a_client_offers() -> None:
    verbs = {name for name in dir(Client) if not name.startswith("_")}
    made = set(vars(Client(CONFIG)))
    recorder = Recorder(CONFIG, lambda line: None)
    offered = {name for name in dir(recorder) if not name.startswith("_")} - {"client", "rest"}
    assert verbs | {name for name in made if not name.startswith("_")} == offered


def test_its_properties_are_the_clients() -> None:
    pair = Taped()
    bare = Pair(CONFIG, seed=7)
    for each in (pair, bare):
        each.connect()
    recorder, client = pair.recorder, bare.client
    for name in ("config", "state", "session", "link", "deadline", "is_connected", "wants_read"):
        assert getattr(recorder, name) == getattr(client, name), name
    assert recorder.session == SessionInfo("session-1", "conversation")
    assert recorder.is_connected
    assert recorder.wants_write(1) is False
    recorder.submit(SendText("x"), now=200.0)
    assert recorder.wants_write(1) is True


def test_a_life_of_it_is_recorded() -> None:
    lines: list[str] = []
    recorder = Recorder(CONFIG, lines.append)
    recorder.connect(now=5.0)
    life = recorder.life(1)
    life.start(now=5.5)
    life.receive("2probe", now=6.0)
    assert life.next_frame() == "3probe"
    life.fault(EstuaryError("odd bytes"), now=6.5)
    assert [json.loads(line).get("in") for line in lines[1:]] == [
        "connect",
        "opened",
        "receive",
        None,
        "fault",
    ]
    assert replay(lines).difference is None


def test_questions_are_told_with_their_options() -> None:
    pair = Taped()
    pair.connect()
    pair.ask(SendText("one"))
    pair.ask(SendText("two"), timeout=0.5)
    pair.ask(SendText("three"), concurrent=True)
    pair.advance(2)
    pair.check()
    asked = [{**entry, "t": 0, "message": 0} for entry in pair.inputs("ask")]
    assert asked == [
        {"t": 0, "in": "ask", "message": 0, "gives": 1},
        {"t": 0, "in": "ask", "message": 0, "timeout": 0.5, "gives": 2},
        {"t": 0, "in": "ask", "message": 0, "concurrent": True, "gives": 3},
    ]
    (ended,) = pair.of(ReplyEnded)
    assert ended.reply == 2


def test_another_path_is_dialled_again() -> None:
    lines: list[str] = []
    recorder = Recorder(CONFIG, lines.append, path="/other/")
    recorder.connect(now=0.0)
    recorder.next_command()
    assert '"target":"/other/?EIO' in lines[-1]
    assert replay(lines).difference is None


def test_a_cut_and_the_reconnect() -> None:
    pair = Taped()
    pair.connect()
    pair.link.cut()
    pair.advance(5)
    assert len(pair.of(Connected)) == 2
    pair.check()
    # Another seed would wait for another while.
    header = json.loads(pair.lines[0])
    difference = replay([json.dumps({**header, "seed": 8}), *pair.lines[1:]]).difference
    assert difference is not None
    assert '"is":"Reconnecting"' in difference.expected
    assert '"is":"Reconnecting"' in difference.actual


def test_a_failed_dial_and_its_error() -> None:
    pair = Taped()
    pair.refusal = ConnectionLost(f"no {KEY}", partial="p", details={"status": 502, "why": {1, 2}})
    pair.connect()
    pair.check()
    (entry,) = pair.inputs("dial_failed")
    assert entry["error"] == {
        "is": "ConnectionLost",
        "message": "no «api_key»",
        "code": "CONNECTION_FAILED",
        "details": {"status": 502, "why": {"«odd»": "set"}},
        "partial": "p",
    }


def test_an_error_class_of_the_driver_is_known_as_its_nearest() -> None:
    class DialError(LocalProtocolError):
        pass

    pair = Taped()
    pair.refusal = DialError("no route", ErrorCode.AUTH_FAILED)
    pair.connect()
    pair.check()
    assert pair.inputs("dial_failed")[0]["error"]["is"] == "LocalProtocolError"
    assert [e["got"]["error"]["is"] for e in pair.entries if "ConnectFailed" in str(e)] == [
        "LocalProtocolError"
    ]


def test_a_driver_that_calls_it_wrongly_is_recorded() -> None:
    lines: list[str] = []
    recorder = Recorder(CONFIG, lines.append)
    recorder.connect(now=1.0)
    with pytest.raises(AttributeError):
        recorder.dial_failed(1, cast("EstuaryError", OSError("x")), now=1.0)
    with pytest.raises(LocalProtocolError):
        recorder.receive(1, "2", now=1.0)
    with pytest.raises(LocalProtocolError):
        recorder.receive(1, b"\x01\x02", now=1.0)
    recorder.receive(cast("int", None), "2", now=1.0)
    assert replay(lines).difference is None
    raised = [json.loads(line).get("raised", {}).get("is") for line in lines[2:]]
    assert raised == ["AttributeError", "LocalProtocolError", "LocalProtocolError", None]


def test_a_stalled_writer_is_the_same_again() -> None:
    pair = Taped()
    pair.connect()
    pair.link.stalled.add(Role.CLIENT)
    audio = StreamAudio("AAAA" * 50_000)
    receipts = 8 * 2**20 // 200_100
    for _ in range(receipts):
        pair.submit(audio)
    with pytest.raises(SendBlocked):
        pair.submit(audio)
    pair.link.stalled.clear()
    pair.step()
    assert len(pair.of(Writable)) == 1
    assert len(pair.of(Settled)) == receipts
    pair.check()
    raised = [entry["raised"] for entry in pair.inputs("submit") if "raised" in entry]
    assert [(each["is"], each["code"]) for each in raised] == [("SendBlocked", "SEND_BUFFER_FULL")]
    # Without the pulls there would be no room.
    kept = [line for line in pair.lines if '"pull":"frame"' not in line]
    assert replay(kept).difference is not None


def test_pulls_decide_when_reading_pauses() -> None:
    """A heartbeat that is overdue while nobody takes events is forgiven once."""
    recorder_lines: list[str] = []
    pair = Taped()
    pair.connect()
    recorder, now = pair.recorder, pair.now
    for number in range(1100):
        recorder.receive(1, f'42/sdk,["x",{number}]', now=now)
    assert not recorder.wants_read
    recorder.handle_timeout(now=now + 50)
    assert recorder.is_connected
    assert replay(pair.lines).difference is None
    assert not recorder_lines


def test_errors_raised_to_the_caller() -> None:
    pair = Taped()
    with pytest.raises(LocalProtocolError, match="not connected"):
        pair.client.submit(SendText("early"), now=90.0)
    with pytest.raises(LocalProtocolError, match="not connected"):
        pair.client.ask(SendText("early"), now=90.0)
    pair.connect()
    now = pair.now
    loop: list[Any] = []
    loop.append(loop)
    wrong: list[Any] = [
        5,
        b"x",
        object(),
        None,
        SendText(cast("str", 7)),
        SendText(cast("str", b"bytes")),
        SendText("\ud800"),
        BotResponse("no client says this"),
        Authenticate(capabilities={"a": loop}),
        Authenticate(capabilities=cast("Any", {5: 1})),
        Authenticate(capabilities={"n": float("nan")}),
        Authenticate(capabilities={"n": 10**5000}),
        UnknownEvent("x", ({1},)),
        UnknownEvent(cast("str", 5), ()),
        UnknownEvent("x", cast("Any", 5)),
    ]
    for message in wrong:
        with pytest.raises((EstuaryError, TypeError, AttributeError)):
            pair.client.submit(message, now=now)
        with pytest.raises((EstuaryError, TypeError, AttributeError)):
            pair.client.ask(message, now=now)
    pair.step()
    pair.check()
    assert all("raised" in entry for entry in pair.inputs("submit")), pair.inputs("submit")


def test_odd_messages_are_still_compared() -> None:
    """Of a value that JSON cannot hold the words of the error may differ, its kind may not."""
    pair = Taped()
    pair.connect()
    with pytest.raises(LocalProtocolError):
        pair.client.submit(Authenticate(capabilities=cast("Any", {(5,): 1})), now=pair.now)
    assert "«odd»" in pair.lines[-1]
    assert replay(pair.lines).difference is None
    entry = json.loads(pair.lines[-1])
    for raised in ({**entry["raised"], "code": "NOT_CONNECTED"}, {**entry["raised"], "is": "X"}, 5):
        edited = [*pair.lines[:-1], json.dumps({**entry, "raised": raised})]
        assert replay(edited).difference is not None
    del entry["raised"]
    assert replay([*pair.lines[:-1], json.dumps({**entry, "gives": 3})]).difference is not None


def test_messages_come_back_exactly() -> None:
    """Whole numbers stay whole, unknown events keep their bytes, an ack its number."""
    pair = Taped()
    pair.connect()
    sent = [
        StartAgentConversation("a", "b", timeout_seconds=60),
        StartVoice(VoiceMode.PUSH_TO_TALK),
        UnknownEvent("thing", (1, 1.0, None, ["é\u2028"], {"k": b"\x00\x01"}, memoryview(b"m"))),
        UnknownEvent("text", ({"text": "by hand"},)),
        Ack(7, ("ok",)),
    ]
    for message in sent:
        pair.submit(message)
    pair.submit(SendText("with an ack"), ack_within=2.0)
    pair.advance(0.5)
    pair.check()
    frames = [e["got"] for e in pair.entries if e.get("pull") == "frame" and e["got"]]
    assert frames.count({"«bytes»": "AAE="}) == 1
    assert '42/sdk,["start_agent_conversation",' in frames[1]
    assert '"timeout_seconds":60}' in frames[1]
    assert pair.inputs("submit")[-1] == {
        "t": pair.inputs("submit")[-1]["t"],
        "in": "submit",
        "message": {"wire": "text", "fields": {"text": "with an ack", "text_only": False}},
        "ack_within": 2.0,
        "gives": 5,
    }
    assert pair.inputs("submit")[2]["message"]["args"][-2] == {"k": {"«bytes»": "AAE="}}


def test_a_binary_event_comes_in() -> None:
    pair = Taped()
    pair.connect()
    pair.link.inject('451-/sdk,["blob",{"_placeholder":true,"num":0}]')
    pair.link.inject(b"\x00\xff" + KEY.encode())
    pair.advance(1)
    pair.check()
    assert pair.of(UnknownEvent)[0].args == (b"\x00\xff" + KEY.encode(),)
    replayed = [event for event in replay(pair.lines).events if isinstance(event, UnknownEvent)]
    assert replayed[0].args == (b"\x00\xff" + "«api_key»".encode(),)


def test_long_hidden_texts_are_told_by_their_sum() -> None:
    pair = Taped()
    pair.connect()
    pair.tell(BotVoice("AAEC" * 100, "m1"))
    pair.tell(BotVoice("AAEC", "m1"))
    pair.advance(0.5)
    pair.check()
    shown = [e["got"] for e in pair.entries if "BotVoice" in str(e.get("got"))]
    assert shown[0]["audio"].startswith("«400 characters, crc32 ")
    assert shown[1]["audio"] == "AAEC"
    assert "pcm" not in shown[0]
    # A single sample that differs is found.
    edited = [line.replace("AAECAAEC", "AAEDAAEC", 1) for line in pair.lines]
    found = replay(edited).difference
    assert found is not None
    assert "crc32" in found.actual


@pytest.mark.parametrize("start", [0.1, 1e-9, 3.3e8, -5.5, float("inf"), float("nan")])
def test_time_is_exact_to_the_last_digit(start: float) -> None:
    """A deadline is met or missed by it."""
    lines: list[str] = []
    recorder = Recorder(CONFIG, lines.append)
    recorder.connect(now=start)
    recorder.opened(1, now=start + 0.1)
    for step in (1.7, 14.9, 2.3e7, 1 / 3):
        deadline = recorder.deadline
        at = start + step if deadline is None else deadline.at
        recorder.handle_timeout(now=at)
        while recorder.next_event() is not None:
            pass
        recorder.connect(now=at + step)
        while recorder.next_command() is not None:
            pass
        recorder.opened(recorder.link, now=at + step)
    assert replay(lines).difference is None
    assert sum('"clock":' in line for line in lines) == 1


def test_a_time_that_a_difference_cannot_tell_is_told_whole() -> None:
    lines: list[str] = []
    recorder = Recorder(CONFIG, lines.append)
    for now in (1e300, 1.0, 1e300):
        recorder.handle_timeout(now=now)
    assert [json.loads(line).get("now") for line in lines[1:]] == [None, 1.0, None]
    assert json.loads(lines[2])["t"] == -1e300


def test_empty_pulls_are_told_where_they_say_something() -> None:
    lines: list[str] = []
    recorder = Recorder(CONFIG, lines.append)

    def told(pull: Callable[[], Any]) -> list[Any]:
        del lines[:]
        pull()
        return [json.loads(line).get("got", "-") for line in lines]

    assert told(recorder.next_event) == [None]
    assert told(recorder.next_event) == []
    assert told(recorder.next_command) == []
    recorder.connect(now=0.0)
    assert told(recorder.next_command) != [None]
    assert told(recorder.next_command) == [None]
    assert told(recorder.next_command) == []
    assert told(recorder.next_event) != [None]
    assert told(recorder.next_event) == [None]
    assert told(recorder.next_event) == []
    recorder.opened(1, now=0.0)
    recorder.receive(1, "2x", now=0.0)
    assert told(lambda: recorder.next_frame(1)) == ["3x"]
    assert told(recorder.next_event) == [None]
    assert told(lambda: recorder.next_frame(1)) == [None]
    # That may have settled a receipt.
    assert told(recorder.next_event) == [None]
    recorder.handle_timeout(now=0.0)
    assert told(recorder.next_event) == [None]
    assert told(lambda: recorder.next_frame(1)) == []


# --- differences -------------------------------------------------------------------------------


def test_an_edited_capture_shows_its_first_difference() -> None:
    pair = Taped()
    pair.connect()
    chat(pair)
    place = next(n for n, line in enumerate(pair.lines) if '"is":"BotResponse"' in line)
    edited = list(pair.lines)
    edited[place] = edited[place].replace('"text":"Hel"', '"text":"Hal"')
    assert edited != pair.lines
    replayed = replay(edited)
    found = replayed.difference
    assert found is not None
    assert found.line == place + 1
    assert '"text":"Hal"' in found.expected
    assert '"text":"Hel"' in found.actual
    assert len(found.before) == 5
    assert found.before[-1] == edited[place].rstrip("\n")
    assert found.before[0] == edited[place - 4].rstrip("\n")
    shown = str(found)
    assert shown.startswith(f"line {place + 1}\n  {{")
    assert f"expected  {found.expected}" in shown
    assert f"actual    {found.actual}" in shown
    # It ends there.
    assert replayed.lines == place
    assert not any(isinstance(event, ReplyEnded) for event in replayed.events)


def test_a_missing_line_is_found() -> None:
    pair = Taped()
    pair.connect()
    chat(pair)
    for word in ('"is":"BotResponse"', '"in":"receive"', '[\\"bot_response\\"', '"in":"ask"'):
        place = next(n for n, line in enumerate(pair.lines) if word in line)
        found = replay([*pair.lines[:place], *pair.lines[place + 1 :]]).difference
        assert found is not None, word
        assert found.line >= place + 1


def test_kinds_of_numbers_and_outcomes_are_told_apart() -> None:
    pair = Taped()
    pair.connect()
    pair.submit(SendText("x"))
    place = next(n for n, line in enumerate(pair.lines) if '"gives":1' in line)
    for other in ('"gives":1.0', '"gives":true', '"gives":2', '"raised":{}'):
        edited = list(pair.lines)
        edited[place] = edited[place].replace('"gives":1', other)
        found = replay(edited).difference
        assert found is not None
        assert found.actual == '{"gives":1}'


def test_the_words_of_an_error_are_compared() -> None:
    lines: list[str] = []
    recorder = Recorder(CONFIG, lines.append)
    with pytest.raises(LocalProtocolError):
        recorder.submit(SendText("x"), now=0.0)
    assert replay(lines).difference is None
    edited = [line.replace("not connected", "disconnected") for line in lines]
    assert replay(edited).difference is not None


def test_an_empty_pull_that_is_told_twice_is_no_difference() -> None:
    lines: list[str] = []
    recorder = Recorder(CONFIG, lines.append)
    recorder.next_event()
    assert replay([*lines, lines[-1], '{"pull":"command"}']).difference is None


def test_it_loads_no_more_than_a_core_may() -> None:
    code = (
        "import sys; before = set(sys.modules); import estuary_proto.capture; "
        "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    banned = {"asyncio", "socket", "ssl", "select", "threading", "logging", "secrets", "email"}
    assert not banned & set(done.stdout.split())


def test_a_session_ends_in_an_ending() -> None:
    pair = Taped()
    pair.connect()
    pair.client.disconnect(now=pair.now)
    pair.advance(3)
    assert isinstance(replay(pair.lines).events[-1], Disconnected)
