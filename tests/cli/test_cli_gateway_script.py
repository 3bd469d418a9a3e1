"""`estuary gateway` with a script and with limits, as a process, and a chat that meets them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Ended = Callable[..., tuple[int, str, str]]
    Gateway = Callable[..., tuple[Any, str]]

SCRIPTS = Path(__file__).parents[1] / "gateway" / "scripts"
BANNER_ENDS = "Ctrl-C ends it\n"


def test_a_script_acts_and_reports(gateway: Gateway, ended: Ended, backend: str) -> None:
    script = SCRIPTS / "session_timeout.yaml"
    process, url = gateway("--backend", backend, "--script", str(script))
    status, out, err = ended("chat", "--url", url, "--once", "go")
    assert (status, out) == (1, "")
    assert "idle for too long" in err
    said = "".join(iter(process.stdout.readline, BANNER_ENDS))
    assert "session_timeout" not in said
    assert process.stdout.readline() == "session_timeout.yaml: rule 1: sends session_timeout\n"


def test_a_script_that_is_wrong(ended: Ended, tmp_path: Path) -> None:
    script = tmp_path / "mine.yaml"
    script.write_text("- {when: lunch, do: drop}\n")
    status, out, err = ended("gateway", "--script", str(script))
    assert (status, out) == (2, "")
    assert err.startswith(
        "estuary: --script: mine.yaml: rule 1: when: there is no event 'lunch' of a client; take "
    )
    assert err.count("\n") == 1


def test_a_quota(gateway: Gateway, ended: Ended) -> None:
    _, url = gateway("--quota", "1")
    assert ended("chat", "--url", url, "--once", "hello")[0] == 0
    status, _, err = ended("chat", "--url", url, "--once", "hello again")
    assert status == 1
    assert "quota" in err


def test_an_idle_session(gateway: Gateway, start: Callable[..., Any]) -> None:
    _, url = gateway("--idle-timeout", "0.3")
    chat = start("chat", "--url", url)
    said = "estuary: the session was idle for too long: inactivity; the conversation is over\n"
    assert chat.stderr.readline() == said


@pytest.mark.parametrize("option", ["--idle-timeout", "--voice-idle-timeout", "--quota"])
def test_limits_are_above_nothing(ended: Ended, option: str) -> None:
    status, out, err = ended("gateway", option, "0")
    assert (status, out) == (2, "")
    assert option in err
