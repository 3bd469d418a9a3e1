"""A conversation aloud in a LiveKit room: flite speaks, the gateway understands, answers aloud, and
its answer is understood in its turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.livekit.conftest import PATIENCE
from tests.speech.flite import need, wrong_words

pytestmark = [pytest.mark.timeout(6 * PATIENCE), pytest.mark.usefixtures("ample_machine")]

QUESTIONS = ("My name is Peter.", "What is my name?")


def test_a_spoken_conversation(server: str, backend: str, record_property: object) -> None:
    need("flite")
    pytest.importorskip("pocketsphinx")
    command = [sys.executable, "-m", "tests.livekit.speaking", backend, server]
    done = subprocess.run(
        [*command, json.dumps(QUESTIONS)],
        check=False,
        capture_output=True,
        text=True,
        timeout=5 * PATIENCE,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    turns = json.loads(done.stdout)
    for turn in turns:
        print(
            "{said!r}: understood {understood!r} after {transcript:.2f} s, "
            "heard {heard!r} from {first_sound:.2f} s on".format(**turn)
        )
        assert wrong_words(turn["said"], turn["understood"]) <= 1
        # A recogniser that expects nothing in particular gets most of the answer.
        assert wrong_words(turn["answer"], turn["heard"]) <= len(turn["answer"].split()) * 0.5
    assert "peter" in turns[1]["answer"].lower()
