"""The tone voice: its sound, its pieces, their pace and their end."""

from __future__ import annotations

from itertools import pairwise
from math import pi, sin
from struct import unpack
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estuary_proto.gateway.tone_voice import (
    LETTER,
    LONGEST,
    LOUDNESS,
    PITCHES,
    Voicing,
    note,
    sound,
)

if TYPE_CHECKING:
    from estuary_proto.models.conversation import BotVoice

TEXT = "Once there was a river, and it ran north. Then east!"


def samples(pcm: bytes) -> tuple[int, ...]:
    return unpack(f"<{len(pcm) // 2}h", pcm)


def spoken(text: str = TEXT, rate: int = 16000, *, terminator: bool = False) -> list[BotVoice]:
    """All chunks, each taken when it is due."""
    voice = Voicing("m1", rate, now=0.0, terminator=terminator)
    voice.add(text)
    voice.finish()
    return drained(voice)


def drained(voice: Voicing, now: float = 0.0) -> list[BotVoice]:
    found = []
    while (due := voice.due_at) is not None:
        now = max(now, due)
        found.append(voice.next_chunk(now))
    return found


# --- sound ----------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 24000, 44100, 48000])
def test_it_does_not_click(rate: int) -> None:
    pcm = b"".join(chunk.pcm for chunk in spoken(rate=rate))
    steps = [abs(b - a) for a, b in pairwise((0, *samples(pcm), 0))]
    # The steepest that its highest note rises, with its overtone, from one sample to the next.
    steepest = LOUDNESS * 1.5 * 2 * pi * max(PITCHES) * 1.05 / rate
    assert max(steps) <= steepest + 1
    assert max(map(abs, samples(pcm))) > LOUDNESS * 0.9


def test_a_note_has_its_pitch() -> None:
    made = note(48000, PITCHES[0])
    assert 48000 / (len(made.period) / 2) == pytest.approx(PITCHES[0], rel=0.01)
    wave = samples(made.period)
    first = [2 * sin(2 * pi * i / len(wave)) * s / len(wave) for i, s in enumerate(wave)]
    assert sum(first) == pytest.approx(LOUDNESS, rel=0.01)


def test_a_note_is_soft_at_both_ends() -> None:
    made = note(16000, PITCHES[2])
    rise, fall = samples(made.rise), samples(made.fall)
    part = len(rise) // 5
    for soft, loud in ((rise[:part], rise[-part:]), (fall[-part:], fall[:part])):
        assert max(map(abs, soft)) < LOUDNESS * 0.2
        assert max(map(abs, loud)) > LOUDNESS * 0.7


def test_words_differ_and_stay_the_same() -> None:
    assert sound("river", 16000) == sound("river", 16000)
    assert len({len(note(16000, pitch).period) for pitch in PITCHES}) == len(PITCHES)
    words = {sound(word, 16000) for word in ("river", "north", "where", "there", "watch")}
    assert len(words) > 2


@pytest.mark.parametrize(
    ("word", "seconds"),
    [("river", 5 * LETTER + 0.05), ("river,", 5 * LETTER + 0.18), ("river.", 5 * LETTER + 0.3),
     ("x" * 24, 14 * LETTER + 0.05), ("--", 0.05), ("a", LETTER + 0.05), ("Ω", LETTER + 0.05)],
)  # fmt: skip
def test_a_word_lasts_as_long_as_it_is(word: str, seconds: float) -> None:
    assert len(sound(word, 16000)) / 32000 == pytest.approx(seconds, abs=0.012)


def test_its_length_goes_with_the_text() -> None:
    once = sum(len(chunk.pcm) for chunk in spoken())
    thrice = sum(len(chunk.pcm) for chunk in spoken(f"{TEXT} {TEXT} {TEXT}"))
    assert thrice == 3 * once
    assert 3 < once / 32000 < 4


def test_there_is_an_end_to_it() -> None:
    chunks = spoken(f"{TEXT} " * 100, 8000)
    assert sum(len(chunk.pcm) for chunk in chunks) == LONGEST * 16000
    assert [chunk.is_final for chunk in chunks].index(True) == len(chunks) - 1


def test_action_tags_are_not_spoken() -> None:
    voice = Voicing("m1", 16000, now=0)
    for piece in ("Hello ", "<action ", 'name="wave"', "/> ", "there"):
        voice.add(piece)
    voice.finish()
    assert [c.pcm for c in drained(voice)] == [c.pcm for c in spoken("Hello there")]


def test_a_tag_that_never_ends_is_text() -> None:
    assert len(spoken("a <action")[0].pcm) > len(spoken("a")[0].pcm)


# --- pieces ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
def test_chunks_of_200_ms_with_their_numbers(rate: int) -> None:
    chunks = spoken(rate=rate)
    assert [chunk.chunk_index for chunk in chunks] == list(range(len(chunks)))
    assert [chunk.is_final for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert {chunk.sample_rate for chunk in chunks} == {rate}
    assert {chunk.message_id for chunk in chunks} == {"m1"}
    assert {len(chunk.pcm) for chunk in chunks[:-1]} == {2 * (rate // 5)}
    assert 0 < len(chunks[-1].pcm) <= 2 * (rate // 5)


def test_an_empty_chunk_may_end_it() -> None:
    plain, ended = spoken(), spoken(terminator=True)
    assert [chunk.pcm for chunk in ended] == [*(chunk.pcm for chunk in plain), b""]
    assert [chunk.is_final for chunk in ended] == [False] * len(plain) + [True]


@pytest.mark.parametrize("text", ["", "  \n", '<action name="wave"/>'])
def test_nothing_to_say_is_no_voice(text: str) -> None:
    voice = Voicing("m1", 16000, now=5.0)
    voice.add(text)
    assert voice.due_at is None
    voice.finish()
    assert voice.due_at is None
    assert not voice.plays(5.0)


@settings(deadline=None)
@given(st.lists(st.integers(0, len(TEXT)), max_size=10))
def test_any_pieces_of_text_sound_the_same(cuts: list[int]) -> None:
    voice = Voicing("m1", 8000, now=0)
    found = []
    for start, end in pairwise([0, *sorted(cuts), len(TEXT)]):
        voice.add(TEXT[start:end])
        found += drained(voice)
    voice.finish()
    found += drained(voice)
    assert found == spoken(rate=8000)


def test_a_whole_chunk_that_may_be_the_last_waits() -> None:
    pause = "-- "
    assert len(sound(pause.strip(), 8000)) * 4 == 3200  # Four make a chunk.
    voice = Voicing("m1", 8000, now=0)
    voice.add(pause * 4)
    assert voice.due_at is None
    voice.add(pause)
    assert voice.due_at is not None
    assert not voice.next_chunk(0.0).is_final
    voice = Voicing("m1", 8000, now=0)
    voice.add(pause * 4)
    voice.finish()
    assert [(len(c.pcm), c.is_final) for c in drained(voice)] == [(3200, True)]
    voice = Voicing("m1", 8000, now=0)
    voice.add(pause * 8)
    voice.next_chunk(0.0)
    assert voice.due_at is None


# --- pace -----------------------------------------------------------------------------------


def test_it_is_sent_a_second_ahead_and_no_more() -> None:
    voice = Voicing("m1", 16000, now=10.0)
    voice.add(TEXT)
    voice.finish()
    sent, now = 0.0, 10.0
    ahead = []
    while (due := voice.due_at) is not None:
        now = max(now, due)
        sent += len(voice.next_chunk(now).pcm) / 32000
        ahead.append(sent - (now - 10.0))
    assert ahead[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert max(ahead) == pytest.approx(1.0)
    assert ahead[-2] == pytest.approx(1.0)


def test_words_that_come_late_bring_no_burst() -> None:
    voice = Voicing("m1", 16000, now=0.0)
    voice.add("Once there was ")
    first = drained(voice)
    assert first
    assert voice.due_at is None  # What is left may be the end, and the end is final.
    voice.add("a lighthouse keeper who was afraid of the dark and of the night ")
    now = 60.0
    burst = 0
    while (due := voice.due_at) is not None and due <= now:
        voice.next_chunk(now)
        burst += 1
    assert burst in (4, 5)  # A second of it, to the rounding.


def test_it_sounds_until_it_has_been_heard() -> None:
    voice = Voicing("m1", 16000, now=0.0)
    assert voice.plays(0.0)
    voice.add("Once there was a river.")
    voice.finish()
    length = sum(len(chunk.pcm) for chunk in drained(voice)) / 32000
    assert voice.plays(length - 0.01)
    assert not voice.plays(length)


def test_the_client_knows_better_when_it_was_heard() -> None:
    voice = Voicing("m1", 16000, now=0.0)
    voice.add(TEXT)
    voice.finish()
    voice.next_chunk(0.0)
    voice.played(0.1)  # It ran dry: there is more to come.
    assert voice.plays(0.1)
    drained(voice)
    voice.played(1.5)
    assert not voice.plays(1.5)
    voice.played(9.0)
    assert not voice.plays(2.0)
