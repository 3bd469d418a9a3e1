"""The gateway's REST API for tests: a client without a server between, and one with."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx

from estuary_anyio.gateway import GatewayApp

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from estuary_proto.gateway import ServerConfig

KEY = {"X-API-Key": "est_dev"}
DEMO = "/api/v1/characters/demo"
ADA = f"{DEMO}/players/ada/memories"


class Clock:
    """A time of day that stands until it is moved: 2 January 2026, noon."""

    def __init__(self) -> None:
        self.now = 1767355200.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def gateway_client(
    config: ServerConfig | None = None, *, headers: dict[str, str] | None = None, **options: Any
) -> AsyncGenerator[httpx.AsyncClient, None]:
    """HTTP to a gateway that is called directly."""
    app = GatewayApp(config, **options)
    transport = httpx.ASGITransport(app=app)
    try:
        async with httpx.AsyncClient(
            transport=transport, base_url="http://gw", headers=KEY if headers is None else headers
        ) as client:
            yield client
    finally:
        await app.close()


def database(directory: Path) -> Path:
    """Where the gateway keeps it all."""
    return directory / "gateway.sqlite3"
