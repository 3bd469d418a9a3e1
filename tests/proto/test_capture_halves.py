"""One half of a capture against a live peer, without sockets and without time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from estuary_proto.capture import replay
from estuary_proto.capture.frames import content_of, kind_of, payload_of
from estuary_proto.capture.halves import PATIENCE, Act, Half, Player, halves
from estuary_proto.capture.mask import Mask
from estuary_proto.errors import EstuaryError
from estuary_proto.events import HangUp
from estuary_proto.intents import SendText
from estuary_proto.models.conversation import ResponseChunk
from estuary_proto.models.session import SessionInfo
from estuary_proto.states import Role
from tests.proto.taped import KEY, Taped, chat

if TYPE_CHECKING:
    import pytest


C, S = Role.CLIENT, Role.SERVER


def half(*acts: tuple[float, Role, str | bytes], **more: Any) -> Half:
    rest: dict[str, Any] = {
        "opened": True, "ended_at": acts[-1][0] + 1, "left_by": S, "code": None, "reason": "",
    }  # fmt: skip
    return Half(1, tuple(Act(*act) for act in acts), **{**rest, **more})


def text(words: str, **more: Any) -> str:
    return f'42/sdk,["text",{json.dumps({"text": words, **more})}]'


def frames(player: Player) -> list[Any]:
    found = []
    while (frame := player.next_frame()) is not None:
        found.append(frame)
    return found


# --- taking a capture apart -----------------------------------------------------------------------


def test_a_capture_has_a_half_for_each_connection() -> None:
    pair = Taped()
    pair.refusal = None
    pair.connect()
    chat(pair)
    pair.link.cut()
    pair.advance(5)
    pair.client.disconnect(now=pair.now)
    pair.advance(1)
    first, second = halves(pair.lines)
    assert (first.link, first.opened, first.left_by, first.code) == (1, True, S, None)
    assert (second.link, second.left_by) == (2, C)
    assert [act.by for act in first.acts[:4]] == [S, C, S, S]
    assert kind_of(second.acts[-1].frame) == "41"


def test_dials_that_failed_are_halves_that_never_opened() -> None:
    pair = Taped()
    pair.refusal = EstuaryError("no")
    pair.connect()
    (only,) = halves(pair.lines)
    assert (only.opened, only.acts) == (False, ())


def test_how_it_ended_is_kept() -> None:
    lines = [
        '{"estuary_capture":2,"config":{}}',
        '{"t":0,"in":"opened","link":1}',
        '{"t":1,"in":"receive","link":1,"frame":"0{}"}',
        '{"t":2,"in":"receive_eof","link":1,"code":1008,"reason":"rude"}',
        '{"t":3,"in":"receive_eof","link":1,"code":1000,"reason":""}',
    ]
    (only,) = halves(lines)
    assert (only.code, only.reason, only.ended_at) == (1008, "rude", 3)
    odd = [line.replace("1008", '"x"').replace('"rude"', "5") for line in lines]
    assert [(one.code, one.reason) for one in halves(odd)] == [(None, "")]


# --- the server's half ----------------------------------------------------------------------------


def test_the_server_speaks_at_its_times_and_waits_for_the_client() -> None:
    player = Player(
        half((10, S, "0{}"), (10.5, C, text("hi")), (11, S, "42/sdk,[1]"), (12, S, "2")),
        S,
        speed=2.0,
    )
    assert player.deadline is None
    player.start(now=100.0)
    assert player.wants_write
    assert player.wants_read
    assert frames(player) == ["0{}"]
    player.next_event()
    assert player.deadline is not None
    assert player.deadline.at == 100.0 + PATIENCE
    player.handle_timeout(now=104.0)
    assert frames(player) == []
    player.receive(text("hi"), now=105.0)
    assert player.deadline.at == 105.25
    player.handle_timeout(now=105.25)
    assert frames(player) == ["42/sdk,[1]"]
    player.handle_timeout(now=105.8)
    assert frames(player) == ["2"]
    assert not player.over
    player.handle_timeout(now=106.3)
    assert player.over
    assert player.wants_cut
    assert player.deadline is None
    assert player.unlike == []
    assert player.heard == [text("hi")]


def test_what_comes_early_is_no_reason_to_hurry() -> None:
    player = Player(half((0, S, "0{}"), (5, C, text("hi")), (6, S, "2")), S)
    player.receive(text("hi"), now=99.0)
    player.start(now=100.0)
    assert frames(player) == ["0{}"]
    assert player.deadline is not None
    assert player.deadline.at == 101.0


def test_what_the_client_says_otherwise_is_told() -> None:
    player = Player(
        half((0, C, text("hi")), (1, C, text("there")), (2, C, '42/sdk,["stop"]'), (3, S, "2")), S
    )
    player.start(now=0.0)
    player.receive(text("ho"), now=1.0)
    player.handle_timeout(now=1.0 + PATIENCE)
    player.handle_timeout(now=30.0)
    player.handle_timeout(now=60.0)
    assert [(one.expected, one.actual) for one in player.unlike] == [
        (text("hi"), text("ho")),
        (text("there"), ""),
        ('42/sdk,["stop"]', ""),
    ]
    assert frames(player) == ["2"]


def test_a_secret_of_the_live_client_is_neither_told_nor_a_difference() -> None:
    said = '40/sdk,{"api_key":"«api_key»","player_id":"p"}'
    player = Player(half((0, C, said), (1, C, text("x"))), S)
    player.start(now=0.0)
    live = json.dumps({"api_key": KEY, "player_id": "q"})
    player.receive(f"40/sdk,{live}", now=0.1)
    (unlike,) = player.unlike
    assert "3f9c" not in repr(unlike)
    assert '"player_id": "q"' in unlike.actual
    player = Player(half((0, C, said)), S)
    player.start(now=0.0)
    player.receive("40/sdk," + json.dumps({"player_id": "p", "api_key": KEY}), now=0.1)
    assert player.unlike == []


def test_a_secret_that_is_said_aloud_is_neither_told_nor_a_difference() -> None:
    said = '40/sdk,{"api_key":"«api_key»"}'
    player = Player(half((0, C, said), (1, C, text("«api_key»")), (2, C, text("x"))), S)
    player.start(now=0.0)
    player.receive("40/sdk," + json.dumps({"api_key": KEY}), now=0.1)
    player.receive(text(KEY), now=0.2)
    player.receive(text(f"not x but {KEY}"), now=0.3)
    (unlike,) = player.unlike
    assert payload_of(unlike.actual) == ["text", {"text": "not x but «api_key»"}]


def test_tokens_of_all_connections_are_numbered_as_in_the_capture() -> None:
    mask = Mask()
    for name, token in (("«client_token»", "ect_first_one"), ("«client_token:2»", "ect_second")):
        said = f'40/sdk,{{"client_token":"{name}"}}'
        player = Player(half((0, C, said)), S, mask=mask)
        player.start(now=0.0)
        player.receive(f'40/sdk,{{"client_token":"{token}"}}', now=0.1)
        assert player.unlike == []


def test_acks_have_the_numbers_of_the_live_client() -> None:
    player = Player(
        half((0, C, '42/sdk,4["a"]'), (0, S, "43/sdk,4[]"), (0, S, "43/sdk,9[]"), (0, S, b"x")), S
    )
    player.start(now=0.0)
    player.receive('42/sdk,71["a"]', now=0.0)
    assert frames(player) == ["43/sdk,71[]", "43/sdk,9[]", b"x"]


def test_live_sound_and_heartbeats_are_not_awaited() -> None:
    sound = '42/sdk,["stream_audio",{"audio":"AAAA"}]'
    player = Player(half((0, C, sound), (0, C, "3"), (0, C, b"x"), (0, S, "2")), S)
    player.start(now=0.0)
    assert frames(player) == ["2"]


def test_an_hour_of_sound_costs_an_hours_worth(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not awaited is not looked at again for each frame that follows."""
    asked: list[Any] = []

    def counting(frame: str | bytes) -> str:
        asked.append(frame)
        return kind_of(frame)

    monkeypatch.setattr("estuary_proto.capture.halves.kind_of", counting)
    sound = '42/sdk,["stream_audio",{"audio":"AAAA"}]'
    player = Player(half((0, S, "2"), (1, C, text("late"))), S)
    player.start(now=0.0)
    for number in range(200):
        player.receive(sound, now=number / 1000)
        player.receive(b"x", now=number / 1000)
    assert len(asked) < 5 * 400
    player.receive('42/sdk,["stop"]', now=1.0)
    player.receive(text("late"), now=1.0)
    assert player.unlike == []


def test_it_ends_as_it_ended() -> None:
    for code, sent in ((1008, 1008), (1005, 1000)):
        player = Player(half((0, S, "2"), code=code, reason="r"), S, speed=0)
        player.start(now=0.0)
        assert frames(player) == ["2", HangUp(sent, "r")]
        assert player.over
        player.receive("3", now=1.0)  # Late, and nothing comes of it.
        player.receive_eof(now=1.0)
        assert player.unlike == []


def test_a_client_that_should_leave_and_does_not() -> None:
    player = Player(half((0, S, "2"), left_by=C), S)
    player.start(now=0.0)
    assert player.deadline is not None
    assert player.deadline.at == PATIENCE
    player.handle_timeout(now=PATIENCE)
    assert [one.expected for one in player.unlike] == ["a goodbye"]
    assert player.wants_cut


def test_a_peer_that_is_gone_too_early_is_told() -> None:
    player = Player(half((0, S, "2"), (1, C, text("hi")), (2, C, "3"), (3, S, "2")), S)
    player.start(now=0.0)
    player.receive_eof(now=0.5)
    player.receive_eof(now=0.6)
    assert [one.expected for one in player.unlike] == [text("hi")]
    for end in ("refused", "fault"):
        player = Player(half((0, S, "2")), S)
        getattr(player, end)(EstuaryError("broken"), now=0.0)
        assert [one.actual for one in player.unlike] == ["broken"]
        assert player.over


# --- the client's half ----------------------------------------------------------------------------


def test_the_client_says_it_with_the_secrets_and_ids_of_the_live_server() -> None:
    final = {"message_id": "old", "is_final": True, "text": "Yes"}
    player = Player(
        half(
            (0, S, "0{}"),
            (0, C, '40/sdk,{"api_key":"«api_key»"}'),
            (1, S, '42/sdk,["bot_response",{"message_id":"old","is_final":false}]'),
            (1, S, f'42/sdk,["bot_response",{json.dumps(final)}]'),
            (2, C, '42/sdk,["client_interrupt",{"message_id":"old"}]'),
            (2, C, b"x"),
            left_by=C,
        ),
        C,
        secrets={"api_key": KEY},
    )
    player.start(now=0.0)
    assert frames(player) == []
    player.receive("0{}", now=0.0)
    assert frames(player) == ['40/sdk,{"api_key":' + json.dumps(KEY) + "}"]
    other = {"message_id": "new", "is_final": True, "text": "Other words", "list": [{"id": "n"}]}
    player.receive('42/sdk,["bot_response",{"message_id":"new","is_final":false}]', now=1.0)
    player.receive(f'42/sdk,["bot_response",{json.dumps(other)}]', now=1.5)
    player.handle_timeout(now=2.5)
    assert frames(player) == ['42/sdk,["client_interrupt",{"message_id":"new"}]', b"x"]
    player.handle_timeout(now=3.5)
    assert frames(player) == [HangUp()]
    assert player.unlike == []


def test_ids_are_found_wherever_they_stand() -> None:
    one = '42/sdk,["x",{"a":[{"requestId":"r1"},5],"sid":"«given_token»","odd_id":7,"e_id":""}]'
    other = '42/sdk,["x",{"a":[{"requestId":"r2"},5],"sid":"s","odd_id":7,"e_id":"z"}]'
    player = Player(half((0, S, one), (0, C, text("r1", requestId="r1", e="«given_token»"))), C)
    player.start(now=0.0)
    player.receive(other, now=0.0)
    (said,) = frames(player)
    assert payload_of(said)[1]["requestId"] == "r2"
    assert payload_of(said)[1]["e"] == "«given_token»"


def test_what_frames_are() -> None:
    assert [kind_of(frame) for frame in ("2", "40/sdk,{}", '42/sdk,["a"]', b"")] == [
        "2", "40", "42a", "bytes",
    ]  # fmt: skip
    assert kind_of('451-/sdk,3["a",1]') == "42a"
    assert content_of(b"x") == b"x"
    assert content_of("41/sdk,") == content_of("41/sdk") == "41/sdk"
    assert content_of("40/sdk,{") == "40/sdk,{"
    assert content_of('42/sdk,3["a", 1]') == content_of('42/sdk,["a",1]')
    assert payload_of(b"") is None
    assert payload_of("40/sdk,{") is None


# --- both halves of one capture -------------------------------------------------------------------


def test_both_halves_together_say_all_of_it() -> None:
    pair = Taped()
    pair.connect()
    pair.ask(SendText("hi"))
    pair.advance(0.5)
    pair.tell(ResponseChunk("Hello", True, "Hello", "m1"))
    pair.tell(SessionInfo("s", "c", livekit_token="lk-token-0123456789"))
    pair.advance(0.5)
    pair.client.disconnect(now=pair.now)
    pair.advance(0.5)
    assert replay(pair.lines).difference is None
    (told,) = halves(pair.lines)
    sides = {role: Player(told, role, speed=10) for role in (C, S)}
    now = 0.0
    for player in sides.values():
        player.start(now=now)
    for _ in range(200):
        now += 0.05
        for role, player in sides.items():
            player.handle_timeout(now=now)
            for frame in frames(player):
                if isinstance(frame, HangUp):
                    sides[role.other].receive_eof(now=now, code=frame.code)
                else:
                    sides[role.other].receive(frame, now=now)
    assert [player.unlike for player in sides.values()] == [[], []]
    assert all(player.over for player in sides.values())
    assert sides[S].heard == [act.frame for act in told.acts if act.by is C]


def test_sounds_that_were_left_out_are_silence_of_the_same_length() -> None:
    frame = '42/sdk,[\\"bot_voice\\",{\\"audio\\":\\"«pcm 3 0123456789abcdef»\\"}]'
    lines = [
        '{"estuary_capture":2,"config":{},"audio":false}',
        f'{{"t":1,"in":"receive","link":1,"frame":"{frame}"}}',
    ]
    (only,) = halves(lines)
    assert only.acts[0].frame == '42/sdk,["bot_voice",{"audio":"AAAA"}]'
