"""Timelines: what is measured, from what to what."""

from __future__ import annotations

from typing import Any

import pytest

from estuary_proto.capture import summary

from .tape import Tape, sound


def test_a_written_turn() -> None:
    tape = Tape()
    tape.typed(1.0, "hello")
    tape.answer(1.25, "Hi")
    tape.voice(1.5, sound(1.0))
    assert tape.measured("first_token") == [250.0]
    assert tape.measured("first_sound") == [500.0]
    assert tape.measured("reply") == tape.measured("barge_in") == []


def test_the_first_tokens_are_those_of_the_summary() -> None:
    tape = Tape()
    tape.typed(1.0, "one")
    tape.answer(1.1, "unasked", "i", is_interjection=True)
    tape.typed(1.2, "two")
    tape.answer(1.5, "first", "a")
    tape.answer(1.6, "first again", "a")
    tape.answer(1.8, "second", "b")
    tape.input(2.0, "submit", message={"wire": "say_line", "fields": {"text": "x"}})
    tape.typed(2.1, "three")
    tape.answer(2.2, "x", "line")
    tape.answer(2.4, "third", "c")
    tape.typed(3.0, "four")
    tape.event(3.1, "Disconnected", reason="network")
    tape.answer(3.5, "late", "d")
    assert tape.measured("first_token") == [500.0, 600.0, 300.0]
    first = [round(1000 * seconds, 3) for seconds in summary(tape.lines).first_piece]
    assert first == tape.measured("first_token")


def test_lines_of_a_script_answer_nothing() -> None:
    tape = Tape()
    tape.input(1.0, "say_lines", lines=["one"], gives=1)
    tape.event(1.0, "LineStarted", script=1, index=0)
    tape.typed(1.1, "hello")
    tape.answer(1.2, "one", "line")
    tape.answer(1.5, "Hi", "m")
    assert tape.measured("first_token") == [400.0]


def test_an_answer_that_is_only_heard() -> None:
    tape = Tape()
    tape.typed(1.0, "hello")
    tape.answer(1.1, "", final=True)
    tape.voice(1.2, sound(0.1), "late", late=True)
    tape.voice(1.5, sound(1.0))
    assert tape.measured("first_token") == []
    assert tape.measured("first_sound") == [500.0]


@pytest.mark.parametrize(
    ("ends", "took"),
    [
        (lambda tape: tape.speaks(1.0, 1.0), 1000.0),
        (lambda tape: tape.input(2.2, "release"), 800.0),
        (lambda tape: (tape.speaks(1.0, 1.0), tape.input(2.1, "release")), 900.0),
        (lambda tape: None, 500.0),
    ],
)
def test_the_end_of_a_turn_is_the_button_else_the_sound_else_the_transcript(
    ends: Any, took: float
) -> None:
    tape = Tape()
    tape.input(0.5, "release")
    tape.heard(1.2, "what", final=False)
    ends(tape)
    tape.heard(2.5, "what?")
    tape.answer(2.7, "Hm")
    tape.voice(3.0, sound(0.5))
    assert tape.measured("reply") == [took]
    assert tape.measured("first_token") == [200.0]


def test_a_reply_without_a_voice_is_read() -> None:
    tape = Tape()
    tape.speaks(1.0, 1.0)
    tape.heard(2.5, "what?")
    tape.answer(2.75, "Hm")
    assert tape.measured("reply") == [750.0]


def heard_story(tape: Tape) -> None:
    tape.answer(1.0, "Once")
    tape.voice(1.0, sound(9.0))


def test_barge_in_begins_with_the_user_and_ends_with_silence() -> None:
    tape = Tape()
    heard_story(tape)
    tape.speaks(3.0, 0.5)
    tape.heard(3.4, "wait", final=False)
    tape.sent(3.5, "client_interrupt")
    tape.event(3.5, "PlaybackComplete", message_id="m", interrupted=True)
    tape.event(3.7, "InterruptData", message_id="m")
    assert tape.measured("barge_in") == [500.0]


def test_barge_in_that_the_server_hears() -> None:
    tape = Tape()
    heard_story(tape)
    tape.heard(3.0, "wait", final=False)
    tape.event(3.4, "InterruptData", message_id="m", reason="user_speech")
    tape.heard(4.0, "wait")
    assert tape.measured("barge_in") == [400.0]


def test_a_press_of_the_button_is_the_barge_in() -> None:
    tape = Tape()
    heard_story(tape)
    tape.speaks(2.0, 0.5)
    tape.input(3.0, "press")
    tape.sent(3.0, "client_interrupt")
    assert tape.measured("barge_in") == [0.0]


def test_speech_long_before_is_no_barge_in() -> None:
    tape = Tape()
    tape.speaks(0.0, 0.5)
    heard_story(tape)
    tape.sent(9.0, "client_interrupt", message_id="m")
    tape.event(9.1, "InterruptData", message_id="m")
    assert tape.measured("barge_in") == [0.0]


def test_an_interruption_of_text_is_no_barge_in() -> None:
    tape = Tape()
    tape.answer(1.0, "Once")
    tape.sent(2.0, "client_interrupt")
    assert len(tape.items("interruptions")) == 1
    assert tape.measured("barge_in") == []


def test_quantiles() -> None:
    tape = Tape()
    for number, took in enumerate((0.1, 0.4, 0.2, 0.3, 1.0)):
        tape.typed(10.0 * number, "x")
        tape.answer(10.0 * number + took, "y", str(number))
    found = tape.drawn().measure("first_token")
    values = [round(found.quantile(share) or 0.0, 3) for share in (0.0, 0.5, 0.9, 1.0)]
    assert values == [0.1, 0.3, 0.76, 1.0]
