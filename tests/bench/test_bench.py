"""The bench runs: a small load, every flavour of ours, every event counted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def bench(*arguments: str, report: Path) -> dict[str, dict[str, float]]:
    command = [sys.executable, "-m", "tests.bench", *arguments, "--rounds", "1", "--json"]
    subprocess.run([*command, str(report)], cwd=ROOT, check=True, timeout=60, capture_output=True)
    found: dict[str, dict[str, float]] = json.loads(report.read_text(encoding="utf-8"))["medians"]
    return found


@pytest.mark.parametrize(
    "load",
    [
        ("paced", "--sessions", "4", "--rate", "20", "--seconds", "1"),
        ("burst", "--events", "500"),
    ],
)
def test_every_event_is_delivered(load: tuple[str, ...], tmp_path: Path) -> None:
    found = bench(*load, "--only", "ours", report=tmp_path / "figures.json")
    assert {"ours-asyncio", "ours-trio"} <= set(found)
    for figures in found.values():
        assert figures["events"] == (80 if load[0] == "paced" else 500)
        assert figures["total"] > 0
