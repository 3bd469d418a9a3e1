"""The README's recipes for other people's frameworks do what they say."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config

from tests.test_readme import BLOCKS, README

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """FastAPI is at home on asyncio."""
    return "asyncio"


def recipe(part: str) -> str:
    code: str
    (code,) = [code for language, code in BLOCKS if language == "python" and part in code]
    return code


def names_of(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "recipe"}
    exec(compile(code, "README.md", "exec", dont_inherit=True), names)
    return names


async def told(page: httpx.AsyncClient, player: str, text: str) -> list[str]:
    async with page.stream("GET", "/ask", params={"player": player, "text": text}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line async for line in answer.aiter_lines() if line]
    return [json.loads(line.removeprefix("data: "))["text"] for line in lines]


async def test_an_answer_as_server_sent_events(
    gateway: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over a real server, in pieces, and each player is remembered."""
    for name, value in gateway.items():
        monkeypatch.setenv(name, value)
    app = names_of(recipe("FastAPI("))["app"]
    listening, config, stop = socket.create_server(("127.0.0.1", 0)), Config(), anyio.Event()
    port = listening.getsockname()[1]
    config.bind, config.errorlog = [f"fd://{listening.detach()}"], None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: serve(app, config, shutdown_trigger=stop.wait))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as page:
            await told(page, "web-1", "My name is Ada.")
            assert "".join(await told(page, "web-1", "What is my name?")) == "Your name is Ada."
            other = await told(page, "web-2", "What is my name?")
            assert "Ada" not in "".join(other)
            assert len(await told(page, "web-2", "tell me a joke")) > 5
        stop.set()


def test_the_bot_is_well_typed(tmp_path: Path) -> None:
    """It is not run: that takes Discord's servers."""
    program = tmp_path / "bot.py"
    program.write_text(recipe("discord.Client"), encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--config-file", str(README.parent / "pyproject.toml")]
    command += ["--cache-dir", str(tmp_path / "cache"), str(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_telephone_speaks_as_the_standard_says() -> None:
    """Each code of G.711 and each sample, as `audioop` has them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        audioop = pytest.importorskip("audioop", reason="Python has it up to 3.12")
    code = recipe("from_ulaw").partition("async def main")[0]
    names = names_of(re.sub("^from estuary_anyio.*\n", "", code, flags=re.M))
    codes = bytes(range(256))
    assert names["from_ulaw"](codes) == audioop.ulaw2lin(codes, 2)
    samples = range(32768)
    loud = b"".join(sample.to_bytes(2, "little") for sample in samples)
    positive = names["to_ulaw"](loud)
    assert positive == audioop.lin2ulaw(loud, 2)
    # Below zero it is the mirror of that; audioop rounds to 14 bits first, downwards.
    quiet = b"".join((-sample).to_bytes(2, "little", signed=True) for sample in samples[1:])
    assert names["to_ulaw"](quiet) == bytes(code & 0x7F for code in positive[1:])
