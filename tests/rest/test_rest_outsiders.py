"""An outsider judges the gateway's API: schemathesis, by `/openapi.json` alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conftest import own_gateway

if TYPE_CHECKING:
    from pathlib import Path

# No schema says which bytes are a picture or a model.
CONFIG = """
[[operations]]
include-operation-id = ["from_image", "set_avatar", "set_model_file"]
checks.positive_data_acceptance.enabled = false
"""
OPERATIONS = 38


@pytest.mark.parametrize(
    ("phase", "examples", "tested"),
    [("coverage", 1, OPERATIONS), ("fuzzing", 5, OPERATIONS), ("stateful", 6, 5)],
)
def test_schemathesis_finds_nothing(tmp_path: Path, phase: str, examples: int, tested: int) -> None:
    # Of its own: it deletes what it finds.
    with own_gateway() as gateway:
        judge(gateway, tmp_path, phase, examples, tested)


def judge(gateway: dict[str, str], tmp_path: Path, phase: str, examples: int, tested: int) -> None:
    pytest.importorskip("schemathesis")
    (tmp_path / "st.toml").write_text(CONFIG)
    key = gateway["ESTUARY_API_KEY"]
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", "st.toml", "run",
        f"{gateway['ESTUARY_SERVER_URL']}/openapi.json", "-H", f"X-API-Key: {key}",
        "-H", f"Authorization: Bearer {key}", "--phases", phase, "-n", str(examples),
        "--no-color", "--continue-on-failure", "--generation-deterministic",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONWARNINGS": "default"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    # What is reached from one answer to the next is not the same each time.
    (found,) = re.findall(r"Tested: (\d+)", done.stdout)
    assert tested <= int(found) <= OPERATIONS
