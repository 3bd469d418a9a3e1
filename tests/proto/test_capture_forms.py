"""What stands in a capture: placeholders for secrets, values as JSON, entries, sums."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, cast

import pytest

from estuary_proto.capture import FORMAT, Entry, Recorder, read, replay, summary
from estuary_proto.capture import mask as mask_module
from estuary_proto.capture.forms import dumps, error_of, form, message_of, quoted, value_of
from estuary_proto.capture.mask import SECRET_KEYS, Mask
from estuary_proto.config import EstuaryConfig
from estuary_proto.errors import (
    ConnectionLost,
    ErrorCode,
    EstuaryError,
    SendBlocked,
)
from estuary_proto.events import (
    Fault,
    HangUp,
    Outcome,
)
from estuary_proto.intents import (
    RenewAuthentication,
    SayLine,
    SendText,
)
from estuary_proto.messages import UnknownEvent, all_messages
from estuary_proto.models.conversation import (
    ResponseChunk,
    SttResponse,
)
from estuary_proto.models.reading import spellings
from estuary_proto.models.session import SessionInfo
from estuary_proto.models.shares import Share, SharedSession
from estuary_proto.models.voice import LiveKitToken
from estuary_proto.version import __version__
from tests.proto.taped import CONFIG, KEY, Taped, chat

# --- secrets -----------------------------------------------------------------------------------


def test_secret_keys_are_those_of_the_models() -> None:
    found = {
        key
        for cls in (*(cls for _, cls in all_messages()), Share, SharedSession)
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
    for shown in (
        "«api_key»",
        "«livekit_token»",
        "«given_token»",
        "«given_token:2»",
        "«client_token»",
    ):
        assert shown in text
    # Too short to be looked for everywhere: hidden only where it stands for itself.
    assert '"token":"«given_token:3»"' in text
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
    assert mask.hide("token", "abcdefgh") == "«given_token»"
    assert mask.hide("token", "xabcdefghx") == "«given_token:2»"
    assert mask.hide("api_key", "abcdefgh") == "«given_token»"
    assert mask.text("1 abcdefgh 2 xabcdefghx") == "1 «given_token» 2 «given_token:2»"
    assert mask.shows_in(b"abcdefgh")
    assert not mask.shows_in(b"abcdefg")
    assert mask.clean([{"abcdefgh": 1, "k": ["abcdefgh", None]}]) == [
        {"«given_token»": 1, "k": ["«given_token»", None]}
    ]
    assert mask.hide("token", "«given_token»") == "«given_token»"


def test_a_secret_field_and_a_frame_that_was_cut_off() -> None:
    mask = Mask()
    assert form(LiveKitToken("tok", "u", "r"), mask)["token"] == "«given_token»"
    assert mask.frame('{"api_key" : "cut') == '{"api_key" : "«api_key»'
    assert mask.frame('{"api_key":"cut"}') == '{"api_key":"«api_key»"}'
    assert mask.frame('{"token":"\n"}') == '{"token":"\\x«given_token:2»"}'
    assert mask.frame('{"token":"\\x«given_token:2»"}') == '{"token":"\\x«given_token:2»"}'


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
    assert form(SendBlocked("m"), mask)["is"] == "SendBlocked"
    assert form({(1,): 1}, mask) == {"«odd»": "dict"}
    assert form(object(), mask) == {"«odd»": "object"}
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


def test_what_a_secret_costs_does_not_grow_with_their_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def counting(value: str) -> set[str]:
        asked.append(value)
        return spelt(value)

    spelt = mask_module._spellings
    monkeypatch.setattr(mask_module, "_spellings", counting)
    mask = Mask()
    costs = []
    for number in range(40):
        before = len(asked)
        mask.hide("idempotency_key", f"a key of call {number:02d}/")
        costs.append(len(asked) - before)
    assert set(costs) == {costs[0]}
    assert mask.text("a key of call 00/ and a key of call 39/") == (
        "«idempotency_key» and «idempotency_key:40»"
    )


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


def test_a_capture_that_was_cut_off_says_so() -> None:
    whole = [f"{GOOD}\n", '{"t":0,"in":"connect"}\n']
    for last, cut in (('{"t":0,"in":"conn', True), ('{"t":0,"in":"conn\n', False)):
        with pytest.raises(EstuaryError, match="line 3 of the capture: not JSON") as caught:
            list(read([*whole, last]))
        assert ("was cut off here" in caught.value.message) is cut


def test_what_is_told_of_a_line_is_shorter_than_the_line() -> None:
    with pytest.raises(EstuaryError, match="there is no input 'xxx.*…$") as caught:
        replay([GOOD, json.dumps({"in": "x" * 100_000})])
    assert len(caught.value.message) < 600


def test_an_editor_may_have_put_a_bom_before_it() -> None:
    lines = [f"\ufeff{GOOD}\n", '{"t":0,"in":"connect"}\n']
    assert [entry.kind for entry in read(lines)] == ["header", "input"]
    assert replay([*lines, '{"t":0,"in":"disconnect"}\n']).lines == 2
    with pytest.raises(EstuaryError, match="line 2 of the capture: not JSON"):
        list(read([lines[0], f"\ufeff{lines[1]}"]))


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
        ('{"in":"connect","clock":[]}', "its clock or now is not a number"),
        ('{"in":"connect","now":"x"}', "its clock or now is not a number"),
        ('{"rest":"sent","clock":"x"}', "its clock or now is not a number"),
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
        '{"t":2,"pull":"batch","link":1,"got":"four"}',
        '{"t":1.5,"in":"receive","link":1,"frame":"\\ud800"}',
    ]
    found = summary(lines)
    assert (found.connected, found.seconds, found.turns) == (0.0, 2.0, 0)
    assert (found.bytes_in, found.bytes_out) == (1, 2 + 4)


def test_which_piece_answers_which_turn() -> None:
    def piece(ident: str, more: bool = False) -> dict[str, Any]:
        return {"is": "BotResponse", "partial": "x", "message_id": ident, "is_interjection": more}

    def said(wire: str) -> dict[str, Any]:
        return {"in": "submit", "message": {"wire": wire}}

    story: list[dict[str, Any]] = [
        {"got": {"is": "Connected"}},
        said("say_line"),
        said("text"),
        {**said("text"), "raised": {}},
        {"got": piece("aside", True)},
        {"got": piece("line")},
        {"got": piece("line")},
        {"got": piece("answer")},
        said("text"),
        {"got": {"is": "Reconnecting"}},
        {"got": {"is": "Disconnected"}},
        {"got": {"is": "Connected"}},
        {"got": piece("unasked")},
        {"got": {"is": "Disconnected"}},
        {"got": {"is": "Connected"}},
    ]
    lines = [
        json.dumps({"t": float(at), **({} if "in" in entry else {"pull": "event"}), **entry})
        for at, entry in enumerate(story)
    ]
    found = summary([GOOD, *lines])
    assert (found.turns, found.pieces, found.first_piece) == (2, 5, (5.0,))
    assert found.reconnects == 1
    assert found.connected == 10.0 + 2.0


# --- found by fuzzing --------------------------------------------------------------------------


def begun() -> tuple[Recorder, list[str]]:
    lines: list[str] = []
    recorder = Recorder(EstuaryConfig("ws://h", "est_long_key", "c", "p"), lines.append)
    recorder.connect(now=1.0)
    recorder.opened(1, now=1.0)
    for frame in ('0{"sid":"e"}', "40/sdk,{}", '42/sdk,["session_info",{"session_id":"s"}]'):
        recorder.receive(1, frame, now=1.0)
    return recorder, lines


def test_the_pull_behind_an_empty_attachment_is_told() -> None:
    """It settles the message, and what settles must replay."""
    recorder, lines = begun()
    recorder.submit(UnknownEvent("photo", (b"",)), now=1.0)
    while recorder.next_frame(1) is not None:
        pass
    while recorder.next_event() is not None:
        pass
    assert any('"is":"Settled"' in line for line in lines)
    assert replay(lines).difference is None


def test_placeholders_number_on_in_a_replay() -> None:
    """A secret that JSON wrote as a number stands in no frame as a placeholder."""
    recorder, lines = begun()
    recorder.receive(1, '42/sdk,["livekit_token",{"token":0},{"token":"secret"}]', now=1.0)
    while recorder.next_event() is not None:
        pass
    assert "«given_token:2»" in lines[-2]
    assert replay(lines).difference is None


@pytest.mark.parametrize(
    "line",
    [
        '{"t":1' + "0" * 400 + ',"in":"connect"}',
        '{"in":"connect","clock":1' + "0" * 400 + "}",
        '{"in":"connect","now":1' + "0" * 400 + "}",
    ],
)
def test_a_time_beyond_all_numbers_is_no_capture(line: str) -> None:
    _, lines = begun()
    with pytest.raises(EstuaryError, match=f"line {len(lines) + 1} of the capture"):
        replay([*lines, line])
