"""One mutant by hand for each row of the matrix, and the proof that it turns the row red.

The packages are copied once; each mutant changes one line of the copy, and a fresh interpreter
runs its row there.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
COPIED: Final = ("estuary_proto", "tests/faults")


class Mutant(NamedTuple):
    """In this module of the core, `old` (which is there once) becomes `new`."""

    module: str
    old: str
    new: str

    def __str__(self) -> str:
        old, new = (" ".join(code.split()) for code in (self.old, self.new))
        return f"{self.module}: `{old}` => `{new}`"

    def apply(self, root: Path) -> str:
        """Change the copy under `root`; the text of before."""
        path = root / "estuary_proto" / f"{self.module}.py"
        before = path.read_text(encoding="utf-8")
        if before.count(self.old) != 1:
            raise ValueError(f"{self.old!r} is in {self.module} {before.count(self.old)} times")
        path.write_text(before.replace(self.old, self.new), encoding="utf-8")
        return before


def _ending(cause: str, was: str, becomes: str) -> Mutant:
    return Mutant("policy", f"Cause.{cause}: Ending({was}", f"Cause.{cause}: Ending({becomes}")


MUTANTS: Final[dict[str, Mutant]] = {
    "reset": _ending("NETWORK", "True, True, True", "False, True, True"),
    "reset, and the server is gone for good": Mutant(
        "client", "if self._attempts >= config.max_reconnect_attempts:", "if False:"
    ),
    "server restarts (1012)": Mutant("policy", "{1001, 1012, 1013}", "{1001, 1013}"),
    "server restarts, down for 6 s": Mutant("policy", "base * 2.0 **", "base * 1.0 **"),
    "Engine.IO close": Mutant(
        "connection",
        "Cause.SERVER_RESTART if self.role is Role.CLIENT",
        "Cause.NETWORK if self.role is Role.CLIENT",
    ),
    "thrown out without a word": _ending(
        "SERVER_DISCONNECT", "True, False, F", "True, False, not F"
    ),
    "thrown out each time": _ending("SERVER_DISCONNECT", "True, False, F", "True, True, F"),
    "quota used up": _ending("QUOTA", "False", "True"),
    "session timeout": _ending("SESSION_TIMEOUT", "False", "True"),
    "session rejected": _ending("SESSION_REJECTED", "False", "True"),
    "half a packet": _ending("PROTOCOL", "True, False, F", "True, False, not F"),
    "attachments that never come": Mutant(
        "connection", "self._timers.start(Timer.ATTACHMENTS, now + ATTACHMENTS_WITHIN)", "pass"
    ),
    "black hole": Mutant(
        "connection",
        "if self.role is Role.CLIENT:\n            self._timers.start(Timer.HEARTBEAT",
        "if self.role is Role.CLIENT:\n            self._timers.start(Timer.CLOSE",
    ),
    "stalled writer": Mutant("client", "self._lost += 1", "pass"),
    "stalled reader": Mutant("client", "self._replies.lost(closed.error.message)", "pass"),
    "stalled for 5 s": Mutant(
        "connection", "(handshake.ping_interval if client else 0.0)", "-18.0"
    ),
    "a second of latency": Mutant(
        "credentials", "RENEWED_WITHIN: Final = 15.0", "RENEWED_WITHIN: Final = 1.0"
    ),
    "clock jumps back": Mutant("client", "self._now = max(self._now, now)", "self._now = now"),
    "machine sleeps for a minute": _ending("HEARTBEAT", "True", "False"),
    "reset, credential revoked": _ending("AUTH", "False", "True"),
    "no new credential": Mutant(
        "parts/renewing", 'self._expel("the token provider did not answer in time")', "pass"
    ),
    "flood of 10,000 events": Mutant("client", "self._pass_on(event)", "event = None"),
    "acks asked for and not read": Mutant("outbox", "MAX_CONTROL = 1000", "MAX_CONTROL = 10**9"),
}  # fmt: skip
"""By the name of the fault."""

_RUN: Final = (
    "import json, sys; from tests.faults.table import row; json.dump(row(sys.argv[1]), sys.stdout)"
)


def _row(fault: str, root: Path) -> dict[str, str]:
    command = [sys.executable, "-B", "-c", _RUN, fault]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"every state": done.stderr.strip().rpartition("\n")[2]}
    found: dict[str, str] = json.loads(done.stdout)
    return found


def changed(faults: list[str]) -> dict[str, dict[str, tuple[str, str]]]:
    """For each fault, the cells that its mutant changes: (without, with)."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in COPIED:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, root / name, ignore=ignored)
        for fault in faults:
            right = _row(fault, root)
            mutant = MUTANTS[fault]
            before = mutant.apply(root)
            wrong = _row(fault, root)
            (root / "estuary_proto" / f"{mutant.module}.py").write_text(before, encoding="utf-8")
            keys = right | wrong
            pairs = {key: (right.get(key, ""), wrong.get(key, "")) for key in keys}
            found[fault] = {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
    return found


def prove(faults: list[str]) -> int:
    """Print what each mutant does to its row; 1 when one does nothing."""
    found = changed(faults or list(MUTANTS))
    for fault, cells in found.items():
        print(f"{'red  ' if cells else 'GREEN'} {fault}: {MUTANTS[fault]}")
        for state, (right, wrong) in list(cells.items())[:1]:
            print(f"        {state}: {right}\n        {' ' * len(state)}  {wrong}")
    return 0 if all(found.values()) else 1
