"""Long runs: a process for each target, watched until its coverage stands still."""

from __future__ import annotations

import re
import selectors
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import corpus
from .patience import PATIENCE
from .targets import MOST

if TYPE_CHECKING:
    from collections.abc import Iterator

WORK: Final = Path(__file__).parents[1] / ".fuzz"
"""Where runs keep what they find; not committed."""

WORDS: Final = Path(__file__).parent / "words.dict"
"""What parsers that are not written in Python look for, and so cannot tell a fuzzer."""

FOUND: Final = "FOUND"
"""How a run ended that something went wrong in."""

_STATUS: Final = re.compile(r"#(\d+)\s.*?cov: (\d+) ft: (\d+)")
_COUNTED: Final = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_SAVED: Final = re.compile(r"Test unit written to (\S*(?:crash|timeout|oom)-\w+)")


@dataclass
class Result:
    """How a run went. `coverage` and `features` as libFuzzer counts them."""

    name: str
    seconds: float = 0.0
    executions: int = 0
    coverage: int = 0
    features: int = 0
    finding: Path | None = None
    ended: str = ""

    def __str__(self) -> str:
        rate = self.executions / max(self.seconds, 0.001)
        found = f"  {self.finding}" if self.finding else ""
        return (
            f"{self.name:18}{self.seconds:8.0f} s{self.executions:12,}{rate:10,.0f}/s"
            f"{self.coverage:8}{self.features:8}  {self.ended}{found}"
        )


def inputs_of(name: str) -> list[bytes]:
    """All that is known for a target: the committed corpus and what runs have found."""
    found = [file.read_bytes() for file in sorted((WORK / name / "corpus").glob("*"))]
    return [*corpus.load(name), *found]


def run(name: str, seconds: float, still: float, *, python: str = sys.executable,
        work: Path = WORK, cwd: Path | None = None) -> Result:  # fmt: skip
    """Fuzz until something is found, `seconds` have passed, or nothing new came for `still`."""
    home = work / name
    seeds = home / "corpus"
    seeds.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(corpus.load(name)):
        (seeds / f"seed-{number:04}").write_bytes(data)
    command = [
        python, "-m", "fuzz.engine", name, str(seeds),
        f"-artifact_prefix={home}/", f"-max_total_time={int(seconds)}",
        f"-dict={WORDS}", "-use_value_profile=1", "-print_final_stats=1",
        f"-max_len={MOST.get(name, 600)}", f"-timeout={PATIENCE:.0f}", "-rss_limit_mb=3000",
    ]  # fmt: skip
    result = Result(name)
    begun = grown = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=cwd,
        errors="replace",
    )  # fmt: skip
    log = (home / "log.txt").open("a")
    with process, log:
        for line in _lines(process):
            log.write(line)
            now = time.monotonic()
            if found := _STATUS.search(line):
                result.executions = int(found[1])
                if int(found[3]) > result.features or int(found[2]) > result.coverage:
                    # New ways to count the same branches are not what is waited for.
                    grown = now if int(found[2]) > result.coverage else grown
                result.coverage = max(result.coverage, int(found[2]))
                result.features = max(result.features, int(found[3]))
            elif counted := _COUNTED.search(line):
                result.executions = int(counted[1])
            elif saved := _SAVED.search(line):
                result.finding = Path(saved[1])
            if now - grown > still and not result.finding:
                result.ended = f"nothing new for {still:.0f} s"
                process.terminate()
                break
    result.seconds = time.monotonic() - begun
    if result.finding:
        result.ended = FOUND
    elif not result.ended:
        result.ended = "time is up" if process.returncode == 0 else f"exit {process.returncode}"
    return result


def _lines(process: subprocess.Popen[str]) -> Iterator[str]:
    """What it says, and "" each second in which it says nothing."""
    assert process.stderr is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stderr, selectors.EVENT_READ)
        while True:
            if not selector.select(1.0):
                yield ""
                continue
            line = process.stderr.readline()
            if not line:
                return
            yield line
