"""What fuzzing has found stays mended: every input of the committed corpus, on every change."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from random import Random

import pytest

from fuzz import corpus
from fuzz.targets import MOST, PARSERS, PLACES, target

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", PLACES)
def test_corpus(name: str) -> None:
    inputs = corpus.load(name)
    assert inputs
    assert inputs == sorted(set(inputs), key=lambda data: (len(data), data))
    assert max(map(len, inputs)) <= MOST.get(name, 600)
    run = target(name)
    for data in inputs:
        run(data)


@pytest.mark.parametrize("name", PLACES)
def test_bytes_at_random(name: str) -> None:
    """A few that nobody has chosen, other ones for each target."""
    random, run = Random(name), target(name)
    for _ in range(200 if name in PARSERS else 20):
        run(random.randbytes(random.randrange(100)))


def test_every_target_says_what_holds() -> None:
    for name in PLACES:
        assert (target(name).__doc__ or "").strip()
    assert set(MOST) <= set(PLACES)
    assert {file.stem for file in corpus.HOME.glob("*.txt")} == set(PLACES)


def test_what_is_kept_takes_every_step_that_all_take() -> None:
    run = target("engine_io")
    random = Random(7)
    inputs = [random.randbytes(random.randrange(30)) for _ in range(200)]
    every = set().union(*(corpus.steps(run, data) for data in inputs))
    kept = corpus.chosen(run, inputs, 40)
    assert 2 < len(kept) <= 40
    assert set().union(*(corpus.steps(run, data) for data in kept)) == every
    assert len(every) > 50


def test_the_corpus_is_written_as_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "HOME", tmp_path)
    assert corpus.load("client") == []
    corpus.save("client", [b"bb", b"a", b"", b"a"])
    assert corpus.load("client") == [b"", b"a", b"bb"]


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fuzz", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


def test_the_command_line() -> None:
    listed = command("list")
    assert set(PLACES) == {line.split()[0] for line in listed.stdout.splitlines()}
    replayed = command("replay", "engine_io")
    assert re.fullmatch(r"engine_io: \d+ replayed\n", replayed.stdout)
    wrong = command("replay", "nonsense")
    assert wrong.returncode == 1
    assert "there is no target nonsense" in wrong.stderr


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not installed")
def test_atheris_runs_a_target(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fuzz.engine", "engine_io", str(tmp_path), "-runs=300"],
        cwd=ROOT, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Done 300 runs" in done.stderr
