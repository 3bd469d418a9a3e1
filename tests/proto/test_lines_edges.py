"""Lines against servers that word, name and confirm things in their own way."""

from __future__ import annotations

from typing import Any

import pytest

from estuary_proto.actions import spoken
from estuary_proto.errors import LocalProtocolError
from estuary_proto.events import PlaybackComplete, PlaybackStarted, ReplyEnd, ReplyEnded, Steer
from estuary_proto.intents import AudioPlaybackComplete, SayLine, SendText
from estuary_proto.lines import CONFIRMED_WITHIN, VOICE_DUE
from estuary_proto.models.conversation import BotVoice, InterruptData
from estuary_proto.playback import PlaybackState
from tests.proto.test_lines import BROKEN, ONE_TWO, STOPPED, Stage

TAG = '<action name="wave"/>'


# --- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line", [f"{TAG}Hello there.", f"Hello  {TAG} there.", f"Hello there.{TAG}"]
)
@pytest.mark.parametrize("stripped", [False, True])
def test_tags_in_a_line_do_not_hide_its_message(line: str, stripped: bool) -> None:
    stage = Stage()
    stage.play([line, "Two"])
    stage.write("Hello there." if stripped else line, "m1")
    stage.advance(VOICE_DUE + 0.1)
    assert stage.asked == [line, "Two"]


def test_a_line_that_is_only_a_tag_ends_with_its_empty_text() -> None:
    stage = Stage()
    stage.play([TAG, "Two"], text_only=True)
    stage.write("", "m1", final=False)
    assert stage.asked == [TAG]
    stage.write("", "m1")
    assert stage.asked == [TAG, "Two"]


def test_a_line_with_a_tag_is_no_answer() -> None:
    stage = Stage()
    stage.submit(SayLine(f"{TAG}Hello there."))
    number = stage.ask(SendText("hi"))
    stage.write(f"{TAG}Hello there.", "m1")
    assert not stage.of(ReplyEnded)
    stage.write("Yes?", "m2")
    ended = stage.of(ReplyEnded)
    assert [(one.reply, one.end, one.response.text) for one in ended] == [
        (number, ReplyEnd.FINAL, "Yes?")
    ]


def test_what_is_said_of_a_text() -> None:
    assert spoken(f" a{TAG}\n b <acti") == "a b <acti"
    assert spoken(TAG) == ""


def test_lines_may_be_any_iterable() -> None:
    stage = Stage()
    stage.play(line for line in ONE_TWO)
    assert stage.asked == ONE_TWO[:1]


def test_no_patience_at_all_is_refused() -> None:
    stage = Stage()
    with pytest.raises(LocalProtocolError, match="line_timeout is 1e-300"):
        stage.play(["one"], line_timeout=1e-300, loop=True)


@pytest.mark.parametrize(("name", "problem"), [("gap", "gap is 'x'"), ("line_timeout", "is 'x'")])
def test_seconds_are_numbers(name: str, problem: str) -> None:
    stage = Stage()
    with pytest.raises(LocalProtocolError, match=problem):
        stage.play(["one"], **{name: "x"})
    stage.play(["one"])


@pytest.mark.parametrize("message_id", [None, 5, []])
def test_a_player_names_what_it_plays(message_id: Any) -> None:
    stage = Stage()
    with pytest.raises(LocalProtocolError, match="message_id is .*, not str"):
        stage.client.playback_started(message_id, now=stage.now)
    assert not stage.of(PlaybackStarted)


# --- confirmations -------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("seen", [True, False])
def test_the_same_lines_again_at_once(named: bool, seen: bool) -> None:
    stage = Stage()
    stage.play()
    if seen:
        stage.write("One", "m1", final=False)
    stage.steer(Steer.STOP)
    stage.play()
    stage.write("One is", "m1", final=False)  # It was under way.
    stage.says(InterruptData("m1" if named else None))
    assert stage.ended == [(1, STOPPED, 0)]
    if named or seen:
        stage.write("One is first", "m1", final=False)
        stage.write(ONE_TWO[0], "m2")
        stage.sound("m2")
        stage.advance(0.9)
        assert stage.asked[-1] == ONE_TWO[0]
        stage.advance(0.2)
        assert stage.asked[-1] == ONE_TWO[1]


def test_a_confirmation_between_two_scripts_counts() -> None:
    stage = Stage()
    stage.play()
    stage.write("One", "m1", final=False)
    stage.steer(Steer.STOP)
    stage.says(InterruptData("m1"))
    stage.play()
    stage.says(InterruptData())
    assert stage.ended == [(1, STOPPED, 0), (2, BROKEN, 0)]


def test_a_confirmation_that_never_comes_hides_no_later_interruption() -> None:
    stage = Stage()
    stage.play([*ONE_TWO, "Three."])
    stage.steer(Steer.SKIP)
    stage.advance(CONFIRMED_WITHIN)
    stage.steer(Steer.SKIP)
    stage.says(InterruptData())
    assert not stage.ended
    stage.says(InterruptData())
    assert stage.ended == [(1, BROKEN, 0)]


def test_an_interruption_of_the_next_line_is_not_the_confirmation_of_a_cut() -> None:
    stage = Stage()
    stage.play()
    stage.write("One", "m1", final=False)
    stage.steer(Steer.SKIP)
    stage.write("Two", "m2", final=False)
    stage.says(InterruptData("m2"))
    assert stage.ended == [(1, BROKEN, 0)]


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [("a", "b"), ("", "")])
def test_names_that_are_used_again(names: tuple[str, str]) -> None:
    stage = Stage()
    stage.play(ONE_TWO, loop=True)
    for count in range(1, 7):
        which = (count - 1) % 2
        stage.write(ONE_TWO[which], names[which])
        stage.advance(1.0)
        assert len(stage.asked) == count
        stage.sound(names[which])
        stage.advance(0.9)
        assert len(stage.asked) == count
        stage.advance(0.2)
        assert len(stage.asked) == count + 1


def test_without_names_an_interruption_silences_nothing_later() -> None:
    stage = Stage()
    stage.sound("")
    stage.client.playback_started("", now=stage.now)
    stage.says(InterruptData())
    assert stage.of(PlaybackComplete) == [PlaybackComplete("", True)]
    stage.sound("")
    assert [voice.late for voice in stage.of(BotVoice)] == [False, False]
    assert stage.client.playback.state_of("") is PlaybackState.PLAYING


def test_what_has_no_name_is_heard_again() -> None:
    stage = Stage(suppress_mic_during_playback=True)
    playback = stage.client.playback
    for _ in range(2):
        stage.sound("")
        stage.client.playback_started("", now=stage.now)
        assert playback.heard_now(stage.now) == ""
        stage.sound("", 0)  # Behind its last chunk nothing begins.
        playback.complete("")
        stage.sound("", 0)
        assert playback.state_of("") is PlaybackState.COMPLETE
        assert playback.heard_now(stage.now) is None


def test_skipping_where_it_goes_round_leaves_out_the_first() -> None:
    stage = Stage()
    stage.play([*ONE_TWO, "Three."], text_only=True, loop=True, gap=1.0)
    for number, line in enumerate([*ONE_TWO, "Three."]):
        stage.write(line, f"m{number}")
        stage.advance(0.0 if number == 2 else 1.0)
    stage.steer(Steer.SKIP)
    assert not stage.ended
    assert stage.asked == [*ONE_TWO, "Three.", ONE_TWO[1]]


def test_what_has_a_name_is_complete_once() -> None:
    stage = Stage()
    for _ in range(2):
        stage.sound("m")
        stage.client.playback_started("m", now=stage.now)
        stage.client.submit(AudioPlaybackComplete("m"), now=stage.now)
        stage.advance(2.0)
    assert stage.of(PlaybackStarted) == [PlaybackStarted("m")]
    assert stage.of(PlaybackComplete) == [PlaybackComplete("m")]
