"""Speech found by probabilities: when it begins and ends, and what of its sound is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from estuary_proto.gateway.activity import Probability
from estuary_proto.gateway.hearing import Hearing, Sound

from .sounds import silence, tone

if TYPE_CHECKING:
    from collections.abc import Iterable

    from estuary_proto.gateway.hearing import Heard

RATE = 16000
FRAME = 1024


class Told:
    """A detector that says what it was told to, frame by frame; then nothing is speech."""

    def __init__(self, likely: Iterable[float]) -> None:
        self.likely = list(likely)
        self.frames: list[bytes] = []

    def __call__(self, pcm: bytes) -> float:
        self.frames.append(pcm)
        return self.likely.pop(0) if self.likely else 0.0


def hearing(*likely: float, rate: int = RATE, whole: bool = False) -> Hearing:
    activity = Probability(rate, Told(likely))
    return Hearing(rate, whole=whole, keeps=True, longest=60.0, activity=activity)


def frames(count: int) -> bytes:
    """Numbered frames, so that it shows which were kept."""
    return b"".join(number.to_bytes(2, "little") * (FRAME // 2) for number in range(count))


def kinds(found: list[Heard]) -> list[Sound]:
    return [heard.sound for heard in found]


def test_three_likely_frames_begin_it_and_half_a_second_ends_it() -> None:
    ear = hearing(0.6, 0.5, 0.9)
    assert ear.feed(frames(2)) == []
    (began,) = ear.feed(frames(1))
    assert began.sound is Sound.BEGINS
    assert began.seconds == pytest.approx(0.096)
    assert Sound.ENDS not in kinds(ear.feed(frames(15)))
    (*_, ended) = ear.feed(frames(1))
    assert ended.sound is Sound.ENDS
    assert ended.seconds == pytest.approx(0.096)


def test_less_is_enough_to_go_on_than_to_begin() -> None:
    assert hearing(*[0.4] * 50).feed(frames(50)) == []
    found = hearing(*[0.5] * 3, *[0.3] * 30).feed(frames(33))
    assert kinds(found)[0] is Sound.BEGINS
    assert Sound.ENDS not in kinds(found)
    assert kinds(hearing(*[0.5] * 3, *[0.29] * 30).feed(frames(33)))[-1] is Sound.ENDS


def test_a_short_gap_is_allowed_at_the_beginning_and_a_long_one_is_not() -> None:
    assert kinds(hearing(0.9, 0.0, 0.0, 0.0, 0.9, 0.9).feed(frames(6))) == [Sound.BEGINS]
    assert hearing(0.9, 0.0, 0.0, 0.0, 0.0, 0.9, 0.9).feed(frames(7)) == []


def test_three_hundred_milliseconds_before_it_are_kept() -> None:
    ear = hearing(*[0.0] * 40, *[0.9] * 20)
    (*_, ended) = ear.feed(frames(76))
    assert ended.sound is Sound.ENDS
    # Ten frames of 32 ms before the first loud one, which is number 40; and the half second after.
    assert ended.pcm == frames(76)[30 * FRAME :]


def test_what_is_being_said_is_given_once_and_the_end_begins_with_it() -> None:
    ear = hearing(*[0.0] * 20, *[0.9] * 20)
    assert ear.fresh() == b""
    ear.feed(frames(22))
    assert ear.fresh() == b""  # Not yet speech.
    ear.feed(frames(23)[22 * FRAME :])
    first = ear.fresh()
    assert first == frames(23)[10 * FRAME :]
    assert ear.fresh() == b""
    ear.feed(frames(30)[23 * FRAME :] + b"\1")
    second = ear.fresh()
    assert second == frames(30)[23 * FRAME :]
    ended = ear.finish()
    assert ended is not None
    assert ended.pcm == first + second
    assert ear.fresh() == b""


def test_a_held_button_gives_all_since_the_press() -> None:
    ear = hearing(*[0.0] * 40, *[0.9] * 10, whole=True)
    ear.feed(frames(50))
    assert ear.fresh() == frames(50)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_a_detector_is_given_every_frame_once_in_order(rate: int) -> None:
    told = Told([])
    audio = silence(0.5, rate) + tone(0.5, rate=rate)
    ear = Hearing(rate, whole=False, keeps=False, longest=60.0, activity=Probability(rate, told))
    for at in range(0, len(audio), 1002):
        ear.feed(audio[at : at + 1002])
    whole = 2 * round(rate * 0.032)
    assert {len(frame) for frame in told.frames} == {whole}
    assert audio.startswith(b"".join(told.frames))
    assert len(audio) - len(b"".join(told.frames)) < whole


def test_who_holds_a_button_means_it() -> None:
    buzz, low = tone(1.0, level=400), tone(1.0, level=300)
    for pcm, held, begins in ((buzz, True, True), (buzz, False, False), (low, True, False)):
        activity = Probability(RATE, Told([]), held=held)
        ear = Hearing(RATE, whole=held, keeps=True, longest=60.0, activity=activity)
        assert (Sound.BEGINS in kinds(ear.feed(pcm))) is begins
