"""A finding becomes few bytes, a test that fails, and a capture; planted bugs still fit."""

from __future__ import annotations

import ast
import gc
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from estuary_proto import client, engineio
from estuary_proto.capture import read, summary
from estuary_proto.events import Settled
from fuzz.bugs import FIRST, LISTS, Bug
from fuzz.minimising import NO_END, capture_of, fault, frames_of, minimised, report
from fuzz.planted import ROOT, planted
from fuzz.targets import PLACES, target

if TYPE_CHECKING:
    from pathlib import Path


def needs_two(data: bytes) -> None:
    if 0xFF in data and data.count(7) > 1:
        raise RuntimeError("found")
    if b"other" in data:
        raise RuntimeError("another")


def test_a_finding_becomes_few_bytes() -> None:
    data = b"a lot of \x07 noise \x07 around \xff it" * 3
    assert sorted(minimised(needs_two, data)) == [7, 7, 255]
    assert fault(needs_two, b"\x07\x07") is None
    assert fault(needs_two, b"other") != fault(needs_two, b"\x07\x07\xff")
    with pytest.raises(ValueError, match="nothing goes wrong"):
        minimised(needs_two, b"")


def never_ends(data: bytes) -> None:
    while b"!" in data:
        try:
            len(data)
        except Exception:
            raise AssertionError from None


def test_an_input_without_an_end_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzz.patience.PATIENCE", 0.3)
    monkeypatch.setattr("fuzz.minimising.LONG", 0.1)
    others = signal.getitimer(signal.ITIMER_REAL)[0]
    assert fault(never_ends, b"well!") == NO_END
    assert fault(never_ends, b"well") is None
    assert minimised(never_ends, b"a lot! of noise") == b"!"
    # The limit that this test has stands as before.
    assert bool(signal.getitimer(signal.ITIMER_REAL)[0]) == bool(others)


def test_a_client_without_an_end_is_captured_up_to_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    def for_ever(self: client.Client, settled: Settled) -> None:
        while True:
            pass

    monkeypatch.setattr("fuzz.patience.PATIENCE", 0.3)
    monkeypatch.setattr("fuzz.minimising.LONG", 0.1)
    monkeypatch.setitem(client._HANDLERS, Settled, for_ever)
    # Hypothesis has a callback in the collector, out of which nothing can be raised.
    request.addfinalizer(gc.enable)
    gc.disable()
    found = next(
        data
        for data in (bytes([0, 0, 0, 0, 1, verb, 0, 0, 0, 0]) for verb in range(20))
        if fault(target("client"), data)
    )
    files = report("client", found, tmp_path)
    assert "no end" in files[0].read_text()
    assert list(read(files[1].read_text().splitlines()))[0].kind == "header"


def test_a_finding_becomes_a_test_that_fails_until_it_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bug = FIRST[0]
    assert bug.target == "engine_io"
    whole = engineio.decode
    monkeypatch.setattr(
        engineio,
        "decode",
        lambda frame: whole(frame.strip() if isinstance(frame, str) else frame),
    )
    (test, capture) = report("engine_io", b"\x03  4 and more of it ", tmp_path)
    monkeypatch.undo()
    assert len(test.read_text().splitlines()) == 11
    assert list(read(capture.read_text().splitlines()))[0].kind == "header"
    namespace: dict[str, object] = {}
    exec(compile(test.read_text(), str(test), "exec"), namespace)  # It is mended: this passes.
    assert callable(namespace["test_it_is_mended"])
    namespace["test_it_is_mended"]()


def test_a_client_that_goes_wrong_is_captured_up_to_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def twice(self: client.Client, settled: Settled) -> None:
        self._events.extend([settled, settled])

    monkeypatch.setitem(client._HANDLERS, Settled, twice)
    # "submit" is the fifth verb of a client; then frames are pulled.
    found = next(
        data
        for data in (bytes([0, 0, 0, 0, 1, verb, 0, 0, 0, 0]) for verb in range(20))
        if fault(target("client"), data)
    )
    files = report("client", found, tmp_path)
    lines = files[1].read_text().splitlines()
    assert any('"in":"submit"' in line for line in lines)
    assert summary(lines).turns == 1


def test_which_targets_have_a_capture() -> None:
    assert frames_of("socket_io", b"\x002[]") == ["42[]"]
    assert frames_of("socket_io", b"\x01") is not None
    assert frames_of("json_text", b"\x00[") == ['42/sdk,["x",[]']
    assert frames_of("engine_io", b"\x00") is None
    for name in ("client", "talk", "socket_io", "engine_io", "json_text"):
        data = b"\x03hello"
        lines = capture_of(name, data)
        assert lines
        assert list(read(lines))
    assert capture_of("websocket", b"") is None


ALL = [bug for bugs in LISTS.values() for bug in bugs]


@pytest.mark.parametrize("bug", ALL, ids=[bug.kind for bug in ALL])
def test_planted_bugs_still_fit(bug: Bug) -> None:
    kind, file, old, _, name = bug
    code = (ROOT / "estuary_proto" / file).read_text()
    assert code.count(old) == 1, f"{kind}: {file} has changed"
    assert name in PLACES
    assert ast.dump(ast.parse(planted(code, bug))) != ast.dump(ast.parse(code))


def test_a_bug_that_does_not_fit_says_so() -> None:
    with pytest.raises(ValueError, match="has changed"):
        planted("", FIRST[0])
    assert all(len(bugs) >= 20 for bugs in LISTS.values())


def test_the_corpus_alone_finds_a_planted_bug(tmp_path: Path) -> None:
    """In a copy of the tree, as on a machine where somebody breaks it."""
    import shutil

    for name in ("estuary_proto", "estuary_anyio", "fuzz"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    bug = next(bug for bug in FIRST if bug.target == "socket_io")
    file = tmp_path / "estuary_proto" / bug.file
    file.write_text(planted(file.read_text(), bug))
    done = subprocess.run(
        [sys.executable, "-m", "fuzz", "replay", "socket_io"],
        cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "AssertionError" in done.stderr
