"""What scripts do, in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estuary_proto import intents
from estuary_proto.events import Closed, Ready
from estuary_proto.gateway import Cut, Registry, Report, Script, ServerConfig
from estuary_proto.gateway.script import When
from estuary_proto.gateway.script_acts import GARBAGE
from estuary_proto.gateway.script_runner import MAX_RUNS
from estuary_proto.messages import TO_CLIENT, UnknownEvent
from estuary_proto.models.conversation import (
    BotResponse,
    BotVoice,
    CameraCaptureRequest,
    CharacterAction,
)
from estuary_proto.models.session import (
    AuthError,
    ModerationFlag,
    ModerationWarning,
    QuotaExceededData,
    SessionInfo,
    SessionRejected,
    SessionTimeout,
)
from estuary_proto.models.voice import VoiceTimeout
from estuary_proto.policy import Cause
from estuary_proto.timers import Deadline, Timer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.gateway.conftest import Pair

    Join = Callable[..., Pair]

GO = {"text": {"equals": "go"}}


def scripted(*rules: Any, **more: Any) -> ServerConfig:
    return ServerConfig(script=Script.read(list(rules), "my.yaml"), **more)


def at_go(*acts: Any, **more: Any) -> ServerConfig:
    """A script with one rule: at the text "go" these acts, and no other answer."""
    return scripted({"when": GO, "do": list(acts), "instead": True}, **more)


def go(pair: Pair) -> None:
    pair.send(intents.SendText("go"))


# --- when -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "what", "text", "holds"),
    [
        ("equals", "Hello", " hello ", True),
        ("equals", "Hello", "hello there", False),
        ("contains", "STRASSE", "in der Straße", True),
        ("contains", "x", "y", False),
        ("matches", "a*c", "abc", True),
        ("matches", "a*c", "ac", True),
        ("matches", "a*c", "acd", False),
        ("matches", "ab*ba", "aba", False),
        ("matches", "*b*b*", "abcb", True),
        ("matches", "*b*b*", "abc", False),
        ("matches", "abc", "ABC", True),
        ("matches", "abc", "abcd", False),
        ("matches", "a*bc*c", "abc", False),
        ("matches", "*", "", True),
    ],
)
def test_how_a_text_is_compared(how: str, what: str, text: str, holds: bool) -> None:
    (rule,) = Script.read([{"when": {"text": {how: what}}, "do": "drop"}]).rules
    assert rule.when.holds(text.casefold()) is holds


@given(st.text("ab*", max_size=8), st.text("ab", max_size=8))
def test_stars_are_as_in_a_shell(pattern: str, text: str) -> None:
    from fnmatch import fnmatchcase

    assert When("text", 0, "matches", pattern).holds(text) is fnmatchcase(text, pattern)


def test_a_rule_fires_at_each_or_at_the_nth(join: Join) -> None:
    pair = join(
        scripted(
            {"when": "text", "do": {"unknown": "each"}},
            {"when": {"event": "text", "nth": 2}, "do": {"unknown": "second"}},
            {"when": {"text": {"contains": "x"}, "nth": 2}, "do": {"unknown": "second x"}},
        )
    )
    for text in ("x", "y", "x"):
        pair.send(intents.SendText(text))
    assert [event.name for event in pair.of(UnknownEvent)] == [
        "each", "each", "second", "each", "second x",
    ]  # fmt: skip


def test_connections_are_counted_over_the_gateway(join: Join) -> None:
    config = scripted(
        {"when": {"event": "connected", "nth": 2}, "do": {"unknown": "second"}},
        {"when": {"event": "joining", "nth": 3}, "do": {"refuse": "third"}},
        {"when": "connected", "do": {"unknown": "hello"}},
    )
    registry = Registry(config, bytes)
    told = []
    for _ in range(4):
        pair = join(config, registry=registry)
        told.append([event.name for event in pair.of(UnknownEvent)])
    assert told == [["hello"], ["second", "hello"], [], ["hello"]]
    assert (registry.joins, registry.connections) == (4, 3)


def test_after_some_time(join: Join) -> None:
    pair = join(scripted({"when": {"after": 5}, "do": [{"unknown": "a"}, {"wait": 2}, "leave"]}))
    assert pair.server.deadline == Deadline(105.0, Timer.SCRIPT)
    pair.advance(4.9)
    assert pair.of(UnknownEvent) == []
    pair.advance(0.1)
    assert [event.name for event in pair.of(UnknownEvent)] == ["a"]
    assert pair.of(Closed) == []
    pair.advance(2)
    assert pair.closed.cause is Cause.SERVER_DISCONNECT


def test_events_of_a_client_fire_rules(join: Join) -> None:
    pair = join(scripted({"when": "update_preferences", "do": {"unknown": "seen"}}))
    pair.send(intents.UpdatePreferences(True))
    assert pair.of(UnknownEvent) == [UnknownEvent("seen")]


def test_rules_go_their_own_way_at_a_wait(join: Join) -> None:
    pair = join(
        scripted(
            {"when": GO, "do": [{"unknown": "1"}, {"wait": 1}, {"unknown": "4"}], "instead": True},
            {"when": GO, "do": [{"wait": 0}, {"unknown": "2"}, {"wait": 0.5}, {"unknown": "3"}]},
            {"when": GO, "do": {"wait": 3}},
        )
    )
    go(pair)
    pair.advance(5)
    assert [event.name for event in pair.of(UnknownEvent)] == ["1", "2", "3", "4"]


def test_what_is_under_way_is_bounded(join: Join) -> None:
    pair = join(at_go({"wait": 9}, {"unknown": "late"}))
    for _ in range(MAX_RUNS + 10):
        go(pair)
    pair.advance(10)
    assert len(pair.of(UnknownEvent)) == MAX_RUNS


# --- do ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in TO_CLIENT if name != "session_info"])
def test_every_event_can_be_sent(join: Join, name: str) -> None:
    pair = join(at_go({"emit": {"event": name}}))
    before = len(pair.frames)
    go(pair)
    assert [frame for frame in pair.frames[before:] if f'["{name}"' in str(frame)]


def test_ids_are_filled_in(join: Join) -> None:
    pair = join(
        scripted(
            {
                "when": GO,
                "do": {
                    "emit": {
                        "event": "client_action",
                        "message_id": "$message",
                        "arguments": {"who": ["$session", 5]},
                    }
                },
            }
        )
    )
    go(pair)
    (action,) = pair.of(CharacterAction)
    assert action.message_id == pair.of(BotResponse)[0].message_id
    assert action.params == {"who": [pair.of(Ready)[0].session.session_id, 5]}


def test_the_flag_of_an_answer_takes_it_back(join: Join) -> None:
    pair = join(
        scripted(
            {
                "when": {"text": {"contains": "rude"}},
                "do": [
                    {"wait": 0.1},
                    {"emit": {"event": "moderation_flag", "message_id": "$message"}},
                ],
            }
        )
    )
    pair.send(intents.SendText("tell me a rude story"))
    pair.advance(30)
    (flag,) = pair.of(ModerationFlag)
    spoken = pair.of(BotResponse)
    assert spoken
    assert {each.message_id for each in spoken} == {flag.message_id}
    assert not any(each.is_final for each in spoken)


def test_saying_stands_for_the_answer(join: Join) -> None:
    pair = join(scripted({"when": GO, "do": {"say": "Here we go."}}))
    go(pair)
    pair.advance(5)
    assert pair.answer == "Here we go."
    assert len({each.message_id for each in pair.of(BotResponse)}) == 1


def test_pieces_at_a_pace_of_their_own(join: Join) -> None:
    pair = join(at_go({"say": {"pieces": ["He", "llo"], "interval": 2}}))
    go(pair)
    pair.advance(1.9)
    assert pair.answer == "He"
    pair.advance(0.1)
    assert pair.answer == "Hello"
    pair.advance(2)
    assert pair.of(BotResponse)[-1].is_final


def test_an_acknowledgement_is_reported(join: Join) -> None:
    pair = join(at_go({"ask": {"event": "camera_capture", "request_id": "r"}}))
    go(pair)
    assert pair.of(CameraCaptureRequest) == [CameraCaptureRequest("r")]
    assert pair.commands() == [Report("my.yaml: rule 1: sends camera_capture")]
    from estuary_proto import Ack, AckDue

    (due,) = pair.of(AckDue)
    pair.client.submit(Ack(due.ack_id, ("x" * 300,)), now=pair.now)
    pair.move()
    (report,) = pair.commands()
    assert report.text.startswith("my.yaml: rule 1: acknowledged with ('xxx")
    assert len(report.text) < 250


def test_a_missing_acknowledgement_is_reported(join: Join) -> None:
    pair = join(at_go({"ask": {"event": "camera_capture"}}))
    go(pair)
    pair.advance(10)
    assert pair.commands()[-1] == Report("my.yaml: rule 1: not acknowledged (timeout)")


ENDINGS: dict[str, tuple[list[Any], Any, Cause]] = {
    "session_timeout": (
        [{"session_timeout": {"idle_seconds": 5}}],
        SessionTimeout("inactivity", 5, 600.0),
        Cause.SESSION_TIMEOUT,
    ),
    "session_rejected": (
        ["session_rejected"],
        SessionRejected("concurrent_limit", 1, "share-1"),
        Cause.SESSION_REJECTED,
    ),
    "auth_error": (["auth_error"], AuthError("credential_expired"), Cause.AUTH),
    "moderation": (
        [{"moderation": {"message": "Enough"}}],
        ModerationWarning("terminated", "Enough"),
        Cause.MODERATION,
    ),
    "quota": (
        ["quota_exceeded", "leave"],
        QuotaExceededData("The quota is used up", 100, 100, 0, "local"),
        Cause.QUOTA,
    ),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_endings_that_are_announced(join: Join, name: str) -> None:
    acts, announced, cause = ENDINGS[name]
    pair = join(at_go(*acts))
    go(pair)
    assert pair.of(type(announced)) == [announced]
    assert pair.closed.cause is cause
    assert pair.server.closed is not None
    assert pair.server.deadline is None


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        ("quota_exceeded", QuotaExceededData),
        ("voice_timeout", VoiceTimeout),
        ({"moderation": "warning"}, ModerationWarning),
    ],
)
def test_announcements_that_end_nothing(join: Join, act: Any, kind: type) -> None:
    pair = join(at_go(act))
    go(pair)
    assert len(pair.of(kind)) == 1
    assert pair.of(Closed) == []
    assert pair.say(intents.SendText("hello"))


@pytest.mark.parametrize(
    ("act", "code", "cause"),
    [
        ({"close": 1012}, 1012, Cause.SERVER_RESTART),
        ({"close": {"code": 4000, "reason": "why"}}, 4000, Cause.NETWORK),
        ("engine_close", None, Cause.SERVER_RESTART),
    ],
)
def test_closing(join: Join, act: Any, code: int | None, cause: Cause) -> None:
    pair = join(at_go(act, {"unknown": "never"}))
    go(pair)
    assert pair.closed.cause is cause
    assert pair.of(UnknownEvent) == []
    if code is not None:
        assert pair.hang_up is not None
        assert pair.hang_up.code == code
    pair.advance(3)
    assert pair.server.closed is not None


def test_dropping_lets_go_what_came_before(join: Join) -> None:
    pair = join(at_go({"unknown": "first"}, "drop", {"unknown": "never"}))
    go(pair)
    assert [event.name for event in pair.of(UnknownEvent)] == ["first"]
    assert Cut() in pair.commands()
    # Whoever moves the session cuts; until then nothing is sent, and nothing is due.
    assert not pair.server.wants_write
    pair.server.receive_eof(now=pair.now)
    assert pair.server.closed is not None


@pytest.mark.parametrize("text", [None, "garbage!"])
def test_garbage_keeps_its_place(join: Join, text: str | None) -> None:
    pair = join(at_go({"unknown": "before"}, {"garbage": text}, {"unknown": "after"}))
    before = len(pair.frames)
    go(pair)
    first, second, *rest = pair.frames[before:]
    assert "before" in str(first)
    assert second == (text or GARBAGE)
    assert pair.closed.cause is Cause.PROTOCOL


def test_any_event_and_bytes(join: Join) -> None:
    pair = join(
        at_go(
            {"unknown": {"event": "odd", "args": [1, {"two": 3}]}},
            {"binary": {"event": "blob", "size": 4}},
            {"binary": {"event": "bot_voice"}},
        )
    )
    go(pair)
    assert pair.of(UnknownEvent) == [
        UnknownEvent("odd", (1, {"two": 3})),
        UnknownEvent("blob", ({"audio": bytes(4)},)),
    ]
    assert len(pair.of(BotVoice)) == 1
    assert bytes(3200) in pair.frames


def test_silence_stops_the_heartbeat(join: Join) -> None:
    pair = join(at_go({"silence": 60}, ping_interval=5, ping_timeout=4))
    go(pair)
    sent = len(pair.frames)
    assert not pair.server.wants_write
    assert pair.server.next_frame() is None
    pair.advance(8.9)
    assert len(pair.frames) == sent
    pair.advance(0.2)
    assert pair.closed.cause is Cause.HEARTBEAT


def test_silence_ends(join: Join) -> None:
    pair = join(at_go({"silence": 3}, {"unknown": "late"}, ping_interval=5, ping_timeout=4))
    go(pair)
    assert pair.server.deadline is not None
    assert pair.server.deadline.at == pair.now + 3
    pair.send(intents.SendText("hello"))
    assert pair.of(UnknownEvent) == []
    pair.advance(30)
    assert pair.of(UnknownEvent)
    assert pair.of(BotResponse)[-1].is_final
    assert pair.of(Closed) == []


def test_a_goodbye_of_the_gateway_breaks_the_silence(join: Join) -> None:
    pair = join(at_go({"silence": 60}, {"stall": 60}))
    go(pair)
    pair.server.close(now=pair.now)
    pair.move()
    assert pair.closed.cause is Cause.SERVER_RESTART


def test_stalling_reads_nothing_and_blames_nobody(join: Join) -> None:
    pair = join(at_go({"stall": 60}, ping_interval=5, ping_timeout=4))
    go(pair)
    assert not pair.server.wants_read
    # Its pongs are not read either: what the pair brings is held back by hand.
    for _ in range(10):
        pair.now += 5
        pair.server.handle_timeout(now=pair.now)
    assert pair.server.closed is None
    pair.now += 10
    pair.server.handle_timeout(now=pair.now)
    assert pair.server.wants_read


def test_slow_answers(join: Join) -> None:
    pair = join(scripted({"when": "connected", "do": {"slow": 3}}))
    pair.send(intents.SendText("hello"))
    pair.advance(2.9)
    assert pair.of(BotResponse) == []
    pair.advance(0.1)
    assert pair.of(BotResponse)


def test_instead_keeps_an_event_from_the_usual(join: Join) -> None:
    pair = join(scripted({"when": "renew_authentication", "do": {"wait": 0}, "instead": True}))
    pair.send(intents.RenewAuthentication("est_dev"), ack_within=5)
    assert pair.acks[0].args == ()


# --- at the door ------------------------------------------------------------------------------


def at_the_door(*acts: Any, **more: Any) -> ServerConfig:
    return scripted({"when": "joining", "do": list(acts)}, **more)


def test_refusing_in_style_a_is_a_connect_error(join: Join) -> None:
    pair = join(at_the_door({"refuse": "Not today"}))
    assert not pair.ready
    assert pair.closed.cause is Cause.AUTH
    assert "Not today" in pair.closed.error.message
    assert pair.of(AuthError) == []


def test_refusing_in_style_b_is_auth_error(join: Join) -> None:
    pair = join(at_the_door({"refuse": "Not today"}), auth=None)
    pair.send(intents.Authenticate("est_dev", "demo", "p"))
    assert pair.of(AuthError) == [AuthError("Not today")]
    assert pair.closed.cause is Cause.AUTH


def test_a_rejection_at_the_door(join: Join) -> None:
    pair = join(at_the_door("session_rejected"))
    assert pair.closed.cause is Cause.SESSION_REJECTED
    assert not pair.ready


def test_waiting_at_the_door(join: Join) -> None:
    pair = join(at_the_door({"wait": 2}))
    pair.advance(1.5)
    assert not pair.ready
    pair.advance(0.5)
    assert pair.ready
    assert pair.say(intents.SendText("hello"))


def test_something_else_at_the_door_lets_in(join: Join) -> None:
    pair = join(at_the_door({"emit": {"event": "quota_exceeded", "message": "almost"}}))
    assert pair.of(QuotaExceededData)
    assert pair.ready


def test_who_knocks_twice_is_asked_once(join: Join) -> None:
    pair = join(at_the_door({"wait": 2}), auth=None)
    pair.send(intents.Authenticate("est_dev", "demo", "p"))
    pair.send(intents.Authenticate("est_dev", "demo", "q"))
    pair.advance(5)
    assert [ready.session.player_id for ready in pair.of(Ready)] == ["p"]


def test_cut_at_the_door(join: Join) -> None:
    pair = join(at_the_door("drop"))
    assert Cut() in pair.commands()
    pair.advance(1)
    assert not pair.ready
    assert not [frame for frame in pair.frames if "session_info" in str(frame)]


@pytest.mark.parametrize("act", [{"close": 1012}, "engine_close", {"silence": 60}])
def test_other_ends_at_the_door(join: Join, act: Any) -> None:
    pair = join(at_the_door(act))
    pair.advance(20)
    assert not pair.ready
    assert pair.of(Closed)


def test_a_session_may_be_told_again(join: Join) -> None:
    pair = join(at_go({"emit": {"event": "session_info", "session_id": "new"}}))
    go(pair)
    assert [info.session_id for info in pair.of(SessionInfo)] == ["new"]


def test_a_script_says_what_it_does_no_end_of_times(join: Join) -> None:
    pair = join(at_go(*[{"unknown": "x"}] * 600))
    go(pair)
    go(pair)
    assert len(pair.commands()) == 1000
