"""What the tests of the synchronous face share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from estuary_anyio.sync import EstuaryClient

if TYPE_CHECKING:
    from estuary_anyio import EstuaryConfig


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    """What the client's own loop is."""
    name: str = request.param
    return name


@pytest.fixture
def bare(estuary_config: EstuaryConfig, backend: str) -> EstuaryClient:
    """A client that nobody has connected."""
    return EstuaryClient(estuary_config, backend=backend)
