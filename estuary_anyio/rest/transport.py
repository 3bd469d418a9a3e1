"""A transport for httpx that knows where a request really goes. Imported late: it brings httpx."""

from __future__ import annotations

from typing import Final

import httpx

AIM: Final = "estuary_target"
"""The extension in which a request carries its target."""


class Aiming(httpx.AsyncBaseTransport):
    """Sends a request to its target, while httpx knows the route alone, and logs that: a share's
    token stands in the target."""

    def __init__(self, transport: httpx.AsyncHTTPTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it."""
        route, target = request.url, request.extensions.pop(AIM)
        request.url = route.copy_with(raw_path=target)
        try:
            return await self._transport.handle_async_request(request)
        finally:
            request.url = route

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()
