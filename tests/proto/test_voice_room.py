"""Voice over a LiveKit room, continuous: in, heard, out (PROTOCOL 4.3)."""

from __future__ import annotations

import pytest

from estuary_proto.config import SessionCapabilities
from estuary_proto.errors import ErrorCode, EstuaryError, SendBlocked
from estuary_proto.events import (
    AudioReceived,
    Fault,
    JoinRoom,
    LeaveRoom,
    LiveKitDisconnected,
    MuteTrack,
    VoiceSettled,
    Writable,
)
from estuary_proto.intents import LiveKitJoin, LiveKitTokenRequest
from estuary_proto.models.voice import (
    LiveKitError,
    LiveKitReady,
    LiveKitToken,
    VoiceError,
    VoiceStarted,
    VoiceStopped,
    VoiceTimeout,
)
from estuary_proto.voice_turn import Ear
from tests.proto.roomer import URL, Roomer
from tests.proto.talker import CONTINUOUS, SECOND, TENTH


def talking(**options: object) -> Roomer:
    talk = Roomer(**options)  # type: ignore[arg-type]
    talk.start()
    return talk


def failure(talk: Roomer) -> tuple[str, str]:
    (settled,) = talk.of(VoiceSettled)
    return settled.error.code.value, settled.error.message


# --- in ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("embeds", [True, False])
def test_the_room_is_the_ear(embeds: bool) -> None:
    talk = talking(embeds=embeds)
    assert talk.settled == [(1, None)]
    assert (talk.told, talk.whereabouts, talk.heard) == (["started"], ["in"], "tj")
    assert (talk.voice.transport, talk.voice.room, talk.voice.is_active) == ("livekit", 1, True)
    (join,) = talk.of(JoinRoom)
    token = "embedded" if embeds else "token-1"
    assert (join.url, join.token, join.name, join.muted) == (URL, token, "room-1", False)
    assert talk.joins_heard == [LiveKitJoin("room-1", None)]
    assert token not in repr(join)
    talk.say(SECOND[:3201])
    talk.say(SECOND[:6401])
    assert talk.house.said == SECOND[:3201] + SECOND[:6401]
    assert talk.client.deadline is not None
    assert talk.client.deadline.timer.value == "heartbeat"


def test_the_token_of_the_session_is_used_once() -> None:
    talk = talking()
    talk.stop()
    talk.start()
    assert [join.token for join in talk.of(JoinRoom)] == ["embedded", "token-2"]
    assert (talk.heard, talk.told) == ("tjltj", ["started", "stopped", "started"])
    assert talk.whereabouts == ["in", "out", "in"]


def test_a_new_session_brings_a_new_one() -> None:
    talk = talking()
    talk.link.cut()
    talk.advance(5.0)
    assert [(j.token, j.name) for j in talk.of(JoinRoom)] == [
        ("embedded", "room-1"), ("embedded", "room-2"),
    ]  # fmt: skip
    assert talk.told == ["started", "stopped", "started"]
    assert talk.inside == [2]


def test_what_is_said_before_the_character_is_there_is_kept() -> None:
    talk = talking(readies=False)
    assert (talk.voice.ear, talk.settled) == (Ear.OPENING, [])
    talk.say(TENTH)
    talk.say(TENTH * 11, live=True)
    talk.says(VoiceStarted())
    assert talk.house.said == b""
    talk.says(LiveKitReady("another"))
    assert talk.settled == []
    talk.says(LiveKitReady())
    assert (talk.settled, talk.told) == ([(1, None)], ["started"])
    assert talk.house.said == TENTH * 10
    talk.stop()
    assert talk.dropped == [("not_started", 0.2)]


@pytest.mark.parametrize("early", [True, False])
def test_the_character_may_be_there_first(early: bool) -> None:
    talk = talking(joins=False, readies=False)
    talk.says(LiveKitReady("room-1" if early else "another"))
    talk.join(1)
    talk.advance(0.0)
    assert bool(talk.settled) is early


def test_a_token_must_come_before_anybody_is_ready() -> None:
    talk = talking(embeds=False, offers=False)
    talk.says(LiveKitReady())
    assert talk.settled == []
    assert talk.houses == {}


def test_an_answer_for_the_same_room_changes_nothing() -> None:
    talk = talking()
    talk.says(LiveKitToken("token-9", URL, "room-1"))
    talk.says(LiveKitToken("token-9", URL, "elsewhere"))
    assert len(talk.houses) == 1
    assert talk.heard == "tj"


def test_an_answer_for_another_room_counts() -> None:
    talk = talking(readies=False)
    talk.says(LiveKitToken("token-9", URL, "elsewhere"))
    assert talk.inside == [2]
    assert talk.house.command.name == "elsewhere"
    assert talk.whereabouts == ["in", "out", "in"]
    talk.says(LiveKitReady("elsewhere"))
    assert talk.settled == [(1, None)]


def test_a_room_without_a_name_is_joined_without_one() -> None:
    talk = talking(embeds=False, offers=False)
    talk.says(LiveKitToken("token", URL))
    assert talk.joins_heard == [LiveKitJoin(None, None)]
    assert talk.settled == [(1, None)]


def test_what_was_brought_may_be_incomplete() -> None:
    talk = Roomer()
    assert talk.client.session is not None
    object.__setattr__(talk.client.session, "livekit_url", None)
    talk.start()
    assert [join.token for join in talk.of(JoinRoom)] == ["token-1"]


@pytest.mark.parametrize("answer", ["before", "after"])
def test_where_the_token_of_the_session_fails_the_answer_counts(answer: str) -> None:
    talk = talking(joins=False, offers=answer == "before")
    talk.refuse(1)
    assert talk.settled == []
    if answer == "after":
        talk.says(LiveKitToken("token-1", URL, "room-1"))
    talk.join(2)
    talk.advance(0.0)
    assert [join.token for join in talk.of(JoinRoom)] == ["embedded", "token-1"]
    assert talk.settled == [(1, None)]


# --- which way ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transport", "joins_rooms", "embeds", "way"),
    [
        ("auto", True, True, "livekit"),
        ("auto", False, True, "websocket"),
        ("auto", True, False, "websocket"),
        ("websocket", True, True, "websocket"),
        ("livekit", True, False, "livekit"),
    ],
)
def test_which_way_voice_goes(transport: str, joins_rooms: bool, embeds: bool, way: str) -> None:
    talk = Roomer(transport=transport, joins_rooms=joins_rooms, embeds=embeds)
    assert talk.voice.transport is None
    talk.start()
    assert talk.voice.transport == way
    assert (talk.told, bool(talk.houses)) == (["started"], way == "livekit")
    talk.client.mute(True, now=talk.now)


def test_rooms_that_nobody_can_join_are_refused_at_once() -> None:
    talk = Roomer(joins_rooms=False)
    with pytest.raises(EstuaryError, match=r"pip install 'estuary-anyio\[livekit\]'") as caught:
        talk.start()
    assert caught.value.code is ErrorCode.LIVEKIT_UNAVAILABLE
    assert (talk.heard, talk.voice.mode) == ("", None)


def test_without_a_microphone_there_is_no_room() -> None:
    talk = Roomer(capabilities=SessionCapabilities(microphone=False))
    with pytest.raises(EstuaryError) as caught:
        talk.start()
    assert caught.value.code is ErrorCode.VOICE_NOT_SUPPORTED


# --- what goes wrong on the way in ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("embeds", "code"), [(True, "VOICE_START_FAILED"), (False, "VOICE_NOT_SUPPORTED")]
)
def test_a_server_without_rooms(embeds: bool, code: str) -> None:
    talk = talking(embeds=embeds, offers=False, joins=False)
    talk.says(LiveKitError("no rooms here"))
    assert failure(talk) == (code, "the server offers no LiveKit room: no rooms here")
    assert len(talk.of(LiveKitError)) == 1
    assert (talk.inside, talk.voice.mode, talk.voice.ear) == ([], None, Ear.CLOSED)
    assert talk.heard == "tl"
    talk.offers = talk.joins = True
    talk.start()
    assert talk.settled[-1] == (2, None)


def test_an_incomplete_token_is_none() -> None:
    talk = talking(embeds=False, offers=False)
    talk.says(LiveKitToken("token", "", "room"))
    assert failure(talk)[1] == "the server's LiveKit token is incomplete"


def test_the_last_token_that_fails_is_the_end() -> None:
    talk = talking(embeds=False, joins=False)
    talk.refuse(1, "the token has lapsed")
    assert failure(talk) == (
        "VOICE_START_FAILED", "the LiveKit room was not joined: the token has lapsed",
    )  # fmt: skip
    assert talk.heard == "tl"


def test_a_missing_package_is_named() -> None:
    talk = talking(embeds=False, joins=False)
    talk.refuse(1, "pip install it", "LIVEKIT_UNAVAILABLE")
    assert failure(talk) == ("LIVEKIT_UNAVAILABLE", "pip install it")


def test_a_room_that_is_left_by_itself_before_it_was_joined() -> None:
    talk = talking(embeds=False, joins=False)
    talk.leave(1)
    talk.advance(0.0)
    assert failure(talk)[1] == "the LiveKit room was not joined: it was left"


def test_a_room_that_is_lost_before_the_character_came() -> None:
    talk = talking(readies=False)
    talk.lose(1)
    said = "the LiveKit room was lost before the character came: the wire is cut"
    assert failure(talk) == ("VOICE_START_FAILED", said)
    assert talk.whereabouts == ["in", "out"]


@pytest.mark.parametrize(
    ("lacks", "said"),
    [
        ("offers", "the server gave no token for a LiveKit room in 10 s"),
        ("joins", "the LiveKit room could not be joined in 10 s"),
        ("readies", "the character did not come into the LiveKit room in 10 s"),
    ],
)
def test_each_step_has_its_time(lacks: str, said: str) -> None:
    talk = talking(embeds=False, **{lacks: False})
    talk.advance(9.9)
    assert talk.settled == []
    talk.advance(0.2)
    assert failure(talk) == ("VOICE_START_FAILED", said)
    assert talk.inside == []
    assert talk.heard.endswith("l")
    assert (talk.told, talk.of(Fault)) == ([], [])
    talk.advance(30.0)
    assert len(talk.settled) == 1


def test_the_server_may_refuse_voice_by_its_name() -> None:
    talk = talking(readies=False)
    talk.says(VoiceError("no recogniser"))
    assert failure(talk)[1] == "the server could not start voice: no recogniser"
    assert (talk.told, talk.inside) == (["error"], [])


@pytest.mark.parametrize("lacks", ["offers", "joins", "readies"])
def test_stopped_on_the_way_in(lacks: str) -> None:
    talk = talking(embeds=False, **{lacks: False})
    talk.say()
    assert talk.stop() == 2
    assert talk.settled == [(1, "VOICE_START_FAILED"), (2, None)]
    assert (talk.inside, talk.heard[-1], talk.told) == ([], "l", [])
    assert talk.dropped == [("not_started", 0.1)]
    talk.offers = talk.joins = talk.readies = True
    talk.start()
    assert talk.settled[-1] == (3, None)


# --- in the room -------------------------------------------------------------------------------


def test_an_error_of_a_room_that_stands_is_only_told() -> None:
    talk = talking()
    talk.says(LiveKitError("a hiccup"))
    talk.says(LiveKitReady("room-1"))
    assert (talk.told, talk.inside) == (["started"], [1])
    assert talk.of(LiveKitError) == [LiveKitError("a hiccup")]


def test_muting_is_the_tracks() -> None:
    talk = talking(takes=False)
    talk.say()
    for muted in (True, True, False, False):
        talk.client.mute(muted, now=talk.now)
        talk.advance(0.0)
    assert [e.muted for e in talk.of(MuteTrack)] == [True, False]
    assert talk.heard == "tjmu"
    assert talk.dropped == [("muted", 0.1)]
    talk.take(1)
    assert talk.house.said == b""


def test_muted_from_the_start() -> None:
    talk = Roomer()
    talk.client.mute(True, now=talk.now)
    talk.start()
    assert talk.house.command.muted
    assert talk.heard == "tjm"
    talk.say()
    talk.client.mute(False, now=talk.now)
    talk.say()
    assert talk.house.said == TENTH
    assert talk.dropped == [("muted", 0.1)]


def test_muting_while_joining() -> None:
    talk = talking(readies=False)
    talk.client.mute(True, now=talk.now)
    talk.client.mute(False, now=talk.now)
    talk.advance(0.0)
    assert [e.muted for e in talk.of(MuteTrack)] == [True, False]
    assert talk.heard == "tjmu"


def test_sound_goes_as_the_track_takes_it() -> None:
    talk = talking(takes=False)
    talk.say(SECOND)
    with pytest.raises(SendBlocked):
        talk.say()
    pulled = 0
    while talk.client.next_room_audio(1) is not None:
        pulled += 1
        talk.advance(0.0)
        if pulled == 5:
            assert talk.of(Writable) == []
    assert pulled == 10
    assert talk.of(Writable) == [Writable()]
    talk.say(TENTH)
    assert talk.client.next_room_audio(1) == TENTH
    assert talk.client.next_room_audio(2) is None


def test_live_sound_that_is_not_taken_makes_room() -> None:
    talk = talking(takes=False)
    for number in range(12):
        talk.say(bytes([number]) * 3200, live=True)
    assert talk.client.next_room_audio(1) == bytes([2]) * 3200
    talk.say(TENTH, live=True)
    talk.take(1)
    talk.say(TENTH, live=True)
    assert talk.dropped == [("backlog", 0.3)]


def test_what_is_not_live_is_not_dropped_for_what_is() -> None:
    talk = talking(takes=False)
    talk.say(SECOND)
    talk.say(TENTH, live=True)
    assert talk.dropped == []
    talk.take(1)
    assert talk.house.said == SECOND + TENTH


# --- out ---------------------------------------------------------------------------------------


def test_leaving_is_behind_what_was_said() -> None:
    talk = talking(takes=False, drains=False)
    talk.say()
    assert talk.stop() == 2
    assert talk.of(LeaveRoom) == [LeaveRoom(1, drain=True)]
    assert (talk.told, talk.heard) == (["started"], "tj")
    talk.take(1)
    talk.leave(1)
    talk.advance(0.0)
    assert talk.house.said == TENTH
    assert (talk.told, talk.heard, talk.settled) == (
        ["started", "stopped"], "tjl", [(1, None), (2, None)],
    )  # fmt: skip
    assert talk.whereabouts == ["in", "out"]
    talk.says(VoiceStopped())
    assert talk.told == ["started", "stopped"]


def test_a_driver_that_does_not_leave_does_not_hold_voice_up() -> None:
    talk = talking(drains=False, takes=False)
    talk.say()
    talk.stop()
    talk.advance(5.1)
    assert (talk.settled[-1], talk.heard) == ((2, None), "tjl")
    assert talk.dropped == [("connection_lost", 0.1)]
    talk.leave(1)
    talk.advance(0.0)
    assert talk.heard == "tjl"


def test_starting_again_waits_until_the_room_is_left() -> None:
    talk = talking(drains=False)
    talk.stop()
    talk.start()
    assert (talk.told, talk.inside) == (["started", "stopped"], [1])
    talk.leave(1)
    talk.advance(0.0)
    assert talk.inside == [2]
    assert talk.told == ["started", "stopped", "started"]
    assert talk.settled == [(1, None), (2, None), (3, None)]
    assert talk.heard == "tjltj"


def test_a_goodbye_says_that_the_room_is_left() -> None:
    talk = talking(drains=False)
    talk.say()
    talk.client.disconnect(now=talk.now)
    talk.advance(0.0)
    assert talk.heard == "tjl"
    assert talk.of(LeaveRoom) == [LeaveRoom(1, drain=True), LeaveRoom(1)]
    assert talk.told == ["started", "stopped"]
    assert talk.inside == []
    talk.advance(3.0)
    assert talk.client.deadline is None


def test_the_server_may_end_voice() -> None:
    talk = talking()
    talk.says(VoiceTimeout())
    assert (talk.told, talk.inside, talk.heard) == (["started", "timeout", "stopped"], [], "tj")
    talk.start()
    talk.says(VoiceStopped())
    assert talk.told[3:] == ["started", "stopped"]
    assert (talk.inside, talk.heard) == ([], "tjtjl")


def test_a_deleted_room_takes_voice_with_it() -> None:
    talk = talking()
    talk.advance(20.0)
    talk.lose(1, "room_deleted", deleted=True)
    assert (talk.told, talk.voice.mode, talk.heard) == (["started", "stopped"], None, "tj")
    assert talk.of(LiveKitDisconnected) == [LiveKitDisconnected("room-1", "room_deleted")]
    assert talk.of(Fault) == []
    talk.says(VoiceTimeout())
    assert talk.told == ["started", "stopped", "timeout"]


def test_a_room_that_is_lost_is_entered_again() -> None:
    talk = talking()
    talk.advance(11.0)
    talk.say()
    talk.lose(1)
    assert talk.told == ["started", "stopped", "started"]
    assert (talk.inside, talk.heard) == ([2], "tjltj")
    assert talk.house.command.token == "token-2"
    talk.lose(2)
    assert talk.told[3:] == ["stopped"]
    (fault,) = talk.of(Fault)
    assert fault.error.message == "the LiveKit room was lost: the wire is cut"
    assert fault.error.code is ErrorCode.CONNECTION_FAILED


def test_a_room_that_cannot_be_entered_again_is_told() -> None:
    talk = talking()
    talk.advance(11.0)
    talk.joins = False
    talk.lose(1)
    talk.refuse(2)
    (fault,) = talk.of(Fault)
    assert "not joined" in fault.error.message
    assert talk.voice.mode is None


def test_lost_rooms_stay_lost_where_nobody_wants_them_back() -> None:
    talk = talking(resume_voice_on_reconnect=False)
    talk.advance(11.0)
    talk.lose(1)
    assert (talk.told, talk.inside) == (["started", "stopped"], [])
    assert len(talk.of(Fault)) == 1


def test_a_connection_that_falls_takes_the_room_with_it() -> None:
    talk = talking(auto_reconnect=False)
    talk.say()
    talk.link.cut()
    talk.advance(0.0)
    assert talk.of(LeaveRoom) == [LeaveRoom(1)]
    assert (talk.told, talk.inside, talk.whereabouts) == (["started", "stopped"], [], ["in", "out"])


@pytest.mark.parametrize("lacks", ["offers", "joins", "readies"])
def test_a_connection_that_falls_on_the_way_in(lacks: str) -> None:
    talk = talking(embeds=False, auto_reconnect=False, **{lacks: False})
    talk.link.cut()
    talk.advance(0.0)
    assert failure(talk) == (
        "VOICE_START_FAILED", "the connection fell before voice had started",
    )  # fmt: skip
    assert talk.inside == []


def test_late_words_of_old_rooms_mean_nothing() -> None:
    talk = talking()
    talk.stop()
    talk.start()
    before = len(talk.events)
    for room in (0, 1, 3):
        talk.client.room_joined(room, now=talk.now)
        talk.client.room_spoken(room, now=talk.now)
        talk.client.room_left(room, EstuaryError("late"), now=talk.now)
        talk.client.room_state(room, "speaking", "m", now=talk.now)
        assert talk.client.next_room_audio(room) is None
        assert talk.client.room_sounds(room, now=talk.now) is None
    talk.client.room_joined(2, now=talk.now)
    talk.client.room_spoken(2, now=talk.now)
    talk.advance(0.0)
    assert talk.events[before:] == []
    assert talk.inside == [2]


def test_requests_name_the_turns() -> None:
    assert LiveKitTokenRequest().turn_mode is None
    talk = talking()
    assert LiveKitTokenRequest(None) in talk.link.heard
    assert talk.voice.mode is CONTINUOUS
    assert AudioReceived(b"\0\0").pcm == b"\0\0"
