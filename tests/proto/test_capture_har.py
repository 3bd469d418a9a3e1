"""HAR: sessions of browsers and proxies become captures, and captures become HAR."""

from __future__ import annotations

import copy
import json
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from estuary_proto.capture import Imported, from_har, read, replay, summary, to_har
from estuary_proto.capture.har_reading import sockets_in
from estuary_proto.config import EstuaryConfig
from estuary_proto.errors import EstuaryError
from estuary_proto.events import AckSettled, Outcome
from estuary_proto.messages import UnknownEvent
from estuary_proto.models.conversation import BotResponse
from estuary_proto.rest.http import HttpRequest
from tests.proto.taped import KEY, Taped, chat

if TYPE_CHECKING:
    from collections.abc import Sequence

CAPTURES = Path(__file__).parent.parent / "captures"
AUTH = EstuaryConfig("http://h", "est_har_key", "demo", "p").auth()
GREETING = (
    '0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
)
JOINED = [("<", GREETING), (">", "40/sdk," + json.dumps(AUTH)), ("<", '40/sdk,{"sid":"s"}')]
BOT = '42/sdk,["bot_response",{"text":"hi","is_final":true,"message_id":"m"}]'
UP = [*JOINED, ("<", '42/sdk,["session_info",{"session_id":"s","conversation_id":"c"}]')]


def exported(name: str) -> Any:
    """A file as it was exported: by Chromium 156 through Playwright 1.65, by mitmproxy 11."""
    return json.loads((CAPTURES / f"{name}.har").read_text(encoding="utf-8"))


def har(*sockets: Sequence[tuple[str, Any]], url: str = "wss://h:8443/socket.io/?EIO=4") -> Any:
    """A HAR by hand: `<` was received, `>` was sent, a tenth of a second each."""
    entries = []
    at = 1_700_000_000.0
    for told in sockets:
        messages: list[dict[str, Any]] = []
        for way, data in told:
            at += 0.1
            one = {"type": "receive" if way == "<" else "send", "time": at, "opcode": 1}
            if isinstance(data, bytes):
                messages.append({**one, "opcode": 2, "data": b64encode(data).decode()})
            else:
                messages.append({**one, "data": data})
        entries.append({"request": {"url": url}, "_webSocketMessages": messages})
        at += 5.0
    return {"log": {"version": "1.2", "creator": {"name": "hand"}, "entries": entries}}


def checked(found: Imported) -> list[Any]:
    """The events of the replay, which is equal."""
    replayed = replay(found.lines)
    assert replayed.difference is None, str(replayed.difference)
    return replayed.events


def sent(found: Imported) -> list[Any]:
    return [e.frame for e in read(found.lines) if e.name in ("frame", "batch") and e.frame]


# --- in -------------------------------------------------------------------------------------------


def test_a_session_of_a_browser_replays_through_our_core() -> None:
    found = from_har(exported("chromium"))
    events = checked(found)
    finals = [event.text for event in events if isinstance(event, BotResponse) and event.is_final]
    assert finals == [
        "Hello! It's good to hear from you. What's on your mind?",
        "Nice to meet you, Ada! I'll remember your name.",
    ]
    assert (found.sockets, found.sent) == (1, 5)
    # The page in the browser spelt one field otherwise than clients do.
    assert found.unlike == [
        (f'42/sdk,["text",{{"text":"{text}","text_only":true}}]',
         f'42/sdk,["text",{{"text":"{text}","textOnly":true}}]')
        for text in ("Hello from a browser", "My name is Ada.")
    ]  # fmt: skip
    header = json.loads(found.lines[0])
    assert (header["source"], header["started"]) == ("Playwright", "2026-11-21T10:53:20.371+00:00")
    assert header["config"]["player_id"] == "browser"
    assert "est_dev" not in "".join(found.lines)
    assert summary(found.lines).turns == 2


def test_a_session_through_a_proxy_replays_through_our_core() -> None:
    found = from_har(exported("mitmproxy"))
    checked(found)
    assert (found.sockets, found.sent, found.unlike) == (1, 3, [])
    assert json.loads(found.lines[0])["source"] == "mitmproxy"
    assert "est_dev" not in "".join(found.lines)


def test_acks_have_the_numbers_of_our_core() -> None:
    asked = '42/sdk,41["start_voice",{"turn_mode":"push_to_talk"}]'
    told = [
        *UP,
        (">", asked),
        ("<", '43/sdk,41["ok"]'),
        ("<", "43/sdk,7[]"),
        ("<", '42/sdk,3["hm"]'),
    ]
    found = from_har(har([*told, (">", "43/sdk,3[1]"), (">", "43/sdk,9[1]"), (">", "3")]))
    events = checked(found)
    assert [event.outcome.value for event in events if type(event).__name__ == "AckSettled"] == [
        "ok"
    ]
    assert "43/sdk,3[1]" in sent(found)
    assert [theirs for theirs, _ in found.unlike] == ["3"]


def test_bytes_go_both_ways() -> None:
    blob = '451-/sdk,["blob",{"_placeholder":true,"num":0}]'
    told = [*UP, (">", blob), (">", b"\x00\xff"), ("<", blob), ("<", b"\x01")]
    found = from_har(har(told), audio=False)
    events = checked(found)
    assert [event.args for event in events if isinstance(event, UnknownEvent)] == [(b"\x00",)]
    assert b"\x00\x00" in sent(found)
    found = from_har(har(told))
    assert b"\x00\xff" in sent(found)
    assert checked(found)


def test_sockets_of_one_player_are_one_session() -> None:
    other = json.dumps({**AUTH, "player_id": "q"})
    stranger = [("<", GREETING), (">", f"40/sdk,{other}")]
    again = [*UP, (">", '42/sdk,["text",{"text":"two"}]'), (">", "41/sdk,")]
    found = from_har(har(UP, stranger, again, UP))
    events = checked(found)
    names = [type(event).__name__ for event in events]
    assert (found.sockets, found.unlike) == (3, [])
    assert names.count("Connected") == 3
    assert names.count("Reconnecting") == 2  # After the first, and for ever after the last.
    assert summary(found.lines).reconnects == 1


def test_sockets_may_stand_in_any_order() -> None:
    given = har(UP, [*UP, ("<", BOT)], [*UP, ("<", BOT), ("<", BOT)])
    found = from_har(given)
    given["log"]["entries"].reverse()
    assert from_har(given).lines == found.lines


def test_what_no_client_of_ours_would_say_is_told() -> None:
    odd = ["2probe", "nonsense", '42/sdk,["text"', '42/sdk,["text",{"text":7}]', "40/sdk,7", "5"]
    early = [("<", GREETING), (">", '42/sdk,["text",{"text":"early"}]'), *JOINED[1:], *UP[3:]]
    found = from_har(har([*early, *((">", one) for one in odd)]))
    checked(found)
    assert [theirs for theirs, _ in found.unlike][0] == '42/sdk,["text",{"text":"early"}]'
    assert {"nonsense", "5"} <= {theirs for theirs, _ in found.unlike}


def test_settings_of_the_other_client_are_kept() -> None:
    auth = {
        **AUTH,
        "audio_sample_rate": 24000,
        "realtime_memory": True,
        "enable_animation": True,
        "capabilities": {"camera": False},
    }
    told = [("<", GREETING), (">", "40/sdk," + json.dumps(auth)), *UP[2:]]
    config = json.loads(from_har(har(told)).lines[0])["config"]
    assert config["audio_sample_rate"] == 24000
    assert config["enable_animation"]
    assert config["capabilities"] == {
        "is": "SessionCapabilities", "camera": False, "microphone": True, "speaker": True,
    }  # fmt: skip
    with pytest.raises(EstuaryError, match="audio_sample_rate"):
        odd = "40/sdk," + json.dumps({**AUTH, "audio_sample_rate": "loud"})
        from_har(har([("<", GREETING), (">", odd)]))


@pytest.mark.parametrize("auth", ["40/sdk,{", "40/sdk,{}", "3"])
def test_a_client_that_does_not_say_who_it_is(auth: str) -> None:
    found = from_har(har([("<", GREETING), (">", auth), *UP[2:]], url="http://h/socket.io/"))
    checked(found)
    assert json.loads(found.lines[0])["config"]["character_id"] == "unknown"


@pytest.mark.parametrize("gap", [60.0, 1e9])
def test_a_socket_that_was_silent_for_longer_than_ours_bears(gap: float) -> None:
    """Ours has given it up then; what still comes on it is the late word of a dead socket."""
    given = har([*UP, ("<", BOT), ("<", "2")], [*UP, ("<", BOT)])
    first, second = (entry["_webSocketMessages"] for entry in given["log"]["entries"])
    for one in (*first[-2:], *second):
        one["time"] += gap
    found = from_har(given)
    names = [type(event).__name__ for event in checked(found)]
    assert names.count("Connected") == 2
    assert names.count("BotResponse") == 1
    assert len(found.lines) < 100


def test_deadlines_between_frames_are_kept() -> None:
    told = har([*UP, (">", '42/sdk,5["text",{"text":"x"}]'), ("<", "2")])
    told["log"]["entries"][0]["_webSocketMessages"][-1]["time"] += 20
    events = checked(from_har(told))
    (settled,) = (event for event in events if isinstance(event, AckSettled))
    assert settled.outcome is Outcome.TIMEOUT
    late = har(UP, UP)
    for message in late["log"]["entries"][1]["_webSocketMessages"]:
        message["time"] += 500
    assert summary(from_har(late).lines).reconnects == 1


# --- what is no session --------------------------------------------------------------------------

GOOD = har(UP)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (5, "no log.entries"),
        ({"log": {}}, "no log.entries"),
        ({"log": {"entries": [5, {}, {"request": {"url": "http://h/"}}]}}, "no WebSocket in it"),
        (har([("<", "4hello")]), "no WebSocket in it"),
        (har([(">", "3")]), "no WebSocket in it"),
        (har([("<", "4hello"), ("<", GREETING)]), "no WebSocket in it"),
        (har([("<", GREETING)], url="ftp://h/"), "has the scheme 'ftp'"),
        (har([("<", GREETING)], url="ws://h:99999/"), "a WebSocket's URL"),
        (har([("<", GREETING)], url="ws:///x"), "server_url"),
    ],
)
def test_what_holds_no_session(value: Any, problem: str) -> None:
    with pytest.raises(EstuaryError, match=problem):
        from_har(value)


@pytest.mark.parametrize(
    "change",
    [
        5,
        {"type": "lost"},
        {"data": 5},
        {"time": "noon"},
        {"time": True},
        {"time": -1},
        {"time": 1e14},
        {"opcode": 2, "data": "!"},
    ],
)
def test_broken_messages_are_named(change: Any) -> None:
    broken = copy.deepcopy(GOOD)
    messages = broken["log"]["entries"][0]["_webSocketMessages"]
    messages[1] = {**messages[1], **change} if isinstance(change, dict) else change
    with pytest.raises(EstuaryError, match="message 2"):
        from_har(broken)


def test_what_browsers_tell_beside_messages_is_passed_over() -> None:
    """Chromium has errors of the connection among them, proxies its close frame."""
    told = copy.deepcopy(GOOD)
    messages = told["log"]["entries"][0]["_webSocketMessages"]
    last = messages[-1]["time"]
    messages += [
        {"type": "receive", "time": last + 1, "opcode": 8, "data": ""},
        {"type": "error", "time": last + 1, "opcode": -1, "data": "WebSocket connection failed"},
    ]
    assert from_har(told).lines == from_har(GOOD).lines
    messages.append({"type": "send", "time": last + 1, "opcode": 1})
    with pytest.raises(EstuaryError, match=f"message {len(messages)} "):
        from_har(told)


def test_sockets_of_others_on_the_page_are_passed_over() -> None:
    reload = har([])["log"]["entries"]
    reload[0]["_webSocketMessages"] = [5, {"type": "receive", "time": "noon", "data": None}]
    chat_of_others = har([("<", GREETING), (">", "40"), ("<", '40{"sid":"s"}')])["log"]["entries"]
    told = {"log": {"entries": [*reload, *chat_of_others, *GOOD["log"]["entries"]]}}
    found = from_har(told)
    assert (found.sockets, found.unlike) == (1, [])
    assert json.loads(found.lines[0])["config"]["character_id"] == "demo"


def test_what_both_said_is_not_held_against_what_one_said_alone() -> None:
    broken, same = '42/sdk,["text",{"text":"x"},', '42/sdk,["text",{"text":"hi"}]'
    found = from_har(har([*UP, (">", broken), (">", same)]))
    assert (found.sent, found.unlike) == (3, [(broken, "")])


def test_secrets_of_any_frame_are_out_of_those_that_are_told() -> None:
    secret = "lk_token_of_a_room_0123456789"
    told = f'42/sdk,["odd",{{"leaks":"{secret}"}},1]'
    room = f'42/sdk,["livekit_token",{{"token":"{secret}","url":"wss://l","room":"r"}}]'
    found = from_har(har([*UP, ("<", room), (">", told + "x")]))
    assert [theirs for theirs, _ in found.unlike] == ['42/sdk,["odd",{"leaks":"«given_token»"},1]x']
    assert secret not in "".join(found.lines)


def test_creators_may_be_anybody() -> None:
    for creator in (None, 5, {}, {"name": 5}):
        told = copy.deepcopy(GOOD)
        told["log"]["creator"] = creator
        assert json.loads(from_har(told).lines[0])["source"] is None


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=8,
)
FRAMES = st.one_of(
    st.sampled_from([one for _, one in UP]),
    st.sampled_from(["2", "3", "41/sdk,", "1", '42/sdk,1["text",{"text":"x"}]', "43/sdk,0[]"]),
    st.text(),
    st.binary(),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(st.tuples(st.sampled_from("<>"), FRAMES), max_size=8), max_size=3))
def test_whatever_was_said_is_imported_or_refused(sockets: Any) -> None:
    told = har(*([("<", GREETING), *each] for each in sockets))
    try:
        found = from_har(told)
    except EstuaryError:
        assert not sockets
        return
    checked(found)
    checked(from_har(json.loads(json.dumps(to_har(found.lines)))))


@settings(max_examples=100, deadline=None)
@given(JSON)
def test_any_json_is_a_har_or_none(value: Any) -> None:
    for whole in (value, {"log": value}, {"log": {"entries": [value]}}):
        with pytest.raises(EstuaryError):
            from_har(whole)


# --- out ------------------------------------------------------------------------------------------


def test_a_capture_there_and_back() -> None:
    pair = Taped()
    pair.connect()
    chat(pair)
    pair.submit(UnknownEvent("blob", (b"\x00\x01",)))
    pair.link.cut()
    pair.advance(5)
    told = json.loads(json.dumps(to_har(pair.lines)))
    assert [len(socket.messages) > 3 for socket in sockets_in(told)] == [True, True]
    found = from_har(told)
    events = checked(found)
    assert found.unlike == []
    kinds = [type(event) for event in pair.of(BotResponse)]
    assert [type(event) for event in events if isinstance(event, BotResponse)] == kinds
    assert KEY not in json.dumps(told)


def test_a_har_has_what_readers_want() -> None:
    """The fields that HAR 1.2 demands of each entry."""
    pair = Taped()
    headers = (("Content-Type", "application/json"), ("X-API-Key", KEY))
    rest = pair.recorder.rest
    rest.sent(HttpRequest("POST", "/a", "/a?b=1", headers, b"{}"), now=99.0)
    rest.answered(1, 200, headers, b'{"c":1}', now=99.5)
    rest.sent(HttpRequest("GET", "/d", "/d"), now=99.6)
    rest.failed(2, "broken", now=99.7)
    rest.failed(3, "of nobody", now=99.7)
    pair.connect()
    pair.refusal = EstuaryError("no")
    log = to_har(pair.lines)["log"]
    post, get, socket = log["entries"]
    for entry in log["entries"]:
        assert {"startedDateTime", "time", "request", "response", "cache", "timings"} <= set(entry)
        assert {"method", "url", "headers", "cookies", "queryString"} <= set(entry["request"])
        assert {"status", "content", "redirectURL", "headersSize"} <= set(entry["response"])
    assert post["request"]["url"] == "http://server.test/a?b=1"
    assert post["request"]["postData"] == {
        "mimeType": "application/json", "params": [], "text": "{}",
    }  # fmt: skip
    assert post["time"] == 500.0
    assert post["response"]["content"]["text"] == '{"c":1}'
    assert get["response"]["_error"] == "broken"
    assert socket["response"]["status"] == 101
    assert socket["request"]["queryString"][0] == {"name": "EIO", "value": "4"}
    assert KEY not in json.dumps(log)


@pytest.mark.parametrize(
    ("find", "put"),
    [
        ('"server_url":"http://server.test"', '"server_url":"http://[x"'),
        ('"started":null', '"started":"2026-01-02T03:04:05"'),
        ('"started":null', '"started":"9999-01-02T03:04:05Z"'),
        ('"started":null', '"started":"noon"'),
        ('"started":null', '"started":5'),
        ('"host":"server.test"', '"host":"::1"'),
        ('"target":"/socket.io/?', '"target":"]['),
        ('{"t":0.0,"clock":100.0', '{"t":Infinity,"clock":100.0'),
        ('"link":1,"host"', '"link":"x","host"'),
        ('"config":{', '"config":5,"x":{'),
    ],
)
def test_odd_captures_are_exported_all_the_same(find: str, put: str) -> None:
    pair = Taped()
    pair.connect()
    text = "".join(pair.lines)
    assert find in text
    told = to_har(text.replace(find, put).splitlines())
    assert len(told["log"]["entries"]) == 1
    json.dumps(told, allow_nan=False)


def test_odd_numbers_of_calls_are_exported_all_the_same() -> None:
    pair = Taped()
    pair.recorder.rest.sent(HttpRequest("GET", "/d", "/d", ()), now=99.6)
    pair.recorder.rest.answered(1, 200, (), b"{}", now=99.7)
    for odd in ("[1]", "{}", '"x"', "null"):
        told = to_har("".join(pair.lines).replace('"call":1', f'"call":{odd}').splitlines())
        assert [entry["response"]["status"] for entry in told["log"]["entries"]] == [200]


def test_odd_headers_of_calls_are_left_out() -> None:
    pair = Taped()
    pair.recorder.rest.sent(HttpRequest("GET", "/d", "/d", (("a", "b"),)), now=99.6)
    text = "".join(pair.lines)
    for odd in ("5", "[5]", '[["a"]]'):
        told = to_har(text.replace('"headers":[["a","b"]]', f'"headers":{odd}').splitlines())
        assert told["log"]["entries"][0]["request"]["headers"] == []
    broken = text.replace('"target":"/d"', '"target":"//[x"').splitlines()
    assert to_har(broken)["log"]["entries"][0]["request"]["queryString"] == []
