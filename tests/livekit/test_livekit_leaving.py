"""Programs that were in a room end as all others do, again and again."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.livekit.conftest import PATIENCE

TIMES, AT_ONCE = 20, 2

pytestmark = pytest.mark.timeout(4 * PATIENCE)


# What is tested is what happens at random: not once more when it did.
@pytest.mark.flaky(reruns=0)
@pytest.mark.parametrize(("how", "status"), [("returns", 0), ("raises", 1), ("exits", 0)])
def test_a_program_ends_in_peace(server: str, backend: str, how: str, status: int) -> None:
    command = [sys.executable, "-m", "tests.livekit.leaving", backend, server, how]

    def run(_: int) -> tuple[int, str]:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stderr[-2000:]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        ends = list(pool.map(run, range(TIMES if how == "returns" else TIMES // 4)))
    assert [end for end in ends if end[0] != status] == []
