"""The echo canceller in rooms of numbers, with spoken sentences."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from estuary_audio import AudioBlock
from estuary_audio.echo import EchoCanceller
from estuary_audio.openair import open_air
from estuary_audio.suppressor import Suppressor
from estuary_proto.errors import EstuaryError
from tests.audio.room import BLOCK, EPOCH, SPEAKER, Room, converse, decibels
from tests.audio.voices import CHARACTER, USER, placed, speech, spoken

pytest.importorskip("livekit.rtc.apm", reason="not installed: livekit (the extra [livekit])")

ROOMS = {
    "30 ms": Room(delay=0.03, noise=-90),
    "80 ms": Room(delay=0.08, noise=-90),
    "200 ms": Room(delay=0.2, noise=-90),
    "told too late": Room(delay=-0.03, noise=-90),
    "noisy": Room(noise=-66),
    "reverberant": Room(reverberation=0.25, noise=-66),
    "distorting": Room(distortion=1.0, noise=-66),
    "microphone +200 ppm": Room(microphone_ppm=200),
    "microphone -200 ppm": Room(microphone_ppm=-200),
    "microphone +1000 ppm": Room(microphone_ppm=1000),
    "microphone -1000 ppm": Room(microphone_ppm=-1000),
    "loudspeaker +1000 ppm": Room(speaker_ppm=1000, delay=0.2),
    "both 1000 ppm apart": Room(speaker_ppm=-500, microphone_ppm=500, delay=0.03),
}
BEGINS = (4.3, 9.1, 14.2, 19.7)


def beginning(text: str) -> Any:
    """The user's sentence, from where it is heard."""
    said = spoken(text, "slt", 16000)
    return said[np.flatnonzero(np.abs(said) > 0.03)[0] :]


def users(seconds: float, gain: float = 1.0) -> Any:
    """A user who begins at each of `BEGINS`, as loud as the loudspeaker or `gain` times that."""
    pairs = zip(BEGINS, USER, strict=True)
    return sum(placed(gain * beginning(text), at, 16000, seconds) for at, text in pairs)


@pytest.mark.parametrize("name", ROOMS)
def test_the_character_is_not_heard(name: str) -> None:
    canceller = EchoCanceller()
    room = ROOMS[name]
    talk = converse(room, canceller, speech(CHARACTER, "rms", SPEAKER, 15))
    early, late = talk.removed(0.2, 3), talk.removed(5, 14)
    print(f"{name}: {early:.1f} dB at first, {late:.1f} dB later, delay {canceller.delay}")
    assert late >= 30
    assert early >= 28
    assert talk.found == []
    assert canceller.delay == pytest.approx(room.delay, abs=0.004)


@pytest.mark.parametrize(
    ("gain", "room"),
    [
        (1.0, Room()),
        (0.5, Room(delay=0.2)),
        (2.0, Room(delay=0.03)),
        (1.0, Room(coupling=-90)),  # Headphones.
        (1.0, Room(noise=-50)),
        (1.0, Room(distortion=1.0, microphone_ppm=1000)),
    ],
)
def test_a_user_is_noticed(gain: float, room: Room) -> None:
    played = speech(CHARACTER, "rms", SPEAKER, 25)
    talk = converse(room, EchoCanceller(), played, users(25, gain))
    after = [talk.noticed(begin) for begin in BEGINS]
    print(gain, room, [round(a, 2) if a else None for a in after])
    for begin, found in zip(BEGINS, after, strict=True):
        assert found is not None
        assert found <= 0.5
        onset = next(onset for at, onset in talk.found if at >= begin)
        assert onset == pytest.approx(begin, abs=0.4)
    for at, _ in talk.found:
        assert any(begin <= at < begin + 4.5 for begin in BEGINS)


def test_the_users_words_are_whole_when_the_character_stops() -> None:
    """Barge-in, as a session does it: what is said from then on is not touched."""
    played = speech(CHARACTER, "rms", SPEAKER, 25)
    for begin in BEGINS:
        played[round((begin + 0.35) * SPEAKER) : round((begin + 4) * SPEAKER)] = 0
    said = users(25)
    filtered = converse(Room(coupling=-120, noise=-120), EchoCanceller(), 0 * played, said).given
    talk = converse(Room(), EchoCanceller(), played, said)
    for begin in BEGINS:
        first, rest = (
            likeness(talk.given, filtered, begin + since, begin + until)
            for since, until in ((0.0, 0.4), (0.6, 1.6))
        )
        loudness = decibels(part(talk.given, begin, begin + 0.4)) - decibels(
            part(filtered, begin, begin + 0.4)
        )
        print(f"first 0.4 s: alike {first:.2f}, {loudness:.1f} dB; then alike {rest:.2f}")
        assert rest > 0.98
        assert first > 0.6
        assert loudness > -15


def test_who_wears_headphones_is_not_touched_while_the_character_speaks() -> None:
    played = speech(CHARACTER, "rms", SPEAKER, 25)
    filtered = converse(Room(coupling=-120, noise=-120), EchoCanceller(), 0 * played, users(25))
    talk = converse(Room(coupling=-90), EchoCanceller(), played, users(25))
    # Until some seconds have shown that nothing is heard, the first words pass through the module.
    for begin in BEGINS[1:]:
        alike = likeness(talk.given, filtered.given, begin, begin + 1.5)
        print(f"alike {alike:.2f}")
        assert alike > 0.98


def part(sound: Any, begin: float, end: float) -> Any:
    """From when to when, in seconds."""
    return sound[round(begin * 16000) : round(end * 16000)]


def likeness(one: Any, other: Any, begin: float, end: float) -> float:
    """1 if the two are the same but for loudness."""
    a, b = part(one, begin, end), part(other, begin, end)
    return float(np.dot(a, b) / np.sqrt(np.dot(a, a) * np.dot(b, b)))


@pytest.mark.parametrize("later", [0.15, 0.065, 0.04])
def test_another_latency_is_followed(later: float) -> None:
    canceller = EchoCanceller()
    played = speech(CHARACTER, "rms", SPEAKER, 15)
    talk = converse(Room(delay=0.05, later=(8, later)), canceller, played)
    seconds = [round(talk.removed(8 + i / 2, 8.5 + i / 2), 1) for i in range(8)]
    print(seconds)
    assert canceller.delay == pytest.approx(later, abs=0.004)
    assert talk.removed(8.6, 9.5) >= 28
    assert talk.removed(9.5, 14) >= 28
    assert talk.found == []


def test_a_latency_that_falls_too_far_to_be_followed() -> None:
    canceller = EchoCanceller()
    played = speech(CHARACTER, "rms", SPEAKER, 15)
    talk = converse(Room(delay=0.2, later=(8, 0.03)), canceller, played)
    print([round(talk.removed(8 + i / 2, 8.5 + i / 2), 1) for i in range(8)], len(talk.found))
    assert canceller.delay == pytest.approx(0.03, abs=0.004)
    assert talk.removed(10, 14) >= 25
    assert all(at < 9 for at, _ in talk.found)


def test_another_device() -> None:
    canceller = EchoCanceller()
    played = speech(CHARACTER, "rms", SPEAKER, 6)
    converse(Room(delay=0.2), canceller, played)
    canceller.reset()
    assert canceller.delay is None
    talk = converse(Room(delay=0.03, noise=-90, seed=2), canceller, played)
    assert talk.removed(1, 5) >= 30
    assert len(talk.given) == talk.size


def test_nothing_is_lost_when_a_device_changes() -> None:
    """A sound before, a sound after: both come out whole, at their places."""
    rng = np.random.default_rng(3)
    said = np.rint(3000 * rng.normal(size=16000)).astype("<i2")
    canceller = EchoCanceller(high_pass_filter=False)
    given = []
    for index in range(50):
        if index in (20, 21):
            canceller.reset()
        piece = said[index * 320 : (index + 1) * 320].tobytes()
        given.append(canceller.near_end(AudioBlock(piece, EPOCH + index * BLOCK, 16000)))
    given.append(canceller.finish())
    out = np.frombuffer(b"".join(given), "<i2")
    assert len(out) == len(said)
    for begin in (0, 6000, 10000, 15000):
        assert likeness_of(out[begin : begin + 1000], said[begin : begin + 1000]) > 0.99


def likeness_of(one: Any, other: Any) -> float:
    """As `likeness`, of whole sounds."""
    a, b = one.astype(float), other.astype(float)
    return float(np.dot(a, b) / np.sqrt(np.dot(a, a) * np.dot(b, b)))


def test_without_removing_echo() -> None:
    canceller = EchoCanceller(echo_cancellation=False)
    played = speech(CHARACTER, "rms", SPEAKER, 3)
    talk = converse(Room(), canceller, played)
    assert abs(talk.removed(0.5, 2.5)) < 3
    assert canceller.delay is None


def test_noise_suppression_can_be_had() -> None:
    quiet = np.zeros(6 * SPEAKER)
    plain = converse(Room(noise=-40), EchoCanceller(), quiet)
    suppressed = converse(Room(noise=-40), EchoCanceller(noise_suppression=True), quiet)
    assert decibels(part(suppressed.given, 3, 5)) < decibels(part(plain.given, 3, 5)) - 6


def test_talking_tells_of_the_past_too() -> None:
    canceller = EchoCanceller()
    quiet = np.zeros(6 * SPEAKER)
    converse(Room(), canceller, quiet, placed(beginning(USER[0]), 2.0, 16000, 6))
    assert canceller.onset is None
    assert not canceller.talking(EPOCH + 1.5)
    assert canceller.talking(EPOCH + 2.5)
    assert not canceller.talking(EPOCH + 5.8)


def test_another_rate_is_refused() -> None:
    for handler in (EchoCanceller(16000), Suppressor(16000)):
        with pytest.raises(EstuaryError, match="the block's rate is 8000 Hz, not 16000") as caught:
            handler.near_end(AudioBlock(bytes(320), EPOCH, 8000))
        assert caught.value.code == "CONFIG_INVALID"


def test_what_is_installed_is_used() -> None:
    assert isinstance(open_air(16000), EchoCanceller)


MISSING = """
import sys
sys.modules["livekit.rtc"] = None
"""

BROKEN = """
import sys
class Broken:
    @staticmethod
    def find_spec(name, *_):
        if name == "livekit.rtc":
            raise OSError("no such library")
sys.meta_path.insert(0, Broken)
"""

USE = """
from estuary_audio.echo import EchoCanceller
from estuary_audio.openair import open_air
from estuary_proto.errors import EstuaryError
try:
    EchoCanceller()
except EstuaryError as error:
    print(error.code, error.message)
print(type(open_air()).__name__)
"""


@pytest.mark.parametrize(
    ("how", "why"), [(MISSING, "livekit is not installed"), (BROKEN, "no such library")]
)
def test_without_the_extra(how: str, why: str) -> None:
    command = [sys.executable, "-W", "error", "-c", how + USE]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    told, used = done.stdout.splitlines()
    assert told.startswith("LIVEKIT_UNAVAILABLE removing echo needs the extra [livekit]")
    assert why in told
    assert "pip install 'estuary-anyio[livekit]'" in told
    assert used == "Suppressor"
