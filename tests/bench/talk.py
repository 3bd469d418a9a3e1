"""``python -m tests.bench.talk``: the CPU of `estuary talk`, without a capture and with one.

On a sound card without hardware (its packages are in the README), somebody speaks and is answered
again and again; the character lives in the same process. Runs are interleaved, medians told.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from tests.audio import card
from tests.audio.sound import tone
from tests.cli.conftest import ROOT, clean_environment, script

TURN = tone(440, 1.2, 48000, 0.6) + bytes(2 * 48000 * 3)
"""Somebody says something, and listens for three seconds."""


def used(pid: int) -> float:
    """Seconds of CPU that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(seconds: float, *more: str) -> float:
    """Milliseconds of CPU that it takes for one second."""
    with subprocess.Popen(
        script("talk", *more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        cwd=ROOT,
        env=clean_environment(),
    ) as process:
        assert process.stderr is not None
        while not process.stderr.readline().startswith("Ctrl-C"):
            assert process.poll() is None
        with card.playing("mic", TURN * (int(seconds / 4) + 2)):
            cpu, wall = used(process.pid), time.monotonic()
            time.sleep(seconds)  # For as long as it is measured; nothing is waited for.
            found = (used(process.pid) - cpu) / (time.monotonic() - wall)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    return found * 1e3


def main() -> None:
    """Measure, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    if missing := card.missing():
        raise SystemExit(f"not installed: {', '.join(missing)}")
    without, captured = [], []
    with tempfile.TemporaryDirectory() as home, card.settings(Path(home)):
        with card.running(Path(home)) as ours:
            ours.reset()
            for number in range(options.rounds):
                without.append(measure(options.seconds))
                file = str(Path(home, f"{number}.jsonl"))
                captured.append(measure(options.seconds, "--capture", file))
                print(f"{without[-1]:.0f} ms a second; captured {captured[-1]:.0f}", flush=True)
    base, found = statistics.median(without), statistics.median(captured)
    print(f"medians {base:.0f} and {found:.0f}: {found / base - 1:+.1%}")


if __name__ == "__main__":
    main()
