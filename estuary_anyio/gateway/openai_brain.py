"""A brain behind any OpenAI-compatible streaming chat endpoint.

Only the common core of that interface is used: `POST {base_url}/chat/completions` with
`stream: true`, answered by server-sent events whose `choices[0].delta.content` holds the text,
ended by `[DONE]`. Local model servers speak it too.
"""

from __future__ import annotations

import json
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal

import anyio

from estuary_proto.config import invalid

from .link import BrainError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    import httpx

    from estuary_proto.gateway import AskBrain

_DRAIN: Final = 1.0
"""Seconds that an endpoint has to end its stream after it said that it is done."""


class Done(Enum):
    """The end of a stream."""

    DONE = "done"


DONE: Final = Done.DONE


@dataclass(frozen=True)
class OpenAISettings:
    """Where the model is. `base_url` ends before `/chat/completions`; `api_key` may be empty for a
    local server; `timeout` is seconds to connect and between two pieces."""

    base_url: str = "http://127.0.0.1:11434/v1"
    model: str = "llama3.2"
    api_key: str = field(default="", repr=False)
    timeout: float = 60.0

    def __post_init__(self) -> None:
        if not self.base_url.startswith(("http://", "https://")):
            raise invalid(
                "base_url", "it is no http address", "for example http://127.0.0.1:11434/v1"
            )
        if not self.model:
            raise invalid("model", "it is empty", "name the model of the endpoint")


class OpenAIBrain:
    """Streams answers from the endpoint. `http_client` is an httpx.AsyncClient that stays the
    caller's; without one, each answer has its own connection."""

    def __init__(
        self,
        settings: OpenAISettings | None = None,
        *,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        self.settings: OpenAISettings = settings or OpenAISettings()
        self._client = http_client

    async def stream(self, ask: AskBrain) -> AsyncGenerator[str, None]:
        """The answer, piece by piece. Raises BrainError, naming what went wrong."""
        try:
            import httpx
        except ModuleNotFoundError:
            raise BrainError("This brain needs pip install 'estuary-anyio[gateway]'") from None
        client = self._client or httpx.AsyncClient()
        try:
            async with aclosing(self._pieces(client, ask)) as pieces:
                async for piece in pieces:
                    yield piece
        except httpx.TimeoutException:
            raise BrainError(
                f"The model did not answer within {self.settings.timeout:g} s"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            problem = str(error) or type(error).__name__
            raise BrainError(f"The model cannot be reached: {problem}") from error
        finally:
            if client is not self._client:
                await client.aclose()

    async def _pieces(self, client: httpx.AsyncClient, ask: AskBrain) -> AsyncGenerator[str, None]:
        settings = self.settings
        headers = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
        body = {"model": settings.model, "stream": True, "messages": messages_of(ask)}
        url = settings.base_url.rstrip("/") + "/chat/completions"
        request = client.stream("POST", url, json=body, headers=headers, timeout=settings.timeout)
        async with request as response:
            if response.status_code != 200:
                await response.aread()
                said = _error_of(_json(response.text)) or response.reason_phrase
                raise BrainError(f"The model answered {response.status_code}: {said}")
            lines = response.aiter_lines()
            async for line in lines:
                try:
                    piece = read_line(line)
                except BrainError:
                    await _drain(lines)
                    raise
                if piece is DONE:
                    await _drain(lines)
                    return
                if piece:
                    yield piece


def messages_of(ask: AskBrain) -> list[dict[str, str]]:
    """The conversation in the form that the endpoint takes."""
    persona = ask.character.persona or f"You are {ask.character.name}, a friendly companion."
    if ask.facts:
        persona += "\nWhat the user has told you before:\n" + "\n".join(f"- {f}" for f in ask.facts)
    said = [{"role": role, "content": text} for role, text in ask.history]
    return [{"role": "system", "content": persona}, *said, {"role": "user", "content": ask.text}]


async def _drain(lines: AsyncIterator[str]) -> None:
    # httpx's nested generators are finished by reading on, or by being cancelled; merely leaving
    # them is left to the garbage collector, which trio reports.
    with anyio.move_on_after(_DRAIN):
        async for _ in lines:
            pass


def read_line(line: str) -> str | Literal[Done.DONE]:
    """What one line of the stream says: text ("" for none), or DONE. Raises BrainError."""
    if not line.startswith("data:"):
        return ""
    data = line[5:].strip()
    if data == "[DONE]":
        return DONE
    event = _json(data)
    if failure := _error_of(event):
        raise BrainError(f"The model failed: {failure}")
    return piece_of(event)


def piece_of(event: Any) -> str:
    """The text in one event of the stream, "" if it has none."""
    match event:
        case {"choices": [{"delta": {"content": str(text)}}, *_]}:
            return text
    return ""


def _error_of(event: Any) -> str:
    match event:
        case {"error": {"message": str(said)}} | {"error": str(said)}:
            return said[:500]
    return ""


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
