"""What is heard in a room: attributes become playback, and what was interrupted is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from estuary_proto.events import PlaybackComplete, PlaybackStarted
from estuary_proto.intents import AudioPlaybackComplete, Interrupt
from estuary_proto.models.conversation import InterruptData
from tests.proto.test_voice_room import talking

if TYPE_CHECKING:
    from tests.proto.roomer import Roomer


def heard(talk: Roomer) -> list[str]:
    marks = {PlaybackStarted: "+", PlaybackComplete: "-"}
    return [
        marks[type(e)] + e.message_id + ("!" if getattr(e, "interrupted", False) else "")
        for e in talk.of(*marks)
    ]


def completed(talk: Roomer) -> list[str | None]:
    return [m.message_id for m in talk.link.heard if isinstance(m, AudioPlaybackComplete)]


def sounds(talk: Roomer) -> str | None:
    return talk.client.room_sounds(1, now=talk.now)


def test_speaking_and_idle() -> None:
    talk = talking()
    talk.state("", None)
    talk.state("idle", "m0")
    assert (heard(talk), completed(talk), sounds(talk)) == ([], [], "")
    talk.state("speaking", "m1")
    talk.state("speaking", "m1")
    assert talk.client.playback.heard_now(talk.now) == "m1"
    assert sounds(talk) == "m1"
    talk.state("idle", "m1")
    talk.state("idle")
    assert (heard(talk), completed(talk)) == (["+m1", "-m1"], ["m1"])
    assert sounds(talk) == "m1"  # Its last sound is still on its way.
    talk.advance(0.31)
    assert sounds(talk) == ""


def test_one_message_behind_the_other() -> None:
    talk = talking()
    talk.state("speaking", "m1")
    talk.state("speaking", "m2")
    talk.state("idle")
    assert (heard(talk), completed(talk)) == (["+m1", "-m1", "+m2", "-m2"], ["m1", "m2"])


def test_messages_without_a_name() -> None:
    talk = talking()
    for _ in range(2):
        talk.state("speaking")
        talk.state("speaking", "")
        talk.state("idle")
    named = "livekit-audio"
    assert heard(talk) == ["+" + named, "-" + named] * 2
    assert completed(talk) == [named] * 2


@pytest.mark.parametrize("who", ["server", "user"])
def test_what_was_interrupted_is_not_heard(who: str) -> None:
    talk = talking()
    talk.state("speaking", "m1")
    if who == "server":
        talk.says(InterruptData("m1"))
    else:
        talk.submit(Interrupt())
    assert heard(talk) == ["+m1", "-m1!"]
    assert sounds(talk) is None
    talk.state("idle")
    assert sounds(talk) is None  # What was on its way still comes.
    talk.advance(0.31)
    assert sounds(talk) == ""
    talk.state("speaking", "m1")
    assert sounds(talk) is None
    talk.state("speaking", "m2")
    assert sounds(talk) == "m2"
    assert completed(talk) == []


def test_the_next_message_is_heard_at_once() -> None:
    talk = talking()
    talk.state("speaking", "m1")
    talk.submit(Interrupt("m1"))
    talk.state("idle")
    talk.state("speaking", "m2")
    assert sounds(talk) == "m2"


def test_leaving_cuts_what_is_said() -> None:
    talk = talking()
    talk.state("speaking", "m1")
    talk.stop()
    assert heard(talk) == ["+m1", "-m1!"]
    assert sounds(talk) is None
    talk.start()
    assert talk.client.room_sounds(2, now=talk.now) == ""


def test_rooms_of_the_same_character_sound_before_it_is_ready() -> None:
    talk = talking(readies=False)
    assert sounds(talk) == ""
    talk.state("speaking", "hello")
    assert heard(talk) == ["+hello"]


def test_the_microphone_is_shut_while_the_character_is_heard() -> None:
    talk = talking(suppress_mic_during_playback=True)
    talk.state("speaking", "m1")
    talk.say()
    talk.state("idle")
    talk.say()
    assert len(talk.house.said) == 3200
    assert talk.dropped == [("suppressed", 0.1)]
