"""What the machine does to us: how much memory programs have, and when it was too busy for anyone.

The watch is a process of its own that wants little: when it does not get that, nobody here can
keep a sound card's time.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

WATCH = """
import time
while True:
    wall, used = time.monotonic(), time.thread_time()
    time.sleep(0.01)
    while time.thread_time() - used < 0.002:
        pass
    lost = time.monotonic() - wall - 0.012
    if lost > 0.01:
        print(wall, lost, flush=True)
"""
PAGE = os.sysconf("SC_PAGE_SIZE")


class Machine:
    """Watched from now on, until `stop`."""

    def __init__(self, notes: Path) -> None:
        self._notes = notes
        with notes.open("wb") as file:
            self._process = subprocess.Popen([sys.executable, "-c", WATCH], stdout=file)

    def stop(self) -> None:
        """No longer."""
        self._process.kill()
        self._process.wait()

    def lost(self, begin: float, end: float) -> float:
        """The longest time that the watch had to wait between these two (`time.monotonic`)."""
        lines = (line.split() for line in self._notes.read_text().splitlines())
        stalls = [(float(at), float(lost)) for at, lost in filter(lambda one: len(one) == 2, lines)]
        return max((lost for at, lost in stalls if at <= end and at + lost >= begin), default=0.0)


def resident(pid: int) -> float:
    """MiB of memory that a process and its children have."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    found = pages * PAGE / 2**20
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            try:
                found += resident(int(child))
            except OSError:
                pass  # It has ended.
    return found


def own() -> float:
    """MiB of memory that this process has, without its children."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 2**20
