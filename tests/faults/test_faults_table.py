"""The matrix in memory: TABLE.md is what the run gives, and its mutants turn rows red."""

from __future__ import annotations

import re

import pytest

from tests.faults import table
from tests.faults.matrix import FAULTS
from tests.faults.mutants import MUTANTS, ROOT, changed


def test_the_table_is_what_the_run_gives() -> None:
    assert table.FILE.read_text(encoding="utf-8") == table.text()


def test_no_cell_breaks_a_law() -> None:
    assert "BROKEN" not in table.FILE.read_text(encoding="utf-8")


def test_each_row_has_a_mutant_that_can_be_made() -> None:
    assert list(MUTANTS) == list(FAULTS)
    for mutant in MUTANTS.values():
        text = (ROOT / "estuary_proto" / f"{mutant.module}.py").read_text(encoding="utf-8")
        assert text.count(mutant.old) == 1, mutant


def test_each_bound_of_the_readme_points_to_a_test() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?:server|client) \|.*\| `(\w+\.py)::(\w+)` \|$", readme, re.M)
    assert len(rows) >= 16
    for file, name in rows:
        (path,) = (ROOT / "tests").glob(f"*/{file}")
        assert re.search(rf"def {name}\(", path.read_text(encoding="utf-8")), name


@pytest.mark.parametrize("fault", ["reset", "stalled writer"])
def test_a_mutant_turns_its_row_red(fault: str) -> None:
    assert changed([fault])[fault]


@pytest.mark.long
def test_every_mutant_turns_its_row_red() -> None:
    assert all(changed(list(MUTANTS)).values())
