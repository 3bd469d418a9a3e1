"""Fixtures for tests of programs that talk to characters: a pytest plugin, there when installed.

| fixture | is |
|---|---|
| `estuary_gateway` | a running gateway, fresh for each test: `url`, `api_key`, `character_id`, … |
| `estuary_config` | an EstuaryConfig for it |
| `estuary_client` | a connected client, on the loop of a test that is marked `anyio` |
| `estuary_sync_client` | a connected client without `await` |
| `estuary_replay` | `estuary_replay("session.jsonl")`: a server that plays a captured session |

The marker `estuary` says what the gateway is like:

    @pytest.mark.estuary(brain=lambda text: f"You said {text}.")
    @pytest.mark.estuary(script="rehearsal.yaml", config={"auto_reconnect": False})

`brain` is what `serve_gateway` takes, or a function of the user's text that returns the answer, or
the pieces of one. `script` is a file beside the test, or its rules as they are. `config` are fields
of the configuration, all else keywords of `serve_gateway`. A marker nearer to the test wins.

Gateway and replay server have threads of their own, so that tests of any kind may use them. Nothing
is imported before a fixture is used.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
    from pathlib import Path

    from estuary_anyio import EstuaryClient, EstuaryConfig, sync
    from estuary_anyio.gateway import Brain
    from estuary_proto.gateway import AskBrain, Script

PLAYED_WITHIN = 10.0
"""Seconds that a captured session has to come to its end when the test is over."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        "estuary(*, script, brain, config, **gateway): what the estuary_gateway fixture serves",
    )


def _wishes(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the markers say, the nearest one last."""
    wishes: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers("estuary"))):
        if marker.args:
            raise pytest.UsageError("the marker estuary takes keywords only, such as brain=…")
        wishes.update(marker.kwargs)
    return wishes


class _Function:
    """A brain of one function."""

    def __init__(self, answer: Callable[[str], str | Iterable[str]]) -> None:
        self._answer = answer

    async def stream(self, ask: AskBrain) -> AsyncGenerator[str, None]:
        answer = self._answer(ask.text)
        for piece in [answer] if isinstance(answer, str) else answer:
            yield piece


def _brain(brain: Any) -> str | Brain:
    return brain if isinstance(brain, str) or hasattr(brain, "stream") else _Function(brain)


def _script(script: Any, beside: Path) -> Script:
    from estuary_anyio.gateway import read_script
    from estuary_proto.gateway import Script

    if isinstance(script, Script):
        return script
    if isinstance(script, (str, os.PathLike)):
        return read_script(beside / script)
    return Script.read(script, "the marker's script")


@pytest.fixture
def estuary_gateway(request: pytest.FixtureRequest) -> Iterator[sync.Gateway]:
    """A gateway that is running, with what the marker `estuary` asks for."""
    from dataclasses import replace

    from estuary_anyio.sync import serve_gateway
    from estuary_proto.gateway import ServerConfig

    # Tests want answers soon, and the same ones on every machine.
    wishes: dict[str, Any] = {"stt": "none", "tts": "tone"}
    wishes["server"] = ServerConfig(word_interval=0.001)
    wishes |= _wishes(request)
    wishes.pop("config", None)
    if "brain" in wishes:
        wishes["brain"] = _brain(wishes["brain"])
    if "script" in wishes:
        script = _script(wishes.pop("script"), request.path.parent)
        wishes["server"] = replace(wishes["server"], script=script)
    with serve_gateway(**wishes) as gateway:
        yield gateway


@pytest.fixture
def estuary_config(request: pytest.FixtureRequest, estuary_gateway: sync.Gateway) -> EstuaryConfig:
    """A configuration for the gateway, as a player of the test's name."""
    from estuary_anyio import EstuaryConfig

    fields = {
        "server_url": estuary_gateway.url,
        "api_key": estuary_gateway.api_key,
        "character_id": estuary_gateway.character_id,
        "player_id": request.node.name,
    }
    return EstuaryConfig(**{**fields, **_wishes(request).get("config", {})})


@pytest.fixture
async def estuary_client(
    anyio_backend: object, estuary_config: EstuaryConfig
) -> AsyncIterator[EstuaryClient]:
    """A client that is connected, on the test's own loop; for tests that are marked `anyio`."""
    from estuary_anyio import EstuaryClient

    async with EstuaryClient(estuary_config) as client:
        await client.connect()
        yield client


@pytest.fixture
def estuary_sync_client(estuary_config: EstuaryConfig) -> Iterator[sync.EstuaryClient]:
    """A client without `await` that is connected."""
    from estuary_anyio.sync import EstuaryClient

    with EstuaryClient(estuary_config) as client:
        client.connect()
        yield client


class Replay(Protocol):
    """What `estuary_replay` is."""

    def __call__(
        self,
        capture: str | os.PathLike[str] | Iterable[str],
        *,
        speed: float = 0.0,
        check: bool = True,
    ) -> sync.ReplayServer:
        """A server that plays this capture, a file beside the test or its lines.

        `speed` 0 is as fast as it goes. With `check` the test fails at its end where clients have
        said otherwise than in the capture, or not all that is in there.
        """
        ...


@pytest.fixture
def estuary_replay(request: pytest.FixtureRequest) -> Iterator[Replay]:
    """Servers that play captured sessions, for as long as the test runs."""
    from estuary_anyio import WaitTimeout
    from estuary_anyio.sync import ReplayServer

    servers: list[sync.ReplayServer] = []

    def replay(
        capture: str | os.PathLike[str] | Iterable[str], *, speed: float = 0.0, check: bool = True
    ) -> sync.ReplayServer:
        if isinstance(capture, (str, os.PathLike)):
            capture = request.path.parent / capture
        server = stack.enter_context(ReplayServer(capture, speed=speed))
        if check:
            servers.append(server)
        return server

    with ExitStack() as stack:
        yield replay
        for server in servers:
            try:
                server.finished(PLAYED_WITHIN)
            except WaitTimeout as error:
                pytest.fail(f"{error.message}: were all of its connections made?", pytrace=False)
            if server.unlike:
                told = "\n".join(str(one) for one in server.unlike)
                pytest.fail(f"said otherwise than in the capture:\n{told}", pytrace=False)
