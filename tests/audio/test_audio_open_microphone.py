"""Which way of handling echo is taken, the linear part of it, and the gate behind it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from estuary_anyio import EchoHandling, ErrorCode, EstuaryConfig, EstuaryError
from estuary_anyio.open_microphone import OpenMicrophone
from estuary_audio import AudioBlock, EchoCanceller, Suppressor
from estuary_audio.gate import HELD, PREROLL, Gate
from estuary_audio.linear import LinearEcho
from estuary_audio.steady import Steady
from tests.audio.room import SPEAKER, Room, converse, decibels
from tests.audio.voices import CHARACTER, placed, speech, spoken

pytest.importorskip("livekit.rtc.apm", reason="not installed: livekit (the extra [livekit])")


def microphone(echo: str = "auto", *, button: bool = False, **settings: Any) -> OpenMicrophone:
    config = EstuaryConfig("http://127.0.0.1:1", "est_dev", "demo", "me", **settings)
    return OpenMicrophone(16000, config, echo, button=button)


CANCEL, SUPPRESS, OFF = EchoHandling.CANCEL, EchoHandling.SUPPRESS, EchoHandling.OFF


@pytest.mark.parametrize(
    ("echo", "settings", "handling", "kind"),
    [
        ("auto", {}, CANCEL, EchoCanceller),
        ("auto", {"button": True}, CANCEL, EchoCanceller),
        ("auto", {"apm_echo_cancellation": False}, OFF, EchoCanceller),
        ("auto", {"suppress_mic_during_playback": True}, OFF, type(None)),
        ("cancel", {"apm_echo_cancellation": False}, CANCEL, EchoCanceller),
        ("suppress", {}, SUPPRESS, Suppressor),
        ("suppress", {"button": True}, OFF, type(None)),
        ("off", {}, OFF, type(None)),
    ],
)
def test_what_is_taken(
    echo: str, settings: dict[str, Any], handling: EchoHandling, kind: type
) -> None:
    ours = microphone(echo, **settings)
    assert ours.handling is handling
    assert isinstance(ours._air, kind)
    assert (ours.handled is None) == (handling is OFF)
    assert not ours.over(0.0)
    block = AudioBlock(bytes(640), 1.0, 16000)
    assert len(ours.hear(block) + ours.finish()) == 640
    ours.reset()


@pytest.mark.parametrize(("wanted", "handling"), [(True, SUPPRESS), (False, OFF)])
def test_without_the_package(
    wanted: bool, handling: EchoHandling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "livekit.rtc", None)
    assert microphone(apm_echo_cancellation=wanted).handling is handling
    assert microphone(button=True).handling is OFF
    with pytest.raises(EstuaryError) as raised:
        microphone("cancel")
    assert raised.value.code is ErrorCode.LIVEKIT_UNAVAILABLE


def test_another_way_is_none() -> None:
    with pytest.raises(EstuaryError, match="there is no way called 'loud'; give 'auto', 'cancel'"):
        microphone("loud")


def through(canceller: LinearEcho, near: Any, far: Any, lag: float) -> Any:
    frames = zip(near.reshape(-1, 160), far.reshape(-1, 160), strict=True)
    return np.concatenate([canceller.feed(one, other, lag) for one, other in frames])


def test_most_of_a_linear_room_is_removed_and_nothing_of_the_user() -> None:
    far = speech(CHARACTER, "rms", 16000, 8)
    answer = np.random.default_rng(1).normal(size=640) * np.exp(-np.arange(640) / 120) * 0.1
    answer[0] = 0.5
    near = np.concatenate([np.zeros(800), np.convolve(far, answer)])[: len(far)]
    user = placed(spoken("Wait a moment.", "slt", 16000), 5.0, 16000, 8)
    ours = LinearEcho(16000)
    left = through(ours, near + user, far, 0.05)
    late = slice(32000, 79200)
    print(f"removed {decibels(near[late]) - decibels(left[late]):.1f} dB")
    assert decibels(near[late]) - decibels(left[late]) > 10
    spoke = slice(80000, 96000)
    assert decibels((left - user)[spoke]) < decibels(user[spoke]) - 8
    assert ours.knows
    ours.clear()
    assert not ours.knows
    assert np.array_equal(ours.feed(near[:160], far[:160], None), near[:160])


def test_nothing_of_the_character_reaches_a_server() -> None:
    played = speech(CHARACTER, "rms", SPEAKER, 10)
    room = Room(distortion=0.5, noise=-80)
    talk = converse(room, EchoCanceller(shut=True), played)
    loudest = max(decibels(talk.given[i : i + 1600]) for i in range(3200, len(talk.given), 1600))
    print(f"at most {loudest:.1f} dB")
    assert loudest < -70
    assert len(talk.given) == talk.size


def test_what_the_user_says_over_the_character_comes_whole() -> None:
    played = speech(CHARACTER, "rms", SPEAKER, 12)
    played[round(8.4 * SPEAKER) :] = 0
    said = spoken("Wait a moment, what was the name of the village?", "slt", 16000)
    said = said[np.flatnonzero(np.abs(said) > 0.03)[0] :]
    talk = converse(Room(), EchoCanceller(shut=True), played, placed(said, 8.0, 16000, 12))
    first = decibels(talk.given[round(8.0 * 16000) : round(8.3 * 16000)])
    rest = decibels(talk.given[round(8.8 * 16000) : round(9.5 * 16000)])
    print(f"the first 0.3 s {first:.1f} dB, then {rest:.1f} dB")
    assert first > -40
    assert rest > -30
    assert decibels(talk.given[round(6.0 * 16000) : round(7.5 * 16000)]) < -75


def gated(gate: Gate, verdicts: list[tuple[bool, float | None]], begin: int = 0) -> bytes:
    given = b""
    for number, (echo, onset) in enumerate(verdicts, begin):
        gate.judge(number * 0.01, echo, onset)
        gate.push(b"\1\1" * 160)
        given += gate.take()
    return given


def test_a_gate_opens_a_preroll_before_who_speaks() -> None:
    gate = Gate(16000)
    given = gated(gate, [(True, None)] * 100)
    assert given == bytes(320 * (100 - round(HELD / 0.01)))
    given += gated(gate, [(True, 0.95)], 100)
    assert given == bytes(320 * 65) + b"\1\1" * 160 * 36
    assert round((0.95 - PREROLL) / 0.01) == 65


def test_a_gate_that_closes_gives_echo_as_silence() -> None:
    gate = Gate(16000)
    assert gated(gate, [(True, None)] * 30) == b""
    gate.push(b"\1\1" * 80)
    gate.judge(0.3, False, None)
    assert gate.finish() == bytes(320 * 30 + 160)
    assert gated(gate, [(False, None)] * 3, 90) == b"\1\1" * 480


def test_the_first_moment_of_a_stream_counts_no_more_than_the_next() -> None:
    steady = Steady()
    times = [steady.time(0.02 * i + (0.01 if i == 0 else 0.0), 0.02) for i in range(11)]
    assert times[10] == pytest.approx(0.2 + 0.01 / 11, abs=1e-9)
