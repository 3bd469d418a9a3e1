"""Each claim holds for ours on every loop, and fails on estuary-sdk 0.8.0 in the way it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import anyio
import pytest

import estuary_anyio
from tests.judges.outside import sdk_folder

from .alone import HELD
from .claims import CLAIMS, CONTROLS, Claim, Subject
from .table import LOOPS, TABLE, WITHOUT

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

EACH = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """Where estuary-sdk 0.8.0 is found, whatever else is installed."""
    path = os.pathsep.join(
        [str(sdk_folder("0.8.0")), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    return {**os.environ, "PYTHONPATH": path}


def alone(claim: Claim, environment: dict[str, str]) -> str:
    """What the body came to on estuary-sdk."""
    command = [sys.executable, "-m", "tests.defects.alone", claim.name]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip(), done.stderr
    return done.stdout.strip().splitlines()[-1]


@EACH
async def test_ours(claim: Claim) -> None:
    with anyio.fail_after(20):
        await claim.body(Subject(estuary_anyio))


@EACH
@pytest.mark.incumbent
def test_incumbent(
    claim: Claim, environment: dict[str, str], record_property: Callable[[str, object], None]
) -> None:
    how = alone(claim, environment)
    record_property("how", how)
    assert how != HELD, "the claim holds for it"
    assert re.match(claim.fails, how), f"it failed in another way: {how}"


@pytest.mark.incumbent
@pytest.mark.parametrize("claim", CONTROLS, ids=lambda claim: claim.name)
def test_what_both_can_do(claim: Claim, environment: dict[str, str]) -> None:
    assert alone(claim, environment) == HELD


@pytest.mark.parametrize("claim", CONTROLS, ids=lambda claim: claim.name)
async def test_what_ours_can_do(claim: Claim) -> None:
    await claim.body(Subject(estuary_anyio))


def test_the_table_is_of_these_claims() -> None:
    text = TABLE.read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    listed = {(row[0].strip("| "), row[1]) for row in rows if len(row) == 4}
    assert listed - {("item", "claim")} == {(claim.item, claim.says) for claim in CLAIMS}
    for row in rows:
        if len(row) == 4 and row[0] != "| item":
            assert row[2] == ", ".join(LOOPS)
    items = {claim.item for claim in CLAIMS} | set(WITHOUT)
    assert items == {str(n) for n in (*range(1, 38), *range(48, 53), *range(80, 85))}
