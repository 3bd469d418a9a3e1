"""The judges, each in a process of its own, and our gateway on each loop."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import anyio.from_thread
import pytest

from estuary_anyio.gateway import Gateway, serve_gateway

from .outside import HERE, node_folder, read_line, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anyio.from_thread import BlockingPortal

LOOPS = {
    "asyncio": ("asyncio", {}),
    "uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}


@pytest.fixture(scope="module", params=LOOPS)
def portal(request: pytest.FixtureRequest) -> Iterator[BlockingPortal]:
    """A thread with a loop of its own, since judges know asyncio at most."""
    backend, options = LOOPS[request.param]
    with anyio.from_thread.start_blocking_portal(backend, options) as portal:
        yield portal


@pytest.fixture(scope="module")
def gateway(portal: BlockingPortal) -> Iterator[Gateway]:
    """A gateway in that thread."""
    with portal.wrap_async_context_manager(serve_gateway()) as gw:
        yield gw


def server_command(kind: str) -> list[str]:
    """How a server that is not ours is started; the port may follow."""
    if kind == "python":
        return [sys.executable, str(HERE / "socketio_server.py")]
    return ["node", str(node_folder() / "server.mjs")]


@pytest.fixture(scope="module", params=["python", "node"])
def server(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a server that is not ours."""
    with running(server_command(request.param)) as process:
        yield int(read_line(process))
