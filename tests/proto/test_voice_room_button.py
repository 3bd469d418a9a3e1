"""Push-to-talk in a LiveKit room: the room stays, each press is a turn (PROTOCOL 4.2, 4.3)."""

from __future__ import annotations

import pytest

from estuary_proto.errors import ErrorCode, EstuaryError
from estuary_proto.events import Fault, FinishTrack, MuteTrack
from estuary_proto.intents import LiveKitJoin, LiveKitTokenRequest
from estuary_proto.models.voice import (
    LiveKitError,
    LiveKitReady,
    VoiceError,
    VoiceStarted,
    VoiceStopped,
    VoiceTimeout,
)
from estuary_proto.voice_turn import Ear
from tests.proto.roomer import Roomer
from tests.proto.talker import BUTTON, CONTINUOUS, TENTH


def pressing(**options: object) -> Roomer:
    talk = Roomer(**options)  # type: ignore[arg-type]
    talk.start(BUTTON)
    return talk


def test_the_room_is_entered_with_the_track_muted() -> None:
    talk = pressing()
    assert (talk.settled, talk.told, talk.heard) == ([(1, None)], ["started"], "tj")
    assert talk.house.command.muted
    assert LiveKitTokenRequest("push_to_talk") in talk.link.heard
    assert talk.joins_heard == [LiveKitJoin("room-1", "push_to_talk")]
    assert not talk.voice.is_recording
    assert talk.stop() == 2
    assert (talk.told, talk.heard, talk.inside) == (["started", "stopped"], "tjl", [])
    assert talk.settled == [(1, None), (2, None)]


def test_a_press_is_a_turn() -> None:
    talk = pressing()
    for _ in range(2):
        talk.press()
        talk.say()
        talk.release()
        talk.say()
    assert talk.heard == "tj![)![)"
    assert talk.house.said == TENTH * 2
    assert [e.muted for e in talk.of(MuteTrack)] == [False, True] * 2
    talk.stop()
    assert talk.heard == "tj![)![)l"
    assert talk.dropped == [("button_up", 0.1), ("button_up", 0.1)]


def test_what_is_said_before_the_ear_is_open_is_kept() -> None:
    talk = pressing(acks=False)
    talk.press()
    talk.say()
    assert talk.house.muted
    talk.says(VoiceStarted())
    assert (talk.house.muted, talk.house.said) == (False, TENTH)
    talk.release()
    assert (talk.voice.ear, talk.heard) == (Ear.CLOSING, "tj![)")
    talk.ack()  # The start's: it is late, and does not close the ear.
    assert talk.voice.ear is Ear.CLOSING
    talk.ack()
    assert talk.voice.ear.name == "CLOSED"


@pytest.mark.parametrize("late", [False, True])
def test_the_button_counts_as_up_when_all_has_gone_out(late: bool) -> None:
    talk = pressing(drains=False, takes=False)
    talk.press()
    talk.say()
    talk.release()
    assert talk.of(FinishTrack) == [FinishTrack(1)]
    assert (talk.heard, talk.house.muted) == ("tj![", False)
    talk.client.mute(True, now=talk.now)
    talk.client.mute(False, now=talk.now)
    talk.press()
    if late:
        talk.advance(5.1)
        assert talk.dropped == [("muted", 0.1)]
    else:
        talk.finish(1)
    assert talk.heard == "tj![mu)!["
    assert not talk.house.muted
    talk.finish(1)
    assert talk.heard == "tj![mu)!["


def test_a_start_that_is_acknowledged_while_all_goes_out() -> None:
    talk = pressing(acks=False, drains=False)
    talk.press()
    talk.says(VoiceStarted())
    talk.release()
    talk.ack()
    assert (talk.voice.ear, talk.heard) == (Ear.CLOSING, "tj![")
    talk.finish(1)
    assert talk.heard == "tj![)"


def test_pressed_before_the_room_may_be_used() -> None:
    talk = pressing(readies=False)
    talk.press()
    talk.say()
    assert talk.heard == "tj"
    talk.says(LiveKitReady())
    assert (talk.heard, talk.house.said) == ("tj![", TENTH)
    assert talk.settled == [(1, None)]


def test_muted_while_the_button_is_down() -> None:
    talk = pressing()
    talk.client.mute(True, now=talk.now)
    talk.press()
    assert talk.house.muted
    talk.say()
    talk.client.mute(False, now=talk.now)
    talk.say()
    assert talk.house.said == TENTH
    talk.client.mute(True, now=talk.now)
    talk.release()
    talk.client.mute(False, now=talk.now)
    talk.advance(0.0)
    assert talk.house.muted
    assert talk.heard == "tj!m[um)u"


def test_stopped_while_the_button_is_down() -> None:
    talk = pressing()
    talk.press()
    talk.say()
    talk.stop()
    assert (talk.heard, talk.told) == ("tj![)l", ["started", "stopped"])
    assert talk.house.said == TENTH
    talk.says(VoiceStopped())
    talk.says(VoiceStopped())
    assert talk.told[:2] == ["started", "stopped"]


def test_started_again_before_the_room_was_left() -> None:
    talk = pressing(acks=False)
    talk.press()
    talk.ack()
    talk.stop()
    talk.start(BUTTON)
    assert talk.inside == [1]
    talk.ack()
    assert talk.settled == [(1, None), (3, None), (2, None)]
    assert (talk.heard, talk.told) == ("tj![)", ["started", "stopped", "started"])
    assert talk.voice.is_active


def test_started_again_while_the_room_is_left() -> None:
    talk = pressing(drains=False)
    talk.stop()
    talk.start(BUTTON)
    assert len(talk.houses) == 1
    talk.leave(1)
    talk.advance(0.0)
    assert talk.settled == [(1, None), (2, None), (3, None)]
    assert talk.inside == [2]


def test_the_button_after_an_open_microphone() -> None:
    talk = Roomer(drains=False)
    talk.start(CONTINUOUS)
    talk.stop()
    talk.start(BUTTON)
    talk.leave(1)
    talk.advance(0.0)
    assert talk.settled == [(1, None), (2, None), (3, None)]
    assert talk.house.command.muted
    talk.stop()
    with pytest.raises(EstuaryError) as caught:
        talk.start(CONTINUOUS)
    assert caught.value.code is ErrorCode.VOICE_MODE_MISMATCH


def test_a_room_that_cannot_be_entered() -> None:
    talk = pressing(embeds=False, offers=False)
    talk.press()
    talk.say()
    talk.says(LiveKitError("full"))
    assert talk.settled == [(1, "VOICE_NOT_SUPPORTED")]
    assert (talk.voice.mode, talk.told, talk.heard) == (None, [], "tl")
    assert talk.dropped == [("not_started", 0.1)]


def test_stopped_on_the_way_in() -> None:
    talk = pressing(readies=False)
    talk.stop()
    assert talk.settled == [(1, "VOICE_START_FAILED"), (2, None)]
    assert (talk.inside, talk.told) == ([], [])


def test_a_press_that_fails_leaves_the_room_alone() -> None:
    talk = pressing(acks=False)
    talk.press()
    talk.says(VoiceError("busy"))
    assert (talk.heard, talk.inside) == ("tj![)", [1])
    assert talk.voice.is_active


@pytest.mark.parametrize("when", ["before", "opening", "open", "finishing", "closing", "up"])
def test_a_room_that_is_lost_closes_the_turn(when: str) -> None:
    talk = pressing(acks=False, drains=False)
    talk.advance(11.0)
    if when != "before":
        talk.press()
    if when in ("open", "finishing", "closing", "up"):
        talk.ack()
        talk.say()
    if when in ("finishing", "closing", "up"):
        talk.release()
    if when in ("closing", "up"):
        talk.finish(1)
    if when == "up":
        talk.ack()
    talk.lose(1)
    assert talk.heard == ("tjltj" if when == "before" else "tj![)ltj")
    assert talk.told == ["started", "stopped", "started"]
    assert talk.inside == [2]
    talk.due.clear()
    talk.says(VoiceStopped())
    assert talk.told == ["started", "stopped", "started"]


def test_a_room_that_cannot_be_entered_again_is_told() -> None:
    talk = pressing()
    talk.advance(11.0)
    talk.joins = False
    talk.lose(1)
    talk.refuse(2)
    assert len(talk.of(Fault)) == 1
    assert talk.told == ["started", "stopped"]


def test_a_connection_that_falls_takes_the_room_with_it() -> None:
    talk = pressing()
    talk.press()
    talk.link.cut()
    talk.advance(5.0)
    assert talk.told == ["started", "stopped", "started"]
    assert (talk.heard, talk.inside) == ("tj", [2])
    assert not talk.voice.is_recording


def test_a_connection_that_falls_on_the_way_in() -> None:
    talk = pressing(readies=False, auto_reconnect=False)
    talk.link.cut()
    talk.advance(0.0)
    assert talk.settled == [(1, "VOICE_START_FAILED")]
    assert talk.inside == []


@pytest.mark.parametrize("when", ["up", "down", "finishing"])
def test_a_goodbye_closes_the_turn_and_the_room(when: str) -> None:
    talk = pressing(drains=False)
    if when != "up":
        talk.press()
        talk.say()
    if when == "finishing":
        talk.release()
    talk.client.disconnect(now=talk.now)
    talk.advance(3.0)
    assert talk.heard == ("tjl" if when == "up" else "tj![)l")
    assert (talk.inside, talk.told) == ([], ["started", "stopped"])
    assert talk.client.deadline is None


def test_the_server_may_end_voice() -> None:
    talk = pressing(readies=False)
    talk.press()
    talk.says(VoiceTimeout())
    assert talk.settled == [(1, "VOICE_START_FAILED")]
    assert (talk.inside, talk.voice.mode) == ([], None)
