"""Run every claim on both libraries and write both outcomes into TABLE.md."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from . import connecting, keeping, listening, speaking, talking  # noqa: F401  They declare the claims.
from .claims import CLAIMS, Claim
from .table import LOOPS, TABLE, Outcomes, table


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        tests = Path(__file__).with_name("test_defects.py")
        options = ["-q", "-n", "4", f"--junitxml={report}", str(tests)]
        status = subprocess.run([sys.executable, "-m", "pytest", *options], check=False).returncode
        outcomes = read(report)
    TABLE.write_text(table(CLAIMS, outcomes), encoding="utf-8")
    print(f"{len(CLAIMS)} claims: {TABLE}")
    return status


def read(report: Path) -> Outcomes:
    """What each claim came to, by loop, and how it failed on the other library."""
    cases = {case.attrib["name"]: case for case in ElementTree.parse(report).iter("testcase")}
    found: Outcomes = {}
    for claim in CLAIMS:
        ours = {loop: passed(cases.get(f"test_ours[{loop}-{claim.name}]")) for loop in LOOPS}
        found[claim.name] = (ours, how(cases.get(f"test_incumbent[{claim.name}]"), claim))
    return found


def passed(case: ElementTree.Element | None) -> bool:
    return case is not None and case.find("failure") is None and case.find("error") is None


def how(case: ElementTree.Element | None, claim: Claim) -> str:
    told = None if case is None else case.find("properties/property[@name='how']")
    if told is None or not passed(case):
        return f"NOT as expected ({claim.fails})"
    return told.attrib["value"]


if __name__ == "__main__":
    raise SystemExit(main())
