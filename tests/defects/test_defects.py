"""Each claim holds for ours on every loop, and fails on estuary-sdk 0.8.0 in the way it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

import estuary_anyio

from .alone import HELD
from .claims import CLAIMS, CONTROLS, SOUNDS, Claim, Subject
from .judged import fails_as_it_says, judged
from .table import LOOPS, TABLE, WITHOUT

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

EACH = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)


@EACH
async def test_ours(claim: Claim) -> None:
    with anyio.fail_after(20):
        await claim.body(Subject(estuary_anyio))


@EACH
@pytest.mark.incumbent
def test_incumbent(claim: Claim, record_property: Callable[[str, object], None]) -> None:
    record_property("how", fails_as_it_says(claim))


@pytest.mark.incumbent
@pytest.mark.parametrize("claim", CONTROLS, ids=lambda claim: claim.name)
def test_what_both_can_do(claim: Claim) -> None:
    assert judged(claim) == HELD


@pytest.mark.parametrize("claim", CONTROLS, ids=lambda claim: claim.name)
async def test_what_ours_can_do(claim: Claim) -> None:
    await claim.body(Subject(estuary_anyio))


def test_the_table_is_of_these_claims() -> None:
    text = TABLE.read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    listed = {(row[0].strip("| "), row[1]) for row in rows if len(row) == 4}
    assert listed - {("item", "claim")} == {
        (claim.item, claim.says) for claim in (*CLAIMS, *SOUNDS)
    }
    for row in rows:
        if len(row) == 4 and row[0] != "| item":
            assert row[2] == ", ".join(LOOPS)
    items = {claim.item for claim in (*CLAIMS, *SOUNDS)} | set(WITHOUT)
    assert items == {str(n) for n in range(1, 85)}
