"""What a claim comes to on estuary-sdk 0.8.0, wherever that is installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.judges.outside import sdk_folder

from .alone import HELD

if TYPE_CHECKING:
    from .claims import Claim


def judged(claim: Claim) -> str:
    """How the body failed there, as "Type: message", or that it held."""
    path = [str(sdk_folder("0.8.0")), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    command = [sys.executable, "-m", "tests.defects.alone", claim.name]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip(), done.stderr
    return done.stdout.strip().splitlines()[-1]


def fails_as_it_says(claim: Claim) -> str:
    """How the body failed there; it must, and in the way that the claim says."""
    how = judged(claim)
    assert how != HELD, "the claim holds for it"
    assert re.match(claim.fails, how), f"it failed in another way: {how}"
    return how
