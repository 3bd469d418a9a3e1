"""The microphone that is shut while the character is heard, in rooms of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from estuary_audio.suppressor import Suppressor
from tests.audio.room import SPEAKER, Room, converse, decibels
from tests.audio.voices import CHARACTER, USER, placed, speech, spoken

ROOMS = {
    "30 ms": Room(delay=0.03),
    "80 ms": Room(delay=0.08),
    "200 ms": Room(delay=0.2),
    "loud": Room(coupling=0),
    "noisy": Room(noise=-50),
    "reverberant": Room(reverberation=0.25),
    "distorting": Room(distortion=1.0),
    "200 ppm": Room(microphone_ppm=-200),
    "1000 ppm": Room(microphone_ppm=1000),
    "-1000 ppm": Room(speaker_ppm=1000),
}
BEGINS = (4.3, 9.1, 14.2, 19.7)


def beginning(text: str) -> Any:
    """The user's sentence, from where it is heard."""
    said = spoken(text, "slt", 16000)
    return said[np.flatnonzero(np.abs(said) > 0.03)[0] :]


@pytest.mark.parametrize("name", ROOMS)
def test_nothing_of_the_character_passes(name: str) -> None:
    talk = converse(ROOMS[name], Suppressor(), speech(CHARACTER, "rms", SPEAKER, 15))
    loudest = max(decibels(talk.given[i : i + 1600]) for i in range(3200, len(talk.given), 1600))
    print(f"{name}: 100 ms of what passed are at most {loudest:.1f} dB of full scale")
    assert talk.found == []
    assert loudest < max(-55, ROOMS[name].noise + 3)
    assert len(talk.given) == talk.size


@pytest.mark.parametrize("room", [Room(), Room(delay=0.2), Room(delay=0.03, microphone_ppm=200)])
def test_a_loud_user_gets_in_with_the_first_word(room: Room) -> None:
    played = speech(CHARACTER, "rms", SPEAKER, 25)
    pairs = list(zip(BEGINS, USER, strict=True))
    said = sum(placed(2 * beginning(text), at, 16000, 25) for at, text in pairs)
    talk = converse(room, Suppressor(), played, said)
    for begin, _ in pairs:
        found = talk.noticed(begin)
        print(f"{room.delay}: noticed after {found}")
        assert found is not None
        assert found <= 0.55
        first = slice(round((begin + 0.05) * 16000), round((begin + 0.6) * 16000))
        heard, spoke = talk.given[first], said[first]
        shift = round(begin * room.microphone_ppm * 1e-6 * 16000)
        assert shift <= 64
        assert decibels(heard) == pytest.approx(decibels(spoke), abs=2)
        assert not np.any(np.convolve(heard == 0, np.ones(160), "valid") >= 160)


def test_who_speaks_while_the_character_is_silent_is_not_touched() -> None:
    played = placed(speech(CHARACTER, "rms", SPEAKER, 5), 0, SPEAKER, 10)
    said = placed(beginning(USER[0]), 6.5, 16000, 10)
    talk = converse(Room(), Suppressor(), played, said)
    part = slice(round(6.5 * 16000), round(8.5 * 16000))
    error = talk.given[part] - said[part]
    assert decibels(error) < -60


def test_the_end_of_the_character_does_not_cut_the_users_beginning() -> None:
    """The user begins in the tail: what was held back then is given after all."""
    played = placed(speech(CHARACTER, "rms", SPEAKER, 5), 0, SPEAKER, 10)
    said = placed(beginning(USER[0]), 5.15, 16000, 10)
    talk = converse(Room(noise=-80), Suppressor(), played, said)
    part = slice(round(5.2 * 16000), round(6.5 * 16000))
    assert decibels(talk.given[part] - said[part]) < -40


def test_headphones_leave_the_microphone_open() -> None:
    """What is never heard shuts nothing, once that is known."""
    played = speech(CHARACTER, "rms", SPEAKER, 20)
    said = placed(beginning(USER[0]), 12, 16000, 20)
    talk = converse(Room(coupling=-90), Suppressor(), played, said)
    part = slice(round(12 * 16000), round(13.5 * 16000))
    assert decibels(talk.given[part] - said[part]) < -60


def test_another_device() -> None:
    suppressor = Suppressor()
    played = speech(CHARACTER, "rms", SPEAKER, 5)
    converse(Room(delay=0.2), suppressor, played)
    assert suppressor.delay == pytest.approx(0.2, abs=0.004)
    suppressor.reset()
    assert suppressor.delay is None
    talk = converse(Room(delay=0.03, seed=2), suppressor, played)
    assert talk.found == []
    assert not suppressor.talking(0.0)
    assert suppressor.delay == pytest.approx(0.03, abs=0.004)
