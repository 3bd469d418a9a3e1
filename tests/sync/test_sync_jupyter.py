"""In a notebook: a real kernel, whose own event loop runs all the while, executes cells."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from estuary_anyio.sync import Gateway

pytest.importorskip("ipykernel")

SECONDS = 60.0


class Notebook:
    """Cells of one kernel, one after the other."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def cell(self, code: str) -> str:
        """Run a cell; what it printed, and the value of its last line."""
        shown: list[str] = []

        def show(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "stream":
                shown.append(content["text"])
            elif message["msg_type"] == "execute_result":
                shown.append(content["data"]["text/plain"])

        reply = self._client.execute_interactive(code, output_hook=show, timeout=SECONDS)
        content = reply["content"]
        assert content["status"] == "ok", "\n".join(content["traceback"])
        return "".join(shown)


@pytest.fixture
def notebook(estuary_gateway: Gateway, tmp_path: Path) -> Iterator[Notebook]:
    from jupyter_client.manager import KernelManager

    environment = {
        **os.environ,
        "ESTUARY_SERVER_URL": estuary_gateway.url,
        "ESTUARY_API_KEY": estuary_gateway.api_key,
        "ESTUARY_CHARACTER_ID": estuary_gateway.character_id,
        "ESTUARY_PLAYER_ID": "reader",
        "IPYTHONDIR": str(tmp_path),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    manager = KernelManager()
    manager.kernel_spec.argv[0] = sys.executable  # type: ignore[union-attr]
    manager.start_kernel(env=environment, cwd=str(tmp_path))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=SECONDS)
        yield Notebook(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
        manager.cleanup_resources()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_notebook(notebook: Notebook, estuary_gateway: Gateway, backend: str) -> None:
    cell = notebook.cell
    cell("import asyncio; loop = asyncio.get_running_loop()")  # There is one, or nothing is shown.
    cell("from estuary_anyio import BotResponse, EstuaryConfig")
    cell("from estuary_anyio.sync import EstuaryClient")
    cell(f"client = EstuaryClient(EstuaryConfig.from_env(), backend={backend!r})")
    assert "SessionInfo(" in cell("client.connect()")
    assert "Ada" in cell("client.send_text_and_wait('my name is Ada').text")
    assert cell("for piece in client.ask('hello'): print(piece.text, end='')").count("Ada") == 1
    cell("heard = []\n@client.on('bot_response')\ndef hear(response): heard.append(response)")
    cell("answers = client.events(BotResponse, timeout=20)")
    # What comes between two cells is heard too: nothing waits for the next one.
    cell("receipt = client.send_text('hello')")
    assert "is_final=True" in cell("next(one for one in answers if one.is_final)")
    assert "SENT" in cell("receipt.wait()")
    assert "Ada" in cell("client.memory.get_core_facts()")
    # A cell with `await` shares the kernel's loop with nobody.
    assert "hello" in cell(
        "async def later():\n    await asyncio.sleep(0)\n    return 'hello'\nawait later()"
    )
    cell("client.disconnect()")
    assert cell("heard[-1].is_final") == "True"
    with_block = "with EstuaryClient(EstuaryConfig.from_env()) as other:\n    other.connect()\n"
    assert "Ada" in cell(with_block + "    print(other.turn('what is my name?').text)")
    deadline = time.monotonic() + SECONDS
    while estuary_gateway.sessions:  # It hears of the goodbye a moment later.
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.timeout(240)
def test_a_kernel_that_is_shut_down_with_a_client(
    notebook: Notebook, estuary_gateway: Gateway
) -> None:
    """`manager.shutdown_kernel` waits for the kernel: it would be killed after 5 s, and be told."""
    notebook.cell("from estuary_anyio import EstuaryConfig\nfrom estuary_anyio.sync import *")
    notebook.cell("client = EstuaryClient(EstuaryConfig.from_env()); client.connect()")
    assert estuary_gateway.sessions == 1
