"""The matrix in memory: TABLE.md is what the run gives, and its mutants turn rows red."""

from __future__ import annotations

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


@pytest.mark.parametrize("fault", ["reset", "stalled writer"])
def test_a_mutant_turns_its_row_red(fault: str) -> None:
    assert changed([fault])[fault]


@pytest.mark.long
def test_every_mutant_turns_its_row_red() -> None:
    assert all(changed(list(MUTANTS)).values())
