"""`estuary demo`: its figures, its capture, and that it says when something is wrong."""

from __future__ import annotations

import io
import re
import signal
from typing import TYPE_CHECKING, Any

import pytest

from estuary_anyio.cli.demo.figures import Counted, Wrong, show_figures, sounds_in
from estuary_anyio.cli.screen import Screen
from estuary_anyio.cli.sound import made
from estuary_proto.capture import replay, summary

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Ended = Callable[..., tuple[int, str, str]]

STEPS = (
    "1. connect",
    "2. a streamed answer",
    "3. a remembered fact",
    "4. an interruption",
    "5. an action",
    "6. a picture",
    "7. two characters",
    "8. speech, both ways",
    "9. an interruption, aloud",
    "10. scripted lines",
    "11. a dropped connection",
    "12. the summary, computed from the capture",
)


def figure(out: str, label: str) -> str:
    """What stands behind a label of the summary."""
    found = re.search(rf"^  {label} +(\S+)", out, re.MULTILINE)
    assert found is not None, label
    return found[1]


def test_it_works_and_its_figures_are_those_of_its_capture(
    ended: Ended, backend: str, tmp_path: Path
) -> None:
    file = tmp_path / "demo.jsonl"
    status, out, err = ended("demo", "--backend", backend, "--capture", str(file))
    assert (status, err) == (0, "")
    assert "\x1b" not in out
    assert max(map(len, out.replace(str(file), "").splitlines())) < 80
    for step in STEPS:
        assert f"\n{step}\n" in out
    assert "demo > Your name is Ada.\n" in out
    assert re.search(r"the connection is lost \(network\)\n  reconnecting: attempt 1 in", out)
    assert "  the app is called: wave(hand='right', times=3, speed=1.5, smile=True)\n" in out
    assert "demo > I see a picture of " in out
    assert "  friend > " in out
    assert out.count("  you (aloud) > What is my name?\n  demo > Your name is Ada.\n") == 2
    assert "demo > The tide is in.\n  demo > Time to go.\n" in out
    lines = file.read_text().splitlines(keepends=True)
    found = summary(lines)
    assert int(figure(out, "turns")) == found.turns == len(re.findall("^  you .*> ", out, re.M))
    assert int(figure(out, "pieces of text")) == found.pieces
    assert int(figure(out, "interruptions")) == found.interruptions == 2
    assert int(figure(out, "reconnects")) == found.reconnects == 1
    assert int(figure(out, "actions")) == 1
    assert float(figure(out, "audio up")) == pytest.approx(2 * made().seconds, abs=0.06)
    assert float(figure(out, "audio down")) > 5
    late = re.search(r"chunks that came late: (\d+)", out)
    assert late is not None
    assert f"(late chunks: {late[1]})\n" in out
    assert figure(out, "received") == f"{found.bytes_in / 1000:.1f}"
    assert f"{replay(lines).lines} lines replayed, equal\n" in out
    assert "est_dev" not in file.read_text()


BRAIN = """
import sys
from estuary_anyio.cli.demo.show import run_demo
from estuary_anyio.cli.exits import Stop
from estuary_anyio.gateway import BrainError

class Brain:
    async def stream(self, ask):
        {body}

try:
    sys.exit(run_demo(sys.argv[1], None, brain=Brain()))
except Stop as stop:
    sys.exit(f"{{stop.status}} {{stop.message}}")
"""


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (
            "yield 'All in one.'",
            "1 step 2 (a streamed answer) failed: the answer came in one piece\n",
        ),
        (
            "yield 'a '; yield 'Adam or an Adage'",
            "1 step 3 (a remembered fact) failed: 'Ada' is not in 'a Adam or an Adage'\n",
        ),
        (
            "yield 'Ada '; yield 'it is'",
            "1 step 4 (an interruption) failed: the answer went on to its end\n",
        ),
        (
            "raise BrainError('out of ideas'); yield ''",
            "1 step 2 (a streamed answer) failed: out of ideas\n",
        ),
    ],
)
def test_a_step_that_fails_is_named(ended: Ended, backend: str, body: str, says: str) -> None:
    status, out, err = ended(backend, program=("-c", BRAIN.format(body=body)))
    assert (status, err) == (1, says)
    assert "passed" not in out


def test_ctrl_c_ends_it(start: Callable[..., Any], backend: str) -> None:
    process = start("demo", "--backend", backend)
    while "you > " not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    assert process.stderr.read() == ""
    assert "passed" not in process.stdout.read()


def test_a_capture_that_cannot_be_written(ended: Ended) -> None:
    status, out, err = ended("demo", "--capture", "/nonexistent/file")
    assert (status, out) == (2, "")
    assert err == "estuary: --capture /nonexistent/file: No such file or directory\n"


def test_figures_are_held_against_what_was_seen(ended: Ended, tmp_path: Path) -> None:
    file = tmp_path / "demo.jsonl"
    assert ended("demo", "--capture", str(file))[0] == 0
    lines = file.read_text().splitlines(keepends=True)
    found, sounds = summary(lines), sounds_in(lines)
    screen = Screen(io.StringIO(), io.StringIO())

    def shown(**other: Any) -> str:
        right: dict[str, Any] = {
            "turns": found.turns,
            "pieces": found.pieces,
            "reconnects": 1,
            "confirmed": [1, 2],
            "actions": 1,
            "said": sounds.said,
            "heard": sounds.heard,
            "late": sounds.late,
        }
        counted = Counted(**(right | other))
        return show_figures(screen, lines, counted, mic_rate=16000, rate=16000)

    assert "equal" in shown()
    for name in ("turns", "pieces", "reconnects", "actions", "said", "heard", "late"):
        with pytest.raises(Wrong, match=r"the capture holds \d+ .*, but 999 were seen"):
            shown(**{name: 999})
    with pytest.raises(Wrong, match="the capture holds 2 interruptions, but 0 were seen"):
        shown(confirmed=[])
    at = next(n for n, line in enumerate(lines) if "StateChanged" in line)
    lines[at] = lines[at].replace("connecting", "disconnected")
    with pytest.raises(Wrong, match=f"differs at line {at + 1}"):
        shown()
