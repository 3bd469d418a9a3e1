"""What all OpenAI-compatible endpoints have in common: how they are asked, fail, and are left."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import anyio

from estuary_proto.config import invalid

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    import httpx

DRAIN: Final = 1.0
"""Seconds that an endpoint has to end its answer after we know enough."""


def check_endpoint(base_url: str, timeout: float, example: str) -> None:
    """Raise EstuaryError CONFIG_INVALID for an address that is none, or a time that is none."""
    if not base_url.startswith(("http://", "https://")):
        raise invalid("base_url", "it is no http address", f"for example {example}")
    if not timeout > 0:
        raise invalid("timeout", "it is no time to wait", "give seconds above 0")


@asynccontextmanager
async def asked(
    client: httpx.AsyncClient,
    url: str,
    what: str,
    failure: type[Exception],
    *,
    api_key: str,
    timeout: float,
    **body: Any,
) -> AsyncGenerator[httpx.Response, None]:
    """The answer to a POST, still to be read. What goes wrong, here or in the block, raises
    `failure`, whose text begins with `what`."""
    import httpx  # It is there: the caller has a client.

    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        async with client.stream("POST", url, headers=headers, timeout=timeout, **body) as response:
            if response.status_code != 200:
                await response.aread()
                said = error_of(read_json(response.text)) or response.reason_phrase
                raise failure(f"{what} answered {response.status_code}: {said}")
            yield response
    except httpx.TimeoutException:
        raise failure(f"{what} did not answer within {timeout:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        problem = str(error) or type(error).__name__
        raise failure(f"{what} cannot be reached: {problem}") from error


async def drain(rest: AsyncIterator[object]) -> None:
    """httpx's nested generators are finished by reading on, or by being cancelled; merely leaving
    them is left to the garbage collector, which trio reports."""
    with anyio.move_on_after(DRAIN):
        async for _ in rest:
            pass


def read_json(text: str) -> Any:
    """What the text holds; None if it is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def error_of(answer: Any) -> str:
    """What went wrong there, in its own words; "" if it does not say."""
    match answer:
        case {"error": {"message": str(said)}} | {"error": str(said)} | {"detail": str(said)}:
            return said[:500]
    return ""
