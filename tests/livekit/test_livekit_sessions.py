"""Somebody speaks into a microphone, and hears a loudspeaker, with a LiveKit room between them and
the character: a virtual sound card at one end, the gateway's speech at the other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.audio.card import playing
from tests.audio.conftest import servers, sound_card
from tests.audio.test_audio_open_air import ROOM, converse
from tests.audio.test_audio_spoken import aloud
from tests.cli.conftest import ROOT as FOLDER
from tests.cli.conftest import clean_environment, script
from tests.livekit.conftest import PATIENCE, sfu
from tests.livekit.keys import KEY, SECRET
from tests.speech.flite import need, words, wrong_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.audio.card import Card

__all__ = ["servers", "sound_card"]

pytestmark = [
    pytest.mark.timeout(6 * PATIENCE),
    pytest.mark.usefixtures("ample_machine", "sound_card"),
]


@pytest.fixture(scope="session")
def new_server() -> Iterator[str]:
    """One that prefers v1, as clients do."""
    yield from sfu()


@pytest.fixture(scope="session")
def old_server() -> Iterator[str]:
    """A server of the tests' own that knows signalling v0 only."""
    yield from sfu("v0")


def _is_understood(turns: list[dict[str, Any]]) -> None:
    for turn in turns:
        print(
            "\n{said!r}: understood {understood!r} after {transcript:.2f} s; {answer!r}: "
            "heard {heard!r} from {first_sound:.2f} s on".format(**turn)
        )
        assert wrong_words(turn["said"], turn["understood"]) <= 1
        # A recogniser that expects nothing in particular gets most of the answer.
        assert wrong_words(turn["answer"], turn["heard"]) <= len(words(turn["answer"])) / 2 + 1
    assert "peter" in turns[1]["answer"].lower()


@pytest.mark.parametrize(
    ("backend", "version", "mode"),
    [
        ("asyncio", "new_server", "continuous"),
        ("trio", "new_server", "push_to_talk"),
        ("asyncio", "old_server", "push_to_talk"),
        ("trio", "old_server", "continuous"),
    ],
    ids=["asyncio-v1", "trio-v1-button", "asyncio-v0-button", "trio-v0"],
    indirect=["backend"],
)
def test_a_voice_session_in_a_room(
    request: pytest.FixtureRequest, backend: str, version: str, mode: str, tmp_path: Path
) -> None:
    need("flite")
    pytest.importorskip("pocketsphinx")
    url = request.getfixturevalue(version)
    command = [sys.executable, "-m", "tests.livekit.talking", backend, url]
    done = subprocess.run(
        [*command, json.dumps({"mode": mode, "folder": str(tmp_path)})],
        check=False,
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    outcome = json.loads(done.stdout)
    found = outcome["found"]
    assert found["transport"] == "livekit"
    assert found["echo"] == "cancel"
    assert found["dropped"] == 0
    _is_understood(found["turns"])
    assert outcome["left"] == {}
    assert outcome["tasks"] == 0


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_an_open_loudspeaker(server: str, anyio_backend: str, tmp_path: Path) -> None:
    """What the session does about echo, it does here too: it comes before the room."""
    report = await converse(tmp_path, ROOM, "cancel", 1.0, number=2, livekit=server)
    assert report.self_interruptions == []
    assert report.ghosts == []
    assert report.echoes == []


@pytest.mark.parametrize("backend", ["asyncio", "trio"], indirect=True)
def test_talk_in_a_room(server: str, backend: str, sound_card: Card) -> None:
    need("flite")
    pytest.importorskip("pocketsphinx")
    environment = clean_environment() | {
        "LIVEKIT_API_SECRET": SECRET,
        "ESTUARY_STT": "pocketsphinx",
        "ESTUARY_TTS": "flite",
    }

    def start(*args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            script(*args, "--backend", backend),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            cwd=FOLDER,
            env=environment,
        )

    livekit = ("--livekit-url", server, "--livekit-key", KEY)
    with start("gateway", "--port", "0", "--data", ":memory:", *livekit) as gateway:
        assert gateway.stdout is not None
        url = next(word for word in gateway.stdout.readline().split() if "://" in word)
        with start("talk", "--url", url, "--transport", "livekit") as talk:
            assert talk.stdout is not None
            assert talk.stderr is not None
            try:
                while not talk.stderr.readline().startswith("Ctrl-C interrupts"):
                    assert talk.poll() is None
                with playing("mic", aloud("My name is Peter.")):
                    heard, answer = talk.stdout.readline(), talk.stdout.readline()
                talk.send_signal(signal.SIGTERM)
                assert talk.wait(20) == 143
            finally:
                talk.kill()
                gateway.send_signal(signal.SIGTERM)
        assert gateway.wait(20) == 0
    assert wrong_words("My name is Peter.", heard.removeprefix("you > ")) <= 1
    assert "Peter" in answer
