"""The fixtures that others get, as they would use them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from estuary_anyio import BotResponse, Connected, ConnectionState, EstuaryClient, ModerationWarning
from estuary_anyio import sync as plain
from estuary_proto.gateway import Script, ServerConfig

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from estuary_anyio import EstuaryConfig
    from estuary_anyio.pytest_plugin import Replay
    from estuary_anyio.sync import Gateway
    from estuary_proto.gateway import AskBrain

RULES = [
    {"when": {"text": {"contains": "rude"}}, "do": [{"moderation": "warning"}], "instead": True}
]


def test_a_gateway_for_a_plain_test(
    estuary_gateway: Gateway, estuary_config: EstuaryConfig
) -> None:
    assert estuary_config.server_url == estuary_gateway.url
    assert estuary_config.player_id == "test_a_gateway_for_a_plain_test"
    assert estuary_gateway.port > 0
    assert (estuary_gateway.stt, estuary_gateway.tts) == ("none", "tone")
    assert estuary_gateway.sessions == 0
    assert estuary_gateway.mint("somebody").player_id == "somebody"


@pytest.mark.anyio
async def test_a_client_on_the_loop_of_the_test(
    estuary_client: EstuaryClient, estuary_gateway: Gateway
) -> None:
    assert estuary_client.is_connected
    assert estuary_gateway.sessions == 1
    assert (await estuary_client.send_text_and_wait("hello")).text


def test_a_client_without_a_loop(estuary_sync_client: plain.EstuaryClient) -> None:
    assert estuary_sync_client.state is ConnectionState.CONNECTED
    assert estuary_sync_client.send_text_and_wait("hello").text


@pytest.mark.parametrize("what", ["remembers", "has forgotten"])
def test_each_test_has_a_gateway_of_its_own(
    estuary_sync_client: plain.EstuaryClient, what: str
) -> None:
    assert estuary_sync_client.memory.get_stats().total_active == 0
    estuary_sync_client.memory.create("Something.")


def test_a_connection_is_cut(
    estuary_sync_client: plain.EstuaryClient, estuary_gateway: Gateway
) -> None:
    back = estuary_sync_client.events(Connected, timeout=20)
    estuary_gateway.drop_connections()
    assert next(back).session.player_id == estuary_sync_client.config.player_id


# --- characters ------------------------------------------------------------------------------


class Parrot:
    """A brain as `serve_gateway` takes it."""

    async def stream(self, ask: AskBrain) -> AsyncGenerator[str, None]:
        yield ask.text
        yield "!"


@pytest.mark.anyio
@pytest.mark.parametrize(
    "said",
    [
        pytest.param("HI", marks=pytest.mark.estuary(brain=str.upper)),
        pytest.param("h,i", marks=pytest.mark.estuary(brain=lambda text: [text[0], ",", text[1]])),
        pytest.param("hi!", marks=pytest.mark.estuary(brain=Parrot())),
    ],
)
async def test_a_brain(estuary_client: EstuaryClient, said: str) -> None:
    assert (await estuary_client.send_text_and_wait("hi")).text == said


@pytest.mark.anyio
@pytest.mark.parametrize(
    "number",
    [
        pytest.param(1, marks=pytest.mark.estuary(script=RULES)),
        pytest.param(2, marks=pytest.mark.estuary(script=Script.read(RULES))),
        pytest.param(3, marks=pytest.mark.estuary(script="rehearsal.yaml")),
    ],
)
async def test_a_script(estuary_client: EstuaryClient, number: int) -> None:
    warnings = estuary_client.events(ModerationWarning)
    estuary_client.send_text("something rude")
    assert await anext(warnings)


@pytest.mark.estuary(
    server=ServerConfig(quota=1), config={"player_id": "me", "auto_reconnect": False}
)
class TestMarkers:
    """The nearest marker wins, field by field."""

    def test_from_the_class(self, estuary_config: EstuaryConfig) -> None:
        assert (estuary_config.player_id, estuary_config.auto_reconnect) == ("me", False)

    @pytest.mark.estuary(config={"player_id": "you"})
    def test_from_the_function(self, estuary_config: EstuaryConfig) -> None:
        assert (estuary_config.player_id, estuary_config.auto_reconnect) == ("you", True)


# --- captured sessions -----------------------------------------------------------------------


async def talk(client: EstuaryClient) -> str:
    await client.connect()
    return (await client.send_text_and_wait("hello")).text


@pytest.fixture
def captured(estuary_config: EstuaryConfig) -> list[str]:
    """A session that somebody has captured."""
    lines: list[str] = []
    with plain.EstuaryClient(estuary_config, capture=lines.append) as client:
        client.connect()
        client.send_text_and_wait("hello")
    return lines


@pytest.mark.anyio
async def test_a_captured_session(captured: list[str], estuary_replay: Replay) -> None:
    server = estuary_replay(captured)
    async with EstuaryClient(server.config()) as client:
        assert await talk(client)


def test_a_captured_session_without_a_loop(captured: list[str], estuary_replay: Replay) -> None:
    server = estuary_replay(captured, speed=10)
    with plain.EstuaryClient(server.config()) as client:
        client.connect()
        assert client.send_text_and_wait("hello").text
    server.finished(timeout=20)
    assert server.unlike == []


def test_what_is_unlike_may_be_wanted(captured: list[str], estuary_replay: Replay) -> None:
    server = estuary_replay(captured, check=False)
    with plain.EstuaryClient(server.config()) as client:
        client.connect()
        events = client.events(BotResponse, timeout=20)
        client.send_text("something else")
        assert next(events)
    server.finished(timeout=20)
    assert any("something else" in one.actual for one in server.unlike)


# --- what it costs ---------------------------------------------------------------------------


def test_it_costs_nothing_where_it_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text(
        "import sys\n\ndef test_other():\n"
        "    ours = {name for name in sys.modules if name.startswith('estuary')}\n"
        "    assert ours == {'estuary_anyio', 'estuary_anyio.pytest_plugin'}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
