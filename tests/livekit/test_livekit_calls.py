"""Calls over real WebRTC: our client, our gateway, a room between them, and nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.livekit.conftest import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    Calling = Callable[..., Any]

pytestmark = pytest.mark.timeout(2 * PATIENCE)


@pytest.fixture
def call(server: str, backend: str, own: bool) -> Calling:
    """Play a scenario of `calls`; gives what it found, having left nothing behind."""

    def call(scenario: str, **arguments: Any) -> Any:
        arguments["own"] = own
        command = [sys.executable, "-m", "tests.livekit.calling", scenario, backend, server]
        done = subprocess.run(
            [*command, json.dumps(arguments)],
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr[-4000:]
        outcome = json.loads(done.stdout)
        assert outcome["left"] == {}
        assert outcome["tasks"] == 0
        return outcome["found"]

    return call


def is_tone(sound: dict[str, float], frequency: float, seconds: float) -> None:
    assert sound["frequency"] == pytest.approx(frequency, abs=2)
    assert sound["level"] == pytest.approx(0, abs=3)
    # What plays a stream out stretches and shortens it while it finds its pace.
    assert sound["seconds"] == pytest.approx(seconds, abs=0.3)


def test_a_tone_there_and_a_tone_back(call: Calling) -> None:
    found = call("tones")
    is_tone(found["there"], 440, 1.0)
    is_tone(found["back"], 880, float(found["sentences"]))
    assert found["transport"] == "livekit"
    assert found["active"] == [True, False]
    assert found["sent"] == [True, True]
    assert found["played"] == [True]
    assert found["complete"] == [False]
    assert found["rooms"] == [1, 1]


def test_each_press_is_a_turn(call: Calling) -> None:
    found = call("presses")
    for sound, frequency in zip(found["turns"], (500, 900), strict=True):
        is_tone(sound, frequency, 1.0)
    assert max(found["between"]) < -40
    assert found["stopped"] == 1


def test_muted_is_silent_within_a_tenth_of_a_second(call: Calling) -> None:
    found = call("mute")
    is_tone(found["before"], 500, 0.6)
    assert found["leaked"] < -30
    print("silent after", [f"{1000 * late:.0f} ms" for late in found["silent_after"]])
    assert all(late <= 0.1 for late in found["silent_after"])
    is_tone(found["again"], 700, 0.5)
    assert found["muted"] is False


def test_an_interrupted_character_is_silent(call: Calling) -> None:
    found = call("interruption")
    assert found["after"] < 0.1
    assert found["complete"] == [True]


def test_a_room_that_is_deleted(call: Calling) -> None:
    found = call("deleted")
    assert found["state"] == [False, True]
    assert found["reason"] == "room_deleted"
    assert found["there"] == []


def test_a_socket_that_is_cut_comes_back_with_a_room(call: Calling) -> None:
    assert call("dropped") == {"rooms": 2, "left": 1, "transport": "livekit"}


def test_a_goodbye_ends_the_room(call: Calling) -> None:
    assert call("goodbye") == {"there": []}


def test_who_is_cancelled_leaves_nothing(call: Calling) -> None:
    assert call("cancelled") == {"cancelled": True, "active": False}


@pytest.mark.parametrize("wrong", ["token", "server", "never ready"])
def test_voice_that_cannot_start_says_why(call: Calling, wrong: str) -> None:
    found = call("trouble", wrong=wrong)
    assert found["code"] == "VOICE_START_FAILED"
    said = {
        "token": "LiveKit room",
        "server": "LiveKit room",
        "never ready": "the character did not come into the LiveKit room in 1.5 s",
    }
    assert said[wrong] in found["message"]
    assert found["text"] is True
    assert found["active"] is False


@pytest.mark.long
def test_how_long_a_frame_takes_to_a_handler(call: Calling, backend: str) -> None:
    """Figures, to be read with `-s` on a machine that has nothing else to do. The budget is 5 ms at
    the 99th percentile when the application is idle."""
    seconds = 6
    print()
    figures = call("crossing", seconds=seconds)
    for load, found in figures.items():
        print(
            f"{backend}, {load}: median {found['median']:.2f} ms, p99 {found['p99']:.2f} ms, "
            f"most {found['most']:.2f} ms, {found['frames']} frames"
        )
    for found in figures.values():  # Each frame of 20 ms, once.
        assert found["frames"] == pytest.approx(50 * seconds, rel=0.1)
