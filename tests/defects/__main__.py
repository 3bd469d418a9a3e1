"""Run every claim on both libraries and write both outcomes into TABLE.md."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

# They declare the claims.
from . import (  # noqa: F401
    calling,
    connecting,
    keeping,
    listening,
    rooming,
    sounding,
    speaking,
    talking,
)
from .claims import CLAIMS, SOUNDS, Claim
from .table import LOOPS, TABLE, Outcomes, table

HERE: Final = Path(__file__).parent
SUITES: Final = (
    (CLAIMS, HERE / "test_defects.py", "4"),
    (SOUNDS, HERE.parent / "audio" / "test_audio_defects.py", "1"),
)
"""Claims, their tests, and how many of those run at a time."""


def main() -> int:
    outcomes: Outcomes = {}
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for claims, tests, jobs in SUITES:
            report = Path(folder) / f"{tests.stem}.xml"
            options = ["-q", "-n", jobs, f"--junitxml={report}", str(tests)]
            run = subprocess.run([sys.executable, "-m", "pytest", *options], check=False)
            failed |= run.returncode
            outcomes |= read(report, claims)
    everything = [*CLAIMS, *SOUNDS]
    TABLE.write_text(table(everything, outcomes), encoding="utf-8")
    print(f"{len(everything)} claims: {TABLE}")
    return failed


def read(report: Path, claims: list[Claim]) -> Outcomes:
    """What each claim came to, by loop, and how it failed on the other library."""
    cases = {case.attrib["name"]: case for case in ElementTree.parse(report).iter("testcase")}
    found: Outcomes = {}
    for claim in claims:
        ours = {loop: passed(cases.get(f"test_ours[{loop}-{claim.name}]")) for loop in LOOPS}
        found[claim.name] = (ours, how(cases.get(f"test_incumbent[{claim.name}]"), claim))
    return found


NOT_PASSED: Final = ("failure", "error", "skipped")


def passed(case: ElementTree.Element | None) -> bool:
    return case is not None and all(case.find(word) is None for word in NOT_PASSED)


def how(case: ElementTree.Element | None, claim: Claim) -> str:
    told = None if case is None else case.find("properties/property[@name='how']")
    if told is None or not passed(case):
        return f"NOT as expected ({claim.fails})"
    return told.attrib["value"]


if __name__ == "__main__":
    raise SystemExit(main())
