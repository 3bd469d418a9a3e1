"""Claims of `tests/defects/` that need a sound card: ours holds, estuary-sdk 0.8.0 does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

import estuary_anyio
from tests.defects import sounding  # noqa: F401  It declares the claims.
from tests.defects.alone import HELD
from tests.defects.claims import SOUND_CONTROLS, SOUNDS, Claim, Subject
from tests.defects.judged import fails_as_it_says, judged

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.audio.card import Card

pytestmark = pytest.mark.anyio

EACH = pytest.mark.parametrize("claim", SOUNDS, ids=lambda claim: claim.name)


@EACH
async def test_ours(claim: Claim, sound_card: Card) -> None:
    with anyio.fail_after(20):
        await claim.body(Subject(estuary_anyio))


@EACH
@pytest.mark.incumbent
def test_incumbent(
    claim: Claim, sound_card: Card, record_property: Callable[[str, object], None]
) -> None:
    record_property("how", fails_as_it_says(claim))


BOTH = pytest.mark.parametrize("claim", SOUND_CONTROLS, ids=lambda claim: claim.name)


@BOTH
async def test_what_ours_can_do(claim: Claim, sound_card: Card) -> None:
    with anyio.fail_after(20):
        await claim.body(Subject(estuary_anyio))


@BOTH
@pytest.mark.incumbent
def test_what_both_can_do(claim: Claim, sound_card: Card) -> None:
    assert judged(claim) == HELD
