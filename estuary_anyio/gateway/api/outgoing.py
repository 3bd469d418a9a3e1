"""Requests of the gateway's own, to addresses that a developer gave: tools and callbacks."""

from __future__ import annotations

from typing import Any, Final

import anyio

WITHIN: Final = 5.0
"""Seconds that they may take."""
MOST: Final = 4000
"""Bytes of an answer that are passed on."""


class Unreachable(Exception):
    """There was no answer; the text says why, for people."""


async def post(url: str, body: dict[str, Any]) -> tuple[int, str]:
    """POST this as JSON; the status, and how the answer begins. Follows nobody elsewhere.

    Raises Unreachable.
    """
    try:
        import httpx  # Late: it is heavy, and few need it.
    except ModuleNotFoundError:
        raise Unreachable("this needs pip install 'estuary-anyio[gateway]'") from None
    data = bytearray()
    try:
        with anyio.fail_after(WITHIN):
            async with httpx.AsyncClient(timeout=WITHIN, trust_env=False) as client:
                response = await client.post(url, json=body)
                data += response.content[:MOST]
    except TimeoutError:
        raise Unreachable(f"no answer within {WITHIN:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise Unreachable(str(error) or type(error).__name__) from None
    return response.status_code, data.decode("utf-8", "replace")
