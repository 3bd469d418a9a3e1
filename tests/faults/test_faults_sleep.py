"""A machine that sleeps: a process that is stopped for longer than its heartbeats, and goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from estuary_anyio.gateway import serve_gateway
from estuary_proto.gateway import ServerConfig

if TYPE_CHECKING:
    from anyio.abc import Process

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="nothing stops a process here"),
]

SLEEPER = """
import sys
import anyio
from estuary_anyio import EstuaryClient, EstuaryConfig

async def main():
    url = sys.argv[1]
    config = EstuaryConfig(url, "est_dev", "demo", "p", reconnect_delay=0.01)
    async with EstuaryClient(config) as client:
        client.on("connected", lambda session: print("connected", flush=True))
        client.on("disconnected", lambda reason: print("lost:", reason, flush=True))
        await client.connect()
        await anyio.to_thread.run_sync(sys.stdin.readline)
        print((await client.send_text_and_wait("my name is Ada")).text, flush=True)

backend, uvloop = sys.argv[2], sys.argv[3] == "True"
anyio.run(main, backend=backend, backend_options={"use_uvloop": True} if uvloop else {})
"""


async def line(process: Process) -> str:
    assert process.stdout is not None
    said = b""
    with anyio.fail_after(30):
        while not said.endswith(b"\n"):
            said += await process.stdout.receive(1)
    return said.decode().rstrip("\n")


async def test_a_client_sleeps_until_the_server_has_given_it_up(
    anyio_backend: Any, anyio_backend_name: str
) -> None:
    options = anyio_backend[1] if isinstance(anyio_backend, tuple) else {}
    server = ServerConfig(ping_interval=0.3, ping_timeout=0.3)
    async with serve_gateway(server=server, stt="none", tts="tone") as gateway:
        command = [
            sys.executable, "-W", "error", "-c", SLEEPER, gateway.url, anyio_backend_name,
            str(bool(options.get("use_uvloop"))),
        ]  # fmt: skip
        root = Path(__file__).parents[2]
        async with await anyio.open_process(command, cwd=root, stderr=subprocess.STDOUT) as process:
            assert await line(process) == "connected"
            os.kill(process.pid, signal.SIGSTOP)
            try:
                with anyio.fail_after(30):  # Not by a clock of ours: the gateway gives it up.
                    while gateway.sessions:
                        await anyio.lowlevel.checkpoint()
            finally:
                os.kill(process.pid, signal.SIGCONT)
            assert (await line(process)).startswith("lost: ")
            assert await line(process) == "connected"
            assert process.stdin is not None
            await process.stdin.send(b"\n")
            assert "Ada" in await line(process)
            with anyio.fail_after(30):
                assert await process.wait() == 0
