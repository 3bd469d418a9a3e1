"""A server so slow that what it says of one start comes during the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from estuary_proto.models.voice import VoiceStarted, VoiceStopped
from estuary_proto.voice_turn import Ear
from tests.proto.talker import BUTTON, CONTINUOUS, TENTH, Talker

if TYPE_CHECKING:
    from estuary_proto.models.session import VoiceMode


def given_up(mode: VoiceMode) -> Talker:
    """The first start has timed out, and so has the stop behind it; the server knows of nothing."""
    talk = Talker(acks=False)
    talk.start(mode)
    if mode is BUTTON:
        talk.press()
    talk.advance(12.5)
    assert talk.voice.ear is Ear.CLOSED
    talk.events.clear()
    return talk


@pytest.mark.parametrize("mode", [CONTINUOUS, BUTTON])
@pytest.mark.parametrize("acks", [True, False])
def test_the_next_start_does_not_take_the_answers_to_the_first(mode: VoiceMode, acks: bool) -> None:
    talk = given_up(mode)
    talk.events.clear()
    if mode is BUTTON:
        talk.press()
    else:
        request = talk.start(mode)
    talk.say()
    for message in (VoiceStarted(), VoiceStopped()):
        talk.says(message)
        if acks:
            talk.ack()
    assert talk.voice.ear is Ear.OPENING
    assert talk.told == []
    talk.says(VoiceStarted())
    if acks:
        talk.ack()
    assert talk.voice.ear.name == "OPEN"
    assert talk.voice.is_active
    assert talk.pcm == TENTH
    if mode is CONTINUOUS:
        assert talk.told == ["started"]
        assert talk.settled == [(request, None)]


def test_what_was_given_up_is_not_told_late() -> None:
    talk = given_up(CONTINUOUS)
    talk.says(VoiceStarted())
    talk.says(VoiceStopped())
    assert talk.told == []
    talk.says(VoiceStarted())  # This one nobody has asked for.
    assert talk.told == ["started"]


def test_a_server_that_only_acknowledges_owes_no_event() -> None:
    talk = Talker(acks=False)
    talk.start()
    talk.stop()
    talk.ack()
    talk.ack()
    request = talk.start()
    talk.says(VoiceStarted())
    assert talk.settled[-1] == (request, None)
    assert talk.voice.is_active


@pytest.mark.parametrize("end", ["ack", "fall"])
def test_an_answer_that_never_came_is_forgotten(end: str) -> None:
    talk = given_up(CONTINUOUS)
    if end == "ack":
        talk.start()
        while talk.due:
            talk.ack()
        talk.stop()
        talk.ack()
    else:
        talk.link.cut()
        talk.advance(5.0)
    talk.start()
    talk.says(VoiceStarted())
    assert talk.voice.is_active


def test_a_start_that_was_stopped_unanswered_does_not_answer_either() -> None:
    talk = Talker(acks=False)
    talk.start()
    talk.stop()
    talk.advance(2.5)
    request = talk.start()
    for message in (VoiceStarted(), VoiceStopped()):
        talk.says(message)
    assert talk.told == []
    talk.says(VoiceStarted())
    assert talk.told == ["started"]
    assert talk.settled[-1] == (request, None)
