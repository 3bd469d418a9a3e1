"""Speech is found by its energy: where it begins, goes on and ends, in whatever pieces it comes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estuary_proto.gateway.hearing import Heard, Hearing, Sound

from .sounds import RATE, SPEECH, mixed, noise, silence, tone


def hearing(rate: int = RATE, **options: Any) -> Hearing:
    return Hearing(rate, **{"whole": False, "keeps": False, "longest": 60.0, **options})


def turns(found: list[Heard]) -> list[float]:
    """How long each utterance was."""
    return [round(heard.seconds, 2) for heard in found if heard.sound is Sound.ENDS]


def test_an_utterance_begins_goes_on_and_ends() -> None:
    found = hearing().feed(SPEECH)
    assert [heard.sound for heard in found] == [
        Sound.BEGINS, *[Sound.GOES_ON] * 4, Sound.ENDS,
    ]  # fmt: skip
    assert [round(heard.seconds, 2) for heard in found] == [0.16, 0.46, 0.76, 1.0, 1.0, 1.0]


def test_it_ends_half_a_second_after_its_last_sound_and_no_sooner() -> None:
    ear = hearing()
    assert turns(ear.feed(tone(1.0) + silence(0.48))) == []
    assert ear.speaks
    assert turns(ear.feed(silence(0.02))) == [1.0]
    assert not ear.speaks


def test_pauses_between_words_part_nothing() -> None:
    words = b"".join(tone(0.25) + silence(0.4) for _ in range(4))
    assert turns(hearing().feed(words + silence(0.2))) == [2.2]


def test_two_sentences_are_two_utterances() -> None:
    assert turns(hearing().feed(SPEECH + SPEECH)) == [1.0, 1.0]


@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.14])
def test_a_click_is_no_speech(seconds: float) -> None:
    assert hearing().feed((silence(0.3) + tone(seconds)) * 10 + silence(1)) == []


def test_the_shortest_speech() -> None:
    assert turns(hearing().feed(tone(0.16) + silence(0.5))) == [0.16]
    # Two halves of it with a short pause between are one word, with a long one they are two clicks.
    assert turns(hearing().feed(tone(0.08) + silence(0.1) + tone(0.08) + silence(0.5))) == [0.26]
    assert hearing().feed(tone(0.08) + silence(0.12) + tone(0.08) + silence(0.5)) == []


def test_what_is_too_soft_is_silence() -> None:
    assert hearing().feed(tone(1, level=300) + silence(1)) == []  # An RMS of 212.
    assert turns(hearing().feed(tone(1, level=400) + silence(1))) == [1.0]


def test_a_microphone_that_leans_to_one_side_hears_no_more() -> None:
    assert hearing().feed(tone(2, level=0, offset=9000)) == []
    assert turns(hearing().feed(tone(1, offset=9000) + tone(1, level=0, offset=9000))) == [1.0]


def test_noise_is_learned_and_speech_stands_out_of_it() -> None:
    ear = hearing()
    assert ear.feed(noise(4, 200)) == []
    # What would be speech in a silent room is none in this one.
    assert ear.feed(mixed(noise(1, 200), tone(1, level=500))) == []
    loud = mixed(noise(1, 200), tone(1, level=3000))
    assert turns(ear.feed(loud + noise(1, 200, seed=1))) == [1.0]


def test_a_machine_that_is_switched_on_becomes_noise() -> None:
    ear = hearing()
    found = ear.feed(silence(1) + noise(20, 2000))
    assert [heard.sound for heard in found if heard.sound is not Sound.GOES_ON] == [
        Sound.BEGINS, Sound.ENDS,
    ]  # fmt: skip
    assert 5 < turns(found)[0] < 12
    # Switched off again, a voice is heard as before.
    assert turns(ear.feed(silence(1) + SPEECH)) == [1.0]


def test_nobody_speaks_for_longer_than_the_longest() -> None:
    found = hearing(longest=2.0).feed(tone(5) + silence(1))
    assert turns(found) == [2.0, 2.0, 1.0]


def test_a_held_button_makes_one_utterance_of_everything() -> None:
    ear = hearing(whole=True)
    found = ear.feed(SPEECH * 3)
    assert turns(found) == []
    assert [heard.sound for heard in found].count(Sound.BEGINS) == 1
    ended = ear.finish()
    assert ended is not None
    assert round(ended.seconds, 2) == 5.0
    assert ear.finish() is None


def test_news_pauses_while_nothing_is_said() -> None:
    ear = hearing(whole=True)
    ear.feed(tone(1) + silence(0.5))
    assert ear.feed(silence(5)) == []
    assert [heard.sound for heard in ear.feed(tone(0.6))] == [Sound.GOES_ON] * 2


@pytest.mark.parametrize("whole", [False, True])
def test_a_release_without_speech_is_nothing(whole: bool) -> None:
    ear = hearing(whole=whole)
    assert ear.feed(silence(1) + tone(0.1)) == []
    assert ear.finish() is None
    # And what was begun before is forgotten.
    assert ear.feed(tone(0.1)) == []


def test_the_audio_of_an_utterance_is_kept_with_a_little_before_it() -> None:
    audio = silence(1.0) + tone(1.0) + silence(0.5)
    (*_, ended) = hearing(keeps=True).feed(audio + silence(0.5))
    assert ended.pcm == silence(0.28) + tone(1.0) + silence(0.5)
    assert ended.cut == 0
    # A click before it is not of it.
    (*_, ended) = hearing(keeps=True).feed(tone(0.1) + audio)
    assert ended.pcm == silence(0.28) + tone(1.0) + silence(0.5)
    (*_, ended) = hearing().feed(audio)
    assert ended.pcm == b""


def test_the_audio_of_a_held_button_is_all_that_came() -> None:
    ear = hearing(whole=True, keeps=True)
    audio = silence(1.0) + tone(0.995) + silence(0.5)
    ear.feed(audio + b"\1")
    ended = ear.finish()
    assert ended is not None
    assert ended.pcm == audio
    ear.feed(SPEECH)
    ended = ear.finish()
    assert ended is not None
    assert ended.pcm == SPEECH


def test_too_much_is_cut_and_told() -> None:
    ear = hearing(whole=True, keeps=True, longest=2.0)
    ear.feed(tone(3.0) + silence(0.5))
    ended = ear.finish()
    assert ended is not None
    assert ended.pcm == tone(2.0)
    assert round(ended.cut, 2) == 1.5
    assert round(ended.seconds, 2) == 3.0


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000])
def test_any_rate(rate: int) -> None:
    audio = silence(0.3, rate) + tone(1.0, rate=rate) + silence(0.7, rate)
    found = hearing(rate).feed(audio)
    assert found[-1].sound is Sound.ENDS
    assert found[-1].seconds == pytest.approx(1.0, abs=0.03)


AUDIO = silence(0.2) + tone(0.5) + silence(0.3) + tone(0.4) + silence(0.6) + tone(0.3) + b"\0"


@settings(deadline=None)
@given(
    cuts=st.lists(st.integers(0, len(AUDIO)), max_size=60),
    whole=st.booleans(),
    keeps=st.booleans(),
)
def test_any_pieces_of_the_same_audio_are_heard_the_same(
    cuts: list[int], whole: bool, keeps: bool
) -> None:
    once = hearing(whole=whole, keeps=keeps)
    wanted = [*once.feed(AUDIO), once.finish()]
    ear = hearing(whole=whole, keeps=keeps)
    found: list[Heard | None] = []
    for start, end in pairwise([0, *sorted(cuts), len(AUDIO)]):
        found += ear.feed(AUDIO[start:end])
    assert [*found, ear.finish()] == wanted
    ends = [heard for heard in wanted if heard is not None and heard.sound is Sound.ENDS]
    assert len(ends) == (1 if whole else 2)


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=20_000), st.booleans(), st.booleans())
def test_any_bytes_at_all(data: bytes, whole: bool, keeps: bool) -> None:
    ear = hearing(whole=whole, keeps=keeps)
    found = ear.feed(data)
    if ear.speaks:
        ended = ear.finish()
        assert ended is not None
        found.append(ended)
    sounds = [heard.sound for heard in found]
    assert sounds.count(Sound.BEGINS) == sounds.count(Sound.ENDS)
