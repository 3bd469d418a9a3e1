"""`estuary talk` and `estuary devices` on a sound card without hardware."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.audio.card import PINNED, Card, Tap, pactl, playing
from tests.audio.sound import loud, samples, spectrum, tone
from tests.cli.conftest import ROOT, WITHIN, clean_environment, script
from tests.cli.terminal import Terminal, terminals
from tests.cli.test_cli_talk import OFFLINE
from tests.cli.wavs import answers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("sound_card")

TALK = tone(440, 1.2, 48000, 0.6) + bytes(2 * 48000)
"""Somebody says something, and is silent."""

LONG = tone(440, 30.0, 48000, 0.6)


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    """The name of the event loop."""
    return str(request.param)


@pytest.fixture
def terminal(sound_card: Card) -> Iterator[Callable[..., Terminal]]:
    """Start the script on a terminal."""
    with terminals(clean_environment()) as begin:
        yield begin


def ended(*args: str, **more: str) -> tuple[int, str, str]:
    """Run the script to its end: its exit status, stdout and stderr."""
    done = subprocess.run(
        script(*args),
        capture_output=True,
        encoding="utf-8",
        timeout=WITHIN,
        cwd=ROOT,
        env=clean_environment() | more,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


# --- devices -----------------------------------------------------------------------------------


def test_devices_are_listed(backend: str) -> None:
    status, out, err = ended("devices", "--backend", backend)
    assert (status, err) == (0, "")
    head, second = out.split("loudspeakers\n")
    for part in (head.removeprefix("microphones\n"), second):
        *lines, foot = part.splitlines()
        assert foot == "  * the default; rates in kHz"
        (default,) = [line for line in lines if line.startswith("*")]
        assert " default " in default
        assert any(" speaker " in line and " 16 " in line and " 48 " in line for line in lines)
        assert any(" stereo " in line and line.endswith(" 2 ch  44.1") for line in lines)
        assert max(map(len, lines)) < 80


def test_devices_for_programs() -> None:
    status, out, err = ended("devices", "--json")
    assert (status, err) == (0, "")
    data = json.loads(out)
    assert set(data) == {"input", "output"}
    for direction in data.values():
        named = {device["name"]: device for device in direction}
        assert named["stereo"]["channels"] == 2
        assert named["stereo"]["rates"] == [44100]
        assert {8000, 16000, 44100, 48000} <= set(named["speaker"]["rates"])
        assert [one["name"] for one in direction if one["default"]] == ["default"]


def test_the_test_hears_the_tone(backend: str, tmp_path: Path) -> None:
    pactl("set-default-sink", "mic")  # What is played is what the microphone hears.
    tap = Tap("mic", tmp_path / "tap")
    status, out, err = ended("devices", "--test", "--backend", backend)
    heard = samples(tap.stop())
    assert (status, err) == (0, "")
    assert "  loudspeaker default, 48 kHz\n    1.0 s, -17 dB, peak -14 dB: played\n" in out
    assert out.endswith(": it hears the loudspeaker\n")
    part = heard[abs(heard) > 0.1]
    assert len(part) / 48000 > 0.5
    begin = int(abs(heard).argmax())
    pcm = (heard[begin : begin + 12000] * 32767).astype("<i2").tobytes()
    assert spectrum(pcm, 48000)[0] == pytest.approx(440, abs=1)


def test_the_test_for_programs(backend: str) -> None:
    pactl("set-default-sink", "mic")
    status, out, err = ended("devices", "--test", "--json", "--backend", backend)
    assert (status, err) == (0, "")
    played, recorded = json.loads(out)["test"]
    assert (played["direction"], recorded["direction"]) == ("output", "input")
    assert played["seconds"] == 1.0
    assert (played["level"], played["peak"]) == (
        pytest.approx(-17, abs=0.3),
        pytest.approx(-14, abs=0.3),
    )
    # It is the same tone, less what the way takes.
    assert recorded["level"] == pytest.approx(-17, abs=1.5)
    assert recorded["before"] == -120.0
    assert recorded["seconds"] == pytest.approx(1.0, abs=0.05)
    assert played["passed"] is recorded["passed"] is True


def test_a_microphone_that_hears_nothing_at_all() -> None:
    status, out, err = ended("devices", "--test")
    assert (status, err) == (1, "")
    assert out.endswith(": silence without any noise: muted, or not allowed?\n")


@pytest.mark.parametrize(("side", "other"), [("input", "output"), ("output", "input")])
def test_a_device_that_is_not_there(side: str, other: str) -> None:
    args = ("devices", "--test", "--json", f"--{side}-device", "no such thing")
    status, out, err = ended(*args)
    assert (status, err.count("\n")) == (2, 1)
    assert err.startswith("estuary: there is no ")
    assert "'no such thing'" in err
    # The other one is tested all the same.
    assert [one["direction"] for one in json.loads(out)["test"]] == [other]


def test_a_device_by_its_number() -> None:
    listed = json.loads(ended("devices", "--json")[1])["output"]
    (speaker,) = [one for one in listed if one["name"] == "speaker"]
    args = ("--output-device", str(speaker["index"]), "--input-device", "desk")
    tested = json.loads(ended("devices", "--test", "--json", *args)[1])["test"]
    assert [one["device"] for one in tested] == ["speaker", "desk"]


@pytest.mark.parametrize("command", [("devices",), ("devices", "--test"), ("talk",)])
def test_without_a_device(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "alsa.conf").write_text("pcm.default { type pipewire }")
    env = {"ALSA_CONFIG_PATH": str(tmp_path / "alsa.conf"), "XDG_RUNTIME_DIR": str(tmp_path)}
    status, _, err = ended(*command, **env)
    if status == 0:
        pytest.skip("this machine has sound hardware")
    assert (status, err.count("\n")) == (2, 1)
    assert err.startswith("estuary: there is no microphone")
    assert "plug one in, or start the sound server" in err


# --- talk --------------------------------------------------------------------------------------


def test_a_conversation_on_a_terminal(
    terminal: Callable[..., Terminal], backend: str, tmp_path: Path
) -> None:
    talk = terminal("talk", "--backend", backend)
    talk.until("connected; microphone: default, loudspeaker: default\n")
    talk.until("listening")
    tap = Tap("speaker", tmp_path / "tap")
    with playing("mic", TALK):
        talk.until("you > (0.2 s of speech)")  # Live.
        talk.until("mic \u2588\u2588\u2588\u2588\u2588")
        talk.until("demo > ")
        talk.until("speaking; Ctrl-C interrupts")
        talk.until("demo \u2588\u2588\u2588")
    talk.keys("\x03")
    talk.until("interrupted\n")
    talk.until("listening")
    assert loud(tap.stop(), 48000, above=0.02).any()
    talk.keys("\x03")
    assert talk.end() == 130
    connected = [line for line in talk.lines if line.startswith("connected; ")]
    said = [line for line in talk.lines if line.startswith("you > ")]
    assert len(connected) == len(said) == 1
    assert said[0].endswith(" s of speech)")
    (answer,) = answers(said[0].removeprefix("you > "))
    begun = talk.lines[-3].removeprefix("demo > ").removesuffix(" ...")
    assert begun
    assert answer.startswith(begun)
    assert talk.lines[-4:] == [said[0], talk.lines[-3], "interrupted", ""]
    captions = talk.lines[talk.lines.index("Ctrl-C interrupts, twice ends") :]
    assert max(map(len, captions)) <= 80


def test_push_to_talk(terminal: Callable[..., Terminal], backend: str) -> None:
    talk = terminal("talk", "--push-to-talk", "--backend", backend)
    talk.until("hold the space bar to talk, or tap it; ")
    with playing("mic", LONG):
        talk.until("mic \u2588\u2588\u2588\u2588\u2588")
        talk.until("space to talk")
        talk.keys("x")  # No button.
        talk.keys(" ")
        assert "you > " not in talk.until("listening; space ends")
        talk.until("you > (0.5 s of speech)")
        talk.keys(" ")
        talk.until("demo > ")
        talk.until("speaking; Ctrl-C interrupts")
    talk.until("space to talk")
    talk.keys("\x04")
    assert talk.end() == 0
    assert sum(line.startswith("you > ") for line in talk.lines) == 1


def test_the_terminal_is_as_it_was(terminal: Callable[..., Terminal]) -> None:
    talk = terminal("talk")
    before = talk.modes
    talk.until("listening")
    assert talk.modes != before
    talk.keys("\x03")
    assert talk.end() == 130
    assert talk.modes == before
    assert talk.raw.rindex("\x1b[?25h") > talk.raw.rindex("\x1b[?25l")  # The cursor is back.


def test_a_conversation_in_a_pipe(backend: str) -> None:
    with subprocess.Popen(
        script("talk", "--backend", backend, "--volume", "0.5"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        cwd=ROOT,
        env=clean_environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            assert process.stderr.readline() == OFFLINE
            assert process.stderr.readline().startswith("it hears how long you speak (--stt-url")
            assert process.stderr.readline().startswith("connected; ")
            assert process.stderr.readline() == "echo: cancelled; speak whenever you like\n"
            assert process.stderr.readline().startswith("Ctrl-C interrupts")
            with playing("mic", TALK):
                heard = process.stdout.readline()
                answer = process.stdout.readline()
            (wanted,) = answers(heard.strip().removeprefix("you > "))
            assert answer == f"demo > {wanted}\n"
            process.send_signal(signal.SIGTERM)
            assert process.communicate(timeout=20) == ("", "")
            assert process.returncode == 143
        finally:
            process.kill()


def test_a_headset_that_is_pulled_out(
    terminal: Callable[..., Terminal], sound_card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = terminal("talk", "--output-device", "headset", PIPEWIRE_ALSA=PINNED)
    talk.until("loudspeaker: headset")
    talk.until("listening")
    sound_card.unplug("headset")
    talk.until("loudspeaker: ")
    with playing("mic", TALK):
        talk.until("demo > ")
        talk.until("speaking; Ctrl-C interrupts")
    talk.keys("\x04")
    assert talk.end() == 0


@pytest.mark.parametrize("side", ["input", "output"])
def test_talking_to_a_device_that_is_not_there(side: str) -> None:
    status, out, err = ended("talk", f"--{side}-device", "no such thing")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "'no such thing'; there are " in err


def test_talking_to_nobody() -> None:
    status, out, err = ended("talk", "--url", "http://127.0.0.1:9")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "nobody listens" in err
