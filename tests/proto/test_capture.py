"""Captures: what is written down, that it replays to the same, what is found when it does not."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estuary_proto.answers import Ack
from estuary_proto.capture import FORMAT, Entry, Recorder, read, replay, summary
from estuary_proto.capture.forms import dumps, error_of, form, message_of, quoted, value_of
from estuary_proto.capture.masking import SECRET_KEYS, Mask
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
    Fault,
    HangUp,
    Outcome,
    ReplyEnded,
    Settled,
    Writable,
)
from estuary_proto.intents import (
    Authenticate,
    Interrupt,
    RenewAuthentication,
    SayLine,
    SendText,
    StartAgentConversation,
    StartVoice,
    StreamAudio,
)
from estuary_proto.messages import UnknownEvent, all_messages
from estuary_proto.models.conversation import (
    BotResponse,
    BotVoice,
    InterruptData,
    ResponseChunk,
    SttResponse,
)
from estuary_proto.models.reading import spellings
from estuary_proto.models.session import SessionInfo, VoiceMode
from estuary_proto.models.voice import LiveKitToken
from estuary_proto.states import Role
from estuary_proto.testing.pair import Pair
from estuary_proto.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = 'est_3f9c-öde/"key"'
CONFIG = EstuaryConfig("http://server.test", KEY, "character", "player")


class Taped(Pair):
    """A pair whose client is recorded."""

    def __init__(self, config: EstuaryConfig = CONFIG, **options: Any) -> None:
        super().__init__(config, **options)
        self.lines: list[str] = []
        self.recorder = Recorder(config, self.lines.append, seed=7)
        self.client = cast("Client", self.recorder)

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The lines but the header."""
        return [json.loads(line) for line in self.lines[1:]]

    def inputs(self, verb: str) -> list[dict[str, Any]]:
        return [entry for entry in self.entries if entry.get("in") == verb]

    def check(self) -> None:
        """The capture replays to the same, with the same events."""
        replayed = replay(self.lines)
        assert replayed.difference is None, str(replayed.difference)
        assert replayed.lines == len(self.lines) - 1
        assert [type(event) for event in replayed.events] == [type(event) for event in self.events]
        text = "".join(self.lines)
        assert KEY not in text
        assert "3f9c" not in text


def chat(pair: Pair) -> None:
    """Ask, be answered in two pieces, be interrupted while asking again."""
    pair.ask(SendText("hi"))
    pair.advance(0.5)
    pair.tell(ResponseChunk("Hel", False, "Hel", "m1"))
    pair.tell(ResponseChunk("Hello", True, "lo", "m1"))
    pair.advance(0.5)
    pair.ask(SendText("again"), timeout=5.0)
    pair.advance(0.5)
    pair.tell(ResponseChunk("Wh", False, "Wh", "m2"))
    pair.advance(0.1)
    pair.submit(Interrupt("m2"))
    pair.advance(0.1)
    pair.tell(InterruptData("m2", "user"))
    pair.advance(0.1)


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
        "started": "2026-01-02T03:04:05Z",
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
    pair.connect()
    pair.check()
    assert "provider" not in "".join(pair.lines)
    (joined,) = [e for e in pair.entries if str(e.get("got", "")).startswith("40/sdk,")]
    assert '"camera":false' in joined["got"]
    assert '"enable_animation":true' in joined["got"]
    pair = Taped(config)
    pair.answers = False
    pair.client.connect(now=100.0)
    pair.advance(4)
    pair.check()


def test_it_offers_what_a_client_offers() -> None:
    verbs = {name for name in vars(Client) if not name.startswith("_")}
    made = set(vars(Client(CONFIG)))
    offered = {name for name in vars(Recorder) if not name.startswith("_")}
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
    assert told(lambda: recorder.next_frame(1)) == []


# --- differences -------------------------------------------------------------------------------


def test_an_edited_capture_shows_its_first_difference() -> None:
    pair = Taped()
    pair.connect()
    chat(pair)
    place = next(n for n, line in enumerate(pair.lines) if '"is":"BotResponse"' in line)
    edited = list(pair.lines)
    edited[place] = edited[place].replace('"text":"Hel"', '"text":"Hal"')
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


def test_an_empty_pull_that_is_told_twice_is_no_difference() -> None:
    lines: list[str] = []
    recorder = Recorder(CONFIG, lines.append)
    recorder.next_event()
    assert replay([*lines, lines[-1], '{"pull":"command"}']).difference is None


# --- secrets -----------------------------------------------------------------------------------


def test_secret_keys_are_those_of_the_models() -> None:
    found = {
        key
        for _, cls in all_messages()
        for part in fields(cls)
        if part.metadata.get("secret")
        for key in spellings(cls, part)
    }
    assert found == set(SECRET_KEYS)


def test_secrets_are_nowhere() -> None:
    token, room, renewed, odd = "lk-jwt.aaaa.bbbb", "room-jwt\\1\n2", "ect_fresh/one", "tok"
    secrets = (KEY, token, room, renewed)

    pair = Taped()
    pair.connect()
    pair.tell(SessionInfo("s", "c", livekit_token=token, livekit_room="r"))
    pair.tell(LiveKitToken(room, "wss://lk", "r"))
    pair.tell(LiveKitToken("lk-jwt.aaaa.bbbb.longer", "wss://lk", "r"))
    pair.tell(UnknownEvent("custom", ({"token": odd, "x": {KEY: [room]}}, odd, 5)))
    for text in secrets:
        pair.tell(UnknownEvent("echo", (f"they said {text} and {text}",)))
    pair.submit(RenewAuthentication(renewed))
    pair.submit(RenewAuthentication(""))
    pair.ask(SendText(f"my key is {KEY}, {renewed}"))
    pair.tell(ResponseChunk(f"so {token} is it", True, None, "m1"))
    pair.advance(0.5)
    # Two that are no JSON, and must not become any: a wrong escape, and a frame that was cut off.
    for bad in ('{"token":"bro\\ken-secret"}]', '{"room":"r","token":"cut-off-secret\\'):
        pair.link.inject(f'42/sdk,["livekit_token",{bad}')
        pair.advance(5)
    assert len(pair.of(Fault)) == 2
    pair.check()
    text = "".join(pair.lines)
    for secret in (*secrets, "bro\\ken", "cut-off", "bb.longer"):
        for form_of in (secret, json.dumps(secret)[1:-1], json.dumps(json.dumps(secret))):
            assert form_of not in text
    for shown in ("«api_key»", "«livekit_token»", "«token»", "«token:2»", "«client_token»"):
        assert shown in text
    # Too short to be looked for everywhere: hidden only where it stands for itself.
    assert '"token":"«token:3»"' in text
    assert '"tok"' in text


def test_short_and_numeric_keys_are_hidden_in_their_place_only() -> None:
    for key in ("text", "12345678901"):
        pair = Taped(EstuaryConfig("http://server.test", key, "character", "player"))
        pair.connect()
        pair.submit(SendText("a text of 12345678901 words"))
        assert replay(pair.lines).difference is None
        text = "".join(pair.lines)
        assert '\\"api_key\\":\\"«api_key»\\"' in text
        assert f'"api_key":"{key}"' not in text
        assert "a text of 12345678901 words" in text


def test_one_secret_within_another() -> None:
    mask = Mask()
    assert mask.hide("token", "abcdefgh") == "«token»"
    assert mask.hide("token", "xabcdefghx") == "«token:2»"
    assert mask.hide("api_key", "abcdefgh") == "«token»"
    assert mask.text("1 abcdefgh 2 xabcdefghx") == "1 «token» 2 «token:2»"
    assert mask.shows_in("abcdefgh")
    assert not mask.shows_in("abcdefg")
    assert mask.clean([{"abcdefgh": 1, "k": ["abcdefgh", None]}]) == [
        {"«token»": 1, "k": ["«token»", None]}
    ]
    assert mask.hide("token", "«token»") == "«token»"


def test_a_secret_in_the_path_or_the_clock_text() -> None:
    lines: list[str] = []
    Recorder(CONFIG, lines.append, path=f"/{KEY}/", started=KEY)
    assert json.loads(lines[0])["path"] == "/«api_key»/"
    assert json.loads(lines[0])["started"] == "«api_key»"


# --- forms -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["", "plain", 'q"\\\n\x00', "é\u2028\u2029\x85", "\ud800", "x" * 600, 'y"' * 400, "z\n" * 300],
)
def test_lines_are_single_and_fit_for_utf8(text: str) -> None:
    for made in (quoted(text), dumps(text)):
        assert json.loads(made) == text
        assert len(made.splitlines()) == 1
        made.encode()
    assert json.loads(quoted("\\" * 600)) == "\\" * 600


def test_values_there_and_back() -> None:
    mask = Mask()
    value: Any = {
        "a": [1, 2.5, None, True, "x"],
        "b": b"\xff",
        "c": {"«bytes»": 1},
        "d": {"«odd»": 2},
        "e": {5: "x", None: 10**5000},
        "f": {"«int»": 3},
        "g": {"«pairs»": 4},
    }
    assert value_of(json.loads(dumps(form(value, mask)))) == value
    assert form(bytearray(b"\xff"), mask) == {"«bytes»": "/w=="}
    assert form((1, (2,)), mask) == [1, [2]]
    assert form(Outcome.SENT, mask) == "sent"
    assert form(2**70, mask) == 2**70
    assert form(type("Text", (str,), {})("t"), mask) == "t"
    assert form(HangUp(1001, "bye"), mask) == {"is": "HangUp", "code": 1001, "reason": "bye"}
    assert form({"token": 5}, mask) == {"token": 5}
    assert type(value_of({"«odd»": "Thing"})).__name__ == "Thing"
    deep: Any = []
    for _ in range(130):
        deep = [deep]
    assert "«odd»" in dumps(form(deep, mask))


def test_errors_there_and_back() -> None:
    mask = Mask()
    for error in (
        EstuaryError("m", ErrorCode.AUTH_FAILED, {"a": 1}),
        SendBlocked("full", {"waiting": 3}),
        ConnectionLost("gone", partial="so far"),
    ):
        made = error_of(form(error, mask))
        assert type(made) is type(error)
        assert (made.message, made.code, made.details) == (error.message, error.code, error.details)
        assert str(made) == str(error)
        assert getattr(made, "partial", None) == getattr(error, "partial", None)
    for bad in (
        5,
        {},
        {"message": 5},
        {"message": "m", "is": "ErrorCode"},
        {"message": "", "code": 1},
    ):
        with pytest.raises(ValueError, match="."):
            error_of(bad)


def test_messages_that_make_no_sense() -> None:
    for bad in (
        5,
        None,
        {"wire": "nonsense", "fields": {}},
        {"wire": "text"},
        {"wire": "text", "fields": {}},
    ):
        with pytest.raises(ValueError, match="."):
            message_of(bad)
    # A field that a later version has, and one that an older one had not.
    assert message_of({"wire": "text", "fields": {"text": "t", "mood": 1}}) == SendText("t")
    assert message_of({"unknown": "x"}) == UnknownEvent("x")


# --- reading -----------------------------------------------------------------------------------


def test_entries_are_typed() -> None:
    pair = Taped()
    pair.connect()
    header, connect, dial, *others = read(pair.lines)
    assert (header.kind, header.name, header.line) == ("header", "header", 1)
    assert header.data["seed"] == 7
    assert connect == Entry(2, 0.0, "input", "connect", None, json.loads(pair.lines[1]))
    assert (dial.kind, dial.name) == ("pull", "command")
    assert dial.frame is None
    opened = next(entry for entry in others if entry.name == "opened")
    assert opened.link == 1
    assert opened.at == pytest.approx(0.01)
    greeting = next(entry for entry in others if entry.name == "receive")
    assert str(greeting.frame).startswith('0{"sid"')
    join = next(entry for entry in others if entry.frame and entry.kind == "pull")
    assert str(join.frame).startswith("40/sdk,")
    assert Entry(1, 0.0, "input", "receive", 1, {"frame": {"«bytes»": "/w=="}}).frame == b"\xff"
    assert Entry(1, 0.0, "pull", "frame", 1, {"got": {"is": "HangUp"}}).frame is None
    with pytest.raises(EstuaryError, match="line 9 "):
        _ = Entry(9, 0.0, "pull", "frame", 1, {"got": {"«bytes»": "?"}}).frame


def header_with(**changes: Any) -> str:
    lines: list[str] = []
    Recorder(CONFIG, lines.append)
    return json.dumps({**json.loads(lines[0]), **changes})


GOOD = header_with()


@pytest.mark.parametrize(
    ("lines", "number", "words"),
    [
        ([], 1, "begins with a header"),
        (["", "\n"], 1, "begins with a header"),
        (["{}"], 1, "not the header"),
        (['{"estuary_capture":true}'], 1, "not the header"),
        (['{"estuary_capture":-1}'], 1, "not the header"),
        ([header_with(estuary_capture=FORMAT + 1)], 1, f"made by version '{__version__}'"),
        (["", "nonsense"], 2, "not JSON"),
        ([GOOD, "", '{"t":0,"in":"conn'], 3, "not JSON"),
        ([GOOD, "[" * 100_000], 2, "not JSON"),
        ([GOOD, "[]"], 2, "not an object"),
        ([GOOD, "{}"], 2, "neither an input nor a pull"),
        ([GOOD, '{"in":5}'], 2, "neither an input nor a pull"),
        ([GOOD, '{"t":"0","in":"connect"}'], 2, "not a number"),
        ([GOOD, '{"t":true,"in":"connect"}'], 2, "not a number"),
    ],
)
def test_bad_lines_are_named(lines: list[str], number: int, words: str) -> None:
    for reader in (lambda lines: list(read(lines)), summary, replay):
        with pytest.raises(EstuaryError, match=words) as caught:
            reader(lines)
        assert caught.value.details == {"line": number}
        assert f"line {number} " in caught.value.message


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"in":"dance"}', "no input 'dance'"),
        ('{"pull":"dance"}', "no pull 'dance'"),
        ('{"in":"receive","frame":"x"}', "'link'"),
        ('{"in":"receive","link":1}', "'frame'"),
        ('{"in":"receive","link":1,"frame":{"«bytes»":"?"}}', "cannot be read"),
        ('{"in":"submit","message":5}', "must be an object"),
        ('{"in":"fault","link":1,"error":5}', "must be an object"),
        ('{"in":"connect","clock":[]}', "cannot be read"),
        ('{"in":"connect","now":"x"}', "cannot be read"),
    ],
)
def test_what_cannot_be_replayed_is_named(line: str, words: str) -> None:
    with pytest.raises(EstuaryError, match=words) as caught:
        replay([GOOD, line])
    assert caught.value.details == {"line": 2}


@pytest.mark.parametrize(
    "changes",
    [
        {"config": None},
        {"config": {}},
        {"config": {"server_url": "x", "api_key": "k", "character_id": "c", "player_id": "p"}},
        {"seed": "x"},
        {"path": 5},
    ],
)
def test_a_header_that_does_not_stand(changes: dict[str, Any]) -> None:
    with pytest.raises(EstuaryError, match="line 1 "):
        replay([header_with(**changes)])


def test_an_older_format_and_a_setting_of_another_version() -> None:
    pair = Taped()
    pair.connect()
    header = json.loads(pair.lines[0])
    header["estuary_capture"] = 0
    header["config"]["colour"] = "blue"
    header["config"]["retry"] = {"max_retries": 2, "colour": "blue"}
    for gone in ("audio_backlog", "capabilities"):
        del header["config"][gone]
    for gone in ("started", "path", "asks_credential", "library"):
        del header[gone]
    replayed = replay([json.dumps(header), *pair.lines[1:]])
    assert replayed.difference is None
    assert replayed.header == header
    header["config"]["retry"] = None
    with pytest.raises(EstuaryError, match=r"line 1 .*retry"):
        replay([json.dumps(header)])


# --- sums --------------------------------------------------------------------------------------


def test_a_summary() -> None:
    pair = Taped()
    pair.connect()
    chat(pair)
    pair.submit(SayLine("Welcome"))
    pair.advance(0.5)
    pair.tell(ResponseChunk("Welcome", True, "Welcome", "m3"))
    pair.tell(ResponseChunk("Psst", True, "Psst", "m4", 0, True))
    pair.advance(0.5)
    pair.tell(SttResponse("he", False))
    pair.tell(SttResponse("", True))
    pair.tell(SttResponse("hello", True))
    pair.advance(0.25)
    pair.tell(ResponseChunk("", False, None, "m5"))
    pair.tell(ResponseChunk("é", True, "é", "m5"))
    pair.advance(0.5)
    pair.submit(SendText("lost with the wire"))
    pair.link.cut()
    pair.advance(5)
    pair.tell(ResponseChunk("unasked", True, "unasked", "m6"))
    pair.advance(1)
    with pytest.raises(EstuaryError):
        pair.client.submit(cast("Any", 5), now=pair.now)
    found = summary(pair.lines)
    assert (found.library, found.started) == (__version__, None)
    assert found.turns == 4
    assert found.pieces == 7
    assert found.first_piece == pytest.approx((0.51, 0.51, 0.25))
    assert found.interruptions == 1
    assert found.reconnects == 1
    connected = [e["t"] for e in pair.entries if '"Connected"' in json.dumps(e)]
    gone = [e["t"] for e in pair.entries if '"Disconnected"' in json.dumps(e)]
    assert found.seconds == pair.entries[-1]["t"]
    assert found.connected == pytest.approx(gone[0] - connected[0] + found.seconds - connected[1])
    frames = [frame for link in pair.links.values() for frame in link.got]
    assert found.bytes_in == sum(len(cast("str", frame).encode()) for frame in frames)
    assert found.bytes_out > 300


def test_a_summary_of_what_never_connected() -> None:
    lines = [
        GOOD,
        '{"t":1,"in":"submit","message":5}',
        '{"t":2,"pull":"event","got":{"is":"Disconnected"}}',
        '{"t":2,"pull":"event","got":5}',
        '{"t":2,"pull":"frame","link":1,"got":{"«bytes»":"AAE="}}',
        '{"t":1.5,"in":"receive","link":1,"frame":"\\ud800"}',
    ]
    found = summary(lines)
    assert (found.connected, found.seconds, found.turns) == (0.0, 2.0, 0)
    assert (found.bytes_in, found.bytes_out) == (1, 2)


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
