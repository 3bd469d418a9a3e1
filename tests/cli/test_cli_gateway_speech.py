"""`estuary gateway` with ears and a voice: what it says of them, and what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.wavs import write_wav

if TYPE_CHECKING:
    from collections.abc import Callable


def greeting(gateway: Callable[..., Any], *args: str) -> str:
    process, _ = gateway(*args)
    return "".join(iter(process.stdout.readline, "Ctrl-C ends it\n"))


def test_it_says_how_it_hears_and_speaks(gateway: Callable[..., Any]) -> None:
    out = greeting(gateway, "--stt", "none", "--tts", "tone")
    assert "  hears      how long you speak (--stt-url, or pip install" in out
    assert "  speaks     in tones (--tts-url" in out
    url = "http://127.0.0.1:9/v1"
    both = ("--stt", "openai", "--tts", "auto")
    out = greeting(gateway, *both, "--stt-url", url, "--tts-url", url, "--tts-voice", "nova")
    assert "  hears      with the recogniser of --stt-url\n" in out
    assert "  speaks     with the voice of --tts-url\n" in out


def test_pocketsphinx_names_the_better_one(
    environment: dict[str, str], gateway: Callable[..., Any]
) -> None:
    pytest.importorskip("pocketsphinx")
    del environment["ESTUARY_STT"]
    assert "with pocketsphinx (--stt-url for a better recogniser)" in greeting(gateway)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--stt", "openai"), "--stt openai needs --stt-url"),
        (("--tts", "openai"), "--tts openai needs --tts-url"),
        (("--stt", "none", "--stt-url", "http://x"), "--stt-url is not for --stt none"),
        (("--tts-voice", "nova"), "--tts-voice is for --tts-url"),
        (("--stt-model", "m"), "--stt-model is for --stt-url"),
        (("--stt-url", "ftp://x"), "--stt-url: it is no http address"),
        (("--stt", "deepgram"), "'--stt'"),
    ],
)
def test_wrong_usage(
    environment: dict[str, str], ended: Callable[..., Any], args: tuple[str, ...], says: str
) -> None:
    for name in ("ESTUARY_STT", "ESTUARY_TTS"):
        del environment[name]
    for command in ("gateway", "talk"):
        status, out, err = ended(command, *args)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert says in err


def test_another_server_has_its_own_ears(ended: Callable[..., Any]) -> None:
    status, out, err = ended("talk", "--url", "http://127.0.0.1:9", "--stt", "none")
    assert (status, out) == (2, "")
    assert "--stt is for the offline character, not for a --url" in err


def test_what_is_not_installed(
    environment: dict[str, str], ended: Callable[..., Any], tmp_path: Any
) -> None:
    environment["PATH"] = str(tmp_path)
    for command in (("gateway",), ("talk", "--input-wav", write_wav(tmp_path / "a", bytes(640)))):
        status, out, err = ended(*command, "--tts", "flite")
        assert (status, out) == (2, "")
        assert "tts: flite is not installed" in err
