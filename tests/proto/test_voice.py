"""Continuous voice: one long turn, its beginning and its end, and what is dropped (API 5)."""

from __future__ import annotations

from typing import Any

import pytest

from estuary_proto.config import SessionCapabilities
from estuary_proto.engineio import Open
from estuary_proto.errors import ErrorCode, EstuaryError, LocalProtocolError, SendBlocked
from estuary_proto.events import Fault, Outcome, Settled, VoiceSettled, Writable
from estuary_proto.intents import SendText
from estuary_proto.models.voice import VoiceError, VoiceStarted, VoiceStopped, VoiceTimeout
from estuary_proto.over_livekit import CLOSED_WITHIN
from estuary_proto.states import Role
from estuary_proto.voice_turn import Ear
from tests.proto.talker import BUTTON, CONTINUOUS, SECOND, TENTH, Talker


def code_of(call: Any, *args: Any) -> ErrorCode:
    with pytest.raises(EstuaryError) as raised:
        call(*args)
    return raised.value.code


# --- on and off ------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", ["event", "ack", "both"])
def test_it_is_on_when_the_server_says_so_whichever_is_first(sign: str) -> None:
    talk = Talker(acks=False)
    request = talk.start()
    assert (talk.voice.ear, talk.voice.is_active, talk.told) == (Ear.OPENING, False, [])
    if sign != "ack":
        talk.says(VoiceStarted(already_active=True))
    if sign != "event":
        talk.ack()
    assert (talk.voice.ear, talk.voice.is_active, talk.told) == (Ear.OPEN, True, ["started"])
    assert talk.settled == [(request, None)]
    talk.says(VoiceStarted())
    talk.advance(60.0)  # Its acknowledgement is no longer awaited.
    assert talk.told == ["started"]
    assert talk.voice.is_active


@pytest.mark.parametrize("sign", ["event", "ack", "neither"])
def test_it_is_off_when_the_server_says_so_or_in_two_seconds(sign: str) -> None:
    talk = Talker()
    talk.start()
    talk.acks = False
    talk.say()
    request = talk.stop()
    assert (talk.voice.is_active, talk.heard) == (True, "(a)")
    if sign == "event":
        talk.says(VoiceStopped())
        assert talk.voice.ear is Ear.CLOSING  # The event alone does not let it open again.
    elif sign == "ack":
        talk.ack()
        assert talk.voice.ear is Ear.CLOSED
    else:
        talk.advance(CLOSED_WITHIN - 0.01)
        assert talk.told == ["started"]
        talk.advance(0.01)
    assert (talk.voice.is_active, talk.told) == (False, ["started", "stopped"])
    assert talk.settled[1:] == [(request, None)]
    talk.says(VoiceStopped()) if sign == "event" else None
    talk.advance(10.0)
    assert talk.told == ["started", "stopped"]


def test_it_may_start_again_at_once() -> None:
    talk = Talker(acks=False)
    talk.start()
    talk.ack()
    stop = talk.stop()
    start = talk.start()
    assert talk.told == ["started", "stopped"]
    assert talk.heard == "()"  # The ear is still busy.
    talk.ack()
    assert talk.heard == "()("
    talk.ack()
    assert talk.told == ["started", "stopped", "started"]
    assert talk.settled[1:] == [(stop, None), (start, None)]


def test_stopping_twice_and_before_anything() -> None:
    talk = Talker(acks=False)
    assert talk.stop() == 1
    assert talk.settled == [(1, None)]
    talk.start()
    talk.ack()
    talk.stop()
    talk.stop()
    assert talk.heard == "()"
    talk.ack()
    assert talk.settled == [(1, None), (2, None), (3, None), (4, None)]
    assert talk.told == ["started", "stopped"]


def test_what_may_not_be_started() -> None:
    talk = Talker(capabilities=SessionCapabilities(microphone=False))
    assert code_of(talk.start) is ErrorCode.VOICE_NOT_SUPPORTED
    talk = Talker()
    with pytest.raises(LocalProtocolError, match="no voice mode"):
        talk.start("loud")  # type: ignore[arg-type]
    talk.start("continuous")  # type: ignore[arg-type]
    assert code_of(talk.start) is ErrorCode.VOICE_ALREADY_ACTIVE
    assert code_of(talk.start, BUTTON) is ErrorCode.VOICE_ALREADY_ACTIVE
    assert talk.heard == "("
    talk = Talker()
    talk.client.disconnect(now=talk.now)
    assert code_of(talk.start) is ErrorCode.NOT_CONNECTED


@pytest.mark.parametrize("how", ["error", "timeout"])
def test_a_start_that_fails_leaves_both_sides_clean(how: str) -> None:
    talk = Talker(acks=False)
    request = talk.start()
    talk.say(SECOND[:16000])
    if how == "error":
        talk.says(VoiceError("no recogniser"))
        assert talk.told == ["error"]
    else:
        talk.advance(10.0)
    assert talk.settled == [(request, "VOICE_START_FAILED")]
    assert talk.heard == "()"
    assert talk.dropped == [("not_started", 0.5)]
    assert talk.voice.mode is None
    assert talk.of(Fault) == []
    talk.says(VoiceStarted())  # Too late.
    talk.advance(CLOSED_WITHIN)
    assert "started" not in talk.told
    talk.due.clear()
    talk.start()
    talk.ack()
    assert talk.voice.is_active


def test_a_server_that_ends_voice_before_it_has_begun() -> None:
    """Maybe it had not heard of this turn when it said so: what it opens all the same is closed."""
    talk = Talker(acks=False)
    request = talk.start()
    talk.says(VoiceStopped())
    assert talk.settled == [(request, "VOICE_START_FAILED")]
    assert talk.heard == "()"
    talk.start()
    talk.ack()
    talk.ack()
    talk.ack()
    assert talk.heard == "()("
    assert talk.told == ["started"]


def test_stopped_before_it_began() -> None:
    talk = Talker(acks=False)
    start = talk.start()
    talk.say()
    stop = talk.stop()
    assert talk.settled == [(start, "VOICE_START_FAILED")]
    assert talk.heard == "()"
    talk.ack()  # Of the start: it came too late.
    talk.ack()
    assert talk.settled[1:] == [(stop, None)]
    assert talk.told == []
    assert talk.dropped == [("not_started", 0.1)]


def test_stopped_while_it_waits_for_the_one_before() -> None:
    talk = Talker(acks=False)
    talk.start()
    talk.ack()
    talk.stop()
    again = talk.start()
    talk.say()
    talk.stop()
    assert (again, "VOICE_START_FAILED") in talk.settled
    talk.ack()
    assert talk.heard == "()"
    assert talk.dropped == [("not_started", 0.1)]


def test_the_server_ends_it() -> None:
    talk = Talker()
    talk.start()
    talk.says(VoiceStopped())
    assert (talk.told, talk.voice.mode, talk.heard) == (["started", "stopped"], None, "(")
    talk.start()
    talk.says(VoiceTimeout())
    assert talk.told[2:] == ["started", "timeout", "stopped"]
    assert code_of(talk.say) is ErrorCode.VOICE_NOT_ACTIVE
    talk.link.cut()
    talk.advance(5.0)
    assert talk.heard == ""  # It does not come back after that.


def test_a_timeout_in_the_middle_of_a_start() -> None:
    talk = Talker(acks=False)
    start = talk.start()
    talk.says(VoiceTimeout())
    assert talk.settled == [(start, "VOICE_START_FAILED")]
    talk.ack()
    assert talk.voice.ear is Ear.CLOSED


def test_what_the_server_says_unasked_is_passed_on() -> None:
    talk = Talker()
    for message in (VoiceStarted(), VoiceStopped(), VoiceError("hm"), VoiceTimeout()):
        talk.says(message)
    assert talk.told == ["started", "stopped", "error", "timeout"]
    talk.events.clear()
    talk.start()
    talk.says(VoiceError("a hiccup"))
    assert talk.told == ["started", "error"]
    assert talk.voice.is_active


# --- connections that fall -------------------------------------------------------------------


@pytest.mark.parametrize("muted", [False, True])
def test_it_comes_back_with_the_connection(muted: bool) -> None:
    talk = Talker()
    talk.start()
    talk.client.mute(muted, now=talk.now)
    talk.link.cut()
    assert not talk.voice.is_active
    assert talk.told == ["started", "stopped"]
    assert code_of(talk.say) is ErrorCode.VOICE_NOT_ACTIVE
    talk.advance(5.0)
    assert talk.told == ["started", "stopped", "started"]
    assert talk.heard == "("
    assert talk.voice.is_muted is muted


@pytest.mark.parametrize("why", ["told not to", "kicked", "stopped meanwhile", "given up"])
def test_it_does_not_come_back(why: str) -> None:
    talk = Talker(
        resume_voice_on_reconnect=why != "told not to",
        max_reconnect_attempts=0 if why == "given up" else 5,
    )
    talk.start()
    if why == "kicked":
        talk.server.close(now=talk.now)
    else:
        talk.link.cut()
    if why == "stopped meanwhile":
        talk.stop()
    talk.advance(5.0)
    if why == "given up":
        talk.connect()
    assert talk.client.is_connected
    assert talk.heard == ""
    assert talk.told == ["started", "stopped"]


def test_it_comes_back_through_several_falls() -> None:
    talk = Talker()
    talk.start()
    talk.acks = False
    talk.link.cut()
    talk.advance(2.0)
    assert (talk.link.number, talk.heard, talk.voice.is_active) == (2, "(", False)
    talk.link.cut()  # Before it had started again.
    talk.due.clear()
    talk.acks = True
    talk.advance(3.0)
    assert (talk.link.number, talk.heard, talk.voice.is_active) == (3, "(", True)


def test_a_resumption_that_fails_is_told() -> None:
    talk = Talker()
    talk.start()
    talk.acks = False
    talk.link.cut()
    talk.advance(2.0)
    talk.advance(10.0)
    (fault,) = talk.of(Fault)
    assert fault.error.code is ErrorCode.VOICE_START_FAILED
    assert talk.voice.mode is None


def test_a_fall_settles_whatever_waits() -> None:
    talk = Talker(acks=False)
    start = talk.start()
    talk.say()
    talk.link.cut()
    assert talk.settled == [(start, "VOICE_START_FAILED")]
    assert talk.dropped == [("connection_lost", 0.1)]
    talk.advance(5.0)
    assert talk.heard == ""  # It had not begun, so it does not come back.
    talk.due.clear()
    talk.start()
    talk.ack()
    stop = talk.stop()
    talk.link.cut()
    assert (stop, None) in talk.settled
    assert talk.told == ["started", "stopped"]


def test_disconnecting_ends_it_properly() -> None:
    talk = Talker()
    talk.start()
    talk.say()
    talk.client.disconnect(now=talk.now)
    talk.advance(3.0)
    assert talk.heard == "(a)"
    assert talk.told == ["started", "stopped"]
    assert talk.client.deadline is None


# --- audio -----------------------------------------------------------------------------------


def test_audio_goes_in_frames_of_a_tenth_and_odd_bytes_wait() -> None:
    talk = Talker()
    talk.start()
    receipt = talk.say(SECOND + b"\x07")
    talk.say(b"\x00")
    talk.say(b"")
    assert talk.heard == "(" + "a" * 11
    assert talk.pcm == SECOND + b"\x07\x00"
    assert Settled(receipt, Outcome.SENT) in talk.events
    talk.say(b"\x09")
    talk.stop()
    assert talk.pcm == SECOND + b"\x07\x00"  # Half a sample is none.


@pytest.mark.parametrize("audio", [bytearray(TENTH), memoryview(TENTH), TENTH])
def test_anything_like_bytes(audio: Any) -> None:
    talk = Talker()
    talk.start()
    talk.say(audio)
    assert talk.pcm == TENTH
    with pytest.raises(LocalProtocolError, match="audio is str, not bytes"):
        talk.say("AAAA")  # type: ignore[arg-type]


def test_audio_without_voice_raises_and_changes_nothing() -> None:
    talk = Talker()
    assert code_of(talk.say) is ErrorCode.VOICE_NOT_ACTIVE
    assert talk.heard == ""


def test_audio_before_the_server_is_ready_is_kept_and_goes_first() -> None:
    talk = Talker(acks=False)
    talk.start()
    assert talk.say(SECOND[:16001]) == 0
    assert talk.say(SECOND[16001:]) == 0
    assert talk.heard == "("
    with pytest.raises(SendBlocked, match="does not listen yet"):
        talk.say()
    talk.ack()
    assert talk.of(Writable)
    talk.say(b"\x05\x05")
    assert talk.pcm == SECOND + b"\x05\x05"
    assert talk.dropped == []


def test_live_audio_before_the_server_is_ready_keeps_the_newest_second() -> None:
    talk = Talker(acks=False)
    talk.start()
    for number in range(25):
        talk.say(bytes([number, 0]) * 1600, live=True)
    assert talk.dropped == [("not_started", 1.0)]
    talk.ack()
    assert talk.pcm == b"".join(bytes([number, 0]) * 1600 for number in range(15, 25))
    talk.stop()
    assert talk.dropped == [("not_started", 1.0), ("not_started", 0.5)]


def test_muted_audio_goes_nowhere_and_is_counted_once() -> None:
    talk = Talker()
    talk.start()
    talk.client.mute(True, now=talk.now)
    for _ in range(30):
        assert talk.say() == 0
    assert talk.dropped == []
    talk.client.mute(False, now=talk.now)
    talk.say()
    assert talk.heard == "(a"
    assert talk.dropped == [("muted", 3.0)]
    assert talk.voice.is_recording


def test_a_server_that_does_not_read_is_waited_for() -> None:
    talk = Talker(audio_backlog=0.5)
    talk.start()
    talk.link.stalled.add(Role.CLIENT)
    for _ in range(5):
        talk.say()
    with pytest.raises(SendBlocked, match="0.50 s of audio wait"):
        talk.say()
    talk.link.stalled.clear()
    talk.advance(0.0)
    assert talk.of(Writable)
    talk.say()
    assert talk.heard == "(" + "a" * 6


def test_live_audio_lets_go_of_the_oldest_and_crosses_no_fence() -> None:
    talk = Talker(audio_backlog=0.5)
    talk.start()
    talk.link.stalled.add(Role.CLIENT)
    talk.submit(SendText("before"))
    for number in range(12):
        talk.say(bytes([number, 0]) * 1600, live=True)
    talk.submit(SendText("between"))
    assert talk.dropped == []
    for number in range(12, 16):
        talk.say(bytes([number, 0]) * 1600, live=True)
    assert talk.dropped == [("backlog", 1.0)]
    talk.stop()
    assert talk.dropped == [("backlog", 1.0), ("backlog", 0.1)]
    talk.link.stalled.clear()
    talk.advance(0.0)
    names = [type(one).__name__ for one in talk.link.heard]
    words = [n for n in names if n in ("SendText", "StreamAudio", "StartVoice", "StopVoice")]
    assert words == ["StartVoice", "SendText", "StreamAudio", "SendText", *["StreamAudio"] * 4,
                     "StopVoice"]  # fmt: skip
    assert talk.pcm == b"".join(bytes([number, 0]) * 1600 for number in range(11, 16))


def test_it_is_told_when_live_audio_flows_again() -> None:
    talk = Talker(audio_backlog=0.5)
    talk.start()
    talk.link.stalled.add(Role.CLIENT)
    for _ in range(8):
        talk.say(live=True)
    assert talk.dropped == []
    talk.link.stalled.clear()
    talk.advance(0.0)
    talk.say(live=True)
    assert talk.dropped == [("backlog", 0.3)]


def test_small_frames_for_a_server_that_takes_no_larger_ones() -> None:
    talk = Talker()
    talk.handshake = Open("engine-session", max_payload=2000)
    talk.link.cut()
    talk.advance(2.0)
    talk.start()
    talk.say(SECOND)
    assert talk.client.is_connected
    assert talk.pcm == SECOND
    frames = [frame for frame in talk.link.sent if "stream_audio" in str(frame)]
    assert 1500 < max(len(str(frame)) for frame in frames) <= 2000


def test_voice_ends_through_a_full_buffer() -> None:
    talk = Talker()
    talk.start()
    talk.link.stalled.add(Role.CLIENT)
    with pytest.raises(SendBlocked):
        while True:
            talk.submit(SendText("x" * 900_000))
    talk.stop()
    talk.start()
    talk.link.stalled.clear()
    talk.advance(0.0)
    assert talk.heard == "()("


def test_settled_events_compare() -> None:
    assert VoiceSettled(1) == VoiceSettled(1, None)
    assert CONTINUOUS != BUTTON


# --- the event behind the acknowledgement ----------------------------------------------------


def test_an_event_behind_its_acknowledgement_is_told_once() -> None:
    talk = Talker()
    talk.start()
    talk.stop()
    assert talk.told == ["started", "stopped"]
    talk.says(VoiceStopped())
    assert talk.told == ["started", "stopped"]
    talk.says(VoiceStopped())  # Nobody asked for this one.
    assert talk.told == ["started", "stopped", "stopped"]


def test_an_event_before_its_acknowledgement_owes_none() -> None:
    talk = Talker(acks=False)
    talk.start()
    talk.ack()
    talk.stop()
    talk.says(VoiceStopped())
    talk.ack()
    talk.says(VoiceStopped())
    assert talk.told == ["started", "stopped", "stopped"]


@pytest.mark.parametrize("mode", [CONTINUOUS, BUTTON])
def test_the_next_turn_does_not_take_it_for_its_own(mode: Any) -> None:
    talk = Talker()
    talk.start(mode)
    if mode is BUTTON:
        talk.press()
        talk.release()
        talk.acks = False
        talk.press()
    else:
        talk.stop()
        talk.acks = False
        talk.start(mode)
    assert talk.voice.ear is Ear.OPENING
    talk.says(VoiceStopped())  # Of the turn before.
    assert talk.voice.ear.name == "OPENING"
    talk.ack()
    assert talk.voice.ear.name == "OPEN"
    talk.says(VoiceStopped())  # Now it is ended by the server.
    assert talk.voice.ear.name != "OPEN"


def test_a_server_that_closes_all_owes_nothing() -> None:
    talk = Talker()
    talk.start()
    talk.stop()
    talk.says(VoiceTimeout())
    talk.says(VoiceStopped())
    assert talk.told == ["started", "stopped", "timeout", "stopped"]


# --- what falls with the connection ----------------------------------------------------------


@pytest.mark.parametrize("live", [True, False])
def test_audio_that_waits_when_the_connection_falls_is_told(live: bool) -> None:
    talk = Talker(auto_reconnect=False)
    talk.start()
    talk.link.stalled.add(Role.CLIENT)
    for _ in range(3):
        talk.client.send_audio(TENTH, now=talk.now, live=live, settles=False)
    talk.link.cut()
    talk.advance(0.0)
    assert talk.dropped == [("connection_lost", 0.3)]
    assert talk.of(Settled)[-1].outcome is not Outcome.LOST


def test_audio_that_settles_is_told_by_its_receipt() -> None:
    talk = Talker(auto_reconnect=False)
    talk.start()
    talk.link.stalled.add(Role.CLIENT)
    receipt = talk.say()
    talk.link.cut()
    talk.advance(0.0)
    assert talk.dropped == []
    assert Settled(receipt, Outcome.LOST) in talk.of(Settled)


def test_receipts_are_numbered_on_over_connections() -> None:
    talk = Talker(reconnect_delay=0.0)
    talk.start()
    before = [talk.say() for _ in range(3)]
    talk.link.cut()
    talk.advance(1.0)
    assert talk.voice.is_active
    assert talk.submit(SendText("hi")) > max(before)
