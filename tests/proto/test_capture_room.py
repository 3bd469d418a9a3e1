"""Captures of voice in a room: what the driver did comes back, and no token is in them."""

from __future__ import annotations

from typing import Any

from estuary_proto.capture import Recorder, replay
from estuary_proto.events import LiveKitConnected, PlaybackStarted
from tests.proto.roomer import Roomer
from tests.proto.talker import BUTTON, TENTH


def test_a_call_in_a_room_is_recorded() -> None:
    lines: list[str] = []
    talk = Roomer()
    talk.client.disconnect(now=talk.now)
    talk.advance(3.0)
    recorder: Any = Recorder(talk.client.config, lines.append, joins_rooms=True)
    talk.links.clear()
    talk._open.clear()
    talk._dropped.clear()
    talk.client = recorder
    talk.connect(within=0.0)
    talk.start(BUTTON)
    talk.press()
    talk.say(TENTH)
    talk.release()
    talk.state("speaking", "m1")
    assert recorder.room_sounds(1, now=talk.now) == "m1"
    talk.state("idle")
    talk.advance(11.0)
    talk.lose(1)
    talk.takes = False
    talk.press()
    talk.say(TENTH)
    assert recorder.next_room_audio(2) == TENTH
    assert recorder.next_room_audio(2) is None
    talk.stop()
    talk.client.disconnect(now=talk.now)
    talk.advance(3.0)
    assert '"joins_rooms":true' in lines[0]
    assert len(talk.of(LiveKitConnected)) == 2
    assert talk.of(PlaybackStarted) == [PlaybackStarted("m1")]
    text = "".join(lines)
    for part in ("room_joined", "room_left", "room_spoken", "room_state", "the wire is cut"):
        assert part in text
    for secret in ("embedded", '"token-'):
        assert secret not in text
    replayed = replay(lines)
    assert replayed.difference is None
    assert replayed.lines == len(lines) - 1
