"""The bench runs: a small load, every flavour of ours, every event counted."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from .audio import Heard, pcm
from .frames import take_frame
from .table import BEGIN, END, ROWS, STEPS, load, text, write

ROOT = Path(__file__).parent.parent.parent


def bench(*arguments: str, report: Path) -> dict[str, dict[str, float]]:
    command = [sys.executable, "-m", "tests.bench", *arguments, "--rounds", "1", "--json"]
    subprocess.run([*command, str(report)], cwd=ROOT, check=True, timeout=60, capture_output=True)
    found: dict[str, dict[str, float]] = json.loads(report.read_text(encoding="utf-8"))["medians"]
    return found


PACED = ("--sessions", "4", "--rate", "20", "--seconds", "1")
LOADS = [
    pytest.param(("paced", *PACED), 80, id="paced"),
    pytest.param(("burst", "--events", "500"), 500, id="burst"),
    pytest.param(("voice", *PACED), 80, id="voice"),
    pytest.param(("voice-burst", "--events", "200"), 200, id="voice-burst"),
    pytest.param(("upstream", *PACED), 80, id="upstream"),
    pytest.param(("live", *PACED), 80, id="live"),
    pytest.param(("interrupt", *PACED), 80, id="interrupt"),
    pytest.param(("capture", *PACED), 80, id="capture"),
    pytest.param(("capture-live", *PACED), 80, id="capture-live"),
    pytest.param(("upstream-burst", "--events", "200"), 200, id="upstream-burst"),
]


@pytest.mark.parametrize(("load", "events"), LOADS)
def test_every_event_is_delivered(load: tuple[str, ...], events: int, tmp_path: Path) -> None:
    found = bench(*load, "--only", "ours", report=tmp_path / "figures.json")
    assert {"ours-asyncio", "ours-trio"} <= set(found)
    for figures in found.values():
        assert figures["events"] == events
        assert figures["total"] > 0


@pytest.mark.skipif(find_spec("estuary_sdk") is None, reason="estuary-sdk is not installed")
@pytest.mark.parametrize(
    "load", [("voice", *PACED), ("upstream", *PACED)], ids=lambda load: load[0]
)
def test_the_incumbent_speaks_and_hears_in_the_same_run(
    load: tuple[str, ...], tmp_path: Path
) -> None:
    found = bench(*load, "--only", "asyncio", report=tmp_path / "figures.json")
    assert list(found) == ["ours-asyncio", "sdk-asyncio"]
    assert found["sdk-asyncio"]["events"] == 80


def test_a_long_chunk_is_sent_in_frames_of_100_ms(tmp_path: Path) -> None:
    """At 16 kHz 4800 bytes are 150 ms, at 24 kHz they are one frame."""
    load = ("upstream-burst", "--events", "100", "--only", "ours-asyncio")
    for rate, frames in (("16000", 200), ("24000", 100)):
        found = bench(*load, "--mic-rate", rate, report=tmp_path / "figures.json")
        assert found["ours-asyncio"]["frames"] == frames


@pytest.mark.parametrize(
    ("case", "figures"),
    [
        ("idle", {"idle_kib"}),
        ("connect", {"connect_p50_ms", "connect_p99_ms", "connect_cpu_ms"}),
    ],
)
def test_clients_that_only_live(case: str, figures: set[str], tmp_path: Path) -> None:
    found = bench(case, "--sessions", "20", "--only", "ours", report=tmp_path / "figures.json")
    assert {"ours-asyncio", "ours-trio"} <= set(found)
    for one in found.values():
        assert set(one) == figures
        assert min(one.values()) > 0


def heard(*chunks: tuple[int, bytes]) -> Heard:
    """Two sessions of 1000 bytes each, and what came of them."""
    ear = Heard(2, 1000)
    for session, chunk in chunks:
        ear.take(session, chunk)
    return ear


def test_sound_that_came_whole_is_accepted_in_any_cut() -> None:
    first = [(0, pcm(0, at, 250)) for at in range(0, 1000, 250)]
    ear = heard(*first, (1, pcm(1, 0, 1000)))
    assert ear.over
    assert not ear.problem


@pytest.mark.parametrize(
    ("chunks", "at"),
    [
        ([(0, pcm(0, 250, 250))], 0),  # the first is lost
        ([(0, pcm(0, 0, 250)), (0, pcm(0, 0, 250))], 250),  # doubled
        ([(0, pcm(1, 0, 250))], 0),  # of another session
        ([(0, pcm(0, 0, 250)), (0, bytes(250))], 250),  # silence
        ([(0, pcm(0, 0, 1000)), (0, pcm(0, 1000, 1))], 1000),  # more than there was to say
    ],
)
def test_sound_that_came_wrong_is_told(chunks: list[tuple[int, bytes]], at: int) -> None:
    ear = heard(*chunks)
    assert ear.over
    assert ear.problem == f"session 0 differs in the chunk at byte {at}"


def test_sound_is_missing_until_the_last_byte() -> None:
    ear = heard((0, pcm(0, 0, 1000)), (1, pcm(1, 0, 999)))
    assert not ear.over
    ear.take(1, pcm(1, 999, 1))
    assert ear.over
    assert not ear.problem


@pytest.mark.parametrize("size", [0, 3, 4, 125, 126, 65535, 65536])
def test_a_masked_frame_is_unmasked_whole(size: int) -> None:
    payload, mask = random.Random(size).randbytes(size), b"\x01\xfe\x80\x33"
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 65536:
        length = b"\xfe" + size.to_bytes(2, "big")
    else:
        length = b"\xff" + size.to_bytes(8, "big")
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    unread = bytearray(b"\x81" + length + mask + masked)
    assert take_frame(unread[:-1]) is None
    assert take_frame(unread) == (1, payload)
    assert not unread


def kept(step: str, figure: str, **flavours: float) -> dict[str, Any]:
    medians = {name.replace("_", "-"): {figure: value} for name, value in flavours.items()}
    return {step: {"machine": "here; Python", "medians": medians}}


def test_the_table_says_what_was_met() -> None:
    """Each of our loops beside the same one, trio beside asyncio; sessions are better when more."""
    found = text(
        kept("burst", "total", ours_asyncio=10, ours_trio=5, sdk_asyncio=100)
        | kept("live-ours", "sessions", ours_uvloop=220)
        | kept("live-sdk", "sessions", sdk_uvloop=80)
        | kept("imports", "import_s", ours_asyncio=0.2, sdk_asyncio=0.4)
    )
    assert "| asyncio | 10 µs | 100 µs | 0.10 | 0.1 times | met |" in found
    assert "| trio | 5 µs | 100 µs | 0.05 | 0.1 times | met |" in found
    assert "| uvloop | 220 | 80 | 2.75 | 200 | met |" in found
    assert "| asyncio | 0.20 s | 0.40 s | 0.50 | 0.10 s | missed: anyio" in found


def test_the_table_goes_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write(page)
    assert page.read_text(encoding="utf-8") == f"before\n{BEGIN}\n{text(load())}\n{END}\nafter\n"
    page.write_text("nothing", encoding="utf-8")
    with pytest.raises(SystemExit, match="has no"):
        write(page)


def test_the_readme_has_the_table_of_what_is_kept() -> None:
    assert text(load()) in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_row_has_a_step() -> None:
    steps = {step.removesuffix("-ours").removesuffix("-sdk") for step in STEPS}
    assert {row.step for row in ROWS} == steps
