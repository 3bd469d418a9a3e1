"""A capture without sounds still says how long they were."""

from __future__ import annotations

import json
from functools import partial

import pytest

from estuary_anyio.timeline import page, picture
from estuary_proto.capture import Recorder
from estuary_proto.models.pcm import encode_pcm
from estuary_proto.timeline import timeline
from tests.proto.tape import Tape, sound
from tests.timeline import theatre

RATE = 16000


def test_the_lanes_are_as_long_as_with_sounds(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = timeline(theatre.voice_session())
    monkeypatch.setattr(theatre, "Recorder", partial(Recorder, audio=False))
    lines = theatre.voice_session()
    assert '"audio":false' in lines[0]
    found = timeline(lines)
    for one, other in zip(whole.lane("voice").items, found.lane("voice").items, strict=True):
        assert (one.at, one.until, one.kind, one.text) == (
            other.at,
            other.until,
            other.kind,
            other.text,
        )
        assert one.wave is not None
        assert other.wave is not None
        assert one.wave.seconds == other.wave.seconds > 0.5
        assert len(one.wave.peaks) == len(other.wave.peaks)
        assert (set(other.wave.peaks), other.wave.pcm) == ({0}, b"")
        assert other.facts[0] == one.facts[0]
        assert ("sound", "withheld from the capture") in other.facts
    assert whole.measure("first_sound") == found.measure("first_sound")
    for key in ("reply", "barge_in"):
        assert whole.measure(key).samples
        assert found.measure(key).samples == (), "nobody knows when the user began or ended"
    assert "withheld from the capture" in page(found)
    assert "<svg" in picture(found)


def test_what_the_microphone_has_heard() -> None:
    """Nobody knows when somebody spoke, so that nobody is said to."""
    tape = Tape(audio=False)
    for at in (1.0, 1.1, 1.2, 5.0):
        tape.sent(at, "stream_audio", audio="«pcm 3200 0123456789abcdef»")
    one, two = tape.items("speech")
    assert (one.kind, round(one.at, 6), one.until) == ("microphone", 0.9, 1.2)
    assert one.facts == (("sound", "0.30 s, withheld from the capture"),)
    assert one.wave is not None
    assert (round(one.wave.seconds, 6), one.wave.peaks) == (0.3, bytes(15))
    assert (round(two.at, 6), two.until) == (4.9, 5.0)


def cut_short(tape: Tape, *, button: bool = False) -> None:
    """A story from 1.0 on, into which somebody speaks at 3.2."""
    tape.answer(1.0, "Once")
    tape.voice(1.0, sound(9.0))
    if button:
        tape.input(3.2, "press")
    tape.heard(3.2, "wait", final=False)
    tape.sent(3.2, "client_interrupt")
    tape.event(3.3, "InterruptData", message_id="m")
    if button:
        tape.input(3.5, "release")
    tape.heard(3.6, "wait")
    tape.answer(4.0, "Yes?", "n")


def test_speech_in_a_room_has_no_sound_either() -> None:
    tape = Tape()
    tape.event(0.5, "VoiceStarted")
    cut_short(tape)
    assert tape.measured("barge_in") == tape.measured("reply") == []
    tape.event(6.0, "VoiceStopped")
    assert tape.measured("barge_in") == tape.measured("reply") == []


@pytest.mark.parametrize("before", [True, False])
def test_what_was_said_elsewhere_is_measured(before: bool) -> None:
    tape = Tape(audio=False)
    tape.event(0.1, "VoiceStarted")
    if before:
        tape.sent(0.3, "stream_audio", audio="«pcm 3200 0123456789abcdef»")
    else:
        tape.event(0.3, "VoiceStopped")
    cut_short(tape)
    assert tape.measured("barge_in") == [0.0]
    assert tape.measured("reply") == [400.0]


def test_a_button_tells_when() -> None:
    tape = Tape()
    tape.event(0.5, "VoiceStarted")
    cut_short(tape, button=True)
    assert tape.measured("barge_in") == [0.0]
    assert tape.measured("reply") == [500.0]


@pytest.mark.parametrize("size", [2, 46, 48, 50, 6400])
def test_a_voice_finds_its_frame(size: int) -> None:
    lines: list[str] = []
    recorder = Recorder(theatre.CONFIG, lines.append, audio=False)
    recorder.connect(now=0.0)
    recorder.opened(1, now=0.0)
    tape = Tape()
    tape.came(1.0, "bot_voice", audio=encode_pcm(sound(1.0)[:size]), message_id="m")
    came = json.loads(tape.lines[-1])
    frames = ('0{"sid":"s"}', "40/sdk,{}", '42/sdk,["session_info",{"session_id":"s"}]')
    for frame in (*frames, came["frame"]):
        recorder.receive(1, frame, now=1.0)
        while recorder.next_event() is not None:
            pass
    assert "«pcm " in "".join(lines)
    (voice,) = timeline(lines).lane("voice").items
    assert voice.wave is not None
    assert voice.wave.seconds == size / 2 / RATE
