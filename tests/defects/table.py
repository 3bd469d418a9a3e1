"""The table of both outcomes, and what it says of the items that have no claim."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from .claims import Claim

TABLE: Final = Path(__file__).with_name("TABLE.md")
LOOPS: Final = ("asyncio", "uvloop", "trio")

Outcomes: TypeAlias = "dict[str, tuple[dict[str, bool], str]]"
"""By name of a claim: whether it holds on each loop, and how it failed on the other library."""

WITHOUT: Final = {
    "14": "never seen to happen: nothing guarantees the order there, and it holds in tests",
    "17": "an order that is not defined cannot be shown to be wrong by one run",
    "18": "needs more than 10 s of waiting; the core's tests show ours with a virtual clock",
    "29": "a feature that is missing there: `ask`, `wait_for`, `events`",
    "45": "of two who speak both are heard by it, as tried; replaced tracks: tests/livekit",
    "47": "a voice session of ours feeds the far end at play time on either way: tests/audio",
    "83": "about documents",
}
"""Items of which there is no claim, and why."""

HEAD: Final = """\
# What both libraries do

Made by `python -m tests.defects`; do not edit. Each row is one test body against public API and the
wire (`tests/defects/`). It passes on this library on every loop, and fails on `estuary-sdk` 0.8.0
in the way that stands in the last column; any other way would be an error.

| item | claim | this library | estuary-sdk 0.8.0 |
|---|---|---|---|
"""


def table(claims: list[Claim], outcomes: Outcomes) -> str:
    rows = []
    for claim in sorted(claims, key=lambda one: int(one.item)):
        ours, how = outcomes[claim.name]
        held = ", ".join(loop for loop in LOOPS if ours[loop]) or "FAILS"
        rows.append(f"| {claim.item} | {claim.says} | {held} | {how.replace('|', '/')[:160]} |")
    left = [f"| {item} | {why} |" for item, why in WITHOUT.items()]
    return (
        HEAD
        + "\n".join(rows)
        + "\n\nItems without a claim:\n\n| item | why |\n|---|---|\n"
        + "\n".join(left)
        + "\n"
    )
