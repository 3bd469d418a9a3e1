"""TABLE.md: what every cell of the matrix came to, and which mutant turns its row red."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from .matrix import FAULTS, STATES, outcome
from .mutants import MUTANTS

FILE: Final = Path(__file__).with_name("TABLE.md")

HEAD: Final = """\
# Every fault in every state

Written by `python -m tests.faults table`, from the sans-IO core in virtual time; a test of
`test_faults_table.py` holds it to what the run gives. A cell says how the user is told (the
`disconnected` reason, the codes of errors), the state in the end and the dials on the way there,
then what became of the message, the question and the voice that were open. In none of them is a
receipt or a reply left open after `disconnect()`, is one settled twice, is a loss not told, or is a
deadline left.

`python -m tests.faults prove` makes each mutant below and shows that its row changes.
"""


def row(fault: str) -> dict[str, str]:
    """The outcome in each state."""
    return {state: cell(state, fault) for state in STATES}


def cell(state: str, fault: str) -> str:
    """One outcome; a law that is broken, and whatever else is raised, stands in its place."""
    try:
        return outcome(state, fault)
    except Exception as error:
        return f"BROKEN: {type(error).__name__}: {error}"


def text() -> str:
    """The whole file."""
    lines = [HEAD, f"| fault | {' | '.join(STATES)} |", "|---" * (len(STATES) + 1) + "|"]
    lines += [f"| {fault} | {' | '.join(row(fault).values())} |" for fault in FAULTS]
    lines += ["", "| fault | the mutant that turns it red |", "|---|---|"]
    lines += [f"| {fault} | {MUTANTS[fault]} |" for fault in FAULTS]
    return "\n".join(lines) + "\n"
