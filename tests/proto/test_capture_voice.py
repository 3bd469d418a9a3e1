"""Captures of voice: what was asked for and what was said comes back."""

from __future__ import annotations

from typing import Any

import pytest

from estuary_proto.errors import EstuaryError
from estuary_proto.events import LinesEnded, LineStarted, PlaybackComplete, Steer
from estuary_proto.intents import AudioPlaybackComplete
from estuary_proto.models.conversation import ResponseChunk
from estuary_proto.models.session import VoiceMode
from estuary_proto.models.voice import VoiceStarted
from tests.proto.taped import Taped


def test_voice_is_recorded() -> None:
    pair = Taped()
    pair.connect()
    client: Any = pair.client
    assert client.start_voice(VoiceMode.CONTINUOUS, now=pair.now) == 1
    client.send_audio(b"\x01\x02" * 100, now=pair.now)
    pair.advance(0.5)
    client.send_audio(b"\x01\x02" * 100, now=pair.now, live=True)
    client.mute(True, now=pair.now)
    client.stop_voice(now=pair.now)
    pair.advance(0.5)
    client.start_voice(VoiceMode.PUSH_TO_TALK, now=pair.now)
    client.press(now=pair.now)
    pair.tell(VoiceStarted())
    client.release(now=pair.now)
    with pytest.raises(EstuaryError):
        client.start_voice(VoiceMode.CONTINUOUS, now=pair.now)
    assert client.voice.is_active
    pair.advance(0.5)
    pair.link.cut()
    pair.advance(5.0)
    pair.check()
    assert pair.of(VoiceStarted)


def test_what_is_heard_and_lines_are_recorded() -> None:
    pair = Taped()
    pair.connect()
    client: Any = pair.client
    assert client.playback.state_of("m") is None
    with pytest.raises(EstuaryError):
        client.say_lines("one text", now=pair.now)
    with pytest.raises(EstuaryError):
        client.say_lines(["one", 2], now=pair.now)
    number = client.say_lines(("one", "two"), now=pair.now, gap=0.5, text_only=True)
    pair.tell(ResponseChunk("one", True, None, "m"))
    pair.advance(0.1)
    client.playback_started("m", now=pair.now)
    client.submit(AudioPlaybackComplete("m"), now=pair.now)
    pair.advance(0.5)
    client.steer(number, Steer.PAUSE, now=pair.now)
    client.steer(number, Steer.STOP, now=pair.now)
    pair.advance(0.5)
    pair.check()
    assert [type(e) for e in pair.of(LineStarted, LinesEnded, PlaybackComplete)] == [
        LineStarted,
        PlaybackComplete,
        LineStarted,
        LinesEnded,
    ]


@pytest.mark.parametrize("mode", ["nonsense", 7, ["x"], None])
def test_a_wrong_mode_is_the_callers_mistake_and_replays(mode: Any) -> None:
    pair = Taped()
    pair.connect()
    client: Any = pair.client
    with pytest.raises(EstuaryError):
        client.start_voice(mode, now=pair.now)
    pair.check()
