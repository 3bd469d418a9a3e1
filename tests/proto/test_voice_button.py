"""Push-to-talk: each press is one turn, and no first word is lost (API 5, PROTOCOL 4.2)."""

from __future__ import annotations

import pytest

from estuary_proto.errors import ErrorCode, EstuaryError
from estuary_proto.events import Fault
from estuary_proto.intents import Interrupt
from estuary_proto.models.voice import VoiceError, VoiceStarted, VoiceStopped
from estuary_proto.outbox import MAX_CONTROL
from estuary_proto.over_livekit import CLOSED_WITHIN
from estuary_proto.states import Role
from estuary_proto.voice_turn import Ear
from tests.proto.talker import BUTTON, CONTINUOUS, SECOND, TENTH, Talker


def pressing(**options: bool) -> Talker:
    talk = Talker(**options)
    talk.start(BUTTON)
    return talk


def test_starting_it_is_local() -> None:
    talk = pressing(acks=False)
    assert talk.settled == [(1, None)]
    assert (talk.told, talk.heard, talk.voice.is_active) == (["started"], "", True)
    assert talk.due == []
    assert talk.stop() == 2
    assert (talk.told, talk.heard) == (["started", "stopped"], "")


def test_a_press_is_a_turn() -> None:
    talk = pressing()
    assert not talk.voice.is_recording
    talk.press()
    assert talk.voice.is_recording
    talk.say()
    talk.press()
    talk.say()
    talk.release()
    talk.release()
    assert not talk.voice.is_recording
    assert talk.heard == "![aa)"
    talk.press()
    talk.say()
    talk.release()
    assert talk.heard == "![aa)![a)"
    assert talk.told == ["started"]


@pytest.mark.parametrize("sign", ["event", "ack"])
def test_what_is_said_before_the_server_is_ready_is_kept(sign: str) -> None:
    talk = pressing(acks=False)
    talk.press()
    talk.say(SECOND[:6400])
    talk.release()
    assert talk.heard == "!["
    if sign == "ack":
        talk.ack()
    else:
        talk.says(VoiceStarted())
    assert talk.heard == "![aa)"
    assert talk.pcm == SECOND[:6400]
    assert talk.told == ["started"]
    assert talk.dropped == []


def test_a_second_press_waits_for_the_first_to_end() -> None:
    talk = pressing(acks=False)
    talk.press()
    talk.ack()
    talk.release()
    talk.press()
    talk.say()
    assert talk.heard == "![)"
    talk.ack()
    assert talk.heard == "![)!["
    talk.ack()
    assert talk.heard == "![)![a"
    talk.release()
    assert talk.heard == "![)![a)"


def test_a_press_that_is_released_before_it_was_sent_sends_nothing() -> None:
    talk = pressing(acks=False)
    talk.press()
    talk.ack()
    talk.release()
    talk.press()
    talk.say()
    talk.release()
    talk.ack()
    talk.advance(20.0)
    assert talk.heard == "![)"
    assert talk.dropped == [("not_started", 0.1)]


def test_two_presses_before_the_server_is_ready_are_two_turns() -> None:
    talk = pressing(acks=False)
    talk.press()
    talk.say(b"\x01\x00" * 100)
    talk.release()
    talk.press()
    talk.say(b"\x02\x00" * 100)
    talk.ack()
    assert talk.heard == "![a)"
    talk.ack()
    talk.ack()
    talk.release()
    assert talk.heard == "![a)![a)"
    assert talk.pcm == b"\x01\x00" * 100 + b"\x02\x00" * 100


def test_with_the_button_up_audio_is_counted() -> None:
    talk = pressing()
    talk.say()
    talk.say()
    assert talk.dropped == []
    talk.press()
    talk.say()
    talk.release()
    assert talk.dropped == [("button_up", 0.2)]
    for _ in range(10):
        talk.say()
    assert talk.dropped == [("button_up", 0.2), ("button_up", 1.0)]
    talk.stop()
    with pytest.raises(EstuaryError) as raised:
        talk.say()
    assert raised.value.code is ErrorCode.VOICE_NOT_ACTIVE


def test_the_button_needs_voice_and_does_nothing_in_continuous_mode() -> None:
    talk = Talker()
    for button in (talk.press, talk.release):
        with pytest.raises(EstuaryError) as raised:
            button()
        assert raised.value.code is ErrorCode.VOICE_NOT_ACTIVE
    talk.start()
    talk.press()
    talk.release()
    assert talk.heard == "("


def test_a_session_keeps_to_push_to_talk() -> None:
    talk = pressing()
    talk.stop()
    talk.start()  # The button was never used.
    talk.stop()
    talk.start(BUTTON)
    talk.press()
    talk.release()
    talk.stop()
    with pytest.raises(EstuaryError) as raised:
        talk.start(CONTINUOUS)
    assert raised.value.code is ErrorCode.VOICE_MODE_MISMATCH
    talk.link.cut()
    talk.advance(5.0)
    talk.start(CONTINUOUS)
    assert talk.heard == "("


@pytest.mark.parametrize("how", ["error", "timeout"])
def test_a_press_that_fails(how: str) -> None:
    talk = pressing(acks=False)
    talk.press()
    talk.say()
    if how == "error":
        talk.says(VoiceError("no recogniser"))
        assert talk.told == ["started", "error"]
        assert talk.of(Fault) == []
    else:
        talk.advance(10.0)
        (fault,) = talk.of(Fault)
        assert fault.error.code is ErrorCode.VOICE_START_FAILED
    assert talk.heard == "![)"  # What it may have opened all the same is closed.
    assert talk.dropped == [("not_started", 0.1)]
    assert talk.voice.mode is BUTTON
    talk.release()
    talk.advance(CLOSED_WITHIN)
    talk.due.clear()
    talk.press()
    talk.ack()
    talk.say()
    assert talk.heard == "![)![a"


def test_the_server_ends_a_turn_by_itself() -> None:
    talk = pressing()
    talk.press()
    talk.says(VoiceStopped())
    (fault,) = talk.of(Fault)
    assert "ended the turn by itself" in fault.error.message
    assert talk.voice.is_active
    talk.release()
    talk.press()
    talk.say()
    assert talk.heard == "![)![a"


def test_stopping_in_the_middle_of_a_turn() -> None:
    talk = pressing()
    talk.press()
    talk.say()
    stop = talk.stop()
    assert talk.heard == "![a)"
    assert talk.told == ["started", "stopped"]
    assert talk.settled[1:] == [(stop, None)]


def test_stopping_before_the_server_is_ready_loses_nothing() -> None:
    talk = pressing(acks=False)
    talk.press()
    talk.say()
    stop = talk.stop()
    assert talk.heard == "!["
    talk.ack()
    assert talk.heard == "![a)"
    talk.says(VoiceStopped())
    assert talk.settled[1:] == [(stop, None)]
    assert talk.told == ["started", "stopped"]


def test_a_fall_with_the_button_down() -> None:
    talk = pressing()
    talk.press()
    talk.say()
    talk.link.cut()
    assert talk.told == ["started", "stopped"]
    talk.advance(5.0)
    assert talk.told == ["started", "stopped", "started"]
    assert talk.heard == ""  # A held button does not come back.
    assert not talk.voice.is_recording
    talk.press()
    talk.say(TENTH)
    assert talk.heard == "![a"


def test_a_press_through_too_much_control() -> None:
    talk = pressing()
    talk.link.stalled.add(Role.CLIENT)
    for _ in range(MAX_CONTROL):
        talk.submit(Interrupt())
    talk.press()
    assert talk.voice.ear is Ear.OPENING
    talk.link.stalled.clear()
    talk.advance(0.0)
    assert talk.heard == "!" * MAX_CONTROL + "["


def test_a_server_that_says_stopped_between_two_turns() -> None:
    talk = pressing()
    talk.says(VoiceStopped())
    talk.says(VoiceStarted())
    assert talk.told == ["started"]
    assert talk.voice.is_active
