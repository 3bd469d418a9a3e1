"""Rooms over real WebRTC, on every event loop; each scenario leaves nothing behind (`conftest`)."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

# For the time it takes: signalling is LiveKit's native part, which knows no difference of loops.
_LONG = pytest.param("uvloop", False, id="uvloop-v0", marks=pytest.mark.long)
BOTH_VERSIONS = pytest.mark.parametrize(
    ("backend", "single"),
    [
        pytest.param("asyncio", False, id="asyncio-v0"),
        pytest.param("asyncio", True, id="asyncio-v1"),
        _LONG,
        pytest.param("uvloop", True, id="uvloop-v1"),
        pytest.param("trio", False, id="trio-v0"),
        pytest.param("trio", True, id="trio-v1"),
    ],
    indirect=["backend"],
)


def _is_tone(sound: dict[str, float], frequency: float, seconds: float) -> None:
    assert sound["frequency"] == pytest.approx(frequency, abs=2)
    assert sound["level"] == pytest.approx(0, abs=3)
    # Receivers stretch and shorten sounds to keep their buffers at the length they want.
    assert sound["seconds"] > seconds - 0.12


@BOTH_VERSIONS
def test_what_is_said_is_heard(play: Callable[..., Any], single: bool) -> None:
    found = play("tones", "mute", "button", "clear", single=single)
    _is_tone(found["tones"]["user"], 880, 1.003)
    _is_tone(found["tones"]["bot"], 440, 1.003)
    assert found["tones"]["dropped"] == [0, 0, 0]
    muted = found["mute"]
    assert muted["before"]["seconds"] > 0.3
    # Where the sound goes, nothing arrives a tenth of a second after the call.
    print("silent after", [f"{1000 * late:.0f} ms" for late in muted["silent_after"]])
    assert all(late <= 0.1 for late in (*muted["late"], *muted["silent_after"]))
    assert muted["leaked"] < -40
    _is_tone(muted["again"], 900, 0.6)
    assert found["button"]["unheard"] == 0
    assert found["button"]["muted"] is True
    for press, frequency in zip(found["button"]["presses"], (500, 900), strict=True):
        _is_tone(press, frequency, 0.605)
    assert found["clear"]["heard"] < 1.2
    assert found["clear"]["next"]["frequency"] == pytest.approx(900, abs=2)


@BOTH_VERSIONS
def test_several_tracks_and_one_that_is_replaced(play: Callable[..., Any], single: bool) -> None:
    found = play("several", "replaced", single=single)
    assert found["several"]["both"] == pytest.approx([0, 0], abs=3)
    assert found["several"]["one"][0] == pytest.approx(0, abs=3)
    assert found["several"]["one"][1] < -30
    assert found["replaced"]["old"] == "duplicate_identity"
    assert found["replaced"]["heard"]["frequency"] == pytest.approx(900, abs=2)
    assert found["replaced"]["distinct"] == 2
    assert found["replaced"]["tracks"][:3] == ["TrackStarted", "TrackEnded", "TrackStarted"]


def test_a_busy_application_loses_nobody(play: Callable[..., Any]) -> None:
    found = play("busy", again=True)["busy"]
    assert found["levels"] == pytest.approx([0, 0], abs=2)
    assert found["dropped"] == 0


def test_attributes_and_who_is_there(play: Callable[..., Any]) -> None:
    found = play("attributes", "coming_and_going")
    assert found["attributes"]["identity"] == "user"
    assert set(found["attributes"]["others"]) == {"bot"}
    assert found["attributes"]["states"] == [
        ["bot", "idle", None],
        ["bot", "speaking", "m1"],
        ["bot", "speaking", "m2"],
        ["bot", "idle", None],
    ]
    assert found["coming_and_going"] == [
        ["ParticipantJoined", "first"],
        ["ParticipantJoined", "last"],
        ["ParticipantLeft", "last"],
    ]


def test_the_server_ends_it(play: Callable[..., Any]) -> None:
    found = play("deleted", "removed")
    refused = ["CONNECTION_FAILED"] * 5
    assert found["deleted"] == ["room_deleted", "room_deleted", refused]
    assert found["removed"] == ["participant_removed", "participant_removed", refused]


@BOTH_VERSIONS
def test_a_connection_that_is_cut_comes_back(
    play: Callable[..., Any], own: bool, single: bool
) -> None:
    if not own:
        pytest.skip("LiveKit's server cuts nobody off")
    found = play("cut", single=single)["cut"]
    assert found["told"] == ["room_reconnecting", "room_reconnected"]
    for sound in found["heard"]:
        assert sound["frequency"] == pytest.approx(900, abs=2)


def test_a_wrong_token(play: Callable[..., Any]) -> None:
    found = play("refused", again=True, secret="another-secret-of-at-least-thirty-two-bytes")[
        "refused"
    ]
    assert found["code"] == "AUTH_FAILED"
    assert found["secret"] is False


def test_no_server(play: Callable[..., Any]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{free.getsockname()[1]}"
    assert play("refused", again=True, url=url)["refused"]["code"] == "CONNECTION_FAILED"


def test_a_server_that_says_nothing(play: Callable[..., Any], own: bool) -> None:
    if not own:
        pytest.skip("LiveKit's server answers")
    found = play("unready", within=1)["unready"]
    assert found["code"] == "CONNECTION_TIMEOUT"


def test_cancellation(play: Callable[..., Any]) -> None:
    found = play("cancelled")["cancelled"]
    assert found["caught"] == [True] * 6
    assert found["left"] is True
    assert found["heard"]["frequency"] == pytest.approx(900, abs=2)


def test_joins_that_are_given_up(play: Callable[..., Any]) -> None:
    # LiveKit itself gives some of them up after 15 s only; nobody is in the room by then.
    assert play("given_up", pending=True)["given_up"]["joined"] >= 1
