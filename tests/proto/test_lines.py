"""Lines that the character says one after the other, none cutting the one before."""

from __future__ import annotations

from typing import Any

import pytest

from estuary_proto.engineio import Open
from estuary_proto.errors import LocalProtocolError, SendBlocked
from estuary_proto.events import LinesEnd, LinesEnded, LineStarted, Steer
from estuary_proto.intents import AudioPlaybackComplete, Interrupt, SayLine, SendText
from estuary_proto.lines import VOICE_DUE
from estuary_proto.models.conversation import (
    BotVoice,
    InterruptData,
    ResponseChunk,
    SttResponse,
)
from estuary_proto.models.pcm import encode_pcm
from estuary_proto.models.session import ModerationFlag, QuotaExceededData
from estuary_proto.states import Role
from estuary_proto.testing import Pair
from tests.proto.talker import SECOND, Talker

FINISHED, STOPPED, BROKEN, GONE, FAILED = LinesEnd
ONE_TWO = ["One is first.", "Two comes next."]


class Stage(Talker):
    """A server that says lines when it is told to."""

    def play(self, lines: Any = ONE_TWO, **how: Any) -> int:
        number = self.client.say_lines(lines, now=self.now, **how)
        self.advance(0.0)
        return number

    def steer(self, what: Steer, script: int = 1) -> None:
        self.client.steer(script, what, now=self.now)
        self.advance(0.0)

    def write(self, text: str, message_id: str, *, final: bool = True, **more: Any) -> None:
        self.says(ResponseChunk(text, final, None, message_id, **more))

    def sound(self, message_id: str, seconds: float = 1.0, *, final: bool = True) -> None:
        pcm = SECOND * int(seconds)
        self.says(BotVoice(encode_pcm(pcm), message_id, is_final=final))

    @property
    def asked(self) -> list[str]:
        """What the server was asked to say, and `!` with what it was asked to stop."""
        found = []
        for message in self.link.heard:
            if isinstance(message, SayLine):
                found.append(message.text)
            elif isinstance(message, Interrupt):
                found.append(f"!{message.message_id}")
        return found

    @property
    def ended(self) -> list[tuple[int, LinesEnd, int]]:
        return [(e.script, e.end, e.said) for e in self.of(LinesEnded)]


def test_a_line_waits_until_the_one_before_has_been_heard() -> None:
    stage = Stage()
    assert stage.play() == 1
    assert stage.asked == ONE_TWO[:1]
    stage.write("One is", "m1", final=False)
    stage.write(ONE_TWO[0], "m1")
    stage.sound("m1", final=False)
    stage.sound("m1")  # Two seconds of voice at once.
    stage.advance(1.99)
    assert stage.asked == ONE_TWO[:1]
    stage.advance(0.02)
    assert stage.asked == ONE_TWO
    stage.write(ONE_TWO[1], "m2")
    stage.sound("m2")
    assert stage.ended == []
    stage.advance(1.01)
    assert stage.ended == [(1, FINISHED, 2)]
    assert stage.of(LineStarted) == [LineStarted(1, 0), LineStarted(1, 1)]
    assert stage.client.deadline is not None
    assert stage.client.deadline.timer.value == "heartbeat"


def test_a_player_says_when_a_line_has_been_heard() -> None:
    stage = Stage()
    stage.play()
    stage.write(ONE_TWO[0], "m1")
    stage.sound("m1")
    stage.client.playback_started("m1", now=stage.now)
    stage.advance(5.0)
    assert stage.asked == ONE_TWO[:1]
    stage.client.submit(AudioPlaybackComplete("m1"), now=stage.now)
    stage.advance(0.0)
    assert stage.asked == ONE_TWO


def test_without_a_voice_it_goes_on_soon() -> None:
    stage = Stage()
    stage.play()
    stage.write(ONE_TWO[0], "m1")
    stage.advance(VOICE_DUE - 0.01)
    assert stage.asked == ONE_TWO[:1]
    stage.advance(0.02)
    assert stage.asked == ONE_TWO


def test_where_no_voice_is_asked_for_it_goes_on_at_once() -> None:
    stage = Stage()
    stage.play(text_only=True)
    stage.write(ONE_TWO[0], "m1")
    stage.write(ONE_TWO[1], "m2")
    assert stage.ended == [(1, FINISHED, 2)]
    assert [m.text_only for m in stage.link.heard if isinstance(m, SayLine)] == [True, True]


def test_between_two_lines_there_may_be_a_pause() -> None:
    stage = Stage()
    stage.play(text_only=True, gap=3.0)
    stage.write(ONE_TWO[0], "m1")
    stage.advance(2.99)
    assert stage.asked == ONE_TWO[:1]
    stage.advance(0.02)
    assert stage.asked == ONE_TWO
    stage.write(ONE_TWO[1], "m2")
    assert stage.ended == [(1, FINISHED, 2)]  # None behind the last.


def test_a_line_of_which_nothing_comes_is_passed_over() -> None:
    stage = Stage()
    stage.play(line_timeout=4.0)
    stage.advance(3.99)
    assert stage.asked == ONE_TWO[:1]
    stage.advance(0.02)
    assert stage.asked == ONE_TWO
    stage.write("Two", "m2", final=False)
    stage.advance(3.0)
    stage.sound("m2", final=False)  # A sign of life, but its last chunk never comes.
    stage.write(ONE_TWO[1], "m2")
    stage.advance(3.99)
    assert stage.ended == []
    stage.advance(0.02)
    assert stage.ended == [(1, FINISHED, 2)]


def test_what_else_is_said_is_not_the_line() -> None:
    stage = Stage()
    stage.play(["One", "One"], text_only=True)
    stage.write("Two is another matter", "x")
    stage.write("", "y", final=False)
    stage.write("One", "z", is_interjection=True)
    stage.says(SttResponse("One"))
    assert stage.asked == ["One"]
    stage.write("One", "m1")
    assert stage.asked == ["One", "One"]
    stage.write("One", "m1")  # A late word of the line before.
    stage.sound("m1")
    stage.write("O", "m2", final=False)
    stage.write("One", "m1")
    stage.sound("m1")
    assert stage.ended == []
    stage.write("One", "m2")
    assert stage.ended == [(1, FINISHED, 2)]
    stage.write("One", "m3")


def test_it_can_go_round() -> None:
    stage = Stage()
    stage.play(text_only=True, loop=True, gap=1.0)
    for number in range(5):
        stage.write(ONE_TWO[number % 2], f"m{number}")
        stage.advance(1.01)
    assert stage.asked == [*ONE_TWO, *ONE_TWO, *ONE_TWO]
    stage.steer(Steer.STOP)
    assert stage.ended == [(1, STOPPED, 5)]


# --- steering ------------------------------------------------------------------------------------


def test_a_pause_lets_the_line_end_and_holds_the_next() -> None:
    stage = Stage()
    stage.play(text_only=True)
    stage.steer(Steer.PAUSE)
    stage.write(ONE_TWO[0], "m1")
    stage.advance(20.0)
    assert stage.asked == ONE_TWO[:1]
    assert stage.client.deadline is not None
    assert stage.client.deadline.timer.value == "heartbeat"
    stage.steer(Steer.RESUME)
    assert stage.asked == ONE_TWO


def test_what_is_skipped_is_cut_and_the_next_follows() -> None:
    stage = Stage()
    stage.play()
    stage.write("One", "m1", final=False)
    stage.steer(Steer.SKIP)
    assert stage.asked == [ONE_TWO[0], "!m1", ONE_TWO[1]]
    stage.says(InterruptData())  # That was ours, whatever it names.
    assert stage.ended == []
    stage.steer(Steer.SKIP)  # Of the second nothing has been seen.
    assert stage.asked[-1] == "!None"
    assert stage.ended == [(1, FINISHED, 0)]
    stage.says(InterruptData("m1"))


def test_our_own_cut_is_answered_once() -> None:
    stage = Stage()
    stage.play()
    stage.write("One", "m1", final=False)
    stage.steer(Steer.SKIP)
    stage.says(InterruptData("m1"))
    stage.write("Two", "m2", final=False)
    stage.says(InterruptData("m1"))  # Old news.
    assert stage.ended == []
    stage.says(InterruptData())
    assert stage.ended == [(1, BROKEN, 0)]


def test_between_two_lines_the_next_is_skipped() -> None:
    stage = Stage()
    stage.play([*ONE_TWO, "Three"], text_only=True, gap=5.0)
    stage.write(ONE_TWO[0], "m1")
    stage.steer(Steer.SKIP)
    assert stage.asked == [ONE_TWO[0], "Three"]


def test_stop_cuts_the_line_and_ends() -> None:
    stage = Stage()
    stage.play()
    stage.write("One", "m1", final=False)
    stage.steer(Steer.STOP)
    assert stage.asked == [ONE_TWO[0], "!m1"]
    assert stage.ended == [(1, STOPPED, 0)]
    for what in Steer:
        stage.steer(what)
    assert len(stage.ended) == 1
    assert stage.play() == 2
    stage.steer(Steer.STOP, script=1)  # Another one's.
    assert len(stage.ended) == 1


def test_stop_between_two_lines_cuts_nothing() -> None:
    stage = Stage()
    stage.play(text_only=True, gap=5.0)
    stage.write(ONE_TWO[0], "m1")
    stage.steer(Steer.STOP)
    assert stage.asked == ONE_TWO[:1]
    assert stage.ended == [(1, STOPPED, 1)]


# --- what ends them before their time ------------------------------------------------------------


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("by", ["us", "the server"])
def test_an_interruption_ends_them(by: str, named: bool) -> None:
    stage = Stage()
    stage.play()
    stage.write("One", "m1", final=False)
    stage.says(InterruptData("other"))
    stage.client.submit(Interrupt("other"), now=stage.now)
    assert stage.ended == []
    if by == "us":
        stage.client.submit(Interrupt("m1" if named else None), now=stage.now)
        stage.advance(0.0)
    else:
        stage.says(InterruptData("m1" if named else None))
    assert stage.ended == [(1, BROKEN, 0)]
    stage.advance(60.0)
    assert ONE_TWO[1] not in stage.asked


def test_between_two_lines_there_is_nothing_to_interrupt() -> None:
    stage = Stage()
    stage.play(text_only=True, gap=5.0)
    stage.write(ONE_TWO[0], "m1")
    stage.client.submit(Interrupt(), now=stage.now)
    stage.says(InterruptData())
    stage.says(ModerationFlag("m1", "redacted"))
    stage.advance(5.1)
    assert ONE_TWO[1] in stage.asked


def test_a_redaction_ends_them() -> None:
    stage = Stage()
    stage.play()
    stage.write("One", "m1", final=False)
    stage.says(ModerationFlag("other", "redacted"))
    stage.says(ModerationFlag("m1", "noted"))
    assert stage.ended == []
    stage.says(ModerationFlag("m1", "redacted"))
    assert stage.ended == [(1, BROKEN, 0)]


def test_a_used_up_quota_ends_them() -> None:
    stage = Stage()
    stage.play()
    stage.says(QuotaExceededData("no more"))
    assert stage.ended == [(1, FAILED, 0)]


def test_the_end_of_the_connection_ends_them() -> None:
    stage = Stage(reconnect_delay=0.0)
    stage.play(loop=True)
    stage.write(ONE_TWO[0], "m1")
    stage.link.cut()
    stage.advance(1.0)
    assert stage.ended == [(1, GONE, 0)]
    assert stage.client.is_connected
    stage.advance(60.0)
    assert stage.asked == []  # Nothing is said in the new session.


def test_behind_a_goodbye_nothing_is_said() -> None:
    stage = Stage()
    stage.play(text_only=True)
    stage.link.stalled.add(Role.CLIENT)
    stage.client.disconnect(now=stage.now)
    stage.write(ONE_TWO[0], "m1")
    stage.steer(Steer.SKIP)
    stage.link.stalled.clear()
    stage.advance(3.0)
    assert stage.asked == ONE_TWO[:1]
    assert [end for _, end, _ in stage.ended] == [GONE]


def test_a_goodbye_in_the_middle_of_a_line_lets_nothing_be_cut() -> None:
    stage = Stage()
    stage.play()
    stage.link.stalled.add(Role.CLIENT)
    stage.client.disconnect(now=stage.now)
    stage.steer(Steer.STOP)
    assert stage.ended == [(1, STOPPED, 0)]


def test_a_full_buffer_holds_the_next_line() -> None:
    stage = Stage()
    stage.play(text_only=True)
    stage.link.stalled.add(Role.CLIENT)
    for size in (10_000, 100, 1):  # Until there is no room for a line either.
        with pytest.raises(SendBlocked):
            while True:
                stage.client.submit(SendText("x" * size), now=stage.now)
    stage.write(ONE_TWO[0], "m1")
    assert stage.of(LineStarted) == [LineStarted(1, 0)]
    stage.link.stalled.clear()
    stage.advance(0.0)
    assert stage.of(LineStarted) == [LineStarted(1, 0), LineStarted(1, 1)]
    assert stage.asked[-1] == ONE_TWO[1]


# --- what cannot be said -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "how", "problem"),
    [
        ("one line", {}, "lines is one str: give a list of them"),
        ([], {}, "lines is empty"),
        (["one", 2], {}, r"lines\[1\] is int, not str"),
        (["one", " \n"], {}, r"lines\[1\] is blank"),
        (["one"], {"gap": -1.0}, "gap is -1.0: give seconds, 0 or more"),
        (["one"], {"gap": float("inf")}, "gap is inf"),
        (["one"], {"line_timeout": 0}, "line_timeout is 0: give seconds above 0"),
        (["one"], {"line_timeout": float("nan")}, "line_timeout is nan"),
        (["one", "x" * 2000], {}, "'say_line' takes 20.. bytes on the wire"),
    ],
)
def test_what_cannot_be_said_is_refused_at_once(
    lines: Any, how: dict[str, Any], problem: str
) -> None:
    pair = Pair(handshake=Open("sid", max_payload=1000))
    pair.connect()
    with pytest.raises(LocalProtocolError, match=problem):
        pair.client.say_lines(lines, now=pair.now, **how)
    pair.advance(1.0)
    assert not [m for m in pair.link.heard if isinstance(m, SayLine)]
    pair.client.say_lines(["one"], now=pair.now)


def test_one_script_at_a_time_and_only_in_a_session() -> None:
    stage = Stage()
    stage.play()
    with pytest.raises(LocalProtocolError, match="lines are being said already"):
        stage.play()
    assert stage.asked == ONE_TWO[:1]
    stage.client.disconnect(now=stage.now)
    stage.advance(3.0)
    with pytest.raises(LocalProtocolError, match="cannot say lines: not connected"):
        stage.play()
